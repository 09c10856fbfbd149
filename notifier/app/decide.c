#include "notifier/app/decide.h"

#include "notifier/app/history.h"
#include "notifier/app/ledger.h"
#include "notifier/app/metrics.h"
#include "notifier/app/render.h"
#include "notifier/base/log.h"

#define BATCH 32

struct decide {
	struct flow flow;
	struct world *world;
	struct config *config;
	struct partition *partition;
	struct redis_value value;
	struct decided_event *events;
	size_t count, messages;
	int64_t held_until_ms; /* the first of the batch that waits; NEVER_MS: none */
	bool is_done;          /* the batch went well: look for more */
};

#define DECIDE_STEPS(X) X(decide, read) X(decide, judge) X(decide, recorded)
DECIDE_STEPS(FLOW_STEP)

static void decide_fini(struct flow *flow)
{
	struct decide *p = (struct decide *)(void *)flow;
	struct world *world = p->world;
	unsigned partition = p->partition->lease.partition;
	bool more = p->is_done;
	p->partition->is_deciding = false;
	config_unref(&p->config);
	xfree(p);
	if (more)
		world_nudge(world, partition);
}

static const struct flow_type decide_type = {"decide", decide_fini};

static next decide_read(struct decide *p) /* the next events, with the shipments as they are now */
{
	p->partition->has_events = false; /* what comes from now on says so again */
	return AWAIT(p, judge,
	    store_read_events(&p->world->store, &p->flow, &p->partition->lease,
	        p->partition->drains_events, BATCH, &p->value),
	    STORE_WAIT_MS);
}

/* One event, one recipient, one channel. */
static struct decision judge_one(struct decide *p, const struct event *event,
    const struct shipment *s, const struct recipient *recipient, enum channel channel)
{
	const struct account_config *account = config_account(p->config, s->account);
	struct decision_query query = {.event = event,
	    .shipment = s,
	    .recipient = recipient,
	    .channel = channel,
	    .policy = &account->policy,
	    .now_ms = loop_now_ms()};
	struct decision decision = policy_decide(&query);
	if (decision.verdict != VERDICT_DROP &&
	    !render_has_template(p->world->catalogue, event_name(event->kind)))
		decision = (struct decision){VERDICT_DROP, WHY_NO_TEMPLATE, 0};
	metric_count(METRIC_DECISIONS, verdict_name(decision.verdict),
	    decision_why_name(decision.why), NULL);
	return decision;
}

/* SMS that nobody asked for and that has no number is no decision worth a line. */
static bool is_worth_a_line(const struct recipient *recipient, enum channel channel)
{
	return channel == CHANNEL_EMAIL || recipient->phone != NULL ||
	       recipient_wants(recipient, channel);
}

static void judge_event(struct decide *p, struct decided_event *out, const struct event *event,
    const struct shipment *s)
{
	struct arena *arena = p->flow.arena;
	size_t most = s->recipient_count * CHANNEL_COUNT;
	struct history_decision *decisions = arena_array(arena, most, sizeof *decisions);
	out->messages = arena_array(arena, most, sizeof *out->messages);
	size_t count = 0;
	for (size_t i = 0; i < s->recipient_count; i++)
		for (int channel = 0; channel < CHANNEL_COUNT; channel++) {
			const struct recipient *recipient = &s->recipients[i];
			if (!is_worth_a_line(recipient, (enum channel)channel))
				continue;
			struct history_decision *d = &decisions[count++];
			d->recipient_id = recipient->id;
			d->channel = (enum channel)channel;
			d->decision = judge_one(p, event, s, recipient, d->channel);
			if (d->decision.verdict == VERDICT_HOLD &&
			    d->decision.until_ms < p->held_until_ms)
				p->held_until_ms = d->decision.until_ms;
			if (d->decision.verdict != VERDICT_DROP)
				d->message_id = ledger_describe(
				    &out->messages[out->message_count++], s, event, d, arena);
		}
	p->messages += out->message_count;
	out->record = history_decisions(event, decisions, count, loop_now_ms(), arena);
}

/* Four values per entry: id, event, shipment id, shipment. */
static void judge_entry(
    struct decide *p, const struct redis_value *entry, struct decided_event *out)
{
	struct err err;
	struct event event;
	struct shipment *s = NULL;
	out->entry = entry[0].text;
	out->shipment_id = entry[2].text;
	out->record = "";
	if (!event_decode(entry[1].text, &event, p->flow.arena, &err) ||
	    !store_read_shipment(&entry[3], p->flow.arena, &s, &err)) {
		LOG(ERROR, "event_unreadable", f_text("entry", entry[0].text.at),
		    f_text("why", err.text));
		return;
	}
	if (s == NULL || config_account(p->config, s->account) == NULL) {
		metric_count(METRIC_DECISIONS, "drop", decision_why_name(WHY_ERASED), NULL);
		return;
	}
	judge_event(p, out, &event, s);
}

static next decide_judge(struct decide *p) /* pure: what becomes of each? */
{
	if (FAILED(p)) { /* perhaps it ran: then they are pending, and not new any more */
		world_store_failed(p->world, "events", &p->flow.err);
		p->partition->drains_events = p->partition->has_events = true;
		return END;
	}
	if (store_is_fenced(&p->value)) {
		world_lost(p->world, p->partition->lease.partition);
		return END;
	}
	p->count = p->value.count / 4;
	if (p->count == 0) {
		bool was_draining = p->partition->drains_events;
		p->partition->drains_events = false;
		p->partition->has_events |= was_draining; /* then: what is new */
		p->is_done = was_draining;
		return END;
	}
	p->partition->has_events = true; /* there may be more */
	p->events = arena_array(p->flow.arena, p->count, sizeof *p->events);
	for (size_t i = 0; i < p->count; i++)
		judge_entry(p, &p->value.items[4 * i], &p->events[i]);
	return AWAIT(p, recorded,
	    store_decide(
	        &p->world->store, &p->flow, &p->partition->lease, p->events, p->count, &p->value),
	    STORE_WAIT_MS);
}

static next decide_recorded(struct decide *p)
{
	if (p->held_until_ms < p->partition->next_clock_ms)
		p->partition->next_clock_ms = p->held_until_ms;
	if (FAILED(p)) {
		/* Perhaps it ran, perhaps not: what is still pending is read again. */
		p->partition->drains_events = true;
		return END;
	}
	if (store_is_fenced(&p->value)) {
		world_lost(p->world, p->partition->lease.partition);
		return END;
	}
	metric_add(METRIC_DECISIONS, (double)p->value.integer, "drop",
	    decision_why_name(WHY_DUPLICATE), NULL);
	if (p->messages > 0)
		p->partition->has_outbox = true;
	p->is_done = true;
	return END;
}

void decide_start(struct world *world, unsigned partition)
{
	struct decide *p = xcalloc(1, sizeof *p);
	p->world = world;
	p->config = config_ref(world->config);
	p->partition = &world->partitions[partition];
	p->held_until_ms = NEVER_MS;
	p->partition->is_deciding = true;
	flow_start(&p->flow, &decide_type, do_read);
}
