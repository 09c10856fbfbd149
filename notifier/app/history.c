#include "notifier/app/history.h"

#include <string.h>

#include "notifier/app/json.h"
#include "notifier/app/shipment_json.h"

#define TEXT_MAX 200 /* of a carrier's description: the rest helps nobody */

static const char *finish(json_t *record, struct arena *arena)
{
	struct str text = json_text(record, arena);
	json_decref(record);
	return text.at;
}

static json_t *record_new(const char *kind, int64_t at_ms)
{
	json_t *record = json_object();
	json_put_text(record, "k", kind);
	json_put_int(record, "t", at_ms);
	return record;
}

static void put_clean(json_t *record, const char *key, const char *text)
{
	char clean[TEXT_MAX];
	if (text == NULL)
		return;
	text_clean(clean, sizeof clean, text);
	json_put_text(record, key, clean);
}

const char *history_checkpoint(const struct checkpoint *c, int64_t instant_ms,
    const struct event *event_frame, struct arena *arena)
{
	json_t *record = record_new("c", event_frame->noticed_ms);
	json_put_int(record, "i", instant_ms);
	json_put_text(record, "tm", c->time);
	json_put_text(record, "st", status_name(c->status));
	json_put_text(record, "re", reason_name(c->reason));
	put_clean(record, "co", c->code);
	put_clean(record, "ds", c->description);
	put_clean(record, "pl", c->place);
	json_put_int(record, "so", (int64_t)event_frame->source);
	return finish(record, arena);
}

const char *history_event(const struct event *event, struct arena *arena)
{
	json_t *record = record_new("e", event->noticed_ms);
	json_object_set_new(record, "e", event_json(event));
	return finish(record, arena);
}

const char *history_note(
    int64_t now_ms, const char *kind, const char *what, const char *why, struct arena *arena)
{
	json_t *record = record_new(kind, now_ms);
	put_clean(record, "w", what);
	put_clean(record, "y", why);
	return finish(record, arena);
}

const char *history_decisions(const struct event *event, const struct history_decision *decisions,
    size_t count, int64_t now_ms, struct arena *arena)
{
	json_t *record = record_new("d", now_ms), *list = json_array();
	json_put_text(record, "ev", event_name(event->kind));
	json_put_int(record, "n", event->sequence);
	for (size_t i = 0; i < count; i++) {
		json_t *row = json_object();
		json_put_text(row, "id", decisions[i].message_id);
		json_put_text(row, "r", decisions[i].recipient_id);
		json_put_text(row, "c", channel_name(decisions[i].channel));
		json_put_text(row, "v", verdict_name(decisions[i].decision.verdict));
		json_put_text(row, "y", decision_why_name(decisions[i].decision.why));
		json_put_int(row, "u", decisions[i].decision.until_ms);
		json_array_append_new(list, row);
	}
	json_object_set_new(record, "m", list);
	return finish(record, arena);
}

const char *history_receipt(int64_t now_ms, const char *message_id, const char *state,
    const char *text, int attempt, struct arena *arena)
{
	json_t *record = record_new("r", now_ms);
	json_put_text(record, "id", message_id);
	json_put_text(record, "st", state);
	json_put_int(record, "a", attempt);
	put_clean(record, "y", text);
	return finish(record, arena);
}

/* --- out -------------------------------------------------------------------------------------- */

static json_t *record_load(const struct redis_value *value)
{
	return json_loadb(value->text.at, value->text.len, 0, NULL);
}

static const char *kind_of(const json_t *record)
{
	const char *kind = json_string_value(json_object_get(record, "k"));
	return kind ? kind : "";
}

static void copy_text(json_t *to, const char *to_key, const json_t *from, const char *from_key)
{
	json_put_null_text(to, to_key, json_string_value(json_object_get(from, from_key)));
}

static const char *source_of(const json_t *object)
{
	return source_name((enum source)json_get_int(object, "so"));
}

/* Calls add for every record of one kind. */
static json_t *collect(const struct redis_value *records, const char *kind,
    void (*add)(json_t *out, const json_t *record))
{
	json_t *out = json_array();
	for (size_t i = 0; i < records->count; i++) {
		json_t *record = record_load(&records->items[i]);
		if (strcmp(kind_of(record), kind) == 0)
			add(out, record);
		json_decref(record);
	}
	return out;
}

static void add_checkpoint(json_t *out, const json_t *record)
{
	json_t *o = json_object();
	json_put_time(o, "at", json_get_int(record, "i"));
	copy_text(o, "time", record, "tm");
	copy_text(o, "status", record, "st");
	copy_text(o, "reason", record, "re");
	copy_text(o, "code", record, "co");
	copy_text(o, "description", record, "ds");
	copy_text(o, "place", record, "pl");
	json_put_time(o, "heard_at", json_get_int(record, "t"));
	json_put_text(o, "source", source_of(record));
	json_array_append_new(out, o);
}

json_t *history_checkpoints(const struct redis_value *records)
{
	return collect(records, "c", add_checkpoint);
}

