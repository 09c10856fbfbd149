#include <string.h>

#include "notifier/app/api.h"
#include "notifier/app/history.h"
#include "notifier/app/intake.h"
#include "notifier/app/json.h"
#include "notifier/app/ledger.h"
#include "notifier/app/metrics.h"

#define CONFLICTS_MAX 5
#define LIST_MAX      200

API_ROUTE(api_shipments_post, post)
API_ROUTE(api_shipments_list, list)
API_ROUTE(api_shipment_get, get)
API_ROUTE(api_shipment_explain, explain)
API_ROUTE(api_shipment_patch, patch)
API_ROUTE(api_shipment_delete, drop)
API_ROUTE(api_shipment_refresh, refresh)

#define SHIPMENTS_STEPS(X)                                                                         \
	X(api, found) X(api, unmatched) X(api, replay) X(api, stored) X(api, listed) X(api, states)     \
	X(api, state) X(api, planned_poll) X(api, history) X(api, explain_history) X(api, explain_poll) X(api, explained) X(api, patched)         \
	X(api, dropped) X(api, erased) X(api, refreshed) X(api, planned)
SHIPMENTS_STEPS(FLOW_STEP)

/* --- out -------------------------------------------------------------------------------------------- */

static json_t *span_json(const struct eta *eta)
{
	if (!eta_is_set(eta))
		return json_null();
	json_t *span = json_object();
	json_put_null_text(span, "from", eta->from);
	json_put_null_text(span, "to", eta->to);
	return span;
}

static json_t *recipient_json(const struct recipient *r)
{
	json_t *o = json_object(), *channels = json_array();
	json_put_text(o, "id", r->id);
	json_put_text(o, "name", r->name);
	json_put_text(o, "email", r->email);
	json_put_text(o, "phone", r->phone);
	json_put_text(o, "language", r->language);
	json_put_text(o, "zone", r->zone);
	for (int channel = 0; channel < CHANNEL_COUNT; channel++)
		if (recipient_wants(r, (enum channel)channel))
			json_array_append_new(channels, json_string(channel_name((enum channel)channel)));
	json_object_set_new(o, "channels", channels);
	return o;
}

static json_t *shipment_summary(const struct shipment *s)
{
	json_t *o = json_object();
	json_put_text(o, "id", s->id);
	json_put_text(o, "tracking_number", s->number);
	json_put_text(o, "carrier", s->carrier);
	json_put_null_text(o, "actual_carrier", s->actual_carrier);
	json_put_null_text(o, "order_number", s->order_number);
	json_put_text(o, "status", status_name(s->status));
	json_put_null_text(o, "reason", reason_name(s->reason));
	json_put_time(o, "since", s->since_ms);
	json_object_set_new(o, "eta", span_json(&s->eta));
	json_object_set_new(o, "promised", span_json(&s->promised));
	json_put_time(o, "heard_at", s->heard_ms);
	json_put_null_text(o, "zone", s->zone);
	json_t *poll = json_object();
	json_put_time(poll, "at", s->next_poll_ms);
	json_put_null_text(poll, "why", s->next_poll_ms == NEVER_MS ? shipment_is_finished(s) ? "finished: not looked at any more"
	                                                                                     : "push only: the carrier tells us"
	                                                            : s->next_poll_why);
	json_object_set_new(o, "next_poll", poll);
	json_put_time(o, "next_deadline", s->deadline_ms);
	json_put_time(o, "created_at", s->created_ms);
	return o;
}

static json_t *shipment_json(const struct shipment *s, const struct redis_value *records)
{
	json_t *o = shipment_summary(s), *recipients = json_array();
	json_put_null_text(o, "service", s->service);
	for (size_t i = 0; i < s->recipient_count; i++)
		json_array_append_new(recipients, recipient_json(&s->recipients[i]));
	json_object_set_new(o, "recipients", recipients);
	json_t *metadata = s->metadata ? json_loads(s->metadata, 0, NULL) : json_null();
	json_object_set_new(o, "metadata", metadata ? metadata : json_null());
	if (records == NULL)
		return o;
	json_object_set_new(o, "checkpoints", history_checkpoints(records));
	json_object_set_new(o, "events", history_events(records));
	json_object_set_new(o, "messages", history_message_ids(records));
	return o;
}

