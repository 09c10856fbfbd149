#include "notifier/core/detect.h"

#include <string.h>

#include "notifier/core/detect_internal.h"

#define FUTURE_MS    DAY_MS         /* clocks of carriers are wrong, but not by more */
#define ANCIENT_MS   (365 * DAY_MS) /* a date of another format, or another parcel */
#define BEFORE_US_MS (30 * DAY_MS)  /* a number is registered soon after it was given out */

static const char *const outcomes[OUTCOME_COUNT] = {
    [OUTCOME_APPLIED] = "applied",
    [OUTCOME_DUPLICATE] = "duplicate",
    [OUTCOME_STALE] = "stale",
    [OUTCOME_QUARANTINED] = "quarantined",
};

const char *outcome_name(enum outcome outcome)
{
	return outcome < OUTCOME_COUNT ? outcomes[outcome] : "unknown";
}

/* `closed` and `feedback_request` say nothing that makes older news untrue. */
static bool supersedes(enum event_kind kind)
{
	return kind != EVENT_CLOSED && kind != EVENT_FEEDBACK_REQUEST;
}

struct event *changes_add(struct changes *changes, struct shipment *shipment, enum event_kind kind,
    const struct event *details)
{
	struct event *events = changes->events;
	if (changes->event_count == CHANGES_EVENTS_MAX)
		memmove(events, events + 1, --changes->event_count * sizeof *events);
	struct event *event = &events[changes->event_count++];
	*event = *details;
	event->kind = kind;
	event->sequence = ++shipment->sequence;
	event->status = shipment->status;
	event->reason = shipment->reason;
	if (supersedes(kind)) {
		shipment->superseding = event->sequence;
		shipment->last_event = kind;
		shipment->last_reason = shipment->reason;
	}
	changes->state_changed = true;
	return event;
}

/* --- may the report be believed at all? ------------------------------------------------------ */

static void refuse(struct detection *detection, enum outcome outcome, const char *why)
{
	detection->out->outcome = outcome;
	detection->out->why = why;
}

static const char *why_time(struct detection *detection, const char *text, int64_t at_ms)
{
	char time[WHEN_BYTES];
	when_format_utc(time, at_ms);
	return arena_printf(detection->arena, "%s: %s", text, time);
}

/* True when the report says nothing about this parcel; the outcome is set then. */
static bool is_refused(struct detection *detection)
{
	const struct scan *newest = detect_scan_newest(detection);
	if (newest == NULL)
		return false;
	int64_t at_ms = newest->at_ms, now_ms = detection->context->now_ms;
	if (at_ms > now_ms + FUTURE_MS)
		refuse(detection, OUTCOME_QUARANTINED,
		    why_time(detection, "time is in the future", at_ms));
	else if (at_ms < now_ms - ANCIENT_MS)
		refuse(detection, OUTCOME_QUARANTINED,
		    why_time(detection, "newest time is more than a year ago", at_ms));
	else if (at_ms < detection->shipment->created_ms - BEFORE_US_MS)
		refuse(detection, OUTCOME_STALE, "an earlier parcel with this number");
	else if (detect_news_is_after_end(detection->shipment, at_ms))
		refuse(detection, OUTCOME_STALE, "after the end: the number may be in use again");
	else
		return false;
	return true;
}

/* --- the story ------------------------------------------------------------------------------- */

/* The carrier's own status field speaks for its newest scan: it wins over what that scan's code
 * says, and tells what a scan of unknown code means. */
static void overrule(struct news *news, const struct report *report)
{
	bool agrees = report->status == STATUS_UNKNOWN || report->status == news->status;
	if (!agrees) {
		news->status = report->status;
		news->reason = report->reason;
	} else if (report->reason != REASON_NONE) {
		news->reason = report->reason;
	}
}

static struct news news_of_scan(const struct detection *detection, const struct scan *scan)
{
	struct news news = {.at_ms = scan->at_ms,
	    .approximate = scan->approximate,
	    .status = scan->checkpoint->status,
	    .reason = scan->checkpoint->reason};
	if (scan == detect_scan_newest(detection))
		overrule(&news, detection->report);
	return news;
}

/* Of unknown status: a sign of life, no more. */
static void take_information(struct detection *detection, const struct scan *scan)
{
	if (scan->at_ms >= detection->shipment->newest_ms)
		detection->has_news = true;
}

static void take_scan(struct detection *detection, struct scan *scan)
{
	struct shipment *shipment = detection->shipment;
	if (detect_news_is_after_end(shipment, scan->at_ms)) {
		detection->is_after_end = true;
		scan->novelty = SCAN_KNOWN;
	}
	if (scan->novelty != SCAN_NEW)
		return;
	struct news news = news_of_scan(detection, scan);
	if (news.status == STATUS_UNKNOWN)
		take_information(detection, scan);
	else
		detect_news_apply(detection, &news);
	if (scan->at_ms > shipment->newest_ms)
		shipment->newest_ms = scan->at_ms;
}

/* The field may change without a new scan, and some carriers send no scans at all. */
static void take_field(struct detection *detection)
{
	const struct report *report = detection->report;
	const struct shipment *shipment = detection->shipment;
	const struct scan *newest = detect_scan_newest(detection);
	if (report->status == STATUS_UNKNOWN || (newest != NULL && newest->novelty == SCAN_NEW))
		return;
	if (report->status == shipment->status &&
	    (report->reason == REASON_NONE || report->reason == shipment->reason))
		return;
	struct news news = {.status = report->status, .reason = report->reason};
	news.is_repeated = newest != NULL;
	news.at_ms = newest != NULL ? newest->at_ms : detection->context->now_ms;
	news.approximate = newest == NULL || newest->approximate;
	if (detect_news_is_after_end(shipment, news.at_ms))
		detection->is_after_end = true;
	else
		detect_news_apply(detection, &news);
}

