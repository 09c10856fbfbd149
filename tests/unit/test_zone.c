#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "notifier/core/zone.h"

static int64_t utc(const char *text)
{
	struct when when;
	assert_true(when_parse(str_of(text), &when));
	return when_instant(&when, 0);
}

/* Europe's rule of 2026: summer time from 29 March 01:00Z until 25 October 01:00Z. */
static int central_europe(const struct zone *zone, int64_t instant_ms)
{
	(void)zone;
	bool summer =
	    instant_ms >= utc("2026-03-29T01:00:00Z") && instant_ms < utc("2026-10-25T01:00:00Z");
	return summer ? 7200 : 3600;
}

static const struct zone berlin = {"Europe/Berlin", central_europe, 0};
static const struct zone kolkata = {"Asia/Kolkata", zone_fixed_offset_s, 19800};

static void local_times(void **state)
{
	(void)state;
	static const struct {
		const struct zone *zone;
		const char *local, *instant;
	} rows[] = {
	    {NULL, "2026-03-04T10:00:00", "2026-03-04T10:00:00Z"},
	    {&zone_utc, "2026-03-04T10:00:00", "2026-03-04T10:00:00Z"},
	    {&kolkata, "2026-03-04T10:00:00", "2026-03-04T04:30:00Z"},
	    {&berlin, "2026-03-04T10:00:00", "2026-03-04T09:00:00Z"},
	    {&berlin, "2026-07-04T10:00:00", "2026-07-04T08:00:00Z"},
	    {&berlin, "2026-03-29T01:59:59", "2026-03-29T00:59:59Z"},
	    {&berlin, "2026-03-29T02:30:00", "2026-03-29T01:00:00Z"}, /* skipped: after the gap */
	    {&berlin, "2026-03-29T02:00:00", "2026-03-29T01:00:00Z"},
	    {&berlin, "2026-03-29T03:00:00", "2026-03-29T01:00:00Z"},
	    {&berlin, "2026-10-25T02:30:00", "2026-10-25T00:30:00Z"}, /* twice: the first */
	    {&berlin, "2026-10-25T03:00:00", "2026-10-25T02:00:00Z"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct when when;
		assert_true(when_parse(str_of(rows[i].local), &when));
		assert_int_equal(zone_instant(rows[i].zone, &when.civil), utc(rows[i].instant));
	}
}

static void days(void **state)
{
	(void)state;
	int32_t march_29 = day_of_civil(2026, 3, 29), october_25 = day_of_civil(2026, 10, 25);
	assert_int_equal(
	    zone_day_end(&berlin, march_29) - zone_day_start(&berlin, march_29), 23 * HOUR_MS);
	assert_int_equal(
	    zone_day_end(&berlin, october_25) - zone_day_start(&berlin, october_25), 25 * HOUR_MS);
	assert_int_equal(zone_day(&kolkata, utc("2026-03-04T18:29:59Z")), day_of_civil(2026, 3, 4));
	assert_int_equal(zone_day(&kolkata, utc("2026-03-04T18:30:00Z")), day_of_civil(2026, 3, 5));
	assert_int_equal(zone_day(NULL, -1), -1);
	assert_int_equal(zone_offset_s(NULL, 0), 0);
	assert_int_equal(zone_offset_s(&berlin, utc("2026-07-01T00:00:00Z")), 7200);
	for (int32_t day = march_29 - 400; day < march_29 + 400; day++) {
		assert_int_equal(zone_day(&berlin, zone_day_start(&berlin, day)), day);
		assert_int_equal(zone_day_end(&berlin, day), zone_day_start(&berlin, day + 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(local_times),
	    cmocka_unit_test(days),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
