/* The learned state in Redis: one hash per model, one field per entry, a version in each. */
#include "notifier/app/foresight_internal.h"

#include <string.h>

#include "notifier/base/log.h"

#define FIELDS_PER_CALL 32

struct entry {
	struct str key, value;
};

/* --- what is stored, and how it is read
 * ----------------------------------------------------------- */

typedef void entry_put(void *arg, const char *key, const char *value);

static bool import_hazard(struct foresight *f, const char *key, const char *value, struct err *err)
{
	return hazard_import(f->hazard, key, value, err);
}

static void export_hazard(struct foresight *f, bool only_changed, entry_put *put, void *arg)
{
	hazard_export(f->hazard, only_changed, put, arg);
}

/* Only kept: a price begins when the parcels were counted.  One that has begun knows better. */
static bool import_pace(struct foresight *f, const char *key, const char *value, struct err *err)
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

static void export_pace(struct foresight *f, bool only_changed, entry_put *put, void *arg)
{
	struct buf text = BUF_EMPTY(0);
	(void)only_changed;
	MAP_FOREACH(slot, &f->prices)
	{
		const struct price *price = slot->value;
		if (!price->is_begun)
			continue;
		buf_clear(&text);
		pace_price_export(&price->pace, &text);
		put(arg, price->carrier, buf_text(&text));
	}
	buf_free(&text);
}

static bool import_delay(struct foresight *f, const char *key, const char *value, struct err *err)
{
	return delay_import(f->delay, key, value, err);
}

static void export_delay(struct foresight *f, bool only_changed, entry_put *put, void *arg)
{
	delay_export(f->delay, only_changed, put, arg);
}

static bool import_silence(struct foresight *f, const char *key, const char *value, struct err *err)
{
	return silence_import(f->silence, key, value, err);
}

static void export_silence(struct foresight *f, bool only_changed, entry_put *put, void *arg)
{
	(void)only_changed;
	silence_export(f->silence, put, arg);
}

#define ALERT_VERSION "1:"
#define ALERT_KEY     "highest_of_those_in_time"

static bool import_alert(struct foresight *f, const char *key, const char *value, struct err *err)
{
	struct histogram read;
	if (!text_eq(key, ALERT_KEY) || !str_starts(str_of(value), ALERT_VERSION) ||
	    !histogram_read(&read, value + sizeof ALERT_VERSION - 1))
		return err_set(err, ERR_INPUT, "alert model, %s: damaged or not of version 1", key);
	f->tuner.highest = read;
	return true;
}

static void export_alert(struct foresight *f, bool only_changed, entry_put *put, void *arg)
{
	struct buf text = BUF_EMPTY(0);
	(void)only_changed;
	buf_add_text(&text, ALERT_VERSION);
	histogram_write(&f->tuner.highest, &text);
	put(arg, ALERT_KEY, buf_text(&text));
	buf_free(&text);
}

static const struct {
	const char *name;
	bool (*import)(struct foresight *f, const char *key, const char *value, struct err *err);
	void (*export)(struct foresight *f, bool only_changed, entry_put *put, void *arg);
} models[MODELS] = {
    [MODEL_HAZARD] = {"hazard", import_hazard, export_hazard},
    [MODEL_PACE] = {"pace", import_pace, export_pace},
    [MODEL_DELAY] = {"delay", import_delay, export_delay},
    [MODEL_SILENCE] = {"silence", import_silence, export_silence},
    [MODEL_ALERT] = {"alert", import_alert, export_alert},
};

static struct str model_key(struct arena *arena, enum model model)
{
	return str_of(arena_printf(arena, KEY_MODEL "%s", models[model].name));
}

/* --- load
 * ------------------------------------------------------------------------------------------ */

struct load {
	struct flow flow;
	struct world *world;
	enum model model;
	size_t entries;
	struct redis_value value;
};

#define LOAD_STEPS(X) X(load, ask) X(load, take)
LOAD_STEPS(FLOW_STEP)

static void load_fini(struct flow *flow)
{
	struct load *p = (struct load *)(void *)flow;
	p->world->foresight->is_moving = false;
	xfree(p);
}

static const struct flow_type load_type = {"model_load", load_fini};

