#include "notifier/core/delay.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "notifier/base/mem.h"
#include "notifier/core/delay_model.h"

/* Prior weights, in parcels: how much the level above counts where little was seen. */
static const double level_prior[DELAY_LEVELS] = {10, 20, 20};
static const double speed_prior[2] = {20, 12};
#define WEEKDAY_PRIOR        30.0
#define WEEKDAY_FACTOR_LEAST 0.02
#define ROOT_HAZARD          0.04 /* a parcel of an unknown carrier takes about 25 days */
#define HAZARD_MOST          0.95
#define SPEED_FADE           0.95 /* a day: what is odd now is less odd tomorrow */
#define SNAPSHOT_AGES        55   /* as the published reference values have it */
/* A multiple of every half-life: moving the origin multiplies by exact powers of two. */
#define SHIFT_DAYS 360

/* --- places ----------------------------------------------------------------------------------- */

static struct delay_place *place_new(
    struct delay_model *model, const char *key, struct delay_place *parent)
{
	struct delay_place *place = xcalloc(1, sizeof *place);
	place->key = map_put(&model->places, str_of(key), place);
	place->parent = parent;
	place->level = parent ? parent->level + 1 : 0;
	for (int weekday = 0; weekday < CALENDAR_DAYS; weekday++)
		place->weekday_factor[weekday] = 1;
	if (!parent) {
		place->next_service = model->services;
		model->services = place;
	}
	return place;
}

struct delay_model *delay_new(void)
{
	struct delay_model *model = xcalloc(1, sizeof *model);
	model->origin_day = model->today = model->closed_day = DELAY_DAY_NONE;
	model->trusted_day = DELAY_DAY_NONE;
	model->weights = (struct delay_weights){1, 1, 1, 1};
	model->stored_day = model->sent_day = DELAY_DAY_NONE;
	model->epoch = 1;
	model->spill = place_new(model, "*|*", NULL);
	return model;
}

void delay_free(struct delay_model **model)
{
	if (!*model)
		return;
	MAP_FOREACH(slot, &(*model)->places)
	{
		struct delay_place *place = slot->value;
		learned_free(&place->learned);
		xfree(place);
	}
	map_free(&(*model)->places);
	xfree(*model);
	*model = NULL;
}

/* Copies a name into a key: bounded, and without the characters that part a key. */
static const char *key_name(char out[DELAY_NAME_BYTES], const char *name)
{
	text_clean(out, DELAY_NAME_BYTES, name ? name : "");
	for (char *at = out; *at; at++)
		if (*at == '|' || *at == '>')
			*at = '_';
	return out;
}

static struct delay_place *place_at(
    struct delay_model *model, const char *key, struct delay_place *parent)
{
	struct delay_place *place = map_get(&model->places, str_of(key));
	if (place)
		return place;
	if (model->places.count >= DELAY_PLACES_MAX)
		return parent ? parent : model->spill;
	return place_new(model, key, parent);
}

struct delay_place *delay_place(struct delay_model *model, const char *carrier, const char *service,
    const char *origin, const char *destination)
{
	char names[4][DELAY_NAME_BYTES], key[DELAY_KEY_BYTES];
	key_name(names[0], carrier);
	key_name(names[1], service);
	key_name(names[2], origin);
	key_name(names[3], destination);
	snprintf(key, sizeof key, "%s|%s", names[0], names[1]);
	struct delay_place *place = place_at(model, key, NULL);
	if (!*names[3] || place == model->spill)
		return place;
	snprintf(key, sizeof key, "%s|%s|%s", names[0], names[1], names[3]);
	struct delay_place *region = place_at(model, key, place);
	if (!*names[2] || region == place)
		return region;
	snprintf(key, sizeof key, "%s|%s|%s>%s", names[0], names[1], names[2], names[3]);
	return place_at(model, key, region);
}

const struct delay_place *delay_place_service(const struct delay_place *place)
{
	while (place->parent)
		place = place->parent;
	return place;
}

/* --- weights ---------------------------------------------------------------------------------- */

