/* From a request to a whole message; and the lint that needs whole messages. */
#include <stdio.h>
#include <string.h>

#include "notifier/message/catalogue_internal.h"
#include "notifier/message/markdown.h"

#define BINDINGS 40 /* of a layout: its own words and the language's */

/* One catalogue_render. */
struct rendering {
	const struct catalogue *catalogue;
	const struct catalogue_request *request;
	const struct event_rule *event;
	const struct message *message;
	struct liquid_options options;
	struct liquid_binding bindings[BINDINGS];
	struct arena *arena;
	struct rendered *out;
	struct err *err;
};

/* --- which message --- */

static const struct message *find_in(
    const struct catalogue *catalogue, struct str language, const char *event, const char *reason)
{
	const struct message *plain = NULL;
	for (const struct message *message = catalogue->messages; message;
	     message = message->next) {
		if (strcmp(message->is.event, event) != 0 ||
		    !str_eq_nocase(language, message->is.language))
			continue;
		if (message->is.reason == NULL)
			plain = message;
		else if (text_eq(message->is.reason, reason))
			return message;
	}
	return plain;
}

/* The language, then what it is a dialect of. */
static const struct message *find_for(const struct catalogue *catalogue, const char *language,
    const struct catalogue_request *request)
{
	struct str code = str_of(language);
	while (code.len > 0) {
		const struct message *message =
		    find_in(catalogue, code, request->event, request->reason);
		if (message != NULL)
			return message;
		while (code.len > 0 && code.at[code.len - 1] != '-' && code.at[code.len - 1] != '_')
			code.len--;
		code.len -= code.len > 0;
	}
	return NULL;
}

static const struct message *find_message(
    const struct catalogue *catalogue, const struct catalogue_request *request)
{
	const char *const wishes[] = {request->language, request->fallback, "en"};
	const struct message *message = NULL;
	for (size_t i = 0; i < 3 && message == NULL; i++)
		message = find_for(catalogue, wishes[i], request);
	return message;
}

/* The message's language with the region of the recipient: hi + en-IN → hi_IN. */
static const struct l10n *l10n_of(
    const struct language *language, const struct catalogue_request *request)
{
	char locale[32];
	const char *region = request->locale ? strrchr(request->locale, '-') : NULL;
	if (request->locale != NULL && region == NULL)
		region = strrchr(request->locale, '_');
	bool is_region = region != NULL && strlen(region) == 3;
	bool has_own = strpbrk(language->code, "-_") != NULL;
	snprintf(locale, sizeof locale, "%.20s%s%s", language->code,
	    is_region && !has_own ? "_" : "", is_region && !has_own ? region + 1 : "");
	return l10n_for_digits(locale, request->zone, language->digits);
}

/* --- pieces --- */

static void bind(struct rendering *rendering, const char *name, const char *text)
{
	struct liquid_options *options = &rendering->options;
	if (options->bindings_count < BINDINGS)
		rendering->bindings[options->bindings_count++] =
		    (struct liquid_binding){name, str_of(text)};
}

static bool run(struct rendering *rendering, const struct liquid *template,
    enum liquid_escape escape, struct buf *out)
{
	struct err err;
	struct liquid_place place;
	rendering->options.escape = escape;
	if (liquid_render(
	        template, rendering->request->data, &rendering->options, out, &err, &place))
		return true;
	return err_set(rendering->err, err.kind, "%s: %s", rendering->message->is.path, err.text);
}

/* One line without control characters, in the arena; NULL on an error. */
static const char *run_line(struct rendering *rendering, const struct liquid *template)
{
	struct buf out = BUF_EMPTY(0);
	char *line = NULL;
	if (run(rendering, template, LIQUID_ESCAPE_NONE, &out)) {
		struct str text = str_trim(str_make(out.data, out.size));
		char *whole = arena_strndup(rendering->arena, text.at ? text.at : "", text.len);
		line = arena_alloc(rendering->arena, text.len + 1);
		text_clean(line, text.len + 1, whole);
	}
	buf_free(&out);
	return line;
}

static const char *keep(struct rendering *rendering, struct buf *buf)
{
	const char *kept = arena_strndup(rendering->arena, buf_text(buf), buf->size);
	buf_free(buf);
	return kept;
}

