#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <string.h>

#include "notifier/app/api.h"
#include "notifier/core/status.h"

static json_t *document;

static int load(void **state)
{
	json_error_t problem;
	(void)state;
	document = json_load_file("notifier/app/openapi.json", JSON_REJECT_DUPLICATES, &problem);
	if (document == NULL)
		print_error("line %d: %s\n", problem.line, problem.text);
	return document == NULL;
}

static int unload(void **state)
{
	(void)state;
	json_decref(document);
	return 0;
}

/* "/v1/keys/{id}" fits "/v1/keys/{}". */
static bool path_fits(const char *path, const char *pattern)
{
	for (; *path != '\0' && *pattern != '\0'; path++, pattern++) {
		if (*path == '{')
			path += strcspn(path, "}");
		if (*pattern == '{')
			pattern++;
		if (*path != *pattern)
			return false;
	}
	return *path == *pattern;
}

static const json_t *find_operation(const char *method, const char *pattern)
{
	char lower[16] = "";
	const char *path;
	json_t *item;
	for (size_t i = 0; method[i] != '\0' && i + 1 < sizeof lower; i++)
		lower[i] = (char)tolower((unsigned char)method[i]);
	json_object_foreach(json_object_get(document, "paths"), path,
	    item) if (path_fits(path, pattern) &&
	              json_object_get(item, lower) != NULL) return json_object_get(item, lower);
	return NULL;
}

static void test_every_route_is_described(void **state)
{
	(void)state;
	assert_true(api_route_count() > 10);
	for (size_t i = 0; i < api_route_count(); i++) {
		const char *method, *pattern;
		api_route_at(i, &method, &pattern);
		if (find_operation(method, pattern) == NULL)
			fail_msg("%s %s is not in openapi.json", method, pattern);
	}
}

static void test_what_needs_no_key_is_described(void **state)
{
	(void)state;
	static const char *const rows[][2] = {{"POST", "/hooks/{}/{}"}, {"GET", "/healthz"},
	    {"GET", "/readyz"}, {"GET", "/metrics"}, {"GET", "/v1/openapi.json"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const json_t *operation = find_operation(rows[i][0], rows[i][1]);
		assert_non_null(operation);
		assert_int_equal(json_array_size(json_object_get(operation, "security")), 0);
	}
}

/* And the other way round: nothing is described under /v1/ that the table does not have. */
static void test_nothing_else_is_described(void **state)
{
	(void)state;
	size_t described = 0;
	const char *path, *method;
	json_t *item, *operation;
	json_object_foreach(json_object_get(document, "paths"), path, item)
	    json_object_foreach(item, method, operation) described +=
	    json_is_object(operation) && strncmp(path, "/v1/", 4) == 0;
	assert_int_equal(described, api_route_count() + 1); /* openapi.json itself */
}

static void walk_references(const json_t *value, size_t *count)
{
	const char *key, *reference = json_string_value(json_object_get(value, "$ref"));
	size_t i;
	json_t *item;
	if (reference != NULL) {
		struct str part, rest = str_of(reference + 2);
		const json_t *at = document;
		assert_memory_equal(reference, "#/", 2);
		while (rest.len > 0) {
			rest = str_cut(rest, '/', &part);
			at = json_object_getn(at, part.at, part.len);
		}
		if (at == NULL)
			fail_msg("%s leads nowhere", reference);
		++*count;
	}
	json_object_foreach((json_t *)(uintptr_t)value, key, item) walk_references(item, count);
	json_array_foreach(value, i, item) walk_references(item, count);
}

static void test_references_lead_somewhere(void **state)
{
	(void)state;
	size_t count = 0;
	walk_references(document, &count);
	assert_true(count > 50);
}

static const json_t *names_of(const char *schema)
{
	const json_t *schemas = json_object_get(json_object_get(document, "components"), "schemas");
	return json_object_get(json_object_get(schemas, schema), "enum");
}

/* The words of the domain are those of status.def, in its order. */
static void test_enums_are_current(void **state)
{
	(void)state;
	const json_t *statuses = names_of("Status"), *reasons = names_of("Reason"),
	             *events = names_of("EventKind");
	assert_int_equal(json_array_size(statuses), STATUS_COUNT);
	for (size_t i = 0; i < STATUS_COUNT; i++)
		assert_string_equal(
		    json_string_value(json_array_get(statuses, i)), status_name((enum status)i));
	assert_int_equal(json_array_size(reasons), REASON_COUNT - 1);
	for (size_t i = 1; i < REASON_COUNT; i++)
		assert_string_equal(
		    json_string_value(json_array_get(reasons, i - 1)), reason_name((enum reason)i));
	assert_int_equal(json_array_size(events), EVENT_COUNT - 1);
	for (size_t i = 1; i < EVENT_COUNT; i++)
		assert_string_equal(json_string_value(json_array_get(events, i - 1)),
		    event_name((enum event_kind)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_route_is_described),
	    cmocka_unit_test(test_what_needs_no_key_is_described),
	    cmocka_unit_test(test_nothing_else_is_described),
	    cmocka_unit_test(test_references_lead_somewhere),
	    cmocka_unit_test(test_enums_are_current),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
