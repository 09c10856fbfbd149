/* Values: truth, order, members and text, as Liquid defines them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/message/liquid_internal.h"

#define JOIN_DEPTH 16 /* arrays in arrays that are still printed */

struct str text_keep(struct arena *arena, struct str text)
{
	char *copy = arena_alloc(arena, text.len + 1);
	if (text.len > 0)
		memcpy(copy, text.at, text.len);
	return str_make(copy, text.len);
}

struct value value_text(struct str text)
{
	return (struct value){.kind = VALUE_TEXT, .text = text};
}

struct value value_integer(int64_t integer)
{
	return (struct value){.kind = VALUE_INTEGER, .integer = integer};
}

struct value value_boolean(bool boolean)
{
	return (struct value){.kind = VALUE_BOOLEAN, .boolean = boolean};
}

struct value value_of_json(const json_t *json)
{
	if (json == NULL)
		return (struct value){.kind = VALUE_NIL};
	switch (json_typeof(json)) {
	case JSON_OBJECT:
	case JSON_ARRAY: return (struct value){.kind = VALUE_JSON, .json = json};
	case JSON_STRING:
		return value_text(str_make(json_string_value(json), json_string_length(json)));
	case JSON_INTEGER: return value_integer(json_integer_value(json));
	case JSON_REAL: return (struct value){.kind = VALUE_REAL, .real = json_real_value(json)};
	case JSON_TRUE: return value_boolean(true);
	case JSON_FALSE: return value_boolean(false);
	case JSON_NULL: break;
	}
	return (struct value){.kind = VALUE_NIL};
}

bool value_is_true(const struct value *value)
{
	return value->kind != VALUE_NIL && (value->kind != VALUE_BOOLEAN || value->boolean);
}

bool value_is_blank(const struct value *value, bool whitespace_too)
{
	switch (value->kind) {
	case VALUE_TEXT:
		return value->text.len == 0 || (whitespace_too && str_trim(value->text).len == 0);
	case VALUE_JSON:
		return json_is_object(value->json) ? json_object_size(value->json) == 0
		                                   : json_array_size(value->json) == 0;
	case VALUE_LIST: return value->list.count == 0;
	case VALUE_NIL: return whitespace_too;
	case VALUE_BOOLEAN: return whitespace_too && !value->boolean;
	case VALUE_INTEGER:
	case VALUE_REAL:
	case VALUE_RANGE:
	case VALUE_EMPTY:
	case VALUE_BLANK:
	case VALUE_LOOP: break;
	}
	return false;
}

static bool is_number(const struct value *value)
{
	return value->kind == VALUE_INTEGER || value->kind == VALUE_REAL;
}

static double number_of(const struct value *value)
{
	return value->kind == VALUE_INTEGER ? (double)value->integer : value->real;
}

static bool list_equals(const struct value *a, const struct value *b)
{
	if (a->list.count != b->list.count)
		return false;
	for (size_t i = 0; i < a->list.count; i++)
		if (!value_equals(&a->list.items[i], &b->list.items[i]))
			return false;
	return true;
}

static bool same_kind_equals(const struct value *a, const struct value *b)
{
	switch (a->kind) {
	case VALUE_NIL:
	case VALUE_EMPTY:
	case VALUE_BLANK: return true;
	case VALUE_BOOLEAN: return a->boolean == b->boolean;
	case VALUE_INTEGER: return a->integer == b->integer;
	case VALUE_REAL: return a->real == b->real;
	case VALUE_TEXT:
		return a->text.len == b->text.len &&
		       (a->text.len == 0 || memcmp(a->text.at, b->text.at, a->text.len) == 0);
	case VALUE_JSON: return json_equal(a->json, b->json);
	case VALUE_LIST: return list_equals(a, b);
	case VALUE_RANGE: return a->range.from == b->range.from && a->range.to == b->range.to;
	case VALUE_LOOP: return a->loop == b->loop;
	}
	return false;
}

bool value_equals(const struct value *a, const struct value *b)
{
	if (a->kind == b->kind)
		return same_kind_equals(a, b);
	if (a->kind == VALUE_EMPTY || a->kind == VALUE_BLANK)
		return value_is_blank(b, a->kind == VALUE_BLANK);
	if (b->kind == VALUE_EMPTY || b->kind == VALUE_BLANK)
		return value_is_blank(a, b->kind == VALUE_BLANK);
	return is_number(a) && is_number(b) && number_of(a) == number_of(b);
}

bool value_compare(const struct value *a, const struct value *b, int *order)
{
	if (a->kind == VALUE_INTEGER && b->kind == VALUE_INTEGER) {
		*order = (a->integer > b->integer) - (a->integer < b->integer);
		return true;
	}
	if (is_number(a) && is_number(b)) {
		double left = number_of(a), right = number_of(b);
		*order = (left > right) - (left < right);
		return true;
	}
	if (a->kind != VALUE_TEXT || b->kind != VALUE_TEXT)
		return false;
	size_t len = a->text.len < b->text.len ? a->text.len : b->text.len;
	*order = len ? memcmp(a->text.at, b->text.at, len) : 0;
	if (*order == 0)
		*order = (a->text.len > b->text.len) - (a->text.len < b->text.len);
	return true;
}

