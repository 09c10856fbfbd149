#include "notifier/core/pace_price.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "notifier/base/str.h"
#include "notifier/base/when.h"

#define FIRST_ROOT      30.0 /* x live / quota: the price before anything is known */
#define PROFILE_WEIGHT  0.3  /* of the newest day */
#define FORECAST_PRIOR  1000.0
#define FORECAST_FADE   0.98 /* a slot */
#define STEP_MOST       2.0  /* the price's root at most doubles or halves in a slot */
#define WEEKDAYS_NEEDED 2    /* complete days until the profile speaks */
#define DAY_SHOWS       0.1  /* of the quota: used, it shows what today's price is */
#define LEFT_LEAST      0.02 /* of the quota: the last looks of a day do not change the price */

static int64_t shifted_ms(const struct pace_price *price, int64_t now_ms)
{
	return now_ms - price->reset_ms;
}

static int32_t price_day(const struct pace_price *price, int64_t now_ms)
{
	return day_of_instant(shifted_ms(price, now_ms), 0);
}

static int64_t day_start_ms(const struct pace_price *price, int64_t now_ms)
{
	return price_day(price, now_ms) * DAY_MS + price->reset_ms;
}

static int price_slot(const struct pace_price *price, int64_t now_ms)
{
	return (int)((now_ms - day_start_ms(price, now_ms)) / PACE_SLOT_MS);
}

static int kind_of_day(int32_t day)
{
	int weekday = day_weekday(day);
	return weekday < 5 ? 0 : weekday - 4;
}

static void today_clear(struct pace_price *price)
{
	for (int i = 0; i < PACE_SLOTS; i++)
		price->today[i] = -1;
	price->used = price->day_demand = 0;
	price->quota = price->daily_quota;
}

void pace_price_init(
    struct pace_price *price, double looks_per_day, int64_t reset_ms, double live, int64_t now_ms)
{
	*price = (struct pace_price){.daily_quota = fmax(looks_per_day, 1), .reset_ms = reset_ms};
	today_clear(price);
	price->root = FIRST_ROOT * fmax(live, 1) / price->quota;
	price->day = price_day(price, now_ms);
	price->slot = price_slot(price, now_ms);
	price->slot_live = fmax(live, 1);
}

static bool profile_is_known(const struct pace_price *price, int32_t day)
{
	int kind = kind_of_day(day);
	return price->profile_days[kind] >= (kind == 0 ? WEEKDAYS_NEEDED : 1);
}

bool pace_price_wants_forecast(const struct pace_price *price, int64_t now_ms)
{
	return !profile_is_known(price, price_day(price, now_ms));
}

int64_t pace_price_next_slot_ms(const struct pace_price *price, int64_t now_ms)
{
	return day_start_ms(price, now_ms) + (price_slot(price, now_ms) + 1) * PACE_SLOT_MS;
}

int64_t pace_price_reset_ms(const struct pace_price *price, int64_t now_ms)
{
	return day_start_ms(price, now_ms) + DAY_MS;
}

/* --- slots and days --------------------------------------------------------------------------- */

/* The slot that ends: what it showed of the demand.  One in which the quota was used up shows
 * nothing: nobody knows how many looks there would have been. */
static void slot_close(struct pace_price *price)
{
	if (pace_price_may_look(price, 1))
		price->today[price->slot] = price->slot_demand / price->slot_live;
	if (price->slot_said > 0) { /* a forecast was made */
		price->forecast_spent = price->forecast_spent * FORECAST_FADE + price->slot_demand;
		price->forecast_said = price->forecast_said * FORECAST_FADE + price->slot_said;
	}
	price->slot_demand = price->slot_said = 0;
}

static double today_mean(const struct pace_price *price)
{
	double sum = 0;
	int known = 0;
	for (int i = 0; i < PACE_SLOTS; i++) {
		sum += price->today[i] >= 0 ? price->today[i] : 0;
		known += price->today[i] >= 0;
	}
	return known ? sum / known : 0;
}

/* The day that ends goes into the profile of its kind. */
static void day_close(struct pace_price *price)
{
	int kind = kind_of_day(price->day), known = 0;
	for (int i = 0; i < PACE_SLOTS; i++)
		known += price->today[i] >= 0;
	if (known >= PACE_SLOTS / 4) {
		double mean = today_mean(price);
		bool first = price->profile_days[kind]++ == 0;
		for (int i = 0; i < PACE_SLOTS; i++) {
			double *slot = &price->profile[kind][i];
			double seen = price->today[i] >= 0 ? price->today[i] : first ? mean : *slot;
			*slot += (first ? 1 : PROFILE_WEIGHT) * (seen - *slot);
		}
	}
	today_clear(price);
}

/* Demand per live parcel that the profile expects from slot `from` on, and until it. */
static double profile_sum(const struct pace_price *price, int from, int until)
{
	double sum = 0;
	for (int i = from; i < until; i++)
		sum += price->profile[kind_of_day(price->day)][i];
	return sum;
}

