#include "notifier/app/shipment_json.h"

#include <string.h>

#include "notifier/app/json.h"

/* Short keys, because a million shipments pay for every letter. */
static void put_eta(json_t *object, const char *from_key, const char *to_key, const struct eta *eta)
{
	json_put_text(object, from_key, eta->from);
	json_put_text(object, to_key, eta->to);
}

static void put_address(json_t *object, const char *key, const struct address *address)
{
	if (address->country == NULL && address->region == NULL && address->postcode == NULL)
		return;
	json_t *value = json_object();
	json_put_text(value, "c", address->country);
	json_put_text(value, "r", address->region);
	json_put_text(value, "p", address->postcode);
	json_object_set_new(object, key, value);
}

static json_t *recipient_encode(const struct recipient *recipient)
{
	json_t *value = json_object();
	json_put_text(value, "i", recipient->id);
	json_put_text(value, "n", recipient->name);
	json_put_text(value, "e", recipient->email);
	json_put_text(value, "p", recipient->phone);
	json_put_text(value, "l", recipient->language);
	json_put_text(value, "z", recipient->zone);
	if (recipient->channels_stated)
		json_object_set_new(value, "c", json_integer(recipient->channels));
	return value;
}

static void put_identity(json_t *o, const struct shipment *s)
{
	json_put_text(o, "id", s->id);
	json_put_text(o, "a", text_eq(s->account, "default") ? NULL : s->account);
	json_put_text(o, "n", s->number);
	json_put_text(o, "c", s->carrier);
	json_put_text(o, "ac", s->actual_carrier);
	json_put_text(o, "sv", s->service);
	json_put_text(o, "on", s->order_number);
	json_put_text(o, "z", s->zone);
	put_address(o, "fr", &s->origin);
	put_address(o, "de", &s->destination);
	put_eta(o, "p0", "p1", &s->promised);
	json_put_text(o, "md", s->metadata);
	json_put_int(o, "cr", s->created_ms);
	json_t *recipients = json_array();
	for (size_t i = 0; i < s->recipient_count; i++)
		json_array_append_new(recipients, recipient_encode(&s->recipients[i]));
	json_object_set_new(o, "r", recipients);
}

/* An array of numbers, in this order; zeros at its end are left out, so the day judged, mostly the
 * day begun, is told by its distance. */
#define FORECAST_NUMBERS (14 + FORECAST_BINS)

static void put_forecast(json_t *o, const struct forecast *f)
{
	int64_t numbers[FORECAST_NUMBERS] = {f->tick_day, f->held_days, f->p_late, f->highest_p,
	    f->low_day, f->high_day, f->first.low_day, f->first.high_day, f->first.mass,
	    f->alert_day, f->alert_eta_s, f->tick_day - f->judged_day, f->held_from, f->taught_day};
	size_t count = FORECAST_NUMBERS;
	for (size_t i = 0; i < FORECAST_BINS; i++)
		numbers[FORECAST_NUMBERS - FORECAST_BINS + i] = f->said[i];
	while (count > 0 && numbers[count - 1] == 0)
		count--;
	if (count == 0)
		return;
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_integer(numbers[i]));
	json_object_set_new(o, "fc", array);
}

static void get_forecast(const json_t *array, struct forecast *f)
{
	int64_t n[FORECAST_NUMBERS];
	for (size_t i = 0; i < FORECAST_NUMBERS; i++)
		n[i] = json_integer_value(json_array_get(array, i)); /* 0 beyond the end */
	*f = (struct forecast){.tick_day = (int32_t)n[0],
	    .held_days = (int32_t)n[1],
	    .p_late = (unsigned)n[2],
	    .highest_p = (unsigned)n[3],
	    .low_day = (int32_t)n[4],
	    .high_day = (int32_t)n[5],
	    .first = {(int32_t)n[6], (int32_t)n[7], (unsigned)n[8]},
	    .alert_day = (int32_t)n[9],
	    .alert_eta_s = n[10],
	    .judged_day = (int32_t)(n[0] - n[11]),
	    .held_from = (int32_t)n[12],
	    .taught_day = (int32_t)n[13]};
	for (size_t i = 0; i < FORECAST_BINS; i++)
		f->said[i] = (unsigned char)n[FORECAST_NUMBERS - FORECAST_BINS + i];
}