static void add_event(json_t *out, const json_t *record)
{
	const json_t *event = json_object_get(record, "e");
	json_t *o = json_object();
	copy_text(o, "event", event, "k");
	json_object_set_new(o, "sequence", json_integer(json_get_int(event, "n")));
	copy_text(o, "status", event, "st");
	copy_text(o, "reason", event, "re");
	json_put_time(o, "at", json_get_int(event, "at"));
	json_put_time(o, "noticed_at", json_get_int(event, "no"));
	json_put_text(o, "source", source_of(event));
	json_array_append_new(out, o);
}

json_t *history_events(const struct redis_value *records)
{
	return collect(records, "e", add_event);
}

static void add_message_ids(json_t *out, const json_t *record)
{
	size_t i;
	const json_t *row;
	json_array_foreach(json_object_get(record, "m"), i, row)
	{
		json_t *id = json_object_get(row, "id");
		if (json_is_string(id))
			json_array_append(out, id);
	}
}

json_t *history_message_ids(const struct redis_value *records)
{
	return collect(records, "d", add_message_ids);
}

static json_t *line_new(const json_t *record, const char *kind, const char *what, const char *why)
{
	json_t *line = json_object();
	json_put_time(line, "at", json_get_int(record, "t"));
	json_put_text(line, "kind", kind);
	json_put_text(line, "what", what);
	json_put_text(line, "why", why);
	return line;
}

static const char *text_or(const json_t *object, const char *key, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : otherwise;
}

static void explain_checkpoint(json_t *out, const json_t *record)
{
	struct buf what = BUF_EMPTY(1024), why = BUF_EMPTY(256);
	buf_printf(&what, "%s: %s", text_or(record, "st", "unknown"),
	    text_or(record, "ds", text_or(record, "co", "no description")));
	if (json_object_get(record, "pl") != NULL)
		buf_printf(&what, " (%s)", text_or(record, "pl", ""));
	buf_printf(&why, "the carrier's time is %s; heard by %s",
	    text_or(record, "tm", "not given"), source_of(record));
	json_array_append_new(out, line_new(record, "report", buf_text(&what), buf_text(&why)));
	buf_free(&what);
	buf_free(&why);
}

static void explain_event(json_t *out, const json_t *record)
{
	const json_t *event = json_object_get(record, "e");
	struct buf why = BUF_EMPTY(256);
	buf_printf(&why, "the status is %s", text_or(event, "st", "unknown"));
	if (json_object_get(event, "re") != NULL)
		buf_printf(&why, ", because of %s", text_or(event, "re", ""));
	buf_printf(&why, "; noticed by %s", source_of(event));
	json_array_append_new(
	    out, line_new(record, "event", text_or(event, "k", "?"), buf_text(&why)));
	buf_free(&why);
}

static void explain_decision_row(json_t *out, const json_t *record, const json_t *row)
{
	enum decision_why why = WHY_NEWS;
	struct buf what = BUF_EMPTY(512);
	decision_why_parse(str_of(text_or(row, "y", "")), &why);
	buf_printf(&what, "%s: %s by %s to %s", text_or(record, "ev", "?"), text_or(row, "v", "?"),
	    text_or(row, "c", "?"), text_or(row, "r", "?"));
	json_t *line = line_new(record, "decision", buf_text(&what), decision_why_text(why));
	json_put_text(line, "reason", decision_why_name(why));
	copy_text(line, "event", record, "ev");
	copy_text(line, "verdict", row, "v");
	copy_text(line, "channel", row, "c");
	copy_text(line, "recipient", row, "r");
	json_put_text(line, "message", json_string_value(json_object_get(row, "id")));
	if (json_object_get(row, "u") != NULL)
		json_put_time(line, "until", json_get_int(row, "u"));
	json_array_append_new(out, line);
	buf_free(&what);
}

static void explain_decision(json_t *out, const json_t *record)
{
	size_t i;
	const json_t *row;
	json_array_foreach(json_object_get(record, "m"), i, row)
	    explain_decision_row(out, record, row);
}

static void explain_receipt(json_t *out, const json_t *record)
{
	const char *state = text_or(record, "st", "?");
	bool is_end = strcmp(state, "sent") == 0 || strcmp(state, "dropped") == 0;
	json_t *line =
	    line_new(record, is_end ? "receipt" : "attempt", state, text_or(record, "y", ""));
	json_put_text(line, "message", json_string_value(json_object_get(record, "id")));
	json_put_int(line, "attempt", json_get_int(record, "a"));
	json_array_append_new(out, line);
}

static void explain_note(json_t *out, const json_t *record)
{
	json_array_append_new(out,
	    line_new(record, kind_of(record), text_or(record, "w", ""), text_or(record, "y", "")));
}

json_t *history_explain(const struct redis_value *records)
{
	static const struct {
		const char *kind;
		void (*explain)(json_t *out, const json_t *record);
	} kinds[] = {{"c", explain_checkpoint}, {"e", explain_event}, {"d", explain_decision},
	    {"r", explain_receipt}, {"report", explain_note}, {"poll", explain_note},
	    {"forecast", explain_note}};
	json_t *out = json_array();
	for (size_t i = 0; i < records->count; i++) {
		json_t *record = record_load(&records->items[i]);
		for (size_t j = 0; j < sizeof kinds / sizeof *kinds; j++)
			if (strcmp(kind_of(record), kinds[j].kind) == 0)
				kinds[j].explain(out, record);
		json_decref(record);
	}
	return out;
}
