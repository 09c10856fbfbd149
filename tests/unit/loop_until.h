/* Runs the real loop until something is true; fails the test when that takes too long.  Tests
 * never sleep to synchronise.  Include after cmocka.h.
 */
#ifndef TESTS_LOOP_UNTIL_H
#define TESTS_LOOP_UNTIL_H
#include "notifier/io/loop.h"

static struct timer loop_until_guard, loop_until_tick;

static inline void loop_until_on_guard(struct timer *timer)
{
	(void)timer; /* that it no longer runs is the message */
}

/* What changes outside of the loop (a file, a process) is looked at this often. */
static inline void loop_until_on_tick(struct timer *timer)
{
	timer_start(timer, 10);
}

static inline void loop_until_start(int64_t limit_ms)
{
	timer_init(&loop_until_guard, loop_until_on_guard);
	timer_init(&loop_until_tick, loop_until_on_tick);
	timer_start(&loop_until_guard, limit_ms);
	timer_start(&loop_until_tick, 10);
}

static inline bool loop_until_turn(void)
{
	if (!timer_is_running(&loop_until_guard))
		return false;
	uv_run(loop_uv(), UV_RUN_ONCE);
	return true;
}

static inline void loop_until_stop(void)
{
	timer_stop(&loop_until_guard);
	timer_stop(&loop_until_tick);
}

#define LOOP_UNTIL(condition, limit_ms)                                                            \
	do {                                                                                       \
		loop_until_start(limit_ms);                                                        \
		while (!(condition) && loop_until_turn())                                          \
			continue;                                                                  \
		loop_until_stop();                                                                 \
		assert_true(condition);                                                            \
	} while (0)
#endif
