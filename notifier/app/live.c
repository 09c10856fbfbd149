#include "notifier/app/live.h"

struct live {
	struct flow flow;
	struct world *world;
	size_t carrier;
	unsigned partition;
	int64_t sum;
	struct redis_value value;
};

#define LIVE_STEPS(X) X(live, carrier) X(live, ask) X(live, add)
LIVE_STEPS(FLOW_STEP)

static void live_fini(struct flow *flow)
{
	xfree(flow);
}

static const struct flow_type live_type = {"live", live_fini};

static next live_carrier(struct live *p) /* the next one whose quota must be spread */
{
	for (; p->carrier < p->world->carrier_count; p->carrier++) {
		const struct carrier_config *via =
		    config_carrier(p->world->config, p->world->carriers[p->carrier].carrier->name);
		if (via != NULL && via->per_day > 0 && via->carrier->poll_request != NULL)
			break;
	}
	if (p->carrier == p->world->carrier_count)
		return END;
	p->partition = 0;
	p->sum = 0;
	return THEN(ask);
}

static next live_ask(struct live *p)
{
	struct arena *arena = p->flow.arena;
	const char *name = p->world->carriers[p->carrier].carrier->name;
	struct str command[] = {redis_arg("ZCARD"), key_with(arena, p->partition, "due", name)};
	return AWAIT(
	    p, add, redis_call(p->world->redis, &p->flow, command, 2, &p->value), STORE_WAIT_MS);
}

static next live_add(struct live *p)
{
	if (FAILED(p))
		return END; /* the last count stands */
	p->sum += p->value.integer;
	if (++p->partition < PARTITIONS)
		return THEN(ask);
	p->world->carriers[p->carrier++].live_shipments = p->sum;
	return THEN(carrier);
}

void live_count_start(struct world *world)
{
	struct live *p = xcalloc(1, sizeof *p);
	p->world = world;
	flow_start(&p->flow, &live_type, do_carrier);
}
