/* Export and import of the hazard model: one line of numbers per class, state and offset, and
 * one per carrier's lag. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/core/hazard_model.h"

#define LAG_PREFIX  "~lag|"
#define KEY_BYTES   (2 * HAZARD_NAME_BYTES + 16)
#define DECADE_DAYS 3660

typedef void entry_put(void *arg, const char *key, const char *value);

static bool row_is_empty(const double sums[HAZARD_ROW_SUMS])
{
	for (int i = 0; i < HAZARD_ROW_SUMS; i++)
		if (sums[i] != 0)
			return false;
	return true;
}

/* "VERSION DAY value … exposure …" */
static void row_put(const struct hazard_model *model, const struct hazard_class *class, int row,
    entry_put *put, void *arg)
{
	struct buf text = BUF_EMPTY(0);
	char key[KEY_BYTES];
	double sums[HAZARD_ROW_SUMS];
	hazard_row_get(class, row, sums);
	snprintf(key, sizeof key, "%s|%d", class->name, row);
	buf_printf(&text, "%d %" PRId32, HAZARD_MODEL_VERSION, model->halved_day);
	for (int i = 0; i < HAZARD_ROW_SUMS; i++) {
		if (sums[i] == 0)
			buf_add_text(&text, " 0");
		else
			buf_printf(&text, " %.17g", sums[i]);
	}
	put(arg, key, buf_text(&text));
	buf_free(&text);
}

static void lag_put(const char *carrier, const struct hazard_lag *lag, entry_put *put, void *arg)
{
	struct buf text = BUF_EMPTY(0);
	char key[KEY_BYTES];
	snprintf(key, sizeof key, LAG_PREFIX "%s", carrier);
	buf_printf(&text, "%d ", HAZARD_MODEL_VERSION);
	histogram_write(&lag->minutes, &text);
	put(arg, key, buf_text(&text));
	buf_free(&text);
}

/* The rows have numbers for all classes that may be, so that the lags' stay when there are more. */
bool hazard_export_next(const struct hazard_model *model, size_t *at, entry_put *put, void *arg)
{
	const size_t rows = (size_t)HAZARD_CLASSES_MAX * HAZARD_ROWS;
	double sums[HAZARD_ROW_SUMS];
	size_t number = (*at)++;
	if (number >= rows + model->lags.count)
		return false;
	if (number >= rows) {
		const struct map_slot *slot = &model->lags.slots[number - rows];
		const struct hazard_lag *lag = slot->value;
		if (lag->minutes.total != 0)
			lag_put(slot->key, lag, put, arg);
		return true;
	}
	int index = (int)(number / HAZARD_ROWS), row = (int)(number % HAZARD_ROWS);
	if (index >= model->class_count) {
		*at = rows;
		return true;
	}
	hazard_row_get(model->classes[index], row, sums);
	if (!row_is_empty(sums))
		row_put(model, model->classes[index], row, put, arg);
	return true;
}

size_t hazard_entries(const struct hazard_model *model)
{
	size_t count = 0;
	double sums[HAZARD_ROW_SUMS];
	for (int i = 0; i < model->class_count * HAZARD_ROWS; i++) {
		hazard_row_get(model->classes[i / HAZARD_ROWS], i % HAZARD_ROWS, sums);
		count += !row_is_empty(sums);
	}
	MAP_FOREACH(slot, &model->lags)
	{
		const struct hazard_lag *lag = slot->value;
		count += lag->minutes.total != 0;
	}
	return count;
}

/* --- what is learned and not stored yet ---------------------------------------------------------
 */

static size_t class_export_pending(const struct hazard_model *model, struct hazard_class *class,
    size_t most, entry_put *put, void *arg)
{
	double sums[HAZARD_ROW_SUMS];
	size_t count = 0;
	for (int row = 0; row < HAZARD_ROWS && count < most; row++) {
		struct learned *learned = &class->learned[row];
		hazard_row_get(class, row, sums);
		if (!learned_is_pending(learned, sums, HAZARD_ROW_SUMS))
			continue;
		learned_send(learned, sums, HAZARD_ROW_SUMS);
		row_put(model, class, row, put, arg);
		count++;
	}
	return count;
}

size_t hazard_export_pending(struct hazard_model *model, size_t most, entry_put *put, void *arg)
{
	size_t count = 0;
	for (int i = 0; i < model->class_count; i++)
		count += class_export_pending(model, model->classes[i], most - count, put, arg);
	MAP_FOREACH(slot, &model->lags)
	{
		struct hazard_lag *lag = slot->value;
		const double *bins = lag->minutes.bins;
		if (count == most || !learned_is_pending(&lag->learned, bins, HISTOGRAM_BINS))
			continue;
		learned_send(&lag->learned, bins, HISTOGRAM_BINS);
		lag_put(slot->key, lag, put, arg);
		count++;
	}
	return count;
}