bool value_contains(const struct value *whole, const struct value *part, struct arena *arena)
{
	if (!value_is_true(whole) || !value_is_true(part))
		return false;
	if (whole->kind == VALUE_TEXT) {
		struct str text = value_to_text(part, arena);
		return text.len == 0 ||
		       memmem(whole->text.at, whole->text.len, text.at, text.len) != NULL;
	}
	if (whole->kind == VALUE_JSON && json_is_object(whole->json)) {
		struct str key = value_to_text(part, arena);
		return part->kind == VALUE_TEXT &&
		       json_object_getn(whole->json, key.at ? key.at : "", key.len) != NULL;
	}
	if (whole->kind == VALUE_RANGE)
		return part->kind == VALUE_INTEGER && part->integer >= whole->range.from &&
		       part->integer <= whole->range.to;
	struct value *items;
	size_t count;
	if (!value_items(whole, &items, &count, arena))
		return false;
	for (size_t i = 0; i < count; i++)
		if (value_equals(&items[i], part))
			return true;
	return false;
}

/* --- conversions --- */

static int64_t characters(struct str text)
{
	int64_t count = 0;
	for (size_t i = 0; i < text.len; i++)
		count += ((unsigned char)text.at[i] & 0xC0) != 0x80;
	return count;
}

int64_t value_size(const struct value *value)
{
	switch (value->kind) {
	case VALUE_TEXT: return characters(value->text);
	case VALUE_JSON:
		return (int64_t)(json_is_object(value->json) ? json_object_size(value->json)
		                                             : json_array_size(value->json));
	case VALUE_LIST: return (int64_t)value->list.count;
	case VALUE_RANGE:
		return value->range.to < value->range.from
		           ? 0
		           : (int64_t)((uint64_t)value->range.to - (uint64_t)value->range.from + 1);
	case VALUE_INTEGER: return (int64_t)sizeof value->integer; /* as Ruby has it */
	case VALUE_NIL:
	case VALUE_BOOLEAN:
	case VALUE_REAL:
	case VALUE_EMPTY:
	case VALUE_BLANK:
	case VALUE_LOOP: break;
	}
	return 0;
}

bool value_to_integer(const struct value *value, int64_t *out)
{
	if (value->kind == VALUE_INTEGER) {
		*out = value->integer;
		return true;
	}
	if (value->kind == VALUE_REAL && fabs(value->real) < 9e15) {
		*out = (int64_t)value->real;
		return true;
	}
	return value->kind == VALUE_TEXT && str_to_int64(str_trim(value->text), out);
}

/* The shortest form that reads back as the same number; whole ones keep a ".0". */
static struct str real_to_text(double real, struct arena *arena)
{
	char text[40];
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, real);
		if (strtod(text, NULL) == real)
			break;
	}
	bool whole = strpbrk(text, ".en") == NULL; /* neither fraction, exponent, inf nor nan */
	return str_of(arena_printf(arena, "%s%s", text, whole ? ".0" : ""));
}

static void append_text(const struct value *value, struct buf *out, struct arena *arena, int depth)
{
	struct value *items;
	size_t count;
	bool is_list =
	    value->kind == VALUE_LIST || (value->kind == VALUE_JSON && json_is_array(value->json));
	if (!is_list) {
		buf_add_str(out, value_to_text(value, arena));
	} else if (depth < JOIN_DEPTH && value_items(value, &items, &count, arena)) {
		for (size_t i = 0; i < count && !out->overflowed; i++)
			append_text(&items[i], out, arena, depth + 1);
	}
}

static int add_json(const char *bytes, size_t len, void *out)
{
	buf_add(out, bytes, len);
	return 0;
}

/* Lists print as their items in a row, objects as JSON. */
static struct str whole_to_text(const struct value *value, struct arena *arena)
{
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	if (value->kind == VALUE_JSON && json_is_object(value->json)) {
		json_dump_callback(value->json, add_json, &out, JSON_COMPACT);
	} else {
		append_text(value, &out, arena, 0);
	}
	struct str text = text_keep(arena, str_make(out.data, out.size));
	buf_free(&out);
	return text;
}

struct str value_to_text(const struct value *value, struct arena *arena)
{
	switch (value->kind) {
	case VALUE_TEXT: return value->text;
	case VALUE_BOOLEAN: return str_of(value->boolean ? "true" : "false");
	case VALUE_INTEGER: return str_of(arena_printf(arena, "%lld", (long long)value->integer));
	case VALUE_REAL: return real_to_text(value->real, arena);
	case VALUE_RANGE:
		return str_of(arena_printf(
		    arena, "%lld..%lld", (long long)value->range.from, (long long)value->range.to));
	case VALUE_JSON:
	case VALUE_LIST: return whole_to_text(value, arena);
	case VALUE_NIL:
	case VALUE_EMPTY:
	case VALUE_BLANK:
	case VALUE_LOOP: break;
	}
	return str_of("");
}

/* --- members and items --- */

