#include "carriers/carrier_json.h"

#include <math.h>
#include <string.h>

#include "carriers/carrier.h"

bool carrier_json_is_deeper(struct str body, size_t max)
{
	size_t depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < body.len; i++) {
		char c = body.at[i];
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (quoted)
			continue;
		else if (c == '{' || c == '[') {
			if (++depth > max)
				return true;
		} else if ((c == '}' || c == ']') && depth > 0)
			depth--;
	}
	return false;
}

static struct str without_byte_order_mark(struct str body)
{
	return str_starts(body, "\xef\xbb\xbf") ? str_make(body.at + 3, body.len - 3) : body;
}

/* jansson quotes what it stumbled over; a carrier's bytes do not belong in our log. */
static const char *cut_quotation(char *text)
{
	char *quotation = strstr(text, " near '");
	if (quotation != NULL)
		*quotation = '\0';
	return text;
}

json_t *carrier_json(struct str body, struct err *err)
{
	struct str text = str_trim(without_byte_order_mark(body));
	json_error_t error;
	json_t *root = NULL;
	if (text.len == 0)
		err_set(err, ERR_INPUT, "empty where JSON was expected");
	else if (text.at[0] == '<')
		err_set(err, ERR_INPUT,
		    "HTML or XML where JSON was expected (a login or proxy page? see base_url)");
	else if (carrier_json_is_deeper(text, CARRIER_JSON_DEPTH_MAX))
		err_set(
		    err, ERR_INPUT, "JSON nested deeper than %d levels", CARRIER_JSON_DEPTH_MAX);
	else if ((root = json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES, &error)) == NULL)
		err_set(err, ERR_INPUT, "not JSON: line %d, column %d: %s", error.line,
		    error.column, cut_quotation(error.text));
	return root;
}

json_t *carrier_json_at(const json_t *object, const char *path)
{
	struct str rest = str_of(path), key;
	json_t *found = NULL;
	while (rest.at != NULL) {
		rest = str_cut(rest, '.', &key);
		found = json_object_getn(object, key.at, key.len);
		object = found;
	}
	return found;
}

#define WHOLE_MAX 9007199254740992.0 /* 2^53: beyond it a double has lost digits */

const char *carrier_json_text(struct arena *arena, const json_t *object, const char *path)
{
	const json_t *value = carrier_json_at(object, path);
	if (json_is_string(value))
		return carrier_text(arena, json_string_value(value));
	if (json_is_integer(value))
		return arena_printf(arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	double number = json_real_value(value); /* 0 for what is no real */
	if (json_is_real(value) && floor(number) == number && fabs(number) <= WHOLE_MAX)
		return arena_printf(arena, "%.0f", number);
	return NULL;
}

const char *carrier_json_time(struct arena *arena, const json_t *object, const char *path)
{
	return carrier_time(arena, json_string_value(carrier_json_at(object, path)));
}

const char *carrier_json_dump(struct arena *arena, const json_t *value)
{
	size_t bytes = json_dumpb(value, NULL, 0, JSON_COMPACT);
	must(bytes > 0);
	char *text = arena_alloc(arena, bytes + 1);
	json_dumpb(value, text, bytes, JSON_COMPACT);
	return text;
}
