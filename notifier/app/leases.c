#include "notifier/app/leases.h"

#include <string.h>

#include "notifier/base/log.h"

#define WORKER_DEAD_MS 20000

/* --- one partition -------------------------------------------------------------------------------
 */

struct renew {
	struct flow flow;
	struct world *world;
	struct partition *partition;
	bool takes;
	struct redis_value value;
	int64_t asked_ms;
};

#define RENEW_STEPS(X) X(renew, ask) X(renew, answered)
RENEW_STEPS(FLOW_STEP)

static void renew_fini(struct flow *flow)
{
	xfree(flow);
}

static const struct flow_type renew_type = {"renew", renew_fini};

static next renew_ask(struct renew *p)
{
	p->asked_ms = loop_monotonic_ms();
	return AWAIT(p, answered,
	    store_lease(&p->world->store, &p->flow, &p->partition->lease, p->takes, &p->value),
	    STORE_WAIT_MS);
}

/* When something is due next is remembered from our own commits only: another worker's, and one of
 * ours whose reply was lost, are found by looking now and then. */
static void partition_forget_times(struct world *world, struct partition *partition)
{
	partition->next_clock_ms = 0;
	for (size_t i = 0; i < world->carrier_count; i++)
		world->carriers[i].next_due_ms[partition->lease.partition] = 0;
}

/* A new epoch: what we know of the partition is nothing. */
static void partition_begin(struct world *world, struct partition *partition, int64_t epoch)
{
	partition->lease.epoch = epoch;
	partition_drain(partition);
	partition_forget_times(world, partition);
	world_nudge(world, partition->lease.partition);
}

static next renew_answered(struct renew *p)
{
	if (FAILED(p))
		return END; /* the old lease runs out on our side too */
	int64_t epoch = p->value.type == REDIS_INTEGER ? p->value.integer : 0;
	if (epoch == 0) {
		world_lost(p->world, p->partition->lease.partition);
		return END;
	}
	p->partition->renewed_ms = p->asked_ms;
	if (epoch != p->partition->lease.epoch)
		partition_begin(p->world, p->partition, epoch);
	else
		partition_forget_times(p->world, p->partition);
	return END;
}

static void renew_start(struct world *world, struct partition *partition, bool takes)
{
	struct renew *p = xcalloc(1, sizeof *p);
	p->world = world;
	p->partition = partition;
	p->takes = takes;
	flow_start(&p->flow, &renew_type, do_ask);
}

/* --- giving back
 * ----------------------------------------------------------------------------------- */

struct release {
	struct flow flow;
	struct world *world;
	unsigned index, wanted;
	bool is_leaving; /* we are being stopped: the others need not wait for our silence */
	struct redis_value value;
};

#define RELEASE_STEPS(X) X(release, following) X(release, done) X(release, leave) X(release, left)
RELEASE_STEPS(FLOW_STEP)

static void release_fini(struct flow *flow)
{
	xfree(flow);
}

static const struct flow_type release_type = {"release", release_fini};

/* Only what has nothing under way: the rest runs out by itself, or the next start takes it over. */
static bool is_idle(const struct partition *p)
{
	return list_is_empty(&p->sending) && !p->is_deciding && !p->is_claiming && !p->is_sweeping;
}

static next release_following(struct release *p)
{
	for (; p->index < PARTITIONS && p->wanted > 0; p->index++) {
		struct partition *partition = &p->world->partitions[p->index];
		if (!world_owns(p->world, p->index) || !is_idle(partition))
			continue;
		struct lease lease = partition->lease;
		partition->lease.epoch = 0; /* from now on nothing is begun there */
		p->wanted--;
		return AWAIT(
		    p, done, store_release(&p->world->store, &p->flow, &lease, &p->value), 1000);
	}
	return p->is_leaving ? THEN(leave) : END;
}

static next release_done(struct release *p)
{
	p->index++;
	return FAILED(p) ? END : THEN(following);
}

static next release_leave(struct release *p)
{
	struct str command[] = {
	    redis_arg("ZREM"), redis_arg(KEY_WORKERS), str_of(p->world->worker)};
	return AWAIT(p, left, redis_call(p->world->redis, &p->flow, command, 3, &p->value), 1000);
}

static next release_left(struct release *p)
{
	(void)p;
	return END;
}

static void release_start(struct world *world, unsigned count, bool is_leaving)
{
	struct release *p = xcalloc(1, sizeof *p);
	p->world = world;
	p->wanted = count;
	p->is_leaving = is_leaving;
	flow_start(&p->flow, &release_type, do_following);
}

void leases_release(struct world *world)
{
	release_start(world, PARTITIONS, true);
}

/* --- how many are we?
 * -------------------------------------------------------------------------------- */

struct census {
	struct flow flow;
	struct world *world;
	struct redis_value value;
};

#define CENSUS_STEPS(X) X(census, show) X(census, look) X(census, share)
CENSUS_STEPS(FLOW_STEP)

static void census_fini(struct flow *flow)
{
	xfree(flow);
}

static const struct flow_type census_type = {"census", census_fini};

static int64_t real_now_ms(void)
{
	return loop_wall_scale() == 1 ? loop_now_ms() : loop_monotonic_ms();
}

static next census_show(struct census *p) /* we live */
{
	struct str command[] = {redis_arg("ZADD"), redis_arg(KEY_WORKERS),
	    str_of(arena_printf(p->flow.arena, "%lld", (long long)real_now_ms())),
	    str_of(p->world->worker)};
	return AWAIT(
	    p, look, redis_call(p->world->redis, &p->flow, command, 4, &p->value), STORE_WAIT_MS);
}

static next census_look(struct census *p) /* who else does? */
{
	struct str command[] = {redis_arg("ZCOUNT"), redis_arg(KEY_WORKERS),
	    str_of(
	        arena_printf(p->flow.arena, "%lld", (long long)(real_now_ms() - WORKER_DEAD_MS))),
	    redis_arg("+inf")};
	if (FAILED(p))
		return END;
	return AWAIT(
	    p, share, redis_call(p->world->redis, &p->flow, command, 4, &p->value), STORE_WAIT_MS);
}

static next census_share(struct census *p)
{
	unsigned workers = !FAILED(p) && p->value.integer > 0 ? (unsigned)p->value.integer : 1;
	unsigned fair = (PARTITIONS + workers - 1) / workers, owned = 0;
	for (unsigned i = 0; i < PARTITIONS; i++)
		owned += world_owns(p->world, i);
	unsigned room = owned < fair ? fair - owned : 0;
	for (unsigned i = 0; i < PARTITIONS; i++) {
		bool is_ours = world_owns(p->world, i);
		if (is_ours || room > 0)
			renew_start(p->world, &p->world->partitions[i], !is_ours);
		/* Perhaps somebody holds it; then we ask again in LEASES_EVERY_MS. */
	}
	if (owned > fair)
		release_start(p->world, owned - fair, false);
	return END;
}

void leases_renew(struct world *world)
{
	if (world->is_stopping || redis_state_now(world->redis) != REDIS_OK)
		return;
	struct census *p = xcalloc(1, sizeof *p);
	p->world = world;
	flow_start(&p->flow, &census_type, do_show);
}
