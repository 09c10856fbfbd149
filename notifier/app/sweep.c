#include "notifier/app/sweep.h"

#include "notifier/app/apply.h"
#include "notifier/app/live.h"
#include "notifier/app/memory.h"
#include "notifier/app/metrics.h"
#include "notifier/app/leases.h"
#include "notifier/app/poll.h"
#include "notifier/base/log.h"
#include "notifier/core/deadline.h"

#define SWEEP_MS 100 /* real time between looks */
/* After a carrier could not be reached its parcels are asked about within the hour, by and by. */
#define DEAF_MS (2 * HOUR_MS)
#define LOOK_AGAIN_MS                                                                              \
	1000 /* streams are looked at this often even when nobody said that there is work */
#define CLOCK_BATCH      64
#define LIVE_EVERY_TURNS 12 /* of the leases' timer: once a minute */

/* --- the clock of one partition ----------------------------------------------------------------
 */

struct clock {
	struct flow flow;
	struct world *world;
	struct config *config;
	struct partition *partition;
	struct redis_value value, reply;
	size_t index;
	struct apply apply;
};

#define CLOCK_STEPS(X) X(clock, look) X(clock, take) X(clock, fire) X(clock, commit) X(clock, fired)
CLOCK_STEPS(FLOW_STEP)

static void clock_fini(struct flow *flow)
{
	struct clock *p = (struct clock *)(void *)flow;
	p->partition->is_sweeping = false;
	config_unref(&p->config);
	xfree(p);
}

static const struct flow_type clock_type = {"clock", clock_fini};

static next clock_look(struct clock *p) /* what is due: messages move in the script itself */
{
	p->partition->next_clock_ms = NEVER_MS; /* until we know; commits lower it */
	return AWAIT(p, take,
	    store_clock(&p->world->store, &p->flow, &p->partition->lease, CLOCK_BATCH,
	        loop_now_ms(), &p->value),
	    STORE_WAIT_MS);
}

static next clock_take(struct clock *p)
{
	if (FAILED(p)) {
		world_store_failed(p->world, "clock", &p->flow.err);
		p->partition->next_clock_ms = 0;
		return END;
	}
	if (store_is_fenced(&p->value)) {
		world_lost(p->world, p->partition->lease.partition);
		return END;
	}
	int64_t next_due = NEVER_MS;
	if (p->value.items[0].text.len > 0)
		str_to_int64(p->value.items[0].text, &next_due);
	if (next_due < p->partition->next_clock_ms)
		p->partition->next_clock_ms = next_due;
	if (p->value.items[1].integer > 0) {
		p->partition->has_outbox = true;
		world_nudge(p->world, p->partition->lease.partition);
	}
	p->index = 2;
	return THEN(fire);
}

static next clock_fire(struct clock *p) /* pure: the deadline of the next shipment */
{
	if (p->index + 1 >= p->value.count)
		return END;
	struct err err;
	struct shipment *s =
	    shipment_decode(p->value.items[p->index + 1].text, p->flow.arena, &err);
	p->index += 2;
	if (s == NULL) {
		LOG(ERROR, "shipment_unreadable", f_text("why", err.text));
		return THEN(fire);
	}
	const struct carrier_runtime *carrier = world_carrier(p->world, s->carrier);
	const struct account_config *account = config_account(p->config, s->account);
	struct deadline_rules rules = foresight_rules(p->world->foresight, account, s);
	const struct zone *zone = world_zone(s->zone, account ? account->zone : NULL);
	bool is_deaf = carrier != NULL && !(s->flags & SHIPMENT_PUSHED) && carrier->deaf_ms != 0 &&
	               loop_monotonic_ms() - carrier->deaf_ms < DEAF_MS;
	if (is_deaf) { /* we cannot reach the carrier: the silence is ours */
		rules.silent_days_domestic = rules.silent_days_cross_border = 0;
		rules.label_days = rules.follow_up_days = 0;
		if (deadline_next(s, &rules, zone, loop_now_ms()).at_ms > loop_now_ms() &&
		    foretell_next_ms(s, zone) > loop_now_ms())
			return THEN(fire); /* nothing else is due; the claim runs out */
	}
	p->apply = (struct apply){
	    .world = p->world, .config = p->config, .arena = p->flow.arena, .shipment = s};
	deadline_fire(s, &rules, zone, loop_now_ms(), &p->apply.changes);
	apply_finish(&p->apply, SOURCE_CLOCK, loop_now_ms());
	return THEN(commit);
}

static next clock_commit(struct clock *p)
{
	return AWAIT(p, fired,
	    store_commit(&p->world->store, &p->flow, &p->apply.commit, &p->reply), STORE_WAIT_MS);
}

/* A conflict or a failure: the claim runs out by itself, and it is looked at again. */
static next clock_fired(struct clock *p)
{
	struct await *pause = FAILED(p) ? apply_pause(&p->apply, &p->flow) : NULL;
	if (pause != NULL)
		return AWAIT(p, commit, pause, STORE_WAIT_MS);
	if (!FAILED(p) && store_read_committed(&p->reply))
		apply_committed(&p->apply, SOURCE_CLOCK);
	else
		p->partition->next_clock_ms = 0;
	return THEN(fire);
}

static void clock_start(struct world *world, struct partition *partition)
{
	struct clock *p = xcalloc(1, sizeof *p);
	p->world = world;
	p->config = config_ref(world->config);
	p->partition = partition;
	partition->is_sweeping = true;
	flow_start(&p->flow, &clock_type, do_look);
}

/* --- timers
 * ---------------------------------------------------------------------------------------- */

static void on_sweep(struct timer *timer)
{
	struct world *world = LIST_OWNER(timer, struct world, sweep_timer);
	int64_t now_ms = loop_now_ms(), monotonic_ms = loop_monotonic_ms();
	bool looks_again = monotonic_ms - world->streams_looked_ms >= LOOK_AGAIN_MS;
	if (looks_again)
		world->streams_looked_ms = monotonic_ms;
	timer_start(timer, SWEEP_MS);
	if (world->is_stopping || redis_state_now(world->redis) != REDIS_OK)
		return;
	for (unsigned i = 0; i < PARTITIONS; i++) {
		struct partition *partition = &world->partitions[i];
		if (!world_owns(world, i))
			continue;
		if (!partition->is_sweeping && partition->next_clock_ms <= now_ms)
			clock_start(world, partition);
		if (looks_again)
			partition->has_events = partition->has_outbox = true;
		world_nudge(world, i);
	}
	if (looks_again)
		memory_look(world);
	for (size_t i = 0; i < world->carrier_count; i++) {
		if (world->carriers[i].breaker.state != BREAKER_CLOSED)
			world->carriers[i].deaf_ms = monotonic_ms;
		poll_more(world, &world->carriers[i]);
	}
	foresight_tick(world, now_ms);
}

static void on_leases(struct timer *timer)
{
	struct world *world = LIST_OWNER(timer, struct world, lease_timer);
	timer_start(timer, LEASES_EVERY_MS);
	leases_renew(world);
	if (world->lease_turns++ % LIVE_EVERY_TURNS == 0 && !world->is_stopping &&
	    redis_state_now(world->redis) == REDIS_OK)
		live_count_start(world);
}

void sweep_begin(struct world *world)
{
	timer_init(&world->sweep_timer, on_sweep);
	timer_init(&world->lease_timer, on_leases);
	timer_start(&world->sweep_timer, SWEEP_MS);
	timer_start(&world->lease_timer, 0);
}

void sweep_end(struct world *world)
{
	timer_stop(&world->sweep_timer);
	timer_stop(&world->lease_timer);
}
