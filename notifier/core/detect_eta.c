#include "notifier/core/detect_internal.h"

/* Less than this on the same day is no news. */
#define SLIP_MS (4 * HOUR_MS)
/* An estimate further away than this is a mistake. */
#define HORIZON_MS (365 * DAY_MS)

/* The day that a window ends on: 24:00 belongs to the day before. */
static int32_t last_day(const struct zone *zone, int64_t end_ms)
{
	return zone_day(zone, end_ms - 1);
}

static bool is_slip(const struct zone *zone, int64_t from_ms, int64_t to_ms)
{
	return to_ms - from_ms >= SLIP_MS ||
	       (to_ms > from_ms && last_day(zone, to_ms) > last_day(zone, from_ms));
}

static bool is_plausible(int64_t end_ms, int64_t now_ms)
{
	return end_ms > now_ms - HORIZON_MS && end_ms < now_ms + HORIZON_MS;
}

static const char *moment_text(int64_t end_ms, const struct zone *zone, struct arena *arena)
{
	char text[WHEN_BYTES];
	int32_t day = last_day(zone, end_ms);
	if (zone_day_end(zone, day) == end_ms)
		day_format(text, day);
	else
		when_format(text, end_ms, zone_offset_s(zone, end_ms));
	return arena_strdup(arena, text);
}

struct eta detect_eta_expected(const struct detection *detection)
{
	const struct shipment *shipment = detection->shipment;
	int64_t expected_ms = shipment->expected_ms;
	if (expected_ms == 0 || expected_ms == eta_end_ms(&shipment->eta, detection->zone))
		return shipment->eta;
	if (expected_ms == eta_end_ms(&shipment->promised, detection->zone))
		return shipment->promised;
	/* Small slips came between: the carrier's own text is gone. */
	return (struct eta){.to = moment_text(expected_ms, detection->zone, detection->arena)};
}

/* An estimate has no time of its own: it is as new as its arrival here. */
static void tell(struct detection *detection, enum event_kind kind)
{
	const struct event details = {.at_ms = detection->context->now_ms,
	    .noticed_ms = detection->context->now_ms,
	    .source = detection->context->source,
	    .eta_before = detect_eta_expected(detection)};
	changes_add(detection->out, detection->shipment, kind, &details);
}

/* In the van, and expected before the day is over: that it comes is the news. */
static bool comes_today(const struct detection *detection, int64_t end_ms)
{
	const struct shipment *shipment = detection->shipment;
	return shipment->status == STATUS_OUT_FOR_DELIVERY &&
	       last_day(detection->zone, end_ms) <= zone_day(detection->zone, shipment->since_ms);
}

static void slip(struct detection *detection, int64_t end_ms)
{
	struct shipment *shipment = detection->shipment;
	if (comes_today(detection, end_ms)) {
		shipment->expected_ms = end_ms;
		return;
	}
	if (!detection->has_delayed && !detection->has_trouble) {
		detection->has_delayed = true;
		tell(detection, EVENT_DELAYED);
	}
	shipment->flags |= SHIPMENT_DELAY_OPEN;
	shipment->expected_ms = shipment->worst_ms = end_ms;
}

static void improve(struct detection *detection, int64_t end_ms)
{
	struct shipment *shipment = detection->shipment;
	if (shipment->flags & SHIPMENT_DELAY_OPEN) {
		tell(detection, EVENT_DELAY_OVER);
		shipment->flags &= ~SHIPMENT_DELAY_OPEN;
	}
	shipment->expected_ms = end_ms;
}

/* expected_ms moves only when people are told, or may be glad: so small slips add up. */
static void judge(struct detection *detection, int64_t end_ms)
{
	struct shipment *shipment = detection->shipment;
	const struct zone *zone = detection->zone;
	if (shipment->expected_ms == 0)
		shipment->expected_ms = eta_end_ms(&shipment->promised, zone);
	if (shipment->expected_ms == 0)
		shipment->expected_ms = end_ms;
	int64_t expected_ms = shipment->expected_ms, worst_ms = shipment->worst_ms;
	if (is_slip(zone, expected_ms, end_ms)) {
		bool is_beyond = worst_ms == 0 || is_slip(zone, worst_ms, end_ms);
		if (is_beyond)
			slip(detection, end_ms);
	} else if (is_slip(zone, end_ms, expected_ms) && end_ms > detection->context->now_ms) {
		improve(detection, end_ms);
	}
}

void detect_eta_apply(struct detection *detection)
{
	struct shipment *shipment = detection->shipment;
	const struct eta *eta = &detection->report->eta;
	int64_t end_ms = eta_end_ms(eta, detection->zone);
	if (!detection->is_current || end_ms == 0 ||
	    !is_plausible(end_ms, detection->context->now_ms))
		return;
	if (text_eq(eta->from, shipment->eta.from) && text_eq(eta->to, shipment->eta.to))
		return;
	if (detect_news_may_be_late(shipment->status))
		judge(detection, end_ms);
	shipment->eta = *eta;
	detection->has_new_eta = true;
}
