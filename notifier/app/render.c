#include "notifier/app/render.h"

#include <stdio.h>
#include <string.h>

#include "notifier/app/json.h"
#include "notifier/message/liquid.h"

/* Templates want RFC 3339 or a date; a carrier's local time gets the destination's offset. */
static const char *full_time(const char *text, const struct zone *zone, struct arena *arena)
{
	struct when when;
	if (text == NULL || !when_parse(str_of(text), &when))
		return NULL;
	if (!when.has_time || when.has_offset)
		return text;
	char *out = arena_alloc(arena, WHEN_BYTES);
	int64_t instant_ms = zone_instant(zone, &when.civil);
	when_format(out, instant_ms, zone_offset_s(zone, instant_ms));
	return out;
}

static const char *instant_text(int64_t instant_ms, const struct zone *zone, struct arena *arena)
{
	char *out = arena_alloc(arena, WHEN_BYTES);
	when_format(out, instant_ms, zone_offset_s(zone, instant_ms));
	return out;
}

static void put_span(json_t *data, const char *key, const struct eta *eta, const struct zone *zone,
    struct arena *arena)
{
	const char *from = full_time(eta->from, zone, arena), *to = full_time(eta->to, zone, arena);
	if (from == NULL && to == NULL)
		return;
	json_t *span = json_object();
	json_put_null_text(span, "from", from);
	json_put_null_text(span, "to", to ? to : from);
	json_object_set_new(data, key, span);
}

/* Of a delay that only we foresee, the days that we expect; the carrier's estimate still is what it
 * was before. */
static bool put_foreseen(json_t *data, const struct event *event)
{
	char from[WHEN_BYTES], to[WHEN_BYTES];
	if (event->kind != EVENT_DELAY_PREDICTED || event->high_day == 0)
		return false;
	day_format(from, event->low_day);
	day_format(to, event->high_day);
	json_t *span = json_object();
	json_put_text(span, "from", from);
	json_put_text(span, "to", to);
	json_object_set_new(data, "eta", span);
	return true;
}

/* What people may expect now: the carrier's estimate, else the merchant's promise; never a time
 * that has passed. */
static void put_eta(
    json_t *data, const struct render_query *query, const struct zone *zone, struct arena *arena)
{
	const struct shipment *s = query->shipment;
	if (put_foreseen(data, query->event))
		return;
	const struct eta *candidates[] = {&s->eta, &s->promised};
	for (size_t i = 0; i < 2; i++) {
		if (eta_is_set(candidates[i]) && eta_end_ms(candidates[i], zone) > query->now_ms) {
			put_span(data, "eta", candidates[i], zone, arena);
			return;
		}
		if (eta_is_set(candidates[i]) && i == 0)
			return; /* the carrier's estimate has passed: an older promise helps nobody
			         */
	}
}

static const char *url_escape(const char *text, struct arena *arena)
{
	struct buf out = BUF_EMPTY(1024);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		bool plain = (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') ||
		             (*p >= 'a' && *p <= 'z') || strchr("-._~", *p) != NULL;
		if (plain)
			buf_add_char(&out, (char)*p);
		else
			buf_printf(&out, "%%%02X", *p);
	}
	const char *copy = arena_strdup(arena, buf_text(&out));
	buf_free(&out);
	return copy;
}

/* The operator's link template, filled with the parcel's data. */
static const char *link_text(const char *template, const json_t *data, struct arena *arena)
{
	if (template == NULL || strchr(template, '{') == NULL)
		return template;
	struct liquid_source source = {.text = str_of(template)};
	struct liquid_options options = {.escape = LIQUID_ESCAPE_NONE, .arena = arena};
	struct buf out = BUF_EMPTY(2048);
	struct liquid *compiled = liquid_compile(&source, NULL, NULL);
	bool ok = compiled != NULL && liquid_render(compiled, data, &options, &out, NULL, NULL);
	const char *text = ok ? arena_strdup(arena, buf_text(&out)) : NULL;
	liquid_free(&compiled);
	buf_free(&out);
	return text;
}

static const char *carrier_page(const struct shipment *s, struct arena *arena)
{
	const struct carrier *carrier = carrier_find(s->carrier);
	if (carrier == NULL || carrier->tracking_page == NULL)
		return NULL;
	const char *mark = strstr(carrier->tracking_page, "%s");
	if (mark == NULL)
		return carrier->tracking_page;
	return arena_printf(arena, "%.*s%s%s", (int)(mark - carrier->tracking_page),
	    carrier->tracking_page, url_escape(s->number, arena), mark + 2);
}

static void put_links(json_t *data, const struct render_query *query, struct arena *arena)
{
	const struct account_config *a = query->account;
	json_t *links = json_object();
	const char *track = link_text(a->links.track, data, arena);
	if (track == NULL)
		track = carrier_page(query->shipment, arena);
	if (track == NULL)
		track = link_text(a->links.help, data, arena);
	const char *help = link_text(a->links.help, data, arena);
	json_put_text(links, "track", track);
	json_put_text(links, "help", help ? help : track);
	json_put_text(
	    links, "address", a->links.address ? link_text(a->links.address, data, arena) : track);
	json_put_text(links, "feedback", link_text(a->links.feedback, data, arena));
	json_put_text(links, "preferences", link_text(a->links.preferences, data, arena));
	json_object_set_new(data, "links", links);
}