struct delay_weights delay_weights_of(const struct delay_model *model, int32_t day)
{
	if (day == model->today || model->origin_day == DELAY_DAY_NONE)
		return model->weights;
	double days = (double)day - model->origin_day;
	return (struct delay_weights){
	    .delay = exp2(days / DELAY_HALF_LIFE),
	    .weekday = exp2(days / WEEKDAY_HALF_LIFE),
	    .speed = exp2(days / SPEED_HALF_LIFE),
	    .eta = exp2(days / ETA_HALF_LIFE),
	};
}

static void scale(double *values, size_t count, double factor)
{
	for (size_t i = 0; i < count; i++)
		values[i] *= factor;
}

void delay_sums_shift(struct delay_sums *sums, int32_t days)
{
	double delay = exp2(-(double)days / DELAY_HALF_LIFE);
	double weekday = exp2(-(double)days / WEEKDAY_HALF_LIFE);
	double speed = exp2(-(double)days / SPEED_HALF_LIFE);
	double eta = exp2(-(double)days / ETA_HALF_LIFE);
	scale(sums->exposure, DELAY_AGES, delay);
	scale(sums->deliveries, DELAY_AGES, delay);
	scale(&sums->delivered, 1, delay);
	scale(&sums->countdown_seen, 1, delay);
	scale(&sums->countdown_late, 1, delay);
	scale(sums->weekday_seen, CALENDAR_DAYS, weekday);
	scale(sums->weekday_expected, CALENDAR_DAYS, weekday);
	scale(&sums->speed_seen, 1, speed);
	scale(&sums->speed_expected, 1, speed);
	scale(&sums->eta_shown, 1, eta);
	scale(&sums->eta_mass, 1, eta);
	scale(&sums->eta_held, 1, eta);
}

/* Once a year the weights are brought down again: a double ends at 2^1023, which the fastest
 * half-life would reach after 14 years. */
static void model_shift(struct delay_model *model, int32_t days)
{
	MAP_FOREACH(slot, &model->places)
	{
		struct delay_place *place = slot->value;
		delay_sums_shift(&place->sums, days);
		delay_learned_shift(&place->learned, days);
	}
	delay_sums_shift(&model->all, days);
	model->origin_day += days;
}

void delay_set_today(struct delay_model *model, int32_t day)
{
	if (model->origin_day == DELAY_DAY_NONE)
		model->origin_day = day;
	int64_t behind = (int64_t)day - model->origin_day;
	if (behind > SHIFT_DAYS)
		model_shift(model, (int32_t)(behind / SHIFT_DAYS * SHIFT_DAYS));
	model->today = DELAY_DAY_NONE; /* so that the weights are computed, not looked up */
	model->weights = delay_weights_of(model, day);
	model->today = day;
	model->epoch++;
}

/* --- hazard ----------------------------------------------------------------------------------- */

/* What all other carriers teach about this age.  Without the own sums, so that a carrier does not
 * hear its own voice twice; a single carrier hears ROOT_HAZARD. */
static double others_hazard(
    const struct delay_model *model, const struct delay_place *service, int age, double unweight)
{
	double deliveries = model->all.deliveries[age] - service->sums.deliveries[age];
	double exposure = model->all.exposure[age] - service->sums.exposure[age];
	return (fmax(0, deliveries) * unweight + level_prior[0] * ROOT_HAZARD) /
	       (fmax(0, exposure) * unweight + level_prior[0]);
}

static double place_hazard(
    const struct delay_model *model, const struct delay_place *place, int age, double unweight)
{
	double above = place->parent ? place_hazard(model, place->parent, age, unweight)
	                             : others_hazard(model, place, age, unweight);
	double prior = level_prior[place->level];
	return (place->sums.deliveries[age] * unweight + prior * above) /
	       (place->sums.exposure[age] * unweight + prior);
}

static void place_refresh(const struct delay_model *model, struct delay_place *place)
{
	if (place->epoch == model->epoch)
		return;
	place->epoch = model->epoch;
	place->hazard_known = 0;
	place->speed_known = false;
}

/* -ln(1 - h).  Kept for the day where P(late) or learning asks, so that the day's close judges by
 * what the day's predictions used; an ETA only looks, or asking for it would change the model. */
