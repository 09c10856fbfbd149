#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <math.h>

#include "notifier/base/when.h"
#include "notifier/core/backoff.h"

#define MIDDLE 0.5 /* no jitter */

static void messages(void **state)
{
	(void)state;
	static const struct {
		unsigned attempt;
		bool throttled;
		int64_t retry_after_ms, wait_ms;
	} rows[] = {
	    {1, false, 0, 5 * SECOND_MS},
	    {2, false, 0, 30 * SECOND_MS},
	    {3, false, 0, 2 * MINUTE_MS},
	    {4, false, 0, 10 * MINUTE_MS},
	    {5, false, 0, 30 * MINUTE_MS},
	    {6, false, 0, HOUR_MS},
	    {7, false, 0, 2 * HOUR_MS},
	    {8, false, 0, 4 * HOUR_MS},
	    {9, false, 0, 8 * HOUR_MS},
	    {10, false, 0, 8 * HOUR_MS},
	    {UINT_MAX, false, 0, 8 * HOUR_MS},
	    {0, false, 0, 5 * SECOND_MS},
	    {1, true, 0, MINUTE_MS},
	    {4, true, 0, 10 * MINUTE_MS},
	    {1, true, 20 * SECOND_MS, 20 * SECOND_MS},
	    {1, false, 20 * SECOND_MS, 20 * SECOND_MS},
	    {1, false, 1, 5 * SECOND_MS},
	    {1, true, INT64_MAX, HOUR_MS},
	    {1, true, -5, MINUTE_MS},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(backoff_message_ms(rows[i].attempt, rows[i].throttled,
		                     rows[i].retry_after_ms, MIDDLE),
		    rows[i].wait_ms);
	assert_int_equal(backoff_message_ms(2, false, 0, 0), 24 * SECOND_MS);
	assert_int_equal(backoff_message_ms(2, false, 0, 1), 36 * SECOND_MS);
	assert_int_equal(backoff_message_ms(2, false, 0, NAN), 24 * SECOND_MS);
	assert_int_equal(backoff_message_ms(2, false, 0, 1e300), 36 * SECOND_MS);
}

static void polls(void **state)
{
	(void)state;
	assert_int_equal(backoff_poll_ms(0, MIDDLE), 0);
	assert_int_equal(backoff_poll_ms(1, MIDDLE), 30 * SECOND_MS);
	assert_int_equal(backoff_poll_ms(2, MIDDLE), 60 * SECOND_MS);
	assert_int_equal(backoff_poll_ms(7, MIDDLE), 32 * MINUTE_MS);
	assert_int_equal(backoff_poll_ms(8, MIDDLE), HOUR_MS);
	assert_int_equal(backoff_poll_ms(UINT_MAX, MIDDLE), HOUR_MS);
	for (unsigned i = 1; i < 40; i++)
		assert_true(backoff_poll_ms(i + 1, MIDDLE) >= backoff_poll_ms(i, MIDDLE));
}

static void breaker_opens_after_five_in_a_row(void **state)
{
	(void)state;
	struct breaker breaker = {0};
	int64_t now = 1000000;
	for (int i = 0; i < 4; i++)
		breaker_failed(&breaker, now, false);
	breaker_succeeded(&breaker, now);
	for (int i = 0; i < 4; i++)
		breaker_failed(&breaker, now, false);
	assert_true(breaker_allows(&breaker, now));
	assert_int_equal(breaker_opens_again_ms(&breaker), 0);
	breaker_failed(&breaker, now, false);
	assert_int_equal(breaker.state, BREAKER_OPEN);
	assert_false(breaker_allows(&breaker, now));
	assert_int_equal(breaker_opens_again_ms(&breaker), now + 30 * SECOND_MS);
}

static void breaker_opens_at_half_of_twenty(void **state)
{
	(void)state;
	struct breaker breaker = {0};
	for (int i = 0; i < 19; i++)
		i % 2 ? breaker_failed(&breaker, 0, false) : breaker_succeeded(&breaker, 0);
	assert_int_equal(breaker.state, BREAKER_CLOSED);
	breaker_failed(&breaker, 0, false);
	assert_int_equal(breaker.state, BREAKER_OPEN);
	/* Spread over more than a window they do not add up. */
	breaker = (struct breaker){0};
	for (int i = 0; i < 200; i++)
		i % 2 ? breaker_failed(&breaker, i * 2 * SECOND_MS, false)
		      : breaker_succeeded(&breaker, i * 2 * SECOND_MS);
	assert_int_equal(breaker.state, BREAKER_CLOSED);
}

static void breaker_probes(void **state)
{
	(void)state;
	struct breaker breaker = {0};
	int64_t now = 0;
	static const int64_t waits[] = {30, 60, 120, 240, 300, 300};
	breaker_failed(&breaker, now, true); /* credentials refused */
	for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
		assert_int_equal(breaker_opens_again_ms(&breaker), now + waits[i] * SECOND_MS);
		now += waits[i] * SECOND_MS;
		assert_false(breaker_allows(&breaker, now - 1));
		assert_true(breaker_allows(&breaker, now));
		assert_false(breaker_allows(&breaker, now)); /* one probe */
		breaker_failed(&breaker, now, false);
	}
	now = breaker_opens_again_ms(&breaker);
	breaker_succeeded(&breaker, now - 1); /* a straggler from before */
	assert_int_equal(breaker.state, BREAKER_OPEN);
	assert_true(breaker_allows(&breaker, now));
	breaker_succeeded(&breaker, now);
	assert_int_equal(breaker.state, BREAKER_CLOSED);
	breaker_failed(&breaker, now, true);
	assert_int_equal(breaker_opens_again_ms(&breaker), now + 30 * SECOND_MS);
}

static void breaker_forgets_a_lost_probe(void **state)
{
	(void)state;
	struct breaker breaker = {0};
	breaker_failed(&breaker, 0, true);
	assert_true(breaker_allows(&breaker, 30 * SECOND_MS));
	assert_int_equal(breaker_opens_again_ms(&breaker), 60 * SECOND_MS);
	assert_false(breaker_allows(&breaker, 60 * SECOND_MS - 1));
	assert_true(breaker_allows(&breaker, 60 * SECOND_MS));
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(breaker_state_name(BREAKER_CLOSED), "closed");
	assert_string_equal(breaker_state_name(BREAKER_HALF_OPEN), "half_open");
	assert_string_equal(breaker_state_name((enum breaker_state)9), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(messages),
	    cmocka_unit_test(polls),
	    cmocka_unit_test(breaker_opens_after_five_in_a_row),
	    cmocka_unit_test(breaker_opens_at_half_of_twenty),
	    cmocka_unit_test(breaker_probes),
	    cmocka_unit_test(breaker_forgets_a_lost_probe),
	    cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
