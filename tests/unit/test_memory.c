/* How full Redis is, from what INFO says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notifier/app/memory.h"

static void test_share(void **state)
{
	(void)state;
	static const struct {
		const char *info;
		double share;
	} rows[] = {
	    {"# Memory\r\nused_memory:81\r\nused_memory_rss:900\r\nmaxmemory:100\r\n", 0.81},
	    {"used_memory:200\r\nmaxmemory:100\r\n", 2},
	    {"used_memory:81\r\nmaxmemory:0\r\n", 0},
	    {"used_memory:81\r\nmaxmemory_human:1M\r\nmaxmemory_policy:noeviction\r\n", 0},
	    {"maxmemory:100\r\n", 0},
	    {"used_memory:99999999999999999999\r\nmaxmemory:100\r\n", 0},
	    {"used_memory:x\r\nmaxmemory:100\r\n", 0},
	    {"used_memory:5\nmaxmemory:-10\n", 0},
	    {"used_memory", 0},
	    {"", 0},
	    {NULL, 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_float_equal(memory_share(rows[i].info), rows[i].share, 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_share)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
