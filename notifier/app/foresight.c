#include "notifier/app/foresight.h"

#include <stdio.h>
#include <string.h>

#include "notifier/app/calendars.h"
#include "notifier/app/foresight_internal.h"
#include "notifier/base/log.h"

/* Value of news that a carrier and service must have shown before its hazards rule: about what
 * ten parcels bring on their way. */
#define VALUE_NEEDED 20.0
/* Of the news that webhooks should bring, the share taken to be lost until more is known: six
 * times rarer looks, weighing as much as 36 pieces of news. */
#define MISS_PRIOR    1.0
#define PUSH_PRIOR    35.0
#define PUSHES_FULL   2000.0
#define PUSH_SLACK_MS (10 * MINUTE_MS) /* a poll may be faster than a webhook, by luck */

struct foresight *foresight_new_probe(void)
{
	struct foresight *foresight = xcalloc(1, sizeof *foresight);
	foresight->hazard = hazard_new();
	foresight->delay = delay_new();
	foresight->silence = silence_new();
	foresight->last_stop = last_stop_new();
	return foresight;
}

void foresight_trust(struct foresight *f, int64_t now_ms)
{
	int32_t day = day_of_instant(now_ms, 0) + 2; /* local days may be ahead of UTC's */
	hazard_trust_until(f->hazard, day);
	delay_trust_until(f->delay, day);
	silence_trust_until(f->silence, day);
	f->tuner.trusted_day = day;
}

struct foresight *foresight_new(void)
{
	struct foresight *foresight = foresight_new_probe();
	foresight->looks = looks_new();
	return foresight;
}

void foresight_free(struct foresight **foresight)
{
	struct foresight *f = *foresight;
	if (f == NULL)
		return;
	MAP_FOREACH(slot, &f->prices)
	{
		struct price *price = slot->value;
		xfree(price->stored);
		xfree(price);
	}
	map_free(&f->prices);
	hazard_free(&f->hazard);
	delay_free(&f->delay);
	silence_free(&f->silence);
	last_stop_free(&f->last_stop);
	delay_tuner_free(&f->tuner);
	model_states_free(f);
	looks_free(&f->looks);
	xfree(f);
	*foresight = NULL;
}

struct price *price_of(struct foresight *foresight, const char *carrier)
{
	struct price *price = map_get(&foresight->prices, str_of(carrier));
	if (price == NULL) {
		price = xcalloc(1, sizeof *price);
		price->carrier = map_put(&foresight->prices, str_of(carrier), price);
	}
	return price;
}

/* --- beliefs ------------------------------------------------------------------------------------
 */

static int32_t eta_day_of(const struct shipment *s, const struct zone *zone)
{
	int64_t end_ms = eta_end_ms(&s->eta, zone);
	if (end_ms == 0)
		end_ms = eta_end_ms(&s->promised, zone);
	return end_ms == 0 ? HAZARD_DAY_NONE
	                   : zone_day(zone, end_ms - 1); /* 24:00 is the day before */
}

/* A window is a pair of instants on its day; two dates are none. */
static int64_t window_start_ms(const struct shipment *s, const struct zone *zone)
{
	int64_t from_ms = moment_instant(s->eta.from, zone, false);
	int64_t to_ms = moment_instant(s->eta.to, zone, true);
	bool is_window = from_ms != 0 && to_ms > from_ms && to_ms - from_ms < 12 * HOUR_MS;
	return is_window && s->status == STATUS_OUT_FOR_DELIVERY ? from_ms : 0;
}

static struct hazard_belief belief_of(struct foresight *foresight, const struct shipment *s)
{
	const struct zone *zone = world_zone(s->zone, NULL);
	int64_t since_ms = s->newest_ms ? s->newest_ms : s->created_ms;
	int64_t window_ms = window_start_ms(s, zone);
	return (struct hazard_belief){
	    .class_index = hazard_class(foresight->hazard, s->carrier, s->service),
	    .state = hazard_state_of(
	        s->status, (s->flags & SHIPMENT_AT_DESTINATION) != 0, window_ms != 0),
	    .eta_day = eta_day_of(s, zone),
	    .since_day = zone_day(zone, since_ms),
	    .offset_s = zone_offset_s(zone, since_ms),
	    .window_ms = window_ms,
	    .calendar = calendars_of(s->destination.country),
	};
}

/* 0 ≤ x < 1, the same for a parcel all day: judged again it must not move. */
static double unit_of(const char *id)
{
	uint64_t hash = fnv1a64(id, strlen(id));
	return (double)((hash ^ hash >> 29) % 4096) / 4096;
}

struct pace_facts foresight_facts(struct foresight *foresight, const struct price *price,
    const struct shipment *s, int64_t last_ms)
{
	double looks_per_day = price->pace.daily_quota / (price->live > 1 ? price->live : 1);
	return (struct pace_facts){
	    .belief = belief_of(foresight, s),
	    .last_ms = last_ms,
	    .pushed = (s->flags & SHIPMENT_PUSHED) != 0,
	    .miss_share = (price->missed + MISS_PRIOR) /
	                  (price->missed + price->pushed + MISS_PRIOR + PUSH_PRIOR),
	    .most_ms = pace_most_ms(looks_per_day),
	    .jitter_unit = unit_of(s->id),
	};
}

