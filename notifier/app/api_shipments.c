#include <string.h>

#include "carriers/report_json.h"
#include "notifier/app/api.h"
#include "notifier/app/channel.h"
#include "notifier/app/history.h"
#include "notifier/app/intake.h"
#include "notifier/app/json.h"
#include "notifier/app/ledger.h"
#include "notifier/app/memory.h"
#include "notifier/app/metrics.h"

#define CONFLICTS_MAX 5

API_ROUTE(api_shipments_post, post)
API_ROUTE(api_shipment_get, get)
API_ROUTE(api_shipment_explain, explain)
API_ROUTE(api_shipment_patch, patch)
API_ROUTE(api_shipment_delete, drop)
API_ROUTE(api_shipment_refresh, refresh)

#define SHIPMENTS_STEPS(X)                                                                         \
	X(api, found)                                                                              \
	X(api, unmatched)                                                                          \
	X(api, replay)                                                                             \
	X(api, stored)                                                                             \
	X(api, state)                                                                              \
	X(api, planned_poll)                                                                       \
	X(api, history)                                                                            \
	X(api, explain_history)                                                                    \
	X(api, explain_poll)                                                                       \
	X(api, explained)                                                                          \
	X(api, patched)                                                                            \
	X(api, dropped) X(api, forget) X(api, erased) X(api, refreshed) X(api, planned)
SHIPMENTS_STEPS(FLOW_STEP)

/* --- POST /v1/shipments
 * -------------------------------------------------------------------------------- */

static next answer_invalid(struct api *api, const struct intake *intake)
{
	problem_send_places(api->exchange, 400, intake->code,
	    "The shipment cannot be taken as it is.", intake->errors, intake->error_count);
	return END;
}

static struct intake *read_intake(struct api *api, bool is_patch)
{
	struct intake *intake = arena_alloc(api->flow.arena, sizeof *intake);
	intake->arena = api->flow.arena;
	intake->config = api->config;
	return intake_read(intake, api->json, is_patch) ? intake
	                                                : (answer_invalid(api, intake), NULL);
}

static next api_post(struct api *api)
{
	if (memory_is_short(api->world))
		return memory_refuse(api->exchange), END;
	if (!api_body(api))
		return END;
	struct intake *intake = read_intake(api, false);
	if (intake == NULL)
		return END;
	api->number = intake->shipment->number;
	return AWAIT(api, found,
	    store_find(&api->world->store, &api->flow, api->account, api->number, &api->value),
	    STORE_SOON_MS);
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
		api->shipment = shipment_new(api, intake);
	} else {
		api->carrier_before = existing->carrier;
		intake_merge(intake, existing);
		api->shipment = existing;
	}
	return AWAIT(api, unmatched,
	    store_unmatched(
	        &api->world->store, &api->flow, api->account, api->shipment->number, &api->value2),
	    STORE_SOON_MS);
}

static void add_changes(struct changes *all, const struct changes *now, struct arena *arena)
{
	for (size_t i = 0; i < now->event_count && all->event_count < CHANGES_EVENTS_MAX; i++)
		all->events[all->event_count++] = now->events[i];
	size_t count = all->fresh_count + now->fresh_count;
	const struct checkpoint **fresh = arena_array(arena, count, sizeof *fresh);
	int64_t *fresh_ms = arena_array(arena, count, sizeof *fresh_ms);
	for (size_t i = 0; i < count; i++) {
		bool is_old = i < all->fresh_count;
		fresh[i] = is_old ? all->fresh[i] : now->fresh[i - all->fresh_count];
		fresh_ms[i] = is_old ? all->fresh_ms[i] : now->fresh_ms[i - all->fresh_count];
	}
	all->fresh = fresh;
	all->fresh_ms = fresh_ms;
	all->fresh_count = count;
}

/* One report that came before its number was registered.  The parcel's day is judged once, when
 * all of them are taken in: what it teaches is of one commit. */
static void replay_one(struct api *api, const json_t *record, struct changes *all)
{
	const json_t *kept = json_object_get(record, "r");
	const char *carrier = json_get_text(record, "c", api->flow.arena);
	if (!json_is_object(kept) || carrier == NULL)
		return;
	struct report *report = arena_alloc(api->flow.arena, sizeof *report);
	report_from_json(report, kept, carrier, api->flow.arena);
	if (report->error != REPORT_OK)
		return;
	apply_detect(&api->apply, report, SOURCE_WEBHOOK, loop_now_ms());
	add_changes(all, &api->apply.changes, api->flow.arena);
}

/* Another carrier: the old one is not asked any more, the new one at once. */
static void finish_carrier(struct api *api)
{
	struct shipment *s = api->shipment;
	if (api->carrier_before == NULL || text_eq(api->carrier_before, s->carrier))
		return;
	const struct carrier *carrier = carrier_find(s->carrier);
	bool is_polled =
	    carrier != NULL && carrier->poll_request != NULL && !shipment_is_finished(s);
	s->next_poll_ms = is_polled ? loop_now_ms() : NEVER_MS;
	s->next_poll_why = is_polled ? "another carrier: the first look" : NULL;
	api->apply.commit.keeps_poll = false;
	api->apply.commit.carrier_before = api->carrier_before;
}

