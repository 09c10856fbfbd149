#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "notifier/base/when.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void days_and_back(void **state)
{
	(void)state;
	assert_int_equal(day_of_civil(1970, 1, 1), 0);
	assert_int_equal(day_of_civil(2000, 3, 1), 11017);
	assert_int_equal(day_of_civil(1969, 12, 31), -1);
	assert_int_equal(day_weekday(0), 3); /* a Thursday */
	assert_int_equal(day_weekday(-1), 2);
	assert_int_equal(day_weekday(day_of_civil(2026, 3, 2)), 0);
	for (int32_t day = -800000; day < 3000000; day += 97) {
		int year, month, dom;
		civil_of_day(day, &year, &month, &dom);
		assert_int_equal(day_of_civil(year, month, dom), day);
		assert_in_range(day_weekday(day), 0, 6);
	}
}

static void instants_and_back(void **state)
{
	(void)state;
	static const int offsets[] = {0, 3600, -3600, 19800, 50400, -43200};
	for (size_t i = 0; i < COUNT(offsets); i++)
		for (int64_t instant = -DAY_MS * 3; instant < DAY_MS * 3; instant += 1234567) {
			struct civil civil = civil_of_instant(instant, offsets[i]);
			assert_int_equal(instant_of_civil(&civil, offsets[i]), instant);
			assert_in_range(civil.hour, 0, 23);
		}
	assert_int_equal(day_of_instant(-1, 0), -1);
	assert_int_equal(day_of_instant(-1, 1), 0);
	assert_int_equal(day_of_instant(DAY_MS - 1, 0), 0);
}

static const struct {
	const char *text;
	bool good, has_time, has_offset;
	const char *utc; /* a missing offset is read as UTC */
} times[] = {
    {"2026-03-04", true, false, false, "2026-03-04T00:00:00Z"},
    {"2026-03-04T10:20", true, true, false, "2026-03-04T10:20:00Z"},
    {"2026-03-04 10:20:30", true, true, false, "2026-03-04T10:20:30Z"},
    {"2026-03-04T10:20:30Z", true, true, true, "2026-03-04T10:20:30Z"},
    {"2026-03-04t10:20:30z", true, true, true, "2026-03-04T10:20:30Z"},
    {"2026-03-04T10:20:30+05:30", true, true, true, "2026-03-04T04:50:30Z"},
    {"2026-03-04T10:20:30-0800", true, true, true, "2026-03-04T18:20:30Z"},
    {"2026-03-04T10:20:30+02", true, true, true, "2026-03-04T08:20:30Z"},
    {"2026-03-04T10:20:30.5Z", true, true, true, "2026-03-04T10:20:30.500Z"},
    {"2026-03-04T10:20:30.123456789Z", true, true, true, "2026-03-04T10:20:30.123Z"},
    {" 2026-03-04 ", true, false, false, "2026-03-04T00:00:00Z"},
    {"2024-02-29", true, false, false, "2024-02-29T00:00:00Z"},
    {"2026-02-29", false, 0, 0, NULL},
    {"2026-04-31", false, 0, 0, NULL},
    {"2026-00-10", false, 0, 0, NULL},
    {"2026-13-10", false, 0, 0, NULL},
    {"2026-03-00", false, 0, 0, NULL},
    {"2026-03-04T24:00:00", false, 0, 0, NULL},
    {"2026-03-04T10:60:00", false, 0, 0, NULL},
    {"2026-03-04T10:20:60", false, 0, 0, NULL},
    {"2026-03-04T10:20:30.", false, 0, 0, NULL},
    {"2026-03-04T10:20:30+", false, 0, 0, NULL},
    {"2026-03-04T10:20:30+5", false, 0, 0, NULL},
    {"2026-03-04T10:20:30+05:", false, 0, 0, NULL},
    {"2026-03-04T10:20:30+05:60", false, 0, 0, NULL},
    {"2026-03-04T10:20:30+19:00", false, 0, 0, NULL},
    {"2026-03-04T10:20:30Zz", false, 0, 0, NULL},
    {"2026-03-04T10", false, 0, 0, NULL},
    {"2026-03-04T", false, 0, 0, NULL},
    {"2026-3-4", false, 0, 0, NULL},
    {"04.03.2026", false, 0, 0, NULL},
    {"20260304", false, 0, 0, NULL},
    {"", false, 0, 0, NULL},
    {"-026-03-04", false, 0, 0, NULL},
    {"2026-03-04T1\xc2\xa0:20", false, 0, 0, NULL},
};

