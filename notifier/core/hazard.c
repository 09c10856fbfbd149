#include "notifier/core/hazard.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "notifier/base/mem.h"
#include "notifier/base/when.h"
#include "notifier/core/hazard_model.h"

/* Prior weights in minutes of exposure: all classes against the shipped default, and one class
 * against all. */
#define POOL_PRIOR_MIN  (12 * 60.0)
#define CLASS_PRIOR_MIN (16 * 60.0)
#define LEARN_MOST_MS   (60 * DAY_MS) /* a longer silence teaches no more */
#define WINDOW_LEAD_H   8             /* hours before the window that have cells of their own */
#define LAG_POLLS_MS    (30 * MINUTE_MS)
#define LAG_SPILL       "*"

/* Minutes; 2 a bin. */
const struct histogram_shape hazard_lag_shape[1] = {{.least = 0, .step = 2, .half_life_days = 28}};

enum offset_kind { OFFSET_NONE, OFFSET_ETA, OFFSET_DAYS };

/* Which offset a state has, and what it yields before anything is learned: events a day times
 * their value (POLLING.md, 6a). */
static const struct state_row {
	const char *name;
	enum offset_kind offset;
	double value_per_day;
} state_rows[HAZARD_STATES] = {
    [HAZARD_PRE_TRANSIT] = {"pre_transit", OFFSET_DAYS, 0.6 * 0.2},
    [HAZARD_IN_TRANSIT] = {"in_transit", OFFSET_ETA, 1.3 * 0.08},
    [HAZARD_AT_DESTINATION] = {"at_destination", OFFSET_ETA, 1.2},
    [HAZARD_OUT_FOR_DELIVERY] = {"out_for_delivery", OFFSET_DAYS, 2.5},
    [HAZARD_ATTEMPT_FAILED] = {"attempt_failed", OFFSET_ETA, 0.8 * 0.95},
    [HAZARD_PICKUP] = {"available_for_pickup", OFFSET_DAYS, 0.5 * 0.05},
    [HAZARD_EXCEPTION] = {"exception", OFFSET_ETA, 0.15},
    [HAZARD_RETURNING] = {"returning", OFFSET_DAYS, 0.5 * 0.1},
    [HAZARD_WINDOW] = {"window", OFFSET_NONE, 2.5},
};
/* Days until the ETA: -3 … 4, and none. */
static const double eta_factor[HAZARD_OFFSETS] = {.8, .8, .8, 1.2, .6, .4, .3, .3, .8};
static const double days_factor[HAZARD_OFFSETS] = {1, .6, .4, .3, .2, .2, .2, .2, .2};
static const double day_kind_factor[HAZARD_DAY_KINDS] = {1, .6, .2};

static const double news_value[HAZARD_NEWS_COUNT] = {
    [HAZARD_NEWS_SCAN] = 0.01,
    [HAZARD_NEWS_FIRST_SCAN] = 0.2,
    [HAZARD_NEWS_OUT_FOR_DELIVERY] = 1,
    [HAZARD_NEWS_DELIVERED] = 1,
    [HAZARD_NEWS_ATTEMPT_FAILED] = 1,
    [HAZARD_NEWS_PICKUP_READY] = 0.8,
    [HAZARD_NEWS_EXCEPTION] = 0.6,
    [HAZARD_NEWS_CLEARED] = 0.1,
    [HAZARD_NEWS_COLLECTED] = 0.05,
    [HAZARD_NEWS_RETURNING] = 0.4,
    [HAZARD_NEWS_RETURNED] = 0.2,
};

double hazard_news_value(enum hazard_news news)
{
	must(news < HAZARD_NEWS_COUNT);
	return news_value[news];
}

const char *hazard_state_name(enum hazard_state state)
{
	return state < HAZARD_STATES ? state_rows[state].name : "unknown";
}

static struct hazard_lag *lag_new(struct hazard_model *model, const char *name)
{
	struct hazard_lag *lag = xcalloc(1, sizeof *lag);
	map_put(&model->lags, str_of(name), lag);
	return lag;
}

