/* The tags that hold blocks or variables: if, unless, case, for, assign. */
#include <string.h>

#include "notifier/message/liquid_internal.h"

/* --- if, unless --- */

static bool parse_branch_condition(
    struct parser *parser, const struct tag *tag, struct branch *branch)
{
	struct markup markup;
	size_t first_use = parser->liquid->uses_count;
	if (!markup_open(&markup, parser, tag->rest) ||
	    !parse_condition(&markup, &branch->condition))
		return false;
	if (parser->guards_count < PARSER_GUARDS) {
		parser->guards[parser->guards_count][0] = first_use;
		parser->guards[parser->guards_count++][1] = parser->liquid->uses_count;
	}
	return true;
}

bool parse_if(struct parser *parser, struct block *block, const struct tag *tag)
{
	bool unless = str_eq(tag->name, "unless");
	const char *const ends[] = {unless ? "endunless" : "endif", "elsif", "else", NULL};
	struct node *node = block_add(parser, block, NODE_IF, tag->offset);
	node->negate_first = unless;
	struct branch **tail = &node->branches;
	size_t guards = parser->guards_count;
	struct tag now = *tag;
	bool blank = true, had_else = false;
	do {
		struct branch *branch = *tail = arena_alloc(parser->liquid->arena, sizeof **tail);
		tail = &branch->next;
		branch->is_else = str_eq(now.name, "else");
		if (had_else && parser->input->strict)
			return parser_fail(parser, now.offset, "else was already there");
		had_else = had_else || branch->is_else;
		if (branch->is_else ? !tag_ends(parser, &now)
		                    : !parse_branch_condition(parser, &now, branch))
			return false;
		if (!parse_block(parser, &branch->block, ends, &now))
			return false;
		parser->guards_count = guards;
		blank = blank && branch->block.is_blank;
	} while (!str_eq(now.name, ends[0]));
	for (struct branch *branch = node->branches; blank && branch; branch = branch->next)
		block_drop_text(&branch->block);
	block->is_blank = block->is_blank && blank;
	return true;
}

/* --- case --- */

static bool parse_when(struct parser *parser, const struct tag *tag, struct branch *branch)
{
	struct markup markup;
	struct argument **tail = &branch->values;
	if (!markup_open(&markup, parser, tag->rest))
		return false;
	do {
		struct argument *value = *tail = arena_alloc(parser->liquid->arena, sizeof **tail);
		tail = &value->next;
		if (!parse_expression(&markup, &value->expression))
			return false;
	} while (markup_accept(&markup, ",") || markup_accept(&markup, "or"));
	return parser->input->strict ? markup_expect_end(&markup, "in when") : !parser->failed;
}

bool parse_case(struct parser *parser, struct block *block, const struct tag *tag)
{
	static const char *const ends[] = {"endcase", "when", "else", NULL};
	struct node *node = block_add(parser, block, NODE_CASE, tag->offset);
	struct markup markup;
	if (!markup_open(&markup, parser, tag->rest) ||
	    !parse_expression(&markup, &node->subject) || !markup_expect_end(&markup, "in case"))
		return false;
	struct block unreachable = {.is_blank = true}; /* between case and the first when */
	struct tag now;
	if (!parse_block(parser, &unreachable, ends, &now))
		return false;
	struct branch **tail = &node->branches;
	bool blank = true;
	while (!str_eq(now.name, "endcase")) {
		struct branch *branch = *tail = arena_alloc(parser->liquid->arena, sizeof **tail);
		tail = &branch->next;
		branch->is_else = str_eq(now.name, "else");
		if (branch->is_else ? !tag_ends(parser, &now) : !parse_when(parser, &now, branch))
			return false;
		if (!parse_block(parser, &branch->block, ends, &now))
			return false;
		blank = blank && branch->block.is_blank;
	}
	for (struct branch *branch = node->branches; blank && branch; branch = branch->next)
		block_drop_text(&branch->block);
	block->is_blank = block->is_blank && blank;
	return true;
}

/* --- for --- */

