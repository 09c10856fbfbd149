/* Because time passed: promises, silence, held messages, leases; each once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "notifier/app/sweep.h"
#include "tests/flow/fake_stage.h"

#define N "GN1"

static void moving(const char *promised)
{
	stage_register("generic", N, promised);
	assert_int_equal(
	    fake_server_status(stage_hook(N, "in_transit", "2026-03-02T07:59:00Z")), 200);
	fake_loop_advance(5000);
	assert_int_equal(fake_smtp_accepted(), 1);
}

/* Promised for Tuesday: at midnight it is late, and that is told once. */
static void test_promise(void **state)
{
	(void)state;
	stage_open(N);
	moving(",\"promised\":\"2026-03-03\"");
	fake_loop_stride(39 * HOUR_MS, 5 * SECOND_MS); /* Tuesday, 23:00 */
	assert_int_equal(stage_shipment(N)->last_event, EVENT_SHIPPED);
	fake_loop_stride(90 * MINUTE_MS, 5 * SECOND_MS);
	assert_int_equal(stage_shipment(N)->last_event, EVENT_DELAYED);
	assert_int_equal(fake_smtp_accepted(), 2);
	assert_in_range(fake_smtp_mail(1)->at_ms, STAGE_STARTS_MS + 40 * HOUR_MS,
	    STAGE_STARTS_MS + 40 * HOUR_MS + 30 * SECOND_MS);
	fake_loop_a_day_passes();
	assert_int_equal(fake_smtp_accepted(), 2);
	assert_int_equal(stage_rest(), 0);
}

/* Three business days of silence, then five more, then nothing until it is given up. */
static void test_silence(void **state)
{
	(void)state;
	stage_open(N);
	moving(NULL);
	fake_loop_stride(2 * DAY_MS + 23 * HOUR_MS, 25 * SECOND_MS);
	assert_int_equal(stage_shipment(N)->last_event, EVENT_SHIPPED);
	fake_loop_stride(2 * HOUR_MS, 5 * SECOND_MS); /* Thursday, 09:00 */
	assert_int_equal(stage_shipment(N)->last_event, EVENT_STALLED);
	assert_int_equal(fake_smtp_accepted(), 2);
	fake_loop_stride(6 * DAY_MS, 25 * SECOND_MS);
	assert_int_equal(fake_smtp_accepted(), 2);
	fake_loop_stride(2 * DAY_MS, 25 * SECOND_MS); /* five business days later */
	assert_int_equal(fake_smtp_accepted(), 3);
	for (int i = 0; i < 60; i++) { /* the machine sleeps; every lease is lost and taken again */
		fake_loop_stride(DAY_MS, DAY_MS);
		fake_loop_advance(12 * SECOND_MS);
	}
	assert_int_equal(fake_smtp_accepted(), 3);
	assert_int_equal(stage_shipment(N)->status, STATUS_EXPIRED);
	assert_int_equal(fake_redis_size(stage_key(N, "clock")), 0);
}

/* A scan in time moves the deadline. */
static void test_news_ends_silence(void **state)
{
	(void)state;
	stage_open(N);
	moving(NULL);
	fake_loop_stride(2 * DAY_MS, 25 * SECOND_MS);
	stage_hook(N, "in_transit", "2026-03-04T07:59:00Z");
	fake_loop_stride(2 * DAY_MS, 25 * SECOND_MS);
	assert_int_equal(stage_shipment(N)->last_event, EVENT_SHIPPED);
	assert_int_equal(fake_smtp_accepted(), 1);
}

/* Old news from a backlog waits a few seconds (rules.settle), and one mail tells the whole of it.
 */
static void test_held_messages(void **state)
{
	(void)state;
	stage_open(N);
	stage_register("generic", N, NULL);
	stage_hook(N, "in_transit", "2026-03-02T05:00:00Z");
	fake_loop_advance(1000);
	assert_int_equal(stage_messages("held"), 1);
	stage_hook(N, "out_for_delivery", "2026-03-02T06:00:00Z");
	fake_loop_advance(1000);
	assert_int_equal(stage_messages("held"), 2);
	assert_int_equal(fake_smtp_count(), 0);
	fake_loop_advance(20 * SECOND_MS);
	assert_int_equal(stage_messages("held"), 0);
	assert_int_equal(stage_messages("dropped"), 1); /* superseded */
	assert_int_equal(fake_smtp_accepted(), 1);
	assert_null(strstr(fake_smtp_mail(0)->subject, "on its way"));
}

