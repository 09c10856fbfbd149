#include "notifier/app/memory.h"

#include "notifier/app/metrics.h"
#include "notifier/app/problem.h"
#include "notifier/app/safety.h"
#include "notifier/base/log.h"

#define SHORT_FROM 0.8

struct memory {
	struct flow flow;
	struct world *world;
	struct redis_value info;
};

#define MEMORY_STEPS(X) X(memory, ask) X(memory, judge)
MEMORY_STEPS(FLOW_STEP)

static void memory_fini(struct flow *flow)
{
	struct memory *p = (struct memory *)(void *)flow;
	p->world->is_looking_at_memory = false;
	xfree(p);
}

static const struct flow_type memory_type = {"memory", memory_fini};

static next memory_ask(struct memory *p)
{
	struct str command[] = {redis_arg("INFO"), redis_arg("memory")};
	return AWAIT(
	    p, judge, redis_call(p->world->redis, &p->flow, command, 2, &p->info), STORE_WAIT_MS);
}

double memory_share(const char *info)
{
	struct arena *arena = arena_new();
	const char *used = safety_info_line(info, "used_memory", arena),
	           *most = safety_info_line(info, "maxmemory", arena);
	int64_t used_bytes = 0, most_bytes = 0;
	bool is_known = used != NULL && most != NULL && str_to_int64(str_of(used), &used_bytes) &&
	                str_to_int64(str_of(most), &most_bytes);
	arena_free(&arena);
	return is_known && most_bytes > 0 ? (double)used_bytes / (double)most_bytes : 0;
}

static next memory_judge(struct memory *p)
{
	struct world *world = p->world;
	if (FAILED(p) || p->info.type != REDIS_TEXT)
		return END; /* the last look stands */
	bool was_short = world->memory_used > SHORT_FROM;
	world->memory_used = memory_share(p->info.text.at);
	metric_set(METRIC_REDIS_MEMORY, world->memory_used, NULL, NULL, NULL);
	metric_set(METRIC_INTAKE, world->memory_used > SHORT_FROM ? 0 : 1, NULL, NULL, NULL);
	if (was_short != (world->memory_used > SHORT_FROM))
		LOG(WARN, was_short ? "intake_resumed" : "intake_paused",
		    f_int("memory_percent", (int64_t)(world->memory_used * 100)));
	return END;
}

void memory_look(struct world *world)
{
	if (world->is_looking_at_memory)
		return;
	struct memory *p = xcalloc(1, sizeof *p);
	p->world = world;
	world->is_looking_at_memory = true;
	flow_start(&p->flow, &memory_type, do_ask);
}

bool memory_is_short(const struct world *world)
{
	return world->memory_used > SHORT_FROM && redis_state_now(world->redis) == REDIS_OK;
}

void memory_refuse(struct http_exchange *exchange)
{
	problem_send_retry(exchange, "memory_short",
	    "Redis has used 80 % of its memory: nothing new is taken in until there is room.");
}
