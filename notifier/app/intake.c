#include "notifier/app/intake.h"

#include <string.h>

#include "notifier/app/json.h"
#include "notifier/app/keys.h"
#include "notifier/app/world.h"
#include "notifier/core/contact.h"
#include "notifier/core/foretell.h"

#define NUMBER_MAX   50
#define TEXT_MAX     200
#define METADATA_MAX 2048

static void complain(struct intake *intake, const char *pointer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void complain(struct intake *intake, const char *pointer, const char *format, ...)
{
	if (intake->error_count == INTAKE_ERRORS_MAX)
		return;
	va_list args;
	va_start(args, format);
	intake->errors[intake->error_count++] = (struct problem_place){
	    arena_strdup(intake->arena, pointer), arena_vprintf(intake->arena, format, args)};
	va_end(args);
}

/* A key as it stands in a pointer (RFC 6901, section 3): ~ is ~0, / is ~1. */
static const char *escaped(struct intake *intake, const char *key)
{
	struct buf out = BUF_EMPTY(0);
	for (const char *p = key; *p; p++) {
		if (*p == '~' || *p == '/')
			buf_add_text(&out, *p == '~' ? "~0" : "~1");
		else
			buf_add_char(&out, *p);
	}
	const char *text = arena_strdup(intake->arena, buf_text(&out));
	buf_free(&out);
	return text;
}

/* Refuses fields that are not in the list, each with the nearest that is. */
static void check_fields(
    struct intake *intake, json_t *object, const char *at, const char *const *known, size_t count)
{
	const char *key;
	json_t *value;
	json_object_foreach(object, key, value)
	{
		bool is_known = false;
		for (size_t i = 0; i < count; i++)
			is_known = is_known || strcmp(key, known[i]) == 0;
		if (is_known)
			continue;
		const char *nearest = text_nearest(key, known, count);
		complain(intake, arena_printf(intake->arena, "%s/%s", at, escaped(intake, key)),
		    nearest ? "unknown field; did you mean \"%s\"?" : "unknown field%s",
		    nearest ? nearest : "");
	}
}

/* A text without control characters, cleaned; NULL when absent or wrong. */
static const char *take_text(
    struct intake *intake, const json_t *object, const char *at, const char *key)
{
	const json_t *value = json_object_get(object, key);
	if (value == NULL || json_is_null(value))
		return NULL;
	const char *pointer = arena_printf(intake->arena, "%s/%s", at, key);
	if (!json_is_string(value)) {
		complain(intake, pointer, "must be a text");
		return NULL;
	}
	if (json_string_length(value) > TEXT_MAX) {
		complain(intake, pointer, "longer than %d bytes", TEXT_MAX);
		return NULL;
	}
	char *clean = arena_alloc(intake->arena, TEXT_MAX + 1);
	text_clean(clean, TEXT_MAX + 1, json_string_value(value));
	return *clean ? clean : NULL;
}

static void check_moment(struct intake *intake, const char *pointer, const char *text)
{
	struct when when;
	if (text != NULL && !when_parse(str_of(text), &when))
		complain(intake, pointer,
		    "\"%s\" is neither a date (2026-03-06) nor an instant (RFC 3339)", text);
}

static void take_promised(struct intake *intake, const json_t *body, struct shipment *s)
{
	static const char *const known[] = {"from", "to"};
	json_t *value = json_object_get(body, "promised");
	if (json_is_object(value)) {
		check_fields(intake, value, "/promised", known, 2);
		s->promised.from = take_text(intake, value, "/promised", "from");
		s->promised.to = take_text(intake, value, "/promised", "to");
		if (s->promised.to == NULL)
			complain(intake, "/promised/to", "is required");
	} else {
		s->promised.to = take_text(intake, body, "", "promised");
	}
	check_moment(intake, "/promised/from", s->promised.from);
	check_moment(intake, json_is_object(value) ? "/promised/to" : "/promised", s->promised.to);
	intake->has_promised = value != NULL;
}

static void take_address(
    struct intake *intake, const json_t *body, const char *key, struct address *address)
{
	static const char *const known[] = {"country", "region", "postcode"};
	json_t *value = json_object_get(body, key);
	const char *at = arena_printf(intake->arena, "/%s", key);
	if (value == NULL || json_is_null(value))
		return;
	if (!json_is_object(value)) {
		complain(intake, at, "must be an object with country, region, postcode");
		return;
	}
	check_fields(intake, value, at, known, 3);
	address->country = take_text(intake, value, at, "country");
	address->region = take_text(intake, value, at, "region");
	address->postcode = take_text(intake, value, at, "postcode");
	if (address->country != NULL && strlen(address->country) != 2)
		complain(intake, arena_printf(intake->arena, "%s/country", at),
		    "must be two letters (ISO 3166-1)");
}

static const char *take_zone(struct intake *intake, const json_t *object, const char *at)
{
	const char *zone = take_text(intake, object, at, "zone");
	if (zone != NULL && world_zone(zone, NULL) == NULL)
		complain(intake, arena_printf(intake->arena, "%s/zone", at),
		    "\"%s\" is no known time zone (try Europe/Berlin)", zone);
	return zone;
}

static void take_channels(
    struct intake *intake, const json_t *value, const char *at, struct recipient *r)
{
	size_t i;
	const json_t *item;
	const json_t *list = json_object_get(value, "channels");
	if (list == NULL || json_is_null(list))
		return;
	const char *pointer = arena_printf(intake->arena, "%s/channels", at);
	r->channels_stated = true;
	if (!json_is_array(list)) {
		complain(intake, pointer, "must be a list of \"email\" and \"sms\"");
		return;
	}
	json_array_foreach(list, i, item)
	{
		enum channel channel;
		if (channel_parse(str_of(json_string_value(item)), &channel))
			r->channels |= 1u << channel;
		else
			complain(intake, pointer, "\"%s\" is no channel; known: email, sms",
			    json_is_string(item) ? json_string_value(item) : "?");
	}
}

/* The id of a recipient whom the caller did not name: a hash of the first contact. */
static const char *hashed_id(struct intake *intake, const struct recipient *r)
{
	char hex[65];
	const char *contact = r->email ? r->email : r->phone ? r->phone : "";
	key_sha256_hex(hex, contact, strlen(contact));
	return arena_printf(intake->arena, "rcp_%.16s", hex);
}

static void take_contacts(
    struct intake *intake, const json_t *value, const char *at, struct recipient *r)
{
	struct err err;
	r->email = take_text(intake, value, at, "email");
	if (r->email != NULL && !contact_email_check(r->email, &err))
		complain(intake, arena_printf(intake->arena, "%s/email", at), "%s", err.text);
	const char *phone = take_text(intake, value, at, "phone");
	if (phone != NULL) {
		char *normal = arena_alloc(intake->arena, 20);
		if (!contact_phone_normalise(phone, normal, &err))
			complain(
			    intake, arena_printf(intake->arena, "%s/phone", at), "%s", err.text);
		r->phone = normal;
	}
	const char *language = take_text(intake, value, at, "language");
	if (language != NULL) {
		char *normal = arena_alloc(intake->arena, 16);
		if (!contact_language_normalise(language, normal, &err))
			complain(
			    intake, arena_printf(intake->arena, "%s/language", at), "%s", err.text);
		r->language = normal;
	}
}

static void take_recipient(
    struct intake *intake, json_t *value, const char *at, struct recipient *r)
{
	static const char *const known[] = {
	    "id", "name", "email", "phone", "language", "zone", "channels"};
	if (!json_is_object(value)) {
		complain(intake, at, "must be an object");
		return;
	}
	check_fields(intake, value, at, known, sizeof known / sizeof *known);
	r->name = take_text(intake, value, at, "name");
	take_contacts(intake, value, at, r);
	r->zone = take_zone(intake, value, at);
	take_channels(intake, value, at, r);
	r->id = take_text(intake, value, at, "id");
	if (r->id != NULL && strlen(r->id) > 64)
		complain(intake, arena_printf(intake->arena, "%s/id", at), "longer than 64 bytes");
	if (r->id == NULL)
		r->id = hashed_id(intake, r);
}

static void take_recipients(
    struct intake *intake, const json_t *body, struct shipment *s, bool is_patch)
{
	const json_t *list = json_object_get(body, "recipients");
	/* A registration that repeats without recipients takes nobody's news away; a PATCH with []
	 * does. */
	intake->has_recipients = list != NULL && (is_patch || json_array_size(list) > 0);
	if (list == NULL && is_patch)
		return;
	if (!json_is_array(list)) {
		complain(intake, "/recipients",
		    "is required: a list of who wants the news (it may be empty)");
		return;
	}
	s->recipient_count = json_array_size(list);
	if (s->recipient_count > RECIPIENTS_MAX) {
		complain(intake, "/recipients", "more than %d", RECIPIENTS_MAX);
		s->recipient_count = RECIPIENTS_MAX;
	}
	s->recipients = arena_array(intake->arena, s->recipient_count, sizeof *s->recipients);
	for (size_t i = 0; i < s->recipient_count; i++) {
		take_recipient(intake, json_array_get(list, i),
		    arena_printf(intake->arena, "/recipients/%zu", i), &s->recipients[i]);
		for (size_t j = 0; j < i; j++)
			if (text_eq(s->recipients[i].id, s->recipients[j].id))
				complain(intake, arena_printf(intake->arena, "/recipients/%zu", i),
				    "is the same recipient as /recipients/%zu", j);
	}
}

static void take_carrier(
    struct intake *intake, const json_t *body, struct shipment *s, bool is_patch)
{
	s->carrier = take_text(intake, body, "", "carrier");
	intake->has_carrier = s->carrier != NULL;
	if (s->carrier == NULL) {
		if (is_patch)
			return;
		intake->code = "carrier_required";
		complain(intake, "/carrier",
		    "is required: carriers are not detected from the number yet");
		return;
	}
	if (config_carrier(intake->config, s->carrier) != NULL)
		return;
	const char *names[64];
	size_t count = 0;
	for (; count < intake->config->carrier_count && count < 64; count++)
		names[count] = intake->config->carriers[count].carrier->name;
	const char *nearest = text_nearest(s->carrier, names, count);
	intake->code = "unknown_carrier";
	complain(intake, "/carrier",
	    nearest ? "\"%s\" is not configured; did you mean \"%s\"?"
	            : "\"%s\" is not configured (carriers.%s in notifier.yaml)",
	    s->carrier, nearest ? nearest : s->carrier);
}

const char *intake_number(const char *text, struct arena *arena)
{
	char *out = arena_alloc(arena, strlen(text) + 1);
	size_t used = 0;
	for (const char *p = text; *p; p++)
		if (*p != ' ' && (*p != '-' || used > 0))
			out[used++] = *p;
	while (used > 0 && out[used - 1] == '-')
		used--;
	out[used] = '\0';
	return out;
}

static void take_number(
    struct intake *intake, const json_t *body, struct shipment *s, bool is_patch)
{
	const char *text = take_text(intake, body, "", "tracking_number");
	if (is_patch) {
		if (text != NULL)
			complain(intake, "/tracking_number",
			    "cannot be changed; delete the shipment and register the right number");
		return;
	}
	s->number = text ? intake_number(text, intake->arena) : "";
	if (*s->number == '\0')
		complain(intake, "/tracking_number", "is required");
	if (strlen(s->number) > NUMBER_MAX)
		complain(intake, "/tracking_number", "longer than %d characters", NUMBER_MAX);
	for (const char *p = s->number; *p; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f ||
		    strchr("{}:\"\\", *p) != NULL) {
			complain(intake, "/tracking_number",
			    "has a character that no tracking number has");
			break;
		}
}

static void take_metadata(struct intake *intake, const json_t *body, struct shipment *s)
{
	const json_t *value = json_object_get(body, "metadata");
	intake->has_metadata = value != NULL;
	if (value == NULL || json_is_null(value))
		return;
	struct str text = json_text(value, intake->arena);
	if (!json_is_object(value))
		complain(intake, "/metadata", "must be an object");
	else if (text.len > METADATA_MAX)
		complain(intake, "/metadata", "longer than %d bytes", METADATA_MAX);
	s->metadata = text.at;
}

bool intake_read(struct intake *intake, json_t *body, bool is_patch)
{
	static const char *const known[] = {"tracking_number", "carrier", "service", "order_number",
	    "promised", "origin", "destination", "zone", "recipients", "metadata"};
	struct shipment *s = intake->shipment = arena_alloc(intake->arena, sizeof *s);
	intake->code = "invalid_shipment";
	if (!json_is_object(body)) {
		complain(intake, "", "the body must be a JSON object");
		return false;
	}
	check_fields(intake, body, "", known, sizeof known / sizeof *known);
	take_number(intake, body, s, is_patch);
	take_carrier(intake, body, s, is_patch);
	s->service = take_text(intake, body, "", "service");
	intake->has_service = s->service != NULL;
	s->order_number = take_text(intake, body, "", "order_number");
	intake->has_order = s->order_number != NULL;
	take_promised(intake, body, s);
	take_address(intake, body, "origin", &s->origin);
	take_address(intake, body, "destination", &s->destination);
	intake->has_origin = json_is_object(json_object_get(body, "origin"));
	intake->has_destination = json_is_object(json_object_get(body, "destination"));
	s->zone = take_zone(intake, body, "");
	intake->has_zone = s->zone != NULL;
	take_recipients(intake, body, s, is_patch);
	take_metadata(intake, body, s);
	return intake->error_count == 0;
}

/* A corrected address belongs to the same person: found by id, or by one contact that stayed. */
static bool has_id(const struct shipment *s, const char *id)
{
	for (size_t i = 0; i < s->recipient_count; i++)
		if (text_eq(s->recipients[i].id, id))
			return true;
	return false;
}

static void keep_ids(const struct shipment *from, struct shipment *into)
{
	for (size_t i = 0; i < from->recipient_count; i++)
		for (size_t j = 0; j < into->recipient_count; j++) {
			const struct recipient *old = &into->recipients[j];
			struct recipient *now = &from->recipients[i];
			bool same_contact =
			    (now->email && text_eq_nocase(now->email, old->email)) ||
			    (now->phone && text_eq(now->phone, old->phone));
			if (strncmp(now->id, "rcp_", 4) == 0 && same_contact &&
			    !has_id(from, old->id))
				now->id = old->id;
		}
}

void intake_merge(const struct intake *intake, struct shipment *into)
{
	const struct shipment *from = intake->shipment;
	if (intake->has_recipients) {
		keep_ids(from, into);
		into->recipients = from->recipients;
		into->recipient_count = from->recipient_count;
	}
	if (intake->has_promised) {
		if (!text_eq(into->promised.to, from->promised.to))
			foretell_forget(into);
		into->promised = from->promised;
	}
	if (intake->has_carrier && !text_eq(into->carrier, from->carrier)) {
		into->carrier = from->carrier;
		into->body_hash = 0;
		into->poll_failures = 0;
		into->last_scan = 0;
		into->flags &= ~SHIPMENT_AT_DESTINATION;
	}
	if (intake->has_zone)
		into->zone = from->zone;
	if (intake->has_metadata)
		into->metadata = from->metadata;
	if (intake->has_order)
		into->order_number = from->order_number;
	if (intake->has_service)
		into->service = from->service;
	if (intake->has_origin)
		into->origin = from->origin;
	if (intake->has_destination)
		into->destination = from->destination;
}
