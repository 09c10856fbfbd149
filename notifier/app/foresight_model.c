/* The learned models behind one face: what is stored of each, and how it is read. */
#include "notifier/app/foresight_internal.h"

#include <string.h>

/* --- those of core ------------------------------------------------------------------------------
 */

#define CORE_MODEL(model)                                                                          \
	static bool model##_take(                                                                  \
	    struct foresight *f, const char *key, const char *value, struct err *err)              \
	{                                                                                          \
		return model##_import(f->model, key, value, err);                                  \
	}                                                                                          \
	static void model##_begin(struct foresight *f)                                             \
	{                                                                                          \
		model##_import_begin(f->model);                                                    \
	}                                                                                          \
	static void model##_end(struct foresight *f, bool is_whole)                                \
	{                                                                                          \
		model##_import_end(f->model, is_whole);                                            \
	}                                                                                          \
	static bool model##_next(struct foresight *f, size_t *at, entry_put *put, void *arg)       \
	{                                                                                          \
		return model##_export_next(f->model, at, put, arg);                                \
	}                                                                                          \
	static size_t model##_pending(struct foresight *f, size_t most, entry_put *put, void *arg) \
	{                                                                                          \
		return model##_export_pending(f->model, most, put, arg);                           \
	}                                                                                          \
	static void model##_settled(struct foresight *f, bool is_stored)                           \
	{                                                                                          \
		model##_settle(f->model, is_stored);                                               \
	}                                                                                          \
	static void model##_forget(struct foresight *f, const char *carrier)                       \
	{                                                                                          \
		model##_reset(f->model, carrier);                                                  \
	}                                                                                          \
	static size_t model##_count(struct foresight *f)                                           \
	{                                                                                          \
		return model##_entries(f->model);                                                  \
	}
CORE_MODEL(hazard)
CORE_MODEL(delay)
CORE_MODEL(silence)
CORE_MODEL(last_stop)

/* --- the price of a look ------------------------------------------------------------------------
 */

/* Only kept: a price begins when the parcels were counted.  One that has begun knows better. */
static bool pace_take(struct foresight *f, const char *key, const char *value, struct err *err)
{
	struct pace_price probe;
	pace_price_init(&probe, 1, 0, 1, 0);
	if (!pace_price_import(&probe, value, err))
		return false;
	struct price *price = price_of(f, key);
	if (!price->is_begun) {
		xfree(price->stored);
		price->stored = xstrdup(value);
	}
	return true;
}

static bool pace_next(struct foresight *f, size_t *at, entry_put *put, void *arg)
{
	if (*at >= f->prices.count)
		return false;
	struct buf text = BUF_EMPTY(0);
	const struct price *price = f->prices.slots[(*at)++].value;
	if (price->is_begun)
		pace_price_export(&price->pace, &text);
	else
		buf_add_text(&text, price->stored ? price->stored : "");
	if (text.size > 0)
		put(arg, price->carrier, buf_text(&text));
	buf_free(&text);
	return true;
}

/* No sums, and one writer (who holds partition 0): all of them, once in a cycle. */
static size_t pace_pending(struct foresight *f, size_t most, entry_put *put, void *arg)
{
	(void)most;
	if (!f->prices_are_due)
		return 0;
	f->prices_are_due = false;
	for (size_t at = 0; pace_next(f, &at, put, arg);)
		;
	return f->prices.count;
}

static void pace_forget(struct foresight *f, const char *carrier)
{
	MAP_FOREACH(slot, &f->prices)
	{
		struct price *price = slot->value;
		if (carrier != NULL && !text_eq(carrier, price->carrier))
			continue;
		xfree(price->stored);
		price->stored = NULL;
		price->is_begun = false;
		price->slot_ms = 0; /* counted at the next tick, and begun anew */
	}
}

/* What an operator stored counts for the prices that have begun, too. */
static void pace_begin(struct foresight *f)
{
	if (f->is_ordered)
		pace_forget(f, NULL);
}

static void pace_end(struct foresight *f, bool is_whole)
{
	(void)f, (void)is_whole;
}

