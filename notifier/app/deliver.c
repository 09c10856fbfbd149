#include "notifier/app/deliver.h"

#include <stdio.h>
#include <string.h>

#include "notifier/app/channel.h"
#include "notifier/app/ledger.h"
#include "notifier/app/metrics.h"
#include "notifier/app/render.h"
#include "notifier/base/log.h"
#include "notifier/io/pause.h"

/* The provider may take 600 s for its final reply (RFC 5321); connecting and waiting come on top.
 */
#define SEND_WAIT_MS (15 * MINUTE_MS)

struct deliver {
	struct flow flow;
	struct world *world;
	struct config *config;
	struct catalogue *catalogue;
	struct partition *partition;
	struct list link;      /* in partition->sending, or in the followers of an earlier one */
	struct list followers; /* later messages about the same shipment */
	struct str entry;
	const char *message_id;
	struct ledger ledger;
	struct shipment *shipment; /* NULL: erased */
	const struct recipient *recipient;
	const struct channel_driver *driver;
	struct outgoing outgoing;
	char answer[200];
	/* How it ends. */
	const char *state, *why;
	int64_t until_ms;
	bool counts_as_failure, is_unreadable;
	struct redis_value value;
};

#define DELIVER_STEPS(X)                                                                           \
	X(deliver, reload)                                                                         \
	X(deliver, reloaded)                                                                       \
	X(deliver, look)                                                                           \
	X(deliver, render) X(deliver, send) X(deliver, sent) X(deliver, record) X(deliver, recorded)
DELIVER_STEPS(FLOW_STEP)

static void deliver_fini(struct flow *flow);
static const struct flow_type deliver_type = {"deliver", deliver_fini};

static void deliver_fini(struct flow *flow)
{
	struct deliver *p = (struct deliver *)(void *)flow;
	struct world *world = p->world;
	struct list *first = list_first(&p->followers);
	list_remove(&p->link);
	world->messages_in_flight--;
	if (first != NULL) { /* the next message about this parcel may go now */
		struct deliver *heir = LIST_OWNER(first, struct deliver, link);
		list_remove(&heir->link);
		LIST_FOREACH (link, &p->followers) {
			list_remove(link);
			list_append(&heir->followers, link);
		}
		list_append(&p->partition->sending, &heir->link);
		flow_start(&heir->flow, &deliver_type, do_reload);
	}
	config_unref(&p->config);
	catalogue_unref(&p->catalogue);
	xfree(p);
	claim_all(world);
}

static next end_as(struct deliver *p, const char *state, const char *why)
{
	p->state = state;
	p->why = why;
	return THEN(record);
}

static const struct recipient *find_recipient(const struct shipment *s, const char *id)
{
	for (size_t i = 0; s != NULL && i < s->recipient_count; i++)
		if (text_eq(s->recipients[i].id, id))
			return &s->recipients[i];
	return NULL;
}

static next deliver_reload(struct deliver *p) /* it waited for another: what is true now? */
{
	if (p->shipment == NULL)
		return THEN(look);
	return AWAIT(p, reloaded, store_get(&p->world->store, &p->flow, p->shipment->id, &p->value),
	    STORE_WAIT_MS);
}

static next deliver_reloaded(struct deliver *p)
{
	struct err err;
	if (FAILED(p)) /* what we knew when it was claimed will do */
		return THEN(look);
	if (!store_read_shipment(&p->value, p->flow.arena, &p->shipment, &err)) {
		LOG(ERROR, "shipment_unreadable", f_text("why", err.text));
		p->is_unreadable = true;
	}
	return THEN(look);
}

/* A former life had claimed it and did not say how it ended: perhaps it was sent.  What this life
 * claims twice (the reply to the first claim was lost) was not. */
static bool is_perhaps_sent(const struct deliver *p)
{
	return text_eq(p->ledger.state, "sending") &&
	       !text_eq(p->ledger.attempt_id, p->world->attempt);
}

