#include "notifier/app/ledger.h"

#include <string.h>

#include "notifier/app/json.h"

#define VALUE_MAX 64 /* longer values would turn Redis's compact hash into a big one */

struct fields {
	struct arena *arena;
	const char **items;
	size_t count;
};
#define FIELDS_MAX 40

static void put(struct fields *fields, const char *key, const char *value)
{
	if (text_is_empty(value))
		return;
	must(fields->count + 2 <= FIELDS_MAX);
	fields->items[fields->count++] = key;
	fields->items[fields->count++] = arena_strndup(fields->arena, value, VALUE_MAX);
}

static void put_int(struct fields *fields, const char *key, int64_t value)
{
	if (value != 0)
		put(fields, key, arena_printf(fields->arena, "%lld", (long long)value));
}

static void put_event(struct fields *fields, const struct event *event)
{
	put(fields, "k", event_name(event->kind));
	put_int(fields, "n", event->sequence);
	put(fields, "st", status_name(event->status));
	put(fields, "re", reason_name(event->reason));
	put_int(fields, "at", event->at_ms);
	put_int(fields, "no", event->noticed_ms);
	put_int(fields, "ap", event->approximate);
	put_int(fields, "so", (int64_t)event->source);
	put(fields, "wd", event->withdrawn ? status_name(event->withdrawn) : NULL);
	put(fields, "b0", event->eta_before.from);
	put(fields, "b1", event->eta_before.to);
	put_int(fields, "qd", event->quiet_days);
	put_int(fields, "d0", event->low_day);
	put_int(fields, "d1", event->high_day);
}

const char *ledger_describe(struct decided_message *out, const struct shipment *s,
    const struct event *event, const struct history_decision *decision, struct arena *arena)
{
	char *id = arena_alloc(arena, ID_BYTES);
	struct message_identity identity = {.account = s->account,
	    .shipment_id = s->id,
	    .event = event_name(event->kind),
	    .sequence = event->sequence,
	    .recipient_id = decision->recipient_id,
	    .channel = channel_name(decision->channel)};
	key_message_id(id, (unsigned)key_partition_of_id(s->id), &identity);
	struct fields fields = {
	    .arena = arena, .items = arena_array(arena, FIELDS_MAX, sizeof(char *))};
	put(&fields, "ac", text_eq(s->account, "default") ? NULL : s->account);
	put(&fields, "s", s->id);
	put(&fields, "r", decision->recipient_id);
	put(&fields, "c", channel_name(decision->channel));
	put_event(&fields, event);
	out->id = id;
	out->hold_until_ms =
	    decision->decision.verdict == VERDICT_HOLD ? decision->decision.until_ms : 0;
	out->fields = fields.items;
	out->field_count = fields.count;
	return id;
}

static struct str field(const struct redis_value *flat, const char *key)
{
	for (size_t i = 0; i + 1 < flat->count; i += 2)
		if (str_eq(flat->items[i].text, key))
			return flat->items[i + 1].text;
	return str_of(NULL);
}

static const char *field_text(const struct redis_value *flat, const char *key, struct arena *arena)
{
	struct str value = field(flat, key);
	return value.at ? arena_strndup(arena, value.at, value.len) : NULL;
}

static int64_t field_int(const struct redis_value *flat, const char *key)
{
	int64_t number = 0;
	return str_to_int64(field(flat, key), &number) ? number : 0;
}

static bool read_event(const struct redis_value *flat, struct event *event, struct arena *arena)
{
	if (!event_parse(field(flat, "k"), &event->kind))
		return false;
	event->sequence = field_int(flat, "n");
	status_parse(field(flat, "st"), &event->status);
	reason_parse(field(flat, "re"), &event->reason);
	event->at_ms = field_int(flat, "at");
	event->noticed_ms = field_int(flat, "no");
	event->approximate = field_int(flat, "ap") != 0;
	event->source = (enum source)field_int(flat, "so");
	status_parse(field(flat, "wd"), &event->withdrawn);
	event->eta_before.from = field_text(flat, "b0", arena);
	event->eta_before.to = field_text(flat, "b1", arena);
	event->quiet_days = (int)field_int(flat, "qd");
	event->low_day = (int32_t)field_int(flat, "d0");
	event->high_day = (int32_t)field_int(flat, "d1");
	return true;
}

bool ledger_read(const struct redis_value *flat, struct ledger *out, struct arena *arena)
{
	memset(out, 0, sizeof *out);
	out->account = field_text(flat, "ac", arena);
	if (out->account == NULL)
		out->account = "default";
	out->state = field_text(flat, "t", arena);
	out->shipment_id = field_text(flat, "s", arena);
	out->recipient_id = field_text(flat, "r", arena);
	out->attempt_id = field_text(flat, "i", arena);
	out->why = field_text(flat, "x", arena);
	out->claims = (unsigned)field_int(flat, "a");
	out->failures = (unsigned)field_int(flat, "fa");
	out->claimed_ms = field_int(flat, "sa");
	out->ended_ms = field_int(flat, "d");
	out->is_forced = field_int(flat, "f") != 0;
	return out->state != NULL && out->shipment_id != NULL && out->recipient_id != NULL &&
	       channel_parse(field(flat, "c"), &out->channel) &&
	       read_event(flat, &out->event, arena);
}

json_t *ledger_json(const char *message_id, const struct ledger *ledger)
{
	json_t *o = json_object();
	json_put_text(o, "id", message_id);
	json_put_text(o, "state", ledger->state);
	json_put_text(o, "shipment", ledger->shipment_id);
	json_put_text(o, "event", event_name(ledger->event.kind));
	json_put_text(o, "recipient", ledger->recipient_id);
	json_put_text(o, "channel", channel_name(ledger->channel));
	json_put_null_text(o, "why", ledger->why);
	json_object_set_new(o, "attempts", json_integer(ledger->claims));
	json_put_time(o, "noticed_at", ledger->event.noticed_ms);
	json_put_time(o, "claimed_at", ledger->claimed_ms);
	json_put_time(o, "ended_at", ledger->ended_ms);
	return o;
}
