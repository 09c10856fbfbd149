/* Liquid's own filters, as far as the core has them. */
#include <string.h>

#include "notifier/message/liquid_internal.h"

struct str filter_text(struct filter_frame *frame)
{
	return value_to_text(&frame->input, frame->render->arena);
}

struct str filter_argument_text(struct filter_frame *frame, int index)
{
	if (index >= frame->count)
		return str_of("");
	return value_to_text(&frame->arguments[index], frame->render->arena);
}

static bool give_text(struct filter_frame *frame, struct str text)
{
	*frame->out = value_text(text);
	return true;
}

/* Copies a buffer into the arena as the filter's result, and releases it. */
static bool give_buf(struct filter_frame *frame, struct buf *buf)
{
	bool overflowed = buf->overflowed;
	give_text(frame, text_keep(frame->render->arena, str_make(buf->data, buf->size)));
	buf_free(buf);
	return overflowed ? render_fail(frame->render, frame->offset,
	                        "the output is larger than %d KiB", LIQUID_OUTPUT_BYTES / 1024)
	                  : true;
}

void liquid_escape_text(struct buf *out, struct str text, enum liquid_escape escape)
{
	static const char *const entities[256] = {
	    ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;"};
	if (escape == LIQUID_ESCAPE_NONE) {
		buf_add_str(out, text);
		return;
	}
	bool markdown = escape == LIQUID_ESCAPE_MARKDOWN, was_space = false;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		bool is_space = c <= ' ' && markdown;
		if (is_space && was_space)
			continue;
		was_space = is_space;
		if (!markdown && entities[c] != NULL)
			buf_add_text(out, entities[c]);
		else if (is_space)
			buf_add_char(out, ' ');
		else if (markdown && c < 0x7F && strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", c))
			buf_add(out, (char[2]){'\\', (char)c}, 2);
		else
			buf_add_char(out, (char)c);
	}
}

/* --- text --- */

static bool filter_append(struct filter_frame *frame)
{
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	buf_add_str(&out, filter_text(frame));
	buf_add_str(&out, filter_argument_text(frame, 0));
	return give_buf(frame, &out);
}

static bool filter_prepend(struct filter_frame *frame)
{
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	buf_add_str(&out, filter_argument_text(frame, 0));
	buf_add_str(&out, filter_text(frame));
	return give_buf(frame, &out);
}

static bool filter_upcase(struct filter_frame *frame)
{
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	l10n_upper(&out, filter_text(frame));
	return give_buf(frame, &out);
}

static bool filter_downcase(struct filter_frame *frame)
{
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	l10n_lower(&out, filter_text(frame));
	return give_buf(frame, &out);
}

static size_t character_bytes(struct str text, size_t at)
{
	size_t len = 1;
	while (at + len < text.len && ((unsigned char)text.at[at + len] & 0xC0) == 0x80)
		len++;
	return at < text.len ? len : 0;
}

static bool filter_capitalize(struct filter_frame *frame)
{
	struct str text = filter_text(frame);
	size_t first = character_bytes(text, 0);
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	l10n_upper(&out, str_make(text.at, first));
	l10n_lower(&out, str_make(text.at + first, text.len - first));
	return give_buf(frame, &out);
}

static bool filter_strip(struct filter_frame *frame)
{
	return give_text(frame, str_trim(filter_text(frame)));
}

static bool filter_replace(struct filter_frame *frame)
{
	struct str text = filter_text(frame), with = filter_argument_text(frame, 1);
	struct str what = filter_argument_text(frame, 0);
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	size_t at = 0;
	while (at < text.len && !out.overflowed) {
		size_t left = text.len - at;
		if (what.len > 0 && left >= what.len &&
		    memcmp(text.at + at, what.at, what.len) == 0) {
			buf_add_str(&out, with);
			at += what.len;
			continue;
		}
		size_t len = character_bytes(text, at);
		if (what.len == 0)
			buf_add_str(&out, with);
		buf_add(&out, text.at + at, len);
		at += len;
	}
	if (what.len == 0)
		buf_add_str(&out, with);
	return give_buf(frame, &out);
}

static bool filter_truncate(struct filter_frame *frame)
{
	struct str text = filter_text(frame);
	struct value end =
	    value_text(frame->count > 1 ? filter_argument_text(frame, 1) : str_of("..."));
	struct value whole = value_text(text);
	int64_t most = 50;
	if (frame->count > 0 && !value_to_integer(&frame->arguments[0], &most))
		return render_fail(frame->render, frame->offset, "truncate wants a whole number");
	if (value_size(&whole) <= most)
		return give_text(frame, text);
	int64_t keep = most - value_size(&end);
	size_t at = 0;
	for (; keep > 0; keep--)
		at += character_bytes(text, at);
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	buf_add(&out, text.at, at);
	buf_add_str(&out, end.text);
	return give_buf(frame, &out);
}

static bool filter_escape(struct filter_frame *frame)
{
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	liquid_escape_text(&out, filter_text(frame), LIQUID_ESCAPE_HTML);
	bool ok = give_buf(frame, &out);
	frame->out->safe = frame->render->options->escape == LIQUID_ESCAPE_HTML;
	return ok;
}

static bool filter_newline_to_br(struct filter_frame *frame)
{
	static const char *const breaks[] = {[LIQUID_ESCAPE_NONE] = "<br />\n",
	    [LIQUID_ESCAPE_HTML] = "<br />\n",
	    [LIQUID_ESCAPE_MARKDOWN] = "\\\n"};
	enum liquid_escape escape = frame->render->options->escape;
	struct str rest = filter_text(frame), line;
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	while (rest.at != NULL) {
		rest = str_cut(rest, '\n', &line);
		if (rest.at != NULL && line.len > 0 && line.at[line.len - 1] == '\r')
			line.len--;
		liquid_escape_text(&out, line, frame->input.safe ? LIQUID_ESCAPE_NONE : escape);
		if (rest.at != NULL)
			buf_add_text(&out, breaks[escape]);
	}
	bool ok = give_buf(frame, &out);
	frame->out->safe = true;
	return ok;
}

static bool filter_url_encode(struct filter_frame *frame)
{
	struct str text = filter_text(frame);
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		             (c >= 'a' && c <= 'z') || (c != '\0' && strchr("-._~", c) != NULL);
		if (plain || c == ' ')
			buf_add_char(&out, c == ' ' ? '+' : (char)c);
		else
			buf_printf(&out, "%%%02X", c);
	}
	return give_buf(frame, &out);
}

