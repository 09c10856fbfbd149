/* Reports as JSON and back: the TRACKING form of `notifier parse`, which the sandbox courier also
 * speaks.  Invariant: what report_to_json writes, report_from_json reads to the same report.
 */
#ifndef CARRIERS_REPORT_JSON_H
#define CARRIERS_REPORT_JSON_H
#include <jansson.h>

#include "notifier/core/report.h"

/* {"carrier", "tracking_number", "status", "reason", "eta": {"from","to"}|null, "events": [{"time",
 * "status", "reason", "code", "description", "place"}]} and, where known, "actual_carrier",
 * "pickup", "duties", "delivered_place"; or {"carrier", "tracking_number"|null, "error": {"code",
 * "message"}}.  The caller owns the result. */
json_t *report_to_json(const struct report *report);
json_t *report_set_to_json(const struct report_set *set); /* an array of those */
/* The other way; texts are copied.  Unknown words become unknown, other types "not given"; report
 * gets the name of the adapter that asks, not the one in the JSON. */
void report_from_json(
    struct report *report, const json_t *tracking, const char *carrier, struct arena *arena);
#endif