static bool parse_for_argument(struct markup *markup, struct node_for *loop)
{
	struct token name = markup->token;
	if (markup_accept(markup, "reversed")) {
		loop->reversed = true;
		return true;
	}
	bool is_limit = markup_is(markup, "limit");
	if (!is_limit && !markup_is(markup, "offset"))
		return parser_fail(markup->parser, name.offset,
		    "for knows limit:, offset: and reversed, not \"%.*s\"", (int)name.text.len,
		    name.text.at);
	if (!markup_take(markup) || !markup_accept(markup, ":"))
		return parser_fail(markup->parser, name.offset,
		    "a \":\" is missing behind \"%.*s\"", (int)name.text.len, name.text.at);
	if (!is_limit && markup_accept(markup, "continue")) {
		loop->offset_continues = true;
		return true;
	}
	return parse_expression(markup, is_limit ? &loop->limit : &loop->offset);
}

static bool parse_for_head(struct parser *parser, const struct tag *tag, struct node_for *loop)
{
	struct markup markup;
	if (!markup_open(&markup, parser, tag->rest))
		return false;
	if (markup.token.kind != TOKEN_NAME)
		return parser_fail(parser, tag->offset, "write {%% for item in list %%}");
	loop->variable = markup.token.text;
	if (!markup_take(&markup) || !markup_accept(&markup, "in"))
		return parser_fail(parser, tag->offset, "write {%% for item in list %%}");
	const char *from = markup.token.text.at - (markup.token.kind == TOKEN_STRING);
	if (!parse_expression(&markup, &loop->collection))
		return false;
	const char *to = markup.token.kind == TOKEN_END ? markup.end : markup.token.text.at;
	struct str collection = str_trim(str_make(from, (size_t)(to - from)));
	loop->name = arena_printf(parser->liquid->arena, "%.*s-%.*s", (int)loop->variable.len,
	    loop->variable.at, (int)collection.len, collection.at);
	while (!parser->failed && markup.token.kind != TOKEN_END)
		if (!markup_accept(&markup, ",") && !parse_for_argument(&markup, loop))
			return false;
	return !parser->failed;
}

bool parse_for(struct parser *parser, struct block *block, const struct tag *tag)
{
	static const char *const ends[] = {"endfor", "else", NULL};
	static const char *const last_end[] = {"endfor", NULL};
	struct node *node = block_add(parser, block, NODE_FOR, tag->offset);
	struct node_for *loop = node->loop = arena_alloc(parser->liquid->arena, sizeof *loop);
	loop->otherwise.is_blank = true;
	size_t locals = parser->locals_count;
	struct tag now;
	if (!parse_for_head(parser, tag, loop) ||
	    !local_push(parser, loop->variable, tag->offset) ||
	    !parse_block(parser, &loop->body, ends, &now))
		return false;
	/* The loop's variable goes; what the body assigned stays. */
	memmove(&parser->locals[locals], &parser->locals[locals + 1],
	    (parser->locals_count - locals - 1) * sizeof *parser->locals);
	parser->locals_count--;
	if (str_eq(now.name, "else") && !parse_block(parser, &loop->otherwise, last_end, &now))
		return false;
	bool blank = loop->body.is_blank && loop->otherwise.is_blank;
	if (blank) {
		block_drop_text(&loop->body);
		block_drop_text(&loop->otherwise);
	}
	block->is_blank = block->is_blank && blank;
	return true;
}

bool parse_jump(struct parser *parser, struct block *block, const struct tag *tag)
{
	block_add(
	    parser, block, str_eq(tag->name, "break") ? NODE_BREAK : NODE_CONTINUE, tag->offset);
	block->is_blank = false;
	return tag_ends(parser, tag);
}

/* --- assign --- */

bool parse_assign(struct parser *parser, struct block *block, const struct tag *tag)
{
	struct node *node = block_add(parser, block, NODE_ASSIGN, tag->offset);
	struct markup markup;
	if (!markup_open(&markup, parser, tag->rest))
		return false;
	struct str name = markup.token.text;
	bool is_name = markup.token.kind == TOKEN_NAME && name.at[name.len - 1] != '?';
	/* A number as a name can never be read again, but Liquid takes it. */
	if (!is_name && (markup.token.kind != TOKEN_INTEGER || parser->input->strict))
		return parser_fail(parser, tag->offset, "write {%% assign name = value %%}");
	node->assign.name = name;
	if (!markup_take(&markup) || !markup_accept(&markup, "="))
		return parser_fail(parser, tag->offset, "write {%% assign name = value %%}");
	if (!parse_filtered(&markup, &node->assign.value))
		return false;
	return local_is_known(parser, name) || local_push(parser, name, tag->offset);
}
