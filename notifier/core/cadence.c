#include "notifier/core/cadence.h"

#include <stdio.h>

#include "notifier/core/backoff.h"

#define LEAST_MS (2 * MINUTE_MS)
#define MOST_MS  DAY_MS

#define PUSHED_FACTOR  6
#define PUSHED_MOST_MS (12 * HOUR_MS) /* a lost webhook is found within half a day */

#define NIGHT_FROM_HOUR    22
#define NIGHT_TO_HOUR      6
#define MORNING_SPREAD_MS  (30 * MINUTE_MS) /* a zone's parcels do not wake at once */
#define DELIVERY_FROM_HOUR 7
#define DELIVERY_TO_HOUR   21

#define JITTER_MOST_MS MINUTE_MS
#define JITTER_SHARE   0.02

struct pace { /* how often, and the words for it */
	int64_t interval_ms;
	const char *what;
};

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
	return value < least ? least : value > most ? most : value;
}

static int local_hour(const struct cadence_query *query, int64_t instant_ms)
{
	return civil_of_instant(instant_ms, zone_offset_s(query->zone, instant_ms)).hour;
}

/* --- what the status asks for ---------------------------------------------------------------- */

/* From the day before the window until the day after it. */
static bool is_expected_soon(const struct cadence_query *query)
{
	int64_t from_ms = query->eta_from_ms, to_ms = query->eta_to_ms;
	if (from_ms == 0 && to_ms == 0)
		return false;
	int32_t today = zone_day(query->zone, query->now_ms);
	/* 24:00 belongs to the day before. */
	int32_t last = zone_day(query->zone, to_ms != 0 ? to_ms - 1 : from_ms);
	int32_t first = from_ms != 0 ? zone_day(query->zone, from_ms) : last;
	return today >= first - 1 && today <= last + 1;
}

static struct pace pace_in_transit(const struct cadence_query *query)
{
	if (is_expected_soon(query))
		return (struct pace){HOUR_MS, "in transit, expected soon"};
	return (struct pace){4 * HOUR_MS, "in transit"};
}

static struct pace pace_out_for_delivery(const struct cadence_query *query)
{
	int hour = local_hour(query, query->now_ms);
	if (query->zone != NULL && (hour < DELIVERY_FROM_HOUR || hour >= DELIVERY_TO_HOUR))
		return (struct pace){HOUR_MS, "out for delivery, not its hours"};
	return (struct pace){20 * MINUTE_MS, "out for delivery"};
}

/* The longer a number has been unknown, the less likely the next look finds it. */
static struct pace pace_unknown(const struct cadence_query *query)
{
	int64_t age_ms = query->since_ms > 0 ? query->now_ms - query->since_ms : 0;
	return (struct pace){clamp(age_ms / 12, 2 * HOUR_MS, 12 * HOUR_MS), "not known yet"};
}

static const struct {
	struct pace pace;
	struct pace (*pace_of)(const struct cadence_query *query); /* where it depends */
} paces[STATUS_COUNT] = {
    [STATUS_UNKNOWN] = {{0}, pace_unknown},
    [STATUS_PRE_TRANSIT] = {{6 * HOUR_MS, "announced"}, NULL},
    [STATUS_IN_TRANSIT] = {{0}, pace_in_transit},
    [STATUS_OUT_FOR_DELIVERY] = {{0}, pace_out_for_delivery},
    [STATUS_AVAILABLE_FOR_PICKUP] = {{6 * HOUR_MS, "waits for pick-up"}, NULL},
    [STATUS_ATTEMPT_FAILED] = {{2 * HOUR_MS, "attempt failed"}, NULL},
    [STATUS_EXCEPTION] = {{2 * HOUR_MS, "in trouble"}, NULL},
    [STATUS_RETURNING] = {{12 * HOUR_MS, "on its way back"}, NULL},
};

static struct pace pace_of_status(const struct cadence_query *query)
{
	return paces[query->status].pace_of ? paces[query->status].pace_of(query)
	                                    : paces[query->status].pace;
}

/* --- what stretches it ----------------------------------------------------------------------- */

