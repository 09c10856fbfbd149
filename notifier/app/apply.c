#include "notifier/app/apply.h"

#include <string.h>

#include "notifier/app/history.h"
#include "notifier/app/metrics.h"
#include "notifier/base/log.h"
#include "notifier/core/cadence.h"
#include "notifier/core/deadline.h"
#include "notifier/io/pause.h"

/* Some carriers take "delivered" back hours later, and nobody pushes that: one more look. */
#define LATE_LOOK_MS (20 * HOUR_MS)
/* Of a commit: at once, and then while a connection is made anew. */
#define REPEATS_MAX 6
#define REPEAT_MS   500

static bool wants_late_look(const struct shipment *s, int64_t now_ms)
{
	return s->status == STATUS_DELIVERED && now_ms < s->finished_ms + LATE_LOOK_MS;
}

static void plan_after_end(struct shipment *s, int64_t now_ms)
{
	bool looks = wants_late_look(s, now_ms);
	s->next_poll_ms = looks ? s->finished_ms + LATE_LOOK_MS : NEVER_MS;
	s->next_poll_why =
	    looks ? "delivered: one late look, in case the carrier takes it back" : NULL;
}

void apply_cadence(struct apply *apply, int64_t now_ms)
{
	struct shipment *s = apply->shipment;
	const struct carrier_config *carrier = config_carrier(apply->config, s->carrier);
	if (carrier == NULL || carrier->carrier->poll_request == NULL) {
		s->next_poll_ms = NEVER_MS;
		s->next_poll_why = NULL;
		return;
	}
	if (shipment_is_finished(s)) {
		plan_after_end(s, now_ms);
		return;
	}
	const struct zone *zone = world_zone(s->zone, NULL);
	const struct carrier_runtime *runtime = world_carrier(apply->world, s->carrier);
	struct cadence_query query = {.class_name = s->carrier,
	    .status = s->status,
	    .since_ms = s->since_ms ? s->since_ms : s->created_ms,
	    .zone = zone,
	    .eta_from_ms = moment_instant(s->eta.from, zone, false),
	    .eta_to_ms = eta_end_ms(&s->eta, zone),
	    .now_ms = now_ms,
	    .is_pushed = (s->flags & SHIPMENT_PUSHED) != 0,
	    .failures = s->poll_failures,
	    .quota_per_day = carrier->per_day,
	    .live_shipments = runtime ? runtime->live_shipments : 0,
	    .jitter_unit = loop_random_unit()};
	struct cadence_answer answer;
	if (!foresight_cadence(
	        apply->world->foresight, carrier, s, apply->is_look, now_ms, &answer))
		cadence_next(&query, &answer);
	s->next_poll_ms = answer.due_ms;
	s->next_poll_why = arena_strdup(apply->arena, answer.why);
}

/* Codes that nobody mapped are no status: each is counted, and logged when it is first seen. */
static void count_unmapped(const struct carrier_config *carrier, const struct report *report)
{
	static uint64_t logged[64];
	const char *codes[8];
	size_t count = carrier ? carrier_unmapped(carrier->carrier, report, codes, 8) : 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t hash = fnv1a64(codes[i], strlen(codes[i])) | 1;
		metric_count(METRIC_UNKNOWN_CODES, carrier->carrier->name, NULL, NULL);
		if (logged[hash % 64] != hash)
			LOG(WARN, "unknown_code", f_text("carrier", carrier->carrier->name),
			    f_text("code", codes[i]));
		logged[hash % 64] = hash;
	}
}

void apply_detect(
    struct apply *apply, const struct report *report, enum source source, int64_t now_ms)
{
	struct shipment *s = apply->shipment;
	const struct carrier_config *carrier = config_carrier(apply->config, s->carrier);
	struct detect_context context = {.now_ms = now_ms,
	    .source = source,
	    .carrier_zone = carrier ? world_zone(carrier->zone, NULL) : NULL,
	    .destination_zone = world_zone(s->zone, NULL)};
	apply->was_unfinished = s->finished_ms == 0;
	count_unmapped(carrier, report);
	apply->is_look = true;
	apply->sight = foresight_before(apply->world->foresight, s);
	detect(s, report, &context, &apply->changes, apply->arena);
	foresight_scan(apply->world->foresight, s, &apply->sight, &apply->changes);
}

void apply_report(
    struct apply *apply, const struct report *report, enum source source, int64_t now_ms)
{
	apply_detect(apply, report, source, now_ms);
	if (apply->changes.state_changed)
		apply_finish(apply, source, now_ms);
}