static void bind_reason(struct rendering *rendering)
{
	for (const struct word *word = rendering->message->in->reasons; word; word = word->next)
		if (text_eq(word->key, rendering->request->reason) && word->plain[0] != '\0')
			bind(rendering, "reason_text", word->plain);
}

/* The button goes where the contract says, else to the tracking page, else it is left out. */
static const char *button_url(const struct rendering *rendering)
{
	const char *const paths[] = {rendering->event->link, "links.track"};
	for (size_t i = 0; i < 2; i++) {
		const char *url = json_string_value(json_at(rendering->request->data, paths[i]));
		if (url != NULL && markdown_link_is_safe(str_of(url)))
			return url;
	}
	return "";
}

/* --- the channels --- */

static bool render_sms(struct rendering *rendering)
{
	const struct liquid *template = rendering->message->fields[FIELD_SMS];
	bool has_money = liquid_uses_filter(template, "money");
	struct rendered *out = rendering->out;
	/* A rupee sign alone would double the price of an English SMS: then its code stands there.
	 */
	for (int attempt = 0; attempt < (has_money ? 2 : 1); attempt++) {
		rendering->options.iso_currency = attempt > 0;
		const char *line = run_line(rendering, template);
		if (line == NULL)
			return false;
		struct buf smart = BUF_EMPTY(0);
		sms_smart(&smart, str_of(line));
		struct sms_size size = sms_measure(str_make(smart.data, smart.size));
		if (attempt == 0 || size.encoding == SMS_GSM7)
			out->sms = arena_strndup(rendering->arena, buf_text(&smart), smart.size);
		buf_free(&smart);
		out->sms_size = sms_measure(str_of(out->sms));
		if (out->sms_size.encoding == SMS_GSM7)
			break;
	}
	rendering->options.iso_currency = false;
	return true;
}

static bool render_body(struct rendering *rendering, struct buf *html, struct buf *text)
{
	struct buf source = BUF_EMPTY(0);
	bool ok =
	    run(rendering, rendering->message->fields[FIELD_BODY], LIQUID_ESCAPE_MARKDOWN, &source);
	if (ok)
		markdown_render(str_make(source.data, source.size), html, text);
	if (text->size > 0 && text->data[text->size - 1] == '\n')
		text->data[--text->size] = '\0'; /* what follows the body is the layout's choice */
	buf_free(&source);
	return ok;
}

static bool bind_words(struct rendering *rendering)
{
	for (const struct word *word = rendering->message->in->words; word; word = word->next) {
		if (!word->is_used)
			continue;
		const char *line = run_line(rendering, word->text);
		if (line == NULL)
			return false;
		bind(rendering, word->key, line);
	}
	return true;
}

static bool render_layout(struct rendering *rendering, const struct liquid *layout,
    enum liquid_escape escape, const char *body, const char **out)
{
	struct buf buf = BUF_EMPTY(0);
	bind(rendering, "body", body);
	bool ok = run(rendering, layout, escape, &buf);
	rendering->options.bindings_count--;
	*out = keep(rendering, &buf);
	return ok;
}

static bool render_mail(struct rendering *rendering)
{
	const struct language *language = rendering->message->in;
	struct liquid *const *fields = rendering->message->fields;
	struct rendered *out = rendering->out;
	struct buf html = BUF_EMPTY(0), text = BUF_EMPTY(0);
	const char *cta = NULL;
	bool ok = (out->subject = run_line(rendering, fields[FIELD_SUBJECT])) &&
	          (out->preheader = run_line(rendering, fields[FIELD_PREHEADER])) &&
	          (cta = run_line(rendering, fields[FIELD_CTA])) &&
	          render_body(rendering, &html, &text);
	const char *html_body = keep(rendering, &html), *text_body = keep(rendering, &text);
	if (!ok || !bind_words(rendering))
		return false;
	bind(rendering, "lang", language->code);
	bind(rendering, "dir", language->direction);
	bind(rendering, "start", strcmp(language->direction, "rtl") == 0 ? "right" : "left");
	bind(rendering, "font_stack", language->font);
	bind(rendering, "subject", out->subject);
	bind(rendering, "preheader", out->preheader);
	bind(rendering, "cta", cta);
	bind(rendering, "cta_url", button_url(rendering));
	const struct catalogue *catalogue = rendering->catalogue;
	return render_layout(
	           rendering, catalogue->layout_html, LIQUID_ESCAPE_HTML, html_body, &out->html) &&
	       render_layout(
	           rendering, catalogue->layout_text, LIQUID_ESCAPE_NONE, text_body, &out->text);
}