/* Final statuses and the unknown: as if nothing had been heard. */
static const enum hazard_state status_states[STATUS_COUNT] = {
    [STATUS_IN_TRANSIT] = HAZARD_IN_TRANSIT,
    [STATUS_OUT_FOR_DELIVERY] = HAZARD_OUT_FOR_DELIVERY,
    [STATUS_ATTEMPT_FAILED] = HAZARD_ATTEMPT_FAILED,
    [STATUS_AVAILABLE_FOR_PICKUP] = HAZARD_PICKUP,
    [STATUS_EXCEPTION] = HAZARD_EXCEPTION,
    [STATUS_RETURNING] = HAZARD_RETURNING,
};

enum hazard_state hazard_state_of(enum status status, bool at_destination, bool window)
{
	must(status < STATUS_COUNT);
	if (status == STATUS_IN_TRANSIT && at_destination)
		return HAZARD_AT_DESTINATION;
	if (status == STATUS_OUT_FOR_DELIVERY && window)
		return HAZARD_WINDOW;
	return status_states[status];
}

/* --- the model -------------------------------------------------------------------------------- */

struct hazard_model *hazard_new(void)
{
	struct hazard_model *model = xcalloc(1, sizeof *model);
	model->halved_day = model->trusted_day = HAZARD_DAY_NONE;
	must(hazard_class(model, "*", NULL) == HAZARD_SPILL);
	lag_new(model, LAG_SPILL);
	return model;
}

void hazard_free(struct hazard_model **model)
{
	if (!*model)
		return;
	for (int i = 0; i < (*model)->class_count; i++) {
		for (int row = 0; row < HAZARD_ROWS; row++)
			learned_free(&(*model)->classes[i]->learned[row]);
		xfree((*model)->classes[i]);
	}
	MAP_FOREACH(slot, &(*model)->lags)
	{
		struct hazard_lag *lag = slot->value;
		learned_free(&lag->learned);
		xfree(lag);
	}
	map_free(&(*model)->class_names);
	map_free(&(*model)->lags);
	xfree(*model);
	*model = NULL;
}

int hazard_class(struct hazard_model *model, const char *carrier, const char *service)
{
	char key[2 * HAZARD_NAME_BYTES + 2], names[2][HAZARD_NAME_BYTES];
	text_clean(names[0], HAZARD_NAME_BYTES, carrier ? carrier : "");
	text_clean(names[1], HAZARD_NAME_BYTES, service ? service : "");
	for (char *at = names[0]; (at = strchr(at, '|')); at++)
		*at = '_';
	for (char *at = names[1]; (at = strchr(at, '|')); at++)
		*at = '_';
	snprintf(key, sizeof key, "%s|%s", names[0], names[1]);
	struct hazard_class *class = map_get(&model->class_names, str_of(key));
	if (class)
		return class->index;
	if (model->class_count == HAZARD_CLASSES_MAX)
		return HAZARD_SPILL;
	class = xcalloc(1, sizeof *class);
	class->index = model->class_count;
	class->name = map_put(&model->class_names, str_of(key), class);
	model->classes[model->class_count++] = class;
	return class->index;
}

/* --- cells ------------------------------------------------------------------------------------ */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static int clip(int64_t value, int least, int most)
{
	return value < least ? least : value > most ? most : (int)value;
}

/* Where the hours of this belief begin: at local full hours, or counted from the window. */
static int64_t hours_anchor_ms(const struct hazard_belief *belief)
{
	return belief->state == HAZARD_WINDOW ? belief->window_ms
	                                      : -(int64_t)belief->offset_s * SECOND_MS;
}

static int day_kind(const struct hazard_belief *belief, int32_t day)
{
	int weekday = calendar_weekday(belief->calendar, day);
	return weekday < 5 ? 0 : weekday - 4;
}