/* --- POST /v1/shipments -------------------------------------------------------------------------------- */

static next answer_invalid(struct api *api, const struct intake *intake)
{
	problem_send_places(api->exchange, 400, intake->code, "The shipment cannot be taken as it is.",
	    intake->errors, intake->error_count);
	return END;
}

static struct intake *read_intake(struct api *api, bool is_patch)
{
	struct intake *intake = arena_alloc(api->flow.arena, sizeof *intake);
	intake->arena = api->flow.arena;
	intake->config = api->config;
	return intake_read(intake, api->json, is_patch) ? intake : (answer_invalid(api, intake), NULL);
}

static next api_post(struct api *api)
{
	if (!api_body(api))
		return END;
	struct intake *intake = read_intake(api, false);
	if (intake == NULL)
		return END;
	api->cursor = intake->shipment->number;
	return AWAIT(api, found, store_find(&api->world->store, &api->flow, api->account, api->cursor, &api->value), STORE_WAIT_MS);
}

static struct shipment *shipment_new(struct api *api, const struct intake *intake)
{
	struct shipment *s = shipment_copy(intake->shipment, api->flow.arena);
	char *id = arena_alloc(api->flow.arena, ID_BYTES);
	key_new_shipment_id(id, key_partition(api->account, s->number));
	s->id = id;
	s->account = api->account;
	s->created_ms = loop_now_ms();
	s->deadline_ms = s->next_poll_ms = NEVER_MS;
	return s;
}

static next api_found(struct api *api) /* the unfinished one of that number, or a new one */
{
	struct err err;
	struct shipment *existing = NULL;
	if (FAILED(api))
		return api_store_failed(api);
	if (!store_read_shipment(&api->value, api->flow.arena, &existing, &err))
		return api_problem(api, 500, "unreadable", arena_strdup(api->flow.arena, err.text));
	struct intake *intake = read_intake(api, false);
	must(intake != NULL);
	api->is_new = existing == NULL || shipment_is_finished(existing);
	api->apply.commit.holder = existing ? existing->id : NULL;
	if (api->is_new) {
		api->cursor = existing ? existing->id : "";
		api->shipment = shipment_new(api, intake);
	} else {
		intake_merge(intake, existing);
		api->shipment = existing;
	}
	return AWAIT(api, unmatched, store_unmatched(&api->world->store, &api->flow, api->account, api->shipment->number, &api->value2), STORE_WAIT_MS);
}

/* One kept webhook, replayed; reports about other numbers are not ours. */
static void replay_one(struct api *api, const json_t *record, struct changes *all)
{
	struct arena *arena = api->flow.arena;
	const struct carrier *carrier = carrier_find(json_string_value(json_object_get(record, "c")));
	const json_t *body = json_object_get(record, "b");
	struct report_set set;
	struct carrier_reply reply = {0};
	struct err err;
	if (carrier == NULL || carrier->hook_read == NULL || !json_is_string(body))
		return;
	char *text = arena_strndup(arena, json_string_value(body), json_string_length(body));
	struct carrier_hook hook = {.method = "POST", .url = "/", .body = str_make(text, json_string_length(body))};
	report_set_init(&set, arena);
	if (!carrier->hook_read(&hook, &set, &reply, &err))
		return;
	for (size_t i = 0; i < set.count; i++) {
		if (set.reports[i].error != REPORT_OK || !text_eq_nocase(set.reports[i].tracking_number, api->shipment->number))
			continue;
		apply_report(&api->apply, &set.reports[i], SOURCE_WEBHOOK, loop_now_ms());
		const struct changes *now = &api->apply.changes;
		for (size_t j = 0; j < now->event_count && all->event_count < CHANGES_EVENTS_MAX; j++)
			all->events[all->event_count++] = now->events[j];
		if (now->fresh_count > 0) {
			size_t count = all->fresh_count + now->fresh_count;
			const struct checkpoint **fresh = arena_array(arena, count, sizeof *fresh);
			int64_t *fresh_ms = arena_array(arena, count, sizeof *fresh_ms);
			for (size_t j = 0; j < count; j++) {
				bool is_old = j < all->fresh_count;
				fresh[j] = is_old ? all->fresh[j] : now->fresh[j - all->fresh_count];
				fresh_ms[j] = is_old ? all->fresh_ms[j] : now->fresh_ms[j - all->fresh_count];
			}
			all->fresh = fresh;
			all->fresh_ms = fresh_ms;
			all->fresh_count = count;
		}
	}
}

