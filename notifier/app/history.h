/* The history of a shipment: what was reported, decided, tried; the source of `explain`.
 * Each record is one JSON text; the newest 64 are kept.  Only this file knows their form.
 */
#ifndef APP_HISTORY_H
#define APP_HISTORY_H
#include <jansson.h>

#include "notifier/core/detect.h"
#include "notifier/core/policy.h"
#include "notifier/io/redis.h"

const char *history_checkpoint(const struct checkpoint *checkpoint, int64_t instant_ms,
    const struct event *event_frame, struct arena *arena);
/* event_frame: only noticed_ms and source are read. */
const char *history_event(const struct event *event, struct arena *arena);
const char *history_note(int64_t now_ms, const char *kind, const char *what, const char *why,
    struct arena *arena); /* kind "report", "poll" or "forecast" */

struct history_decision {
	const char *message_id; /* NULL when none came of it */
	const char *recipient_id;
	enum channel channel;
	struct decision decision;
};
const char *history_decisions(const struct event *event, const struct history_decision *decisions,
    size_t count, int64_t now_ms, struct arena *arena);
const char *history_receipt(int64_t now_ms, const char *message_id, const char *state,
    const char *text, int attempt, struct arena *arena);

/* Out, for people: what `GET /v1/shipments/{id}` and `explain` show. */
json_t *history_checkpoints(const struct redis_value *records);
json_t *history_events(const struct redis_value *records);
json_t *history_message_ids(const struct redis_value *records); /* texts, oldest first */
json_t *history_explain(const struct redis_value *records);
#endif
