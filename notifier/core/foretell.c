#include "notifier/core/foretell.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "notifier/core/detect_internal.h"
#include "notifier/core/finding.h"

#define SPREAD_MS  (4 * HOUR_MS) /* a zone's parcels are not all judged at midnight */
#define PER_MILLE  1000.0
#define LATEST_DAY 100000 /* far beyond every believable promise */

static int64_t spread_ms(const char *id)
{
	uint64_t hash = fnv1a64(id, strlen(id));
	return (int64_t)((hash ^ hash >> 31) % SPREAD_MS);
}

static int32_t promised_day(const struct shipment *shipment, const struct zone *zone)
{
	int64_t end_ms = eta_end_ms(&shipment->promised, zone);
	int32_t day = end_ms > 0 ? zone_day(zone, end_ms - 1) : DELAY_DAY_NONE;
	return day < LATEST_DAY ? day : DELAY_DAY_NONE;
}

int64_t foretell_next_ms(const struct shipment *shipment, const struct zone *zone)
{
	if (shipment_is_finished(shipment) || status_is_final(shipment->status) ||
	    shipment->handover_ms == 0 || shipment->forecast.tick_day == 0)
		return NEVER_MS; /* the first day is judged with the news of the handover */
	int32_t handover_day = zone_day(zone, shipment->handover_ms);
	int32_t day = shipment->forecast.tick_day + 1;
	if (day - handover_day > DELAY_EXPIRE_DAYS)
		return NEVER_MS;
	return zone_day_start(zone, day) + spread_ms(shipment->id);
}

/* Waiting for its recipient or for customs, it is nobody's delay. */
static bool is_in_motion(const struct shipment *shipment)
{
	static const bool moves[STATUS_COUNT] = {[STATUS_IN_TRANSIT] = true,
	    [STATUS_OUT_FOR_DELIVERY] = true,
	    [STATUS_ATTEMPT_FAILED] = true,
	    [STATUS_EXCEPTION] = true};
	return moves[shipment->status] && shipment->reason != REASON_CUSTOMS_HOLD &&
	       shipment->reason != REASON_DUTIES_DUE;
}

/* The level of a lane: the region where it is known, else the country. */
static const char *place_name(const struct address *address)
{
	return text_is_empty(address->region) ? address->country : address->region;
}

static struct delay_trip trip_of(const struct shipment *shipment, const struct foretell *foretell)
{
	return (struct delay_trip){
	    .place = delay_place(foretell->model, shipment->carrier, shipment->service,
	        place_name(&shipment->origin), place_name(&shipment->destination)),
	    .handover_day = zone_day(foretell->zone, shipment->handover_ms),
	    .promised_day = promised_day(shipment, foretell->zone),
	    .calendar = foretell->calendar,
	    .held_days = shipment->forecast.held_days,
	};
}

/* --- the verdict -------------------------------------------------------------------------------
 */

/* A forecast takes the place of news about waiting, and of no other: who was not at home must hear
 * of that, too. */
static bool may_supersede(enum event_kind last)
{
	return last == EVENT_NONE || last == EVENT_SHIPPED || last == EVENT_DELAYED ||
	       last == EVENT_DELAY_PREDICTED || last == EVENT_DELAY_OVER || last == EVENT_STALLED;
}

static void say(struct shipment *shipment, const struct foretell *foretell, enum event_kind kind,
    struct changes *out)
{
	const struct shipment before = *shipment;
	int32_t promised = promised_day(shipment, foretell->zone);
	const struct forecast *f = &shipment->forecast;
	struct event details = {.at_ms = foretell->now_ms,
	    .noticed_ms = foretell->now_ms,
	    .source = foretell->source,
	    .eta_before = shipment->promised};
	if (kind == EVENT_DELAY_PREDICTED && f->high_day > promised) { /* late: not before then */
		details.low_day = f->low_day > promised ? f->low_day : promised + 1;
		details.high_day = f->high_day;
	}
	changes_add(out, shipment, kind, &details);
	if (!may_supersede(before.last_event)) {
		shipment->superseding = before.superseding;
		shipment->last_event = before.last_event;
		shipment->last_reason = before.last_reason;
	}
	out->outcome = OUTCOME_APPLIED;
}

