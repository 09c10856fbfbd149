/* The history of a shipment: what was reported, decided, tried; the source of `explain`.  The
 * newest 64 records are told (and at least those are kept: scripts/history.lua).  Written here as
 * lines of one text (app/history_line), several joined are a history too; only this file knows what
 * the fields of a record are.
 */
#ifndef APP_HISTORY_H
#define APP_HISTORY_H
#include <jansson.h>

#include "notifier/core/detect.h"
#include "notifier/core/policy.h"
#include "notifier/io/redis.h"

/* The lines are added to out (one commit's belong together); the others are in the arena. */
void history_add_checkpoints(struct buf *out, const struct checkpoint *const *checkpoints,
    const int64_t *instants_ms, size_t count, const struct event *event_frame,
    struct arena *arena); /* event_frame: only noticed_ms and source are read */
void history_add_event(struct buf *out, const struct event *event, struct arena *arena);
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

/* Out, for people: what `GET /v1/shipments/{id}` and `explain` show.  stored: the reply of
 * store_history; nothing stored, nothing told. */
json_t *history_checkpoints(const struct redis_value *stored);
json_t *history_events(const struct redis_value *stored);
json_t *history_message_ids(const struct redis_value *stored); /* texts, oldest first */
json_t *history_explain(const struct redis_value *stored);
#endif
