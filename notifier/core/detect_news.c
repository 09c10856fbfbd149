#include "notifier/core/detect_internal.h"

/* Two scans of one failed attempt are minutes apart, two attempts are hours apart. */
#define ATTEMPT_APART_MS (2 * HOUR_MS)

/* Does news win against what is believed? */
enum standing { OLDER, SAME, NEWER };

bool detect_news_may_be_late(enum status status)
{
	return !status_is_final(status) && status != STATUS_RETURNING &&
	       status != STATUS_AVAILABLE_FOR_PICKUP;
}

bool detect_news_is_after_end(const struct shipment *shipment, int64_t at_ms)
{
	/* We expired it ourselves, long after its last scan. */
	int64_t end_ms =
	    shipment->status == STATUS_EXPIRED ? shipment->finished_ms : shipment->since_ms;
	return status_is_final(shipment->status) && at_ms - end_ms > DETECT_AFTER_END_MS;
}

/* Of two statements about the same instant the one further along the road wins, whichever came
 * first; the enum's order only makes the choice total. */
static enum standing compare_statements(const struct shipment *shipment, const struct news *news)
{
	int ahead = status_rank(news->status) - status_rank(shipment->status);
	if (ahead == 0)
		ahead = (int)news->status - (int)shipment->status;
	if (ahead == 0)
		ahead = (int)news->reason - (int)shipment->reason;
	return ahead > 0 ? NEWER : ahead < 0 ? OLDER : SAME;
}

static bool is_in_doubt(const struct shipment *shipment, const struct news *news)
{
	int64_t ahead = news->at_ms - shipment->since_ms;
	return (news->approximate || shipment->since_approximate) && ahead < DETECT_DOUBT_MS &&
	       ahead > -DETECT_DOUBT_MS;
}

static enum standing news_standing(const struct shipment *shipment, const struct news *news)
{
	if (shipment->status == STATUS_UNKNOWN)
		return NEWER;
	if (news->is_repeated && shipment->status == STATUS_EXPIRED)
		return OLDER; /* the clock ended it although that scan was known */
	if (news->at_ms == shipment->since_ms)
		return compare_statements(shipment, news);
	bool is_later = news->at_ms > shipment->since_ms;
	if (!is_in_doubt(shipment, news))
		return is_later ? NEWER : OLDER;
	if (news->is_repeated)
		return OLDER; /* it has had its turn when it arrived */
	/* In doubt the order of arrival decides, but it does not wake a finished parcel. */
	bool wakes = status_is_final(shipment->status) && !status_is_final(news->status);
	return wakes ? OLDER : NEWER;
}

static bool is_surely_later(const struct shipment *shipment, const struct news *news)
{
	return news->at_ms > shipment->since_ms && !is_in_doubt(shipment, news);
}

/* The status that the carrier takes back with this news, or UNKNOWN. */
static enum status status_withdrawn(const struct shipment *shipment, const struct news *news)
{
	if (!is_surely_later(shipment, news))
		return STATUS_UNKNOWN;
	if (shipment->status == STATUS_DELIVERED && !status_is_final(news->status) &&
	    news->status != STATUS_RETURNING)
		return STATUS_DELIVERED;
	/* Only what was told last needs taking back. */
	if (shipment->status == STATUS_OUT_FOR_DELIVERY &&
	    shipment->last_event == EVENT_OUT_FOR_DELIVERY &&
	    (news->status == STATUS_IN_TRANSIT || news->status == STATUS_PRE_TRANSIT))
		return STATUS_OUT_FOR_DELIVERY;
	return STATUS_UNKNOWN;
}

/* --- is a status worth an event? ------------------------------------------------------------- */

static bool is_change(const struct detection *detection, const struct news *news)
{
	return detection->shipment->status != news->status;
}

static bool is_first_scan(const struct detection *detection, const struct news *news)
{
	(void)news;
	return !(detection->shipment->flags & SHIPMENT_MOVED);
}

static bool is_another_day(const struct detection *detection, const struct news *news)
{
	int64_t out_ms = detection->shipment->out_ms;
	return out_ms == 0 ||
	       zone_day(detection->zone, news->at_ms) > zone_day(detection->zone, out_ms);
}

static bool is_another_attempt(const struct detection *detection, const struct news *news)
{
	int64_t attempted_ms = detection->shipment->attempted_ms;
	return attempted_ms == 0 || news->at_ms - attempted_ms >= ATTEMPT_APART_MS;
}

static bool is_first_delivery(const struct detection *detection, const struct news *news)
{
	(void)news;
	return detection->shipment->delivered_ms == 0;
}

