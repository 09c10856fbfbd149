/* Export and import of the delay model: one line of numbers per place. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/base/mem.h"
#include "notifier/core/delay_model.h"

#define MODEL_KEY "~model"

/* "VERSION ORIGIN n n n …": shortest exact decimals, and plain 0 for the many empty sums. */
static void sums_write(struct buf *out, int32_t origin_day, const struct delay_sums *sums)
{
	double values[SUMS_DOUBLES];
	memcpy(values, sums, sizeof values);
	buf_clear(out);
	buf_printf(out, "%d %" PRId32, DELAY_MODEL_VERSION, origin_day);
	for (size_t i = 0; i < SUMS_DOUBLES; i++) {
		if (values[i] == 0)
			buf_add_text(out, " 0");
		else
			buf_printf(out, " %.17g", values[i]);
	}
}

void delay_export(struct delay_model *model, bool only_changed,
    void (*put)(void *arg, const char *key, const char *value), void *arg)
{
	struct buf text = BUF_EMPTY(0);
	MAP_FOREACH(slot, &model->places)
	{
		struct delay_place *place = slot->value;
		if (only_changed && !place->changed)
			continue;
		sums_write(&text, model->origin_day, &place->sums);
		put(arg, place->key, buf_text(&text));
		place->changed = false;
	}
	buf_clear(&text);
	buf_printf(
	    &text, "%d %" PRId32 " %" PRId32, DELAY_MODEL_VERSION, model->today, model->closed_day);
	put(arg, MODEL_KEY, buf_text(&text));
	buf_free(&text);
}

static bool number_read(const char **at, double *out)
{
	char *end;
	*out = strtod(*at, &end);
	if (end == *at || !isfinite(*out))
		return false;
	*at = end;
	return true;
}

static bool day_read(const char **at, int32_t *out)
{
	double number;
	if (!number_read(at, &number) || number < INT32_MIN || number > INT32_MAX)
		return false;
	*out = (int32_t)number;
	return true;
}

static bool header_read(const char **at, const char *key, struct err *err)
{
	int32_t version;
	if (!day_read(at, &version))
		return err_set(err, ERR_INPUT, "delay model, %s: no version number", key);
	if (version != DELAY_MODEL_VERSION)
		return err_set(err, ERR_INPUT,
		    "delay model, %s: version %" PRId32 ", this program reads %d; "
		    "delete the stored model to learn anew",
		    key, version, DELAY_MODEL_VERSION);
	return true;
}

/* The place of an exported key: carrier|service[|destination or |origin>destination]. */
static struct delay_place *place_of_key(struct delay_model *model, const char *key)
{
	char parts[DELAY_KEY_BYTES];
	snprintf(parts, sizeof parts, "%s", key);
	char *service = strchr(parts, '|');
	if (!service || strlen(key) >= sizeof parts)
		return NULL;
	*service++ = 0;
	char *region = strchr(service, '|'), *destination = NULL;
	if (region) {
		*region++ = 0;
		destination = strchr(region, '>');
	}
	if (destination)
		*destination++ = 0;
	struct delay_place *place = delay_place(
	    model, parts, service, destination ? region : NULL, destination ? destination : region);
	return text_eq(place->key, key) ? place : NULL;
}

static bool sums_read(const char *at, struct delay_sums *sums)
{
	double values[SUMS_DOUBLES];
	for (size_t i = 0; i < SUMS_DOUBLES; i++)
		if (!number_read(&at, &values[i]) || values[i] < 0)
			return false;
	memcpy(sums, values, sizeof values);
	return *at == 0;
}

static bool model_import(struct delay_model *model, const char *at, struct err *err)
{
	int32_t today, closed;
	if (!day_read(&at, &today) || !day_read(&at, &closed) || *at)
		return err_set(err, ERR_INPUT, "delay model, " MODEL_KEY ": damaged");
	model->today = today;
	model->closed_day = closed;
	return true;
}

bool delay_import(struct delay_model *model, const char *key, const char *value, struct err *err)
{
	const char *at = value;
	if (!header_read(&at, key, err))
		return false;
	if (text_eq(key, MODEL_KEY))
		return model_import(model, at, err);
	struct delay_sums sums;
	int32_t origin;
	if (!day_read(&at, &origin) || !sums_read(at, &sums))
		return err_set(err, ERR_INPUT, "delay model, %s: damaged", key);
	if (model->origin_day == DELAY_DAY_NONE)
		model->origin_day = origin;
	if (origin != DELAY_DAY_NONE && llabs((int64_t)origin - model->origin_day) > 3660)
		return err_set(err, ERR_INPUT, "delay model, %s: of another decade", key);
	struct delay_place *place = place_of_key(model, key);
	if (!place)
		return err_set(err, ERR_INPUT, "delay model, %s: unusable key", key);
	if (origin != DELAY_DAY_NONE)
		delay_sums_shift(&sums, model->origin_day - origin);
	place->sums = sums;
	return true;
}

void delay_import_done(struct delay_model *model)
{
	double all[SUMS_DOUBLES] = {0}, one[SUMS_DOUBLES];
	for (struct delay_place *place = model->services; place; place = place->next_service) {
		memcpy(one, &place->sums, sizeof one);
		for (size_t i = 0; i < SUMS_DOUBLES; i++)
			all[i] += one[i];
	}
	memcpy(&model->all, all, sizeof all);
	if (model->today != DELAY_DAY_NONE)
		delay_set_today(model, model->today);
	delay_weekday_factors(model);
}