static struct value pair(const char *key, size_t len, json_t *json, struct arena *arena)
{
	struct value *items = arena_array(arena, 2, sizeof *items);
	items[0] = value_text(text_keep(arena, str_make(key, len)));
	items[1] = value_of_json(json);
	return (struct value){.kind = VALUE_LIST, .list = {items, 2}};
}

/* jansson's iterators want a json_t *, but only read. */
static json_t *readable(const json_t *json)
{
	union {
		const json_t *json;
		json_t *object;
	} either = {json};
	return either.object;
}

static void object_items(const json_t *json, struct value *items, struct arena *arena)
{
	json_t *object = readable(json);
	size_t i = 0;
	for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at))
		items[i++] = pair(json_object_iter_key(at), json_object_iter_key_len(at),
		    json_object_iter_value(at), arena);
}

bool value_items(
    const struct value *value, struct value **items, size_t *count, struct arena *arena)
{
	*items = NULL;
	*count = 0;
	if (value->kind == VALUE_LIST) {
		*items = value->list.items;
		*count = value->list.count;
	} else if (value->kind == VALUE_JSON) {
		*count = (size_t)value_size(value);
		*items = arena_array(arena, *count + 1, sizeof **items);
		if (json_is_object(value->json))
			object_items(value->json, *items, arena);
		else
			for (size_t i = 0; i < *count; i++)
				(*items)[i] = value_of_json(json_array_get(value->json, i));
	} else if (value->kind == VALUE_RANGE) {
		uint64_t size = (uint64_t)value_size(value);
		if (size > LIQUID_RANGE_ITEMS)
			return false;
		*count = (size_t)size;
		*items = arena_array(arena, *count + 1, sizeof **items);
		for (size_t i = 0; i < *count; i++)
			(*items)[i] = value_integer(value->range.from + (int64_t)i);
	}
	return true;
}

static struct value item_at(const struct value *value, int64_t index, struct arena *arena)
{
	(void)arena;
	int64_t count = value_size(value);
	if (index < 0)
		index += count;
	if (index < 0 || index >= count)
		return (struct value){.kind = VALUE_NIL};
	if (value->kind == VALUE_LIST)
		return value->list.items[index];
	if (value->kind == VALUE_RANGE)
		return value_integer(value->range.from + index);
	if (value->kind == VALUE_JSON && json_is_array(value->json))
		return value_of_json(json_array_get(value->json, (size_t)index));
	return (struct value){.kind = VALUE_NIL};
}

struct value value_index(const struct value *value, const struct value *index, struct arena *arena)
{
	int64_t number;
	if (index->kind == VALUE_TEXT)
		return value_member(value, index->text, arena);
	if (value->kind != VALUE_TEXT && value_to_integer(index, &number))
		return item_at(value, number, arena);
	return (struct value){.kind = VALUE_NIL};
}

static struct value loop_member(const struct loop *loop, struct str name)
{
	int64_t index = (int64_t)loop->index, count = (int64_t)loop->count;
	if (str_eq(name, "index"))
		return value_integer(index + 1);
	if (str_eq(name, "index0"))
		return value_integer(index);
	if (str_eq(name, "rindex"))
		return value_integer(count - index);
	if (str_eq(name, "rindex0"))
		return value_integer(count - index - 1);
	if (str_eq(name, "length"))
		return value_integer(count);
	if (str_eq(name, "first"))
		return value_boolean(index == 0);
	if (str_eq(name, "last"))
		return value_boolean(index == count - 1);
	if (str_eq(name, "name"))
		return value_text(str_of(loop->name));
	if (str_eq(name, "parentloop") && loop->parent != NULL)
		return (struct value){.kind = VALUE_LOOP, .loop = loop->parent};
	return (struct value){.kind = VALUE_NIL};
}

static struct value first_pair(const json_t *json, struct arena *arena)
{
	json_t *object = readable(json);
	void *at = json_object_iter(object);
	if (at == NULL)
		return (struct value){.kind = VALUE_NIL};
	return pair(json_object_iter_key(at), json_object_iter_key_len(at),
	    json_object_iter_value(at), arena);
}

struct value value_member(const struct value *value, struct str name, struct arena *arena)
{
	if (value->kind == VALUE_LOOP)
		return loop_member(value->loop, name);
	bool is_object = value->kind == VALUE_JSON && json_is_object(value->json);
	if (is_object) {
		const json_t *member = json_object_getn(value->json, name.at, name.len);
		if (member != NULL)
			return value_of_json(member);
	}
	bool is_list =
	    value->kind == VALUE_LIST || value->kind == VALUE_RANGE || value->kind == VALUE_JSON;
	if (str_eq(name, "size") && (is_list || value->kind == VALUE_TEXT))
		return value_integer(value_size(value));
	if (is_object && str_eq(name, "first"))
		return first_pair(value->json, arena);
	if (is_list && !is_object && str_eq(name, "first"))
		return item_at(value, 0, arena);
	if (is_list && !is_object && str_eq(name, "last"))
		return item_at(value, -1, arena);
	return (struct value){.kind = VALUE_NIL};
}