/* Somebody else dies: after LEASE_MS what was his is ours, work and all. */
static void test_lease_is_taken_over(void **state)
{
	(void)state;
	struct world *world = stage_open("GN1 GN2");
	unsigned p = key_partition("default", N);
	fake_redis_set(stage_key(N, "owner"), "w-other 99");
	stage_register("generic", N, NULL);
	stage_hook(N, "in_transit", "2026-03-02T07:59:00Z");
	fake_loop_advance(10 * SECOND_MS);
	assert_false(world_owns(world, p));
	assert_int_equal(fake_smtp_count(), 0);
	fake_redis_expire(stage_key(N, "owner"), 20 * SECOND_MS);
	fake_loop_advance(40 * SECOND_MS);
	assert_true(world_owns(world, p));
	assert_int_equal(fake_smtp_accepted(), 1);
}

/* Redis away for longer than a lease lives: nothing is done on a lease that may be another's. */
static void test_lease_runs_out(void **state)
{
	(void)state;
	struct world *world = stage_open(N);
	unsigned p = key_partition("default", N);
	fake_redis_state(REDIS_CONNECTING);
	fake_loop_advance(LEASE_MS - 6000);
	assert_true(world_owns(world, p));
	fake_loop_advance(7000);
	assert_false(world_owns(world, p));
	fake_redis_state(REDIS_OK);
	fake_loop_advance(6000);
	assert_true(world_owns(world, p));
}

/* --- whatever fails ------------------------------------------------------------------------------
 */

static void late_tomorrow(void)
{
	stage_register("generic", N, ",\"promised\":\"2026-03-02\"");
	stage_hook(N, "in_transit", "2026-03-02T07:59:00Z");
	fake_loop_advance(30 * SECOND_MS);
	fake_loop_stride(15 * HOUR_MS, 15 * HOUR_MS); /* asleep: the tellings are many */
	fake_loop_stride(59 * MINUTE_MS + 20 * SECOND_MS, 5 * SECOND_MS);
}

static void midnight(void)
{
	fake_loop_advance(20 * SECOND_MS);
}

static const struct story lateness = {
    .numbers = N, .prepare = late_tomorrow, .tell = midnight, .until_ms = 5 * MINUTE_MS};

static void test_each_await_fails(void **state)
{
	(void)state;
	assert_true(stage_torture(&lateness) > 10);
	stage_lose_replies(&lateness, "clock");
	stage_lose_replies(&lateness, "commit");
}

static void backlog(void)
{
	stage_register("generic", N, NULL);
	fake_redis_delay(3);
	stage_hook(N, "in_transit", "2026-03-02T05:00:00Z");
	fake_loop_advance(7);
}

static void some_seconds(void)
{
	fake_loop_advance(12 * SECOND_MS);
}

static void test_each_await_fails_when_held(void **state)
{
	(void)state;
	static const struct story story = {
	    .numbers = N, .prepare = backlog, .tell = some_seconds, .until_ms = 5 * MINUTE_MS};
	stage_torture(&story);
	stage_lose_replies(&story, "decide");
	stage_lose_replies(&story, "clock");
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_teardown(test, stage_teardown)
	const struct CMUnitTest tests[] = {
	    ON_STAGE(test_promise),
	    ON_STAGE(test_silence),
	    ON_STAGE(test_news_ends_silence),
	    ON_STAGE(test_held_messages),
	    ON_STAGE(test_lease_is_taken_over),
	    ON_STAGE(test_lease_runs_out),
	    cmocka_unit_test(test_each_await_fails),
	    cmocka_unit_test(test_each_await_fails_when_held),
	};
	return cmocka_run_group_tests(tests, NULL, stage_group_teardown);
}