void hazard_settle(struct hazard_model *model, bool is_stored)
{
	double sums[HAZARD_ROW_SUMS];
	for (int i = 0; i < model->class_count * HAZARD_ROWS; i++) {
		struct hazard_class *class = model->classes[i / HAZARD_ROWS];
		struct learned *learned = &class->learned[i % HAZARD_ROWS];
		if (learned->sent == NULL)
			continue;
		hazard_row_get(class, i % HAZARD_ROWS, sums);
		learned_settle(learned, sums, HAZARD_ROW_SUMS, is_stored);
	}
	MAP_FOREACH(slot, &model->lags)
	{
		struct hazard_lag *lag = slot->value;
		learned_settle(&lag->learned, lag->minutes.bins, HISTOGRAM_BINS, is_stored);
	}
}

/* --- import ------------------------------------------------------------------------------------
 */

static bool damaged(const char *key, struct err *err)
{
	return err_set(err, ERR_INPUT, "hazard model, %s: damaged", key);
}

static bool day_read(const char **at, int32_t *day)
{
	char *end;
	double number = strtod(*at, &end);
	if (end == *at || !(number >= INT32_MIN && number <= INT32_MAX))
		return false;
	*at = end;
	*day = (int32_t)number;
	return true;
}

static bool row_read(const char *at, double sums[HAZARD_ROW_SUMS])
{
	for (int i = 0; i < HAZARD_ROW_SUMS; i++) {
		char *end;
		sums[i] = strtod(at, &end);
		if (end == at || !(sums[i] >= 0 && sums[i] < 1e15))
			return false;
		at = end;
	}
	return *at == 0;
}

static void row_merge(
    struct hazard_model *model, struct hazard_class *class, int row, const double *stored)
{
	double now[HAZARD_ROW_SUMS];
	int first = row * HAZARD_ROW_CELLS;
	double *value = &class->cells.value[first], *exposure = &class->cells.exposure_min[first];
	double *pool_value = &model->pool.value[first];
	double *pool_exposure = &model->pool.exposure_min[first];
	hazard_row_get(class, row, now);
	learned_merge(&class->learned[row], now, stored, HAZARD_ROW_SUMS);
	for (int i = 0; i < HAZARD_ROW_CELLS; i++) {
		double exposure_now = now[HAZARD_ROW_CELLS + i];
		pool_value[i] = fmax(0, pool_value[i] + (now[i] - value[i]));
		pool_exposure[i] = fmax(0, pool_exposure[i] + (exposure_now - exposure[i]));
		value[i] = now[i];
		exposure[i] = exposure_now;
	}
}

/* Brings model and row to the later of their days. */
static bool row_align(struct hazard_model *model, int32_t day, double sums[HAZARD_ROW_SUMS])
{
	if (model->trusted_day != HAZARD_DAY_NONE && day > model->trusted_day)
		return false;
	if (day == HAZARD_DAY_NONE || model->halved_day == day)
		return true;
	if (model->halved_day == HAZARD_DAY_NONE)
		model->halved_day = day;
	int64_t ahead = (int64_t)day - model->halved_day;
	if (ahead > DECADE_DAYS)
		return false;
	if (ahead > 0)
		hazard_fade(model, day);
	for (int i = 0; i < HAZARD_ROW_SUMS && ahead < 0; i++)
		sums[i] *= exp2((double)ahead / HAZARD_HALVING_DAYS);
	return true;
}

/* "carrier|service|row".  *is_full: one class too many, left to the worker that keeps it. */
static struct hazard_class *class_of_key(
    struct hazard_model *model, const char *key, int *row, bool *is_full)
{
	char parts[KEY_BYTES];
	int64_t number;
	snprintf(parts, sizeof parts, "%s", key);
	char *service = strchr(parts, '|'), *last = strrchr(parts, '|');
	*is_full = false;
	if (strlen(key) >= sizeof parts || !service || service == last ||
	    !str_to_int64(str_of(last + 1), &number) || number < 0 || number >= HAZARD_ROWS)
		return NULL;
	*service = *last = 0;
	struct hazard_class *class = model->classes[hazard_class(model, parts, service + 1)];
	*service = '|';
	*row = (int)number;
	if (text_eq(class->name, parts))
		return class;
	*is_full = model->class_count == HAZARD_CLASSES_MAX;
	return NULL;
}

