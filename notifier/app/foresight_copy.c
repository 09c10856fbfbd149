/* A copy of what was learned, written in slices: it may be of many megabytes. */
#include "notifier/app/foresight_internal.h"
#include "notifier/app/json.h"
#include "notifier/io/pause.h"

struct model_copy {
	const char *carrier; /* NULL: all */
	struct buf text;     /* the document so far */
	enum model model;    /* … in the middle of this one, … */
	size_t at;           /* … at this of its entries */
	size_t entries;      /* of the model, in the text */
};

struct model_copy *foresight_copy_new(const char *carrier)
{
	struct model_copy *copy = xcalloc(1, sizeof *copy);
	copy->carrier = carrier;
	return copy;
}

void foresight_copy_free(struct model_copy **copy)
{
	if (*copy != NULL)
		buf_free(&(*copy)->text);
	xfree(*copy);
	*copy = NULL;
}

struct str foresight_copy_text(const struct model_copy *copy)
{
	return str_make(copy->text.data, copy->text.size);
}

static int add_piece(const char *text, size_t len, void *arg)
{
	buf_add(arg, text, len);
	return 0;
}

static void add_text(struct buf *out, json_t *text)
{
	json_dump_callback(text, add_piece, out, JSON_ENCODE_ANY | JSON_COMPACT);
	json_decref(text);
}

static void add_entry(void *arg, const char *key, const char *value)
{
	struct model_copy *copy = arg;
	json_t *name = json_string(key);
	if (name == NULL || (copy->carrier != NULL && !model_key_is_of(key, copy->carrier))) {
		json_decref(name); /* NULL: no UTF-8, stored by other hands */
		return;
	}
	if (copy->entries++ > 0)
		buf_add_char(&copy->text, ',');
	add_text(&copy->text, name);
	buf_add_char(&copy->text, ':');
	add_text(&copy->text, json_string_nocheck(value));
}

static void begin_document(struct model_copy *copy)
{
	buf_add_char(&copy->text, '{');
	if (copy->carrier == NULL)
		return;
	json_t *name = json_string(copy->carrier);
	buf_add_text(&copy->text, "\"" MODEL_CARRIER "\":");
	add_text(&copy->text, name ? name : json_string(""));
	buf_add_char(&copy->text, ',');
}

static void begin_model(struct model_copy *copy)
{
	buf_printf(
	    &copy->text, "%s\"%s\":{", copy->model > 0 ? "," : "", model_types[copy->model].name);
	copy->entries = 0;
}

/* What is learned of no carrier is not in one carrier's document. */
static bool has_model(const struct model_copy *copy)
{
	return copy->carrier == NULL || copy->model != MODEL_ALERT;
}

static void end_model(struct model_copy *copy)
{
	buf_add_char(&copy->text, '}');
	copy->model++;
	copy->at = 0;
}

enum model_copying foresight_copy_more(struct foresight *f, struct model_copy *copy)
{
	int64_t since_ms = loop_monotonic_ms();
	if (copy->text.size == 0)
		begin_document(copy);
	for (; copy->model < MODELS && has_model(copy); end_model(copy)) {
		if (copy->at == 0)
			begin_model(copy);
		while (model_types[copy->model].next(f, &copy->at, add_entry, copy)) {
			if (copy->text.size > MODEL_DOCUMENT_BYTES)
				return COPY_TOO_LARGE;
			if (pause_is_due(since_ms))
				return COPY_UNDER_WAY;
		}
	}
	buf_add_char(&copy->text, '}');
	return COPY_DONE;
}