static double place_intensity(
    const struct delay_model *model, struct delay_place *place, int age, bool keep)
{
	place_refresh(model, place);
	uint64_t bit = UINT64_C(1) << age;
	if (place->hazard_known & bit)
		return place->hazard[age];
	double hazard = place_hazard(model, place, age, 1 / model->weights.delay);
	double intensity = -log(1 - fmin(hazard, HAZARD_MOST));
	if (keep) {
		place->hazard[age] = intensity;
		place->hazard_known |= bit;
	}
	return intensity;
}

/* Fixes a lane's hazards ahead of this age for the day, before its close starts to move them:
 * late parcels of the lane are then judged by what was known at 00:00, in whatever order. */
static void place_snapshot(const struct delay_model *model, struct delay_place *place, int age)
{
	for (; age <= SNAPSHOT_AGES; age++)
		place_intensity(model, place, age, true);
}

/* How fast the network moves now against what the hazards expect, 1 = as usual. */
static double place_speed(const struct delay_model *model, struct delay_place *place)
{
	if (place->level > 1)
		return place_speed(model, place->parent);
	place_refresh(model, place);
	if (!place->speed_known) {
		double above = place->parent ? place_speed(model, place->parent) : 1;
		double prior = speed_prior[place->level], unweight = 1 / model->weights.speed;
		place->speed = (place->sums.speed_seen * unweight + prior * above) /
		               (place->sums.speed_expected * unweight + prior);
		place->speed_known = true;
	}
	return place->speed;
}

static int trip_age(const struct delay_trip *trip, int32_t day)
{
	int64_t age = (int64_t)day - trip->handover_day - trip->held_days;
	return age < 0 ? 0 : age >= DELAY_AGES ? DELAY_AGES - 1 : (int)age;
}

/* --- prediction ------------------------------------------------------------------------------- */

struct delay_walk delay_walk_start(
    struct delay_model *model, const struct delay_trip *trip, bool keep)
{
	return (struct delay_walk){
	    .model = model,
	    .trip = trip,
	    .service = delay_place_service(trip->place),
	    .keep = keep,
	    .disturbance = place_speed(model, trip->place) - 1,
	};
}

double delay_walk_survival(struct delay_walk *walk, int32_t day)
{
	const struct delay_trip *trip = walk->trip;
	int weekday = calendar_weekday(trip->calendar, day);
	walk->intensity +=
	    place_intensity(walk->model, trip->place, trip_age(trip, day), walk->keep) *
	    walk->service->weekday_factor[weekday] * (1 + walk->disturbance);
	walk->disturbance *= SPEED_FADE;
	return exp(-walk->intensity);
}

double delay_p_late(struct delay_model *model, const struct delay_trip *trip, int32_t day)
{
	if (trip->promised_day == DELAY_DAY_NONE)
		return 0;
	if (day > trip->promised_day)
		return 1;
	place_snapshot(model, trip->place, trip_age(trip, day));
	struct delay_walk walk = delay_walk_start(model, trip, true);
	double survival = 1;
	/* A promise a year away is as good as kept; the bound keeps hostile dates cheap. */
	int64_t last = (int64_t)day + 2 * DELAY_HORIZON_DAYS;
	for (int64_t at = day; at <= trip->promised_day && at < last; at++)
		survival = delay_walk_survival(&walk, (int32_t)at);
	return survival;
}

double delay_experience(const struct delay_model *model, const struct delay_place *place)
{
	return delay_place_service(place)->sums.delivered / model->weights.delay;
}

/* As measured where the model comes from, and weighing so many parcels. */
#define COUNTDOWN_PRIOR      10.0
#define COUNTDOWN_PRIOR_LATE 0.69

double delay_countdown_precision(const struct delay_model *model, const struct delay_place *place)
{
	const struct delay_sums *sums = &delay_place_service(place)->sums;
	double unweight = 1 / model->weights.delay;
	return (sums->countdown_late * unweight + COUNTDOWN_PRIOR * COUNTDOWN_PRIOR_LATE) /
	       (sums->countdown_seen * unweight + COUNTDOWN_PRIOR);
}