static int64_t eta_s(const struct shipment *shipment, const struct foretell *foretell)
{
	return eta_end_ms(&shipment->eta, foretell->zone) / SECOND_MS;
}

/* The end of the carrier's estimate where it is not over yet and keeps the promise; else 0. */
static int64_t kept_eta_s(const struct shipment *shipment, const struct foretell *foretell)
{
	int64_t eta_ms = eta_end_ms(&shipment->eta, foretell->zone);
	bool holds =
	    eta_ms > foretell->now_ms && eta_ms <= eta_end_ms(&shipment->promised, foretell->zone);
	return holds ? eta_s(shipment, foretell) : 0;
}

static void note(const struct shipment *shipment, const struct foretell *foretell,
    const struct delay_trip *trip, unsigned standing, struct foretell_result *result)
{
	const struct forecast *f = &shipment->forecast;
	char span[2 * WHEN_BYTES + 16] = "", from[WHEN_BYTES], to[WHEN_BYTES];
	if (f->high_day != 0) {
		day_format(from, f->low_day);
		day_format(to, f->high_day);
		snprintf(span, sizeof span, "; expected %s to %s", from, to);
	}
	bool is_cold =
	    delay_experience(foretell->model, trip->place) < foretell->rule->cold_deliveries;
	snprintf(result->why, sizeof result->why,
	    "%s %.0f %% on day %d on the road, %d days before the promise ends%s%s%s",
	    is_cold ? "counted down, the carrier has taught too little: P(late)" : "P(late) is",
	    f->p_late * 100 / PER_MILLE, f->judged_day - trip->handover_day,
	    trip->promised_day + 1 - f->judged_day, span, standing ? "; not said: " : "",
	    standing ? finding_name(finding_most_serious(standing)) : "");
}

/* An alert that worse findings keep back is noted once, and said when these are over; "over" is
 * said to those who heard the alert. */
static void speak(struct shipment *shipment, const struct foretell *foretell,
    const struct delay_trip *trip, enum delay_verdict verdict, struct changes *out,
    struct foretell_result *result)
{
	bool is_alert = verdict == DELAY_ALERT;
	unsigned standing = findings_standing(shipment, foretell->now_ms);
	bool speaks = is_alert ? finding_speaks(FINDING_DELAY_PREDICTED, standing) : standing == 0;
	if (is_alert && !speaks && shipment->flags & SHIPMENT_FORETOLD)
		return;
	shipment->flags |= !is_alert ? SHIPMENT_PREDICTED_OVER
	                   : speaks  ? SHIPMENT_PREDICTED
	                             : SHIPMENT_FORETOLD;
	if (is_alert && speaks) {
		shipment->forecast.alert_day = zone_day(foretell->zone, foretell->now_ms);
		shipment->forecast.alert_eta_s = eta_s(shipment, foretell);
	}
	if (speaks)
		say(shipment, foretell, is_alert ? EVENT_DELAY_PREDICTED : EVENT_DELAY_OVER, out);
	result->what = !speaks ? "noted" : is_alert ? "delay_predicted" : "delay_over";
	note(shipment, foretell, trip, speaks ? 0 : standing, result);
	out->state_changed = true;
}

