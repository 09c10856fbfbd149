#include "tests/flow/fake_redis.h"

#include <stdio.h>
#include <string.h>

#include "tests/flow/fake_redis_data.h"

#define BACK_AFTER_MS 200

struct redis {
	struct redis_options options;
};

struct op {
	struct await await;
	struct timer timer;
	struct list link;
	struct redis_value reply, *out;
	struct err err; /* kind NONE: it worked */
};

struct fault { /* what happens to the n-th run of a name; counts down */
	char name[24];
	unsigned left;
};

static struct {
	struct redis redis;
	enum redis_state state;
	bool at_once;
	int64_t delay_ms;
	struct fault lose, refuse;
	void (*before)(const char *name);
	struct list ops; /* in flight */
	size_t in_flight;
	struct timer lost, back;
	struct map runs; /* name → count */
} fake = {.ops = {&fake.ops, &fake.ops}};

/* --- states ---------------------------------------------------------------------------------- */

static void op_free(struct op *op)
{
	timer_stop(&op->timer);
	list_remove(&op->link);
	fake.in_flight--;
	xfree(op);
}

static void op_fail(struct op *op, enum err_kind kind, const char *text)
{
	struct err err;
	err_set(&err, kind, "redis: %s", text);
	await_failed(&op->await, &err);
	op_free(op);
}

void fake_redis_state(enum redis_state state)
{
	if (fake.state == state)
		return;
	fake.state = state;
	if (state == REDIS_CONNECTING)
		while (!list_is_empty(&fake.ops))
			op_fail(LIST_OWNER(list_first(&fake.ops), struct op, link), ERR_AMBIGUOUS,
			    "connection lost");
	if (fake.redis.options.on_state != NULL)
		fake.redis.options.on_state(state, fake.redis.options.context);
}

static void on_back(struct timer *timer)
{
	(void)timer;
	fake_redis_state(REDIS_OK);
}

static void on_lost(struct timer *timer)
{
	(void)timer;
	fake_redis_state(REDIS_CONNECTING);
	timer_start(&fake.back, BACK_AFTER_MS);
}

static void fault_set(struct fault *fault, const char *name, unsigned nth)
{
	snprintf(fault->name, sizeof fault->name, "%s", name);
	fault->left = nth;
}

static bool fault_is_due(struct fault *fault, const char *name)
{
	return fault->left > 0 && strcmp(fault->name, name) == 0 && --fault->left == 0;
}

void fake_redis_lose_reply(const char *name, unsigned nth)
{
	fault_set(&fake.lose, name, nth);
}

void fake_redis_refuse(const char *name, unsigned nth)
{
	fault_set(&fake.refuse, name, nth);
}

void fake_redis_hook(void (*before)(const char *name))
{
	fake.before = before;
}

void fake_redis_answer_at_once(bool at_once)
{
	fake.at_once = at_once;
}

void fake_redis_delay(int64_t ms)
{
	fake.delay_ms = ms;
}

void fake_redis_reset(void)
{
	MAP_FOREACH(slot, &fake.runs)
	xfree(slot->value);
	map_free(&fake.runs);
	data_reset();
	timer_init(&fake.back, on_back); /* fake_loop_reset stopped them */
	timer_init(&fake.lost, on_lost);
	fake.lose.left = fake.refuse.left = 0;
	fake.before = NULL;
	fake.at_once = false;
	fake.delay_ms = 0;
	fake.redis.options = (struct redis_options){0};
	fake.state = REDIS_OK;
}

/* --- running --------------------------------------------------------------------------------- */

static void run_counted(const char *name)
{
	unsigned *count = map_get(&fake.runs, str_of(name));
	if (count == NULL) {
		count = xcalloc(1, sizeof *count);
		map_put(&fake.runs, str_of(name), count);
	}
	(*count)++;
}

unsigned fake_redis_runs(const char *name)
{
	const unsigned *count = map_get(&fake.runs, str_of(name));
	return count ? *count : 0;
}

static void op_cancel(struct await *await)
{
	op_free((struct op *)(void *)await);
}

static void op_finish(struct op *op)
{
	if (op->err.kind == ERR_NONE) {
		*op->out = op->reply;
		await_done(&op->await);
	} else {
		await_failed(&op->await, &op->err);
	}
	op_free(op);
}