static next api_unmatched(struct api *api) /* webhooks that came before the registration */
{
	if (FAILED(api))
		return api_store_failed(api);
	struct changes all = {.outcome = OUTCOME_APPLIED};
	const char *holder = api->apply.commit.holder;
	api->apply.shipment = api->shipment;
	for (size_t i = 0; i < api->value2.count; i++) {
		json_t *record = json_loadb(api->value2.items[i].text.at, api->value2.items[i].text.len, 0, NULL);
		replay_one(api, record, &all);
		json_decref(record);
	}
	all.state_changed = true;
	api->apply.changes = all;
	apply_finish(&api->apply, SOURCE_API, loop_now_ms());
	if (api->is_new && api->shipment->next_poll_ms != NEVER_MS) {
		api->shipment->next_poll_ms = loop_now_ms(); /* a new parcel is looked at at once */
		api->shipment->next_poll_why = "new: the first look";
	}
	api->apply.commit.takes_number = true;
	api->apply.commit.holder = holder;
	return AWAIT(api, stored, store_commit(&api->world->store, &api->flow, &api->apply.commit, &api->value), STORE_WAIT_MS);
}

static next api_replay(struct api *api)
{
	return AWAIT(api, found, store_find(&api->world->store, &api->flow, api->account, api->shipment->number, &api->value), STORE_WAIT_MS);
}

static next api_stored(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	if (!store_read_committed(&api->value))
		return ++api->conflicts > CONFLICTS_MAX ? api_store_failed(api) : THEN(replay);
	apply_committed(&api->apply, SOURCE_API);
	api->world->live_shipments += api->is_new;
	return api_send(api, api->is_new ? 201 : 200, shipment_json(api->shipment, NULL));
}

/* --- GET /v1/shipments ------------------------------------------------------------------------------------ */

/* SCAN is the index: it costs no memory per shipment, and its cursor is ours.  The order is Redis's. */
static next api_list(struct api *api)
{
	const char *number = api_query(api, "number"), *cursor = api_query(api, "cursor");
	const char *status = api_query(api, "status");
	enum status known;
	int64_t position = 0;
	if (status != NULL && !status_parse(str_of(status), &known))
		return api_problem(api, 400, "unknown_status", "There is no such status; /v1/openapi.json lists them.");
	if (number != NULL)
		return AWAIT(api, state, store_find(&api->world->store, &api->flow, api->account, number, &api->value), STORE_WAIT_MS);
	if (cursor != NULL && !str_to_int64(str_of(cursor), &position))
		return api_problem(api, 400, "invalid_cursor", "The cursor is not one that a list gave.");
	struct str command[] = {redis_arg("SCAN"), str_of(arena_printf(api->flow.arena, "%llu", (unsigned long long)position)),
	    redis_arg("MATCH"), redis_arg("n:{p??}:s:shp_*"), redis_arg("COUNT"), redis_arg("500")};
	return AWAIT(api, listed, redis_call(api->world->redis, &api->flow, command, 6, &api->value), STORE_WAIT_MS);
}

static next api_listed(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	api->cursor = api->value.items[0].text.at;
	const struct redis_value *keys = &api->value.items[1];
	if (api->json == NULL)
		api->json = json_array();
	if (keys->count == 0) {
		api->value2 = (struct redis_value){.type = REDIS_ARRAY};
		return THEN(states);
	}
	struct str *command = arena_array(api->flow.arena, keys->count + 1, sizeof *command);
	command[0] = redis_arg("MGET");
	for (size_t i = 0; i < keys->count; i++)
		command[i + 1] = keys->items[i].text;
	return AWAIT(api, states, redis_call(api->world->redis, &api->flow, command, keys->count + 1, &api->value2), STORE_WAIT_MS);
}