static void put_belief(json_t *o, const struct shipment *s)
{
	json_put_text(o, "st", s->status ? status_name(s->status) : NULL);
	json_put_text(o, "re", reason_name(s->reason));
	json_put_int(o, "si", s->since_ms);
	json_put_int(o, "sx", s->since_approximate);
	json_put_int(o, "nw", s->newest_ms);
	json_put_int(o, "hd", s->heard_ms);
	put_eta(o, "e0", "e1", &s->eta);
	json_put_int(o, "ex", s->expected_ms);
	json_put_int(o, "wo", s->worst_ms);
	json_put_int(o, "dl", s->delivered_ms);
	json_put_text(o, "dp", s->delivered_place);
	json_put_text(o, "kn", s->pickup.name);
	json_put_text(o, "ka", s->pickup.address);
	json_put_text(o, "ku", s->pickup.until);
	json_put_text(o, "kc", s->pickup.code);
	json_put_text(o, "da", s->duties.amount);
	json_put_text(o, "dc", s->duties.currency);
	json_put_text(o, "dd", s->duties.due);
	json_put_int(o, "fl", s->flags);
	json_put_int(o, "fi", s->finished_ms);
	json_put_int(o, "ho", s->handover_ms);
	put_forecast(o, &s->forecast);
	json_put_int(o, "ls", s->last_scan);
	json_put_int(o, "ou", s->out_ms);
	json_put_int(o, "at", s->attempted_ms);
	json_put_int(o, "sl", s->stalled_ms);
	json_put_text(o, "lr", reason_name(s->last_reason));
}

/* Nine bytes each, base64: five of fingerprint, four of seconds before the newest (big endian). */
#define SEEN_BYTES 9

static void put_seen(json_t *o, const struct shipment *s)
{
	unsigned char packed[SHIPMENT_SEEN_MAX * SEEN_BYTES], *p = packed;
	char text[BASE64_BYTES(sizeof packed)];
	if (s->seen_count == 0)
		return;
	for (size_t i = 0; i < s->seen_count; i++) {
		uint32_t age_s = (uint32_t)((s->newest_ms - s->seen_ms[i]) / SECOND_MS);
		for (int shift = 32; shift >= 0; shift -= 8)
			*p++ = (unsigned char)(s->seen[i] >> shift);
		for (int shift = 24; shift >= 0; shift -= 8)
			*p++ = (unsigned char)(age_s >> shift);
	}
	base64_encode(text, packed, (size_t)(p - packed));
	json_put_text(o, "sn", text);
}

static void get_seen(const json_t *value, struct shipment *s)
{
	unsigned char packed[SHIPMENT_SEEN_MAX * SEEN_BYTES + 3], *p = packed;
	struct str text = str_of(json_string_value(value));
	if (text.len == 0 || text.len >= BASE64_BYTES(SHIPMENT_SEEN_MAX * SEEN_BYTES))
		return;
	long len = base64_decode(packed, text);
	for (; p - packed + SEEN_BYTES <= len; s->seen_count++) {
		uint64_t fingerprint = 0;
		uint32_t age_s = 0;
		for (int i = 0; i < 5; i++)
			fingerprint = fingerprint << 8 | *p++;
		for (int i = 0; i < 4; i++)
			age_s = age_s << 8 | *p++;
		s->seen[s->seen_count] = fingerprint;
		s->seen_ms[s->seen_count] = s->newest_ms - age_s * SECOND_MS;
	}
}

static void put_history(json_t *o, const struct shipment *s)
{
	json_put_int(o, "sq", s->sequence);
	json_put_int(o, "su", s->superseding);
	json_put_text(o, "le", s->last_event ? event_name(s->last_event) : NULL);
	json_put_int(o, "pl", s->polled_ms);
	json_put_int(o, "pf", s->poll_failures);
	json_put_int(o, "bh", (int64_t)s->body_hash);
	json_put_int(o, "np", s->next_poll_ms == NEVER_MS ? 0 : s->next_poll_ms);
	json_put_text(o, "ny", s->next_poll_why);
	json_put_int(o, "dn", s->deadline_ms == NEVER_MS ? 0 : s->deadline_ms);
	json_put_int(o, "sf", s->seen_floor_ms);
	put_seen(o, s);
}

