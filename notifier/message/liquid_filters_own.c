/* Filters that know parcels, languages and channels. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/message/liquid_internal.h"
#include "notifier/message/sms.h"

static const struct liquid_options *options_of(const struct filter_frame *frame)
{
	return frame->render->options;
}

static bool give_buf(struct filter_frame *frame, struct buf *buf)
{
	struct str text = text_keep(frame->render->arena, str_make(buf->data, buf->size));
	*frame->out = value_text(text);
	buf_free(buf);
	return true;
}

static bool give_nothing(struct filter_frame *frame)
{
	*frame->out = (struct value){.kind = VALUE_NIL};
	return true;
}

/* --- when, day, time --- */

static bool is_short(struct filter_frame *frame, bool *out)
{
	struct str form = filter_argument_text(frame, 0);
	*out = str_eq(form, "short");
	if (frame->count == 0 || *out || str_eq(form, "long"))
		return true;
	return render_fail(frame->render, frame->offset,
	    "the form is 'short' or 'long', not '%.*s'", (int)form.len, form.at ? form.at : "");
}

static bool read_time(struct filter_frame *frame, const struct value *value, struct l10n_time *out)
{
	*out = (struct l10n_time){0};
	if (value->kind == VALUE_NIL || value_is_blank(value, true))
		return true;
	if (value->kind == VALUE_TEXT && l10n_time_parse(out, value->text, options_of(frame)->l10n))
		return true;
	struct str text = value_to_text(value, frame->render->arena);
	return render_fail(frame->render, frame->offset,
	    "\"%.*s\" is no date (2026-03-06) and no instant (RFC 3339)",
	    (int)(text.len < 40 ? text.len : 40), text.at ? text.at : "");
}

static bool read_span(struct filter_frame *frame, struct l10n_span *span)
{
	*span = (struct l10n_span){0};
	if (frame->input.kind != VALUE_JSON || !json_is_object(frame->input.json))
		return read_time(frame, &frame->input, &span->from);
	struct value from = value_of_json(json_object_get(frame->input.json, "from"));
	struct value to = value_of_json(json_object_get(frame->input.json, "to"));
	return read_time(frame, &from, &span->from) && read_time(frame, &to, &span->to);
}

static bool filter_when(struct filter_frame *frame)
{
	const struct liquid_options *options = options_of(frame);
	struct l10n_span span;
	bool short_form;
	if (!is_short(frame, &short_form) || !read_span(frame, &span))
		return false;
	if (!span.from.present && !span.to.present)
		return give_nothing(frame);
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	l10n_when(&out, options->l10n, options->phrases, &span, options->now_ms, short_form);
	return give_buf(frame, &out);
}

static bool filter_day(struct filter_frame *frame)
{
	const struct liquid_options *options = options_of(frame);
	struct l10n_span span;
	bool short_form;
	if (!is_short(frame, &short_form) || !read_span(frame, &span))
		return false;
	const struct l10n_time *time = span.from.present ? &span.from : &span.to;
	if (!time->present)
		return give_nothing(frame);
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	l10n_day(&out, options->l10n, options->phrases, time, options->now_ms, short_form);
	return give_buf(frame, &out);
}

static bool filter_time(struct filter_frame *frame)
{
	const struct liquid_options *options = options_of(frame);
	struct l10n_span span;
	if (!read_span(frame, &span))
		return false;
	const struct l10n_time *time = span.from.present ? &span.from : &span.to;
	if (!time->present || !time->has_time)
		return give_nothing(frame);
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	l10n_time_of_day(&out, options->l10n, options->phrases, time);
	return give_buf(frame, &out);
}

/* --- numbers --- */

static bool filter_number(struct filter_frame *frame)
{
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	struct str text = filter_text(frame);
	if (text.len == 0)
		return give_nothing(frame);
	if (!l10n_number(&out, options_of(frame)->l10n, text))
		buf_add_str(&out, text);
	return give_buf(frame, &out);
}

/* What `money` takes: {"amount": "12.50", "currency": "EUR"}, "12.50 EUR", "EUR 12.50", or a
 * number with the currency as argument. */
static void money_parts(struct filter_frame *frame, struct str *amount, struct str *currency)
{
	struct arena *arena = frame->render->arena;
	*currency = filter_argument_text(frame, 0);
	if (frame->input.kind == VALUE_JSON && json_is_object(frame->input.json)) {
		struct value number = value_of_json(json_object_get(frame->input.json, "amount"));
		struct value unit = value_of_json(json_object_get(frame->input.json, "currency"));
		*amount = value_to_text(&number, arena);
		*currency = value_to_text(&unit, arena);
		return;
	}
	struct str head, rest = str_cut(str_trim(filter_text(frame)), ' ', &head);
	*amount = head;
	if (rest.len == 0)
		return;
	bool currency_first = head.len == 3 && head.at[0] >= 'A' && head.at[0] <= 'Z';
	*amount = currency_first ? str_trim(rest) : head;
	*currency = currency_first ? head : str_trim(rest);
}