static bool list_wants(const struct api *api, const struct shipment *s)
{
	const char *status = api_query(api, "status"), *order = api_query(api, "order_number");
	return text_eq(s->account, api->account) && (status == NULL || text_eq(status, status_name(s->status))) &&
	       (order == NULL || text_eq(order, s->order_number));
}

static next list_end(struct api *api, json_t *data, const char *following)
{
	json_t *body = json_object();
	json_object_set_new(body, "data", data);
	json_put_null_text(body, "next", following);
	return api_send(api, 200, body);
}

static int64_t list_limit(const struct api *api)
{
	int64_t limit = LIST_MAX;
	if (api_query(api, "limit") == NULL || !str_to_int64(str_of(api_query(api, "limit")), &limit))
		return LIST_MAX;
	return limit < 1 ? 1 : limit > LIST_MAX ? LIST_MAX : limit;
}

static next api_states(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	for (size_t i = 0; i < api->value2.count; i++) {
		struct shipment *s = NULL;
		struct err err;
		if (store_read_shipment(&api->value2.items[i], api->flow.arena, &s, &err) && s != NULL && list_wants(api, s))
			json_array_append_new(api->json, shipment_summary(s));
	}
	bool at_end = strcmp(api->cursor, "0") == 0;
	if (!at_end && json_array_size(api->json) < (size_t)list_limit(api) && ++api->index < 200) {
		struct str command[] = {redis_arg("SCAN"), str_of(api->cursor), redis_arg("MATCH"),
		    redis_arg("n:{p??}:s:shp_*"), redis_arg("COUNT"), redis_arg("500")};
		return AWAIT(api, listed, redis_call(api->world->redis, &api->flow, command, 6, &api->value), STORE_WAIT_MS);
	}
	json_t *data = api->json;
	api->json = NULL;
	return list_end(api, data, at_end ? NULL : api->cursor);
}

/* --- GET /v1/shipments/{id} --------------------------------------------------------------------------------- */

/* Loads into api->shipment; false: the request was answered. */
static bool take_shipment(struct api *api)
{
	struct err err;
	if (FAILED(api)) {
		api_store_failed(api);
		return false;
	}
	if (!store_read_shipment(&api->value, api->flow.arena, &api->shipment, &err)) {
		api_problem(api, 500, "unreadable", arena_strdup(api->flow.arena, err.text));
		return false;
	}
	if (api->shipment == NULL || !text_eq(api->shipment->account, api->account)) {
		api_problem(api, 404, "shipment_not_found", "There is no such shipment in this account.");
		return false;
	}
	return true;
}

static next load(struct api *api, const struct step *then)
{
	if (key_partition_of_id(api->argument) < 0)
		return api_problem(api, 404, "shipment_not_found", "This is no shipment id: it looks like shp_… .");
	return flow_await(&api->flow, then, store_get(&api->world->store, &api->flow, api->argument, &api->value), STORE_WAIT_MS);
}

static next api_get(struct api *api)
{
	return load(api, do_state);
}

static next api_state(struct api *api)
{
	if (!FAILED(api) && api_query(api, "number") != NULL && api->value.type == REDIS_NIL)
		return list_end(api, json_array(), NULL);
	if (!take_shipment(api))
		return END;
	return AWAIT(api, planned_poll, store_next_poll(&api->world->store, &api->flow, api->shipment, &api->value2), STORE_WAIT_MS);
}

/* An unchanged parcel is planned again without being stored again: the due list knows best. */
static void take_next_poll(struct api *api)
{
	int64_t due_ms;
	if (!FAILED(api) && str_to_int64(api->value2.text, &due_ms))
		api->shipment->next_poll_ms = due_ms;
}

static next api_planned_poll(struct api *api)
{
	take_next_poll(api);
	return AWAIT(api, history, store_history(&api->world->store, &api->flow, api->shipment->id, &api->value2), STORE_WAIT_MS);
}

