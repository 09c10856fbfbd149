#include "notifier/app/store.h"

#include <string.h>

#include "notifier/app/scripts.h"

/* Arguments of one call, in the flow's arena. */
struct arguments {
	struct arena *arena;
	struct str *items;
	size_t count, capacity;
};

static void add_str(struct arguments *args, struct str text)
{
	if (args->count == args->capacity) {
		size_t capacity = args->capacity ? args->capacity * 2 : 16;
		struct str *items = arena_array(args->arena, capacity, sizeof *items);
		if (args->count > 0)
			memcpy(items, args->items, args->count * sizeof *items);
		args->items = items;
		args->capacity = capacity;
	}
	args->items[args->count++] = text;
}

static void add_text(struct arguments *args, const char *text)
{
	add_str(args, str_of(text ? text : ""));
}

static void add_int(struct arguments *args, int64_t number)
{
	add_text(args, arena_printf(args->arena, "%lld", (long long)number));
}

static void add_moment(struct arguments *args, int64_t instant_ms)
{
	if (instant_ms == 0 || instant_ms == NEVER_MS)
		add_text(args, "");
	else
		add_int(args, instant_ms);
}

static const char *lease_token(const struct lease *lease, struct arena *arena)
{
	return arena_printf(arena, "%s %lld", lease->worker, (long long)lease->epoch);
}

static struct await *run(struct store *store, struct flow *flow, enum script_name name,
    const struct arguments *keys, const struct arguments *args, struct redis_value *out)
{
	struct redis_script_call call = {.script = script(name),
	    .keys = keys->items,
	    .key_count = keys->count,
	    .args = args->items,
	    .arg_count = args->count};
	return redis_run(store->redis, flow, &call, out);
}

/* --- shipments -------------------------------------------------------------------------------- */

struct await *store_find(struct store *store, struct flow *flow, const char *account,
    const char *number, struct redis_value *out)
{
	struct arena *a = flow->arena;
	unsigned p = key_partition(account, number);
	struct arguments keys = {.arena = a}, args = {.arena = a};
	add_str(&keys, key_of_number(a, p, "num", account, number));
	add_str(&keys, key_with(a, p, "s", ""));
	return run(store, flow, SCRIPT_find, &keys, &args, out);
}

struct await *store_get(
    struct store *store, struct flow *flow, const char *id, struct redis_value *out)
{
	unsigned p = (unsigned)key_partition_of_id(id);
	struct str command[] = {redis_arg("GET"), key_with(flow->arena, p, "s", id)};
	return redis_call(store->redis, flow, command, 2, out);
}

bool store_read_shipment(const struct redis_value *value, struct arena *arena,
    struct shipment **shipment, struct err *err)
{
	struct str stored = value->text;
	*shipment = NULL;
	if (value->type == REDIS_NIL || (value->type == REDIS_TEXT && stored.len == 0))
		return true;
	if (value->type == REDIS_ARRAY) {
		must(value->count == 2);
		stored = value->items[1].text;
	}
	*shipment = shipment_decode(stored, arena, err);
	return *shipment != NULL;
}

static void commit_keys(struct arguments *keys, const struct commit *commit)
{
	const struct shipment *s = commit->shipment;
	struct arena *a = keys->arena;
	unsigned p = (unsigned)key_partition_of_id(s->id);
	add_str(keys, key_with(a, p, "s", s->id));
	add_str(keys, key_with(a, p, "h", s->id));
	add_str(keys, key_of_number(a, p, "num", s->account, s->number));
	add_str(keys, key_of(a, p, "clock"));
	add_str(keys, key_of(a, p, "events"));
	add_str(keys, key_with(a, p, "due", s->carrier));
	add_str(keys, key_of_number(a, p, "unmatched", s->account, s->number));
	if (commit->carrier_before != NULL)
		add_str(keys, key_with(a, p, "due", commit->carrier_before));
}