static next load_ask(struct load *p)
{
	if (p->model == MODELS) {
		delay_import_done(p->world->foresight->delay);
		if (!p->world->foresight->is_loaded)
			LOG(INFO, "model_loaded", f_int("entries", (int64_t)p->entries));
		p->world->foresight->is_loaded = true;
		return END;
	}
	struct str command[] = {redis_arg("HGETALL"), model_key(p->flow.arena, p->model)};
	return AWAIT(
	    p, take, redis_call(p->world->redis, &p->flow, command, 2, &p->value), STORE_WAIT_MS);
}

static next load_take(struct load *p)
{
	struct foresight *f = p->world->foresight;
	size_t refused = 0;
	struct err err = {0}, first = {0};
	if (FAILED(p))
		return END; /* again soon; until then nothing is saved */
	for (size_t i = 0; i + 1 < p->value.count; i += 2)
		if (!models[p->model].import(
		        f, p->value.items[i].text.at, p->value.items[i + 1].text.at, &err) &&
		    refused++ == 0)
			first = err;
	if (refused > 0 && !f->is_refused[p->model])
		LOG(ERROR, "model_refused", f_text("model", models[p->model].name),
		    f_int("entries", (int64_t)refused), f_text("why", first.text),
		    f_text("then", "what is learned now is not saved"));
	f->is_refused[p->model] = refused > 0;
	p->entries += p->value.count / 2 - refused;
	p->model++;
	return THEN(ask);
}

void model_load_start(struct world *world)
{
	struct load *p = xcalloc(1, sizeof *p);
	p->world = world;
	world->foresight->is_moving = true;
	flow_start(&p->flow, &load_type, do_ask);
}

/* --- save
 * ------------------------------------------------------------------------------------------ */

struct save {
	struct flow flow;
	struct world *world;
	enum model model;
	struct entry *entries; /* of this model */
	size_t count, capacity, sent;
	struct redis_value value;
};

#define SAVE_STEPS(X) X(save, collect) X(save, send) X(save, sent)
SAVE_STEPS(FLOW_STEP)

static void save_fini(struct flow *flow)
{
	struct save *p = (struct save *)(void *)flow;
	p->world->foresight->is_moving = false;
	xfree(p);
}

static const struct flow_type save_type = {"model_save", save_fini};

static void save_put(void *arg, const char *key, const char *value)
{
	struct save *p = arg;
	struct arena *arena = p->flow.arena;
	if (p->count == p->capacity) {
		size_t capacity = p->capacity ? 2 * p->capacity : 64;
		struct entry *entries = arena_array(arena, capacity, sizeof *entries);
		if (p->count > 0)
			memcpy(entries, p->entries, p->count * sizeof *entries);
		p->entries = entries;
		p->capacity = capacity;
	}
	p->entries[p->count++] =
	    (struct entry){str_of(arena_strdup(arena, key)), str_of(arena_strdup(arena, value))};
}

static next save_collect(struct save *p) /* pure: what has changed in the next model? */
{
	struct foresight *f = p->world->foresight;
	while (p->model < MODELS && f->is_refused[p->model])
		p->model++;
	if (p->model == MODELS) {
		f->saves_all = false;
		return END;
	}
	p->count = p->sent = 0;
	models[p->model].export(f, !f->saves_all, save_put, p);
	return THEN(send);
}

static next save_send(struct save *p)
{
	if (p->sent == p->count) {
		p->model++;
		return THEN(collect);
	}
	struct str command[2 + 2 * FIELDS_PER_CALL] = {
	    redis_arg("HSET"), model_key(p->flow.arena, p->model)};
	size_t count = 2;
	for (; p->sent < p->count && count < sizeof command / sizeof *command; p->sent++) {
		command[count++] = p->entries[p->sent].key;
		command[count++] = p->entries[p->sent].value;
	}
	return AWAIT(p, sent, redis_call(p->world->redis, &p->flow, command, count, &p->value),
	    STORE_WAIT_MS);
}

static next save_sent(struct save *p)
{
	if (!FAILED(p))
		return THEN(send);
	p->world->foresight->saves_all = true; /* what was marked as saved may not be */
	LOG(WARN, "model_not_saved", f_text("why", p->flow.err.text));
	return END;
}

void model_save_start(struct world *world)
{
	struct save *p = xcalloc(1, sizeof *p);
	p->world = world;
	world->foresight->is_moving = true;
	flow_start(&p->flow, &save_type, do_collect);
}