static const char *write_history(struct apply *apply, enum source source, int64_t now_ms)
{
	const struct changes *changes = &apply->changes;
	const struct event frame = {.noticed_ms = now_ms, .source = source};
	const struct foretell_result *foretold = &apply->foretold;
	/* More would push everything else out of the history. */
	size_t skip =
	    changes->fresh_count > HISTORY_MAX / 2 ? changes->fresh_count - HISTORY_MAX / 2 : 0;
	struct buf out = BUF_EMPTY(0);
	if (changes->fresh_count > 0)
		history_add_checkpoints(&out, changes->fresh + skip, changes->fresh_ms + skip,
		    changes->fresh_count - skip, &frame, apply->arena);
	for (size_t i = 0; i < changes->event_count; i++)
		history_add_event(&out, &changes->events[i], apply->arena);
	if (foretold->what != NULL)
		buf_add_text(&out,
		    history_note(now_ms, "forecast", foretold->what, foretold->why, apply->arena));
	if (changes->noted != NULL)
		buf_add_text(&out, history_note(now_ms, "forecast", "noted",
		                       arena_printf(apply->arena, "%s; not said: %s",
		                           changes->noted, changes->noted_for),
		                       apply->arena));
	const char *history = arena_strndup(apply->arena, buf_text(&out), out.size);
	buf_free(&out);
	return history;
}

void apply_finish(struct apply *apply, enum source source, int64_t now_ms)
{
	struct shipment *s = apply->shipment;
	const struct account_config *account = config_account(apply->config, s->account);
	const struct zone *zone = world_zone(s->zone, account ? account->zone : NULL);
	foresight_day(
	    apply->world->foresight, account, s, source, &apply->changes, &apply->foretold);
	struct deadline_rules rules = foresight_rules(apply->world->foresight, account, s);
	int64_t tick_ms = apply->world->foresight ? foretell_next_ms(s, zone) : NEVER_MS;
	s->deadline_ms = deadline_next(s, &rules, zone, now_ms).at_ms;
	if (tick_ms < s->deadline_ms)
		s->deadline_ms = tick_ms;
	if (source == SOURCE_POLL)
		s->polled_ms = now_ms;
	int64_t planned_ms = s->next_poll_ms;
	const char *planned_why = s->next_poll_why;
	apply_cadence(apply, now_ms);
	if (source == SOURCE_API && planned_ms < s->next_poll_ms) {
		/* A shop that registers its open orders again and again must not push the look
		 * away. */
		s->next_poll_ms = planned_ms;
		s->next_poll_why = planned_why;
	}
	apply->commit = (struct commit){.shipment = s,
	    .events = apply->changes.events,
	    .event_count = apply->changes.event_count,
	    .now_ms = now_ms,
	    .keeps_poll = planned_ms == NEVER_MS && s->next_poll_ms == NEVER_MS,
	    .keeps_life = apply->was_unfinished && s->finished_ms == 0};
	apply->commit.history = write_history(apply, source, now_ms);
}

struct await *apply_pause(struct apply *apply, struct flow *flow)
{
	if (flow->err.kind == ERR_CANCELLED || apply->world->is_stopping ||
	    apply->repeats == REPEATS_MAX)
		return NULL;
	return pause_start(flow, apply->repeats++ == 0 ? 0 : REPEAT_MS);
}

void apply_committed(struct apply *apply, enum source source)
{
	const struct changes *changes = &apply->changes;
	for (size_t i = 0; i < changes->event_count; i++) {
		const struct event *event = &changes->events[i];
		metric_count(METRIC_EVENTS, event_name(event->kind), source_name(source), NULL);
		if (source == SOURCE_CLOCK || event->approximate)
			continue;
		double lag_s = (double)(event->noticed_ms - event->at_ms) / 1000;
		metric_observe(METRIC_LAG, lag_s, source_name(source));
		metric_observe(METRIC_EVENT_LAG, lag_s, event_name(event->kind));
	}
	foresight_learn_day(apply->world->foresight, &apply->foretold);
	foresight_learn(apply->world->foresight, apply->shipment, &apply->sight, changes, source,
	    loop_now_ms());
	unsigned p = (unsigned)key_partition_of_id(apply->shipment->id);
	struct partition *partition = &apply->world->partitions[p];
	/* The partition's clock may now be due earlier than it knows. */
	if (apply->shipment->deadline_ms < partition->next_clock_ms)
		partition->next_clock_ms = apply->shipment->deadline_ms;
	struct carrier_runtime *carrier = world_carrier(apply->world, apply->shipment->carrier);
	if (carrier != NULL && apply->shipment->next_poll_ms < carrier->next_due_ms[p])
		carrier->next_due_ms[p] = apply->shipment->next_poll_ms;
	if (changes->event_count > 0) {
		partition->has_events = true;
		world_nudge(apply->world, p);
	}
}
