/* The flow tests' Redis answers like the real scripts: the same cases as tests/unit/test_scripts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "tests/flow/fake_stage.h"
#include "tests/flow/script_cases.h"

static void wait_for_it(void)
{
	fake_loop_settle();
	assert_true(script_is_done);
}

static void test_cases(void **state)
{
	(void)state;
	fake_loop_reset(STAGE_STARTS_MS);
	fake_redis_reset();
	struct redis_options options = {0};
	script_cases_run(redis_open(&options, NULL), wait_for_it);
	fake_redis_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
