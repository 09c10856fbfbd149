#include <string.h>

#include "notifier/app/api.h"
#include "notifier/app/history.h"
#include "notifier/app/json.h"
#include "notifier/app/ledger.h"
#include "notifier/io/files.h"

API_ROUTE(api_messages_list, list)
API_ROUTE(api_message_get, get)
API_ROUTE(api_message_retry, retry)
API_ROUTE(api_message_drop, drop)

#define MESSAGES_STEPS(X)                                                                          \
	X(api, of_shipment)                                                                        \
	X(api, partition)                                                                          \
	X(api, failed)                                                                             \
	X(api, take) X(api, one) X(api, shown) X(api, owned) X(api, requeued)
MESSAGES_STEPS(FLOW_STEP)

#define BATCH      200
#define LOOKED_MAX 600 /* per request: bounds its time where most are another account's */

/* Another account's message is no message. */
static bool read_own(struct api *api, struct ledger *ledger)
{
	return ledger_read(&api->value, ledger, api->flow.arena) &&
	       text_eq(ledger->account, api->account);
}

/* --- GET /v1/messages: of one shipment, or those that failed for good
 * ------------------------------ */

static const char *cursor_print(struct api *api)
{
	const struct message_place *last = &api->messages.last;
	return arena_printf(api->flow.arena, "%lld.%s", (long long)last->ms, last->id);
}

/* The cursor of a page: the message that was looked at last. */
static bool cursor_read(struct api *api, const char *cursor)
{
	struct message_place *last = &api->messages.last;
	struct str ms, id = str_cut(str_of(cursor), '.', &ms);
	last->id = arena_strndup(api->flow.arena, id.at ? id.at : "", id.len);
	return str_to_int64(ms, &last->ms) && key_partition_of_id(last->id) >= 0;
}

static next api_list(struct api *api)
{
	const char *shipment = api_query(api, "shipment"), *cursor = api_query(api, "cursor");
	struct api_messages *m = &api->messages;
	if (cursor != NULL && !cursor_read(api, cursor))
		return api_problem(
		    api, 400, "invalid_cursor", "The cursor is not one that a list gave.");
	m->is_of_shipment = shipment != NULL;
	api->json = json_array();
	if (!m->is_of_shipment) {
		m->partition = cursor ? (unsigned)key_partition_of_id(m->last.id) : 0;
		return THEN(partition);
	}
	if (key_partition_of_id(shipment) < 0)
		return api_problem(api, 404, "shipment_not_found",
		    "This is no shipment id: it looks like shp_… .");
	return AWAIT(api, of_shipment,
	    store_history(&api->world->store, &api->flow, shipment, &api->value), STORE_SOON_MS);
}

static next api_of_shipment(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	struct api_messages *m = &api->messages;
	json_t *ids = history_message_ids(&api->value), *id;
	size_t i;
	m->batch = arena_array(api->flow.arena, json_array_size(ids), sizeof *m->batch);
	json_array_foreach(ids, i, id)
	{
		const char *text = arena_strdup(api->flow.arena, json_string_value(id));
		m->batch[m->count++] = (struct message_place){.id = text};
		if (text_eq(text, m->last.id))
			m->index = m->count;
	}
	json_decref(ids);
	return THEN(take);
}

static next api_partition(struct api *api) /* what failed in the next one, the newest first */
{
	struct api_messages *m = &api->messages;
	if (m->partition >= PARTITIONS)
		return api_list_send(api, NULL);
	struct arena *arena = api->flow.arena;
	bool is_begun =
	    m->last.id != NULL && (unsigned)key_partition_of_id(m->last.id) == m->partition;
	const char *from = is_begun ? arena_printf(arena, "%lld", (long long)m->last.ms) : "+inf";
	struct str command[] = {redis_arg("ZREVRANGEBYSCORE"),
	    key_of(arena, m->partition, "failed"), redis_arg(from), redis_arg("-inf"),
	    redis_arg("WITHSCORES"), redis_arg("LIMIT"),
	    redis_arg(arena_printf(arena, "%zu", m->passed)),
	    redis_arg(arena_printf(arena, "%d", BATCH))};
	return AWAIT(api, failed,
	    redis_call(api->world->redis, &api->flow, command, 8, &api->value), STORE_SOON_MS);
}

/* Of those with the cursor's score, the ids before its own were looked at: the order is falling. */
static bool was_looked_at(const struct api_messages *m, const struct message_place *place)
{
	return m->last.id != NULL && place->ms == m->last.ms &&
	       strcmp(place->id, m->last.id) >= 0 &&
	       (unsigned)key_partition_of_id(m->last.id) == m->partition;
}