struct str shipment_encode(const struct shipment *shipment, struct arena *arena)
{
	json_t *object = json_object();
	json_object_set_new(object, "v", json_integer(SHIPMENT_SCHEMA));
	put_identity(object, shipment);
	put_belief(object, shipment);
	put_history(object, shipment);
	struct str text = json_text(object, arena);
	json_decref(object);
	return text;
}

static void get_eta(
    const json_t *o, const char *from, const char *to, struct eta *eta, struct arena *arena)
{
	eta->from = json_get_text(o, from, arena);
	eta->to = json_get_text(o, to, arena);
}

static void get_address(
    const json_t *o, const char *key, struct address *address, struct arena *arena)
{
	const json_t *value = json_object_get(o, key);
	address->country = json_get_text(value, "c", arena);
	address->region = json_get_text(value, "r", arena);
	address->postcode = json_get_text(value, "p", arena);
}

static void get_recipients(const json_t *list, struct shipment *s, struct arena *arena)
{
	s->recipient_count = json_array_size(list);
	s->recipients = arena_array(arena, s->recipient_count, sizeof *s->recipients);
	for (size_t i = 0; i < s->recipient_count; i++) {
		const json_t *value = json_array_get(list, i);
		struct recipient *r = &s->recipients[i];
		r->id = json_get_text(value, "i", arena);
		r->name = json_get_text(value, "n", arena);
		r->email = json_get_text(value, "e", arena);
		r->phone = json_get_text(value, "p", arena);
		r->language = json_get_text(value, "l", arena);
		r->zone = json_get_text(value, "z", arena);
		r->channels_stated = json_object_get(value, "c") != NULL;
		r->channels = (unsigned)json_get_int(value, "c");
	}
}

static void get_identity(const json_t *o, struct shipment *s, struct arena *arena)
{
	s->id = json_get_text(o, "id", arena);
	s->account = json_get_text(o, "a", arena);
	if (s->account == NULL)
		s->account = "default";
	s->number = json_get_text(o, "n", arena);
	s->carrier = json_get_text(o, "c", arena);
	s->actual_carrier = json_get_text(o, "ac", arena);
	s->service = json_get_text(o, "sv", arena);
	s->order_number = json_get_text(o, "on", arena);
	s->zone = json_get_text(o, "z", arena);
	get_address(o, "fr", &s->origin, arena);
	get_address(o, "de", &s->destination, arena);
	get_eta(o, "p0", "p1", &s->promised, arena);
	s->metadata = json_get_text(o, "md", arena);
	s->created_ms = json_get_int(o, "cr");
	get_recipients(json_object_get(o, "r"), s, arena);
}

static void get_belief(const json_t *o, struct shipment *s, struct arena *arena)
{
	status_parse(str_of(json_string_value(json_object_get(o, "st"))), &s->status);
	reason_parse(str_of(json_string_value(json_object_get(o, "re"))), &s->reason);
	s->since_ms = json_get_int(o, "si");
	s->since_approximate = json_get_int(o, "sx") != 0;
	s->newest_ms = json_get_int(o, "nw");
	s->heard_ms = json_get_int(o, "hd");
	get_eta(o, "e0", "e1", &s->eta, arena);
	s->expected_ms = json_get_int(o, "ex");
	s->worst_ms = json_get_int(o, "wo");
	s->delivered_ms = json_get_int(o, "dl");
	s->delivered_place = json_get_text(o, "dp", arena);
	s->pickup.name = json_get_text(o, "kn", arena);
	s->pickup.address = json_get_text(o, "ka", arena);
	s->pickup.until = json_get_text(o, "ku", arena);
	s->pickup.code = json_get_text(o, "kc", arena);
	s->duties.amount = json_get_text(o, "da", arena);
	s->duties.currency = json_get_text(o, "dc", arena);
	s->duties.due = json_get_text(o, "dd", arena);
	s->flags = (unsigned)json_get_int(o, "fl");
	s->finished_ms = json_get_int(o, "fi");
	s->handover_ms = json_get_int(o, "ho");
	get_forecast(json_object_get(o, "fc"), &s->forecast);
	s->last_scan = json_get_int(o, "ls");
	s->out_ms = json_get_int(o, "ou");
	s->attempted_ms = json_get_int(o, "at");
	s->stalled_ms = json_get_int(o, "sl");
	reason_parse(str_of(json_string_value(json_object_get(o, "lr"))), &s->last_reason);
}

