/* The learned models in Redis: one hash per model, one field per entry, a version in each.
 *
 * Every worker writes what it has learned on top of what is stored (core/learned).  A save is a
 * compare-and-set on the model's revision: who has not read what another one wrote reads it first.
 * A load may be torn by a save of somebody else: each entry is whole, and the revision, read
 * before, then is not the stored one any more.
 */
#include "notifier/app/foresight_internal.h"

#include <stdio.h>
#include <string.h>

#include "notifier/base/log.h"
#include "notifier/io/pause.h"

#define SYNC_EVERY_MS  (5 * MINUTE_MS) /* real time */
#define SYNC_SPREAD_MS (30 * SECOND_MS)
#define SYNC_AGAIN_MS  (5 * SECOND_MS) /* while the first load has not worked */
/* Of a call; a few milliseconds to print or read. */
#define FIELDS_PER_CALL 128
#define TRIES_MAX       5 /* saves in a row that others were faster with; then at the next time */

struct sync {
	struct flow flow;
	struct world *world;
	enum model model;
	bool holds_first; /* partition 0: writes the prices */
	unsigned tries;   /* conflicts in a row */
	unsigned orders;  /* of operators, when this began */
	const char *revision, *token;
	struct str cursor;
	size_t entry; /* of the page: the next one */
	size_t refused;
	struct err first; /* why the first one was refused */
	struct str *args; /* of the save */
	size_t arg_count;
	struct redis_value value;
};

#define SYNC_STEPS(X)                                                                              \
	X(sync, ask) X(sync, compare) X(sync, page) X(sync, take) X(sync, save) X(sync, saved)
SYNC_STEPS(FLOW_STEP)

static void sync_fini(struct flow *flow)
{
	struct sync *p = (struct sync *)(void *)flow;
	struct foresight *f = p->world->foresight;
	f->is_moving = false;
	/* Not all workers at the same moment. */
	double pause_ms =
	    f->is_loaded ? SYNC_EVERY_MS + SYNC_SPREAD_MS * loop_random_unit() : SYNC_AGAIN_MS;
	/* An operator's word in the middle of it: once more. */
	f->sync_due_ms = p->orders == f->orders ? loop_monotonic_ms() + (int64_t)pause_ms : 0;
	xfree(p);
}

static const struct flow_type sync_type = {"model_sync", sync_fini};

static struct model_state *state_of(const struct sync *p)
{
	return &p->world->foresight->states[p->model];
}

static next sync_ask(struct sync *p) /* Redis: has anybody written this model? */
{
	struct foresight *f = p->world->foresight;
	if (p->model == MODELS) {
		size_t entries = 0;
		for (int model = 0; model < MODELS && !f->is_loaded; model++)
			entries += model_types[model].count(f);
		if (!f->is_loaded)
			LOG(INFO, "model_loaded", f_int("entries", (int64_t)entries));
		f->is_loaded = true;
		return END;
	}
	struct str command[] = {
	    redis_arg("HGET"), model_key(p->flow.arena, p->model), redis_arg(MODEL_REVISION)};
	return AWAIT(p, compare, redis_call(p->world->redis, &p->flow, command, 3, &p->value),
	    STORE_WAIT_MS);
}

static next end_unsaved(struct sync *p, const char *why)
{
	LOG(WARN, "model_not_saved", f_text("model", model_types[p->model].name),
	    f_text("why", why));
	return END; /* what was learned waits for the next time */
}

/* A save whose answer never came: its token says whether it was made. */
static void settle_unanswered(struct sync *p)
{
	struct model_state *state = state_of(p);
	if (state->token[0] == '\0')
		return;
	struct str token = model_revision_token(p->revision, p->world->worker);
	model_types[p->model].settle(p->world->foresight, str_eq(token, state->token));
	state->token[0] = '\0';
}

static next sync_compare(struct sync *p)
{
	struct foresight *f = p->world->foresight;
	struct model_state *state = state_of(p);
	if (FAILED(p))
		return end_unsaved(p, p->flow.err.text); /* before the first load: again soon */
	p->revision = p->value.type == REDIS_TEXT ? p->value.text.at : "";
	settle_unanswered(p);
	if (!state->is_refused && text_eq(state->revision, p->revision))
		return THEN(save);
	struct str order = model_revision_token(p->revision, MODEL_OPERATOR);
	struct str known = model_revision_token(state->revision, MODEL_OPERATOR);
	f->is_ordered = state->revision != NULL &&
	                !(order.len == known.len && memcmp(order.at, known.at, order.len) == 0);
	foresight_trust(f, loop_now_ms());
	model_types[p->model].begin(f);
	f->is_ordered = false;
	p->refused = 0;
	p->cursor = str_of("0");
	return THEN(page);
}

static next sync_page(struct sync *p) /* Redis: the next entries */
{
	static const char count[] = "128"; /* FIELDS_PER_CALL, as a hint */
	p->entry = 0;
	struct str command[] = {redis_arg("HSCAN"), model_key(p->flow.arena, p->model), p->cursor,
	    redis_arg("COUNT"), redis_arg(count)};
	return AWAIT(
	    p, take, redis_call(p->world->redis, &p->flow, command, 5, &p->value), STORE_WAIT_MS);
}

