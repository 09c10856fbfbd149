#include "notifier/core/pace.h"

#include <math.h>
#include <stdio.h>

#include "notifier/base/when.h"

#define PATH_STEPS     340 /* hours: more than twice PACE_MOST_MAX_MS has */
#define RISE_FACTOR    3.0 /* a rate this much above the mean so far ends a quiet time */
#define LIKELY_MS      (45 * MINUTE_MS)
#define JITTER_MOST_MS MINUTE_MS
#define JITTER_SHARE   0.02

struct step {                      /* a piece of the future in which the rate is constant */
	double start_min, end_min; /* after the last look */
	double rate;               /* value-minutes per minute, per minute */
};

struct path {
	struct step steps[PATH_STEPS];
	int count;
	double second_min; /* the second look from now, were looks spread by the density alone */
};

static double minutes(int64_t ms)
{
	return (double)ms / (double)MINUTE_MS;
}

/* Walks until the integral of sqrt(rate / 2) has reached twice sqrt(price): two looks. */
static struct path path_walk(
    const struct hazard_model *model, const struct pace_facts *facts, double price, int64_t most_ms)
{
	struct path path = {.second_min = 2 * minutes(most_ms)};
	double wanted = 2 * sqrt(price), share = facts->pushed ? facts->miss_share : 1;
	int64_t at_ms = facts->last_ms, end_ms = facts->last_ms + 2 * most_ms;
	while (at_ms < end_ms && path.count < PATH_STEPS && wanted > 0) {
		int64_t until = hazard_rate_until(&facts->belief, at_ms);
		if (until > end_ms)
			until = end_ms;
		struct step *step = &path.steps[path.count++];
		step->rate = share * hazard_rate(model, &facts->belief, at_ms);
		step->start_min = minutes(at_ms - facts->last_ms);
		step->end_min = minutes(until - facts->last_ms);
		double density = sqrt(step->rate / 2);
		double gain = density * (step->end_min - step->start_min);
		if (gain >= wanted)
			path.second_min = step->end_min = step->start_min + wanted / density;
		wanted -= gain;
		at_ms = until;
	}
	return path;
}

/* Where one look between now and a look at `until_min` saves most: what has come by then, W(u),
 * need not wait the rest, until - u.  Exact on each step, where W is linear.  Returns until_min
 * where none saves more than `price`. */
static double path_best(const struct path *path, double until_min, double price)
{
	double best = price, at = until_min, waiting = 0;
	for (int i = 0; i < path->count && path->steps[i].start_min < until_min; i++) {
		const struct step *step = &path->steps[i];
		double left = until_min - step->start_min;
		double length = fmin(step->end_min - step->start_min, left);
		double x = step->rate > 0 ? (left - waiting / step->rate) / 2 : 0;
		x = fmin(fmax(x, 0), length);
		double saved = (waiting + step->rate * x) * (left - x);
		if (saved > best) {
			best = saved;
			at = step->start_min + x;
		}
		waiting += step->rate * length;
	}
	return at;
}

/* Where the rate first rises well above the mean before it, up to `until`; -1: nowhere. */
static double path_rise(const struct path *path, double until_min)
{
	double sum = 0;
	for (int i = 0; i < path->count && path->steps[i].start_min < until_min; i++) {
		const struct step *step = &path->steps[i];
		if (step->start_min >= 60 && step->rate * step->start_min > RISE_FACTOR * sum)
			return step->start_min;
		sum += step->rate * (step->end_min - step->start_min);
	}
	return -1;
}

/* Whether an hour after `at_min` the rate is well below the mean before: a quiet time begins. */
static bool path_falls(const struct path *path, double at_min)
{
	double sum = 0;
	for (int i = 0; i < path->count; i++) {
		const struct step *step = &path->steps[i];
		if (step->end_min > at_min + 60)
			return sum > RISE_FACTOR * step->rate * at_min;
		sum += step->rate * fmax(0, fmin(step->end_min, at_min) - step->start_min);
	}
	return false;
}

