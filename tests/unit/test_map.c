#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "notifier/base/map.h"

static void puts_gets_and_replaces(void **state)
{
	(void)state;
	struct map map = {0};
	int values[1000];
	assert_null(map_get(&map, str_of("none")));
	for (int i = 0; i < 1000; i++) {
		char key[16];
		snprintf(key, sizeof key, "key %d", i);
		assert_string_equal(map_put(&map, str_of(key), &values[i]), key);
	}
	assert_int_equal(map.count, 1000);
	for (int i = 0; i < 1000; i++) {
		char key[16];
		snprintf(key, sizeof key, "key %d", i);
		assert_ptr_equal(map_get(&map, str_of(key)), &values[i]);
	}
	map_put(&map, str_of("key 7"), &values[8]);
	assert_ptr_equal(map_get(&map, str_of("key 7")), &values[8]);
	assert_int_equal(map.count, 1000);
	assert_null(map_get(&map, str_of("key")));
	assert_null(map_get(&map, str_make("key 7\0x", 7)));
	assert_null(map_get(&map, (struct str){0}));
	size_t seen = 0;
	MAP_FOREACH(slot, &map) /* in the order of the first puts */
	{
		char key[16];
		snprintf(key, sizeof key, "key %zu", seen++);
		assert_string_equal(slot->key, key);
	}
	assert_int_equal(seen, 1000);
	map_free(&map);
	assert_int_equal(map.count, 0);
	assert_null(map_get(&map, str_of("key 7")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(puts_gets_and_replaces)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