static int64_t or_never(int64_t instant_ms)
{
	return instant_ms ? instant_ms : NEVER_MS;
}

static void get_history(const json_t *o, struct shipment *s, struct arena *arena)
{
	s->sequence = json_get_int(o, "sq");
	s->superseding = json_get_int(o, "su");
	event_parse(str_of(json_string_value(json_object_get(o, "le"))), &s->last_event);
	s->polled_ms = json_get_int(o, "pl");
	s->poll_failures = (unsigned)json_get_int(o, "pf");
	s->body_hash = (uint64_t)json_get_int(o, "bh");
	s->next_poll_ms = or_never(json_get_int(o, "np"));
	s->next_poll_why = json_get_text(o, "ny", arena);
	s->deadline_ms = or_never(json_get_int(o, "dn"));
	s->seen_floor_ms = json_get_int(o, "sf");
	get_seen(json_object_get(o, "sn"), s);
}

struct shipment *shipment_decode(struct str stored, struct arena *arena, struct err *err)
{
	struct str version, json = str_cut(stored, ' ', &version);
	struct shipment *shipment = arena_alloc(arena, sizeof *shipment);
	if (!str_to_int64(version, &shipment->version)) {
		err_set(err, ERR_INPUT, "stored shipment: no version in front");
		return NULL;
	}
	json_error_t problem;
	json_t *object = json_loadb(json.at, json.len, 0, &problem);
	int64_t schema = json_get_int(object, "v");
	if (schema != SHIPMENT_SCHEMA) {
		err_set(err, ERR_INPUT,
		    object ? "stored shipment: schema %lld, written by a newer notifier"
		           : "stored shipment: damaged JSON (%lld)",
		    (long long)schema);
		json_decref(object);
		return NULL;
	}
	get_identity(object, shipment, arena);
	get_belief(object, shipment, arena);
	get_history(object, shipment, arena);
	json_decref(object);
	return shipment;
}

const char *event_encode(const struct event *event, struct arena *arena)
{
	json_t *o = json_object();
	json_put_text(o, "k", event_name(event->kind));
	json_put_int(o, "n", event->sequence);
	json_put_text(o, "st", status_name(event->status));
	json_put_text(o, "re", reason_name(event->reason));
	json_put_int(o, "at", event->at_ms);
	json_put_int(o, "no", event->noticed_ms);
	json_put_int(o, "ap", event->approximate);
	json_put_int(o, "so", (int64_t)event->source);
	json_put_text(o, "wd", event->withdrawn ? status_name(event->withdrawn) : NULL);
	put_eta(o, "b0", "b1", &event->eta_before);
	json_put_int(o, "qd", event->quiet_days);
	json_put_int(o, "d0", event->low_day);
	json_put_int(o, "d1", event->high_day);
	struct str text = json_text(o, arena);
	json_decref(o);
	return text.at;
}

static bool event_of_json(const json_t *o, struct event *out, struct arena *arena)
{
	memset(out, 0, sizeof *out);
	if (!event_parse(str_of(json_string_value(json_object_get(o, "k"))), &out->kind))
		return false;
	out->sequence = json_get_int(o, "n");
	status_parse(str_of(json_string_value(json_object_get(o, "st"))), &out->status);
	reason_parse(str_of(json_string_value(json_object_get(o, "re"))), &out->reason);
	out->at_ms = json_get_int(o, "at");
	out->noticed_ms = json_get_int(o, "no");
	out->approximate = json_get_int(o, "ap") != 0;
	out->source = (enum source)json_get_int(o, "so");
	status_parse(str_of(json_string_value(json_object_get(o, "wd"))), &out->withdrawn);
	get_eta(o, "b0", "b1", &out->eta_before, arena);
	out->quiet_days = (int)json_get_int(o, "qd");
	out->low_day = (int32_t)json_get_int(o, "d0");
	out->high_day = (int32_t)json_get_int(o, "d1");
	return true;
}

bool event_decode(struct str json, struct event *out, struct arena *arena, struct err *err)
{
	json_t *object = json_loadb(json.at, json.len, 0, NULL);
	bool ok = object != NULL && event_of_json(object, out, arena);
	json_decref(object);
	return ok || err_set(err, ERR_INPUT, "stored event: damaged JSON");
}
