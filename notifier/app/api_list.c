/* GET /v1/shipments.  SCAN is the index: it costs no memory per shipment and gives its own order. A
 * page may be shorter than `limit` although more follow; `next` tells. */
#include <stdio.h>
#include <string.h>

#include "notifier/app/api.h"
#include "notifier/app/json.h"

API_ROUTE(api_shipments_list, list)

#define LIST_STEPS(X)                                                                              \
	X(api, of_number) X(api, number_history) X(api, scan) X(api, scanned) X(api, states)
LIST_STEPS(FLOW_STEP)

#define BATCH       "200" /* keys per SCAN */
#define BATCHES_MAX 20    /* per request: bounds time and memory of a filter that fits little */

static bool list_wants(const struct api *api, const struct shipment *s)
{
	const char *status = api_query(api, "status"), *order = api_query(api, "order_number");
	return text_eq(s->account, api->account) &&
	       (status == NULL || text_eq(status, status_name(s->status))) &&
	       (order == NULL || text_eq(order, s->order_number));
}

size_t api_list_limit(const struct api *api)
{
	int64_t limit = LIST_MAX;
	if (api_query(api, "limit") == NULL ||
	    !str_to_int64(str_of(api_query(api, "limit")), &limit))
		return LIST_MAX;
	return limit < 1 ? 1 : limit > LIST_MAX ? LIST_MAX : (size_t)limit;
}

next api_list_send(struct api *api, const char *following)
{
	json_t *body = json_object();
	json_object_set_new(body, "data", api->json);
	api->json = NULL;
	json_put_null_text(body, "next", following);
	return api_send(api, 200, body);
}

/* The cursor of a page: where SCAN stood, and how many keys of its batch were shown already. */
static bool read_cursor(struct api *api, const char *cursor)
{
	struct str position, skip = str_cut(str_of(cursor), '.', &position);
	int64_t number, skipped = 0;
	if (!str_to_int64(position, &number) || number < 0 ||
	    (skip.len > 0 && (!str_to_int64(skip, &skipped) || skipped < 0)))
		return false;
	api->scan.cursor = arena_strndup(api->flow.arena, position.at, position.len);
	api->scan.skip = (size_t)skipped;
	return true;
}

static next api_list(struct api *api)
{
	const char *number = api_query(api, "number"), *cursor = api_query(api, "cursor");
	const char *status = api_query(api, "status");
	enum status known;
	if (status != NULL && !status_parse(str_of(status), &known))
		return api_problem(api, 400, "unknown_status",
		    "There is no such status; /v1/openapi.json lists them.");
	api->json = json_array();
	if (number != NULL)
		return AWAIT(api, of_number,
		    store_find(&api->world->store, &api->flow, api->account, number, &api->value),
		    STORE_SOON_MS);
	if (!read_cursor(api, cursor ? cursor : "0"))
		return api_problem(
		    api, 400, "invalid_cursor", "The cursor is not one that a list gave.");
	return THEN(scan);
}

/* --- one number: whole, with its history -------------------------------------------------------
 */

static next api_of_number(struct api *api)
{
	struct err err;
	if (FAILED(api))
		return api_store_failed(api);
	if (!store_read_shipment(&api->value, api->flow.arena, &api->shipment, &err))
		return api_problem(api, 500, "unreadable", arena_strdup(api->flow.arena, err.text));
	if (api->shipment == NULL || !list_wants(api, api->shipment))
		return api_list_send(api, NULL);
	return AWAIT(api, number_history,
	    store_history(&api->world->store, &api->flow, api->shipment->id, &api->value2),
	    STORE_SOON_MS);
}

static next api_number_history(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	json_array_append_new(api->json, api_shipment_json(api->shipment, &api->value2));
	return api_list_send(api, NULL);
}

/* --- all of them ---------------------------------------------------------------------------------
 */

static next api_scan(struct api *api)
{
	struct str command[] = {redis_arg("SCAN"), str_of(api->scan.cursor), redis_arg("MATCH"),
	    redis_arg("n:{p??}:s:shp_*"), redis_arg("COUNT"), redis_arg(BATCH)};
	api->scan.batch = api->scan.cursor;
	return AWAIT(api, scanned,
	    redis_call(api->world->redis, &api->flow, command, 6, &api->value), STORE_SOON_MS);
}

static next api_scanned(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	api->scan.cursor = api->value.items[0].text.at;
	const struct redis_value *keys = &api->value.items[1];
	api->value2 = (struct redis_value){.type = REDIS_ARRAY};
	if (keys->count == 0)
		return THEN(states);
	struct str *command = arena_array(api->flow.arena, keys->count + 1, sizeof *command);
	command[0] = redis_arg("MGET");
	for (size_t i = 0; i < keys->count; i++)
		command[i + 1] = keys->items[i].text;
	return AWAIT(api, states,
	    redis_call(api->world->redis, &api->flow, command, keys->count + 1, &api->value2),
	    STORE_SOON_MS);
}

/* Returns how many keys of the batch were looked at before the page was full. */
static size_t take_batch(struct api *api, size_t limit)
{
	size_t i = api->scan.skip;
	struct arena *scratch = arena_new();
	for (; i < api->value2.count && json_array_size(api->json) < limit; i++) {
		struct shipment *s = NULL;
		struct err err;
		if (store_read_shipment(&api->value2.items[i], scratch, &s, &err) && s != NULL &&
		    list_wants(api, s))
			json_array_append_new(api->json, api_shipment_summary(s));
		arena_reset(scratch);
	}
	arena_free(&scratch);
	return i;
}

static next api_states(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	size_t limit = api_list_limit(api), looked = take_batch(api, limit);
	api->scan.skip = 0;
	if (looked < api->value2.count) {
		const char *following =
		    arena_printf(api->flow.arena, "%s.%zu", api->scan.batch, looked);
		return api_list_send(api, following);
	}
	if (strcmp(api->scan.cursor, "0") == 0)
		return api_list_send(api, NULL);
	if (json_array_size(api->json) >= limit || ++api->scan.batches >= BATCHES_MAX)
		return api_list_send(api, api->scan.cursor);
	return THEN(scan);
}
