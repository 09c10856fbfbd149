#include "notifier/app/history.h"

#include <string.h>

#include "notifier/app/history_line.h"
#include "notifier/app/json.h"
#include "notifier/app/keys.h"

/* The kinds of records and their fields, in this order.  A kind whose fields change gets another
 * letter. */
enum {
	CHECKPOINT_ENUMS, /* source, status, reason */
	CHECKPOINT_CLOCK, /* the carrier's time: seconds on the clock that it shows, */
	CHECKPOINT_REST,  /* and what follows (an offset, nothing); or the whole as it came */
	CHECKPOINT_DRIFT, /* its instant, in ms after what that time alone says */
	CHECKPOINT_CODE,
	CHECKPOINT_DESCRIPTION,
	CHECKPOINT_PLACE
};
enum {
	EVENT_ENUMS, /* kind, status, reason, source */
	EVENT_SEQUENCE,
	EVENT_LAG /* ms from when it happened to when it was noticed */
};
enum { NOTE_KIND, NOTE_WHAT, NOTE_WHY };
enum { DECISIONS_EVENT, DECISIONS_SEQUENCE, DECISIONS_ROWS };
enum {
	ROW_ENUMS, /* channel, verdict, why */
	ROW_RECIPIENT,
	ROW_MESSAGE, /* scripts/erase.lua looks for it, and for RECEIPT_MESSAGE */
	ROW_UNTIL,   /* ms after the decision */
	ROW_FIELDS
};
enum { RECEIPT_MESSAGE, RECEIPT_STATE, RECEIPT_ATTEMPT, RECEIPT_TEXT };

#define CLOCK_END_S INT64_C(253402300800) /* the year 10000 */

/* NULL: none. */
static const char *join_time(int64_t clock_s, const char *rest, struct arena *arena)
{
	if (clock_s <= 0 || clock_s >= CLOCK_END_S)
		return rest;
	struct civil c = civil_of_instant(clock_s * SECOND_MS, 0);
	return arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d%s", c.year, c.month, c.day,
	    c.hour, c.minute, c.second, rest ? rest : "");
}

static int64_t own_instant(const char *time)
{
	struct when when;
	return when_parse(str_of(time), &when) ? when_instant(&when, 0) : 0;
}

/* --- in --------------------------------------------------------------------------------------- */

static void add_time(struct history_line *line, const char *time, int64_t instant_ms)
{
	static const size_t clock_bytes = sizeof "2026-03-05T14:05:00" - 1;
	struct when when;
	int64_t clock_s = 0;
	const char *rest = time;
	if (when_parse(str_of(time), &when) && strlen(time) >= clock_bytes) {
		clock_s = instant_of_civil(&when.civil, 0) / SECOND_MS;
		rest = time + clock_bytes;
	}
	if (!text_eq(join_time(clock_s, rest, line->arena), time)) { /* it would not come back */
		clock_s = 0;
		rest = time;
	}
	history_line_add_int(line, clock_s);
	history_line_add(line, rest);
	history_line_add_int(line, instant_ms - own_instant(time));
}

void history_add_checkpoints(struct buf *out, const struct checkpoint *const *checkpoints,
    const int64_t *instants_ms, size_t count, const struct event *event_frame, struct arena *arena)
{
	struct history_line lines[2]; /* this one and the one before */
	for (size_t i = 0; i < count; i++) {
		struct history_line *line = &lines[i % 2];
		const struct checkpoint *c = checkpoints[i];
		const unsigned enums[] = {event_frame->source, c->status, c->reason};
		*line = history_line_new(arena, 'c', event_frame->noticed_ms);
		history_line_add_letters(line, enums, 3);
		add_time(line, c->time, instants_ms[i]);
		history_line_add(line, c->code);
		history_line_add(line, c->description);
		history_line_add(line, c->place);
		history_line_write(out, line, i > 0 ? &lines[(i - 1) % 2] : NULL);
	}
}

void history_add_event(struct buf *out, const struct event *event, struct arena *arena)
{
	const unsigned enums[] = {event->kind, event->status, event->reason, event->source};
	struct history_line line = history_line_new(arena, 'e', event->noticed_ms);
	history_line_add_letters(&line, enums, 4);
	history_line_add_int(&line, event->sequence);
	history_line_add_int(&line, event->noticed_ms - event->at_ms);
	history_line_write(out, &line, NULL);
}

static const char *finish(const struct history_line *line)
{
	struct buf out = BUF_EMPTY(0);
	history_line_write(&out, line, NULL);
	const char *text = arena_strndup(line->arena, out.data, out.size);
	buf_free(&out);
	return text;
}

const char *history_note(
    int64_t now_ms, const char *kind, const char *what, const char *why, struct arena *arena)
{
	struct history_line line = history_line_new(arena, 'n', now_ms);
	history_line_add(&line, kind);
	history_line_add(&line, what);
	history_line_add(&line, why);
	return finish(&line);
}