static int offset_of(const struct hazard_belief *belief, int32_t day)
{
	switch (state_rows[belief->state].offset) {
	case OFFSET_ETA:
		if (belief->eta_day == HAZARD_DAY_NONE)
			return HAZARD_OFFSETS - 1;
		return clip((int64_t)belief->eta_day - day, -3, 4) + 3;
	case OFFSET_DAYS: return clip((int64_t)day - belief->since_day, 0, 6);
	case OFFSET_NONE: break;
	}
	return 0;
}

struct cell_at {
	int cell;         /* index into hazard_cells */
	int offset, kind; /* of the cell, for the defaults */
};

static struct cell_at cell_of(const struct hazard_belief *belief, int64_t at_ms)
{
	int64_t hours = floor_div(at_ms - hours_anchor_ms(belief), HOUR_MS);
	struct cell_at at = {0};
	int hour;
	if (belief->state == HAZARD_WINDOW) {
		hour = clip(hours + WINDOW_LEAD_H, 0, HAZARD_HOURS - 1);
	} else {
		int32_t day = (int32_t)floor_div(hours, HAZARD_HOURS);
		hour = (int)(hours - (int64_t)day * HAZARD_HOURS);
		at.kind = day_kind(belief, day);
		at.offset = offset_of(belief, day);
	}
	at.cell = HAZARD_CELL(belief->state, at.offset, at.kind, hour);
	return at;
}

static double default_rate(const struct hazard_belief *belief, const struct cell_at *at)
{
	const struct state_row *row = &state_rows[belief->state];
	double rate = row->value_per_day / (24 * 60) * day_kind_factor[at->kind];
	if (row->offset == OFFSET_ETA)
		rate *= eta_factor[at->offset];
	if (row->offset == OFFSET_DAYS && belief->state != HAZARD_RETURNING)
		rate *= days_factor[at->offset];
	return rate;
}

double hazard_rate(
    const struct hazard_model *model, const struct hazard_belief *belief, int64_t at_ms)
{
	struct cell_at at = cell_of(belief, at_ms);
	const struct hazard_cells *own = &model->classes[belief->class_index]->cells;
	const struct hazard_cells *pool = &model->pool;
	double above = (pool->value[at.cell] + default_rate(belief, &at) * POOL_PRIOR_MIN) /
	               (pool->exposure_min[at.cell] + POOL_PRIOR_MIN);
	return (own->value[at.cell] + above * CLASS_PRIOR_MIN) /
	       (own->exposure_min[at.cell] + CLASS_PRIOR_MIN);
}

double hazard_experience(const struct hazard_model *model, int class_index)
{
	const struct hazard_cells *own = &model->classes[class_index]->cells;
	double sum = 0;
	for (int i = 0; i < HAZARD_CELLS; i++)
		sum += own->value[i];
	return sum;
}

int64_t hazard_rate_until(const struct hazard_belief *belief, int64_t at_ms)
{
	int64_t anchor = hours_anchor_ms(belief);
	return anchor + (floor_div(at_ms - anchor, HOUR_MS) + 1) * HOUR_MS;
}

/* --- learning --------------------------------------------------------------------------------- */

void hazard_row_get(const struct hazard_class *class, int row, double sums[HAZARD_ROW_SUMS])
{
	size_t bytes = HAZARD_ROW_CELLS * sizeof *sums;
	memcpy(sums, &class->cells.value[row * HAZARD_ROW_CELLS], bytes);
	memcpy(sums + HAZARD_ROW_CELLS, &class->cells.exposure_min[row * HAZARD_ROW_CELLS], bytes);
}

/* Before a cell changes. */
static void touch(struct hazard_model *model, int class_index, int cell)
{
	double sums[HAZARD_ROW_SUMS];
	int row = cell / HAZARD_ROW_CELLS;
	struct hazard_class *class = model->classes[class_index];
	if (class->learned[row].base)
		return;
	hazard_row_get(class, row, sums);
	learned_touch(&class->learned[row], sums, HAZARD_ROW_SUMS);
}