static double profile_demand(const struct pace_price *price, const struct pace_load *load)
{
	double before = load->live * profile_sum(price, 0, price->slot);
	double after = load->live * profile_sum(price, price->slot, PACE_SLOTS);
	/* A day that asks for more than its profile so far will go on to; believed the more, the
	 * more of it has been seen. */
	double prior = 0.5 * (before + after) + 1e-9;
	return after * (prior + price->day_demand) / (prior + before);
}

static double forecast_demand(const struct pace_price *price, const struct pace_load *load)
{
	double correction =
	    (FORECAST_PRIOR + price->forecast_spent) / (FORECAST_PRIOR + price->forecast_said);
	return load->day_demand * correction;
}

static double clip(double value, double least, double most)
{
	return fmin(fmax(value, least), most);
}

/* Keeps a forecast's errors from shaking the price, and the last quarters of an hour of a day,
 * when little demand meets few looks, from leaving the price of that day. */
static double root_bounded(const struct pace_price *price, double root, bool known)
{
	if (!known)
		return clip(root, price->root / STEP_MOST, price->root * STEP_MOST);
	if (price->used < DAY_SHOWS * price->daily_quota)
		return root;
	double mean = price->day_demand / price->used;
	return clip(root, mean / STEP_MOST, mean * STEP_MOST);
}

void pace_price_on_slot(struct pace_price *price, const struct pace_load *load, int64_t now_ms)
{
	int32_t day = price_day(price, now_ms);
	int slot = price_slot(price, now_ms);
	if (day != price->day || slot != price->slot)
		slot_close(price);
	if (day != price->day)
		day_close(price);
	price->day = day;
	price->slot = slot;
	price->slot_live = fmax(load->live, 1);
	price->slot_said = load->slot_demand;
	bool known = profile_is_known(price, day);
	double demand = known ? profile_demand(price, load) : forecast_demand(price, load);
	double left =
	    fmax(price->quota - price->used - load->unseen, LEFT_LEAST * price->daily_quota);
	price->root = clip(root_bounded(price, demand / left, known), 1e-3, 1e6);
}

double pace_price_now(const struct pace_price *price)
{
	return price->root * price->root;
}

bool pace_price_may_look(const struct pace_price *price, double looks)
{
	return price->used + looks <= price->quota;
}

void pace_price_on_look(struct pace_price *price, double looks)
{
	price->used += looks;
	price->slot_demand += looks * price->root;
	price->day_demand += looks * price->root;
}

void pace_price_on_refusal(struct pace_price *price)
{
	price->quota = price->used;
}

/* --- storing ---------------------------------------------------------------------------------- */

void pace_price_export(const struct pace_price *price, struct buf *out)
{
	buf_printf(out, "%d %.17g %" PRId32 " %.17g %.17g %.17g", PACE_PRICE_VERSION, price->root,
	    price->day, price->used, price->forecast_spent, price->forecast_said);
	for (int kind = 0; kind < PACE_DAY_KINDS; kind++) {
		buf_printf(out, " %d", price->profile_days[kind]);
		for (int i = 0; i < PACE_SLOTS; i++)
			buf_printf(out, " %.9g", price->profile[kind][i]);
	}
}

static bool read_number(const char **at, double *out)
{
	char *end;
	*out = strtod(*at, &end);
	if (end == *at || !(*out >= -1e15 && *out <= 1e15))
		return false;
	*at = end;
	return true;
}

static bool read_profile(struct pace_price *read, const char **at)
{
	for (int kind = 0; kind < PACE_DAY_KINDS; kind++) {
		double days;
		if (!read_number(at, &days) || days < 0 || days > 1e6)
			return false;
		read->profile_days[kind] = (int)days;
		for (int i = 0; i < PACE_SLOTS; i++)
			if (!read_number(at, &read->profile[kind][i]) || read->profile[kind][i] < 0)
				return false;
	}
	return true;
}

bool pace_price_import(struct pace_price *price, const char *text, struct err *err)
{
	struct pace_price read = *price;
	double version, day;
	if (!read_number(&text, &version) || version != PACE_PRICE_VERSION)
		return err_set(err, ERR_INPUT, "price: not of version %d; reset it to learn anew",
		    PACE_PRICE_VERSION);
	bool whole = read_number(&text, &read.root) && read_number(&text, &day) &&
	             read_number(&text, &read.used) && read_number(&text, &read.forecast_spent) &&
	             read_number(&text, &read.forecast_said) && read_profile(&read, &text) &&
	             !*text;
	if (!whole || read.root <= 0 || read.used < 0)
		return err_set(err, ERR_INPUT, "price: damaged");
	if ((int32_t)day != price->day) /* of an earlier day: what was used then is over */
		read.used = 0;
	*price = read;
	return true;
}