struct await *store_commit(
    struct store *store, struct flow *flow, const struct commit *commit, struct redis_value *out)
{
	const struct shipment *s = commit->shipment;
	struct arguments keys = {.arena = flow->arena}, args = {.arena = flow->arena};
	commit_keys(&keys, commit);
	add_text(&args, s->id);
	add_int(&args, s->version);
	add_int(&args, s->version + 1);
	add_str(&args, shipment_encode(s, flow->arena));
	add_text(&args, commit->takes_number ? commit->holder : "*");
	if (commit->keeps_poll)
		add_text(&args, "=");
	else
		add_moment(&args, s->next_poll_ms);
	add_moment(&args, s->deadline_ms);
	if (commit->keeps_life)
		add_text(&args, "=");
	else
		add_moment(&args, s->finished_ms ? FINISHED_TTL_MS : 0);
	add_int(&args, commit->now_ms);
	add_int(&args, (int64_t)commit->event_count);
	for (size_t i = 0; i < commit->event_count; i++)
		add_text(&args, event_encode(&commit->events[i], flow->arena));
	add_text(&args, commit->history);
	if (commit->takes_number && commit->unmatched != NULL) {
		size_t count = commit->unmatched->count;
		add_int(&args, (int64_t)count);
		add_str(&args, count ? commit->unmatched->items[count - 1].text : str_of(""));
	}
	return run(store, flow, SCRIPT_commit, &keys, &args, out);
}

bool store_read_committed(const struct redis_value *value)
{
	return value->type == REDIS_INTEGER && value->integer != 0;
}

struct await *store_plan(struct store *store, struct flow *flow, const struct shipment *shipment,
    int64_t next_poll_ms, struct redis_value *out)
{
	struct arena *a = flow->arena;
	unsigned p = (unsigned)key_partition_of_id(shipment->id);
	struct arguments keys = {.arena = a}, args = {.arena = a};
	add_str(&keys, key_with(a, p, "due", shipment->carrier));
	add_str(&keys, key_with(a, p, "s", shipment->id));
	add_text(&args, shipment->id);
	add_moment(&args, next_poll_ms);
	return run(store, flow, SCRIPT_plan, &keys, &args, out);
}

struct await *store_next_poll(struct store *store, struct flow *flow,
    const struct shipment *shipment, struct redis_value *out)
{
	unsigned p = (unsigned)key_partition_of_id(shipment->id);
	struct str command[] = {redis_arg("ZSCORE"),
	    key_with(flow->arena, p, "due", shipment->carrier), str_of(shipment->id)};
	return redis_call(store->redis, flow, command, 3, out);
}

struct await *store_erase(
    struct store *store, struct flow *flow, const struct shipment *s, struct redis_value *out)
{
	struct arena *a = flow->arena;
	unsigned p = (unsigned)key_partition_of_id(s->id);
	struct arguments keys = {.arena = a}, args = {.arena = a};
	add_str(&keys, key_with(a, p, "s", s->id));
	add_str(&keys, key_with(a, p, "h", s->id));
	add_str(&keys, key_of_number(a, p, "num", s->account, s->number));
	add_str(&keys, key_of(a, p, "clock"));
	add_str(&keys, key_with(a, p, "m", ""));
	add_str(&keys, key_of_number(a, p, "unmatched", s->account, s->number));
	add_str(&keys, key_of(a, p, "failed"));
	add_text(&args, s->id);
	add_str(&args, key_with(a, p, "due", ""));
	add_int(&args, 1);
	add_text(&args, s->carrier);
	return run(store, flow, SCRIPT_erase, &keys, &args, out);
}

struct await *store_history(
    struct store *store, struct flow *flow, const char *id, struct redis_value *out)
{
	unsigned p = (unsigned)key_partition_of_id(id);
	struct str command[] = {redis_arg("GET"), key_with(flow->arena, p, "h", id)};
	return redis_call(store->redis, flow, command, 2, out);
}

