/* Source into chunks (text, {{ output }}, {% tag %}), and what stands inside into tokens. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "notifier/message/liquid_internal.h"

bool parser_fail(struct parser *parser, size_t offset, const char *format, ...)
{
	if (parser->failed)
		return false;
	char text[256];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	parser->failed = true;
	parser->error_part = parser->part;
	parser->error_offset = offset;
	if (parser->part->name != NULL)
		return err_set(
		    parser->err, ERR_INPUT, "snippet \"%s\": %s", parser->part->name, text);
	return err_set(parser->err, ERR_INPUT, "%s", text);
}

struct liquid_place place_of(struct str source, size_t offset)
{
	struct liquid_place place = {1, 1};
	for (size_t i = 0; i < offset && i < source.len; i++) {
		if (source.at[i] == '\n') {
			place.line++;
			place.column = 1;
		} else if (((unsigned char)source.at[i] & 0xC0) != 0x80) {
			place.column++;
		}
	}
	return place;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name(char c)
{
	return is_name_start(c) || is_digit(c) || c == '-';
}

/* --- chunks --- */

/* The offset of the next "{{" or "{%" (only the latter if tags_only), or the source's end. */
static size_t find_open(struct str source, size_t at, bool tags_only)
{
	while (at + 1 < source.len) {
		const char *brace = memchr(source.at + at, '{', source.len - at - 1);
		if (brace == NULL)
			break;
		at = (size_t)(brace - source.at);
		if (brace[1] == '%' || (brace[1] == '{' && !tags_only))
			return at;
		at++;
	}
	return source.len;
}

static size_t trim_end(struct str source, size_t from, size_t to)
{
	while (to > from && is_space(source.at[to - 1]))
		to--;
	return to;
}

static size_t trim_start(struct str source, size_t from, size_t to)
{
	while (from < to && is_space(source.at[from]))
		from++;
	return from;
}

/* Reads the {{ … }} or {% … %} at parser->at.  As in Liquid the first closing mark ends it, even
 * one in quotes. */
static bool chunk_read_markup(struct parser *parser, struct chunk *chunk)
{
	struct str source = parser->part->source;
	size_t open = parser->at;
	bool is_tag = source.at[open + 1] == '%';
	const char *close = is_tag ? "%}" : "}}";
	size_t from = open + 2;
	if (from < source.len && source.at[from] == '-')
		from++;
	const char *end = memmem(source.at + from, source.len - from, close, 2);
	if (end == NULL)
		return parser_fail(
		    parser, open, "%s is never closed by %s", is_tag ? "{%" : "{{", close);
	size_t to = (size_t)(end - source.at);
	parser->at = to + 2;
	parser->trim_next = to > from && source.at[to - 1] == '-';
	if (parser->trim_next)
		to--;
	to = trim_end(source, from, to);
	from = trim_start(source, from, to);
	chunk->kind = is_tag ? CHUNK_TAG : CHUNK_OUTPUT;
	chunk->offset = open;
	chunk->text = str_make(source.at + from, to - from);
	return true;
}

static struct str trimmed_text(struct parser *parser, size_t from, size_t to)
{
	struct str source = parser->part->source;
	bool trim_before_next = to + 2 < source.len && source.at[to + 2] == '-';
	if (parser->trim_next)
		from = trim_start(source, from, to);
	if (trim_before_next)
		to = trim_end(source, from, to);
	parser->trim_next = false;
	return str_make(source.at + from, to - from);
}

bool chunk_next(struct parser *parser, struct chunk *chunk)
{
	struct str source = parser->part->source;
	size_t from = parser->at;
	if (from >= source.len) {
		*chunk = (struct chunk){CHUNK_END, {NULL, 0}, source.len};
		return true;
	}
	size_t open = find_open(source, from, false);
	if (open == from)
		return chunk_read_markup(parser, chunk);
	parser->at = open;
	*chunk = (struct chunk){CHUNK_TEXT, trimmed_text(parser, from, open), from};
	return true;
}

static bool tag_is(struct str tag, const char *name)
{
	size_t len = strlen(name);
	return tag.at != NULL && str_starts(tag, name) && (tag.len == len || !is_name(tag.at[len]));
}

/* Looked at before its end is searched for: a text of nothing but {% stays linear. */
static bool is_opening_of(struct str source, size_t open, const char *tag)
{
	size_t from = open + 2;
	from += from < source.len && source.at[from] == '-';
	from = trim_start(source, from, source.len);
	return str_starts(str_make(source.at + from, source.len - from), tag);
}