/* --- learning -----------------------------------------------------------------------------------
 */

struct sight foresight_before(struct foresight *foresight, const struct shipment *s)
{
	if (foresight == NULL || shipment_is_finished(s))
		return (struct sight){0};
	return (struct sight){.is_taken = true,
	    .belief = belief_of(foresight, s),
	    .status = s->status,
	    .flags = s->flags,
	    .heard_ms = s->heard_ms,
	    .newest_ms = s->newest_ms,
	    .last_scan = s->last_scan};
}

enum hazard_news foresight_news(
    const struct checkpoint *checkpoint, enum status before, bool has_moved)
{
	static const enum hazard_news news[STATUS_COUNT] = {
	    [STATUS_OUT_FOR_DELIVERY] = HAZARD_NEWS_OUT_FOR_DELIVERY,
	    [STATUS_AVAILABLE_FOR_PICKUP] = HAZARD_NEWS_PICKUP_READY,
	    [STATUS_ATTEMPT_FAILED] = HAZARD_NEWS_ATTEMPT_FAILED,
	    [STATUS_DELIVERED] = HAZARD_NEWS_DELIVERED,
	    [STATUS_EXCEPTION] = HAZARD_NEWS_EXCEPTION,
	    [STATUS_RETURNING] = HAZARD_NEWS_RETURNING,
	    [STATUS_RETURNED] = HAZARD_NEWS_RETURNED,
	};
	if (checkpoint->status == STATUS_DELIVERED && before == STATUS_AVAILABLE_FOR_PICKUP)
		return HAZARD_NEWS_COLLECTED;
	if (checkpoint->status == STATUS_IN_TRANSIT && before == STATUS_EXCEPTION)
		return HAZARD_NEWS_CLEARED;
	if (checkpoint->status == STATUS_IN_TRANSIT && !has_moved)
		return HAZARD_NEWS_FIRST_SCAN;
	return news[checkpoint->status]; /* 0 is a scan */
}

static int64_t clip_ms(int64_t at_ms, int64_t least_ms, int64_t most_ms)
{
	return at_ms < least_ms ? least_ms : at_ms > most_ms ? most_ms : at_ms;
}

struct gap { /* between the last look and this one */
	int64_t last_ms, now_ms;
	bool is_poll;
};

static void learn_news(struct foresight *f, const struct shipment *s, const struct sight *before,
    const struct changes *changes, const struct gap *gap)
{
	struct hazard_lag *lag = hazard_lag_of(f->hazard, s->carrier);
	enum status status = before->status;
	int64_t newest_ms = before->newest_ms;
	bool has_moved = before->flags & SHIPMENT_MOVED;
	for (size_t i = 0; i < changes->fresh_count; i++) {
		const struct checkpoint *checkpoint = changes->fresh[i];
		int64_t at_ms = changes->fresh_ms[i];
		if (before->heard_ms == 0 && at_ms < s->created_ms)
			continue;                 /* the first answer tells of before our time */
		bool is_late = at_ms < newest_ms; /* it ends nothing that came after it */
		double value = hazard_news_value(
		    foresight_news(checkpoint, is_late ? checkpoint->status : status, has_moved));
		hazard_learn_event(f->hazard, &before->belief,
		    clip_ms(at_ms + hazard_lag_ms(lag), gap->last_ms, gap->now_ms), value);
		if (gap->is_poll)
			hazard_learn_lag(lag, at_ms, gap->last_ms, gap->now_ms);
		has_moved = has_moved || checkpoint->status == STATUS_IN_TRANSIT;
		if (is_late)
			continue;
		status = checkpoint->status;
		newest_ms = at_ms;
	}
}

/* Where webhooks get lost, polls have to do their work. */
static void learn_pushes(struct foresight *f, const struct shipment *s, const struct sight *before,
    const struct changes *changes, const struct gap *gap)
{
	struct price *price = map_get(&f->prices, str_of(s->carrier)); /* NULL: nothing is paid */
	if (price == NULL || !(before->flags & SHIPMENT_PUSHED))
		return;
	for (size_t i = 0; i < changes->fresh_count; i++) {
		bool is_late = gap->now_ms - changes->fresh_ms[i] > PUSH_SLACK_MS;
		if (!gap->is_poll)
			price->pushed += 1;
		else if (is_late && changes->fresh_ms[i] > gap->last_ms - DAY_MS)
			price->missed += 1;
	}
	if (price->pushed + price->missed > PUSHES_FULL) {
		price->pushed /= 2;
		price->missed /= 2;
	}
}

void foresight_learn(struct foresight *f, const struct shipment *s, const struct sight *before,
    const struct changes *changes, enum source source, int64_t now_ms)
{
	if (f == NULL || !before->is_taken || (source != SOURCE_POLL && source != SOURCE_WEBHOOK))
		return;
	silence_learn(f, s, before, changes);
	scan_learn(f, s, before, changes);
	int64_t last_ms = looks_get(f->looks, s->id);
	looks_put(f->looks, s->id, now_ms);
	if (last_ms == 0 || last_ms > now_ms)
		return;
	hazard_learn_exposure(f->hazard, &before->belief, last_ms, now_ms);
	struct gap gap = {last_ms, now_ms, source == SOURCE_POLL};
	learn_news(f, s, before, changes, &gap);
	learn_pushes(f, s, before, changes, &gap);
}