static next end_as_dropped(struct deliver *p, enum decision_why why)
{
	const char *name = decision_why_name(why);
	if (is_perhaps_sent(p))
		return end_as(p, "unknown",
		    arena_printf(p->flow.arena,
		        "it was being sent when the daemon ended; not again: %s", name));
	bool is_expired = why == WHY_TOO_OLD && p->ledger.failures > 0;
	return end_as(p, is_expired ? "expired" : "dropped", name);
}

static next deliver_look(struct deliver *p) /* once more: is it still right to send it? */
{
	if (p->is_unreadable) /* perhaps a newer notifier wrote it: kept for one that can read it */
		return end_as(p, "failed", "the stored data cannot be read by this version");
	if (p->shipment == NULL)
		return end_as(p, "dropped", decision_why_name(WHY_ERASED));
	const struct account_config *account = config_account(p->config, p->shipment->account);
	p->recipient = find_recipient(p->shipment, p->ledger.recipient_id);
	if (account == NULL)
		return end_as(p, "failed", "the account is not in the configuration any more");
	struct decision_query query = {.event = &p->ledger.event,
	    .shipment = p->shipment,
	    .recipient = p->recipient,
	    .channel = p->ledger.channel,
	    .policy = &account->policy,
	    .now_ms = loop_now_ms(),
	    .is_claimed = true};
	struct decision decision = policy_decide(&query);
	if (decision.verdict == VERDICT_DROP &&
	    !(p->ledger.is_forced && decision.why == WHY_TOO_OLD))
		return end_as_dropped(p, decision.why);
	p->outgoing.account = account;
	p->outgoing.runtime = world_account(p->world, account->name);
	p->driver = channel_for(account, p->ledger.channel);
	if (p->outgoing.runtime == NULL)
		return end_as(
		    p, "failed", "the account is new since the last start: restart, then retry");
	/* Where a copy could not be told from the original, nobody is told twice. */
	if (is_perhaps_sent(p) && !p->driver->may_repeat)
		return end_as(p, "unknown", "it was being sent when the daemon ended");
	return THEN(render);
}

static next deliver_render(struct deliver *p) /* pure: the state now, in the recipient's words */
{
	struct render_query query = {.catalogue = p->catalogue,
	    .config = p->config,
	    .account = p->outgoing.account,
	    .shipment = p->shipment,
	    .recipient = p->recipient,
	    .event = &p->ledger.event,
	    .now_ms = loop_now_ms()};
	struct err err;
	p->outgoing.message_id = p->message_id;
	p->outgoing.channel = p->ledger.channel;
	if (!render_message(&query, &p->outgoing, p->flow.arena, &err)) {
		LOG(ERROR, "render_failed", f_text("message", p->message_id),
		    f_text("why", err.text));
		return end_as(p, "failed", arena_strdup(p->flow.arena, err.text));
	}
	return THEN(send);
}

/* Nothing may go now: back to the clock without counting it as a failure of this message. */
static next wait_until(struct deliver *p, int64_t until_ms, const char *why)
{
	p->until_ms = until_ms;
	return end_as(p, "retry", why);
}

/* One to two seconds of real time, as wall time. */
static int64_t soon_ms(void)
{
	return (int64_t)(loop_wall_scale() * (1000 + 1000 * loop_random_unit()));
}

/* Messages that may be under way at once. */
static unsigned deliver_concurrency(const struct config *config)
{
	unsigned most = 0;
	for (size_t i = 0; i < config->account_count; i++)
		most += config->accounts[i].email.concurrency;
	return most;
}

/* A provider that is slow holds up its own account only: it gets no more than its concurrency, and
 * never the last slots of the others. */
#define SLOW_MS         2000
#define LEFT_FOR_OTHERS 4

static bool account_is_full(const struct deliver *p)
{
	const struct account_runtime *runtime = p->outgoing.runtime;
	unsigned most = deliver_concurrency(p->config),
	         left = LEFT_FOR_OTHERS * ((unsigned)p->config->account_count - 1);
	bool is_slow = loop_monotonic_ms() - runtime->progress_ms > SLOW_MS;
	unsigned cap =
	    is_slow || most <= left ? p->outgoing.account->email.concurrency : most - left;
	return runtime->in_flight >= cap && p->config->account_count > 1;
}

