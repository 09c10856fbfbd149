/* A shipment as the API shows it. */
#include <stdio.h>
#include <string.h>

#include "notifier/app/api.h"
#include "notifier/app/history.h"
#include "notifier/app/json.h"

static json_t *span_json(const struct eta *eta)
{
	if (!eta_is_set(eta))
		return json_null();
	json_t *span = json_object();
	json_put_null_text(span, "from", eta->from);
	json_put_null_text(span, "to", eta->to);
	return span;
}

static json_t *recipient_json(const struct recipient *r)
{
	json_t *o = json_object(), *channels = json_array();
	json_put_text(o, "id", r->id);
	json_put_text(o, "name", r->name);
	json_put_text(o, "email", r->email);
	json_put_text(o, "phone", r->phone);
	json_put_text(o, "language", r->language);
	json_put_text(o, "zone", r->zone);
	for (int channel = 0; channel < CHANNEL_COUNT; channel++)
		if (recipient_wants(r, (enum channel)channel))
			json_array_append_new(
			    channels, json_string(channel_name((enum channel)channel)));
	json_object_set_new(o, "channels", channels);
	return o;
}

/* What core/foretell said last, while it still says something: not of a parcel in the van, at a
 * counter or at the end; dates only once its carrier has taught enough. */
static bool has_forecast(const struct shipment *s)
{
	return !shipment_is_finished(s) && s->forecast.high_day != 0 &&
	       (s->status == STATUS_IN_TRANSIT || s->status == STATUS_ATTEMPT_FAILED ||
	           s->status == STATUS_EXCEPTION);
}

static void put_day(json_t *object, const char *key, int32_t day)
{
	char text[WHEN_BYTES];
	day_format(text, day);
	json_put_text(object, key, text);
}

static json_t *forecast_json(const struct shipment *s)
{
	const struct forecast *f = &s->forecast;
	if (!has_forecast(s))
		return json_null();
	json_t *o = json_object();
	put_day(o, "as_of", f->tick_day);
	put_day(o, "from", f->low_day);
	put_day(o, "to", f->high_day);
	json_object_set_new(
	    o, "p_late", eta_is_set(&s->promised) ? json_real(f->p_late / 1000.0) : json_null());
	return o;
}

void api_forecast_line(json_t *lines, const struct shipment *s, int64_t now_ms)
{
	const struct forecast *f = &s->forecast;
	char from[WHEN_BYTES], to[WHEN_BYTES], why[4 * WHEN_BYTES];
	if (!has_forecast(s))
		return;
	day_format(from, f->low_day);
	day_format(to, f->high_day);
	int used =
	    snprintf(why, sizeof why, "four of five such parcels come from %s to %s", from, to);
	if (eta_is_set(&s->promised))
		snprintf(why + used, sizeof why - (size_t)used,
		    "; P(late) is %.0f %%, was at most %.0f %%", f->p_late / 10.0,
		    f->highest_p / 10.0);
	json_t *line = json_object();
	json_put_time(line, "at", now_ms);
	json_put_text(line, "kind", "forecast");
	json_put_text(line, "what", "expected");
	json_put_text(line, "why", why);
	json_array_append_new(lines, line);
}

json_t *api_shipment_summary(const struct shipment *s)
{
	json_t *o = json_object();
	json_put_text(o, "id", s->id);
	json_put_text(o, "tracking_number", s->number);
	json_put_text(o, "carrier", s->carrier);
	json_put_null_text(o, "actual_carrier", s->actual_carrier);
	json_put_null_text(o, "order_number", s->order_number);
	json_put_text(o, "status", status_name(s->status));
	json_put_null_text(o, "reason", reason_name(s->reason));
	json_put_time(o, "since", s->since_ms);
	json_object_set_new(o, "eta", span_json(&s->eta));
	json_object_set_new(o, "promised", span_json(&s->promised));
	json_object_set_new(o, "forecast", forecast_json(s));
	json_put_time(o, "heard_at", s->heard_ms);
	json_put_null_text(o, "zone", s->zone);
	json_t *poll = json_object();
	json_put_time(poll, "at", s->next_poll_ms);
	json_put_null_text(poll, "why",
	    s->next_poll_ms == NEVER_MS ? shipment_is_finished(s)
	                                      ? "finished: not looked at any more"
	                                      : "push only: the carrier tells us"
	                                : s->next_poll_why);
	json_object_set_new(o, "next_poll", poll);
	json_put_time(o, "next_deadline", s->deadline_ms);
	json_put_time(o, "created_at", s->created_ms);
	return o;
}

json_t *api_shipment_json(const struct shipment *s, const struct redis_value *records)
{
	json_t *o = api_shipment_summary(s), *recipients = json_array();
	json_put_null_text(o, "service", s->service);
	for (size_t i = 0; i < s->recipient_count; i++)
		json_array_append_new(recipients, recipient_json(&s->recipients[i]));
	json_object_set_new(o, "recipients", recipients);
	json_t *metadata = s->metadata ? json_loads(s->metadata, 0, NULL) : json_null();
	json_object_set_new(o, "metadata", metadata ? metadata : json_null());
	if (records == NULL)
		return o;
	json_object_set_new(o, "checkpoints", history_checkpoints(records));
	json_object_set_new(o, "events", history_events(records));
	json_object_set_new(o, "messages", history_message_ids(records));
	return o;
}
