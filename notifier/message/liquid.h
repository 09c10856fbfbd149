/* Templates: a strict core of the Liquid language, compiled once and rendered often.
 *
 * Invariant: a compiled template never changes, and rendering is bounded whatever the template
 * and the data say: LIQUID_* below are its limits.  Values never leave their place in the output:
 * they are escaped for it (liquid_options.escape) unless the template says `| raw`.
 *
 *     tags     if elsif else unless case when for break continue assign render comment raw #
 *     filters  default escape upcase downcase capitalize strip append prepend replace truncate
 *              size first last join split plus minus url_encode newline_to_br raw
 *     ours     when day time money number plural list sms json
 *
 * Differences from Shopify's Liquid are listed in templates/README.md.
 */
#ifndef MESSAGE_LIQUID_H
#define MESSAGE_LIQUID_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notifier/base/err.h"
#include "notifier/base/mem.h"
#include "notifier/base/str.h"
#include "notifier/message/l10n.h"

#define LIQUID_TEMPLATE_BYTES (64 * 1024)       /* of each source */
#define LIQUID_OUTPUT_BYTES   (256 * 1024)      /* of one render */
#define LIQUID_STEPS          10000             /* nodes and list items visited by one render */
#define LIQUID_STEP_BYTES     256               /* of a text that one step may read */
#define LIQUID_NESTING        16                /* blocks in blocks, brackets in brackets */
#define LIQUID_RENDER_DEPTH   8                 /* snippets in snippets */
#define LIQUID_SCRATCH_BYTES  (8 * 1024 * 1024) /* memory of one render */
#define LIQUID_RANGE_ITEMS    100               /* (1..n) */

struct liquid; /* a compiled template with the snippets it uses */

struct liquid_place { /* both from 1; the column counts characters; 0 = not known */
	int line, column;
};

struct liquid_partial {
	const char *name; /* what {% render 'name' %} says */
	struct str source;
};

struct liquid_partials {
	const struct liquid_partial *items;
	size_t count;
};

/* What to compile.  `strict` also refuses what Liquid silently ignores: an expression behind
 * else, a second else, a stray word in when, an empty {{ }}. */
struct liquid_source {
	struct str text;
	const struct liquid_partials *partials; /* NULL: none */
	bool strict;
};

/* The source is copied.  NULL on an error: err says what (ERR_INPUT) with the nearest known name
 * of an unknown tag, filter or snippet, place says where (err names the snippet if in one). */
struct liquid *liquid_compile(
    const struct liquid_source *source, struct err *err, struct liquid_place *place) CHECK_RESULT;
void liquid_free(struct liquid **template);

enum liquid_escape { LIQUID_ESCAPE_NONE, LIQUID_ESCAPE_HTML, LIQUID_ESCAPE_MARKDOWN };

struct liquid_binding { /* a variable beside the data; found before the data */
	const char *name;
	struct str text;
};

struct liquid_options {
	enum liquid_escape escape;
	const struct l10n *l10n;            /* NULL: English, UTC */
	const struct l10n_phrases *phrases; /* for `when`, `day`, `time`; NULL: l10n's English */
	int64_t now_ms;                     /* what "tomorrow" is measured from */
	bool strict;                        /* printing an undefined variable is an error */
	bool iso_currency;                  /* money as INR 5.00 where its sign is not in GSM-7 */
	const struct liquid_binding *bindings;
	size_t bindings_count;
	struct arena *arena; /* for scratch; NULL: a private one */
};

/* Appends to out; data is an object or NULL, borrowed for the call.  False: err and place (either
 * may be NULL) say what and where; out then holds what had been written so far. */
bool liquid_render(const struct liquid *template, const json_t *data,
    const struct liquid_options *options, struct buf *out, struct err *err,
    struct liquid_place *place) CHECK_RESULT;

/* A variable that the template takes from its data (not one that it made by assign or for). */
struct liquid_use {
	const char *path; /* "recipient.name"; ends before the first [computed] step */
	struct liquid_place place;
	bool printed; /* in the output, else only tested, looped over, … */
	bool guarded; /* inside an `if` that tests it, or has a `default` */
	bool snippet; /* stands in a snippet, where only the arguments are known */
};
/* Borrowed from the template. */
const struct liquid_use *liquid_uses(const struct liquid *template, size_t *count);
bool liquid_uses_filter(const struct liquid *template, const char *name);

/* Appends text as it must stand in a document of that kind.  MARKDOWN: every ASCII punctuation
 * gets a backslash (CommonMark 0.30, 2.4) and runs of white space become one space, so that a
 * value can neither format nor start a block. */
void liquid_escape_text(struct buf *out, struct str text, enum liquid_escape escape);
#endif