bool catalogue_render(const struct catalogue *catalogue, const struct catalogue_request *request,
    struct rendered *out, struct arena *arena, struct err *err)
{
	*out = (struct rendered){0};
	const struct message *message = request->event ? find_message(catalogue, request) : NULL;
	if (message == NULL)
		return err_set(err, ERR_PERMANENT, "no template for event \"%s\" in any language",
		    request->event ? request->event : "");
	struct rendering rendering = {
	    .catalogue = catalogue,
	    .request = request,
	    .event = event_find(catalogue, message->is.event),
	    .message = message,
	    .arena = arena,
	    .out = out,
	    .err = err,
	};
	rendering.options = (struct liquid_options){
	    .l10n = l10n_of(message->in, request),
	    .phrases = &message->in->phrases,
	    .now_ms = request->now_ms,
	    .bindings = rendering.bindings,
	    .arena = arena,
	};
	out->language = message->is.language;
	out->dlt_template_id = message->is.dlt_template_id;
	out->missing = contract_missing(rendering.event, request->data);
	bind_reason(&rendering);
	return render_sms(&rendering) && render_mail(&rendering);
}

/* --- lint --- */

struct lint {
	const struct catalogue *catalogue;
	const struct catalogue_report *report;
	int errors;
	const char *path;
};

static void lint_find(struct lint *lint, bool is_error, const char *id, const char *text)
{
	struct catalogue_finding what = {is_error, id, lint->path, 0, 0, text};
	finding(lint->report, &lint->errors, &what);
}

static size_t characters(const char *text)
{
	size_t count = 0;
	for (; text != NULL && *text != '\0'; text++)
		count += ((unsigned char)*text & 0xC0) != 0x80;
	return count;
}

static void lint_result(struct lint *lint, const struct rendered *rendered)
{
	char text[200];
	const struct sms_size *sms = &rendered->sms_size;
	if (sms->segments > (sms->encoding == SMS_GSM7 ? 1u : 2u)) {
		snprintf(text, sizeof text, "the SMS takes %zu segments (%s, %zu units)%s%.*s",
		    sms->segments, sms_encoding_name(sms->encoding), sms->units,
		    sms->offender.len ? "; first character beyond GSM-7: " : "",
		    (int)sms->offender.len, sms->offender.len ? sms->offender.at : "");
		lint_find(lint, false, "T22", text);
	}
	if (characters(rendered->subject) > 60) {
		snprintf(text, sizeof text, "the subject has %zu characters; 60 are shown",
		    characters(rendered->subject));
		lint_find(lint, false, "T29", text);
	}
	if (text_is_empty(rendered->preheader))
		lint_find(lint, false, "T29", "the preheader is empty");
}

static void lint_message(struct lint *lint, const struct message *message, bool optional)
{
	const struct event_rule *event = event_find(lint->catalogue, message->is.event);
	struct l10n_time now = {0};
	const char *at = json_string_value(json_object_get(lint->catalogue->contract, "now"));
	l10n_time_parse(&now, str_of(at ? at : "2026-03-05T03:35:00Z"), NULL);
	json_t *data = contract_sample(lint->catalogue, event, optional);
	struct catalogue_request request = {.language = message->is.language,
	    .event = message->is.event,
	    .reason = message->is.reason ? message->is.reason
	              : optional         ? "weather"
	                                 : NULL,
	    .now_ms = now.instant_ms,
	    .data = data};
	struct arena *arena = arena_new();
	struct rendered rendered;
	struct err err;
	lint->path = message->is.path;
	if (catalogue_render(lint->catalogue, &request, &rendered, arena, &err))
		lint_result(lint, &rendered);
	else
		lint_find(lint, true, "T05", err.text);
	arena_free(&arena);
	json_decref(data);
}

bool catalogue_lint(const struct catalogue *catalogue, const struct catalogue_report *report)
{
	struct lint lint = {.catalogue = catalogue, .report = report};
	for (const struct message *message = catalogue->messages; message;
	     message = message->next) {
		lint_message(&lint, message, true);
		lint_message(&lint, message, false);
	}
	return lint.errors == 0;
}
