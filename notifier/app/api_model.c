/* The learned models, for operators; one set for all accounts. */
#include "notifier/app/api.h"
#include "notifier/app/foresight_model.h"
#include "notifier/app/json.h"
#include "notifier/base/log.h"
#include "notifier/io/pause.h"

API_ROUTE(api_model_show, show)
API_ROUTE(api_model_export, export)
API_ROUTE(api_model_import, import)
API_ROUTE(api_model_reset, reset)

#define MODEL_STEPS(X)                                                                             \
	X(api, copy)                                                                               \
	X(api, check)                                                                              \
	X(api, checked) X(api, order) X(api, named) X(api, written) X(api, carry_out)
MODEL_STEPS(FLOW_STEP)

#define CHECK_WAIT_MS 14000 /* of a request's 15 s */

/* What all accounts have taught is nobody else's business than the operator's: he who holds the
 * admin socket, or an admin key of the account `default`. */
static bool may_order(struct api *api)
{
	if (!api->is_local && !text_eq(api->account, "default")) {
		api_problem(api, 403, "operator_only",
		    "The models belong to all accounts: this needs the admin socket, or an admin "
		    "key of the account default.");
		return false;
	}
	if (foresight_is_loaded(api->world->foresight))
		return true;
	problem_send_retry(api->exchange, "model_not_loaded",
	    "What was learned has not been read from the storage yet.");
	return false;
}

static next api_show(struct api *api)
{
	if (!may_order(api))
		return END;
	return api_send(api, 200, foresight_summary(api->world->foresight, api->config));
}

static next api_export(struct api *api)
{
	if (!may_order(api))
		return END;
	api->copy = foresight_copy_new(api_query(api, "carrier"));
	return THEN(copy);
}

static next api_copy(struct api *api) /* pure: the next slice */
{
	if (FAILED(api))
		return api_store_failed(api);
	switch (foresight_copy_more(api->world->foresight, api->copy)) {
	case COPY_UNDER_WAY: return AWAIT(api, copy, pause_start(&api->flow, 0), STORE_WAIT_MS);
	case COPY_TOO_LARGE:
		return api_problem(api, 413, "document_too_large",
		    "More was learned than fits into one document (32 MB); export one carrier at "
		    "a time, with ?carrier=NAME.");
	case COPY_DONE: break;
	}
	api_send_text(api, 200, foresight_copy_text(api->copy));
	return END;
}

/* --- orders: api->json is the document, carried out model by model ------------------------------
 */

static next start_order(struct api *api)
{
	if (foresight_order_begin(api->world->foresight, api)) {
		api->order = arena_alloc(api->flow.arena, sizeof *api->order);
		*api->order = (struct model_order){.document = api->json};
		return THEN(order);
	}
	problem_send_busy(api->exchange, "model_order_in_progress",
	    "Another import or reset is under way; ask again in a moment.");
	return END;
}

static next api_reset(struct api *api)
{
	const char *carrier = api_query(api, "carrier");
	if (!may_order(api))
		return END;
	if (carrier != NULL && *carrier == '\0')
		return api_problem(
		    api, 400, "carrier_required", "?carrier= needs a carrier's name.");
	api->json = foresight_empty_document(carrier);
	return start_order(api);
}

static next api_import(struct api *api)
{
	if (!may_order(api))
		return END;
	/* A large body was copied in this turn already, and is in the next one for the thread. */
	return AWAIT(api, check, pause_start(&api->flow, 0), STORE_WAIT_MS);
}

static next api_check(struct api *api) /* can every entry be read? */
{
	if (FAILED(api))
		return api_store_failed(api);
	api->checked = arena_alloc(api->flow.arena, sizeof *api->checked);
	return AWAIT(
	    api, checked, foresight_check(&api->flow, api->body, api->checked), CHECK_WAIT_MS);
}

static next api_checked(struct api *api)
{
	struct model_checked *checked = api->checked;
	if (FAILED(api))
		return api_store_failed(api);
	api->json = checked->document;
	if (api->json != NULL)
		return start_order(api);
	if (checked->pointer == NULL)
		return api_problem(api, 400, "invalid_json", checked->err.text);
	struct problem_place place = {checked->pointer, checked->err.text};
	problem_send_places(api->exchange, 400, "invalid_model",
	    "An entry cannot be read; nothing was imported.", &place, 1);
	return END;
}

static bool is_of_one_carrier(const struct api *api)
{
	return json_object_get(api->json, "carrier") != NULL;
}

static next write_model(struct api *api)
{
	return AWAIT(api, written,
	    foresight_order_write(api->world, &api->flow, api->order, &api->value, &api->value2),
	    STORE_WAIT_MS);
}

static next api_order(struct api *api)
{
	struct model_order *order = api->order;
	while (
	    order->model < MODELS && json_object_get(api->json, model_name(order->model)) == NULL)
		order->model++;
	if (order->model == MODELS) {
		size_t entries = foresight_document_entries(api->json);
		LOG(INFO, "model_ordered", f_text("what", api->method),
		    f_int("entries", (int64_t)entries));
		json_t *body = json_object();
		json_object_set_new(body, "entries", json_integer((json_int_t)entries));
		return api_send(api, 200, body);
	}
	if (!is_of_one_carrier(api))
		return write_model(api);
	return AWAIT(api, named,
	    foresight_order_names(api->world, &api->flow, order->model, &api->value),
	    STORE_WAIT_MS);
}

static next api_named(struct api *api)
{
	return FAILED(api) ? api_store_failed(api) : write_model(api);
}

/* Stored; so it holds here as well, before the answer. */
static next api_written(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api); /* the order may be given again as a whole */
	foresight_order_forget(api->world->foresight, api->order);
	return THEN(carry_out);
}

static next api_carry_out(struct api *api) /* pure: the next slice */
{
	if (FAILED(api))
		return api_store_failed(api);
	if (!foresight_order_apply(api->world->foresight, api->order, &api->value2))
		return AWAIT(api, carry_out, pause_start(&api->flow, 0), STORE_WAIT_MS);
	api->order->model++;
	return THEN(order);
}
