/* Timers, clocks, signals of the real loop. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "notifier/base/mem.h"
#include "tests/unit/loop_until.h"

#define MANY 500

static int fired;
static int64_t last_due_ms;
static bool is_ordered = true;

static void on_numbered(struct timer *timer)
{
	is_ordered =
	    is_ordered && timer->due_ms >= last_due_ms && loop_monotonic_ms() >= timer->due_ms;
	last_due_ms = timer->due_ms;
	fired++;
	xfree(timer); /* a timer that has fired is nobody's any more */
}

static void test_timers_fire_in_order(void **state)
{
	(void)state;
	for (int i = 0; i < MANY; i++) {
		struct timer *timer = xcalloc(1, sizeof *timer);
		timer_init(timer, on_numbered);
		timer_start(timer, (i * 7919) % 50);
	}
	LOOP_UNTIL(fired == MANY, 2000);
	assert_true(is_ordered);
}

static void on_count(struct timer *timer)
{
	(void)timer;
	fired++;
}

static void test_stopped_timers_do_not_fire(void **state)
{
	(void)state;
	static struct timer timers[MANY];
	struct timer last;
	fired = 0;
	for (int i = 0; i < MANY; i++) {
		timer_init(&timers[i], on_count);
		timer_stop(&timers[i]); /* harmless */
		timer_start(&timers[i], i % 20);
	}
	for (int i = 0; i < MANY; i += 2)
		timer_stop(&timers[i]);
	for (int i = 1; i < MANY; i += 4)
		timer_start(&timers[i], 10); /* started again: fires once */
	timer_init(&last, on_count);
	timer_start(&last, 60);
	LOOP_UNTIL(!timer_is_running(&last), 2000);
	assert_int_equal(fired, MANY / 2 + 1);
}

static int turns;

static void on_again(struct timer *timer)
{
	if (++turns < 5)
		timer_soon(timer);
}

/* A timer that starts itself again waits a turn: it cannot starve the others. */
static void test_soon_does_not_nest(void **state)
{
	(void)state;
	struct timer timer;
	timer_init(&timer, on_again);
	timer_soon(&timer);
	assert_int_equal(turns, 0);
	uv_run(loop_uv(), UV_RUN_NOWAIT);
	assert_true(turns <= 1);
	LOOP_UNTIL(turns == 5, 1000);
}

static bool stopped, reloaded;

static void on_stop(void)
{
	stopped = true;
	loop_stop();
}

static void on_reload(void)
{
	reloaded = true;
	raise(SIGTERM);
}

static void test_signals(void **state)
{
	(void)state;
	struct timer guard;
	timer_init(&guard, on_count);
	timer_start(&guard, 5000); /* keeps loop_run from returning at once */
	loop_on_signals(on_stop, on_reload);
	raise(SIGHUP);
	loop_run();
	assert_true(reloaded && stopped);
	assert_true(timer_is_running(&guard));
	timer_stop(&guard);
}

static void test_wall_clock_can_run_faster(void **state)
{
	(void)state;
	assert_int_equal(loop_wait_ms(1000), 1000);
	assert_int_equal(loop_wait_ms(-5), 0);
	struct timer timer;
	int64_t wall = loop_now_ms(), monotonic = loop_monotonic_ms();
	loop_scale_wall(3600);
	assert_true(loop_now_ms() - wall < 3600 * 1000);
	timer_init(&timer, on_count);
	timer_start(&timer, loop_wait_ms(60 * 1000)); /* a minute on the wall: 17 ms */
	LOOP_UNTIL(!timer_is_running(&timer), 1000);
	assert_true(loop_now_ms() - wall >= 60 * 1000);
	assert_true(loop_monotonic_ms() - monotonic < 1000);
	assert_true(loop_wall_scale() == 3600);
	loop_scale_wall(1);
}

static void test_random(void **state)
{
	(void)state;
	unsigned char a[600], b[600];
	loop_random(a, sizeof a);
	loop_random(b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
	double sum = 0;
	for (int i = 0; i < 1000; i++) {
		double unit = loop_random_unit();
		assert_true(unit >= 0 && unit < 1);
		sum += unit;
	}
	assert_true(sum > 400 && sum < 600);
}

static void on_slow(struct timer *timer)
{
	(void)timer;
	int64_t until = loop_monotonic_ms() + 30;
	while (loop_monotonic_ms() < until)
		continue;
	fired++;
}

static void test_the_longest_gap_is_seen(void **state)
{
	(void)state;
	struct timer timer;
	fired = 0;
	loop_take_longest_gap_us();
	timer_init(&timer, on_slow);
	timer_start(&timer, 5);
	LOOP_UNTIL(fired == 1, 1000);
	uv_run(loop_uv(), UV_RUN_NOWAIT);
	assert_true(loop_take_longest_gap_us() >= 29000);
	assert_int_equal(loop_take_longest_gap_us(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_timers_fire_in_order),
	    cmocka_unit_test(test_stopped_timers_do_not_fire),
	    cmocka_unit_test(test_soon_does_not_nest),
	    cmocka_unit_test(test_signals),
	    cmocka_unit_test(test_wall_clock_can_run_faster),
	    cmocka_unit_test(test_random),
	    cmocka_unit_test(test_the_longest_gap_is_seen),
	};
	loop_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