static next deliver_send(struct deliver *p)
{
	int64_t now_ms = loop_now_ms();
	if (p->flow.cancelled || p->world->is_stopping)
		return wait_until(p, now_ms, "stopped before it was sent");
	if (!world_owns(p->world, p->partition->lease.partition))
		return END; /* it waited too long: the message is another worker's now, untouched */
	if (account_is_full(p))
		return wait_until(p, now_ms + 30 * soon_ms(), "the account's provider is slow");
	if (!breaker_allows(&p->outgoing.runtime->breaker, now_ms))
		return wait_until(p, now_ms + 5 * soon_ms(),
		    "the provider is left alone for a while: it failed again and again");
	if (p->outgoing.runtime->in_flight++ == 0)
		p->outgoing.runtime->progress_ms = loop_monotonic_ms();
	return AWAIT(p, sent,
	    p->driver->send(p->world, &p->flow, &p->outgoing, p->answer, sizeof p->answer),
	    SEND_WAIT_MS);
}

static next retry(struct deliver *p, const struct err *err)
{
	int64_t now_ms = loop_now_ms();
	p->ledger.failures++;
	p->counts_as_failure = true;
	int64_t wait_ms = backoff_message_ms(p->ledger.failures, err->kind == ERR_THROTTLED,
	    err->retry_after_ms, loop_random_unit());
	int64_t not_after = policy_not_after(&p->ledger.event, &p->outgoing.account->policy);
	if (now_ms + wait_ms > not_after && !p->ledger.is_forced)
		return end_as(p, "expired",
		    arena_printf(p->flow.arena, "no longer news; last: %s", err->text));
	p->until_ms = now_ms + wait_ms;
	return end_as(p, "retry", arena_strdup(p->flow.arena, err->text));
}

static next deliver_sent(struct deliver *p) /* the outcome decides what follows */
{
	struct breaker *breaker = &p->outgoing.runtime->breaker;
	const struct err *err = &p->flow.err;
	int64_t now_ms = loop_now_ms();
	p->outgoing.runtime->in_flight--;
	p->outgoing.runtime->progress_ms = loop_monotonic_ms();
	switch (err->kind) {
	case ERR_NONE:
		breaker_succeeded(breaker, now_ms);
		metric_observe(METRIC_DELIVERY,
		    (double)(now_ms - p->ledger.event.noticed_ms) / 1000,
		    channel_name(p->ledger.channel));
		return end_as(p, "sent", arena_strdup(p->flow.arena, p->answer));
	case ERR_AUTH: breaker_failed(breaker, now_ms, true); return retry(p, err);
	case ERR_TRANSIENT:
		breaker_failed(breaker, now_ms, false);
		if (p->flow.has_timed_out && !p->driver->may_repeat)
			return end_as(p, "unknown", arena_strdup(p->flow.arena, err->text));
		return retry(p, err);
	case ERR_THROTTLED: breaker_succeeded(breaker, now_ms); return retry(p, err);
	case ERR_AMBIGUOUS:
		breaker_failed(breaker, now_ms, false);
		if (p->driver->may_repeat)
			return retry(p, err);
		return end_as(p, "unknown", arena_strdup(p->flow.arena, err->text));
	case ERR_CANCELLED:
		breaker_succeeded(breaker, now_ms);
		if (!p->driver->may_repeat)
			return end_as(p, "unknown", "stopped while it was being sent");
		return wait_until(p, now_ms, "stopped while it was being sent");
	case ERR_INPUT:
	case ERR_PERMANENT:
	case ERR_KINDS: break;
	}
	breaker_succeeded(breaker, now_ms); /* the provider answers: it is this message */
	return end_as(p, "failed", arena_strdup(p->flow.arena, err->text));
}

/* It was not its turn: no line in the story, the log or the metrics. */
static bool is_mere_waiting(const struct deliver *p)
{
	return p->until_ms != 0 && !p->counts_as_failure;
}