static void take_text(struct detection *detection, const char **known, const char *said)
{
	if (text_is_empty(said) || text_eq(*known, said))
		return;
	*known = said;
	detection->has_new_details = true;
}

/* A place is taken as a whole: a new shop does not keep the old shop's code. */
static void take_pickup(struct detection *detection)
{
	struct shipment *shipment = detection->shipment;
	const struct report *report = detection->report;
	if (!text_is_empty(report->pickup.name) &&
	    !text_eq(shipment->pickup.name, report->pickup.name))
		memset(&shipment->pickup, 0, sizeof shipment->pickup);
	take_text(detection, &shipment->pickup.name, report->pickup.name);
	take_text(detection, &shipment->pickup.address, report->pickup.address);
	take_text(detection, &shipment->pickup.until, report->pickup.until);
	take_text(detection, &shipment->pickup.code, report->pickup.code);
}

static void take_details(struct detection *detection)
{
	struct shipment *shipment = detection->shipment;
	const struct report *report = detection->report;
	if (!detection->is_current)
		return;
	take_pickup(detection);
	take_text(detection, &shipment->duties.amount, report->duties.amount);
	take_text(detection, &shipment->duties.currency, report->duties.currency);
	take_text(detection, &shipment->duties.due, report->duties.due);
	take_text(detection, &shipment->actual_carrier, report->actual_carrier);
	if (shipment->status == STATUS_DELIVERED)
		take_text(detection, &shipment->delivered_place, report->delivered_place);
}

/* Is it no older than what we know?  Estimates and details carry no time of their own. */
static bool is_current(const struct detection *detection)
{
	const struct scan *newest = detect_scan_newest(detection);
	if (newest == NULL)
		return true;
	bool in_doubt = newest->approximate || detection->shipment->since_approximate;
	return newest->at_ms + (in_doubt ? DETECT_DOUBT_MS : 0) >= detection->shipment->newest_ms;
}

/* --- what became of it ----------------------------------------------------------------------- */

static void list_fresh(struct detection *detection)
{
	struct changes *out = detection->out;
	out->fresh = arena_array(detection->arena, detection->scan_count, sizeof *out->fresh);
	out->fresh_ms = arena_array(detection->arena, detection->scan_count, sizeof *out->fresh_ms);
	for (size_t i = 0; i < detection->scan_count; i++) {
		const struct scan *scan = &detection->scans[i];
		if (scan->novelty == SCAN_KNOWN)
			continue;
		out->fresh[out->fresh_count] = scan->checkpoint;
		out->fresh_ms[out->fresh_count++] = scan->at_ms;
	}
}

static bool has_new_scan(const struct detection *detection)
{
	for (size_t i = 0; i < detection->scan_count; i++)
		if (detection->scans[i].novelty == SCAN_NEW)
			return true;
	return false;
}

static const char *why_applied(const struct detection *detection, enum status before)
{
	enum status status = detection->shipment->status;
	if (status != before)
		return arena_printf(detection->arena, "the status changed from %s to %s",
		    status_name(before), status_name(status));
	if (detection->has_news)
		return arena_printf(
		    detection->arena, "new scans, the status is still %s", status_name(status));
	return detection->has_new_eta ? "the carrier has a new estimate"
	                              : "the carrier has new details";
}

static const char *why_stale(const struct detection *detection)
{
	if (detection->is_after_end)
		return "after the end: the number may be in use again";
	return has_new_scan(detection) ? "older than what is known" : "known scans in other words";
}

static void conclude(struct detection *detection, enum status before)
{
	struct shipment *shipment = detection->shipment;
	struct changes *out = detection->out;
	if (detection->has_news)
		shipment->heard_ms = detection->context->now_ms;
	if (detection->has_news || detection->has_new_eta || detection->has_new_details) {
		out->outcome = OUTCOME_APPLIED;
		out->why = why_applied(detection, before);
		if (detection->context->source == SOURCE_WEBHOOK)
			shipment->flags |= SHIPMENT_PUSHED;
	} else if (out->fresh_count > 0 || detection->is_after_end) {
		out->outcome = OUTCOME_STALE;
		out->why = why_stale(detection);
	}
	out->state_changed |= out->outcome == OUTCOME_APPLIED || out->fresh_count > 0;
}

void detect(struct shipment *shipment, const struct report *report,
    const struct detect_context *context, struct changes *out, struct arena *arena)
{
	memset(out, 0, sizeof *out);
	out->outcome = OUTCOME_DUPLICATE;
	out->why = "same as before";
	struct detection detection = {.shipment = shipment,
	    .report = report,
	    .context = context,
	    .zone = context->destination_zone ?: context->carrier_zone,
	    .out = out,
	    .arena = arena};
	enum status before = shipment->status;

	detect_scan_place(&detection);
	if (is_refused(&detection))
		return;
	detection.is_current = is_current(&detection);
	for (size_t i = 0; i < detection.scan_count; i++)
		take_scan(&detection, &detection.scans[i]);
	take_field(&detection);
	if (!detection.is_after_end) {
		detect_eta_apply(&detection);
		take_details(&detection);
	}
	detect_scan_remember(&detection);
	list_fresh(&detection);
	conclude(&detection, before);
}
