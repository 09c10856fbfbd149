#include "notifier/app/jsonl.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "notifier/app/json.h"
#include "notifier/app/options.h"

#define CHUNK_BYTES (64 * 1024)

struct run {
	const char *command;
	FILE *out;
	bool (*each)(struct jsonl_line *line, void *context);
	void *context;
	struct arena *arena;
	bool some_failed, write_failed;
};

static void put_error(struct jsonl_line *line)
{
	json_t *error = json_pack("{s:s}", "message", line->err.text);
	if (error == NULL) /* a text cut inside a character */
		error = json_pack("{s:s}", "message", "this line cannot be used");
	if (line->line > 0)
		json_object_set_new(error, "line", json_integer(line->line));
	if (line->column > 0)
		json_object_set_new(error, "column", json_integer(line->column));
	json_object_set_new(line->out, "error", error);
}

static json_t *out_new(const json_t *in)
{
	json_t *id = json_object_get(in, "id"), *out = json_object();
	json_object_set_new(out, "id", id ? json_incref(id) : json_null());
	return out;
}

static void fail_line(struct run *run, struct jsonl_line *line)
{
	run->some_failed = true;
	json_decref(line->out);
	line->out = out_new(line->in);
	put_error(line);
}

static void finish_line(struct run *run, struct jsonl_line *line, bool ok)
{
	if (!ok)
		fail_line(run, line);
	struct str text = json_text(line->out, run->arena);
	if (text.len == 0) { /* somebody put bytes into it that are no UTF-8 */
		err_set(&line->err, ERR_INPUT, "the result is not valid UTF-8");
		fail_line(run, line);
		text = json_text(line->out, run->arena);
	}
	if (fwrite(text.at, 1, text.len, run->out) != text.len || putc('\n', run->out) == EOF)
		run->write_failed = true;
	json_decref(line->out);
	arena_reset(run->arena);
}

static void run_line(struct run *run, struct str text)
{
	json_error_t error;
	struct jsonl_line line = {.arena = run->arena};
	text = str_trim(text);
	if (text.len == 0)
		return;
	json_t *in = json_loadb(
	    text.at, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	line.in = in;
	line.out = out_new(in);
	bool ok = json_is_object(in);
	if (in == NULL)
		err_set(&line.err, ERR_INPUT, "not JSON: %s (column %d)", error.text, error.column);
	else if (!ok)
		err_set(&line.err, ERR_INPUT, "expected a JSON object {…}");
	finish_line(run, &line, ok && run->each(&line, run->context));
	json_decref(in);
}

static void refuse_long(struct run *run)
{
	struct jsonl_line line = {.arena = run->arena, .out = out_new(NULL)};
	err_set(&line.err, ERR_INPUT, "the line is longer than %d bytes", JSONL_LINE_BYTES);
	finish_line(run, &line, false);
}

/* What was read and not yet used. */
struct reader {
	struct buf pending;
	size_t searched;  /* bytes of pending that hold no line end */
	bool is_skipping; /* inside a line that was refused for its length */
};

static void take_lines(struct run *run, struct reader *reader)
{
	size_t start = 0;
	const char *data = buf_text(&reader->pending), *end;
	while ((end = memchr(data + reader->searched, '\n',
	            reader->pending.size - reader->searched)) != NULL) {
		size_t at = (size_t)(end - data);
		if (!reader->is_skipping)
			run_line(run, str_make(data + start, at - start));
		reader->is_skipping = false;
		reader->searched = start = at + 1;
	}
	buf_consume(&reader->pending, start);
	reader->searched = reader->pending.size;
	if (reader->pending.size > JSONL_LINE_BYTES) {
		if (!reader->is_skipping)
			refuse_long(run);
		reader->is_skipping = true;
	}
	if (reader->is_skipping) {
		buf_clear(&reader->pending);
		reader->searched = 0;
	}
}

static ssize_t read_some(int in, char *chunk)
{
	ssize_t got;
	do
		got = read(in, chunk, CHUNK_BYTES);
	while (got < 0 && errno == EINTR);
	return got;
}

/* Returns what read said last: 0 at the end, -1 on an error. */
static ssize_t read_all(struct run *run, int in)
{
	struct reader reader = {.pending = BUF_EMPTY(0)};
	char *chunk = xmalloc(CHUNK_BYTES);
	ssize_t got = 1;
	while (got > 0 && !run->write_failed) {
		if (fflush(run->out) != 0) {
			run->write_failed = true;
			break;
		}
		got = read_some(in, chunk);
		if (got > 0)
			buf_add(&reader.pending, chunk, (size_t)got);
		else if (got == 0 && reader.pending.size > 0)
			buf_add_char(&reader.pending, '\n'); /* a last line without its end */
		take_lines(run, &reader);
	}
	xfree(chunk);
	buf_free(&reader.pending);
	return got;
}

int jsonl_run(const char *command, int in, FILE *out,
    bool (*each)(struct jsonl_line *line, void *context), void *context)
{
	struct run run = {command, out, each, context, arena_new(), false, false};
	ssize_t last = read_all(&run, in);
	int error = errno;
	arena_free(&run.arena);
	if (run.write_failed || fflush(out) != 0)
		return options_failed(command, "cannot write: %s", strerror(errno));
	if (last < 0)
		return options_failed(command, "cannot read: %s", strerror(error));
	return run.some_failed ? EXIT_FAILED : EXIT_DONE;
}

static json_t *get(const struct jsonl_line *line, const char *key)
{
	json_t *value = json_object_get(line->in, key);
	return json_is_null(value) ? NULL : value;
}

bool jsonl_get_text(struct jsonl_line *line, const char *key, struct str *out)
{
	const json_t *value = get(line, key);
	if (value == NULL)
		return true;
	if (!json_is_string(value))
		return err_set(&line->err, ERR_INPUT, "\"%s\" must be a text", key);
	*out = str_make(json_string_value(value), json_string_length(value));
	return true;
}

bool jsonl_get_bool(struct jsonl_line *line, const char *key, bool *out)
{
	const json_t *value = get(line, key);
	if (value == NULL)
		return true;
	if (!json_is_boolean(value))
		return err_set(&line->err, ERR_INPUT, "\"%s\" must be true or false", key);
	*out = json_is_true(value);
	return true;
}

bool jsonl_get_object(struct jsonl_line *line, const char *key, json_t **out)
{
	json_t *value = get(line, key);
	if (value == NULL)
		return true;
	if (!json_is_object(value))
		return err_set(&line->err, ERR_INPUT, "\"%s\" must be an object", key);
	*out = value;
	return true;
}