/* --- what is nobody's ------------------------------------------------------------------------- */

#define UNMATCHED_MAX 50

struct await *store_keep_unmatched(struct store *store, struct flow *flow, const char *account,
    const char *number, const char *record, struct redis_value *out)
{
	struct arena *a = flow->arena;
	unsigned p = key_partition(account, number);
	struct arguments keys = {.arena = a}, args = {.arena = a};
	add_str(&keys, key_of_number(a, p, "num", account, number));
	add_str(&keys, key_of_number(a, p, "unmatched", account, number));
	add_text(&args, record);
	add_int(&args, UNMATCHED_TTL_MS);
	add_int(&args, UNMATCHED_MAX);
	return run(store, flow, SCRIPT_unmatched, &keys, &args, out);
}

struct await *store_unmatched(struct store *store, struct flow *flow, const char *account,
    const char *number, struct redis_value *out)
{
	unsigned p = key_partition(account, number);
	struct str command[] = {redis_arg("LRANGE"),
	    key_of_number(flow->arena, p, "unmatched", account, number), redis_arg("0"),
	    redis_arg("-1")};
	return redis_call(store->redis, flow, command, 4, out);
}

struct await *store_quarantine(
    struct store *store, struct flow *flow, const struct quarantined *q, struct redis_value *out)
{
	struct arena *a = flow->arena;
	unsigned p = (unsigned)(fnv1a64(q->body.at, q->body.len) % PARTITIONS);
	struct arguments keys = {.arena = a}, args = {.arena = a};
	add_str(&keys, key_of(a, p, "quarantine"));
	add_int(&args, q->now_ms - QUARANTINE_TTL_MS);
	add_text(&args, "account");
	add_text(&args, q->account);
	add_text(&args, "carrier");
	add_text(&args, q->carrier);
	add_text(&args, "why");
	add_text(&args, q->why);
	add_text(&args, "body");
	add_str(&args, q->body);
	return run(store, flow, SCRIPT_quarantine, &keys, &args, out);
}

/* --- work of a partition ------------------------------------------------------------------------
 */

struct await *store_lease(struct store *store, struct flow *flow, const struct lease *lease,
    bool take_if_free, struct redis_value *out)
{
	struct arena *a = flow->arena;
	struct arguments keys = {.arena = a}, args = {.arena = a};
	add_str(&keys, key_of(a, lease->partition, "owner"));
	add_str(&keys, key_of(a, lease->partition, "epoch"));
	add_str(&keys, key_of(a, lease->partition, "events"));
	add_str(&keys, key_of(a, lease->partition, "outbox"));
	add_text(&args, lease->worker);
	add_int(&args, lease->epoch);
	add_int(&args, LEASE_MS);
	add_text(&args, take_if_free ? "1" : "0");
	return run(store, flow, SCRIPT_lease, &keys, &args, out);
}

struct await *store_release(
    struct store *store, struct flow *flow, const struct lease *lease, struct redis_value *out)
{
	struct arguments keys = {.arena = flow->arena}, args = {.arena = flow->arena};
	add_str(&keys, key_of(flow->arena, lease->partition, "owner"));
	add_text(&args, lease_token(lease, flow->arena));
	return run(store, flow, SCRIPT_release, &keys, &args, out);
}

bool store_is_fenced(const struct redis_value *value)
{
	return value->type == REDIS_NIL;
}

struct await *store_read_events(struct store *store, struct flow *flow, const struct lease *lease,
    bool own_pending, unsigned count, struct redis_value *out)
{
	struct arena *a = flow->arena;
	struct arguments keys = {.arena = a}, args = {.arena = a};
	add_str(&keys, key_of(a, lease->partition, "owner"));
	add_str(&keys, key_of(a, lease->partition, "events"));
	add_str(&keys, key_with(a, lease->partition, "s", ""));
	add_text(&args, lease_token(lease, a));
	add_text(&args, own_pending ? "0" : ">");
	add_int(&args, count);
	return run(store, flow, SCRIPT_events, &keys, &args, out);
}

