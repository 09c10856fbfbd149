/* One flow per command: what a test asks Redis and what came of it.  Include after cmocka.h. */
#ifndef TESTS_REDIS_ASK_H
#define TESTS_REDIS_ASK_H
#include <stdio.h>

#include "notifier/io/redis.h"
#include "tests/unit/loop_until.h"

struct outcome { /* outlives the flow */
	int ended;
	bool failed;
	struct err err;
	enum redis_type type;
	int64_t integer;
	char text[200];
	struct redis **close; /* close it from inside the flow */
};

struct ask {
	struct flow flow;
	struct redis *redis;
	struct str args[6];
	size_t count;
	struct redis_script_call *script;
	struct redis_value value;
	struct outcome *outcome;
	int64_t deadline_ms;
};

#define ASK_STEPS(X) X(ask, send) X(ask, done)
ASK_STEPS(FLOW_STEP)

static next ask_send(struct ask *a)
{
	if (a->script != NULL)
		return AWAIT(
		    a, done, redis_run(a->redis, &a->flow, a->script, &a->value), a->deadline_ms);
	return AWAIT(
	    a, done, redis_call(a->redis, &a->flow, a->args, a->count, &a->value), a->deadline_ms);
}

static next ask_done(struct ask *a)
{
	struct outcome *o = a->outcome;
	o->failed = FAILED(a);
	o->err = a->flow.err;
	o->type = a->value.type;
	o->integer = a->value.integer;
	snprintf(o->text, sizeof o->text, "%s", a->value.text.at ? a->value.text.at : "");
	if (o->close != NULL)
		redis_close(o->close);
	return END;
}

static void ask_fini(struct flow *flow)
{
	struct ask *ask = (struct ask *)(void *)flow;
	ask->outcome->ended++;
	xfree(ask);
}
static const struct flow_type ask_type = {"ask", ask_fini};

static struct ask *ask_new(struct redis *redis, struct outcome *outcome, const char *line)
{
	struct ask *ask = xcalloc(1, sizeof *ask);
	ask->redis = redis;
	ask->outcome = outcome;
	ask->deadline_ms = 20000;
	struct str rest = str_of(line);
	while (rest.at != NULL)
		rest = str_cut(rest, ' ', &ask->args[ask->count++]);
	return ask;
}

static struct flow *ask(struct redis *redis, struct outcome *outcome, const char *line)
{
	struct ask *a = ask_new(redis, outcome, line);
	flow_start(&a->flow, &ask_type, do_send);
	return &a->flow; /* may be gone */
}

static void ask_script(struct redis *redis, struct outcome *outcome, struct redis_script_call *call)
{
	struct ask *a = ask_new(redis, outcome, "");
	a->script = call;
	flow_start(&a->flow, &ask_type, do_send);
}
#endif
