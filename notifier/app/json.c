#include "notifier/app/json.h"

#include "notifier/base/when.h"

void json_put_text(json_t *object, const char *key, const char *text)
{
	if (text != NULL)
		json_object_set_new(object, key, json_string_nocheck(text));
}

void json_put_null_text(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, text ? json_string_nocheck(text) : json_null());
}

void json_put_int(json_t *object, const char *key, int64_t number)
{
	if (number != 0)
		json_object_set_new(object, key, json_integer(number));
}

void json_put_time(json_t *object, const char *key, int64_t instant_ms)
{
	char text[WHEN_BYTES];
	bool is_known = instant_ms != 0 && instant_ms != NEVER_MS;
	if (is_known)
		when_format_utc(text, instant_ms);
	json_put_null_text(object, key, is_known ? text : NULL);
}

const char *json_get_text(const json_t *object, const char *key, struct arena *arena)
{
	return arena_strdup(arena, json_string_value(json_object_get(object, key)));
}

int64_t json_get_int(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

struct str json_text(const json_t *value, struct arena *arena)
{
	char room[2048]; /* of nearly all: they are written once, not measured first */
	size_t size = json_dumpb(value, room, sizeof room, JSON_COMPACT | JSON_ENCODE_ANY);
	if (size <= sizeof room)
		return str_make(arena_strndup(arena, room, size), size);
	char *text = arena_alloc(arena, size + 1);
	json_dumpb(value, text, size, JSON_COMPACT | JSON_ENCODE_ANY);
	return str_make(text, size);
}
