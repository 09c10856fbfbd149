/* {% render 'name' %}: snippets, compiled where they are first used. */
#include <string.h>

#include "notifier/message/liquid_internal.h"

static struct part *part_find(struct parser *parser, struct str name)
{
	for (struct part *part = parser->liquid->parts; part; part = part->next)
		if (part->name != NULL && str_eq(name, part->name))
			return part;
	return NULL;
}

static bool unknown_snippet(struct parser *parser, struct str name, size_t offset)
{
	const struct liquid_partials *partials = parser->input->partials;
	size_t count = partials ? partials->count : 0;
	const char **names = arena_array(parser->liquid->arena, count + 1, sizeof *names);
	for (size_t i = 0; i < count; i++)
		names[i] = partials->items[i].name;
	char *wanted = arena_strndup(parser->liquid->arena, name.at, name.len);
	const char *nearest = count ? text_nearest(wanted, names, count) : NULL;
	return parser_fail(parser, offset, "unknown snippet \"%s\"%s%s%s", wanted,
	    nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

/* Compiles a snippet where it is first used.  Its part stands in the list before its body is
 * read, so that snippets may call each other; how deep is the renderer's business. */
static bool snippet_compile(
    struct parser *parser, const struct liquid_partial *partial, struct part **out)
{
	struct arena *arena = parser->liquid->arena;
	if (parser->snippet_depth >= LIQUID_RENDER_DEPTH)
		return parser_fail(
		    parser, parser->at, "snippets are nested deeper than %d", LIQUID_RENDER_DEPTH);
	struct part *part = *out = arena_alloc(arena, sizeof *part);
	part->name = arena_strdup(arena, partial->name);
	part->source = text_keep(arena, partial->source);
	part->next = parser->liquid->parts->next;
	parser->liquid->parts->next = part;
	struct parser inner = {.liquid = parser->liquid,
	    .input = parser->input,
	    .part = part,
	    .depth = parser->depth,
	    .snippet_depth = parser->snippet_depth + 1,
	    .err = parser->err};
	if (parse_part(&inner, part))
		return true;
	parser->failed = true;
	parser->error_part = inner.error_part;
	parser->error_offset = inner.error_offset;
	return false;
}

static bool snippet_find(struct parser *parser, struct str name, size_t offset, struct part **out)
{
	*out = part_find(parser, name);
	if (*out != NULL)
		return true;
	const struct liquid_partials *partials = parser->input->partials;
	for (size_t i = 0; partials && i < partials->count; i++)
		if (str_eq(name, partials->items[i].name))
			return snippet_compile(parser, &partials->items[i], out);
	return unknown_snippet(parser, name, offset);
}

static bool parse_render_bound(struct markup *markup, struct str name, struct node_render *render)
{
	render->bind = markup_is(markup, "with")  ? BIND_WITH
	               : markup_is(markup, "for") ? BIND_FOR
	                                          : BIND_NONE;
	if (render->bind == BIND_NONE)
		return true;
	struct markup ahead = *markup; /* with: may also be an argument's name */
	if (!markup_take(&ahead))
		return false;
	if (markup_is(&ahead, ":")) {
		render->bind = BIND_NONE;
		return true;
	}
	*markup = ahead;
	render->bound_name = name;
	if (!parse_expression(markup, &render->bound))
		return false;
	if (!markup_accept(markup, "as"))
		return !markup->parser->failed;
	render->bound_name = markup->token.text;
	return markup_take(markup);
}

bool parse_render(struct parser *parser, struct block *block, const struct tag *tag)
{
	struct node *node = block_add(parser, block, NODE_RENDER, tag->offset);
	struct node_render *render = node->render =
	    arena_alloc(parser->liquid->arena, sizeof *render);
	block->is_blank = false;
	struct markup markup;
	if (!markup_open(&markup, parser, tag->rest))
		return false;
	struct token name = markup.token;
	if (name.kind != TOKEN_STRING)
		return parser_fail(parser, tag->offset, "write {%% render 'name' %%}");
	if (!markup_take(&markup) || !parse_render_bound(&markup, name.text, render))
		return false;
	struct argument **tail = &render->arguments;
	while (!parser->failed && markup.token.kind != TOKEN_END) {
		struct argument **added = tail;
		if (markup_accept(&markup, ","))
			continue;
		if (!parse_argument(&markup, &tail))
			return false;
		if ((*added)->keyword.len == 0)
			return parser_fail(
			    parser, tag->offset, "a snippet's arguments are written name: value");
	}
	return !parser->failed && snippet_find(parser, name.text, tag->offset, &render->part);
}
