#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "notifier/app/json.h"
#include "notifier/base/when.h"

static void expect(json_t *object, const char *expected)
{
	struct arena *arena = arena_new();
	struct str text = json_text(object, arena);
	assert_string_equal(text.at, expected);
	assert_int_equal(text.len, strlen(expected));
	json_decref(object);
	arena_free(&arena);
}

static void test_put(void **state)
{
	(void)state;
	json_t *o = json_object();
	json_put_text(o, "a", "x");
	json_put_text(o, "b", NULL);
	json_put_null_text(o, "c", NULL);
	json_put_null_text(o, "d", "y");
	json_put_int(o, "e", 0);
	json_put_int(o, "f", -5);
	json_put_int(o, "g", INT64_MAX);
	json_put_time(o, "h", 0);
	json_put_time(o, "i", NEVER_MS);
	json_put_time(o, "j", 1772000000000);
	json_put_time(o, "k", 1772000000123);
	expect(o, "{\"a\":\"x\",\"c\":null,\"d\":\"y\",\"f\":-5,\"g\":9223372036854775807,\"h\":"
	          "null,\"i\":null,"
	          "\"j\":\"2026-02-25T06:13:20Z\",\"k\":\"2026-02-25T06:13:20.123Z\"}");
}

static void test_text_of_anything(void **state)
{
	(void)state;
	expect(json_string("a\"b"), "\"a\\\"b\"");
	expect(json_null(), "null");
	expect(json_array(), "[]");
	expect(json_integer(7), "7");
}

static void test_get(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	json_t *o = json_loads("{\"t\":\"x\",\"n\":5,\"z\":null,\"f\":1.5,\"o\":{}}", 0, NULL);
	assert_string_equal(json_get_text(o, "t", arena), "x");
	assert_ptr_not_equal(
	    json_get_text(o, "t", arena), json_string_value(json_object_get(o, "t")));
	static const char *const no_texts[] = {"n", "z", "f", "o", "absent"};
	for (size_t i = 0; i < sizeof no_texts / sizeof *no_texts; i++)
		assert_null(json_get_text(o, no_texts[i], arena));
	assert_int_equal(json_get_int(o, "n"), 5);
	static const char *const no_numbers[] = {"t", "z", "f", "o", "absent"};
	for (size_t i = 0; i < sizeof no_numbers / sizeof *no_numbers; i++)
		assert_int_equal(json_get_int(o, no_numbers[i]), 0);
	assert_null(json_get_text(NULL, "t", arena));
	assert_int_equal(json_get_int(NULL, "t"), 0);
	json_decref(o);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_put),
	    cmocka_unit_test(test_text_of_anything),
	    cmocka_unit_test(test_get),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