static void load_end(struct sync *p)
{
	struct foresight *f = p->world->foresight;
	struct model_state *state = state_of(p);
	model_types[p->model].end(f, p->refused == 0);
	if (p->refused > 0 && !state->is_refused)
		LOG(ERROR, "model_refused", f_text("model", model_types[p->model].name),
		    f_int("entries", (int64_t)p->refused), f_text("why", p->first.text),
		    f_text("then", "what is learned now is not saved; notifier model reset"));
	state->is_refused = p->refused > 0;
	xfree(state->revision);
	state->revision = xstrdup(p->revision);
}

/* What an order has changed meanwhile must not be brought back by what was read before it. */
static bool is_overtaken(const struct sync *p)
{
	const struct foresight *f = p->world->foresight;
	return p->orders != f->orders || f->order != NULL;
}

static next start_over(struct sync *p)
{
	xfree(state_of(p)->revision);
	state_of(p)->revision = NULL;
	return END;
}

static next sync_take(struct sync *p) /* pure: one page of entries, or a slice of it */
{
	struct foresight *f = p->world->foresight;
	int64_t since_ms = loop_monotonic_ms();
	struct err err = {0};
	if (FAILED(p))
		return end_unsaved(p, p->flow.err.text);
	if (is_overtaken(p))
		return start_over(p);
	if (p->value.count != 2)
		return end_unsaved(p, "not the answer of HSCAN");
	const struct redis_value *entries = &p->value.items[1];
	for (; p->entry + 1 < entries->count; p->entry += 2) {
		const struct redis_value *entry = &entries->items[p->entry];
		if (pause_is_due(since_ms))
			return AWAIT(p, take, pause_start(&p->flow, 0), STORE_WAIT_MS);
		if (!text_eq(entry[0].text.at, MODEL_REVISION) &&
		    !model_types[p->model].take(f, entry[0].text.at, entry[1].text.at, &err) &&
		    p->refused++ == 0)
			p->first = err;
	}
	p->cursor = p->value.items[0].text;
	if (!str_eq(p->cursor, "0"))
		return THEN(page);
	load_end(p);
	return THEN(save);
}

static void save_put(void *arg, const char *key, const char *value)
{
	struct sync *p = arg;
	if (p->arg_count + 2 > MODEL_ARGS_BEFORE + 2 * FIELDS_PER_CALL)
		return; /* prices of more carriers than there are */
	p->args[p->arg_count++] = str_of(arena_strdup(p->flow.arena, key));
	p->args[p->arg_count++] = str_of(arena_strdup(p->flow.arena, value));
}

static next sync_save(struct sync *p) /* Redis: what was learned, if nobody has written since */
{
	struct foresight *f = p->world->foresight;
	struct model_state *state = state_of(p);
	struct arena *arena = p->flow.arena;
	bool may_write =
	    !state->is_refused && f->order == NULL && (p->model != MODEL_PACE || p->holds_first);
	p->args = arena_array(arena, MODEL_ARGS_BEFORE + 2 * FIELDS_PER_CALL, sizeof *p->args);
	p->token = model_token(arena);
	p->args[0] = str_of(p->world->worker);
	p->args[1] = str_of(p->token);
	p->args[2] = str_of(arena_strdup(arena, state->revision));
	p->arg_count = MODEL_ARGS_BEFORE;
	if (may_write)
		model_types[p->model].pending(f, FIELDS_PER_CALL, save_put, p);
	if (p->arg_count == MODEL_ARGS_BEFORE) {
		p->model++;
		p->tries = 0;
		return THEN(ask);
	}
	snprintf(state->token, sizeof state->token, "%s", p->token);
	struct str key = model_key(arena, p->model);
	struct redis_script_call call = {.script = script(SCRIPT_model),
	    .keys = &key,
	    .key_count = 1,
	    .args = p->args,
	    .arg_count = p->arg_count};
	return AWAIT(
	    p, saved, redis_run(p->world->redis, &p->flow, &call, &p->value), STORE_WAIT_MS);
}

static next sync_saved(struct sync *p)
{
	struct foresight *f = p->world->foresight;
	struct model_state *state = state_of(p);
	if (FAILED(p))
		return end_unsaved(p, p->flow.err.text);
	bool is_stored = p->value.type == REDIS_TEXT;
	model_types[p->model].settle(f, is_stored);
	state->token[0] = '\0';
	if (!is_stored && ++p->tries == TRIES_MAX)
		return end_unsaved(p, "other workers write all the time");
	if (!is_stored)
		return THEN(ask);
	p->tries = 0;
	state->saved_ms = loop_now_ms();
	xfree(state->revision);
	state->revision = xstrdup(p->value.text.at);
	return THEN(save);
}

void model_sync_start(struct world *world)
{
	struct foresight *f = world->foresight;
	struct sync *p = xcalloc(1, sizeof *p);
	p->world = world;
	p->holds_first = world_owns(world, 0);
	p->orders = f->orders;
	f->is_moving = true;
	f->prices_are_due = true;
	flow_start(&p->flow, &sync_type, do_ask);
}