/* {"parent": {"key": text}}; texts from outside lose control and bidirectional characters. */
static void put_in(json_t *data, const char *parent, const char *key, const char *text)
{
	char clean[256];
	if (text == NULL)
		return;
	json_t *object = json_object_get(data, parent);
	if (object == NULL) {
		object = json_object();
		json_object_set_new(data, parent, object);
	}
	text_clean(clean, sizeof clean, text);
	json_put_text(object, key, clean);
}

static const char *carrier_title(const struct shipment *s)
{
	const struct carrier *carrier = carrier_find(s->carrier);
	if (s->actual_carrier != NULL)
		return s->actual_carrier;
	return carrier && carrier->title ? carrier->title : s->carrier;
}

static void put_state(
    json_t *data, const struct render_query *query, const struct zone *zone, struct arena *arena)
{
	const struct shipment *s = query->shipment;
	if (s->delivered_ms != 0)
		put_in(data, "delivered", "at", instant_text(s->delivered_ms, zone, arena));
	put_in(data, "delivered", "place", s->delivered_place);
	put_in(data, "pickup", "name", s->pickup.name);
	put_in(data, "pickup", "address", s->pickup.address);
	put_in(data, "pickup", "until", full_time(s->pickup.until, zone, arena));
	put_in(data, "pickup", "code", s->pickup.code);
	if (s->duties.amount != NULL) {
		json_t *money = json_object(), *duties = json_object();
		json_put_text(money, "amount", s->duties.amount);
		json_put_text(money, "currency", s->duties.currency);
		json_object_set_new(duties, "amount", money);
		json_put_text(duties, "due", full_time(s->duties.due, zone, arena));
		json_object_set_new(data, "duties", duties);
	}
}

static json_t *context_new(
    const struct render_query *query, const struct zone *zone, struct arena *arena)
{
	const struct shipment *s = query->shipment;
	const struct event *event = query->event;
	json_t *data = json_object();
	put_in(data, "store", "name", query->account->store_name);
	put_in(data, "recipient", "name", query->recipient->name);
	put_in(data, "order", "number", s->order_number);
	put_in(data, "parcel", "number", s->number);
	put_in(data, "parcel", "carrier", carrier_title(s));
	put_state(data, query, zone, arena);
	put_eta(data, query, zone, arena);
	put_span(data, "eta_before", &event->eta_before, zone, arena);
	if (event->quiet_days > 0)
		json_object_set_new(data, "quiet_days", json_integer(event->quiet_days));
	if (event->withdrawn != STATUS_UNKNOWN)
		json_put_text(data, "withdrawn", status_name(event->withdrawn));
	put_links(data, query, arena);
	return data;
}

/* A message must not show a hole where the carrier told us less than the template needs. */
static void put_fallbacks(json_t *data, const struct render_query *query)
{
	if (query->event->kind == EVENT_AVAILABLE_FOR_PICKUP &&
	    query->shipment->pickup.name == NULL)
		put_in(data, "pickup", "name", carrier_title(query->shipment));
}

bool render_message(
    const struct render_query *query, struct outgoing *out, struct arena *arena, struct err *err)
{
	const struct shipment *s = query->shipment;
	const struct recipient *r = query->recipient;
	const struct zone *zone = world_zone(s->zone, query->account->zone);
	json_t *data = context_new(query, zone, arena);
	put_fallbacks(data, query);
	const char *country = s->destination.country;
	struct catalogue_request request = {
	    .language = r->language ? r->language : query->account->language,
	    .fallback = query->account->language,
	    .event = event_name(query->event->kind),
	    .reason = reason_name(query->event->reason),
	    .locale = country ? arena_printf(arena, "und-%s", country) : NULL,
	    .zone = r->zone ? r->zone
	            : zone  ? zone->name
	                    : NULL,
	    .now_ms = query->now_ms,
	    .data = data};
	struct rendered rendered = {0};
	bool ok = catalogue_render(query->catalogue, &request, &rendered, arena, err);
	json_decref(data);
	if (!ok)
		return false;
	out->to = recipient_contact(r, out->channel);
	out->recipient_name = r->name;
	out->event = event_name(query->event->kind);
	out->language = rendered.language;
	out->number = s->number;
	out->subject = rendered.subject;
	out->text = rendered.text;
	out->html = rendered.html;
	out->sms = rendered.sms;
	out->thread_id = s->id;
	out->now_ms = query->now_ms;
	return true;
}

bool render_has_template(const struct catalogue *catalogue, const char *event)
{
	for (size_t i = 0; i < catalogue_count(catalogue); i++)
		if (text_eq(catalogue_message(catalogue, i).event, event))
			return true;
	return false;
}