static void add_decided_event(struct arguments *args, const struct decided_event *event)
{
	add_str(args, event->entry);
	add_str(args, event->shipment_id);
	add_text(args, event->record);
	add_int(args, (int64_t)event->message_count);
	for (size_t i = 0; i < event->message_count; i++) {
		const struct decided_message *message = &event->messages[i];
		add_text(args, message->id);
		add_moment(args, message->hold_until_ms);
		add_int(args, (int64_t)message->field_count);
		for (size_t j = 0; j < message->field_count; j++)
			add_text(args, message->fields[j]);
	}
}

struct await *store_decide(struct store *store, struct flow *flow, const struct lease *lease,
    const struct decided_event *events, size_t count, struct redis_value *out)
{
	struct arena *a = flow->arena;
	struct arguments keys = {.arena = a}, args = {.arena = a};
	add_str(&keys, key_of(a, lease->partition, "owner"));
	add_str(&keys, key_of(a, lease->partition, "events"));
	add_str(&keys, key_of(a, lease->partition, "outbox"));
	add_str(&keys, key_of(a, lease->partition, "clock"));
	add_str(&keys, key_with(a, lease->partition, "m", ""));
	add_str(&keys, key_with(a, lease->partition, "h", ""));
	add_text(&args, lease_token(lease, a));
	add_int(&args, FINISHED_TTL_MS);
	add_int(&args, (int64_t)count);
	for (size_t i = 0; i < count; i++)
		add_decided_event(&args, &events[i]);
	return run(store, flow, SCRIPT_decide, &keys, &args, out);
}

struct await *store_claim(struct store *store, struct flow *flow, const struct lease *lease,
    const struct claim_query *query, struct redis_value *out)
{
	struct arena *a = flow->arena;
	struct arguments keys = {.arena = a}, args = {.arena = a};
	add_str(&keys, key_of(a, lease->partition, "owner"));
	add_str(&keys, key_of(a, lease->partition, "outbox"));
	add_str(&keys, key_with(a, lease->partition, "m", ""));
	add_str(&keys, key_with(a, lease->partition, "s", ""));
	add_text(&args, lease_token(lease, a));
	add_text(&args, query->start);
	add_int(&args, query->most);
	add_text(&args, query->attempt_id);
	add_int(&args, loop_now_ms());
	return run(store, flow, SCRIPT_claim, &keys, &args, out);
}

struct await *store_receipt(
    struct store *store, struct flow *flow, const struct receipt *r, struct redis_value *out)
{
	struct arena *a = flow->arena;
	struct arguments keys = {.arena = a}, args = {.arena = a};
	add_str(&keys, key_of(a, r->partition, "outbox"));
	add_str(&keys, key_with(a, r->partition, "m", r->message_id));
	add_str(&keys, key_of(a, r->partition, "clock"));
	add_str(&keys, key_of(a, r->partition, "failed"));
	add_str(&keys, key_with(a, r->partition, "h", r->shipment_id));
	add_str(&args, r->entry);
	add_text(&args, r->message_id);
	add_text(&args, r->attempt_id);
	add_text(&args, r->state);
	add_moment(&args, r->until_ms);
	add_int(&args, r->now_ms);
	add_text(&args, r->record);
	add_int(&args, (int64_t)r->field_count);
	for (size_t i = 0; i < r->field_count; i++)
		add_text(&args, r->fields[i]);
	return run(store, flow, SCRIPT_receipt, &keys, &args, out);
}

/* How long a claimed poll or deadline stays away from others: longer than any poll takes. */
#define CLAIM_MS ((int64_t)(3 * MINUTE_MS * loop_wall_scale()))
/* Riders come along when they would be due soon anyway. */
#define RIDERS_WITHIN_MS (2 * HOUR_MS)