static enum pace_reason path_reason(
    const struct path *path, const struct pace_facts *facts, struct pace_due *due)
{
	double due_min = minutes(due->interval_ms);
	if (facts->pushed)
		return PACE_INSURANCE;
	double rise = path_rise(path, due_min);
	if (rise >= 0) {
		due->quiet_until_ms = facts->last_ms + (int64_t)(rise * (double)MINUTE_MS);
		return PACE_QUIET;
	}
	if (due->interval_ms <= LIKELY_MS)
		return PACE_NEWS_LIKELY;
	return path_falls(path, due_min) ? PACE_CATCH_UP : PACE_STEADY;
}

struct pace_due pace_due(
    const struct hazard_model *model, const struct pace_facts *facts, double price)
{
	int64_t most_ms = facts->most_ms ? facts->most_ms : PACE_MOST_MS;
	struct path path = path_walk(model, facts, price, most_ms);
	double regular_min = fmin(path_best(&path, path.second_min, 0), minutes(most_ms));
	double due_min = path_best(&path, regular_min, price);
	struct pace_due due = {.interval_ms = (int64_t)(due_min * (double)MINUTE_MS)};
	if (due.interval_ms < PACE_LEAST_MS)
		due.interval_ms = PACE_LEAST_MS;
	bool at_most = due.interval_ms >= most_ms;
	double jitter = fmin((double)JITTER_MOST_MS, JITTER_SHARE * (double)due.interval_ms);
	due.interval_ms += (int64_t)(jitter * facts->jitter_unit);
	due.due_ms = facts->last_ms + due.interval_ms;
	due.reason = at_most ? PACE_AT_MOST : path_reason(&path, facts, &due);
	return due;
}

bool pace_is_due(const struct pace_due *due, int64_t now_ms)
{
	return due->due_ms <= now_ms + PACE_VALID_MS;
}

double pace_demand(const struct hazard_model *model, const struct pace_facts *facts,
    int64_t from_ms, int64_t until_ms)
{
	double demand = 0, share = facts->pushed ? facts->miss_share : 1;
	while (from_ms < until_ms) {
		int64_t next = hazard_rate_until(&facts->belief, from_ms);
		if (next > until_ms)
			next = until_ms;
		double rate = share * hazard_rate(model, &facts->belief, from_ms);
		demand += sqrt(rate / 2) * minutes(next - from_ms);
		from_ms = next;
	}
	return demand;
}

int64_t pace_most_ms(double looks_per_day)
{
	if (!(looks_per_day > 0))
		return PACE_MOST_MAX_MS;
	double most = fmin(2 * (double)DAY_MS / looks_per_day, (double)PACE_MOST_MAX_MS);
	return (int64_t)fmax(most, (double)PACE_MOST_MS);
}

int64_t pace_first_look_ms(int64_t now_ms, double looks_per_day, double unit)
{
	double interval = (double)DAY_MS / fmax(looks_per_day, 1.0 / 7);
	return now_ms + (int64_t)(interval * unit);
}

void pace_explain(char out[PACE_WHY_BYTES], const struct pace_due *due, int offset_s)
{
	char interval[WHEN_BYTES];
	duration_format(interval, due->interval_ms);
	struct civil quiet = civil_of_instant(due->quiet_until_ms, offset_s);
	switch (due->reason) {
	case PACE_NEWS_LIKELY:
		snprintf(out, PACE_WHY_BYTES, "news is likely now: a look after %s", interval);
		return;
	case PACE_STEADY:
		snprintf(out, PACE_WHY_BYTES, "little news expected: a look after %s", interval);
		return;
	case PACE_QUIET:
		snprintf(out, PACE_WHY_BYTES,
		    "quiet until %02d:%02d: scans at this depot start then", quiet.hour,
		    quiet.minute);
		return;
	case PACE_CATCH_UP:
		snprintf(out, PACE_WHY_BYTES, "a last look before quiet hours, after %s", interval);
		return;
	case PACE_INSURANCE:
		snprintf(out, PACE_WHY_BYTES,
		    "the carrier pushes: a look after %s in case one was lost", interval);
		return;
	case PACE_AT_MOST:
		snprintf(
		    out, PACE_WHY_BYTES, "nothing expected: a look at least every %s", interval);
		return;
	case PACE_REASONS: break;
	}
	snprintf(out, PACE_WHY_BYTES, "a look after %s", interval);
}