static bool filter_money(struct filter_frame *frame)
{
	const struct liquid_options *options = options_of(frame);
	struct str amount, currency;
	char code[8] = "";
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	if (frame->input.kind == VALUE_NIL)
		return give_nothing(frame);
	money_parts(frame, &amount, &currency);
	if (currency.len == 3)
		memcpy(code, currency.at, 3);
	if (!l10n_money(&out, options->l10n, amount, code, options->iso_currency) &&
	    !l10n_number(&out, options->l10n, amount))
		buf_add_str(&out, filter_text(frame)); /* whatever it is, it is not lost */
	return give_buf(frame, &out);
}

static const struct value *keyword(struct filter_frame *frame, const char *name)
{
	for (int i = 0; i < frame->keyword_count; i++)
		if (str_eq(frame->keywords[i].name, name))
			return &frame->keywords[i].value;
	return NULL;
}

/* {{ n | plural: one: '# day', other: '# days' }}: # is the number in the language's digits. */
static bool filter_plural(struct filter_frame *frame)
{
	const struct liquid_options *options = options_of(frame);
	struct arena *arena = frame->render->arena;
	struct str number = filter_text(frame), head;
	char *text = arena_strndup(arena, number.at, number.len);
	const struct value *form = keyword(frame, l10n_plural(options->l10n, strtod(text, NULL)));
	if (form == NULL)
		form = keyword(frame, "other");
	if (form == NULL)
		return render_fail(
		    frame->render, frame->offset, "plural wants at least other: '…'");
	struct str rest = value_to_text(form, arena);
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	while (rest.at != NULL) {
		rest = str_cut(rest, '#', &head);
		buf_add_str(&out, head);
		if (rest.at != NULL && !l10n_number(&out, options->l10n, number))
			buf_add_str(&out, number);
	}
	return give_buf(frame, &out);
}

/* --- lists, channels --- */

static bool filter_list(struct filter_frame *frame)
{
	struct arena *arena = frame->render->arena;
	struct value *items;
	size_t count;
	bool is_list = frame->input.kind == VALUE_LIST || frame->input.kind == VALUE_RANGE ||
	               (frame->input.kind == VALUE_JSON && json_is_array(frame->input.json));
	if (!is_list || !value_items(&frame->input, &items, &count, arena))
		return true;
	struct str *texts = arena_array(arena, count + 1, sizeof *texts);
	for (size_t i = 0; i < count; i++)
		texts[i] = value_to_text(&items[i], arena);
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	l10n_list(&out, options_of(frame)->l10n, texts, count);
	return give_buf(frame, &out);
}

static bool filter_sms(struct filter_frame *frame)
{
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	sms_smart(&out, filter_text(frame));
	return give_buf(frame, &out);
}

static int add_json(const char *bytes, size_t len, void *out)
{
	for (size_t i = 0; i < len; i++)
		if (strchr("<>&", bytes[i]) != NULL && bytes[i] != '\0')
			buf_printf(out, "\\u%04x", (unsigned)(unsigned char)bytes[i]);
		else
			buf_add_char(out, bytes[i]);
	return 0;
}

/* Fit for <script type="application/ld+json">: no character that HTML could read is left. */
static bool filter_json(struct filter_frame *frame)
{
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	json_t *made = NULL;
	const json_t *json = frame->input.json;
	if (frame->input.kind != VALUE_JSON) {
		struct str text = filter_text(frame);
		made = frame->input.kind == VALUE_NIL       ? json_null()
		       : frame->input.kind == VALUE_INTEGER ? json_integer(frame->input.integer)
		       : frame->input.kind == VALUE_REAL    ? json_real(frame->input.real)
		       : frame->input.kind == VALUE_BOOLEAN ? json_boolean(frame->input.boolean)
		                                            : json_stringn(text.at, text.len);
		json = made;
	}
	if (json != NULL)
		json_dump_callback(
		    json, add_json, &out, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	json_decref(made);
	bool ok = give_buf(frame, &out);
	frame->out->safe = true;
	return ok;
}

static const char *const plural_keywords[] = {"zero", "one", "two", "few", "many", "other", NULL};

const struct filter filters_own[] = {
    {"when", 0, 1, NULL, filter_when},
    {"day", 0, 1, NULL, filter_day},
    {"time", 0, 0, NULL, filter_time},
    {"number", 0, 0, NULL, filter_number},
    {"money", 0, 1, NULL, filter_money},
    {"plural", 0, 0, plural_keywords, filter_plural},
    {"list", 0, 0, NULL, filter_list},
    {"sms", 0, 0, NULL, filter_sms},
    {"json", 0, 0, NULL, filter_json},
};
const size_t filters_own_count = sizeof filters_own / sizeof *filters_own;