static void tell(const struct deliver *p)
{
	metric_count(METRIC_MESSAGES, channel_name(p->ledger.channel), p->state, NULL);
	LOG(INFO, "message", f_text("message", p->message_id),
	    f_text("shipment", p->ledger.shipment_id),
	    f_text("event", event_name(p->ledger.event.kind)),
	    f_text("channel", channel_name(p->ledger.channel)), f_contact("to", p->outgoing.to),
	    f_text("state", p->state), f_int("attempt", p->ledger.claims), f_text("why", p->why));
}

static next deliver_record(struct deliver *p) /* Redis: the receipt, one script */
{
	struct arena *arena = p->flow.arena;
	const char *fields[] = {"x", arena_strndup(arena, p->why ? p->why : "", 64), "fa",
	    arena_printf(arena, "%u", p->ledger.failures)};
	struct receipt receipt = {.partition = p->partition->lease.partition,
	    .entry = p->entry,
	    .message_id = p->message_id,
	    .attempt_id = p->world->attempt,
	    .shipment_id = p->ledger.shipment_id,
	    .state = p->state,
	    .until_ms = p->until_ms,
	    .now_ms = loop_now_ms(),
	    .fields = fields,
	    .field_count = 4};
	if (!is_mere_waiting(p))
		receipt.record = history_receipt(
		    receipt.now_ms, p->message_id, p->state, p->why, (int)p->ledger.claims, arena);
	return AWAIT(p, recorded, store_receipt(&p->world->store, &p->flow, &receipt, &p->value),
	    STORE_WAIT_MS);
}

/* A receipt that could not be recorded is tried again for as long as it takes: what was sent must
 * not be sent again because Redis was away for a moment. */
static next deliver_recorded(struct deliver *p)
{
	if (FAILED(p) && !p->flow.cancelled)
		return AWAIT(p, record, pause_start(&p->flow, 200), 60000);
	if (!is_mere_waiting(p))
		tell(p);
	if (p->until_ms != 0 && p->until_ms < p->partition->next_clock_ms)
		p->partition->next_clock_ms = p->until_ms;
	return END;
}

/* --- claiming ----------------------------------------------------------------------------------
 */

struct claim {
	struct flow flow;
	struct world *world;
	struct partition *partition;
	unsigned slots;
	struct redis_value value;
	bool has_failed;
};

#define CLAIM_STEPS(X) X(claim, ask) X(claim, hand_out)
CLAIM_STEPS(FLOW_STEP)

static void claim_fini(struct flow *flow)
{
	struct claim *p = (struct claim *)(void *)flow;
	struct world *world = p->world;
	bool has_failed = p->has_failed;
	world->messages_in_flight -= p->slots; /* what was reserved and not used */
	p->partition->is_claiming = false;
	xfree(p);
	if (!has_failed) /* Redis is away: the sweep tries again */
		claim_all(world);
}

static const struct flow_type claim_type = {"claim", claim_fini};

static next claim_ask(struct claim *p)
{
	p->partition->has_outbox = false; /* what comes from now on says so again */
	struct claim_query query = {
	    .start = p->partition->drains_outbox ? p->partition->outbox_cursor : ">",
	    .most = p->slots,
	    .attempt_id = p->world->attempt};
	return AWAIT(p, hand_out,
	    store_claim(&p->world->store, &p->flow, &p->partition->lease, &query, &p->value),
	    STORE_WAIT_MS);
}

static struct deliver *busy_with_shipment(struct partition *partition, const char *shipment_id)
{
	LIST_FOREACH (link, &partition->sending) {
		struct deliver *other = LIST_OWNER(link, struct deliver, link);
		if (text_eq(other->ledger.shipment_id, shipment_id))
			return other;
	}
	return NULL;
}

static bool list_has_message(const struct list *delivers, struct str message_id)
{
	LIST_FOREACH (link, delivers) {
		const struct deliver *other = LIST_OWNER(link, struct deliver, link);
		if (str_eq(message_id, other->message_id) ||
		    list_has_message(&other->followers, message_id))
			return true;
	}
	return false;
}

