#include "notifier/core/deadline.h"

#include <string.h>

#include "notifier/core/calendar.h"
#include "notifier/core/detect_internal.h"
#include "notifier/core/finding.h"

const struct deadline_rules deadline_default_rules = {
    .silent_days_domestic = 3,
    .silent_days_cross_border = 5,
    .label_days = 2,
    .follow_up_days = 5,
    .promise_grace_ms = 0,
    .expire_after_ms = 60 * DAY_MS,
};

static const struct deadline never = {NEVER_MS, EVENT_NONE};

static int64_t latest(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t business_days_after(
    const struct calendar *calendar, const struct zone *zone, int64_t instant_ms, int days)
{
	if (days <= 0)
		return instant_ms;
	struct civil civil = civil_of_instant(instant_ms, zone_offset_s(zone, instant_ms));
	int32_t day = calendar_after(calendar, zone_day(zone, instant_ms), days);
	civil_of_day(day, &civil.year, &civil.month, &civil.day);
	return zone_instant(zone, &civil);
}

/* The last sign of life, on the road or here. */
static int64_t last_heard_ms(const struct shipment *shipment)
{
	return latest(shipment->created_ms, latest(shipment->heard_ms, shipment->newest_ms));
}

/* --- the promise ----------------------------------------------------------------------------- */

static int64_t promise_end_ms(const struct shipment *shipment, const struct zone *zone)
{
	return eta_end_ms(&shipment->promised, zone);
}

/* Nothing to tell: it was told, or the carrier did come in time and found nobody. */
static bool is_promise_settled(const struct shipment *shipment, int64_t promise_ms)
{
	bool later_told = shipment->flags & SHIPMENT_DELAY_OPEN && shipment->worst_ms > promise_ms;
	bool came = shipment->attempted_ms != 0 && shipment->attempted_ms <= promise_ms;
	return shipment->flags & SHIPMENT_PROMISE_MISSED || later_told || came;
}

static struct deadline promise_deadline(
    const struct shipment *shipment, const struct deadline_rules *rules, const struct zone *zone)
{
	int64_t promise_ms = promise_end_ms(shipment, zone);
	/* Of what holds it people were told: "a delay" on top would be news of nothing.  When it
	 * goes on, that is said. */
	if (promise_ms == 0 || !detect_news_may_be_late(shipment->status) ||
	    findings_carrier_holds(shipment) || is_promise_settled(shipment, promise_ms))
		return never;
	int64_t at_ms = promise_ms + rules->promise_grace_ms;
	if (shipment->status == STATUS_OUT_FOR_DELIVERY) /* its day is not over yet */
		at_ms = latest(at_ms, zone_day_end(zone, zone_day(zone, shipment->since_ms)));
	return (struct deadline){at_ms, EVENT_DELAYED};
}

/* --- silence --------------------------------------------------------------------------------- */

static bool is_label_only(const struct shipment *shipment)
{
	return shipment->status == STATUS_PRE_TRANSIT || shipment->status == STATUS_UNKNOWN;
}

static bool is_cross_border(const struct shipment *shipment)
{
	const char *from = shipment->origin.country, *to = shipment->destination.country;
	return !text_is_empty(from) && !text_is_empty(to) && !text_eq_nocase(from, to);
}

static int patience_days(const struct shipment *shipment, const struct deadline_rules *rules)
{
	if (is_label_only(shipment))
		return rules->label_days;
	return is_cross_border(shipment) ? rules->silent_days_cross_border
	                                 : rules->silent_days_domestic;
}

/* A label is announced by its own event: how late we heard of that does not matter. */
static int64_t silent_since_ms(const struct shipment *shipment)
{
	return is_label_only(shipment) ? latest(shipment->created_ms, shipment->newest_ms)
	                               : last_heard_ms(shipment);
}

static struct deadline silence_deadline(
    const struct shipment *shipment, const struct deadline_rules *rules, const struct zone *zone)
{
	bool was_told = shipment->flags & SHIPMENT_STALLED;
	int days = was_told ? rules->follow_up_days : patience_days(shipment, rules);
	if (days <= 0 || shipment->flags & SHIPMENT_STALLED_AGAIN ||
	    shipment->status == STATUS_AVAILABLE_FOR_PICKUP)
		return never;
	int64_t from_ms = silent_since_ms(shipment);
	if (was_told)
		from_ms = latest(from_ms, shipment->stalled_ms);
	return (struct deadline){
	    business_days_after(rules->calendar, zone, from_ms, days), EVENT_STALLED};
}

static struct deadline end_deadline(
    const struct shipment *shipment, const struct deadline_rules *rules)
{
	if (rules->expire_after_ms <= 0)
		return never;
	return (struct deadline){last_heard_ms(shipment) + rules->expire_after_ms, EVENT_CLOSED};
}

/* --- all of them ----------------------------------------------------------------------------- */

static bool is_over(const struct shipment *shipment)
{
	return shipment_is_finished(shipment) || status_is_final(shipment->status);
}

/* On a tie the one named first. */
static struct deadline earlier(struct deadline a, struct deadline b)
{
	return b.at_ms < a.at_ms ? b : a;
}

struct deadline deadline_next(const struct shipment *shipment, const struct deadline_rules *rules,
    const struct zone *zone, int64_t now_ms)
{
	(void)now_ms;
	if (is_over(shipment))
		return never;
	struct deadline next = end_deadline(shipment, rules);
	next = earlier(next, promise_deadline(shipment, rules, zone));
	return earlier(next, silence_deadline(shipment, rules, zone));
}

struct firing {
	struct shipment *shipment;
	const struct zone *zone;
	int64_t now_ms;
	struct changes *out;
};

static void tell(const struct firing *firing, const struct deadline *due, struct event details)
{
	details.at_ms = due->at_ms;
	details.noticed_ms = firing->now_ms;
	details.source = SOURCE_CLOCK;
	changes_add(firing->out, firing->shipment, due->kind, &details);
	firing->out->outcome = OUTCOME_APPLIED;
}

static void fire_promise(const struct firing *firing, const struct deadline *due)
{
	firing->shipment->flags |= SHIPMENT_PROMISE_MISSED | SHIPMENT_DELAY_OPEN;
	tell(firing, due, (struct event){.eta_before = firing->shipment->promised});
	firing->out->why = "the promised date has passed";
}

/* Where a broken promise or the carrier's own word speaks already, silence is noted; if it lasts,
 * that is said all the same. */
static void fire_silence(const struct firing *firing, const struct deadline *due)
{
	struct shipment *shipment = firing->shipment;
	bool was_told = shipment->flags & SHIPMENT_STALLED;
	unsigned standing = findings_standing(shipment, firing->now_ms);
	shipment->flags |= was_told ? SHIPMENT_STALLED_AGAIN : SHIPMENT_STALLED;
	shipment->stalled_ms = firing->now_ms;
	int days = zone_day(firing->zone, firing->now_ms) -
	           zone_day(firing->zone, silent_since_ms(shipment));
	if (!was_told && !finding_speaks(FINDING_STALLED, standing)) {
		firing->out->noted = event_name(EVENT_STALLED);
		firing->out->noted_for = finding_name(finding_most_serious(standing));
		firing->out->outcome = OUTCOME_APPLIED;
		firing->out->state_changed = true;
		firing->out->why = "no news for too long, but worse was said";
		return;
	}
	tell(firing, due, (struct event){.quiet_days = days});
	firing->out->why = was_told ? "still no news" : "no news for too long";
}

/* since_ms stays at the last scan: what moved after it opens the shipment again. */
static void fire_end(const struct firing *firing, const struct deadline *due)
{
	struct shipment *shipment = firing->shipment;
	shipment->status = STATUS_EXPIRED;
	shipment->reason = REASON_NONE;
	shipment->finished_ms = firing->now_ms;
	tell(firing, due, (struct event){0});
	firing->out->why = "no news for so long that nobody waits any more";
}

void deadline_fire(struct shipment *shipment, const struct deadline_rules *rules,
    const struct zone *zone, int64_t now_ms, struct changes *out)
{
	memset(out, 0, sizeof *out);
	out->outcome = OUTCOME_DUPLICATE;
	out->why = "nothing is due";
	if (is_over(shipment))
		return;
	const struct firing firing = {shipment, zone, now_ms, out};
	struct deadline end = end_deadline(shipment, rules);
	struct deadline promise = promise_deadline(shipment, rules, zone);
	struct deadline silence = silence_deadline(shipment, rules, zone);
	if (end.at_ms <= now_ms) { /* then the rest interests nobody */
		fire_end(&firing, &end);
		return;
	}
	if (promise.at_ms <= now_ms)
		fire_promise(&firing, &promise);
	if (silence.at_ms <= now_ms)
		fire_silence(&firing, &silence);
}
