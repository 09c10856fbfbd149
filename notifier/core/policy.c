#include "notifier/core/policy.h"

#include "notifier/core/contact.h"

/* A time without zone may be so far off, in either direction. */
#define DOUBT_MS (14 * HOUR_MS)

static const struct {
	const char *name, *text;
} reasons[WHY_COUNT] = {
#define X(enumerator, name, text) [WHY_##enumerator] = {name, text},
    DECISION_ROWS(X)
#undef X
};

static const char *const verdicts[] = {
    [VERDICT_SEND] = "send",
    [VERDICT_HOLD] = "hold",
    [VERDICT_DROP] = "drop",
};

const char *decision_why_name(enum decision_why why)
{
	return why < WHY_COUNT ? reasons[why].name : "unknown";
}

const char *decision_why_text(enum decision_why why)
{
	return why < WHY_COUNT ? reasons[why].text : "";
}

bool decision_why_parse(struct str name, enum decision_why *out)
{
	for (int i = 0; i < WHY_COUNT; i++)
		if (str_eq(name, reasons[i].name)) {
			*out = (enum decision_why)i;
			return true;
		}
	return false;
}

const char *verdict_name(enum verdict verdict)
{
	return verdict <= VERDICT_DROP ? verdicts[verdict] : "unknown";
}

void policy_defaults(struct policy *policy)
{
	*policy = (struct policy){.channels_available = (1u << CHANNEL_COUNT) - 1,
	    .settle_lag_ms = 10 * MINUTE_MS,
	    .settle_ms = 8 * SECOND_MS};
	for (int kind = EVENT_NONE + 1; kind < EVENT_COUNT; kind++)
		if (event_is_on_by_default((enum event_kind)kind))
			policy->events_on |= 1u << kind;
}

int64_t policy_not_after(const struct event *event, const struct policy *policy)
{
	int64_t lifetime_ms = event->kind < EVENT_COUNT ? policy->lifetime_ms[event->kind] : 0;
	if (lifetime_ms == 0)
		lifetime_ms = event_lifetime_h(event->kind) * HOUR_MS;
	/* What the clock found is as old as our finding it: we may have been switched off. */
	int64_t from_ms = event->source == SOURCE_CLOCK ? event->noticed_ms : event->at_ms;
	return from_ms + lifetime_ms + (event->approximate ? DOUBT_MS : 0);
}

/* --- is there anybody, and a way? ------------------------------------------------------------ */

static bool is_event_on(const struct decision_query *query)
{
	enum event_kind kind = query->event->kind;
	return kind > EVENT_NONE && kind < EVENT_COUNT && query->policy->events_on & 1u << kind;
}

static bool is_channel_available(const struct decision_query *query)
{
	return query->channel < CHANNEL_COUNT &&
	       query->policy->channels_available & 1u << query->channel;
}

static bool is_contact_possible(const struct decision_query *query)
{
	const char *contact = recipient_contact(query->recipient, query->channel);
	char phone[20];
	return query->channel == CHANNEL_EMAIL ? contact_email_check(contact, NULL)
	                                       : contact_phone_normalise(contact, phone, NULL);
}

static enum decision_why obstacle(const struct decision_query *query)
{
	if (query->shipment == NULL || query->recipient == NULL)
		return WHY_ERASED;
	if (!is_event_on(query))
		return WHY_EVENT_OFF;
	if (!is_channel_available(query))
		return WHY_NO_CHANNEL;
	if (!recipient_wants(query->recipient, query->channel))
		return WHY_NO_CONSENT;
	if (recipient_contact(query->recipient, query->channel) == NULL)
		return WHY_NO_CONTACT;
	return is_contact_possible(query) ? WHY_NEWS : WHY_BAD_CONTACT;
}

/* --- is it still true? ----------------------------------------------------------------------- */

/* Lasting news stays true until it is taken back or told anew. */
static bool ends_lasting(enum event_kind latest, enum event_kind kind)
{
	return latest == EVENT_CORRECTED || latest == EVENT_RETURNING || latest == EVENT_RETURNED ||
	       latest == kind;
}

static bool is_about_waiting(enum event_kind kind)
{
	return kind == EVENT_STALLED || kind == EVENT_DELAYED || kind == EVENT_DELAY_PREDICTED;
}

static bool is_superseded(const struct event *event, const struct shipment *shipment)
{
	if (event->sequence < shipment->superseding &&
	    (!event_lasts(event->kind) || ends_lasting(shipment->last_event, event->kind)))
		return true;
	if (event->kind == EVENT_DELIVERED && shipment->status != STATUS_DELIVERED)
		return true;
	if (event->kind == EVENT_CORRECTED && shipment->status == event->withdrawn)
		return true;
	if (event->kind == EVENT_DELAY_PREDICTED && shipment->flags & SHIPMENT_PREDICTED_OVER)
		return true;
	return is_about_waiting(event->kind) && status_is_final(shipment->status);
}

/* --- is it time? ----------------------------------------------------------------------------- */

static bool is_late_news(const struct event *event, const struct policy *policy)
{
	int64_t lag_ms = event->noticed_ms - event->at_ms;
	if (event->approximate && lag_ms < DOUBT_MS)
		return false; /* it may have happened just now */
	return lag_ms > policy->settle_lag_ms;
}

static struct decision hold_until(enum decision_why why, int64_t until_ms)
{
	return (struct decision){VERDICT_HOLD, why, until_ms};
}

static struct decision when_to_send(const struct decision_query *query)
{
	const struct event *event = query->event;
	const struct policy *policy = query->policy;
	int64_t settled_ms = event->noticed_ms + policy->settle_ms;
	int64_t corrected_ms = event->noticed_ms + policy->correction_hold_ms;
	if (!query->is_claimed && event->kind == EVENT_CORRECTED && query->now_ms < corrected_ms)
		return hold_until(WHY_CORRECTION_HOLD, corrected_ms);
	if (!query->is_claimed && !event_lasts(event->kind) && is_late_news(event, policy) &&
	    query->now_ms < settled_ms)
		return hold_until(WHY_SETTLING, settled_ms);
	return (struct decision){VERDICT_SEND, WHY_NEWS, 0};
}

struct decision policy_decide(const struct decision_query *query)
{
	enum decision_why why = obstacle(query);
	if (why == WHY_NEWS && is_superseded(query->event, query->shipment))
		why = WHY_SUPERSEDED;
	if (why == WHY_NEWS && query->now_ms > policy_not_after(query->event, query->policy))
		why = WHY_TOO_OLD;
	if (why != WHY_NEWS)
		return (struct decision){VERDICT_DROP, why, 0};
	return when_to_send(query);
}