static void on_reply(struct timer *timer)
{
	op_finish(LIST_OWNER(timer, struct op, timer));
}

/* What a state lets through: claim and receipt are allowed under OOM, reads nearly always. */
static bool is_refused(const char *name, struct err *err)
{
	static const char *const reads[] = {"find", "GET", "HGET", "HGETALL", "HKEYS", "HSCAN",
	    "LRANGE", "ZREVRANGE", "ZREVRANGEBYSCORE", "INFO", "ZSCORE", "ZCOUNT", "ZCARD",
	    "ZRANGE", "SCAN", "MGET"};
	bool is_read = false;
	for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
		is_read = is_read || strcmp(name, reads[i]) == 0;
	if (fake.state == REDIS_OK ||
	    (is_read && fake.state != REDIS_LOADING && fake.state != REDIS_BUSY))
		return false;
	if (fake.state == REDIS_OOM && (strcmp(name, "claim") == 0 || strcmp(name, "receipt") == 0))
		return false;
	err_set(err, ERR_TRANSIENT, "redis: %s", redis_state_name(fake.state));
	return true;
}

static struct await *start(struct flow *flow, struct data_call *call, struct redis_value *out)
{
	if (fake.before != NULL)
		fake.before(call->name);
	struct op *op = xcalloc(1, sizeof *op);
	op->out = out;
	timer_init(&op->timer, on_reply);
	list_append(&fake.ops, &op->link);
	fake.in_flight++;
	await_init(&op->await, flow, op_cancel);
	if (fake.state == REDIS_CONNECTING || fault_is_due(&fake.refuse, call->name)) {
		op_fail(op, ERR_TRANSIENT, "not connected");
		return NULL; /* the runner looks at the flow only */
	}
	run_counted(call->name);
	if (!is_refused(call->name, &op->err)) {
		call->arena = flow->arena;
		data_run(call, &op->reply, &op->err);
	}
	if (fault_is_due(&fake.lose, call->name)) { /* not nested: other flows hear of it too */
		timer_soon(&fake.lost);
		return &op->await;
	}
	if (fake.at_once) {
		op_finish(op);
		return NULL;
	}
	timer_start(&op->timer, fake.delay_ms);
	return &op->await;
}

static const char **copy_arguments(struct arena *arena, const struct str *args, size_t count)
{
	const char **copies = arena_array(arena, count + 1, sizeof *copies);
	for (size_t i = 0; i < count; i++)
		copies[i] = arena_strndup(arena, args[i].at ? args[i].at : "", args[i].len);
	return copies;
}

struct await *redis_call(struct redis *redis, struct flow *flow, const struct str *args,
    size_t count, struct redis_value *out)
{
	must(redis == &fake.redis && count > 0);
	struct data_call call = {
	    .args = copy_arguments(flow->arena, args, count), .arg_count = count};
	call.name = call.args[0];
	return start(flow, &call, out);
}

struct await *redis_run(struct redis *redis, struct flow *flow,
    const struct redis_script_call *script, struct redis_value *out)
{
	must(redis == &fake.redis);
	struct data_call call = {.name = script->script->name,
	    .is_script = true,
	    .keys = copy_arguments(flow->arena, script->keys, script->key_count),
	    .key_count = script->key_count,
	    .args = copy_arguments(flow->arena, script->args, script->arg_count),
	    .arg_count = script->arg_count};
	return start(flow, &call, out);
}

/* --- the rest of io/redis.h ------------------------------------------------------------------ */

struct redis *redis_open(const struct redis_options *options, struct err *err)
{
	(void)err;
	fake.redis.options = *options;
	return &fake.redis;
}

void redis_close(struct redis **redis)
{
	*redis = NULL;
	while (!list_is_empty(&fake.ops))
		op_fail(
		    LIST_OWNER(list_first(&fake.ops), struct op, link), ERR_CANCELLED, "closed");
}

enum redis_state redis_state_now(const struct redis *redis)
{
	(void)redis;
	return fake.state;
}

size_t redis_in_flight(const struct redis *redis)
{
	(void)redis;
	return fake.in_flight;
}

const char *redis_state_name(enum redis_state state)
{
	static const char *const names[REDIS_STATES] = {"ok", "connecting", "loading", "readonly",
	    "noreplicas", "oom", "misconf", "busy", "nogroup", "wrongtype", "auth", "broken"};
	return names[state];
}
