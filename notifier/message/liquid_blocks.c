/* Blocks: from chunks to the tree, and which tag means what. */
#include <string.h>

#include "notifier/message/liquid_internal.h"

static bool is_white(struct str text)
{
	return str_trim(text).len == 0;
}

struct node *block_add(
    struct parser *parser, struct block *block, enum node_kind kind, size_t offset)
{
	struct node *node = arena_alloc(parser->liquid->arena, sizeof *node);
	node->kind = kind;
	node->offset = offset;
	if (block->last != NULL)
		block->last->next = node;
	else
		block->first = node;
	block->last = node;
	return node;
}

/* Liquid prints nothing for a block that holds only white space and silent tags. */
void block_drop_text(struct block *block)
{
	struct node **at = &block->first;
	block->last = NULL;
	while (*at != NULL) {
		if ((*at)->kind == NODE_TEXT) {
			*at = (*at)->next;
		} else {
			block->last = *at;
			at = &(*at)->next;
		}
	}
}

bool tag_ends(struct parser *parser, const struct tag *tag)
{
	if (tag->rest.len == 0 || !parser->input->strict)
		return true;
	return parser_fail(parser, tag->offset, "nothing may stand behind \"%.*s\"",
	    (int)tag->name.len, tag->name.at);
}

bool local_push(struct parser *parser, struct str name, size_t offset)
{
	if (parser->locals_count == PARSER_GUARDS)
		return parser_fail(
		    parser, offset, "more than %d variables made by one template", PARSER_GUARDS);
	parser->locals[parser->locals_count++] = name;
	return true;
}

/* --- raw, comments --- */

static bool parse_raw(struct parser *parser, struct block *block, const struct tag *tag)
{
	struct str text = {NULL, 0};
	if (!tag_ends(parser, tag) || !chunk_skip_to(parser, "raw", "endraw", false, &text))
		return false;
	block_add(parser, block, NODE_TEXT, tag->offset)->text = text;
	block->is_blank = false;
	return true;
}

static bool parse_comment(struct parser *parser, struct block *block, const struct tag *tag)
{
	(void)block;
	(void)tag;
	return chunk_skip_to(parser, "comment", "endcomment", true, NULL);
}

static bool parse_inline_comment(struct parser *parser, struct block *block, const struct tag *tag)
{
	(void)block;
	struct str rest = tag->rest, line;
	for (rest = str_make(rest.at, rest.len); rest.at != NULL;) {
		bool first = rest.at == tag->rest.at;
		rest = str_cut(rest, '\n', &line);
		line = str_trim(line);
		if (!first && line.len > 0 && line.at[0] != '#')
			return parser_fail(
			    parser, tag->offset, "every line of a # comment starts with #");
	}
	return true;
}

/* --- blocks --- */

static const struct {
	const char *name;
	bool (*parse)(struct parser *parser, struct block *block, const struct tag *tag);
	bool is_block;
} tags[] = {
    {"if", parse_if, true},
    {"unless", parse_if, true},
    {"case", parse_case, true},
    {"for", parse_for, true},
    {"assign", parse_assign, false},
    {"render", parse_render, false},
    {"break", parse_jump, false},
    {"continue", parse_jump, false},
    {"raw", parse_raw, false},
    {"comment", parse_comment, false},
    {"#", parse_inline_comment, false},
};
#define TAGS (sizeof tags / sizeof *tags)

static struct tag tag_of(const struct chunk *chunk)
{
	size_t len = 0;
	struct str text = chunk->text;
	if (text.len > 0 && text.at[0] == '#')
		len = 1;
	while (len < text.len && text.at[0] != '#' &&
	       ((text.at[len] >= 'a' && text.at[len] <= 'z') || text.at[len] == '_'))
		len++;
	return (struct tag){str_make(text.at, len),
	    str_trim(str_make(text.at + len, text.len - len)), chunk->offset};
}