static void judge(struct shipment *shipment, const struct foretell *foretell,
    const struct delay_trip *trip, struct changes *out, struct foretell_result *result)
{
	struct forecast *f = &shipment->forecast;
	int64_t kept_s = kept_eta_s(shipment, foretell);
	struct delay_signs signs = {
	    .p_late = f->p_late / PER_MILLE,
	    .experience = delay_experience(foretell->model, trip->place),
	    .day = f->judged_day,
	    .handover_day = trip->handover_day,
	    .promised_day = trip->promised_day,
	    .countdown_precision = delay_countdown_precision(foretell->model, trip->place),
	    .carrier_keeps_it = kept_s != 0,
	    .carrier_eta_is_new = kept_s != f->alert_eta_s,
	};
	struct delay_watch watch = {.highest_p = f->highest_p / PER_MILLE,
	    .alerted = (shipment->flags & SHIPMENT_PREDICTED) != 0,
	    .over = (shipment->flags & SHIPMENT_PREDICTED_OVER) != 0};
	enum delay_verdict verdict = delay_judge(foretell->rule, foretell->tuner, &watch, &signs);
	f->highest_p = (unsigned)lround(watch.highest_p * PER_MILLE);
	if (verdict != DELAY_SILENT)
		speak(shipment, foretell, trip, verdict, out, result);
}

/* --- the day ------------------------------------------------------------------------------------
 */

/* What the model says today, whether or not anybody is told. */
static void predict(
    struct shipment *shipment, const struct foretell *foretell, const struct delay_trip *trip)
{
	struct forecast *f = &shipment->forecast;
	struct delay_eta eta = {0};
	bool is_first = f->judged_day == trip->handover_day && f->first.mass == 0;
	bool knows =
	    delay_experience(foretell->model, trip->place) >= foretell->rule->cold_deliveries;
	double p_late = delay_p_late(foretell->model, trip, f->judged_day);
	if (knows)
		delay_eta(foretell->model, trip, f->judged_day, &eta);
	f->p_late = (unsigned)lround(p_late * PER_MILLE);
	f->low_day = eta.low_day;
	f->high_day = eta.high_day;
	if (is_first && knows) {
		f->first.low_day = eta.low_day;
		f->first.high_day = eta.high_day;
		f->first.mass = (unsigned)lround(eta.mass * PER_MILLE);
	}
	unsigned char *said =
	    &f->said[p_late < 1 ? (int)(p_late * FORECAST_BINS) : FORECAST_BINS - 1];
	if (knows && f->judged_day <= trip->promised_day && *said < UCHAR_MAX)
		++*said;
}

/* Waiting for people it does not age. */
static int32_t held_days(const struct forecast *f, int32_t day)
{
	int32_t now = f->held_from != 0 && day > f->held_from ? day - f->held_from : 0;
	return f->held_days + now;
}

/* The days from the first not yet taught until to_day; held days were no risk, and teach nothing.
 */
static struct foretell_lesson lesson_of(
    const struct shipment *shipment, const struct delay_trip *trip, int32_t to_day)
{
	const struct forecast *f = &shipment->forecast;
	int32_t from = f->held_from ? f->held_from : f->tick_day ? f->tick_day : trip->handover_day;
	return (struct foretell_lesson){.trip = *trip,
	    .from_day = from,
	    .to_day = f->held_from ? from : to_day,
	    .delivered_day = DELAY_DAY_NONE};
}

/* The interval shown at the handover: known to hold or to have failed?  What waited for people
 * says nothing about the network; a day of grace is for news that come in the night. */
static void settle_interval(
    struct shipment *shipment, int32_t day, bool is_delivered, struct foretell_lesson *lesson)
{
	struct forecast *f = &shipment->forecast;
	int32_t grace_days = is_delivered ? 0 : 1;
	if (f->first.mass == 0 || !(is_delivered || day > f->first.high_day + grace_days))
		return;
	if (held_days(f, day) == 0) {
		lesson->eta_day = day;
		lesson->eta_mass = f->first.mass / PER_MILLE;
		lesson->eta_held =
		    is_delivered && day >= f->first.low_day && day <= f->first.high_day;
	}
	memset(&f->first, 0, sizeof f->first);
}

