/* Export and import of the delay model: one line of numbers per place. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/base/mem.h"
#include "notifier/core/delay_model.h"

#define MODEL_KEY   "~model"
#define DECADE_DAYS 3660

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

static void day_write(struct buf *out, const struct delay_model *model)
{
	buf_clear(out);
	buf_printf(
	    out, "%d %" PRId32 " %" PRId32, DELAY_MODEL_VERSION, model->today, model->closed_day);
}

static bool is_empty(const struct delay_place *place)
{
	double values[SUMS_DOUBLES];
	memcpy(values, &place->sums, sizeof values);
	for (size_t i = 0; i < SUMS_DOUBLES; i++)
		if (values[i] != 0)
			return false;
	return true;
}

bool delay_export_next(const struct delay_model *model, size_t *at,
    void (*put)(void *arg, const char *key, const char *value), void *arg)
{
	struct buf text = BUF_EMPTY(0);
	size_t number = (*at)++;
	if (number > model->places.count)
		return false;
	/* The day is the first one: it stays in its place when there are more. */
	const struct delay_place *place = number > 0 ? model->places.slots[number - 1].value : NULL;
	if (place != NULL && !is_empty(place)) {
		sums_write(&text, model->origin_day, &place->sums);
		put(arg, place->key, buf_text(&text));
	} else if (place == NULL && model->origin_day != DELAY_DAY_NONE) {
		day_write(&text, model);
		put(arg, MODEL_KEY, buf_text(&text));
	}
	buf_free(&text);
	return true;
}

size_t delay_export_pending(struct delay_model *model, size_t most,
    void (*put)(void *arg, const char *key, const char *value), void *arg)
{
	struct buf text = BUF_EMPTY(0);
	size_t count = 0;
	MAP_FOREACH(slot, &model->places)
	{
		struct delay_place *place = slot->value;
		double *sums = delay_sums_array(&place->sums);
		if (count == most || !learned_is_pending(&place->learned, sums, SUMS_DOUBLES))
			continue;
		learned_send(&place->learned, sums, SUMS_DOUBLES);
		sums_write(&text, model->origin_day, &place->sums);
		put(arg, place->key, buf_text(&text));
		count++;
	}
	if (count < most && model->closed_day > model->stored_day) {
		model->sent_day = model->closed_day;
		day_write(&text, model);
		put(arg, MODEL_KEY, buf_text(&text));
		count++;
	}
	buf_free(&text);
	return count;
}

