#include "notifier/core/delay_alert.h"

#include <math.h>
#include <stdlib.h>

#define SAMPLES_NEEDED    100.0 /* parcels in time; fewer say little about their last 5 % */
#define THRESHOLD_UNTUNED 0.65

static const struct histogram_shape tuner_shape = {
    .least = 0, .step = 1.0 / HISTOGRAM_BINS, .half_life_days = 90};

bool delay_rule_parse(struct delay_rule *rule, const char *text, struct err *err)
{
	static const char prefix[] = "budget=";
	if (text_eq(text, "two-zone")) {
		rule->kind = DELAY_TWO_ZONES;
		return true;
	}
	if (text && str_starts(str_of(text), prefix)) {
		char *end;
		double budget = strtod(text + sizeof prefix - 1, &end);
		if (end != text + sizeof prefix - 1 && !*end && budget > 0 && budget < 1) {
			rule->kind = DELAY_BUDGET;
			rule->budget = budget;
			return true;
		}
	}
	return err_set(err, ERR_INPUT,
	    "rule \"%s\": say two-zone, or budget=SHARE with a share between 0 and 1 (budget=0.05)",
	    text ? text : "");
}

void delay_tuner_free(struct delay_tuner *tuner)
{
	learned_free(&tuner->learned);
	*tuner = (struct delay_tuner){0};
}

void delay_tuner_on_time(struct delay_tuner *tuner, double highest_p, int32_t day)
{
	learned_histogram_add(&tuner->learned, &tuner->highest, &tuner_shape, highest_p, day);
}

double delay_tuner_threshold(const struct delay_tuner *tuner, double budget)
{
	if (tuner->highest.total < SAMPLES_NEEDED)
		return THRESHOLD_UNTUNED;
	return histogram_quantile(&tuner->highest, &tuner_shape, 1 - budget, THRESHOLD_UNTUNED);
}

void delay_tuner_export(const struct delay_tuner *tuner, struct buf *out)
{
	buf_printf(out, "%d:", DELAY_TUNER_VERSION);
	histogram_write(&tuner->highest, out);
}

bool delay_tuner_import(struct delay_tuner *tuner, const char *value, struct err *err)
{
	char *at;
	struct histogram read;
	long version = strtol(value, &at, 10);
	if (at == value || *at != ':' || version != DELAY_TUNER_VERSION)
		return err_set(err, ERR_INPUT,
		    "alert model: not of version %d; reset it to learn anew", DELAY_TUNER_VERSION);
	if (!histogram_read(&read, at + 1))
		return err_set(err, ERR_INPUT, "alert model: damaged");
	if (tuner->trusted_day != 0 && read.day > tuner->trusted_day)
		return err_set(err, ERR_INPUT, "alert model: of another time than ours");
	learned_histogram_merge(&tuner->learned, &tuner->highest, &tuner_shape, &read);
	return true;
}

void delay_tuner_forget(struct delay_tuner *tuner)
{
	const struct histogram none = {.day = tuner->highest.day};
	learned_histogram_merge(&tuner->learned, &tuner->highest, &tuner_shape, &none);
}

/* Nothing is learned yet: late are those that are on the road shortly before the promise ends.
 * Where carriers promise the very day, that would warn of nearly everybody; so the rule has to have
 * been right, and the carrier's own word stands against it. */
static bool is_counted_down(const struct delay_rule *rule, const struct delay_signs *signs)
{
	return signs->promised_day + 1 - signs->day <= rule->countdown_days &&
	       signs->promised_day - signs->handover_day >= DELAY_COUNTDOWN_LEAST_DAYS &&
	       signs->countdown_precision >= rule->countdown_precision && !signs->carrier_keeps_it;
}

static bool is_alarming(
    const struct delay_rule *rule, const struct delay_tuner *tuner, const struct delay_signs *signs)
{
	int64_t days_left = (int64_t)signs->promised_day + 1 - signs->day;
	if (signs->experience < rule->cold_deliveries)
		return is_counted_down(rule, signs);
	if (rule->kind == DELAY_BUDGET)
		return signs->p_late > delay_tuner_threshold(tuner, rule->budget);
	double threshold = days_left > rule->near_days ? rule->far_threshold : rule->near_threshold;
	return signs->p_late > threshold;
}

/* A countdown's alert is not taken back by a model that was not asked for it. */
static bool is_over(const struct delay_rule *rule, const struct delay_signs *signs)
{
	bool judged = signs->experience >= rule->cold_deliveries;
	return (signs->carrier_keeps_it && signs->carrier_eta_is_new) ||
	       (judged && signs->p_late < rule->over_threshold);
}

enum delay_verdict delay_judge(const struct delay_rule *rule, const struct delay_tuner *tuner,
    struct delay_watch *watch, const struct delay_signs *signs)
{
	if (signs->day > signs->promised_day)
		return DELAY_SILENT; /* no prediction any more: the promise rule speaks */
	watch->highest_p = fmax(watch->highest_p, signs->p_late);
	if (!watch->alerted) {
		watch->alerted = is_alarming(rule, tuner, signs);
		return watch->alerted ? DELAY_ALERT : DELAY_SILENT;
	}
	if (!watch->over && is_over(rule, signs)) {
		watch->over = true;
		return DELAY_IS_OVER;
	}
	return DELAY_SILENT;
}