static bool was_told_last(const struct shipment *shipment, enum event_kind kind, enum reason reason)
{
	return shipment->last_event == kind && shipment->last_reason == reason;
}

/* Exceptions flap with transit scans between; the same trouble is told once in a row. */
static bool is_other_trouble(const struct detection *detection, const struct news *news)
{
	const struct shipment *shipment = detection->shipment;
	if (shipment->status == STATUS_EXCEPTION &&
	    (news->reason == shipment->reason || news->reason == REASON_NONE))
		return false;
	return !was_told_last(shipment, EVENT_EXCEPTION, news->reason);
}

static bool is_first_end(const struct detection *detection, const struct news *news)
{
	(void)news;
	return !status_is_final(detection->shipment->status);
}

static const struct {
	enum event_kind kind;
	bool (*is_told)(const struct detection *detection, const struct news *news);
} arrivals[STATUS_COUNT] = {
    [STATUS_IN_TRANSIT] = {EVENT_SHIPPED, is_first_scan},
    [STATUS_OUT_FOR_DELIVERY] = {EVENT_OUT_FOR_DELIVERY, is_another_day},
    [STATUS_AVAILABLE_FOR_PICKUP] = {EVENT_AVAILABLE_FOR_PICKUP, is_change},
    [STATUS_ATTEMPT_FAILED] = {EVENT_ATTEMPT_FAILED, is_another_attempt},
    [STATUS_DELIVERED] = {EVENT_DELIVERED, is_first_delivery},
    [STATUS_EXCEPTION] = {EVENT_EXCEPTION, is_other_trouble},
    [STATUS_RETURNING] = {EVENT_RETURNING, is_change},
    [STATUS_RETURNED] = {EVENT_RETURNED, is_change},
    [STATUS_CANCELLED] = {EVENT_CLOSED, is_first_end},
    [STATUS_EXPIRED] = {EVENT_CLOSED, is_first_end},
};

/* Customs have their own events, whether the carrier calls it transit or exception. */
static enum event_kind customs_event(const struct news *news)
{
	if (news->status != STATUS_IN_TRANSIT && news->status != STATUS_EXCEPTION)
		return EVENT_NONE;
	return news->reason == REASON_CUSTOMS_HOLD ? EVENT_CUSTOMS_HOLD
	       : news->reason == REASON_DUTIES_DUE ? EVENT_DUTIES_DUE
	                                           : EVENT_NONE;
}

/* The event of this news, seen from what is believed before it. */
static enum event_kind news_event(const struct detection *detection, const struct news *news)
{
	const struct shipment *shipment = detection->shipment;
	if (status_withdrawn(shipment, news) != STATUS_UNKNOWN)
		return EVENT_CORRECTED;
	enum event_kind customs = customs_event(news);
	if (customs != EVENT_NONE) {
		bool appears = shipment->reason != news->reason &&
		               !was_told_last(shipment, customs, news->reason);
		return appears ? customs : EVENT_NONE;
	}
	bool (*is_told)(const struct detection *, const struct news *) =
	    arrivals[news->status].is_told;
	return is_told != NULL && is_told(detection, news) ? arrivals[news->status].kind
	                                                   : EVENT_NONE;
}

/* --- what it changes ------------------------------------------------------------------------- */

static void mark_end(struct shipment *shipment, const struct news *news, int64_t now_ms)
{
	if (!status_is_final(news->status))
		shipment->finished_ms = 0;
	else if (shipment->finished_ms == 0)
		shipment->finished_ms = now_ms;
	if (news->status == STATUS_DELIVERED && shipment->delivered_ms == 0)
		shipment->delivered_ms = news->at_ms;
}

static void withdraw_delivery(struct shipment *shipment)
{
	shipment->delivered_ms = 0;
	shipment->delivered_place = NULL;
}

/* The scan that an event was about, even where `corrected` tells it in that event's place. */
static void mark_told(struct shipment *shipment, const struct news *news, enum event_kind kind)
{
	if (kind == EVENT_NONE)
		return;
	if (news->status == STATUS_OUT_FOR_DELIVERY)
		shipment->out_ms = news->at_ms;
	if (news->status == STATUS_ATTEMPT_FAILED)
		shipment->attempted_ms = news->at_ms;
}