const char *history_decisions(const struct event *event, const struct history_decision *decisions,
    size_t count, int64_t now_ms, struct arena *arena)
{
	const unsigned kind = event->kind;
	struct history_line line = history_line_new(arena, 'd', now_ms);
	history_line_add_letters(&line, &kind, 1);
	history_line_add_int(&line, event->sequence);
	for (size_t i = 0; i < count; i++) {
		const struct history_decision *d = &decisions[i];
		const unsigned enums[] = {d->channel, d->decision.verdict, d->decision.why};
		history_line_add_letters(&line, enums, 3);
		history_line_add(&line, d->recipient_id);
		history_line_add(&line, d->message_id);
		history_line_add_int(
		    &line, d->decision.until_ms ? d->decision.until_ms - now_ms : 0);
	}
	return finish(&line);
}

const char *history_receipt(int64_t now_ms, const char *message_id, const char *state,
    const char *text, int attempt, struct arena *arena)
{
	struct history_line line = history_line_new(arena, 'r', now_ms);
	history_line_add(&line, message_id);
	history_line_add(&line, state);
	history_line_add_int(&line, attempt);
	history_line_add(&line, text);
	return finish(&line);
}

/* --- out -------------------------------------------------------------------------------------- */

struct teller { /* of records of one kind */
	char kind;
	void (*tell)(json_t *out, const struct history_line *line);
};

/* Calls the tellers for the newest records, oldest first; what cannot be read is passed over. */
static json_t *tell(const struct redis_value *stored, const struct teller *tellers, size_t count)
{
	json_t *out = json_array();
	struct arena *arena = arena_new();
	struct str rest = stored->type == REDIS_TEXT ? stored->text : str_of(NULL), text;
	struct history_line lines[2], *before = NULL;
	size_t total = 0;
	for (size_t i = 0; i < rest.len; i++)
		total += rest.at[i] == '\n';
	for (size_t i = 0; rest.len > 0; i++) {
		struct history_line *line = &lines[i % 2];
		rest = str_cut(rest, '\n', &text);
		before = history_line_read(line, text, before, arena) ? line : NULL;
		for (size_t j = 0; j < count && before != NULL && i + HISTORY_MAX >= total; j++)
			if (tellers[j].kind == line->kind)
				tellers[j].tell(out, line);
	}
	arena_free(&arena);
	return out;
}

static const char *or_else(const char *text, const char *otherwise)
{
	return text ? text : otherwise;
}

static enum status status_at(const struct history_line *line, size_t nth)
{
	return (enum status)history_line_letter(line, 0, nth, STATUS_COUNT);
}

static enum reason reason_at(const struct history_line *line, size_t nth)
{
	return (enum reason)history_line_letter(line, 0, nth, REASON_COUNT);
}

static const char *source_at(const struct history_line *line, size_t nth)
{
	return source_name((enum source)history_line_letter(line, 0, nth, SOURCE_COUNT));
}

static const char *event_at(const struct history_line *line)
{
	return event_name((enum event_kind)history_line_letter(line, 0, 0, EVENT_COUNT));
}

/* 0 for nonsense. */
static int64_t instant_from(int64_t from_ms, int64_t ms)
{
	int64_t instant_ms;
	return __builtin_add_overflow(from_ms, ms, &instant_ms) ? 0 : instant_ms;
}

static const char *time_at(const struct history_line *line)
{
	return join_time(history_line_int(line, CHECKPOINT_CLOCK),
	    history_line_text(line, CHECKPOINT_REST), line->arena);
}

static void add_checkpoint(json_t *out, const struct history_line *line)
{
	json_t *o = json_object();
	const char *time = time_at(line);
	json_put_time(
	    o, "at", instant_from(own_instant(time), history_line_int(line, CHECKPOINT_DRIFT)));
	json_put_null_text(o, "time", time);
	json_put_text(o, "status", status_name(status_at(line, 1)));
	json_put_null_text(o, "reason", reason_name(reason_at(line, 2)));
	json_put_null_text(o, "code", history_line_text(line, CHECKPOINT_CODE));
	json_put_null_text(o, "description", history_line_text(line, CHECKPOINT_DESCRIPTION));
	json_put_null_text(o, "place", history_line_text(line, CHECKPOINT_PLACE));
	json_put_time(o, "heard_at", line->at_ms);
	json_put_text(o, "source", source_at(line, 0));
	json_array_append_new(out, o);
}

json_t *history_checkpoints(const struct redis_value *stored)
{
	return tell(stored, &(const struct teller){'c', add_checkpoint}, 1);
}

static void add_event(json_t *out, const struct history_line *line)
{
	json_t *o = json_object();
	int64_t lag_ms = history_line_int(line, EVENT_LAG);
	json_put_text(o, "event", event_at(line));
	json_object_set_new(o, "sequence", json_integer(history_line_int(line, EVENT_SEQUENCE)));
	json_put_text(o, "status", status_name(status_at(line, 1)));
	json_put_null_text(o, "reason", reason_name(reason_at(line, 2)));
	json_put_time(o, "at", lag_ms == INT64_MIN ? 0 : instant_from(line->at_ms, -lag_ms));
	json_put_time(o, "noticed_at", line->at_ms);
	json_put_text(o, "source", source_at(line, 3));
	json_array_append_new(out, o);
}

