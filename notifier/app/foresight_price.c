/* Every quarter of an hour, per carrier with a quota: how many parcels share it, and, until the
 * profile of past days is known, what a sample of them will ask for.  Then the price is set. */
#include "notifier/app/foresight_internal.h"

#include <math.h>

#include "notifier/app/metrics.h"
#include "notifier/base/log.h"

#define SAMPLE_MOST 8 /* parcels of a partition */

struct count {
	struct flow flow;
	struct world *world;
	struct config *config;
	const struct carrier_config *via;
	struct price *price;
	unsigned partition;
	unsigned owned;
	int64_t now_ms;
	struct redis_value value;
	double live, sampled;
	struct pace_load sums; /* over the sample */
};

#define COUNT_STEPS(X)                                                                             \
	X(count, following) X(count, counted) X(count, sample) X(count, states) X(count, done)
COUNT_STEPS(FLOW_STEP)

static void count_fini(struct flow *flow)
{
	struct count *p = (struct count *)(void *)flow;
	p->price->is_counting = false;
	config_unref(&p->config);
	xfree(p);
}

static const struct flow_type count_type = {"count", count_fini};

static struct str due_key(const struct count *p)
{
	return key_with(p->flow.arena, p->partition, "due", p->via->carrier->name);
}

static next count_following(struct count *p) /* Redis: how many are in the next partition? */
{
	while (p->partition < PARTITIONS && !world_owns(p->world, p->partition))
		p->partition++;
	if (p->partition == PARTITIONS)
		return THEN(done);
	p->owned++;
	struct str command[] = {redis_arg("ZCARD"), due_key(p)};
	return AWAIT(p, counted, redis_call(p->world->redis, &p->flow, command, 2, &p->value),
	    STORE_WAIT_MS);
}

static bool wants_sample(const struct count *p)
{
	return !p->price->is_begun || pace_price_wants_forecast(&p->price->pace, p->now_ms);
}

static next count_counted(struct count *p)
{
	if (FAILED(p))
		return END; /* asked again in a minute */
	int64_t count = p->value.integer;
	p->live += (double)count;
	if (count == 0 || !wants_sample(p)) {
		p->partition++;
		return THEN(following);
	}
	int64_t spare = count > SAMPLE_MOST ? count - SAMPLE_MOST : 0;
	long long first = (long long)((double)(spare + 1) * loop_random_unit());
	struct str command[] = {redis_arg("ZRANGE"), due_key(p),
	    str_of(arena_printf(p->flow.arena, "%lld", first)),
	    str_of(arena_printf(p->flow.arena, "%lld", first + SAMPLE_MOST - 1))};
	return AWAIT(
	    p, sample, redis_call(p->world->redis, &p->flow, command, 4, &p->value), STORE_WAIT_MS);
}

static next count_sample(struct count *p)
{
	if (FAILED(p))
		return END;
	struct str *command = arena_array(p->flow.arena, p->value.count + 1, sizeof *command);
	command[0] = redis_arg("MGET");
	for (size_t i = 0; i < p->value.count; i++)
		command[i + 1] =
		    key_with(p->flow.arena, p->partition, "s", p->value.items[i].text.at);
	if (p->value.count == 0) {
		p->partition++;
		return THEN(following);
	}
	return AWAIT(p, states,
	    redis_call(p->world->redis, &p->flow, command, p->value.count + 1, &p->value),
	    STORE_WAIT_MS);
}

static void sample_add(struct count *p, const struct shipment *s)
{
	const struct price *price = p->price;
	struct hazard_model *hazard = p->world->foresight->hazard;
	struct pace_facts facts = foresight_facts(p->world->foresight, price, s, p->now_ms);
	p->sums.slot_demand += pace_demand(
	    hazard, &facts, p->now_ms, pace_price_next_slot_ms(&price->pace, p->now_ms));
	p->sums.day_demand +=
	    pace_demand(hazard, &facts, p->now_ms, pace_price_reset_ms(&price->pace, p->now_ms));
	p->sampled++;
}

static next count_states(struct count *p) /* pure: what will these ask for? */
{
	if (FAILED(p))
		return END;
	for (size_t i = 0; i < p->value.count; i++) {
		struct err err;
		struct shipment *s =
		    p->value.items[i].type == REDIS_TEXT
		        ? shipment_decode(p->value.items[i].text, p->flow.arena, &err)
		        : NULL;
		if (s != NULL && !shipment_is_finished(s))
			sample_add(p, s);
	}
	p->partition++;
	return THEN(following);
}

/* What is stored is of the whole quota and its parcels; prices and profiles are per parcel, so
 * they hold for a share of both. */
static void price_begin(struct price *price, double looks, double live, int64_t now_ms)
{
	struct err err;
	pace_price_init(&price->pace, looks, 0, live, now_ms);
	if (price->stored != NULL && !pace_price_import(&price->pace, price->stored, &err))
		LOG(WARN, "model_refused", f_text("carrier", price->carrier),
		    f_text("why", err.text));
	xfree(price->stored);
	price->stored = NULL;
	price->is_begun = true;
}

static next count_done(struct count *p)
{
	struct price *price = p->price;
	const char *carrier = p->via->carrier->name;
	double share = (double)p->owned / PARTITIONS;
	double looks = fmax(1, share * p->via->per_day * p->via->carrier->batch_max);
	price->live = p->live;
	if (!price->is_begun)
		price_begin(price, looks, p->live, p->now_ms);
	if (looks != price->pace.daily_quota) /* another share, or another configuration */
		price->pace.daily_quota = price->pace.quota = looks;
	double scale = p->sampled > 0 ? p->live / p->sampled : 0;
	struct pace_load load = {.live = p->live,
	    .slot_demand = p->sums.slot_demand * scale,
	    .day_demand = p->sums.day_demand * scale};
	double root = price->pace.root;
	pace_price_on_slot(&price->pace, &load, p->now_ms);
	if (p->live == 0) /* nobody asks: that says nothing about what a look is worth */
		price->pace.root = root;
	price->slot_ms = pace_price_next_slot_ms(&price->pace, p->now_ms);
	metric_set(METRIC_POLL_PRICE, pace_price_now(&price->pace), carrier, NULL, NULL);
	metric_set(METRIC_QUOTA_USED, price->pace.used / looks, carrier, NULL, NULL);
	return END;
}

void price_count_start(struct world *world, const struct carrier_config *via, struct price *price)
{
	struct count *p = xcalloc(1, sizeof *p);
	p->world = world;
	p->config = config_ref(world->config);
	p->via = via;
	p->price = price;
	p->now_ms = loop_now_ms();
	/* Without a price nothing can be judged, nor forecast; it begins with one. */
	price->is_counting = true;
	price->slot_ms = p->now_ms + MINUTE_MS;
	flow_start(&p->flow, &count_type, do_following);
}
