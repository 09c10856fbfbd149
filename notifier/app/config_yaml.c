#include "notifier/app/config_yaml.h"

#include <string.h>
#include <yaml.h>

#include "notifier/base/map.h"

struct reader {
	yaml_parser_t parser;
	struct arena *arena;
	struct map
	    anchors;   /* name → finished node: an anchor inside its own node is not there yet */
	size_t budget; /* nodes that may still be made or shared */
	int line;      /* of the error */
	struct err *err;
};

/* A list or map while it is read. */
struct frame {
	struct config_node *node;
	const char *anchor;
	size_t capacity;
	const char *key; /* of a map: read, its value is next */
	int key_line;
};

const char *config_node_kind_name(enum config_node_kind kind)
{
	static const char *const names[] = {[CONFIG_NODE_TEXT] = "a single value",
	    [CONFIG_NODE_LIST] = "a list",
	    [CONFIG_NODE_MAP] = "a group of options"};
	return names[kind];
}

static int event_line(const yaml_event_t *event)
{
	return (int)event->start_mark.line + 1;
}

#define READER_FAIL(reader, at, ...)                                                               \
	((reader)->line = (at), err_set((reader)->err, ERR_INPUT, __VA_ARGS__))

static bool next_event(struct reader *reader, yaml_event_t *event)
{
	if (yaml_parser_parse(&reader->parser, event))
		return true;
	const yaml_parser_t *parser = &reader->parser;
	const char *problem = parser->problem ? parser->problem : "not readable as YAML";
	if (parser->error == YAML_READER_ERROR)
		return READER_FAIL(reader, 0, "%s at byte %zu", problem, parser->problem_offset);
	return READER_FAIL(reader, (int)parser->problem_mark.line + 1, "%s", problem);
}

static bool text_is_printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
			return false;
	return true;
}

static bool spells_null(const yaml_event_t *event)
{
	if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	const char *text = (const char *)event->data.scalar.value;
	return *text == '\0' || text_eq(text, "~") || text_eq_nocase(text, "null");
}

static bool spend(struct reader *reader, size_t nodes, int line)
{
	if (nodes > reader->budget)
		return READER_FAIL(
		    reader, line, "more than %d values (aliases count in full)", CONFIG_YAML_NODES);
	reader->budget -= nodes;
	return true;
}

static struct config_node *node_new(
    struct reader *reader, enum config_node_kind kind, const yaml_event_t *event)
{
	if (!spend(reader, 1, event_line(event)))
		return NULL;
	struct config_node *node = arena_alloc(reader->arena, sizeof *node);
	*node = (struct config_node){
	    .kind = kind, .line = event_line(event), .text = "", .nodes = 1, .depth = 1};
	return node;
}

static const struct config_node *read_text(struct reader *reader, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	if (!text_is_printable(text, len)) {
		READER_FAIL(reader, event_line(event),
		    "this value holds a line break or another control character; write it in one "
		    "line, between quotes");
		return NULL;
	}
	struct config_node *node = node_new(reader, CONFIG_NODE_TEXT, event);
	if (node == NULL)
		return NULL;
	node->text = arena_strndup(reader->arena, text, len);
	node->is_null = spells_null(event);
	return node;
}

static const struct config_node *read_alias(struct reader *reader, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	const struct config_node *node = map_get(&reader->anchors, str_of(name));
	if (node == NULL) {
		READER_FAIL(
		    reader, event_line(event), "the alias *%.60s has no anchor before it", name);
		return NULL;
	}
	return spend(reader, node->nodes, event_line(event)) ? node : NULL;
}

static void anchor_put(struct reader *reader, const char *name, const struct config_node *node)
{
	union { /* the map's values are not const; nothing writes through them */
		const struct config_node *in;
		void *out;
	} value = {node};
	if (name != NULL)
		map_put(&reader->anchors, str_of(name), value.out);
}

static void frame_grow(struct reader *reader, struct frame *frame)
{
	size_t capacity = frame->capacity ? 2 * frame->capacity : 8;
	struct config_entry *entries = arena_array(reader->arena, capacity, sizeof *entries);
	if (frame->node->count > 0)
		memcpy(entries, frame->node->entries, frame->node->count * sizeof *entries);
	frame->node->entries = entries;
	frame->capacity = capacity;
}

/* Adds a finished value to the collection that is open. */
static bool frame_add(
    struct reader *reader, struct frame *frame, const struct config_node *value, int line)
{
	struct config_node *node = frame->node;
	if (node->kind == CONFIG_NODE_MAP && frame->key == NULL) {
		if (value->kind != CONFIG_NODE_TEXT)
			return READER_FAIL(reader, line, "the name of an option must be a word");
		if (*value->text == '\0' || strlen(value->text) > CONFIG_YAML_KEY_BYTES)
			return READER_FAIL(reader, line, "the name of an option has 1 to %d bytes",
			    CONFIG_YAML_KEY_BYTES);
		frame->key = value->text;
		frame->key_line = line;
		return true;
	}
	if (node->count == frame->capacity)
		frame_grow(reader, frame);
	bool named = node->kind == CONFIG_NODE_MAP;
	node->entries[node->count++] =
	    (struct config_entry){frame->key, named ? frame->key_line : line, value};
	frame->key = NULL;
	node->nodes += value->nodes;
	if (value->depth >= node->depth)
		node->depth = value->depth + 1;
	return true;
}

