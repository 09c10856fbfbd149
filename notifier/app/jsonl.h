/* JSON Lines in, JSON Lines out: the frame of parse, detect, render and sms.
 *
 * Invariant: each line with text on it gives exactly one line, in order, with the same `id`
 * (missing: null).  A line that cannot be used gets {"id":…,"error":{"message":…}} and the rest
 * goes on.  Output is flushed whenever we would wait for input, so a program may talk to us line
 * by line.
 */
#ifndef APP_JSONL_H
#define APP_JSONL_H
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "notifier/base/err.h"
#include "notifier/base/mem.h"
#include "notifier/base/str.h"

#define JSONL_LINE_BYTES (8 * 1024 * 1024)

struct jsonl_line {
	const json_t *in;    /* an object */
	json_t *out;         /* holds "id"; add to it; dropped when the line fails */
	struct arena *arena; /* reset after each line */
	struct err err;
	int line, column; /* of err inside a text of the line; 0: not known */
};

/* Reads in until its end and calls each for every object.  each returns false with line->err set
 * where the line cannot be used.  Returns the exit code: EXIT_DONE; EXIT_FAILED when some line
 * was unusable or reading or writing failed (said on stderr under the command's name). */
int jsonl_run(const char *command, int in, FILE *out,
    bool (*each)(struct jsonl_line *line, void *context), void *context);

/* Fields of line->in.  False: the field has another type (err says so); missing and null leave
 * *out as it is.  Texts are borrowed from the line and may hold NULs. */
bool jsonl_get_text(struct jsonl_line *line, const char *key, struct str *out) CHECK_RESULT;
bool jsonl_get_bool(struct jsonl_line *line, const char *key, bool *out) CHECK_RESULT;
bool jsonl_get_object(struct jsonl_line *line, const char *key, json_t **out) CHECK_RESULT;
#endif
