/* The catalogue: every message in every language, compiled from a tree of template files.
 *
 * Invariant: a catalogue never changes after catalogue_load and holds no error: a tree with any
 * is refused as a whole, with every finding reported.  A message is rendered in one language
 * from end to end, never mixed.
 *
 *     contract.json              which variables an event has (types, samples, optional or not)
 *     layout.html, layout.txt    Liquid around the body
 *     <lang>/_language.yaml      name, direction, digits, time patterns, common words, reasons
 *     <lang>/<event>[_<reason>].md   YAML front matter + Markdown body, all of it Liquid
 *     snippets/<name>.liquid     for {% render 'name' %}
 *     samples/<name>.json        data for previews
 *
 * templates/README.md describes the formats for the people who edit them.
 */
#ifndef MESSAGE_CATALOGUE_H
#define MESSAGE_CATALOGUE_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notifier/base/err.h"
#include "notifier/base/mem.h"
#include "notifier/base/str.h"
#include "notifier/message/l10n.h"
#include "notifier/message/sms.h"

struct catalogue;

struct catalogue_file {
	const char *path; /* inside the tree: "en/shipped.md" */
	struct str bytes;
};

struct catalogue_finding {
	bool is_error;    /* else a warning: the tree loads all the same */
	const char *id;   /* T01 …, as in templates/README.md */
	const char *path; /* "en/shipped.md" */
	int line, column; /* from 1; 0: the file as a whole */
	const char *text;
};

struct catalogue_report { /* called once per finding, before catalogue_load returns */
	void (*found)(void *context, const struct catalogue_finding *finding);
	void *context;
};

/* Compiles the tree; the files are borrowed for the call.  NULL if there was an error.  A later
 * file of the same path replaces an earlier one, so that an operator's tree can be laid over the
 * built-in one.  The caller holds one reference. */
struct catalogue *catalogue_load(const struct catalogue_file *files, size_t count,
    const struct catalogue_report *report) CHECK_RESULT;
struct catalogue *catalogue_ref(struct catalogue *catalogue);
void catalogue_unref(struct catalogue **catalogue); /* accepts NULL inside; leaves NULL */

struct catalogue_request {
	const char *language; /* wanted: "pt-BR"; else "pt", then fallback, then "en" */
	const char *fallback; /* the account's language; NULL: none */
	const char *event;    /* "exception" */
	const char *reason;   /* "damaged", or NULL: takes exception_damaged if it is there */
	const char *locale;   /* for its region: "hi-IN" or "und-IN"; NULL: the language's own */
	const char *zone;     /* the recipient's; NULL: UTC */
	int64_t now_ms;
	const json_t *data; /* the variables of the contract; reason_text is made from reason */
};

struct rendered {             /* all in the arena */
	const char *language; /* the one that was taken */
	const char *subject, *preheader;
	const char *text, *html; /* whole parts, layout included */
	const char *sms;         /* typographic replacement done */
	struct sms_size sms_size;
	const char *dlt_template_id; /* India's registration of the SMS; NULL: none */
	const char
	    *missing; /* a required variable that data lacked (its place is empty); NULL: none */
};

/* False: no such message in any language (ERR_PERMANENT), or a limit was passed (ERR_INPUT). */
bool catalogue_render(const struct catalogue *catalogue, const struct catalogue_request *request,
    struct rendered *out, struct arena *arena, struct err *err) CHECK_RESULT;

/* --- looking into it --- */

struct catalogue_message {
	const char *language, *event, *reason; /* reason NULL: the event's own */
	const char *path;
	const char *sms_source; /* the SMS as written; for DLT export */
	const char *dlt_template_id;
};
size_t catalogue_count(const struct catalogue *catalogue);
struct catalogue_message catalogue_message(const struct catalogue *catalogue, size_t index);
/* The time phrases of a language ("gu", "gu-IN"), or NULL; for rendering outside a message. */
const struct l10n_phrases *catalogue_phrases(
    const struct catalogue *catalogue, const char *language);
/* Data for previews: samples/<name>.json if there is one, else what the contract's samples make
 * (with the optional variables, or without).  The caller owns a reference. */
json_t *catalogue_sample(const struct catalogue *catalogue, const char *name, bool optional);
/* Renders every message with its sample, with and without its optional variables, and reports
 * what only the result shows (T22 SMS too long, T05 limits, T29 long subjects).  False: an error
 * was among the findings. */
bool catalogue_lint(const struct catalogue *catalogue, const struct catalogue_report *report);
#endif