static bool filter_raw(struct filter_frame *frame)
{
	*frame->out = frame->input;
	frame->out->safe = true;
	return true;
}

/* --- lists and the rest --- */

static bool filter_default(struct filter_frame *frame)
{
	bool allow_false = frame->keyword_count > 0 &&
	                   value_is_true(&frame->keywords[frame->keyword_count - 1].value);
	const struct value *input = &frame->input;
	bool is_false = input->kind == VALUE_BOOLEAN && !input->boolean;
	bool absent = input->kind == VALUE_NIL || input->kind == VALUE_EMPTY ||
	              value_is_blank(input, false) || (is_false && !allow_false);
	if (!absent)
		return true;
	*frame->out = frame->count > 0 ? frame->arguments[0] : value_text(str_of(""));
	return true;
}

static bool filter_size(struct filter_frame *frame)
{
	*frame->out = value_integer(value_size(&frame->input));
	return true;
}

static bool filter_end(struct filter_frame *frame, const char *which)
{
	struct value input = frame->input;
	*frame->out = (struct value){.kind = VALUE_NIL};
	if (input.kind == VALUE_JSON || input.kind == VALUE_LIST || input.kind == VALUE_RANGE)
		*frame->out = value_member(&input, str_of(which), frame->render->arena);
	/* what a member named "first" would answer is not what the filter asks for */
	if (input.kind == VALUE_JSON && json_is_object(input.json)) {
		struct value *items;
		size_t count;
		bool first = strcmp(which, "first") == 0 &&
		             value_items(&input, &items, &count, frame->render->arena) && count > 0;
		*frame->out = first ? items[0] : (struct value){.kind = VALUE_NIL};
	}
	return true;
}

static bool filter_first(struct filter_frame *frame)
{
	return filter_end(frame, "first");
}

static bool filter_last(struct filter_frame *frame)
{
	return filter_end(frame, "last");
}

static bool filter_join(struct filter_frame *frame)
{
	const struct value *input = &frame->input;
	bool is_list = input->kind == VALUE_LIST || input->kind == VALUE_RANGE ||
	               (input->kind == VALUE_JSON && json_is_array(input->json));
	struct arena *arena = frame->render->arena;
	struct value *items;
	size_t count;
	if (!is_list || !value_items(input, &items, &count, arena))
		return give_text(frame, filter_text(frame));
	struct str glue = frame->count > 0 ? filter_argument_text(frame, 0) : str_of(" ");
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	for (size_t i = 0; i < count && !out.overflowed; i++) {
		if (i > 0)
			buf_add_str(&out, glue);
		buf_add_str(&out, value_to_text(&items[i], arena));
	}
	return give_buf(frame, &out);
}

