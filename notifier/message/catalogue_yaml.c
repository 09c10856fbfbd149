/* The small part of YAML that front matter needs, with the place of every value. */
#include <string.h>
#include <yaml.h>

#include "notifier/message/catalogue_internal.h"

#define YAML_DEPTH 4
#define YAML_PAIRS 500

struct reader {
	yaml_parser_t parser;
	struct arena *arena;
	struct yaml_pair *first, **tail;
	int count;
	struct err *err;
	struct liquid_place *place;
};

static bool read_fail(struct reader *reader, yaml_mark_t mark, const char *what)
{
	*reader->place = (struct liquid_place){(int)mark.line + 1, (int)mark.column + 1};
	return err_set(reader->err, ERR_INPUT, "%s", what);
}

static bool next(struct reader *reader, yaml_event_t *event)
{
	if (yaml_parser_parse(&reader->parser, event))
		return true;
	return read_fail(reader, reader->parser.problem_mark,
	    reader->parser.problem ? reader->parser.problem : "broken YAML");
}

static bool add_pair(struct reader *reader, const char *key, const yaml_event_t *event)
{
	if (reader->count++ >= YAML_PAIRS)
		return read_fail(reader, event->start_mark, "too many keys");
	struct yaml_pair *pair = arena_alloc(reader->arena, sizeof *pair);
	bool quoted = event->data.scalar.style == YAML_SINGLE_QUOTED_SCALAR_STYLE ||
	              event->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	bool block = event->data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
	             event->data.scalar.style == YAML_FOLDED_SCALAR_STYLE;
	pair->key = key;
	pair->value = arena_strndup(
	    reader->arena, (const char *)event->data.scalar.value, event->data.scalar.length);
	pair->place = (struct liquid_place){(int)event->start_mark.line + 1 + block,
	    block ? 1 : (int)event->start_mark.column + 1 + quoted};
	for (const struct yaml_pair *other = reader->first; other; other = other->next)
		if (strcmp(other->key, key) == 0)
			return read_fail(reader, event->start_mark, "this key was already there");
	*reader->tail = pair;
	reader->tail = &pair->next;
	return true;
}

static bool read_value(struct reader *reader, const char *key, yaml_event_t *event, int depth);

static bool read_mapping(struct reader *reader, const char *prefix, int depth)
{
	for (;;) {
		yaml_event_t event;
		if (!next(reader, &event))
			return false;
		bool end = event.type == YAML_MAPPING_END_EVENT;
		bool ok = event.type == YAML_SCALAR_EVENT || end ||
		          read_fail(reader, event.start_mark, "a key is one word");
		char *key = NULL;
		if (ok && !end)
			key = arena_printf(reader->arena, "%s%s%s", prefix, *prefix ? "." : "",
			    (const char *)event.data.scalar.value);
		yaml_event_delete(&event);
		if (!ok || end)
			return ok;
		if (!next(reader, &event))
			return false;
		ok = read_value(reader, key, &event, depth);
		yaml_event_delete(&event);
		if (!ok)
			return false;
	}
}

static bool read_sequence(struct reader *reader, const char *prefix, int depth)
{
	for (int index = 0;; index++) {
		yaml_event_t event;
		if (!next(reader, &event))
			return false;
		bool end = event.type == YAML_SEQUENCE_END_EVENT;
		bool ok =
		    end || read_value(reader, arena_printf(reader->arena, "%s.%d", prefix, index),
		               &event, depth);
		yaml_event_delete(&event);
		if (!ok || end)
			return ok;
	}
}

static bool read_value(struct reader *reader, const char *key, yaml_event_t *event, int depth)
{
	if (event->type == YAML_SCALAR_EVENT)
		return add_pair(reader, key, event);
	if (depth >= YAML_DEPTH)
		return read_fail(reader, event->start_mark, "keys are nested too deeply");
	if (event->type == YAML_MAPPING_START_EVENT)
		return read_mapping(reader, key, depth + 1);
	if (event->type == YAML_SEQUENCE_START_EVENT)
		return read_sequence(reader, key, depth + 1);
	return read_fail(reader, event->start_mark, "aliases are not understood here");
}

static bool read_document(struct reader *reader)
{
	for (;;) {
		yaml_event_t event;
		if (!next(reader, &event))
			return false;
		yaml_event_type_t type = event.type;
		bool ok = type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT ||
		          type == YAML_MAPPING_START_EVENT ||
		          read_fail(reader, event.start_mark, "expected \"key: value\" lines");
		yaml_event_delete(&event);
		if (!ok)
			return false;
		if (type == YAML_MAPPING_START_EVENT)
			return read_mapping(reader, "", 0);
	}
}

struct yaml_pair *yaml_flat(
    struct arena *arena, struct str text, struct err *err, struct liquid_place *place)
{
	struct reader reader = {.arena = arena, .err = err, .place = place};
	reader.tail = &reader.first;
	*place = (struct liquid_place){1, 1};
	if (!yaml_parser_initialize(&reader.parser)) {
		err_set(err, ERR_INPUT, "no YAML parser");
		return NULL;
	}
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
	    &reader.parser, (const unsigned char *)(text.at ? text.at : ""), text.len);
	bool ok = read_document(&reader);
	yaml_parser_delete(&reader.parser);
	if (ok && reader.first == NULL)
		err_set(err, ERR_INPUT, "no key is there");
	return ok ? reader.first : NULL;
}

const char *yaml_find(const struct yaml_pair *pairs, const char *key)
{
	for (; pairs; pairs = pairs->next)
		if (strcmp(pairs->key, key) == 0)
			return pairs->value;
	return NULL;
}