static bool row_import(
    struct hazard_model *model, const char *key, const char *value, struct err *err)
{
	double sums[HAZARD_ROW_SUMS];
	int32_t day;
	int row;
	bool is_full;
	if (!day_read(&value, &day) || !row_read(value, sums))
		return damaged(key, err);
	struct hazard_class *class = class_of_key(model, key, &row, &is_full);
	if (!class)
		return is_full || damaged(key, err);
	if (!row_align(model, day, sums))
		return err_set(err, ERR_INPUT, "hazard model, %s: of another time than ours", key);
	row_merge(model, class, row, sums);
	class->learned[row].seen = model->load;
	return true;
}

static bool lag_import(
    struct hazard_model *model, const char *key, const char *value, struct err *err)
{
	const char *carrier = key + sizeof LAG_PREFIX - 1;
	struct histogram read;
	if (!*carrier || !histogram_read(&read, value))
		return damaged(key, err);
	if (model->trusted_day != HAZARD_DAY_NONE && read.day > model->trusted_day)
		return err_set(err, ERR_INPUT, "hazard model, %s: of another time than ours", key);
	struct hazard_lag *lag = hazard_lag_of(model, carrier);
	if (lag != map_get(&model->lags, str_of(carrier)))
		return model->lags.count >= HAZARD_CLASSES_MAX || damaged(key, err);
	learned_histogram_merge(&lag->learned, &lag->minutes, hazard_lag_shape, &read);
	lag->learned.seen = model->load;
	hazard_lag_refresh(lag);
	return true;
}

bool hazard_import(struct hazard_model *model, const char *key, const char *value, struct err *err)
{
	char *at;
	long version = strtol(value, &at, 10);
	if (at == value || version != HAZARD_MODEL_VERSION || *at != ' ')
		return err_set(err, ERR_INPUT,
		    "hazard model, %s: not of version %d; reset it to learn anew", key,
		    HAZARD_MODEL_VERSION);
	return str_starts(str_of(key), LAG_PREFIX) ? lag_import(model, key, at, err)
	                                           : row_import(model, key, at, err);
}

void hazard_trust_until(struct hazard_model *model, int32_t day)
{
	model->trusted_day = day;
}

void hazard_import_begin(struct hazard_model *model)
{
	model->load++;
}

void hazard_import_end(struct hazard_model *model, bool is_whole)
{
	static const double none[HAZARD_ROW_SUMS];
	for (int i = 0; is_whole && i < model->class_count * HAZARD_ROWS; i++) {
		struct hazard_class *class = model->classes[i / HAZARD_ROWS];
		if (class->learned[i % HAZARD_ROWS].seen != model->load)
			row_merge(model, class, i % HAZARD_ROWS, none);
	}
	MAP_FOREACH(slot, &model->lags)
	{
		struct hazard_lag *lag = slot->value;
		const struct histogram empty = {.day = lag->minutes.day};
		if (!is_whole || lag->learned.seen == model->load)
			continue;
		learned_histogram_merge(&lag->learned, &lag->minutes, hazard_lag_shape, &empty);
		hazard_lag_refresh(lag);
	}
}

/* --- for people --------------------------------------------------------------------------------
 */

static bool is_of_carrier(const struct hazard_class *class, const char *carrier)
{
	size_t len = carrier ? strlen(carrier) : 0;
	return !carrier || (strncmp(class->name, carrier, len) == 0 && class->name[len] == '|');
}

static void class_reset(struct hazard_model *model, struct hazard_class *class)
{
	static const double none[HAZARD_ROW_SUMS];
	for (int row = 0; row < HAZARD_ROWS; row++) {
		learned_free(&class->learned[row]);
		row_merge(model, class, row, none);
	}
}

void hazard_reset(struct hazard_model *model, const char *carrier)
{
	for (int i = 0; i < model->class_count; i++)
		if (is_of_carrier(model->classes[i], carrier))
			class_reset(model, model->classes[i]);
	MAP_FOREACH(slot, &model->lags)
	{
		struct hazard_lag *lag = slot->value;
		if (carrier && !text_eq(slot->key, carrier))
			continue;
		learned_free(&lag->learned);
		lag->minutes = (struct histogram){0};
		hazard_lag_refresh(lag);
	}
}

void hazard_each_class(const struct hazard_model *model,
    void (*visit)(void *arg, const char *carrier_service, double news), void *arg)
{
	for (int i = 0; i < model->class_count; i++) {
		double news = hazard_experience(model, i);
		if (news > 0)
			visit(arg, model->classes[i]->name, news);
	}
}

void hazard_each_lag(const struct hazard_model *model,
    void (*visit)(void *arg, const char *carrier, int64_t lag_ms), void *arg)
{
	MAP_FOREACH(slot, &model->lags)
	{
		const struct hazard_lag *lag = slot->value;
		if (lag->minutes.total > 0)
			visit(arg, slot->key, lag->median_ms);
	}
}
