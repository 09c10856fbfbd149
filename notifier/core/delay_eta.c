/* The day of delivery: its median, and an interval that is to hold four times in five.
 *
 * The mass asked of the model is not the share that holds.  Days are lumps, which gives some
 * points for nothing; and when a network slows down before a feast, what was learned lags.  So the
 * mass follows the record: what was asked lately, plus what the record lacked (Gibbs and Candes
 * 2021 do so with every outcome; here the outcomes of a month are weighed together, because they
 * come in weeks after the question).
 */
#include <math.h>

#include "notifier/core/delay_model.h"

/* 80 % is meant.  Of an interval that fails we learn later than of one that holds, so that in a
 * worsening season the record flatters; a point more makes up for it. */
#define SHARE_WANTED 0.81
#define RECORD_PRIOR 200.0 /* intervals, … */
#define PRIOR_MASS   0.75  /* … asked with this mass, … */
#define PRIOR_HELD   0.80  /* … of which so many held (measured) */
#define MASS_LEAST   0.50
#define MASS_MOST    0.97

static double mass_wanted(const struct delay_model *model, const struct delay_place *service)
{
	double unweight = 1 / model->weights.eta;
	const struct delay_sums *sums = &service->sums;
	double shown = sums->eta_shown * unweight + RECORD_PRIOR;
	double asked = (sums->eta_mass * unweight + RECORD_PRIOR * PRIOR_MASS) / shown;
	double held = (sums->eta_held * unweight + RECORD_PRIOR * PRIOR_HELD) / shown;
	return fmin(MASS_MOST, fmax(MASS_LEAST, asked + SHARE_WANTED - held));
}

void delay_eta(
    struct delay_model *model, const struct delay_trip *trip, int32_t day, struct delay_eta *eta)
{
	double delivered[DELAY_HORIZON_DAYS + 1] = {0}; /* [i]: by the end of day + i - 1 */
	struct delay_walk walk = delay_walk_start(model, trip, false);
	double mass = mass_wanted(model, walk.service);
	int median = DELAY_HORIZON_DAYS - 1, low = 0, high = DELAY_HORIZON_DAYS - 1;
	for (int ahead = 0; ahead < DELAY_HORIZON_DAYS; ahead++) {
		delivered[ahead + 1] = 1 - delay_walk_survival(&walk, day + ahead);
		if (delivered[ahead + 1] >= 0.5 && median > ahead)
			median = ahead;
	}
	for (int from = 0, to = 0; to < DELAY_HORIZON_DAYS; to++) {
		while (from <= to && delivered[to + 1] - delivered[from] >= mass) {
			if (to - from < high - low) {
				low = from;
				high = to;
			}
			from++;
		}
	}
	*eta = (struct delay_eta){day + median, day + low, day + high, mass};
}

void delay_on_eta(
    struct delay_model *model, struct delay_place *place, int32_t day, double mass, bool held)
{
	if (model->today == DELAY_DAY_NONE)
		delay_set_today(model, day);
	while (place->parent)
		place = place->parent;
	learned_touch(&place->learned, delay_sums_array(&place->sums), SUMS_DOUBLES);
	double weight = delay_weights_of(model, day).eta;
	struct delay_sums *both[] = {&place->sums, &model->all};
	for (int i = 0; i < 2; i++) {
		both[i]->eta_shown += weight;
		both[i]->eta_mass += weight * mass;
		both[i]->eta_held += held ? weight : 0;
	}
}
