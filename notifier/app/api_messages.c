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
	X(api, partition)                                                                          \
	X(api, failed)                                                                             \
	X(api, of_shipment)                                                                        \
	X(api, next_message) X(api, one) X(api, shown) X(api, owned) X(api, requeued)
MESSAGES_STEPS(FLOW_STEP)

#define LIST_MAX 200

/* --- GET /v1/messages: of one shipment, or those that failed for good
 * ------------------------------ */

static next api_list(struct api *api)
{
	const char *shipment = api_query(api, "shipment");
	api->json = json_array();
	if (shipment == NULL)
		return THEN(partition);
	if (key_partition_of_id(shipment) < 0)
		return api_problem(api, 404, "shipment_not_found",
		    "This is no shipment id: it looks like shp_… .");
	return AWAIT(api, of_shipment,
	    store_history(&api->world->store, &api->flow, shipment, &api->value), STORE_WAIT_MS);
}

/* Ids to look at stand in api->json as texts, and are replaced by what they are. */
static next api_of_shipment(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	json_decref(api->json);
	api->json = history_message_ids(&api->value);
	api->index = 0;
	return THEN(next_message);
}

static next api_partition(struct api *api) /* the failed ones, partition by partition */
{
	if (api->index >= PARTITIONS || json_array_size(api->json) >= LIST_MAX) {
		api->index = 0;
		return THEN(next_message);
	}
	return AWAIT(api, failed,
	    store_failed(&api->world->store, &api->flow, (unsigned)api->index, &api->value),
	    STORE_WAIT_MS);
}

static next api_failed(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	for (size_t i = 0; i < api->value.count; i++)
		json_array_append_new(api->json,
		    json_stringn(api->value.items[i].text.at, api->value.items[i].text.len));
	api->index++;
	return THEN(partition);
}

static next api_next_message(struct api *api)
{
	const char *state = api_query(api, "state");
	if (api->index < json_array_size(api->json)) {
		const char *id = json_string_value(json_array_get(api->json, api->index));
		return AWAIT(api, one,
		    store_message(&api->world->store, &api->flow, id, &api->value), STORE_WAIT_MS);
	}
	json_t *data = json_array(), *body = json_object();
	for (size_t i = 0; i < json_array_size(api->json); i++) {
		json_t *row = json_array_get(api->json, i);
		const char *is = json_string_value(json_object_get(row, "state"));
		if (json_is_object(row) && (state == NULL || text_eq(is, state)))
			json_array_append(data, row);
	}
	json_object_set_new(body, "data", data);
	json_object_set_new(body, "next", json_null());
	return api_send(api, 200, body);
}

/* Another account's message is no message. */
static bool read_own(struct api *api, struct ledger *ledger)
{
	return ledger_read(&api->value, ledger, api->flow.arena) &&
	       text_eq(ledger->account, api->account);
}

static next api_one(struct api *api)
{
	struct ledger ledger;
	if (FAILED(api))
		return api_store_failed(api);
	const char *id =
	    arena_strdup(api->flow.arena, json_string_value(json_array_get(api->json, api->index)));
	bool is_there = read_own(api, &ledger);
	json_array_set_new(
	    api->json, api->index++, is_there ? ledger_json(id, &ledger) : json_null());
	return THEN(next_message);
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
	    STORE_WAIT_MS);
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
	api->cursor = "retry";
	return load(api, do_owned);
}

static next api_drop(struct api *api)
{
	api->cursor = "drop";
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
	const char *record = history_receipt(now_ms, api->argument, api->cursor,
	    "an operator said so", (int)ledger.claims, api->flow.arena);
	return AWAIT(api, requeued,
	    store_requeue(
	        &api->world->store, &api->flow, api->argument, api->cursor, record, &api->value),
	    STORE_WAIT_MS);
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
	json_put_text(body, "state", text_eq(api->cursor, "retry") ? "queued" : "dropped");
	return api_send(api, 200, body);
}