void delay_settle(struct delay_model *model, bool is_stored)
{
	MAP_FOREACH(slot, &model->places)
	{
		struct delay_place *place = slot->value;
		learned_settle(
		    &place->learned, delay_sums_array(&place->sums), SUMS_DOUBLES, is_stored);
	}
	if (is_stored && model->sent_day > model->stored_day)
		model->stored_day = model->sent_day;
	model->sent_day = DELAY_DAY_NONE;
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
		    "reset it to learn anew",
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

static bool is_trusted(const struct delay_model *model, int32_t day)
{
	return model->trusted_day == DELAY_DAY_NONE || day <= model->trusted_day;
}

void delay_trust_until(struct delay_model *model, int32_t day)
{
	model->trusted_day = day;
}

/* The later day of the two: a worker's own clock may be behind, never its model. */
static bool day_import(struct delay_model *model, const char *at, struct err *err)
{
	int32_t today, closed;
	if (!day_read(&at, &today) || !day_read(&at, &closed) || *at)
		return err_set(err, ERR_INPUT, "delay model, " MODEL_KEY ": damaged");
	if (!is_trusted(model, today) || !is_trusted(model, closed))
		return err_set(
		    err, ERR_INPUT, "delay model, " MODEL_KEY ": of another time than ours");
	if (closed > model->closed_day)
		model->closed_day = closed;
	if (closed > model->stored_day)
		model->stored_day = closed;
	if (today > model->today) {
		delay_set_today(model, today);
		model->has_new_day = true;
	}
	return true;
}

void delay_learned_shift(struct learned *learned, int32_t days)
{
	if (learned->base)
		delay_sums_shift((struct delay_sums *)(void *)learned->base, days);
	if (learned->sent)
		delay_sums_shift((struct delay_sums *)(void *)learned->sent, days);
}

static void place_merge(
    struct delay_model *model, struct delay_place *place, struct delay_sums *stored)
{
	double before[SUMS_DOUBLES], *now = delay_sums_array(&place->sums);
	double *all = delay_sums_array(&model->all);
	memcpy(before, now, sizeof before);
	learned_merge(&place->learned, now, delay_sums_array(stored), SUMS_DOUBLES);
	for (size_t i = 0; i < SUMS_DOUBLES && place->level == 0; i++)
		all[i] = fmax(0, all[i] + (now[i] - before[i]));
}

bool delay_import(struct delay_model *model, const char *key, const char *value, struct err *err)
{
	const char *at = value;
	if (!header_read(&at, key, err))
		return false;
	if (text_eq(key, MODEL_KEY))
		return day_import(model, at, err);
	struct delay_sums sums;
	int32_t origin;
	if (!day_read(&at, &origin) || !sums_read(at, &sums))
		return err_set(err, ERR_INPUT, "delay model, %s: damaged", key);
	if (!is_trusted(model, origin))
		return err_set(err, ERR_INPUT, "delay model, %s: of another time than ours", key);
	if (model->origin_day == DELAY_DAY_NONE)
		model->origin_day = origin;
	int64_t ahead = origin == DELAY_DAY_NONE ? 0 : (int64_t)origin - model->origin_day;
	if (ahead > DECADE_DAYS)
		return err_set(err, ERR_INPUT, "delay model, %s: of another decade", key);
	struct delay_place *place = place_of_key(model, key);
	if (!place && model->places.count >= DELAY_PLACES_MAX)
		return true; /* several workers know more lanes than one keeps */
	if (!place)
		return err_set(err, ERR_INPUT, "delay model, %s: unusable key", key);
	if (ahead < -DECADE_DAYS) /* untouched for so long: faded away */
		sums = (struct delay_sums){0};
	else
		delay_sums_shift(&sums, (int32_t)-ahead);
	place_merge(model, place, &sums);
	place->learned.seen = model->load;
	return true;
}

void delay_import_begin(struct delay_model *model)
{
	model->load++;
	model->has_new_day = model->has_new_day || model->today == DELAY_DAY_NONE;
}

static void forget_unseen(struct delay_model *model)
{
	MAP_FOREACH(slot, &model->places)
	{
		struct delay_place *place = slot->value;
		struct delay_sums none = {0};
		if (place->learned.seen != model->load)
			place_merge(model, place, &none);
	}
}

static void sum_services(struct delay_model *model)
{
	double *all = delay_sums_array(&model->all);
	memset(&model->all, 0, sizeof model->all);
	for (struct delay_place *place = model->services; place; place = place->next_service)
		for (size_t i = 0; i < SUMS_DOUBLES; i++)
			all[i] += delay_sums_array(&place->sums)[i];
}

void delay_import_end(struct delay_model *model, bool is_whole)
{
	if (is_whole)
		forget_unseen(model);
	sum_services(model); /* the rounding of many merges must not add up */
	/* Within a day the factors stay what the day's predictions used. */
	if (model->has_new_day)
		delay_weekday_factors(model);
	model->has_new_day = false;
}

/* --- for people -------------------------------------------------------------------------------
 */

static bool is_of_carrier(const struct delay_place *place, const char *carrier)
{
	size_t len = carrier ? strlen(carrier) : 0;
	return !carrier || (strncmp(place->key, carrier, len) == 0 && place->key[len] == '|');
}

void delay_reset(struct delay_model *model, const char *carrier)
{
	MAP_FOREACH(slot, &model->places)
	{
		struct delay_place *place = slot->value;
		if (!is_of_carrier(place, carrier))
			continue;
		memset(&place->sums, 0, sizeof place->sums);
		learned_free(&place->learned);
	}
	if (!carrier)
		model->stored_day = model->sent_day = DELAY_DAY_NONE;
	model->epoch++; /* what was fixed for the day is forgotten too, and the next load counts */
	model->has_new_day = true;
	sum_services(model);
	delay_weekday_factors(model);
}

void delay_each_service(const struct delay_model *model,
    void (*visit)(void *arg, const struct delay_count *count), void *arg)
{
	for (const struct delay_place *place = model->services; place;
	     place = place->next_service) {
		const struct delay_sums *sums = &place->sums;
		struct delay_count count = {.carrier_service = place->key,
		    .deliveries = sums->delivered / model->weights.delay,
		    .intervals = sums->eta_shown / model->weights.eta,
		    .held = sums->eta_held / model->weights.eta};
		if (!is_empty(place))
			visit(arg, &count);
	}
}

size_t delay_entries(const struct delay_model *model)
{
	size_t count = 0;
	MAP_FOREACH(slot, &model->places)
	count += !is_empty(slot->value);
	return count;
}