void hazard_learn_exposure(
    struct hazard_model *model, const struct hazard_belief *belief, int64_t from_ms, int64_t to_ms)
{
	struct hazard_cells *own = &model->classes[belief->class_index]->cells;
	if (to_ms - from_ms > LEARN_MOST_MS)
		to_ms = from_ms + LEARN_MOST_MS;
	while (from_ms < to_ms) {
		int64_t until = hazard_rate_until(belief, from_ms);
		if (until > to_ms)
			until = to_ms;
		int cell = cell_of(belief, from_ms).cell;
		double minutes = (double)(until - from_ms) / (double)MINUTE_MS;
		touch(model, belief->class_index, cell);
		own->exposure_min[cell] += minutes;
		model->pool.exposure_min[cell] += minutes;
		from_ms = until;
	}
}

void hazard_learn_event(
    struct hazard_model *model, const struct hazard_belief *belief, int64_t at_ms, double value)
{
	int cell = cell_of(belief, at_ms).cell;
	touch(model, belief->class_index, cell);
	model->classes[belief->class_index]->cells.value[cell] += value;
	model->pool.value[cell] += value;
}

static void cells_scale(struct hazard_cells *cells, double factor)
{
	for (int i = 0; i < HAZARD_CELLS; i++) {
		cells->value[i] *= factor;
		cells->exposure_min[i] *= factor;
	}
}

void hazard_fade(struct hazard_model *model, int32_t day)
{
	double factor = exp2(-((double)day - model->halved_day) / HAZARD_HALVING_DAYS);
	model->halved_day = day;
	cells_scale(&model->pool, factor);
	for (int i = 0; i < model->class_count; i++) {
		cells_scale(&model->classes[i]->cells, factor);
		for (int row = 0; row < HAZARD_ROWS; row++)
			learned_scale(&model->classes[i]->learned[row], HAZARD_ROW_SUMS, factor);
	}
}

/* In whole halvings, so that all workers that share stored sums halve on the same days. */
void hazard_on_day(struct hazard_model *model, int32_t day)
{
	if (model->halved_day == HAZARD_DAY_NONE)
		model->halved_day = day;
	int64_t days = (int64_t)day - model->halved_day;
	if (days >= HAZARD_HALVING_DAYS)
		hazard_fade(model, (int32_t)(day - days % HAZARD_HALVING_DAYS));
}

/* --- the carrier's lag ------------------------------------------------------------------------ */

struct hazard_lag *hazard_lag_of(struct hazard_model *model, const char *carrier)
{
	char name[HAZARD_NAME_BYTES];
	text_clean(name, sizeof name, carrier && *carrier ? carrier : LAG_SPILL);
	struct hazard_lag *lag = map_get(&model->lags, str_of(name));
	if (!lag && model->lags.count >= HAZARD_CLASSES_MAX)
		lag = map_get(&model->lags, str_of(LAG_SPILL));
	return lag ? lag : lag_new(model, name);
}

void hazard_lag_refresh(struct hazard_lag *lag)
{
	double median = histogram_quantile(&lag->minutes, hazard_lag_shape, 0.5, 0);
	lag->median_ms = (int64_t)(median * (double)MINUTE_MS);
}

void hazard_learn_lag(
    struct hazard_lag *lag, int64_t event_ms, int64_t previous_poll_ms, int64_t poll_ms)
{
	if (poll_ms - previous_poll_ms > LAG_POLLS_MS || event_ms > poll_ms)
		return;
	int64_t hidden_until = previous_poll_ms > event_ms ? previous_poll_ms : event_ms;
	double seen = ((double)hidden_until + (double)poll_ms) / 2 - (double)event_ms;
	learned_histogram_add(&lag->learned, &lag->minutes, hazard_lag_shape,
	    seen / (double)MINUTE_MS, day_of_instant(poll_ms, 0));
	hazard_lag_refresh(lag);
}

int64_t hazard_lag_ms(const struct hazard_lag *lag)
{
	return lag->median_ms;
}
