/* The price of a look, per carrier: chosen so that the day's quota is used and never exceeded.
 *
 * Looks x sqrt(price) is the demand, and does not depend on the price.  So sqrt(price) = demand
 * until the quota's reset / looks left.  The demand ahead comes, for the first days, from a
 * forecast over all live parcels (pace_demand), corrected by how forecasts turned out; later from
 * the profile of past days of the same kind, which knows what a forecast cannot: parcels that
 * will be registered, and states that will change.
 *
 * A plain value: copy it, store it, one per carrier.  Invariant: used <= quota as long as the
 * caller asks pace_price_may_look before each call.
 */
#ifndef CORE_PACE_PRICE_H
#define CORE_PACE_PRICE_H
#include <stdbool.h>
#include <stdint.h>

#include "notifier/base/err.h"

#define PACE_SLOTS         96 /* quarters of an hour */
#define PACE_DAY_KINDS     3  /* Monday to Friday, Saturday, Sunday */
#define PACE_PRICE_VERSION 1
#define PACE_SLOT_MS       (INT64_C(86400000) / PACE_SLOTS)

struct pace_price {
	double daily_quota; /* looks a day: calls x numbers per call */
	double quota;       /* of today: less after a refusal */
	int64_t reset_ms;   /* of the time of day (UTC) at which the carrier's day begins */
	double root;        /* sqrt(price) now */

	/* --- today --- */
	int32_t day;             /* since 1970, shifted by reset_ms */
	int slot;                /* the last one entered, 0 … 95 */
	double used, day_demand; /* looks; looks x root */
	double slot_demand, slot_live;
	double today[PACE_SLOTS]; /* demand per live parcel; < 0: learned nothing */

	/* --- learned --- */
	double profile[PACE_DAY_KINDS][PACE_SLOTS];
	int profile_days[PACE_DAY_KINDS];
	double forecast_spent, forecast_said; /* fading sums: their ratio corrects the forecast */
	double slot_said;                     /* forecast of the present slot */
};

struct pace_load {     /* what the carrier's parcels are like now */
	double live;   /* parcels that are polled */
	double unseen; /* of them, never looked at yet */
	/* Sums of pace_demand over them: until the end of the slot, and until the reset.  Needed
	 * only while pace_price_wants_forecast. */
	double slot_demand, day_demand;
};

/* reset_ms: the time of day, UTC, at which the carrier begins to count anew. */
void pace_price_init(
    struct pace_price *price, double looks_per_day, int64_t reset_ms, double live, int64_t now_ms);
/* Whether the next pace_price_on_slot needs the demands (O(parcels) to compute). */
bool pace_price_wants_forecast(const struct pace_price *price, int64_t now_ms);
/* At the start, and then at least once in every slot (pace_price_next_slot_ms). */
void pace_price_on_slot(struct pace_price *price, const struct pace_load *load, int64_t now_ms);
int64_t pace_price_next_slot_ms(const struct pace_price *price, int64_t now_ms);
int64_t pace_price_reset_ms(const struct pace_price *price, int64_t now_ms); /* the next */

/* Value-minutes per look, for pace_due. */
double pace_price_now(const struct pace_price *price);
/* Whether the quota of the day still holds so many looks. */
bool pace_price_may_look(const struct pace_price *price, double looks);
void pace_price_on_look(struct pace_price *price, double looks);
/* The carrier said no (429): today's quota is what was used; tomorrow's is whole again. */
void pace_price_on_refusal(struct pace_price *price);

/* One text for all that is learned, and back.  INPUT: another version, or damaged. */
struct buf;
void pace_price_export(const struct pace_price *price, struct buf *out);
CHECK_RESULT bool pace_price_import(struct pace_price *price, const char *text, struct err *err);
#endif