json_t *history_events(const struct redis_value *stored)
{
	return tell(stored, &(const struct teller){'e', add_event}, 1);
}

static void add_message_ids(json_t *out, const struct history_line *line)
{
	for (size_t row = DECISIONS_ROWS; row < line->count; row += ROW_FIELDS) {
		const char *id = history_line_text(line, row + ROW_MESSAGE);
		if (id != NULL)
			json_array_append_new(out, json_string_nocheck(id));
	}
}

json_t *history_message_ids(const struct redis_value *stored)
{
	return tell(stored, &(const struct teller){'d', add_message_ids}, 1);
}

static json_t *line_new(
    const struct history_line *line, const char *kind, const char *what, const char *why)
{
	json_t *o = json_object();
	json_put_time(o, "at", line->at_ms);
	json_put_text(o, "kind", kind);
	json_put_text(o, "what", what);
	json_put_text(o, "why", why);
	return o;
}

static void explain_checkpoint(json_t *out, const struct history_line *line)
{
	const char *code = history_line_text(line, CHECKPOINT_CODE),
	           *text = history_line_text(line, CHECKPOINT_DESCRIPTION),
	           *place = history_line_text(line, CHECKPOINT_PLACE);
	const char *what = arena_printf(line->arena, "%s: %s%s%s%s",
	    status_name(status_at(line, 1)), or_else(text, or_else(code, "no description")),
	    place ? " (" : "", or_else(place, ""), place ? ")" : "");
	const char *why = arena_printf(line->arena, "the carrier's time is %s; heard by %s",
	    or_else(time_at(line), "not given"), source_at(line, 0));
	json_array_append_new(out, line_new(line, "report", what, why));
}

static void explain_event(json_t *out, const struct history_line *line)
{
	const char *reason = reason_name(reason_at(line, 2));
	const char *why = arena_printf(line->arena, "the status is %s%s%s; noticed by %s",
	    status_name(status_at(line, 1)), reason ? ", because of " : "", or_else(reason, ""),
	    source_at(line, 3));
	json_array_append_new(out, line_new(line, "event", event_at(line), why));
}

static void explain_row(json_t *out, const struct history_line *line, size_t row)
{
	enum channel channel =
	    (enum channel)history_line_letter(line, row + ROW_ENUMS, 0, CHANNEL_COUNT);
	enum verdict verdict =
	    (enum verdict)history_line_letter(line, row + ROW_ENUMS, 1, VERDICT_DROP + 1);
	enum decision_why why =
	    (enum decision_why)history_line_letter(line, row + ROW_ENUMS, 2, WHY_COUNT);
	const char *recipient = history_line_text(line, row + ROW_RECIPIENT);
	int64_t until_ms = history_line_int(line, row + ROW_UNTIL);
	const char *what = arena_printf(line->arena, "%s: %s by %s to %s", event_at(line),
	    verdict_name(verdict), channel_name(channel), or_else(recipient, "?"));
	json_t *o = line_new(line, "decision", what, decision_why_text(why));
	json_put_text(o, "reason", decision_why_name(why));
	json_put_text(o, "event", event_at(line));
	json_put_text(o, "verdict", verdict_name(verdict));
	json_put_text(o, "channel", channel_name(channel));
	json_put_null_text(o, "recipient", recipient);
	json_put_text(o, "message", history_line_text(line, row + ROW_MESSAGE));
	if (until_ms != 0)
		json_put_time(o, "until", instant_from(line->at_ms, until_ms));
	json_array_append_new(out, o);
}

static void explain_decisions(json_t *out, const struct history_line *line)
{
	for (size_t row = DECISIONS_ROWS; row < line->count; row += ROW_FIELDS)
		explain_row(out, line, row);
}

static void explain_receipt(json_t *out, const struct history_line *line)
{
	const char *state = or_else(history_line_text(line, RECEIPT_STATE), "?");
	bool is_end = strcmp(state, "sent") == 0 || strcmp(state, "dropped") == 0;
	json_t *o = line_new(line, is_end ? "receipt" : "attempt", state,
	    or_else(history_line_text(line, RECEIPT_TEXT), ""));
	json_put_text(o, "message", history_line_text(line, RECEIPT_MESSAGE));
	json_put_int(o, "attempt", history_line_int(line, RECEIPT_ATTEMPT));
	json_array_append_new(out, o);
}

static void explain_note(json_t *out, const struct history_line *line)
{
	json_array_append_new(
	    out, line_new(line, or_else(history_line_text(line, NOTE_KIND), "report"),
	             or_else(history_line_text(line, NOTE_WHAT), ""),
	             or_else(history_line_text(line, NOTE_WHY), "")));
}

json_t *history_explain(const struct redis_value *stored)
{
	static const struct teller tellers[] = {{'c', explain_checkpoint}, {'e', explain_event},
	    {'d', explain_decisions}, {'r', explain_receipt}, {'n', explain_note}};
	return tell(stored, tellers, sizeof tellers / sizeof *tellers);
}
