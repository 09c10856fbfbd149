/* Expressions, filters and conditions; and the door of the compiler. */
#include <stdlib.h>
#include <string.h>

#include "notifier/message/liquid_internal.h"

/* --- which variables a template takes from its data --- */

bool local_is_known(const struct parser *parser, struct str name)
{
	if (str_eq(name, "forloop"))
		return true;
	for (size_t i = 0; i < parser->locals_count; i++)
		if (parser->locals[i].len == name.len &&
		    memcmp(parser->locals[i].at, name.at, name.len) == 0)
			return true;
	return false;
}

/* Is `path` tested by an enclosing condition: itself or an object it lies in? */
static bool is_guarded(const struct parser *parser, const char *path)
{
	for (size_t i = 0; i < parser->guards_count; i++)
		for (size_t use = parser->guards[i][0]; use < parser->guards[i][1]; use++) {
			const char *tested = parser->liquid->uses[use].path;
			size_t len = strlen(tested);
			if (strncmp(path, tested, len) == 0 &&
			    (path[len] == '\0' || path[len] == '.'))
				return true;
		}
	return false;
}

/* place_of, going on from the last answer: a template of 64 KiB may hold thousands of uses. */
static struct liquid_place place_next(struct parser *parser, size_t offset)
{
	if (parser->place_part != parser->part || offset < parser->place_offset) {
		parser->place_part = parser->part;
		parser->place_offset = 0;
		parser->place = (struct liquid_place){1, 1};
	}
	struct str rest = str_make(parser->part->source.at + parser->place_offset,
	    parser->part->source.len - parser->place_offset);
	struct liquid_place more = place_of(rest, offset - parser->place_offset);
	parser->place.column = more.line > 1 ? more.column : parser->place.column + more.column - 1;
	parser->place.line += more.line - 1;
	parser->place_offset = offset;
	return parser->place;
}

static void note_use(struct parser *parser, const struct step *path, size_t offset)
{
	if (path == NULL || path->computed != NULL || local_is_known(parser, path->name))
		return;
	struct buf text = BUF_EMPTY(0);
	for (const struct step *step = path; step && step->computed == NULL; step = step->next) {
		if (step != path)
			buf_add_char(&text, '.');
		buf_add_str(&text, step->name);
	}
	struct liquid *liquid = parser->liquid;
	if (liquid->uses_count == liquid->uses_capacity) {
		liquid->uses_capacity = liquid->uses_capacity ? 2 * liquid->uses_capacity : 16;
		liquid->uses =
		    xrealloc_array(liquid->uses, liquid->uses_capacity, sizeof *liquid->uses);
	}
	const char *kept = arena_strndup(liquid->arena, text.data, text.size);
	buf_free(&text);
	liquid->uses[liquid->uses_count++] = (struct liquid_use){
	    .path = kept,
	    .place = place_next(parser, offset),
	    .printed = parser->in_output,
	    .guarded = is_guarded(parser, kept),
	    .snippet = parser->part->name != NULL,
	};
}

/* --- expressions --- */

static bool parse_number(struct markup *markup, struct expression *out)
{
	struct token *token = &markup->token;
	int64_t integer;
	if (token->kind == TOKEN_INTEGER && str_to_int64(token->text, &integer)) {
		out->literal = value_integer(integer);
	} else {
		char *digits =
		    arena_strndup(markup->parser->liquid->arena, token->text.at, token->text.len);
		out->literal = (struct value){.kind = VALUE_REAL, .real = strtod(digits, NULL)};
	}
	return markup_take(markup);
}

static const struct {
	const char *word;
	struct value value;
} literals[] = {
    {"nil", {.kind = VALUE_NIL}},
    {"null", {.kind = VALUE_NIL}},
    {"true", {.kind = VALUE_BOOLEAN, .boolean = true}},
    {"false", {.kind = VALUE_BOOLEAN, .boolean = false}},
    {"empty", {.kind = VALUE_EMPTY}},
    {"blank", {.kind = VALUE_BLANK}},
};

static bool parse_bracket(struct markup *markup, struct step *step)
{
	size_t offset = markup->token.offset;
	struct expression *inside;
	if (!markup_take(markup) || !parse_expression(markup, &inside))
		return false;
	if (!markup_is(markup, "]"))
		return parser_fail(markup->parser, offset, "\"[\" is never closed by \"]\"");
	if (inside->kind == EXPRESSION_LITERAL && inside->literal.kind == VALUE_TEXT)
		step->name = inside->literal.text; /* a['b'] is a.b */
	else
		step->computed = inside;
	return markup_take(markup);
}

static bool parse_step(struct markup *markup, struct step *step)
{
	if (markup_is(markup, "["))
		return parse_bracket(markup, step);
	if (markup->token.kind != TOKEN_NAME)
		return parser_fail(markup->parser, markup->token.offset,
		    "expected a name, found \"%.*s\"", (int)markup->token.text.len,
		    markup->token.text.at);
	step->name = markup->token.text;
	return markup_take(markup);
}