static bool unknown_tag(struct parser *parser, const struct tag *tag)
{
	const char *names[TAGS];
	for (size_t i = 0; i < TAGS; i++)
		names[i] = tags[i].name;
	if (str_starts(tag->name, "end") || str_eq(tag->name, "else") ||
	    str_eq(tag->name, "elsif") || str_eq(tag->name, "when"))
		return parser_fail(parser, tag->offset, "\"%.*s\" does not belong here",
		    (int)tag->name.len, tag->name.at);
	char *wanted = arena_strndup(parser->liquid->arena, tag->name.at, tag->name.len);
	const char *nearest = text_nearest(wanted, names, TAGS);
	return parser_fail(parser, tag->offset, "unknown tag \"%s\"%s%s%s", wanted,
	    nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

static bool parse_tag(struct parser *parser, struct block *block, const struct tag *tag)
{
	for (size_t i = 0; i < TAGS; i++) {
		if (!str_eq(tag->name, tags[i].name))
			continue;
		if (tags[i].is_block && parser->depth >= LIQUID_NESTING)
			return parser_fail(parser, tag->offset, "blocks are nested deeper than %d",
			    LIQUID_NESTING);
		parser->depth += tags[i].is_block;
		bool ok = tags[i].parse(parser, block, tag);
		parser->depth -= tags[i].is_block;
		return ok;
	}
	return unknown_tag(parser, tag);
}

static bool parse_output(struct parser *parser, struct block *block, const struct chunk *chunk)
{
	block->is_blank = false;
	if (chunk->text.len == 0 && !parser->input->strict)
		return true;
	struct node *node = block_add(parser, block, NODE_OUTPUT, chunk->offset);
	struct markup markup;
	parser->in_output = true;
	bool ok =
	    markup_open(&markup, parser, chunk->text) && parse_filtered(&markup, &node->output);
	parser->in_output = false;
	return ok;
}

static bool is_one_of(struct str name, const char *const *names)
{
	for (; *names; names++)
		if (str_eq(name, *names))
			return true;
	return false;
}

bool parse_block(
    struct parser *parser, struct block *block, const char *const *ends, struct tag *end)
{
	static const char *const none[] = {NULL};
	size_t opened_at = parser->at;
	struct chunk chunk;
	block->is_blank = true;
	while (chunk_next(parser, &chunk)) {
		bool ok = true;
		struct tag tag;
		switch (chunk.kind) {
		case CHUNK_END:
			*end = (struct tag){{NULL, 0}, {NULL, 0}, chunk.offset};
			if (ends == NULL)
				return true;
			return parser_fail(parser, opened_at > 0 ? opened_at - 1 : 0,
			    "the block that begins here is never closed by {%% %s %%}", ends[0]);
		case CHUNK_TEXT:
			if (chunk.text.len > 0)
				block_add(parser, block, NODE_TEXT, chunk.offset)->text =
				    chunk.text;
			block->is_blank = block->is_blank && is_white(chunk.text);
			break;
		case CHUNK_OUTPUT: ok = parse_output(parser, block, &chunk); break;
		case CHUNK_TAG:
			tag = tag_of(&chunk);
			if (is_one_of(tag.name, ends ? ends : none)) {
				*end = tag;
				return true;
			}
			ok = parse_tag(parser, block, &tag);
			break;
		}
		if (!ok)
			return false;
	}
	return false;
}

bool parse_part(struct parser *parser, struct part *part)
{
	struct tag end;
	if (part->source.len > LIQUID_TEMPLATE_BYTES)
		return parser_fail(parser, 0, "a template has at most %d KiB, this has %zu bytes",
		    LIQUID_TEMPLATE_BYTES / 1024, part->source.len);
	if (memchr(part->source.at, '\0', part->source.len) != NULL ||
	    !utf8_is_valid(part->source.at, part->source.len))
		return parser_fail(parser, 0, "a template is UTF-8 text");
	return parse_block(parser, &part->body, NULL, &end);
}
