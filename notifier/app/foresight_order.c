#include <string.h>

#include "notifier/app/foresight_internal.h"
#include "notifier/app/json.h"

#define CARRIER    "carrier" /* of a document */
#define LAG_PREFIX "~lag|"   /* of the hazard model's entries */
/* In a document, beside an entry's name and text: quotes, colon, comma. */
#define ENTRY_FRAME 8

const char *model_name(enum model model)
{
	return model_types[model].name;
}

bool foresight_is_loaded(const struct foresight *f)
{
	return f != NULL && f->is_loaded;
}

/* --- the summary --------------------------------------------------------------------------------
 */

struct rows { /* of carriers: "carrier|service" → row */
	json_t *by_name;
};

static json_t *row_of(struct rows *rows, const char *carrier_service)
{
	json_t *row = json_object_get(rows->by_name, carrier_service);
	struct str carrier, service = str_cut(str_of(carrier_service), '|', &carrier);
	if (row != NULL)
		return row;
	row = json_object();
	json_object_set_new(row, CARRIER, json_stringn(carrier.at, carrier.len));
	json_object_set_new(
	    row, "service", service.len > 0 ? json_stringn(service.at, service.len) : json_null());
	/* NULL, a row of nobody, where the name is no UTF-8 (stored by other hands). */
	return json_object_set_new(rows->by_name, carrier_service, row) == 0 ? row : NULL;
}

static void add_news(void *arg, const char *carrier_service, double news)
{
	json_object_set_new(row_of(arg, carrier_service), "news", json_real(news));
}

static void add_deliveries(void *arg, const struct delay_count *count)
{
	json_object_set_new(
	    row_of(arg, count->carrier_service), "deliveries", json_real(count->deliveries));
}

struct lags {
	json_t *by_carrier;
};

static void add_lag(void *arg, const char *carrier, int64_t lag_ms)
{
	struct lags *lags = arg;
	json_object_set_new(
	    lags->by_carrier, carrier, json_integer((json_int_t)(lag_ms / SECOND_MS)));
}

/* What is learned of the carrier as a whole stands in each of its rows. */
static json_t *carriers_json(struct foresight *f)
{
	struct rows rows = {json_object()};
	struct lags lags = {json_object()};
	json_t *list = json_array(), *row;
	const char *name;
	delay_each_service(f->delay, add_deliveries, &rows);
	hazard_each_class(f->hazard, add_news, &rows);
	hazard_each_lag(f->hazard, add_lag, &lags);
	json_object_foreach(rows.by_name, name, row)
	{
		const char *carrier = json_string_value(json_object_get(row, CARRIER));
		json_t *lag = json_object_get(lags.by_carrier, carrier);
		const struct price *price = map_get(&f->prices, str_of(carrier));
		bool has_price = price != NULL && price->is_begun;
		if (json_object_get(row, "deliveries") == NULL)
			json_object_set_new(row, "deliveries", json_real(0));
		if (json_object_get(row, "news") == NULL)
			json_object_set_new(row, "news", json_real(0));
		json_object_set(row, "lag_s", lag ? lag : json_null());
		json_object_set_new(row, "price",
		    has_price ? json_real(pace_price_now(&price->pace)) : json_null());
		json_array_append(list, row);
	}
	json_decref(rows.by_name);
	json_decref(lags.by_carrier);
	return list;
}

json_t *foresight_summary(struct foresight *f)
{
	json_t *body = json_object(), *models = json_array();
	for (int model = 0; model < MODELS; model++) {
		const struct model_state *state = &f->states[model];
		json_t *row = json_object();
		json_put_text(row, "model", model_types[model].name);
		json_object_set_new(
		    row, "entries", json_integer((json_int_t)model_types[model].count(f)));
		json_object_set_new(row, "refused", json_boolean(state->is_refused));
		json_put_time(row, "saved_at", state->saved_ms);
		json_array_append_new(models, row);
	}
	json_object_set_new(body, "models", models);
	json_object_set_new(body, "carriers", carriers_json(f));
	return body;
}

/* --- the document -------------------------------------------------------------------------------
 */

static bool key_is_of(const char *key, const char *carrier)
{
	size_t len = strlen(carrier);
	if (str_starts(str_of(key), LAG_PREFIX))
		key += sizeof LAG_PREFIX - 1;
	return strncmp(key, carrier, len) == 0 && (key[len] == '|' || key[len] == '\0');
}

struct writing {
	json_t *entries;
	const char *carrier;
	size_t bytes;
};

static void add_entry(void *arg, const char *key, const char *value)
{
	struct writing *writing = arg;
	if (writing->carrier != NULL && !key_is_of(key, writing->carrier))
		return;
	writing->bytes += strlen(key) + strlen(value) + ENTRY_FRAME;
	if (writing->bytes <= MODEL_DOCUMENT_BYTES)
		json_object_set_new(writing->entries, key, json_string_nocheck(value));
}

json_t *foresight_empty_document(const char *carrier)
{
	json_t *document = json_object();
	json_put_text(document, CARRIER, carrier);
	for (int model = 0; model < MODELS; model++)
		if (carrier == NULL || model != MODEL_ALERT)
			json_object_set_new(document, model_types[model].name, json_object());
	return document;
}

json_t *foresight_document(struct foresight *f, const char *carrier)
{
	json_t *document = foresight_empty_document(carrier);
	struct writing writing = {.carrier = carrier};
	for (int model = 0; model < MODELS; model++) {
		writing.entries = json_object_get(document, model_types[model].name);
		if (writing.entries != NULL)
			model_types[model].all(f, add_entry, &writing);
	}
	if (writing.bytes > MODEL_DOCUMENT_BYTES) {
		json_decref(document);
		return NULL;
	}
	return document;
}