/* --- learning --------------------------------------------------------------------------------- */

struct delay_lesson { /* one parcel, one day */
	int age, weekday;
	double exposure, expected, expected_plain, seen;
	double countdown_seen, countdown_late;
	struct delay_weights weights;
};

static struct delay_lesson lesson_of(
    struct delay_model *model, const struct delay_trip *trip, int32_t day)
{
	struct delay_lesson lesson = {
	    .age = trip_age(trip, day),
	    .weekday = calendar_weekday(trip->calendar, day),
	    .weights = delay_weights_of(model, day),
	};
	double plain = place_intensity(model, trip->place, lesson.age, true);
	lesson.exposure = delay_place_service(trip->place)->weekday_factor[lesson.weekday];
	lesson.expected = 1 - exp(-plain * lesson.exposure);
	lesson.expected_plain = 1 - exp(-plain);
	return lesson;
}

static void add(double *sum, double increment)
{
	*sum = fmax(0, *sum + increment); /* what is taken back may be a little more than was put */
}

static void sums_learn(struct delay_sums *sums, const struct delay_lesson *lesson, int level)
{
	const struct delay_weights *weights = &lesson->weights;
	add(&sums->exposure[lesson->age], weights->delay * lesson->exposure);
	add(&sums->deliveries[lesson->age], weights->delay * lesson->seen);
	add(&sums->delivered, weights->delay * lesson->seen);
	if (level <= 1) {
		add(&sums->speed_expected, weights->speed * lesson->expected);
		add(&sums->speed_seen, weights->speed * lesson->seen);
	}
	if (level == 0) {
		add(&sums->weekday_expected[lesson->weekday],
		    weights->weekday * lesson->expected_plain);
		add(&sums->weekday_seen[lesson->weekday], weights->weekday * lesson->seen);
		add(&sums->countdown_seen, weights->delay * lesson->countdown_seen);
		add(&sums->countdown_late, weights->delay * lesson->countdown_late);
	}
}

static void model_learn(
    struct delay_model *model, struct delay_place *place, const struct delay_lesson *lesson)
{
	for (; place; place = place->parent) {
		learned_touch(&place->learned, delay_sums_array(&place->sums), SUMS_DOUBLES);
		sums_learn(&place->sums, lesson, place->level);
	}
	sums_learn(&model->all, lesson, 0);
}

/* One of the last days before the promise, on which the countdown rule speaks. */
static bool is_counted_down(const struct delay_trip *trip, int32_t day)
{
	return trip->promised_day != DELAY_DAY_NONE && day <= trip->promised_day &&
	       day > trip->promised_day - DELAY_COUNTDOWN_DAYS &&
	       trip->promised_day - trip->handover_day >= DELAY_COUNTDOWN_LEAST_DAYS;
}

void delay_on_day(
    struct delay_model *model, const struct delay_trip *trip, int32_t day, bool delivered)
{
	if (day < trip->handover_day || (int64_t)day - trip->handover_day > DELAY_EXPIRE_DAYS)
		return;
	if (model->today == DELAY_DAY_NONE)
		delay_set_today(model, day);
	struct delay_lesson lesson = lesson_of(model, trip, day);
	lesson.seen = delivered ? 1 : 0;
	if (is_counted_down(trip, day) && (delivered || day == trip->promised_day)) {
		lesson.countdown_seen = 1;
		lesson.countdown_late = delivered ? 0 : 1;
	}
	model_learn(model, trip->place, &lesson);
}

void delay_on_taken_back(
    struct delay_model *model, const struct delay_trip *trip, int32_t delivered_day)
{
	if (model->today == DELAY_DAY_NONE || delivered_day < trip->handover_day ||
	    (int64_t)delivered_day - trip->handover_day > DELAY_EXPIRE_DAYS)
		return;
	struct delay_lesson lesson = lesson_of(model, trip, delivered_day);
	lesson.exposure = lesson.expected = lesson.expected_plain = 0; /* it was at risk that day */
	lesson.seen = -1;
	if (is_counted_down(trip, delivered_day) && delivered_day == trip->promised_day)
		lesson.countdown_late = 1; /* it stays seen, and that day is over */
	else if (is_counted_down(trip, delivered_day))
		lesson.countdown_seen = -1;
	model_learn(model, trip->place, &lesson);
}