static void parsing(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(times); i++) {
		struct when when;
		bool good = when_parse(str_of(times[i].text), &when);
		if (good != times[i].good)
			fail_msg("%s", times[i].text);
		if (!good)
			continue;
		assert_int_equal(when.has_time, times[i].has_time);
		assert_int_equal(when.has_offset, times[i].has_offset);
		char utc[WHEN_BYTES];
		when_format_utc(utc, when_instant(&when, 0));
		assert_string_equal(utc, times[i].utc);
	}
	struct when when;
	assert_false(when_parse(str_of(NULL), &when));
	assert_false(when_parse(str_make("2026-03-04", 9), &when)); /* a view is not terminated */
}

static void fallback_offset(void **state)
{
	(void)state;
	struct when local, exact;
	assert_true(when_parse(str_of("2026-03-04T10:00:00"), &local));
	assert_true(when_parse(str_of("2026-03-04T10:00:00+01:00"), &exact));
	assert_int_equal(when_instant(&local, 3600), when_instant(&exact, 7200));
}

static void formatting(void **state)
{
	(void)state;
	char text[WHEN_BYTES];
	when_format(text, 0, 19800);
	assert_string_equal(text, "1970-01-01T05:30:00+05:30");
	when_format(text, 1, -12600);
	assert_string_equal(text, "1969-12-31T20:30:00.001-03:30");
	when_format_utc(text, 999);
	assert_string_equal(text, "1970-01-01T00:00:00.999Z");
	day_format(text, 0);
	assert_string_equal(text, "1970-01-01");
	int32_t day;
	assert_true(day_parse(str_of("2026-03-04"), &day));
	assert_int_equal(day, day_of_civil(2026, 3, 4));
	assert_false(day_parse(str_of("2026-03-04T10:00"), &day));
	assert_false(day_parse(str_of("March"), &day));
}

static void durations(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool good;
		int64_t ms;
	} rows[] = {
	    {"90", true, 90000},
	    {"90s", true, 90000},
	    {"500ms", true, 500},
	    {"15m", true, 15 * MINUTE_MS},
	    {"15 min", true, 15 * MINUTE_MS},
	    {"6h", true, 6 * HOUR_MS},
	    {"14d", true, 14 * DAY_MS},
	    {" 0 ", true, 0},
	    {"", false, 0},
	    {"h", false, 0},
	    {"-5s", false, 0},
	    {"1.5h", false, 0},
	    {"5y", false, 0},
	    {"5 h 3", false, 0},
	    {"9223372036854775807d", false, 0},
	    {"99999999999999999999s", false, 0},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t ms = -1;
		if (duration_parse(str_of(rows[i].text), &ms) != rows[i].good)
			fail_msg("%s", rows[i].text);
		if (rows[i].good)
			assert_int_equal(ms, rows[i].ms);
	}
	char text[WHEN_BYTES];
	duration_format(text, 2 * HOUR_MS + 5 * MINUTE_MS);
	assert_string_equal(text, "2 h 05 min");
	duration_format(text, 3 * DAY_MS + 4 * HOUR_MS);
	assert_string_equal(text, "3 d 4 h");
	duration_format(text, 12 * SECOND_MS);
	assert_string_equal(text, "12 s");
	duration_format(text, 61 * SECOND_MS);
	assert_string_equal(text, "1 min");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(days_and_back),
	    cmocka_unit_test(instants_and_back),
	    cmocka_unit_test(parsing),
	    cmocka_unit_test(fallback_offset),
	    cmocka_unit_test(formatting),
	    cmocka_unit_test(durations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