static bool parse_path(struct markup *markup, struct expression *out)
{
	size_t offset = markup->token.offset;
	struct arena *arena = markup->parser->liquid->arena;
	out->kind = EXPRESSION_PATH;
	struct step **tail = &out->path;
	bool more = true;
	while (more) {
		*tail = arena_alloc(arena, sizeof **tail);
		if (!parse_step(markup, *tail))
			return false;
		tail = &(*tail)->next;
		more = markup_is(markup, "[");
		if (markup_accept(markup, ".")) {
			if (markup->token.kind != TOKEN_NAME)
				return parser_fail(markup->parser, markup->token.offset,
				    "a \".\" wants a name behind it");
			more = true;
		}
	}
	if (markup->parser->failed)
		return false;
	note_use(markup->parser, out->path, offset);
	return true;
}

static bool parse_name(struct markup *markup, struct expression *out)
{
	bool is_path = markup->at < markup->end && (*markup->at == '.' || *markup->at == '[');
	for (size_t i = 0; !is_path && i < sizeof literals / sizeof *literals; i++)
		if (markup_is(markup, literals[i].word)) {
			out->literal = literals[i].value;
			return markup_take(markup);
		}
	return parse_path(markup, out);
}

static bool parse_range(struct markup *markup, struct expression *out)
{
	size_t offset = markup->token.offset;
	out->kind = EXPRESSION_RANGE;
	if (!markup_take(markup) || !parse_expression(markup, &out->from))
		return false;
	if (!markup_accept(markup, ".."))
		return parser_fail(
		    markup->parser, markup->token.offset, "a range is written (1..3)");
	if (!parse_expression(markup, &out->to))
		return false;
	if (!markup_is(markup, ")"))
		return parser_fail(markup->parser, offset, "\"(\" is never closed by \")\"");
	return markup_take(markup);
}

static bool parse_primary(struct markup *markup, struct expression *out)
{
	struct token *token = &markup->token;
	switch (token->kind) {
	case TOKEN_STRING: out->literal = value_text(token->text); return markup_take(markup);
	case TOKEN_INTEGER:
	case TOKEN_REAL: return parse_number(markup, out);
	case TOKEN_NAME: return parse_name(markup, out);
	case TOKEN_SYMBOL:
		if (markup_is(markup, "["))
			return parse_path(markup, out);
		if (markup_is(markup, "("))
			return parse_range(markup, out);
		break;
	case TOKEN_END: return parser_fail(markup->parser, token->offset, "a value is missing");
	}
	return parser_fail(markup->parser, token->offset, "expected a value, found \"%.*s\"",
	    (int)token->text.len, token->text.at);
}

bool parse_expression(struct markup *markup, struct expression **out)
{
	struct parser *parser = markup->parser;
	*out = arena_alloc(parser->liquid->arena, sizeof **out);
	if (parser->expression_depth >= LIQUID_NESTING)
		return parser_fail(parser, markup->token.offset,
		    "brackets are nested deeper than %d", LIQUID_NESTING);
	parser->expression_depth++;
	bool ok = parse_primary(markup, *out) && !parser->failed;
	parser->expression_depth--;
	return ok;
}

/* --- filters --- */

bool parse_argument(struct markup *markup, struct argument ***tail)
{
	struct argument *argument = arena_alloc(markup->parser->liquid->arena, sizeof *argument);
	**tail = argument;
	*tail = &argument->next;
	struct markup ahead = *markup;
	if (ahead.token.kind == TOKEN_NAME && markup_take(&ahead) && markup_is(&ahead, ":")) {
		argument->keyword = markup->token.text;
		*markup = ahead;
		if (!markup_take(markup))
			return false;
	}
	return parse_expression(markup, &argument->expression);
}

static bool keyword_is_known(const struct filter *filter, struct str keyword)
{
	for (const char *const *known = filter->keywords; known && *known; known++)
		if (str_eq(keyword, *known))
			return true;
	return false;
}

static bool check_arguments(struct parser *parser, const struct filter_call *call)
{
	const struct filter *filter = call->filter;
	int count = 0, all = 0;
	for (const struct argument *arg = call->arguments; arg; arg = arg->next, all++) {
		if (arg->keyword.len == 0)
			count++;
		else if (!keyword_is_known(filter, arg->keyword))
			return parser_fail(parser, call->offset,
			    "filter %s does not know \"%.*s:\"", filter->name,
			    (int)arg->keyword.len, arg->keyword.at);
	}
	if (count < filter->least)
		return parser_fail(parser, call->offset, "filter %s wants %s%d argument%s, has %d",
		    filter->name, filter->most > filter->least ? "at least " : "", filter->least,
		    filter->least == 1 ? "" : "s", count);
	if (count > filter->most || all > FILTER_ARGUMENTS)
		return parser_fail(parser, call->offset, "filter %s takes at most %d argument%s",
		    filter->name, filter->most, filter->most == 1 ? "" : "s");
	return true;
}

