#include "notifier/core/foretell.h"

#include <stdio.h>
#include <string.h>

#include "notifier/core/delay_silence.h"
#include "notifier/core/detect_internal.h"

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

static bool is_watched(const struct shipment *shipment, const struct zone *zone)
{
	return shipment->handover_ms != 0 && promised_day(shipment, zone) != DELAY_DAY_NONE;
}

int64_t foretell_next_ms(const struct shipment *shipment, const struct zone *zone)
{
	if (shipment_is_finished(shipment) || status_is_final(shipment->status) ||
	    !is_watched(shipment, zone) || shipment->tick_day == 0)
		return NEVER_MS; /* the first day is judged with the news of the handover */
	int32_t handover_day = zone_day(zone, shipment->handover_ms);
	int32_t day = (int32_t)shipment->tick_day + 1;
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
	};
}

/* --- the verdict -------------------------------------------------------------------------------
 */

static unsigned standing_findings(const struct shipment *shipment)
{
	unsigned standing = 0;
	if (shipment->flags & SHIPMENT_STALLED)
		standing |= FINDING_BIT(FINDING_STALLED);
	if (shipment->flags & SHIPMENT_PROMISE_MISSED)
		standing |= FINDING_BIT(FINDING_PROMISE_BROKEN);
	if (shipment->flags & SHIPMENT_DELAY_OPEN || shipment->status == STATUS_EXCEPTION)
		standing |= FINDING_BIT(FINDING_CARRIER_SAYS);
	return standing;
}

static void say(struct shipment *shipment, const struct foretell *foretell, enum event_kind kind,
    struct changes *out)
{
	const struct event details = {.at_ms = foretell->now_ms,
	    .noticed_ms = foretell->now_ms,
	    .source = foretell->source,
	    .eta_before = shipment->promised};
	changes_add(out, shipment, kind, &details);
	out->outcome = OUTCOME_APPLIED;
}

static void judge(struct shipment *shipment, const struct foretell *foretell,
    const struct delay_trip *trip, struct changes *out, struct foretell_result *result)
{
	struct delay_signs signs = {
	    .p_late = delay_p_late(foretell->model, trip, (int32_t)shipment->tick_day),
	    .experience = delay_experience(foretell->model, trip->place),
	    .day = (int32_t)shipment->tick_day,
	    .promised_day = trip->promised_day,
	};
	struct delay_watch watch = {.highest_p = shipment->highest_p / PER_MILLE,
	    .alerted = (shipment->flags & SHIPMENT_PREDICTED) != 0,
	    .over = (shipment->flags & SHIPMENT_PREDICTED_OVER) != 0};
	enum delay_verdict verdict = delay_judge(foretell->rule, foretell->tuner, &watch, &signs);
	shipment->highest_p = (unsigned)(watch.highest_p * PER_MILLE);
	if (verdict == DELAY_SILENT)
		return;
	bool is_alert = verdict == DELAY_ALERT;
	unsigned standing = standing_findings(shipment);
	shipment->flags |= is_alert ? SHIPMENT_PREDICTED : SHIPMENT_PREDICTED_OVER;
	bool speaks = is_alert ? finding_speaks(FINDING_DELAY_PREDICTED, standing) : standing == 0;
	if (speaks)
		say(shipment, foretell, is_alert ? EVENT_DELAY_PREDICTED : EVENT_DELAY_OVER, out);
	result->what = !speaks ? "noted" : is_alert ? "delay_predicted" : "delay_over";
	snprintf(result->why, sizeof result->why,
	    "P(late) is %.0f %% on day %d on the road, %d days before the promise ends%s%s",
	    signs.p_late * 100, signs.day - trip->handover_day, trip->promised_day + 1 - signs.day,
	    speaks ? "" : "; not said: ",
	    speaks ? "" : finding_name(finding_most_serious(standing)));
}

/* --- the day ------------------------------------------------------------------------------------
 */

static struct foretell_lesson lesson_of(
    const struct shipment *shipment, const struct delay_trip *trip, int32_t to_day)
{
	int32_t from = shipment->tick_day ? (int32_t)shipment->tick_day : trip->handover_day;
	return (struct foretell_lesson){.is_due = true,
	    .trip = *trip,
	    .from_day = from,
	    .to_day = to_day,
	    .delivered_day = DELAY_DAY_NONE,
	    .was_alerted = (shipment->flags & SHIPMENT_PREDICTED) != 0,
	    .highest_p = shipment->highest_p / PER_MILLE};
}

static int64_t first_move_ms(const struct shipment *shipment, const struct changes *changes)
{
	for (size_t i = 0; i < changes->fresh_count; i++)
		if (is_in_motion(&(struct shipment){.status = changes->fresh[i]->status}))
			return changes->fresh_ms[i];
	return shipment->newest_ms;
}

void foretell_day(struct shipment *shipment, const struct foretell *foretell, struct changes *out,
    struct foretell_result *result)
{
	*result = (struct foretell_result){0};
	if (shipment->handover_ms == 0 && shipment->flags & SHIPMENT_MOVED)
		shipment->handover_ms = first_move_ms(shipment, out);
	if (!is_watched(shipment, foretell->zone))
		return;
	struct delay_trip trip = trip_of(shipment, foretell);
	int32_t today = zone_day(foretell->zone, foretell->now_ms);
	if (shipment->status == STATUS_DELIVERED && !(shipment->flags & SHIPMENT_TAUGHT)) {
		shipment->flags |= SHIPMENT_TAUGHT;
		int32_t day = zone_day(foretell->zone, shipment->delivered_ms);
		result->lesson = lesson_of(shipment, &trip, day);
		result->lesson.delivered_day = day;
		return;
	}
	if (shipment_is_finished(shipment) || shipment->tick_day >= today)
		return;
	if (is_in_motion(shipment))
		result->lesson = lesson_of(shipment, &trip, today);
	shipment->tick_day = today;
	out->state_changed = true;
	if (is_in_motion(shipment) && shipment->status != STATUS_OUT_FOR_DELIVERY)
		judge(shipment, foretell, &trip, out, result);
}

void foretell_learn(
    struct delay_model *model, struct delay_tuner *tuner, const struct foretell_lesson *lesson)
{
	if (!lesson->is_due)
		return;
	int32_t delivered = lesson->delivered_day;
	for (int32_t day = lesson->from_day;
	     day < lesson->to_day && day - lesson->trip.handover_day <= DELAY_EXPIRE_DAYS; day++)
		delay_on_day(model, &lesson->trip, day, false);
	if (delivered == DELAY_DAY_NONE)
		return;
	if (delivered >= lesson->from_day)
		delay_on_day(model, &lesson->trip, delivered, true);
	else
		delay_on_late_news(model, &lesson->trip, delivered, lesson->from_day - 1);
	if (delivered <= lesson->trip.promised_day)
		delay_tuner_on_time(tuner, lesson->highest_p, delivered);
}
