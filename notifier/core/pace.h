/* When to look at a parcel next.  Every call costs a price (value-minutes); a parcel is due when
 * what may wait unseen is worth it.  Pure: hazards, last look and price in, due time and reason
 * out; changing the price re-sorts nothing, because a parcel that comes due is judged again.
 *
 * The rule.  For a known rate of news w, looks per minute n(t) = sqrt(w(t) / (2 theta)) are best
 * in the limit of many (Keller 1974): the k-th look is where the integral of sqrt(w / 2) reaches
 * k sqrt(theta).  Where looks are few and w has a clock, that limit is crude, so only the second
 * look is placed by it, and the next one where it saves most between now and then, exactly (one
 * step of Barlow, Hunter and Proschan 1963).  An earlier look still is inserted where it alone
 * saves more than the price: or the evening's news would wait out the night.
 */
#ifndef CORE_PACE_H
#define CORE_PACE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notifier/core/hazard.h"

#define PACE_LEAST_MS    INT64_C(120000)    /* 2 min: no parcel is looked at more often */
#define PACE_MOST_MS     INT64_C(86400000)  /* 24 h: each is looked at, whatever the price … */
#define PACE_MOST_MAX_MS (7 * PACE_MOST_MS) /* … that the quota allows */
#define PACE_VALID_MS    INT64_C(60000)     /* due later than this from now on: not due after all */

struct pace_facts {
	struct hazard_belief belief;
	int64_t last_ms;    /* the last look (poll or push), or the registration */
	bool pushed;        /* webhooks bring the news: polls are insurance */
	double miss_share;  /* with pushed: the share of news that pushes miss, > 0 */
	int64_t most_ms;    /* PACE_MOST_MS, or pace_most_ms of a short quota; 0: the former */
	double jitter_unit; /* 0 <= x < 1, so that equal parcels do not poll in step */
};

enum pace_reason {
	PACE_NEWS_LIKELY, /* the rate is high now */
	PACE_STEADY,      /* little happens; the looks spread */
	PACE_QUIET,       /* nothing until quiet_until_ms, then scans start */
	PACE_CATCH_UP,    /* the last look before a quiet time: the evening's news need not wait */
	PACE_INSURANCE,   /* pushed: in case one was missed */
	PACE_AT_MOST,     /* the longest interval */
	PACE_REASONS
};

struct pace_due {
	int64_t due_ms;
	enum pace_reason reason;
	int64_t quiet_until_ms; /* with PACE_QUIET */
	int64_t interval_ms;    /* due - last look */
};

/* O(hours until due).  price: value-minutes per look (pace_price_now), > 0. */
struct pace_due pace_due(
    const struct hazard_model *model, const struct pace_facts *facts, double price);
/* Re-validation when an id comes up: false: not yet, put it back at due->due_ms. */
bool pace_is_due(const struct pace_due *due, int64_t now_ms);

/* The demand of one parcel: the integral of sqrt(w / 2) from now to until, in looks x
 * sqrt(price).  For the controller's forecast. */
double pace_demand(const struct hazard_model *model, const struct pace_facts *facts,
    int64_t from_ms, int64_t until_ms);

/* The longest interval for a quota that gives a parcel looks_per_day: 24 h, or two mean
 * intervals where that is more. */
int64_t pace_most_ms(double looks_per_day);
/* The first look at one of many parcels imported together, spread over one mean interval. */
int64_t pace_first_look_ms(int64_t now_ms, double looks_per_day, double unit);

#define PACE_WHY_BYTES 96
/* "quiet until 06:10: scans at this depot start then"; times are local to offset_s. */
void pace_explain(char out[PACE_WHY_BYTES], const struct pace_due *due, int offset_s);
#endif
