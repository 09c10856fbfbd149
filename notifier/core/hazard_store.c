/* Export and import of the hazard model: one line of numbers per class, state and offset, and
 * one per carrier's lag. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/core/hazard_model.h"

#define LAG_PREFIX "~lag|"
#define DAY_KEY    "~day"
#define KEY_BYTES  (2 * HAZARD_NAME_BYTES + 16)

static void numbers_write(struct buf *out, const double *values)
{
	for (int i = 0; i < HAZARD_ROW_CELLS; i++) {
		if (values[i] == 0)
			buf_add_text(out, " 0");
		else
			buf_printf(out, " %.17g", values[i]);
	}
}

static void class_export(struct hazard_class *class, bool only_changed,
    void (*put)(void *arg, const char *key, const char *value), void *arg)
{
	struct buf text = BUF_EMPTY(0);
	for (int row = 0; row < HAZARD_ROWS; row++) {
		char key[KEY_BYTES];
		int first = row * HAZARD_ROW_CELLS;
		double sum = 0;
		for (int i = first; i < first + HAZARD_ROW_CELLS; i++)
			sum += class->cells.exposure_min[i] + class->cells.value[i];
		if (sum == 0 || (only_changed && !class->changed[row]))
			continue;
		class->changed[row] = false;
		snprintf(key, sizeof key, "%s|%d", class->name, row);
		buf_clear(&text);
		buf_printf(&text, "%d", HAZARD_MODEL_VERSION);
		numbers_write(&text, &class->cells.value[first]);
		numbers_write(&text, &class->cells.exposure_min[first]);
		put(arg, key, buf_text(&text));
	}
	buf_free(&text);
}

void hazard_export(struct hazard_model *model, bool only_changed,
    void (*put)(void *arg, const char *key, const char *value), void *arg)
{
	struct buf text = BUF_EMPTY(0);
	for (int i = 0; i < model->class_count; i++)
		class_export(model->classes[i], only_changed, put, arg);
	MAP_FOREACH(slot, &model->lags)
	{
		struct hazard_lag *lag = slot->value;
		char key[KEY_BYTES];
		if (lag->minutes.total == 0 || (only_changed && !lag->changed))
			continue;
		lag->changed = false;
		snprintf(key, sizeof key, LAG_PREFIX "%s", slot->key);
		buf_clear(&text);
		buf_printf(&text, "%d ", HAZARD_MODEL_VERSION);
		histogram_write(&lag->minutes, &text);
		put(arg, key, buf_text(&text));
	}
	buf_clear(&text);
	buf_printf(&text, "%d %" PRId32, HAZARD_MODEL_VERSION, model->halved_day);
	put(arg, DAY_KEY, buf_text(&text));
	buf_free(&text);
}

static bool damaged(const char *key, struct err *err)
{
	return err_set(err, ERR_INPUT, "hazard model, %s: damaged", key);
}

static bool row_read(const char *at, double values[2 * HAZARD_ROW_CELLS])
{
	for (int i = 0; i < 2 * HAZARD_ROW_CELLS; i++) {
		char *end;
		values[i] = strtod(at, &end);
		if (end == at || !(values[i] >= 0 && values[i] < 1e15))
			return false;
		at = end;
	}
	return *at == 0;
}

/* "carrier|service|row" */
static bool row_import(
    struct hazard_model *model, const char *key, const char *value, struct err *err)
{
	char parts[KEY_BYTES];
	double read[2 * HAZARD_ROW_CELLS];
	int64_t row;
	snprintf(parts, sizeof parts, "%s", key);
	char *service = strchr(parts, '|'), *number = strrchr(parts, '|');
	if (strlen(key) >= sizeof parts || !service || service == number ||
	    !str_to_int64(str_of(number + 1), &row) || row < 0 || row >= HAZARD_ROWS ||
	    !row_read(value, read))
		return damaged(key, err);
	*service = *number = 0;
	int index = hazard_class(model, parts, service + 1);
	struct hazard_cells *own = &model->classes[index]->cells, *pool = &model->pool;
	for (int i = 0; i < HAZARD_ROW_CELLS; i++) {
		int cell = (int)row * HAZARD_ROW_CELLS + i;
		pool->value[cell] += read[i] - own->value[cell];
		pool->exposure_min[cell] += read[HAZARD_ROW_CELLS + i] - own->exposure_min[cell];
		own->value[cell] = read[i];
		own->exposure_min[cell] = read[HAZARD_ROW_CELLS + i];
	}
	return true;
}

static bool lag_import(
    struct hazard_model *model, const char *key, const char *value, struct err *err)
{
	const char *carrier = key + sizeof LAG_PREFIX - 1;
	struct histogram read;
	if (!*carrier || !histogram_read(&read, value))
		return damaged(key, err);
	struct hazard_lag *lag = hazard_lag_of(model, carrier);
	lag->minutes = read;
	hazard_lag_refresh(lag);
	return true;
}

bool hazard_import(struct hazard_model *model, const char *key, const char *value, struct err *err)
{
	char *at;
	long version = strtol(value, &at, 10);
	if (at == value || version != HAZARD_MODEL_VERSION || *at != ' ')
		return err_set(err, ERR_INPUT,
		    "hazard model, %s: not of version %d; delete the stored model to learn anew",
		    key, HAZARD_MODEL_VERSION);
	if (str_starts(str_of(key), LAG_PREFIX))
		return lag_import(model, key, at, err);
	if (!text_eq(key, DAY_KEY))
		return row_import(model, key, at, err);
	int64_t day;
	if (!str_to_int64(str_of(at + 1), &day) || day < INT32_MIN || day > INT32_MAX)
		return damaged(key, err);
	model->halved_day = (int32_t)day;
	return true;
}