static bool parse_filter(struct markup *markup, struct filter_call ***tail)
{
	struct parser *parser = markup->parser;
	struct token name = markup->token;
	if (name.kind != TOKEN_NAME)
		return parser_fail(parser, name.offset, "a \"|\" wants a filter behind it");
	unsigned index = 0;
	const struct filter *filter = filter_find(name.text, &index);
	if (filter == NULL) {
		const char *nearest = filter_nearest(name.text);
		return parser_fail(parser, name.offset, "unknown filter \"%.*s\"%s%s%s",
		    (int)name.text.len, name.text.at, nearest ? "; did you mean \"" : "",
		    nearest ? nearest : "", nearest ? "\"?" : "");
	}
	parser->liquid->filters_used |= UINT64_C(1) << index;
	struct filter_call *call = arena_alloc(parser->liquid->arena, sizeof *call);
	call->filter = filter;
	call->offset = name.offset;
	**tail = call;
	*tail = &call->next;
	if (!markup_take(markup))
		return false;
	struct argument **arguments = &call->arguments;
	if (markup_accept(markup, ":"))
		do {
			if (!parse_argument(markup, &arguments))
				return false;
		} while (markup_accept(markup, ","));
	return !parser->failed && check_arguments(parser, call);
}

bool parse_filtered(struct markup *markup, struct filtered *out)
{
	struct liquid *liquid = markup->parser->liquid;
	size_t first_use = liquid->uses_count;
	if (!parse_expression(markup, &out->expression))
		return false;
	size_t last_use = liquid->uses_count;
	struct filter_call **tail = &out->filters;
	while (markup_accept(markup, "|"))
		if (!parse_filter(markup, &tail))
			return false;
	if (out->filters && strcmp(out->filters->filter->name, "default") == 0)
		for (size_t use = first_use; use < last_use; use++)
			liquid->uses[use].guarded = true;
	return markup_expect_end(markup, "behind the value; a filter starts with \"|\"");
}

/* --- conditions --- */

static const struct {
	const char *symbol;
	enum operator op;
} operators[] = {
    {"==", OP_EQ},
    {"!=", OP_NE},
    {"<>", OP_NE},
    {"<", OP_LT},
    {">", OP_GT},
    {"<=", OP_LE},
    {">=", OP_GE},
    {"contains", OP_CONTAINS},
};

static bool parse_comparison(struct markup *markup, struct condition *out)
{
	out->offset = markup->token.offset;
	if (!parse_expression(markup, &out->left))
		return false;
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
		if (markup_accept(markup, operators[i].symbol)) {
			out->op = operators[i].op;
			return parse_expression(markup, &out->right);
		}
	return true;
}

bool parse_condition(struct markup *markup, struct condition **out)
{
	for (int terms = 0;; terms++) {
		if (terms > 4 * LIQUID_NESTING)
			return parser_fail(
			    markup->parser, markup->token.offset, "a condition is too long");
		*out = arena_alloc(markup->parser->liquid->arena, sizeof **out);
		if (!parse_comparison(markup, *out))
			return false;
		if (markup_accept(markup, "and"))
			(*out)->join = JOIN_AND;
		else if (markup_accept(markup, "or"))
			(*out)->join = JOIN_OR;
		else
			return markup_expect_end(markup, "in a condition");
		out = &(*out)->next;
	}
}

/* --- the door --- */

struct liquid *liquid_compile(
    const struct liquid_source *source, struct err *err, struct liquid_place *place)
{
	struct arena *arena = arena_new();
	struct liquid *liquid = xcalloc(1, sizeof *liquid);
	liquid->arena = arena;
	liquid->parts = arena_alloc(arena, sizeof *liquid->parts);
	struct part *part = liquid->parts;
	part->source = text_keep(arena, source->text);
	struct parser parser = {.liquid = liquid, .input = source, .part = part, .err = err};
	if (parse_part(&parser, part)) {
		if (place != NULL)
			*place = (struct liquid_place){0, 0};
		return liquid;
	}
	if (place != NULL)
		*place = place_of(parser.error_part->source, parser.error_offset);
	liquid_free(&liquid);
	return NULL;
}

void liquid_free(struct liquid **template)
{
	struct liquid *liquid = *template;
	*template = NULL;
	if (liquid == NULL)
		return;
	xfree(liquid->uses);
	arena_free(&liquid->arena);
	xfree(liquid);
}

const struct liquid_use *liquid_uses(const struct liquid *template, size_t *count)
{
	*count = template->uses_count;
	return template->uses;
}

bool liquid_uses_filter(const struct liquid *template, const char *name)
{
	unsigned index = 0;
	return filter_find(str_of(name), &index) != NULL &&
	       (template->filters_used >> index & 1) != 0;
}