/* Whether it kept its promise.  A day it was held is its recipient's, or the customs'. */
static void settle_promise(struct shipment *shipment, const struct delay_trip *trip, int32_t day,
    bool is_delivered, struct foretell_lesson *lesson)
{
	struct forecast *f = &shipment->forecast;
	int32_t grace_days = is_delivered ? 0 : 1, travelled_day = day - held_days(f, day);
	bool is_late = travelled_day > trip->promised_day + grace_days;
	if (trip->promised_day == DELAY_DAY_NONE || shipment->flags & SHIPMENT_JUDGED ||
	    !(is_delivered || is_late))
		return;
	shipment->flags |= SHIPMENT_JUDGED;
	lesson->outcome = is_late ? FORETELL_LATE : FORETELL_IN_TIME;
	lesson->was_alerted = (shipment->flags & SHIPMENT_PREDICTED) != 0;
	lesson->lead_days = trip->promised_day + 1 - f->alert_day;
	lesson->highest_p = f->highest_p / PER_MILLE;
	memcpy(lesson->said, f->said, sizeof lesson->said);
	memset(f->said, 0, sizeof f->said);
}

static int64_t first_move_ms(const struct shipment *shipment, const struct changes *changes)
{
	for (size_t i = 0; i < changes->fresh_count; i++)
		if (is_in_motion(&(struct shipment){.status = changes->fresh[i]->status}))
			return changes->fresh_ms[i];
	return shipment->newest_ms;
}

static void deliver(
    struct shipment *shipment, const struct foretell *foretell, struct foretell_result *result)
{
	struct forecast *f = &shipment->forecast;
	struct delay_trip trip = trip_of(shipment, foretell);
	int32_t day = zone_day(foretell->zone, shipment->delivered_ms);
	struct foretell_lesson *lesson = &result->lesson;
	trip.held_days = held_days(f, day);
	*lesson = lesson_of(shipment, &trip, day);
	lesson->delivered_day = day;
	settle_interval(shipment, day, true, lesson);
	settle_promise(shipment, &trip, day, true, lesson);
	shipment->flags |= SHIPMENT_TAUGHT;
	f->taught_day = day;
	if (day >= f->tick_day)
		f->tick_day = day + 1; /* should it be taken back: that day is taught */
}

/* The carrier takes the delivery back.  The promise's outcome was counted, and stays counted. */
static void take_back(
    struct shipment *shipment, const struct foretell *foretell, struct foretell_result *result)
{
	struct forecast *f = &shipment->forecast;
	struct delay_trip trip = trip_of(shipment, foretell);
	trip.held_days = held_days(f, f->taught_day);
	struct foretell_lesson *lesson = &result->lesson;
	*lesson = lesson_of(shipment, &trip, f->tick_day);
	lesson->taken_back_day = f->taught_day;
	lesson->from_day = f->taught_day + 1; /* late news had taken these days back */
	lesson->to_day = f->held_from ? f->held_from : f->tick_day;
	shipment->flags &= ~SHIPMENT_TAUGHT;
	f->taught_day = 0;
}

/* A new day: closes those since the last one. */
static void begin_day(struct shipment *shipment, const struct foretell *foretell, int32_t today,
    struct foretell_result *result)
{
	struct forecast *f = &shipment->forecast;
	struct delay_trip trip = trip_of(shipment, foretell);
	if (!is_in_motion(shipment) && f->held_from == 0)
		f->held_from = f->tick_day ? f->tick_day : today;
	result->lesson = lesson_of(shipment, &trip, today);
	settle_interval(shipment, today, false, &result->lesson);
	settle_promise(shipment, &trip, today, false, &result->lesson);
	if (is_in_motion(shipment)) {
		f->held_days = held_days(f, today);
		f->held_from = 0;
	}
	f->tick_day = today;
}

/* The carrier promises anew what we doubted: that need not wait for tomorrow. */
static bool is_reassured(const struct shipment *shipment, const struct foretell *foretell)
{
	int64_t kept_s = kept_eta_s(shipment, foretell);
	return (shipment->flags & (SHIPMENT_PREDICTED | SHIPMENT_PREDICTED_OVER)) ==
	           SHIPMENT_PREDICTED &&
	       kept_s != 0 && kept_s != shipment->forecast.alert_eta_s;
}

static bool tells(const struct changes *out, enum event_kind kind)
{
	for (size_t i = 0; i < out->event_count; i++)
		if (out->events[i].kind == kind)
			return true;
	return false;
}