struct stack {
	struct frame frames[CONFIG_YAML_DEPTH];
	int depth;
	const struct config_node *root;
};

static bool stack_push(struct reader *reader, struct stack *stack, enum config_node_kind kind,
    const yaml_event_t *event)
{
	const yaml_char_t *anchor = kind == CONFIG_NODE_LIST ? event->data.sequence_start.anchor
	                                                     : event->data.mapping_start.anchor;
	if (stack->depth == CONFIG_YAML_DEPTH)
		return READER_FAIL(
		    reader, event_line(event), "nested deeper than %d levels", CONFIG_YAML_DEPTH);
	struct config_node *node = node_new(reader, kind, event);
	if (node == NULL)
		return false;
	stack->frames[stack->depth++] = (struct frame){
	    .node = node, .anchor = arena_strdup(reader->arena, (const char *)anchor)};
	return true;
}

static bool stack_add(
    struct reader *reader, struct stack *stack, const struct config_node *value, int line)
{
	if (value->depth + stack->depth > CONFIG_YAML_DEPTH)
		return READER_FAIL(reader, line, "nested deeper than %d levels", CONFIG_YAML_DEPTH);
	if (stack->depth > 0)
		return frame_add(reader, &stack->frames[stack->depth - 1], value, line);
	stack->root = value;
	return true;
}

static bool take_event(struct reader *reader, struct stack *stack, const yaml_event_t *event)
{
	const struct config_node *value = NULL;
	struct frame *top;
	int line = event_line(event);
	switch ((int)event->type) {
	case YAML_SEQUENCE_START_EVENT: return stack_push(reader, stack, CONFIG_NODE_LIST, event);
	case YAML_MAPPING_START_EVENT: return stack_push(reader, stack, CONFIG_NODE_MAP, event);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		top = &stack->frames[--stack->depth];
		value = top->node;
		must(value != NULL);
		line = value->line;
		anchor_put(reader, top->anchor, value);
		break;
	case YAML_SCALAR_EVENT:
		value = read_text(reader, event);
		if (value != NULL)
			anchor_put(reader, (const char *)event->data.scalar.anchor, value);
		break;
	case YAML_ALIAS_EVENT: value = read_alias(reader, event); break;
	case YAML_DOCUMENT_START_EVENT:
		return stack->root == NULL ||
		       READER_FAIL(
		           reader, line, "a second document (---): put everything into one");
	default: return true; /* stream start and end, document end */
	}
	return value != NULL && stack_add(reader, stack, value, line);
}

static bool read_events(struct reader *reader, struct stack *stack)
{
	for (bool is_end = false; !is_end;) {
		yaml_event_t event;
		if (!next_event(reader, &event))
			return false;
		is_end = event.type == YAML_STREAM_END_EVENT;
		bool ok = take_event(reader, stack, &event);
		yaml_event_delete(&event);
		if (!ok)
			return false;
	}
	return true;
}

static const struct config_node *finish(struct reader *reader, const struct config_node *root)
{
	if (root == NULL || root->is_null) {
		struct config_node *empty = arena_alloc(reader->arena, sizeof *empty);
		*empty = (struct config_node){
		    CONFIG_NODE_MAP, .line = 1, .text = "", .nodes = 1, .depth = 1};
		return empty;
	}
	if (root->kind == CONFIG_NODE_MAP)
		return root;
	READER_FAIL(reader, root->line,
	    "expected options such as \"listen: 127.0.0.1:8080\", found %s",
	    config_node_kind_name(root->kind));
	return NULL;
}

const struct config_node *config_yaml_parse(
    struct str text, struct arena *arena, int *line, struct err *err)
{
	struct reader reader = {.arena = arena, .budget = CONFIG_YAML_NODES, .err = err};
	struct stack stack = {.depth = 0};
	*line = 0;
	if (text.len > CONFIG_YAML_BYTES) {
		err_set(err, ERR_INPUT, "larger than %d bytes", CONFIG_YAML_BYTES);
		return NULL;
	}
	must(yaml_parser_initialize(&reader.parser)); /* fails for want of memory only */
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text.at, text.len);
	const struct config_node *root =
	    read_events(&reader, &stack) ? finish(&reader, stack.root) : NULL;
	yaml_parser_delete(&reader.parser);
	map_free(&reader.anchors);
	*line = reader.line;
	return root;
}