static next api_unmatched(struct api *api) /* webhooks that came before the registration */
{
	if (FAILED(api))
		return api_store_failed(api);
	struct changes all = {.outcome = OUTCOME_APPLIED};
	const char *holder = api->apply.commit.holder;
	api->apply.shipment = api->shipment;
	for (size_t i = 0; i < api->value2.count; i++) {
		json_t *record = json_loadb(
		    api->value2.items[i].text.at, api->value2.items[i].text.len, 0, NULL);
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
	finish_carrier(api);
	api->apply.commit.takes_number = true;
	api->apply.commit.unmatched = &api->value2;
	api->apply.commit.holder = holder;
	return AWAIT(api, stored,
	    store_commit(&api->world->store, &api->flow, &api->apply.commit, &api->value),
	    STORE_SOON_MS);
}

static next api_replay(struct api *api)
{
	return AWAIT(api, found,
	    store_find(
	        &api->world->store, &api->flow, api->account, api->shipment->number, &api->value),
	    STORE_SOON_MS);
}

static next api_stored(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	if (!store_read_committed(&api->value))
		return ++api->conflicts > CONFLICTS_MAX ? api_store_failed(api) : THEN(replay);
	apply_committed(&api->apply, SOURCE_API);
	return api_send(api, api->is_new ? 201 : 200, api_shipment_json(api->shipment, NULL));
}

/* --- GET /v1/shipments/{id}
 * --------------------------------------------------------------------------------- */

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
		api_problem(
		    api, 404, "shipment_not_found", "There is no such shipment in this account.");
		return false;
	}
	return true;
}

static next load(struct api *api, const struct step *then)
{
	if (key_partition_of_id(api->argument) < 0)
		return api_problem(api, 404, "shipment_not_found",
		    "This is no shipment id: it looks like shp_… .");
	return flow_await(&api->flow, then,
	    store_get(&api->world->store, &api->flow, api->argument, &api->value), STORE_SOON_MS);
}

static next api_get(struct api *api)
{
	return load(api, do_state);
}

static next api_state(struct api *api)
{
	if (!take_shipment(api))
		return END;
	return AWAIT(api, planned_poll,
	    store_next_poll(&api->world->store, &api->flow, api->shipment, &api->value2),
	    STORE_SOON_MS);
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
	return AWAIT(api, history,
	    store_history(&api->world->store, &api->flow, api->shipment->id, &api->value2),
	    STORE_SOON_MS);
}

static next api_history(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	return api_send(api, 200, api_shipment_json(api->shipment, &api->value2));
}

/* --- GET …/explain
 * ------------------------------------------------------------------------------------------- */

static next api_explain(struct api *api)
{
	return load(api, do_explain_history);
}

static next api_explain_history(struct api *api)
{
	if (!take_shipment(api))
		return END;
	return AWAIT(api, explain_poll,
	    store_next_poll(&api->world->store, &api->flow, api->shipment, &api->value2),
	    STORE_SOON_MS);
}

static next api_explain_poll(struct api *api)
{
	take_next_poll(api);
	return AWAIT(api, explained,
	    store_history(&api->world->store, &api->flow, api->shipment->id, &api->value2),
	    STORE_SOON_MS);
}

static next api_explained(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	const struct shipment *s = foresight_explain(api->world->foresight,
	    config_carrier(api->config, api->shipment->carrier), api->shipment, api->flow.arena);
	json_t *body = json_object(), *lines = history_explain(&api->value2);
	api_forecast_line(lines, s, loop_now_ms());
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

/* --- PATCH
 * ----------------------------------------------------------------------------------------------------
 */

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
	api->carrier_before = api->shipment->carrier;
	intake_merge(intake, api->shipment);
	api->apply.shipment = api->shipment;
	api->apply.changes = (struct changes){.outcome = OUTCOME_APPLIED, .state_changed = true};
	apply_finish(&api->apply, SOURCE_API, loop_now_ms());
	finish_carrier(api);
	api->is_new = false;
	return AWAIT(api, planned,
	    store_commit(&api->world->store, &api->flow, &api->apply.commit, &api->value),
	    STORE_SOON_MS);
}

static next api_planned(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	if (!store_read_committed(&api->value))
		return ++api->conflicts > CONFLICTS_MAX ? api_store_failed(api) : api->route->first;
	apply_committed(&api->apply, SOURCE_API);
	return api_send(api, 200, api_shipment_json(api->shipment, NULL));
}

/* --- DELETE
 * ----------------------------------------------------------------------------------------------------
 */

static next api_drop(struct api *api)
{
	return load(api, do_dropped);
}

static next api_dropped(struct api *api)
{
	if (!take_shipment(api))
		return END;
	return AWAIT(api, forget,
	    store_history(&api->world->store, &api->flow, api->shipment->id, &api->value2),
	    STORE_SOON_MS);
}

static next api_forget(struct api *api) /* what lies in the local mailbox, then what Redis holds */
{
	size_t i;
	json_t *id;
	if (FAILED(api))
		return api_store_failed(api);
	api->json = history_message_ids(&api->value2);
	json_array_foreach(api->json, i, id)
	    mailbox_forget(api->world, json_string_value(id), api->flow.arena);
	return AWAIT(api, erased,
	    store_erase(&api->world->store, &api->flow, api->shipment, &api->value), STORE_SOON_MS);
}

static next api_erased(struct api *api)
{
	return FAILED(api) ? api_store_failed(api) : api_send(api, 204, NULL);
}

/* --- POST …/refresh
 * ---------------------------------------------------------------------------------------------- */

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
		return api_problem(
		    api, 409, "push_only", "This carrier cannot be asked: it pushes its news.");
	if (shipment_is_finished(api->shipment))
		return api_problem(api, 409, "finished",
		    "This shipment is finished; nothing more is asked about it.");
	api->shipment->next_poll_ms = loop_now_ms();
	api->shipment->next_poll_why = FORESIGHT_ASKED_FOR;
	api->apply.shipment = api->shipment;
	api->apply.commit = (struct commit){.shipment = api->shipment, .now_ms = loop_now_ms()};
	return AWAIT(api, planned,
	    store_commit(&api->world->store, &api->flow, &api->apply.commit, &api->value),
	    STORE_SOON_MS);
}