struct await *store_due(struct store *store, struct flow *flow, const struct lease *lease,
    const struct due_query *query, struct redis_value *out)
{
	struct arena *a = flow->arena;
	struct arguments keys = {.arena = a}, args = {.arena = a};
	add_str(&keys, key_of(a, lease->partition, "owner"));
	add_str(&keys, key_with(a, lease->partition, "due", query->carrier));
	add_str(&keys, key_with(a, lease->partition, "s", ""));
	add_text(&args, lease_token(lease, a));
	add_int(&args, query->now_ms);
	add_int(&args, query->now_ms + CLAIM_MS);
	add_int(&args, query->most);
	add_int(&args, query->riders);
	add_int(&args, query->now_ms + RIDERS_WITHIN_MS);
	return run(store, flow, SCRIPT_due, &keys, &args, out);
}

struct await *store_clock(struct store *store, struct flow *flow, const struct lease *lease,
    unsigned most, int64_t now_ms, struct redis_value *out)
{
	struct arena *a = flow->arena;
	struct arguments keys = {.arena = a}, args = {.arena = a};
	add_str(&keys, key_of(a, lease->partition, "owner"));
	add_str(&keys, key_of(a, lease->partition, "clock"));
	add_str(&keys, key_of(a, lease->partition, "outbox"));
	add_str(&keys, key_with(a, lease->partition, "m", ""));
	add_str(&keys, key_with(a, lease->partition, "s", ""));
	add_text(&args, lease_token(lease, a));
	add_int(&args, now_ms);
	add_int(&args, now_ms + CLAIM_MS);
	add_int(&args, most);
	return run(store, flow, SCRIPT_clock, &keys, &args, out);
}

/* --- messages
 * ------------------------------------------------------------------------------------- */

struct await *store_message(
    struct store *store, struct flow *flow, const char *message_id, struct redis_value *out)
{
	unsigned p = (unsigned)key_partition_of_id(message_id);
	struct str command[] = {redis_arg("HGETALL"), key_with(flow->arena, p, "m", message_id)};
	return redis_call(store->redis, flow, command, 2, out);
}

struct await *store_requeue(struct store *store, struct flow *flow, const char *message_id,
    const char *verb, const char *record, struct redis_value *out)
{
	struct arena *a = flow->arena;
	unsigned p = (unsigned)key_partition_of_id(message_id);
	struct arguments keys = {.arena = a}, args = {.arena = a};
	add_str(&keys, key_of(a, p, "outbox"));
	add_str(&keys, key_with(a, p, "m", message_id));
	add_str(&keys, key_of(a, p, "failed"));
	add_str(&keys, key_with(a, p, "h", ""));
	add_text(&args, message_id);
	add_text(&args, verb);
	add_int(&args, loop_now_ms());
	add_text(&args, record);
	return run(store, flow, SCRIPT_requeue, &keys, &args, out);
}

/* --- carriers' limits
 * ------------------------------------------------------------------------------ */

struct await *store_quota(struct store *store, struct flow *flow, const struct quota_query *query,
    struct redis_value *out)
{
	struct arena *a = flow->arena;
	struct arguments keys = {.arena = a}, args = {.arena = a};
	add_text(&keys, arena_printf(a, KEY_LIMITS "%s", query->carrier));
	add_int(&args, query->now_ms);
	add_text(&args, arena_printf(a, "%g", query->per_second));
	add_int(&args, query->per_day);
	add_int(&args, day_of_instant(query->now_ms, 0));
	return run(store, flow, SCRIPT_quota, &keys, &args, out);
}

struct await *store_block(struct store *store, struct flow *flow, const char *carrier,
    int64_t until_ms, struct redis_value *out)
{
	struct arguments keys = {.arena = flow->arena}, args = {.arena = flow->arena};
	add_text(&keys, arena_printf(flow->arena, KEY_LIMITS "%s", carrier));
	add_int(&args, until_ms);
	return run(store, flow, SCRIPT_block, &keys, &args, out);
}
