/* Small helpers around jansson: values that are not there are not written and read as NULL or 0. */
#ifndef APP_JSON_H
#define APP_JSON_H
#include <jansson.h>
#include <stdint.h>

#include "notifier/base/mem.h"
#include "notifier/base/str.h"

void json_put_text(json_t *object, const char *key, const char *text);      /* NULL: left out */
void json_put_int(json_t *object, const char *key, int64_t number);         /* 0: left out */
void json_put_time(json_t *object, const char *key, int64_t instant_ms);    /* RFC 3339; 0: null */
void json_put_null_text(json_t *object, const char *key, const char *text); /* NULL: null */
/* NULL for anything that is no text; a copy in the arena. */
const char *json_get_text(const json_t *object, const char *key, struct arena *arena);
int64_t json_get_int(const json_t *object, const char *key);
struct str json_text(const json_t *value, struct arena *arena); /* compact, NUL-terminated */
#endif