static void believe(struct detection *detection, const struct news *news)
{
	struct shipment *shipment = detection->shipment;
	mark_end(shipment, news, detection->context->now_ms);
	shipment->status = news->status;
	shipment->reason = news->reason;
	shipment->since_ms = news->at_ms;
	shipment->since_approximate = news->approximate;
	if (status_is_moving(news->status))
		shipment->flags |= SHIPMENT_MOVED;
	if (news->status == STATUS_OUT_FOR_DELIVERY || news->status == STATUS_DELIVERED)
		shipment->flags &= ~SHIPMENT_DELAY_OPEN; /* it comes, or it came: no `delay_over` */
	shipment->flags &= ~(SHIPMENT_STALLED | SHIPMENT_STALLED_AGAIN);
	shipment->stalled_ms = 0;
	detection->has_news = true;
}

/* --- what is told ---------------------------------------------------------------------------- */

static struct event *tell(
    struct detection *detection, enum event_kind kind, const struct news *news)
{
	const struct event details = {.at_ms = news->at_ms,
	    .noticed_ms = detection->context->now_ms,
	    .approximate = news->approximate,
	    .source = detection->context->source};
	return changes_add(detection->out, detection->shipment, kind, &details);
}

static bool tells_trouble(enum event_kind kind)
{
	return kind == EVENT_CORRECTED || kind == EVENT_ATTEMPT_FAILED || kind == EVENT_EXCEPTION ||
	       kind == EVENT_CUSTOMS_HOLD || kind == EVENT_DUTIES_DUE;
}

/* A delay that the carrier admits.  Where another event tells of the trouble the delay is only
 * noted, so that one piece of news is one message. */
static bool admits_delay(struct detection *detection, const struct news *news, enum event_kind told)
{
	struct shipment *shipment = detection->shipment;
	if (!reason_is_delay(news->reason) || !detect_news_may_be_late(news->status) ||
	    news->status == STATUS_OUT_FOR_DELIVERY || shipment->flags & SHIPMENT_DELAY_OPEN)
		return false;
	shipment->flags |= SHIPMENT_DELAY_OPEN;
	return (told == EVENT_NONE || told == EVENT_SHIPPED) && !detection->has_delayed;
}

static void tell_delay(struct detection *detection, const struct news *news)
{
	detection->has_delayed = true;
	tell(detection, EVENT_DELAYED, news)->eta_before = detect_eta_expected(detection);
}

/* The parcel moves again after a silence that we wrote about; worth a word unless the news has one
 * of its own, or the parcel is late anyway. */
static bool ends_silence(const struct shipment *shipment, bool was_stalled)
{
	return was_stalled && status_is_moving(shipment->status) &&
	       detect_news_may_be_late(shipment->status) &&
	       !(shipment->flags & SHIPMENT_DELAY_OPEN) &&
	       (shipment->flags & (SHIPMENT_PREDICTED | SHIPMENT_PREDICTED_OVER)) !=
	           SHIPMENT_PREDICTED;
}

static void take(struct detection *detection, const struct news *news)
{
	struct shipment *shipment = detection->shipment;
	enum event_kind kind = news_event(detection, news);
	enum status withdrawn = status_withdrawn(shipment, news);
	bool was_stalled = shipment->flags & SHIPMENT_STALLED;
	believe(detection, news);
	mark_told(shipment, news, kind);
	if (withdrawn == STATUS_DELIVERED)
		withdraw_delivery(shipment);
	if (kind != EVENT_NONE)
		tell(detection, kind, news)->withdrawn = withdrawn;
	detection->has_trouble =
	    tells_trouble(kind) || (detection->has_trouble && kind == EVENT_NONE);
	if (admits_delay(detection, news, kind))
		tell_delay(detection, news);
	else if (kind == EVENT_NONE && ends_silence(shipment, was_stalled))
		tell(detection, EVENT_DELAY_OVER, news)->eta_before =
		    detect_eta_expected(detection);
}

/* Older than what is believed: history.  But the first real scan is one even when a newer label
 * event overtook it. */
static void take_late(struct detection *detection, const struct news *news)
{
	struct shipment *shipment = detection->shipment;
	if (!status_is_moving(news->status) || shipment->flags & SHIPMENT_MOVED)
		return;
	shipment->flags |= SHIPMENT_MOVED;
	if (shipment->status == STATUS_PRE_TRANSIT && news->status == STATUS_IN_TRANSIT) {
		detection->has_news = true;
		tell(detection, EVENT_SHIPPED, news);
	}
}

void detect_news_apply(struct detection *detection, const struct news *news)
{
	switch (news_standing(detection->shipment, news)) {
	case NEWER: take(detection, news); break;
	case OLDER: take_late(detection, news); break;
	case SAME: break;
	}
}