size_t foresight_document_entries(const json_t *document)
{
	size_t count = 0;
	for (int model = 0; model < MODELS; model++)
		count += json_object_size(json_object_get(document, model_types[model].name));
	return count;
}

/* --- checking -----------------------------------------------------------------------------------
 */

/* RFC 6901: ~ is ~0, / is ~1. */
static const char *pointer_to(struct arena *arena, const char *model, const char *key)
{
	struct buf text = BUF_EMPTY(0);
	buf_printf(&text, "/%s%s", model, key ? "/" : "");
	for (; key != NULL && *key != '\0'; key++) {
		if (*key == '~' || *key == '/')
			buf_add_text(&text, *key == '~' ? "~0" : "~1");
		else
			buf_add_char(&text, *key);
	}
	const char *copy = arena_strdup(arena, buf_text(&text));
	buf_free(&text);
	return copy;
}

static bool check_entry(struct foresight *probe, enum model model, const char *carrier,
    const char *key, const json_t *value, struct err *err)
{
	if (!json_is_string(value))
		return err_set(err, ERR_INPUT, "an entry is a text");
	if (text_eq(key, MODEL_REVISION))
		return err_set(err, ERR_INPUT, "this name is not for entries");
	if (carrier != NULL && (model == MODEL_ALERT || !key_is_of(key, carrier)))
		return err_set(
		    err, ERR_INPUT, "the document is of the carrier %s, this is not", carrier);
	return model_types[model].take(probe, key, json_string_value(value), err);
}

static int model_named(const char *name)
{
	int model = 0;
	while (model < MODELS && !text_eq(model_types[model].name, name))
		model++;
	return model;
}

static bool check_model(struct foresight *probe, const json_t *document, const char *name,
    const char **key, struct err *err)
{
	json_t *entries = json_object_get(document, name), *value;
	const char *carrier = json_string_value(json_object_get(document, CARRIER));
	int model = model_named(name);
	*key = NULL;
	if (text_eq(name, CARRIER))
		return (carrier != NULL && *carrier != '\0') ||
		       err_set(err, ERR_INPUT, "a carrier's name is needed here");
	if (model == MODELS)
		return err_set(err, ERR_INPUT,
		    "unknown model; there are hazard, pace, delay, silence and alert");
	if (!json_is_object(entries))
		return err_set(err, ERR_INPUT, "a model is an object: entry → text");
	json_object_foreach(entries, *key, value)
	{
		if (!check_entry(probe, (enum model)model, carrier, *key, value, err))
			return false;
	}
	return true;
}

bool foresight_check(json_t *document, struct arena *arena, const char **pointer, struct err *err)
{
	const char *name, *key;
	json_t *entries;
	bool ok = true;
	*pointer = "";
	if (!json_is_object(document))
		return err_set(err, ERR_INPUT, "the document is an object: model → {entry → text}");
	struct foresight *probe = foresight_new_probe();
	json_object_foreach(document, name, entries)
	{
		ok = check_model(probe, document, name, &key, err);
		if (!ok) {
			*pointer = pointer_to(arena, name, key);
			break;
		}
	}
	foresight_free(&probe);
	return ok;
}

/* --- orders -------------------------------------------------------------------------------------
 */

struct await *foresight_order_names(
    struct world *world, struct flow *flow, enum model model, struct redis_value *out)
{
	struct str command[] = {redis_arg("HKEYS"), model_key(flow->arena, model)};
	return redis_call(world->redis, flow, command, 2, out);
}

struct await *foresight_order_write(struct world *world, struct flow *flow, const json_t *document,
    enum model model, const struct redis_value *names, struct redis_value *out)
{
	const char *carrier = json_string_value(json_object_get(document, CARRIER)), *name;
	json_t *entries = json_object_get(document, model_types[model].name), *value;
	size_t most = json_object_size(entries) + (carrier ? names->count : 0), count = 0;
	struct str *args = arena_array(flow->arena, MODEL_ARGS_BEFORE + 2 * most, sizeof *args);
	args[count++] = redis_arg(MODEL_OPERATOR);
	args[count++] = str_of(model_token(flow->arena));
	args[count++] = redis_arg(carrier ? "*" : "!");
	for (size_t i = 0; carrier != NULL && i < names->count; i++) {
		name = names->items[i].text.at;
		if (!key_is_of(name, carrier) || json_object_get(entries, name) != NULL)
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

void foresight_order_apply(struct foresight *f, const json_t *document, enum model model,
    const struct redis_value *revision)
{
	const char *carrier = json_string_value(json_object_get(document, CARRIER)), *name;
	json_t *entries = json_object_get(document, model_types[model].name), *value;
	struct model_state *state = &f->states[model];
	struct err err;
	if (carrier == NULL)
		state->is_refused = false;
	model_types[model].forget(f, carrier);
	model_types[model].begin(f);
	json_object_foreach(entries, name, value)
	{
		if (!model_types[model].take(f, name, json_string_value(value), &err))
			state->is_refused = true; /* it was checked; the next load says more */
	}
	model_types[model].end(f, false);
	f->orders++;
	f->sync_due_ms = 0;
	if (carrier != NULL)
		return; /* what others stored of other carriers is not read yet */
	state->token[0] = '\0';
	xfree(state->revision);
	state->revision = xstrdup(revision->text.at);
}