/* How many pieces text falls into at every `at` (empty: at every character). */
static size_t split(struct str text, struct str at, struct value *pieces, size_t room)
{
	size_t count = 0;
	while (text.len > 0 && count < room) {
		const char *found = at.len ? memmem(text.at, text.len, at.at, at.len) : NULL;
		size_t len = at.len == 0 ? character_bytes(text, 0)
		             : found     ? (size_t)(found - text.at)
		                         : text.len;
		pieces[count++] = value_text(str_make(text.at, len));
		size_t skip = len + (found ? at.len : 0);
		text = str_make(text.at + skip, text.len - skip);
	}
	while (count > 0 && pieces[count - 1].text.len == 0)
		count--; /* as Ruby does */
	return count;
}

static bool filter_split(struct filter_frame *frame)
{
	struct str text = filter_text(frame);
	size_t room = text.len < LIQUID_STEPS ? text.len : LIQUID_STEPS;
	struct value *pieces = arena_array(frame->render->arena, room + 1, sizeof *pieces);
	size_t count = split(text, filter_argument_text(frame, 0), pieces, room);
	*frame->out = (struct value){.kind = VALUE_LIST, .list = {pieces, count}};
	return true;
}

/* plus, minus: whole numbers stay whole; what is no number counts as 0. */
static bool add(struct filter_frame *frame, int sign)
{
	const struct value *a = &frame->input, *b = &frame->arguments[0];
	if (a->kind == VALUE_REAL || b->kind == VALUE_REAL) {
		int64_t whole_a = 0, whole_b = 0;
		value_to_integer(a, &whole_a);
		value_to_integer(b, &whole_b);
		double left = a->kind == VALUE_REAL ? a->real : (double)whole_a;
		double right = b->kind == VALUE_REAL ? b->real : (double)whole_b;
		*frame->out = (struct value){.kind = VALUE_REAL, .real = left + sign * right};
		return true;
	}
	int64_t left = 0, right = 0, sum = 0;
	if (!value_to_integer(a, &left))
		left = 0;
	if (!value_to_integer(b, &right))
		right = 0;
	bool over = sign > 0 ? __builtin_add_overflow(left, right, &sum)
	                     : __builtin_sub_overflow(left, right, &sum);
	*frame->out = value_integer(sum);
	return over ? render_fail(frame->render, frame->offset, "the number is too large") : true;
}

static bool filter_plus(struct filter_frame *frame)
{
	return add(frame, 1);
}

static bool filter_minus(struct filter_frame *frame)
{
	return add(frame, -1);
}

/* --- the table --- */

static const char *const default_keywords[] = {"allow_false", NULL};

static const struct filter filters[] = {
    {"default", 0, 1, default_keywords, filter_default},
    {"escape", 0, 0, NULL, filter_escape},
    {"upcase", 0, 0, NULL, filter_upcase},
    {"downcase", 0, 0, NULL, filter_downcase},
    {"capitalize", 0, 0, NULL, filter_capitalize},
    {"strip", 0, 0, NULL, filter_strip},
    {"append", 1, 1, NULL, filter_append},
    {"prepend", 1, 1, NULL, filter_prepend},
    {"replace", 1, 2, NULL, filter_replace},
    {"truncate", 0, 2, NULL, filter_truncate},
    {"size", 0, 0, NULL, filter_size},
    {"first", 0, 0, NULL, filter_first},
    {"last", 0, 0, NULL, filter_last},
    {"join", 0, 1, NULL, filter_join},
    {"split", 1, 1, NULL, filter_split},
    {"plus", 1, 1, NULL, filter_plus},
    {"minus", 1, 1, NULL, filter_minus},
    {"url_encode", 0, 0, NULL, filter_url_encode},
    {"newline_to_br", 0, 0, NULL, filter_newline_to_br},
    {"raw", 0, 0, NULL, filter_raw},
};
#define FILTERS (sizeof filters / sizeof *filters)

const struct filter *filter_find(struct str name, unsigned *index)
{
	for (size_t i = 0; i < FILTERS + filters_own_count; i++) {
		const struct filter *filter = i < FILTERS ? &filters[i] : &filters_own[i - FILTERS];
		if (str_eq(name, filter->name)) {
			*index = (unsigned)i;
			return filter;
		}
	}
	return NULL;
}

const char *filter_nearest(struct str name)
{
	const char *names[64];
	size_t count = 0;
	for (size_t i = 0; i < FILTERS; i++)
		names[count++] = filters[i].name;
	for (size_t i = 0; i < filters_own_count; i++)
		names[count++] = filters_own[i].name;
	char *wanted = xstrndup(name.at, name.len);
	const char *nearest = text_nearest(wanted, names, count);
	xfree(wanted);
	return nearest;
}