static next api_history(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	json_t *body = shipment_json(api->shipment, &api->value2);
	if (api_query(api, "number") == NULL)
		return api_send(api, 200, body);
	json_t *data = json_array();
	json_array_append_new(data, body);
	return list_end(api, data, NULL);
}

/* --- GET …/explain ------------------------------------------------------------------------------------------- */

static next api_explain(struct api *api)
{
	return load(api, do_explain_history);
}

static next api_explain_history(struct api *api)
{
	if (!take_shipment(api))
		return END;
	return AWAIT(api, explain_poll, store_next_poll(&api->world->store, &api->flow, api->shipment, &api->value2), STORE_WAIT_MS);
}

static next api_explain_poll(struct api *api)
{
	take_next_poll(api);
	return AWAIT(api, explained, store_history(&api->world->store, &api->flow, api->shipment->id, &api->value2), STORE_WAIT_MS);
}

static next api_explained(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	const struct shipment *s = api->shipment;
	json_t *body = json_object(), *lines = history_explain(&api->value2);
	if (s->next_poll_ms != NEVER_MS) {
		json_t *line = json_object();
		json_put_time(line, "at", s->next_poll_ms);
		json_put_text(line, "kind", "poll");
		json_put_text(line, "what", "looked at next");
		json_put_text(line, "why", s->next_poll_why ? s->next_poll_why : "by its status");
		json_array_append_new(lines, line);
	}
	json_object_set_new(body, "data", lines);
	return api_send(api, 200, body);
}

/* --- PATCH ---------------------------------------------------------------------------------------------------- */

static next api_patch(struct api *api)
{
	return load(api, do_patched);
}

static next api_patched(struct api *api)
{
	if (!take_shipment(api) || !api_body(api))
		return END;
	struct intake *intake = read_intake(api, true);
	if (intake == NULL)
		return END;
	intake_merge(intake, api->shipment);
	api->apply.shipment = api->shipment;
	api->apply.changes = (struct changes){.outcome = OUTCOME_APPLIED, .state_changed = true};
	apply_finish(&api->apply, SOURCE_API, loop_now_ms());
	api->is_new = false;
	return AWAIT(api, planned, store_commit(&api->world->store, &api->flow, &api->apply.commit, &api->value), STORE_WAIT_MS);
}

static next api_planned(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	if (!store_read_committed(&api->value))
		return ++api->conflicts > CONFLICTS_MAX ? api_store_failed(api) : api->route->first;
	apply_committed(&api->apply, SOURCE_API);
	return api_send(api, 200, shipment_json(api->shipment, NULL));
}

/* --- DELETE ---------------------------------------------------------------------------------------------------- */

static next api_drop(struct api *api)
{
	return load(api, do_dropped);
}

static next api_dropped(struct api *api)
{
	if (!take_shipment(api))
		return END;
	return AWAIT(api, erased, store_erase(&api->world->store, &api->flow, api->shipment, &api->value), STORE_WAIT_MS);
}

static next api_erased(struct api *api)
{
	return FAILED(api) ? api_store_failed(api) : api_send(api, 204, NULL);
}

/* --- POST …/refresh ---------------------------------------------------------------------------------------------- */

static next api_refresh(struct api *api)
{
	return load(api, do_refreshed);
}

static next api_refreshed(struct api *api)
{
	if (!take_shipment(api))
		return END;
	const struct carrier *carrier = carrier_find(api->shipment->carrier);
	if (carrier == NULL || carrier->poll_request == NULL)
		return api_problem(api, 409, "push_only", "This carrier cannot be asked: it pushes its news.");
	if (shipment_is_finished(api->shipment))
		return api_problem(api, 409, "finished", "This shipment is finished; nothing more is asked about it.");
	api->shipment->next_poll_ms = loop_now_ms();
	api->shipment->next_poll_why = "asked for: refresh";
	api->apply.shipment = api->shipment;
	api->apply.commit = (struct commit){.shipment = api->shipment, .now_ms = loop_now_ms()};
	return AWAIT(api, planned, store_commit(&api->world->store, &api->flow, &api->apply.commit, &api->value), STORE_WAIT_MS);
}
