/* Whether a document can be carried out: read and tried on models that are thrown away, off the
 * loop when it is large. */
#include <string.h>

#include "notifier/app/foresight_internal.h"
#include "notifier/app/json.h"
#include "notifier/io/work.h"

#define CHECK_ON_LOOP_BYTES (64 * 1024)
/* So that whatever is done with a checked document is done in a bounded time. */
#define ENTRIES_MAX      100000 /* more than all models keep */
#define ENTRY_NAME_BYTES 256
#define ENTRY_BYTES      (32 * 1024) /* a price's profile, the longest, has 10 kB */

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
	if (carrier != NULL && (model == MODEL_ALERT || !model_key_is_of(key, carrier)))
		return err_set(
		    err, ERR_INPUT, "the document is of the carrier %s, this is not", carrier);
	if (strlen(key) > ENTRY_NAME_BYTES || json_string_length(value) > ENTRY_BYTES)
		return err_set(err, ERR_INPUT, "longer than any entry is");
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
	const char *carrier = json_string_value(json_object_get(document, MODEL_CARRIER));
	int model = model_named(name);
	*key = NULL;
	if (text_eq(name, MODEL_CARRIER))
		return (carrier != NULL && *carrier != '\0' &&
		           strlen(carrier) <= ENTRY_NAME_BYTES) ||
		       err_set(err, ERR_INPUT, "a carrier's name is needed here");
	if (model == MODELS)
		return err_set(err, ERR_INPUT,
		    "unknown model; there are hazard, pace, delay, silence, last_stop and alert");
	if (!json_is_object(entries))
		return err_set(err, ERR_INPUT, "a model is an object: entry → text");
	json_object_foreach(entries, *key, value)
	{
		if (!check_entry(probe, (enum model)model, carrier, *key, value, err))
			return false;
	}
	return true;
}

struct check {
	struct work work; /* first */
	struct str body;
	int64_t now_ms;
	struct arena *arena;
	struct model_checked result;
	struct model_checked *out; /* in the flow's memory: only while it is wanted */
};

static bool refuse(struct check *check, const char *name, const char *key)
{
	bool is_endless =
	    strlen(name) > ENTRY_NAME_BYTES || (key != NULL && strlen(key) > ENTRY_NAME_BYTES);
	check->result.pointer = is_endless ? "" : pointer_to(check->arena, name, key);
	return false;
}

static bool check_document(struct check *check, json_t *document, struct foresight *probe)
{
	struct err *err = &check->result.err;
	const char *name, *key;
	json_t *entries;
	size_t count = 0;
	check->result.pointer = "";
	if (!json_is_object(document))
		return err_set(err, ERR_INPUT, "the document is an object: model → {entry → text}");
	json_object_foreach(document, name, entries)
	{
		count += json_object_size(entries);
		if (count > ENTRIES_MAX)
			return err_set(err, ERR_INPUT, "more than %d entries", ENTRIES_MAX);
		if (!check_model(probe, document, name, &key, err))
			return refuse(check, name, key);
	}
	return true;
}

/* Pure: what it touches is the check's own. */
static void check_run(struct work *work)
{
	struct check *check = (struct check *)(void *)work;
	json_error_t problem;
	json_t *document =
	    json_loadb(check->body.at, check->body.len, JSON_REJECT_DUPLICATES, &problem);
	if (document == NULL) {
		err_set(&check->result.err, ERR_INPUT,
		    "The body is not JSON: line %d, column %d: %s", problem.line, problem.column,
		    problem.text);
		return;
	}
	struct foresight *probe = foresight_new_probe();
	foresight_trust(probe, check->now_ms);
	if (check_document(check, document, probe))
		check->result.document = document;
	else
		json_decref(document);
	foresight_free(&probe);
}

static void check_finish(struct work *work)
{
	struct check *check = (struct check *)(void *)work;
	if (await_is_wanted(&work->await)) {
		*check->out = check->result;
		check->out->pointer = arena_strdup(work->await.flow->arena, check->result.pointer);
		await_done(&work->await);
	} else {
		json_decref(check->result.document);
	}
	arena_free(&check->arena);
	xfree(check);
}

struct await *foresight_check(struct flow *flow, struct str body, struct model_checked *out)
{
	struct check *check = xcalloc(1, sizeof *check);
	check->now_ms = loop_now_ms();
	*out = (struct model_checked){0};
	check->arena = arena_new();
	check->out = out;
	if (body.len > CHECK_ON_LOOP_BYTES) {
		/* The thread may outlive the flow: it works on a copy. */
		check->body = str_make(arena_strndup(check->arena, body.at, body.len), body.len);
		check->work.run = check_run;
		check->work.finish = check_finish;
		return work_start(flow, &check->work);
	}
	check->body = body;
	check_run(&check->work);
	*out = check->result;
	out->pointer = arena_strdup(flow->arena, check->result.pointer);
	arena_free(&check->arena);
	xfree(check);
	return await_over(flow, NULL);
}
