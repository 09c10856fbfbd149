/* The learned models, for operators; one set for all accounts. */
#include "notifier/app/api.h"
#include "notifier/app/foresight_model.h"
#include "notifier/app/json.h"
#include "notifier/base/log.h"

API_ROUTE(api_model_show, show)
API_ROUTE(api_model_export, export)
API_ROUTE(api_model_import, import)
API_ROUTE(api_model_reset, reset)

#define MODEL_STEPS(X) X(api, order) X(api, named) X(api, written)
MODEL_STEPS(FLOW_STEP)

static next not_loaded(struct api *api)
{
	problem_send_retry(api->exchange, "model_not_loaded",
	    "What was learned has not been read from the storage yet.");
	return END;
}

static next api_show(struct api *api)
{
	if (!foresight_is_loaded(api->world->foresight))
		return not_loaded(api);
	return api_send(api, 200, foresight_summary(api->world->foresight));
}

static next api_export(struct api *api)
{
	if (!foresight_is_loaded(api->world->foresight))
		return not_loaded(api);
	json_t *document = foresight_document(api->world->foresight, api_query(api, "carrier"));
	if (document == NULL)
		return api_problem(api, 413, "document_too_large",
		    "More was learned than fits into one document (32 MB); export one carrier at "
		    "a time, with ?carrier=NAME.");
	return api_send(api, 200, document);
}

/* --- orders: api->json is the document, carried out model by model ------------------------------
 */

static next api_reset(struct api *api)
{
	const char *carrier = api_query(api, "carrier");
	if (!foresight_is_loaded(api->world->foresight))
		return not_loaded(api);
	if (carrier != NULL && *carrier == '\0')
		return api_problem(
		    api, 400, "carrier_required", "?carrier= needs a carrier's name.");
	api->json = foresight_empty_document(carrier);
	return THEN(order);
}

static next api_import(struct api *api)
{
	struct err err;
	const char *pointer;
	if (!foresight_is_loaded(api->world->foresight))
		return not_loaded(api);
	if (!api_body(api))
		return END;
	if (foresight_check(api->json, api->flow.arena, &pointer, &err))
		return THEN(order);
	struct problem_place place = {pointer, err.text};
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
	    foresight_order_write(api->world, &api->flow, api->json, (enum model)api->model,
	        &api->value, &api->value2),
	    STORE_WAIT_MS);
}

static next api_order(struct api *api)
{
	while (api->model < MODELS &&
	       json_object_get(api->json, model_name((enum model)api->model)) == NULL)
		api->model++;
	if (api->model == MODELS) {
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
	    foresight_order_names(api->world, &api->flow, (enum model)api->model, &api->value),
	    STORE_WAIT_MS);
}

static next api_named(struct api *api)
{
	return FAILED(api) ? api_store_failed(api) : write_model(api);
}

/* Stored; so it holds here as well, at once. */
static next api_written(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api); /* the order may be given again as a whole */
	foresight_order_apply(
	    api->world->foresight, api->json, (enum model)api->model, &api->value2);
	api->model++;
	return THEN(order);
}
