/* Reading a stranger's JSON: bounded, and indifferent to wrong types.
 *
 * Invariant: the getters never fail.  What is missing, null or of another type than expected is
 * "not given", so that one odd field costs that field and not the answer.
 */
#ifndef CARRIERS_CARRIER_JSON_H
#define CARRIERS_CARRIER_JSON_H
#include <jansson.h>

#include "notifier/base/err.h"
#include "notifier/base/mem.h"
#include "notifier/base/str.h"

#define CARRIER_JSON_DEPTH_MAX 32 /* the deepest real answer has 12 levels */

/* Parses an object or array (RFC 8259); a UTF-8 byte order mark in front is skipped.  The caller
 * owns the result: `json_auto_t *root = carrier_json(…)`.  NULL and ERR_INPUT for anything else:
 * truncated, HTML, deeper than CARRIER_JSON_DEPTH_MAX, twice the same key in one object. */
json_t *carrier_json(struct str body, struct err *err) CHECK_RESULT;
/* Whether brackets nest deeper than max; one pass, no memory, for use before a recursive parser. */
bool carrier_json_is_deeper(struct str body, size_t max);

/* The value at keys separated by dots ("scanLocation.city"), or NULL. */
json_t *carrier_json_at(const json_t *object, const char *path);
/* The text there, cleaned like carrier_text; whole numbers become decimal text (some carriers send
 * tracking numbers so); NULL for everything else. */
const char *carrier_json_text(struct arena *arena, const json_t *object, const char *path);
/* The same for times in normal form (carrier_time). */
const char *carrier_json_time(struct arena *arena, const json_t *object, const char *path);

/* Compact JSON text in the arena. */
const char *carrier_json_dump(struct arena *arena, const json_t *value);
#endif