/* --- when next ----------------------------------------------------------------------------------
 */

/* The price by which a parcel is judged; NULL: the table of core/cadence rules. */
static const struct price *price_for(
    struct foresight *f, const struct carrier_config *via, const struct shipment *s)
{
	if (f == NULL || via->per_day <= 0 || s->poll_failures > 0 || shipment_is_finished(s))
		return NULL;
	const struct price *price = price_of(f, via->carrier->name);
	if (!price->is_begun)
		return NULL;
	int class_index = hazard_class(f->hazard, s->carrier, s->service);
	return hazard_experience(f->hazard, class_index) >= VALUE_NEEDED ? price : NULL;
}

static bool judge(struct foresight *f, const struct carrier_config *via, const struct shipment *s,
    int64_t last_ms, struct pace_due *due)
{
	const struct price *price = price_for(f, via, s);
	if (price == NULL || last_ms == 0)
		return false;
	struct pace_facts facts = foresight_facts(f, price, s, last_ms);
	*due = pace_due(f->hazard, &facts, pace_price_now(&price->pace));
	return true;
}

/* … and was not looked at since. */
static bool is_asked_for(const struct foresight *f, const struct shipment *s)
{
	return text_eq(s->next_poll_why, FORESIGHT_ASKED_FOR) &&
	       s->next_poll_ms > looks_get(f->looks, s->id);
}

bool foresight_cadence(struct foresight *f, const struct carrier_config *via,
    const struct shipment *s, bool looked, int64_t now_ms, struct cadence_answer *out)
{
	struct pace_due due;
	if (f == NULL || (!looked && is_asked_for(f, s)) ||
	    !judge(f, via, s, looked ? now_ms : looks_get(f->looks, s->id), &due))
		return false;
	out->due_ms = due.due_ms > now_ms ? due.due_ms : now_ms;
	_Static_assert(sizeof out->why >= PACE_WHY_BYTES, "a reason fits");
	pace_explain(out->why, &due, zone_offset_s(world_zone(s->zone, NULL), out->due_ms));
	return true;
}

const struct shipment *foresight_explain(
    struct foresight *f, const struct carrier_config *via, struct shipment *s, struct arena *arena)
{
	struct cadence_answer learned;
	if (via != NULL && s->next_poll_ms != NEVER_MS &&
	    foresight_cadence(f, via, s, false, loop_now_ms(), &learned)) {
		s->next_poll_ms = learned.due_ms;
		s->next_poll_why = arena_strdup(arena, learned.why);
	}
	return s;
}

bool foresight_is_due(
    struct foresight *f, const struct carrier_config *via, const struct shipment *s, int64_t now_ms)
{
	struct pace_due due;
	return f == NULL || is_asked_for(f, s) ||
	       !judge(f, via, s, looks_get(f->looks, s->id), &due) || pace_is_due(&due, now_ms);
}

/* --- the price ----------------------------------------------------------------------------------
 */

void foresight_on_call(struct foresight *f, const struct carrier_config *via)
{
	if (f == NULL || via->per_day <= 0)
		return;
	struct price *price = price_of(f, via->carrier->name);
	if (price->is_begun) /* a call costs the same however many numbers it carries */
		pace_price_on_look(&price->pace, via->carrier->batch_max);
}

void foresight_on_refusal(struct foresight *f, const struct carrier_config *via)
{
	if (f == NULL || via->per_day <= 0)
		return;
	struct price *price = price_of(f, via->carrier->name);
	if (price->is_begun)
		pace_price_on_refusal(&price->pace);
}

/* --- the clock ----------------------------------------------------------------------------------
 */

static void tick_prices(struct world *world, int64_t now_ms)
{
	for (size_t i = 0; i < world->carrier_count; i++) {
		const char *name = world->carriers[i].carrier->name;
		const struct carrier_config *via = config_carrier(world->config, name);
		if (via == NULL || via->per_day <= 0 || via->carrier->poll_request == NULL)
			continue;
		struct price *price = price_of(world->foresight, name);
		if (!price->is_counting && price->slot_ms <= now_ms)
			price_count_start(world, via, price);
	}
}

void foresight_tick(struct world *world, int64_t now_ms)
{
	struct foresight *f = world->foresight;
	if (f == NULL)
		return;
	if (!f->is_moving && loop_monotonic_ms() >= f->sync_due_ms)
		model_sync_start(world);
	if (!f->is_loaded)
		return;
	delay_days_close(f, now_ms);
	hazard_on_day(f->hazard, day_of_instant(now_ms, 0));
	tick_prices(world, now_ms);
}

void foresight_save(struct world *world)
{
	struct foresight *f = world->foresight;
	if (f != NULL && f->is_loaded && !f->is_moving)
		model_sync_start(world);
}