static int64_t quota_interval_ms(const struct cadence_query *query)
{
	if (query->quota_per_day <= 0 || query->live_shipments <= 0)
		return 0;
	double interval = (double)DAY_MS * (double)query->live_shipments / query->quota_per_day;
	return interval < (double)MOST_MS ? (int64_t)interval : MOST_MS;
}

/* Each takes the longer interval and says why. */
static int64_t stretch(const struct cadence_query *query, struct pace pace, const char **because)
{
	int64_t interval_ms = pace.interval_ms;
	*because = "";
	if (query->is_pushed) {
		interval_ms = clamp(interval_ms * PUSHED_FACTOR, 0, PUSHED_MOST_MS);
		*because = ", webhooks bring the news";
	}
	if (quota_interval_ms(query) > interval_ms) {
		interval_ms = quota_interval_ms(query);
		*because = ", as the quota allows";
	}
	int64_t backoff_ms = backoff_poll_ms(query->failures, query->jitter_unit);
	if (backoff_ms > interval_ms) {
		interval_ms = backoff_ms;
		*because = ", the last polls failed";
	}
	return clamp(interval_ms, LEAST_MS, MOST_MS);
}

static double jitter_unit(const struct cadence_query *query)
{
	double unit = query->jitter_unit;
	return unit >= 0 && unit < 1 ? unit : 0; /* NaN too */
}

static int64_t jitter_ms(const struct cadence_query *query, int64_t interval_ms)
{
	int64_t share_ms = (int64_t)((double)interval_ms * JITTER_SHARE);
	return (int64_t)((double)clamp(share_ms, 0, JITTER_MOST_MS) * jitter_unit(query));
}

/* The next morning when due falls into the local night, else due itself. */
static int64_t morning_after(const struct cadence_query *query, int64_t due_ms)
{
	int hour = local_hour(query, due_ms);
	if (query->zone == NULL || (hour < NIGHT_FROM_HOUR && hour >= NIGHT_TO_HOUR))
		return due_ms;
	int32_t day = zone_day(query->zone, due_ms) + (hour >= NIGHT_FROM_HOUR);
	struct civil civil = {.hour = NIGHT_TO_HOUR};
	civil_of_day(day, &civil.year, &civil.month, &civil.day);
	return zone_instant(query->zone, &civil) +
	       (int64_t)((double)MORNING_SPREAD_MS * jitter_unit(query));
}

/* --- the answer ------------------------------------------------------------------------------ */

/* "20 min", "4 h", "2 h 30 min" */
static void interval_text(char *out, size_t out_bytes, int64_t interval_ms)
{
	long minutes = (long)(interval_ms / MINUTE_MS);
	if (minutes < 60)
		snprintf(out, out_bytes, "%ld min", minutes);
	else if (minutes % 60 == 0)
		snprintf(out, out_bytes, "%ld h", minutes / 60);
	else
		snprintf(out, out_bytes, "%ld h %ld min", minutes / 60, minutes % 60);
}

void cadence_next(const struct cadence_query *query, struct cadence_answer *out)
{
	if (query->status >= STATUS_COUNT || status_is_final(query->status)) {
		out->due_ms = NEVER_MS;
		snprintf(out->why, sizeof out->why, "finished: not polled any more");
		return;
	}
	const char *because;
	struct pace pace = pace_of_status(query);
	int64_t interval_ms = stretch(query, pace, &because);
	int64_t due_ms = query->now_ms + interval_ms + jitter_ms(query, interval_ms);
	int64_t morning_ms = morning_after(query, due_ms);
	int64_t latest_ms = query->now_ms + MOST_MS;
	out->due_ms = morning_ms < latest_ms ? morning_ms : latest_ms;
	char every[32];
	interval_text(every, sizeof every, interval_ms);
	if (morning_ms == due_ms) {
		snprintf(out->why, sizeof out->why, "%s: every %s%s", pace.what, every, because);
		return;
	}
	struct civil civil = civil_of_instant(out->due_ms, zone_offset_s(query->zone, out->due_ms));
	snprintf(out->why, sizeof out->why, "quiet until %02d:%02d: %s, every %s%s", civil.hour,
	    civil.minute, pace.what, every, because);
}