/* Five values per message: entry, id, claims with this one, ledger before it, shipment. */
static void deliver_start(struct claim *claim, const struct redis_value *row)
{
	struct deliver *p = xcalloc(1, sizeof *p);
	struct err err;
	flow_prepare(&p->flow);
	struct arena *arena = p->flow.arena;
	p->world = claim->world;
	p->config = config_ref(p->world->config);
	p->catalogue = catalogue_ref(p->world->catalogue);
	p->partition = claim->partition;
	list_init(&p->followers);
	p->entry = str_make(arena_strndup(arena, row[0].text.at, row[0].text.len), row[0].text.len);
	p->message_id = arena_strndup(arena, row[1].text.at, row[1].text.len);
	p->is_unreadable = !ledger_read(&row[3], &p->ledger, arena) ||
	                   !store_read_shipment(&row[4], arena, &p->shipment, &err);
	if (p->is_unreadable)
		LOG(ERROR, "message_unreadable", f_text("message", p->message_id));
	if (p->ledger.shipment_id == NULL)
		p->ledger.shipment_id = "-";
	int64_t claims = 0;
	str_to_int64(row[2].text, &claims);
	p->ledger.claims = (unsigned)claims;
	claim->slots--; /* the reserved slot is the message's now */
	struct deliver *earlier = busy_with_shipment(p->partition, p->ledger.shipment_id);
	if (earlier != NULL) {
		list_append(&earlier->followers, &p->link);
		return;
	}
	list_append(&p->partition->sending, &p->link);
	flow_start(&p->flow, &deliver_type, do_look);
}

static next claim_hand_out(struct claim *p)
{
	if (FAILED(p)) { /* perhaps it ran: our pending entries tell */
		world_store_failed(p->world, "claim", &p->flow.err);
		partition_drain(p->partition);
		p->has_failed = true;
		return END;
	}
	if (store_is_fenced(&p->value)) {
		world_lost(p->world, p->partition->lease.partition);
		return END;
	}
	struct partition *partition = p->partition;
	struct str last = p->value.items[0].text;
	if (last.len == 0) {
		partition->has_outbox |= partition->drains_outbox; /* then: what is new */
		partition->drains_outbox = false;
		return END;
	}
	partition->has_outbox = true; /* there may be more */
	if (partition->drains_outbox)
		snprintf(partition->outbox_cursor, sizeof partition->outbox_cursor, "%s", last.at);
	for (size_t i = 1; i + 5 <= p->value.count; i += 5)
		if (!list_has_message(&partition->sending, p->value.items[i + 1].text))
			deliver_start(p, &p->value.items[i]);
	return END;
}

unsigned deliver_slots(const struct world *world)
{
	unsigned most = deliver_concurrency(world->config);
	return world->messages_in_flight < most ? most - world->messages_in_flight : 0;
}

#define CLAIM_MOST 4 /* of one partition at a time, so that all get their turn */

static void claim_start(struct world *world, unsigned partition, unsigned slots)
{
	struct claim *p = xcalloc(1, sizeof *p);
	p->world = world;
	p->partition = &world->partitions[partition];
	p->slots = slots < CLAIM_MOST ? slots : CLAIM_MOST;
	world->messages_in_flight += p->slots;
	p->partition->is_claiming = true;
	flow_start(&p->flow, &claim_type, do_ask);
}

void claim_all(struct world *world)
{
	if (world->is_stopping || redis_state_now(world->redis) == REDIS_CONNECTING)
		return;
	unsigned slots = deliver_slots(world);
	for (unsigned looked = 0; looked < PARTITIONS && slots > 0; looked++) {
		unsigned partition = world->claim_turn;
		const struct partition *p = &world->partitions[partition];
		world->claim_turn = (partition + 1) % PARTITIONS;
		if (p->has_outbox && !p->is_claiming && world_owns(world, partition)) {
			claim_start(world, partition, slots);
			slots = deliver_slots(world);
		}
	}
}
