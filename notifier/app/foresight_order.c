/* Operators' orders: a document is written to Redis model by model, and holds here then. */
#include <string.h>

#include "notifier/app/foresight_internal.h"
#include "notifier/app/json.h"
#include "notifier/io/pause.h"

#define LAG_PREFIX "~lag|" /* of the hazard model's entries */

const char *model_name(enum model model)
{
	return model_types[model].name;
}

bool foresight_is_loaded(const struct foresight *f)
{
	return f != NULL && f->is_loaded;
}

bool model_key_is_of(const char *key, const char *carrier)
{
	size_t len = strlen(carrier);
	if (str_starts(str_of(key), LAG_PREFIX))
		key += sizeof LAG_PREFIX - 1;
	return strncmp(key, carrier, len) == 0 && (key[len] == '|' || key[len] == '\0');
}

json_t *foresight_empty_document(const char *carrier)
{
	json_t *document = json_object();
	json_put_text(document, MODEL_CARRIER, carrier);
	for (int model = 0; model < MODELS; model++)
		if (carrier == NULL || model != MODEL_ALERT)
			json_object_set_new(document, model_types[model].name, json_object());
	return document;
}

size_t foresight_document_entries(const json_t *document)
{
	size_t count = 0;
	for (int model = 0; model < MODELS; model++)
		count += json_object_size(json_object_get(document, model_types[model].name));
	return count;
}

/* --- one at a time ------------------------------------------------------------------------------
 */

bool foresight_order_begin(struct foresight *f, const void *order)
{
	if (f->order != NULL)
		return false;
	f->order = order;
	return true;
}

void foresight_order_end(struct foresight *f, const void *order)
{
	if (f == NULL || f->order != order)
		return;
	f->order = NULL;
	f->orders++; /* carried out or not: what holds is what is stored */
	f->sync_due_ms = 0;
}

/* --- in Redis -----------------------------------------------------------------------------------
 */

struct await *foresight_order_names(
    struct world *world, struct flow *flow, enum model model, struct redis_value *out)
{
	struct str command[] = {redis_arg("HKEYS"), model_key(flow->arena, model)};
	return redis_call(world->redis, flow, command, 2, out);
}

struct await *foresight_order_write(struct world *world, struct flow *flow,
    const struct model_order *order, const struct redis_value *names, struct redis_value *out)
{
	const json_t *document = order->document;
	enum model model = order->model;
	const char *carrier = json_string_value(json_object_get(document, MODEL_CARRIER)), *name;
	json_t *entries = json_object_get(document, model_types[model].name), *value;
	size_t most = json_object_size(entries) + (carrier ? names->count : 0), count = 0;
	struct str *args = arena_array(flow->arena, MODEL_ARGS_BEFORE + 2 * most, sizeof *args);
	args[count++] = redis_arg(MODEL_OPERATOR);
	args[count++] = str_of(model_token(flow->arena));
	args[count++] = redis_arg(carrier ? "*" : "!");
	for (size_t i = 0; carrier != NULL && i < names->count; i++) {
		name = names->items[i].text.at;
		if (!model_key_is_of(name, carrier) || json_object_get(entries, name) != NULL)
			continue;
		args[count++] = names->items[i].text;
		args[count++] = str_of("");
	}
	json_object_foreach(entries, name, value)
	{
		args[count++] = str_of(name);
		args[count++] = str_of(json_string_value(value));
	}
	struct str key = model_key(flow->arena, model);
	struct redis_script_call call = {.script = script(SCRIPT_model),
	    .keys = &key,
	    .key_count = 1,
	    .args = args,
	    .arg_count = count};
	return redis_run(world->redis, flow, &call, out);
}

/* --- here ---------------------------------------------------------------------------------------
 */

void foresight_order_forget(struct foresight *f, const struct model_order *order)
{
	const char *carrier = json_string_value(json_object_get(order->document, MODEL_CARRIER));
	if (carrier == NULL)
		f->states[order->model].is_refused = false;
	model_types[order->model].forget(f, carrier);
	foresight_trust(f, loop_now_ms());
	model_types[order->model].begin(f);
}

static void order_is_carried_out(
    struct foresight *f, const struct model_order *order, const struct redis_value *revision)
{
	struct model_state *state = &f->states[order->model];
	model_types[order->model].end(f, false);
	if (json_object_get(order->document, MODEL_CARRIER) != NULL)
		return; /* what others stored of other carriers is not read yet */
	state->token[0] = '\0';
	xfree(state->revision);
	state->revision = xstrdup(revision->text.at);
}

bool foresight_order_apply(
    struct foresight *f, struct model_order *order, const struct redis_value *revision)
{
	const struct model_type *type = &model_types[order->model];
	json_t *entries = json_object_get(order->document, type->name);
	int64_t since_ms = loop_monotonic_ms();
	struct err err;
	void *at = order->entry ? order->entry : json_object_iter(entries);
	for (; at != NULL; at = json_object_iter_next(entries, at)) {
		order->entry = at;
		if (pause_is_due(since_ms))
			return false;
		const char *text = json_string_value(json_object_iter_value(at));
		if (!type->take(f, json_object_iter_key(at), text, &err))
			f->states[order->model].is_refused = true; /* the next load says more */
	}
	order->entry = NULL;
	order_is_carried_out(f, order, revision);
	return true;
}