/* In the van nothing is guessed; and beside news from the carrier nothing but a first scan. */
static void look(struct shipment *shipment, const struct foretell *foretell, int32_t today,
    struct changes *out, struct foretell_result *result)
{
	struct forecast *f = &shipment->forecast;
	struct delay_trip trip = trip_of(shipment, foretell);
	if (!is_in_motion(shipment) || shipment->status == STATUS_OUT_FOR_DELIVERY ||
	    out->event_count > (tells(out, EVENT_SHIPPED) ? 1 : 0))
		return;
	trip.held_days = held_days(f, today);
	if (f->judged_day < today) {
		f->judged_day = today;
		out->state_changed = true;
		predict(shipment, foretell, &trip);
		if (today <= trip.promised_day)
			judge(shipment, foretell, &trip, out, result);
	} else if (is_reassured(shipment, foretell)) {
		speak(shipment, foretell, &trip, DELAY_IS_OVER, out, result);
	}
}

void foretell_day(struct shipment *shipment, const struct foretell *foretell, struct changes *out,
    struct foretell_result *result)
{
	*result = (struct foretell_result){0};
	if (shipment->handover_ms == 0 && shipment->flags & SHIPMENT_MOVED)
		shipment->handover_ms = first_move_ms(shipment, out);
	if (shipment->handover_ms == 0)
		return;
	if (shipment->flags & SHIPMENT_PREDICTED && tells(out, EVENT_DELAY_OVER))
		shipment->flags |= SHIPMENT_PREDICTED_OVER; /* the carrier was faster */
	int32_t today = zone_day(foretell->zone, foretell->now_ms);
	bool is_taught = shipment->flags & SHIPMENT_TAUGHT;
	if (shipment->status == STATUS_DELIVERED && !is_taught) {
		deliver(shipment, foretell, result);
		return;
	}
	if (shipment_is_finished(shipment))
		return;
	if (is_taught && is_in_motion(shipment)) { /* one lesson at a time: its day can wait */
		take_back(shipment, foretell, result);
		return;
	}
	if (shipment->forecast.tick_day < today) {
		begin_day(shipment, foretell, today, result);
		out->state_changed = true;
	}
	look(shipment, foretell, today, out, result);
}

void foretell_forget(struct shipment *shipment)
{
	struct forecast *f = &shipment->forecast;
	shipment->expected_ms = shipment->worst_ms = 0;
	shipment->flags &= ~(SHIPMENT_PROMISE_MISSED | SHIPMENT_DELAY_OPEN | SHIPMENT_PREDICTED |
	                     SHIPMENT_PREDICTED_OVER | SHIPMENT_JUDGED | SHIPMENT_FORETOLD);
	f->judged_day = 0;
	f->highest_p = f->p_late = 0;
	f->alert_day = 0;
	f->alert_eta_s = 0;
	memset(f->said, 0, sizeof f->said);
}

void foretell_learn(
    struct delay_model *model, struct delay_tuner *tuner, const struct foretell_lesson *lesson)
{
	const struct delay_trip *trip = &lesson->trip;
	int32_t delivered = lesson->delivered_day;
	if (trip->place == NULL)
		return;
	if (lesson->eta_mass > 0)
		delay_on_eta(
		    model, trip->place, lesson->eta_day, lesson->eta_mass, lesson->eta_held);
	if (lesson->taken_back_day != 0)
		delay_on_taken_back(model, trip, lesson->taken_back_day);
	for (int32_t day = lesson->from_day;
	     day < lesson->to_day && day - trip->handover_day <= DELAY_EXPIRE_DAYS; day++)
		delay_on_day(model, trip, day, false);
	if (delivered == DELAY_DAY_NONE)
		return;
	if (delivered >= lesson->from_day)
		delay_on_day(model, trip, delivered, true);
	else
		delay_on_late_news(model, trip, delivered, lesson->from_day - 1);
	if (lesson->outcome == FORETELL_IN_TIME)
		delay_tuner_on_time(tuner, lesson->highest_p, delivered);
}