void delay_on_late_news(struct delay_model *model, const struct delay_trip *trip,
    int32_t delivered_day, int32_t closed_day)
{
	if (delivered_day < trip->handover_day || delivered_day > closed_day ||
	    (int64_t)delivered_day - trip->handover_day > DELAY_EXPIRE_DAYS ||
	    model->today == DELAY_DAY_NONE)
		return;
	struct delay_lesson lesson = lesson_of(model, trip, delivered_day);
	lesson.exposure = lesson.expected = lesson.expected_plain = 0; /* counted that evening */
	lesson.seen = 1;
	if (is_counted_down(trip, trip->promised_day) && delivered_day <= trip->promised_day &&
	    trip->promised_day <= closed_day) {
		lesson.countdown_late = -1; /* it was taken for late */
		lesson.countdown_seen = is_counted_down(trip, delivered_day) ? 0 : -1;
	} else if (is_counted_down(trip, delivered_day)) {
		lesson.countdown_seen = 1;
	}
	model_learn(model, trip->place, &lesson);
	int64_t last = (int64_t)trip->handover_day + DELAY_EXPIRE_DAYS;
	for (int64_t day = (int64_t)delivered_day + 1; day <= closed_day && day <= last; day++) {
		lesson = lesson_of(model, trip, (int32_t)day);
		lesson.exposure = -lesson.exposure;
		lesson.expected = -lesson.expected;
		lesson.expected_plain = -lesson.expected_plain;
		model_learn(model, trip->place, &lesson);
	}
}

static double sum_week(const double values[CALENDAR_DAYS])
{
	double sum = 0;
	for (int weekday = 0; weekday < CALENDAR_DAYS; weekday++)
		sum += values[weekday];
	return sum;
}

/* Deliveries seen over expected by weekday, around 1.  The prior is what the other carriers show:
 * a new carrier rests on Sundays before its first Sunday, if all others do. */
static void place_weekday_factors(
    const struct delay_model *model, struct delay_place *place, double unweight)
{
	double seen[CALENDAR_DAYS], expected[CALENDAR_DAYS];
	const struct delay_sums *all = &model->all, *own = &place->sums;
	for (int i = 0; i < CALENDAR_DAYS; i++) {
		seen[i] = fmax(0, all->weekday_seen[i] - own->weekday_seen[i]) * unweight;
		expected[i] =
		    fmax(0, all->weekday_expected[i] - own->weekday_expected[i]) * unweight;
	}
	double others = (sum_week(seen) + WEEKDAY_PRIOR) / (sum_week(expected) + WEEKDAY_PRIOR);
	double mean = (sum_week(own->weekday_seen) * unweight + WEEKDAY_PRIOR) /
	              (sum_week(own->weekday_expected) * unweight + WEEKDAY_PRIOR);
	for (int i = 0; i < CALENDAR_DAYS; i++) {
		double prior = (seen[i] + WEEKDAY_PRIOR) / (expected[i] + WEEKDAY_PRIOR) / others;
		double factor = (own->weekday_seen[i] * unweight + WEEKDAY_PRIOR * prior) /
		                (own->weekday_expected[i] * unweight + WEEKDAY_PRIOR) / mean;
		place->weekday_factor[i] = fmax(WEEKDAY_FACTOR_LEAST, factor);
	}
}

void delay_weekday_factors(struct delay_model *model)
{
	double unweight = 1 / model->weights.weekday;
	for (struct delay_place *place = model->services; place; place = place->next_service)
		place_weekday_factors(model, place, unweight);
}

void delay_close_day(struct delay_model *model, int32_t day)
{
	if (day <= model->closed_day || day == INT32_MAX)
		return;
	model->closed_day = day;
	delay_set_today(model, day + 1);
	delay_weekday_factors(model);
}

int32_t delay_closed_day(const struct delay_model *model)
{
	return model->closed_day;
}