static void pace_settled(struct foresight *f, bool is_stored)
{
	f->prices_are_due = !is_stored;
}

static size_t pace_count(struct foresight *f)
{
	size_t count = 0;
	MAP_FOREACH(slot, &f->prices)
	{
		const struct price *price = slot->value;
		count += price->is_begun || price->stored != NULL;
	}
	return count;
}

/* --- the alerts' threshold ----------------------------------------------------------------------
 */

#define ALERT_KEY "highest_of_those_in_time"

static bool alert_take(struct foresight *f, const char *key, const char *value, struct err *err)
{
	if (!text_eq(key, ALERT_KEY))
		return err_set(err, ERR_INPUT, "alert model, %s: unknown entry", key);
	if (!delay_tuner_import(&f->tuner, value, err))
		return false;
	f->tuner.learned.seen = 1;
	return true;
}

static void alert_begin(struct foresight *f)
{
	f->tuner.learned.seen = 0;
}

static void alert_end(struct foresight *f, bool is_whole)
{
	if (is_whole && f->tuner.learned.seen == 0)
		delay_tuner_forget(&f->tuner);
}

static size_t alert_count(struct foresight *f)
{
	return f->tuner.highest.total > 0;
}

static void alert_put(struct foresight *f, entry_put *put, void *arg)
{
	struct buf text = BUF_EMPTY(0);
	delay_tuner_export(&f->tuner, &text);
	put(arg, ALERT_KEY, buf_text(&text));
	buf_free(&text);
}

static bool alert_next(struct foresight *f, size_t *at, entry_put *put, void *arg)
{
	if ((*at)++ > 0)
		return false;
	if (alert_count(f) > 0)
		alert_put(f, put, arg);
	return true;
}

static size_t alert_pending(struct foresight *f, size_t most, entry_put *put, void *arg)
{
	struct learned *learned = &f->tuner.learned;
	const double *bins = f->tuner.highest.bins;
	if (most == 0 || !learned_is_pending(learned, bins, HISTOGRAM_BINS))
		return 0;
	learned_send(learned, bins, HISTOGRAM_BINS);
	alert_put(f, put, arg);
	return 1;
}

static void alert_settled(struct foresight *f, bool is_stored)
{
	learned_settle(&f->tuner.learned, f->tuner.highest.bins, HISTOGRAM_BINS, is_stored);
}

static void alert_forget(struct foresight *f, const char *carrier)
{
	if (carrier == NULL)
		delay_tuner_free(&f->tuner);
}

/* --- the table ----------------------------------------------------------------------------------
 */

#define MODEL_TYPE(name)                                                                           \
	{                                                                                          \
#name, name##_take, name##_begin, name##_end, name##_next, name##_pending,         \
		    name##_settled, name##_forget, name##_count                                    \
	}
const struct model_type model_types[MODELS] = {
    [MODEL_HAZARD] = MODEL_TYPE(hazard),
    [MODEL_PACE] = MODEL_TYPE(pace),
    [MODEL_DELAY] = MODEL_TYPE(delay),
    [MODEL_SILENCE] = MODEL_TYPE(silence),
    [MODEL_LAST_STOP] = MODEL_TYPE(last_stop),
    [MODEL_ALERT] = MODEL_TYPE(alert),
};

struct str model_key(struct arena *arena, enum model model)
{
	return str_of(arena_printf(arena, KEY_MODEL "%s", model_types[model].name));
}

const char *model_token(struct arena *arena)
{
	unsigned char random[8];
	char token[17];
	loop_random(random, sizeof random);
	hex_encode(token, random, sizeof random);
	return arena_strdup(arena, token);
}

struct str model_revision_token(const char *revision, const char *writer)
{
	struct str rest = str_of(revision), name, token = str_of("");
	while (rest.len > 0) {
		rest = str_cut(str_cut(rest, ' ', &name), ' ', &token);
		if (str_eq(name, writer))
			return token;
	}
	return str_of("");
}

void model_states_free(struct foresight *f)
{
	for (int model = 0; model < MODELS; model++)
		xfree(f->states[model].revision);
}
