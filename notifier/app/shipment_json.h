/* The shipment and the event as they stand in Redis: compact JSON with short keys and a schema
 * number.  This file and shipment_json.c are the only ones that know the form.
 */
#ifndef APP_SHIPMENT_JSON_H
#define APP_SHIPMENT_JSON_H
#include "notifier/base/err.h"
#include "notifier/core/shipment.h"

#define SHIPMENT_SCHEMA 1

/* The JSON without the version in front; memory from the arena. */
struct str shipment_encode(const struct shipment *shipment, struct arena *arena);
/* Reads "VERSION JSON".  NULL with err for a schema this program does not know ("… was written by
 * a newer notifier") or damaged data. */
struct shipment *shipment_decode(struct str stored, struct arena *arena, struct err *err);

const char *event_encode(const struct event *event, struct arena *arena);
bool event_decode(struct str json, struct event *out, struct arena *arena, struct err *err);
#endif