static next api_failed(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	struct api_messages *m = &api->messages;
	size_t count = api->value.count / 2;
	m->batch = arena_array(api->flow.arena, count, sizeof *m->batch);
	m->count = m->index = 0;
	for (size_t i = 0; i < count; i++) {
		struct message_place place = {.id = api->value.items[2 * i].text.at};
		str_to_int64(api->value.items[2 * i + 1].text, &place.ms);
		if (!was_looked_at(m, &place))
			m->batch[m->count++] = place;
	}
	m->passed = m->count == 0 ? m->passed + count : 0;
	if (count == 0) {
		m->partition++;
		m->passed = 0;
	}
	return THEN(take);
}

static next api_take(struct api *api)
{
	struct api_messages *m = &api->messages;
	if (m->index < m->count &&
	    (json_array_size(api->json) >= api_list_limit(api) || m->looked >= LOOKED_MAX))
		return api_list_send(api, cursor_print(api));
	if (m->index < m->count)
		return AWAIT(api, one,
		    store_message(
		        &api->world->store, &api->flow, m->batch[m->index].id, &api->value),
		    STORE_SOON_MS);
	return m->is_of_shipment ? api_list_send(api, NULL) : THEN(partition);
}

static next api_one(struct api *api)
{
	struct api_messages *m = &api->messages;
	const char *state = api_query(api, "state");
	struct ledger ledger;
	if (FAILED(api))
		return api_store_failed(api);
	m->last = m->batch[m->index++];
	m->looked++;
	if (read_own(api, &ledger) && (state == NULL || text_eq(ledger.state, state)))
		json_array_append_new(api->json, ledger_json(m->last.id, &ledger));
	return THEN(take);
}

/* --- GET /v1/messages/{id}
 * -------------------------------------------------------------------------- */

static next load(struct api *api, const struct step *then)
{
	if (strncmp(api->argument, "msg_", 4) != 0 || key_partition_of_id(api->argument) < 0)
		return api_problem(
		    api, 404, "message_not_found", "This is no message id: it looks like msg_… .");
	return flow_await(&api->flow, then,
	    store_message(&api->world->store, &api->flow, api->argument, &api->value),
	    STORE_SOON_MS);
}

static next api_get(struct api *api)
{
	return load(api, do_shown);
}

/* What is in the local mailbox is shown as the customer sees it. */
static void put_content(struct api *api, json_t *body)
{
	struct str text;
	struct err err;
	const char *path =
	    arena_printf(api->flow.arena, "%s/%s.json", api->world->mailbox_dir, api->argument);
	json_t *file = files_read(path, 1 << 20, api->flow.arena, &text, &err)
	                   ? json_loadb(text.at, text.len, 0, NULL)
	                   : NULL;
	json_object_set_new(body, "content", file ? file : json_null());
}

static next api_shown(struct api *api)
{
	struct ledger ledger;
	if (FAILED(api))
		return api_store_failed(api);
	if (!read_own(api, &ledger))
		return api_problem(api, 404, "message_not_found", "There is no such message.");
	json_t *body = ledger_json(api->argument, &ledger);
	put_content(api, body);
	return api_send(api, 200, body);
}

/* --- POST …/retry, …/drop
 * ------------------------------------------------------------------------------ */

static next api_retry(struct api *api)
{
	api->verb = "retry";
	return load(api, do_owned);
}

static next api_drop(struct api *api)
{
	api->verb = "drop";
	return load(api, do_owned);
}

static next api_owned(struct api *api)
{
	struct ledger ledger;
	if (FAILED(api))
		return api_store_failed(api);
	if (!read_own(api, &ledger))
		return api_problem(api, 404, "message_not_found", "There is no such message.");
	int64_t now_ms = loop_now_ms();
	const char *record = history_receipt(now_ms, api->argument, api->verb,
	    "an operator said so", (int)ledger.claims, api->flow.arena);
	return AWAIT(api, requeued,
	    store_requeue(
	        &api->world->store, &api->flow, api->argument, api->verb, record, &api->value),
	    STORE_SOON_MS);
}

static next api_requeued(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	struct str state = api->value.text;
	if (!str_eq(state, "failed") && !str_eq(state, "unknown") && !str_eq(state, "expired"))
		return api_problem(api, 409, "not_failed",
		    arena_printf(api->flow.arena,
		        "Only messages that failed, expired or have an unknown end can be retried "
		        "or dropped; this one is %s.",
		        state.at));
	unsigned partition = (unsigned)key_partition_of_id(api->argument);
	api->world->partitions[partition].has_outbox = true;
	world_nudge(api->world, partition);
	json_t *body = json_object();
	json_put_text(body, "id", api->argument);
	json_put_text(body, "state", text_eq(api->verb, "retry") ? "queued" : "dropped");
	return api_send(api, 200, body);
}