bool chunk_skip_to(
    struct parser *parser, const char *tag, const char *end_tag, bool nested, struct str *text)
{
	struct str source = parser->part->source;
	size_t from = parser->at, opened_at = from;
	int open_tags = 1;
	size_t at = from;
	for (;;) {
		size_t open = find_open(source, at, true);
		if (open >= source.len)
			return parser_fail(parser, opened_at,
			    "{%% %s %%} is never closed by {%% %s %%}", tag, end_tag);
		if (!nested && !is_opening_of(source, open, end_tag)) {
			at = open + 2; /* what raw holds need not be whole tags */
			continue;
		}
		bool outer_trim = parser->trim_next;
		struct chunk chunk = {.kind = CHUNK_END};
		parser->at = open;
		if (!chunk_read_markup(parser, &chunk))
			return false;
		bool inner_trim = parser->trim_next;
		parser->trim_next = outer_trim;
		if (tag_is(chunk.text, end_tag))
			open_tags--;
		else if (nested && tag_is(chunk.text, tag))
			open_tags++;
		if (open_tags == 0) {
			if (text != NULL)
				*text = trimmed_text(parser, from, open);
			parser->trim_next = inner_trim;
			return true;
		}
		at = parser->at;
	}
}

/* --- tokens --- */

static const char *const symbols[] = {
    "..", "==", "!=", "<>", "<=", ">=", "<", ">", "=", "|", ":", ",", ".", "[", "]", "(", ")"};

static size_t offset_of(const struct markup *markup, const char *at)
{
	return (size_t)(at - markup->parser->part->source.at);
}

static void token_set(struct markup *markup, enum token_kind kind, size_t len)
{
	markup->token =
	    (struct token){kind, str_make(markup->at, len), offset_of(markup, markup->at)};
	markup->at += len;
}

static bool token_number(struct markup *markup)
{
	const char *at = markup->at + (*markup->at == '-');
	while (at < markup->end && is_digit(*at))
		at++;
	bool is_real = at + 1 < markup->end && *at == '.' && is_digit(at[1]);
	if (is_real)
		for (at++; at < markup->end && is_digit(*at); at++)
			;
	token_set(markup, is_real ? TOKEN_REAL : TOKEN_INTEGER, (size_t)(at - markup->at));
	return true;
}

static bool token_string(struct markup *markup)
{
	const char *from = markup->at + 1;
	const char *close =
	    from < markup->end ? memchr(from, *markup->at, (size_t)(markup->end - from)) : NULL;
	if (close == NULL)
		return parser_fail(
		    markup->parser, offset_of(markup, markup->at), "a text is never closed");
	markup->at = from;
	token_set(markup, TOKEN_STRING, (size_t)(close - from));
	markup->at = close + 1;
	return true;
}

static bool token_symbol(struct markup *markup)
{
	struct str rest = str_make(markup->at, (size_t)(markup->end - markup->at));
	for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
		if (str_starts(rest, symbols[i])) {
			token_set(markup, TOKEN_SYMBOL, strlen(symbols[i]));
			return true;
		}
	size_t len = 1;
	while (len < rest.len && ((unsigned char)rest.at[len] & 0xC0) == 0x80)
		len++;
	return parser_fail(markup->parser, offset_of(markup, markup->at),
	    "unexpected character \"%.*s\"", (int)len, rest.at);
}

bool markup_take(struct markup *markup)
{
	while (markup->at < markup->end && is_space(*markup->at))
		markup->at++;
	if (markup->at >= markup->end) {
		token_set(markup, TOKEN_END, 0);
		return true;
	}
	char c = *markup->at;
	if (c == '"' || c == '\'')
		return token_string(markup);
	if (is_digit(c) || (c == '-' && markup->at + 1 < markup->end && is_digit(markup->at[1])))
		return token_number(markup);
	if (!is_name_start(c))
		return token_symbol(markup);
	const char *at = markup->at;
	while (at < markup->end && is_name(*at))
		at++;
	if (at < markup->end && *at == '?')
		at++;
	token_set(markup, TOKEN_NAME, (size_t)(at - markup->at));
	return true;
}

bool markup_open(struct markup *markup, struct parser *parser, struct str text)
{
	*markup = (struct markup){.parser = parser, .at = text.at, .end = text.at + text.len};
	return markup_take(markup);
}

bool markup_is(const struct markup *markup, const char *text)
{
	return (markup->token.kind == TOKEN_SYMBOL || markup->token.kind == TOKEN_NAME) &&
	       str_eq(markup->token.text, text);
}

bool markup_accept(struct markup *markup, const char *text)
{
	return markup_is(markup, text) && markup_take(markup);
}

bool markup_expect_end(struct markup *markup, const char *after)
{
	if (markup->parser->failed)
		return false;
	if (markup->token.kind == TOKEN_END)
		return true;
	return parser_fail(markup->parser, markup->token.offset, "unexpected \"%.*s\" %s",
	    (int)markup->token.text.len, markup->token.text.at, after);
}
