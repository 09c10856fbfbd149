#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "notifier/base/when.h"
#include "notifier/core/calendar.h"

static int32_t day(int month, int dom)
{
	return day_of_civil(2024, month, dom); /* 1 January 2024 is a Monday */
}

static void working_days(void **state)
{
	(void)state;
	const int32_t holidays[] = {day(1, 1), day(1, 6), day(1, 8)}; /* the 6th is a Saturday */
	const struct calendar european = {0x60, 6, holidays, 3};
	const struct calendar gulf = {0x30, 4, NULL, 0}; /* Friday and Saturday */
	const struct calendar never = {0x7f, 6, NULL, 0};
	const struct {
		const struct calendar *calendar;
		int32_t from, to;
		int days;
	} rows[] = {
	    {NULL, day(1, 1), day(1, 8), 5}, {NULL, day(1, 5), day(1, 7), 0},
	    {NULL, day(1, 5), day(1, 8), 1}, {NULL, day(1, 8), day(1, 5), 0},
	    {NULL, day(1, 1), day(1, 29), 20}, {&european, day(1, 5), day(1, 8), 0},
	    {&european, day(1, 5), day(1, 9), 1}, {&european, day(1, 1) - 1, day(1, 8), 4},
	    {&gulf, day(1, 4), day(1, 7), 1},  /* Thursday to Sunday */
	    {&never, day(1, 1), day(1, 8), 5}, /* unusable: the default */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(calendar_working_days(rows[i].calendar, rows[i].from, rows[i].to),
		    rows[i].days);
	assert_true(calendar_is_holiday(&european, day(1, 8)));
	assert_false(calendar_is_holiday(&european, day(1, 9)));
	assert_false(calendar_is_holiday(NULL, day(1, 8)));
	assert_int_equal(calendar_weekday(&european, day(1, 8)), 6);
	assert_int_equal(calendar_weekday(NULL, day(1, 8)), 0);
	assert_false(calendar_is_working(&gulf, day(1, 5)));
	assert_true(calendar_is_working(&gulf, day(1, 7)));
}

/* Counting in one step is counting day by day. */
static void agrees_with_itself(void **state)
{
	(void)state;
	const int32_t holidays[] = {day(2, 14), day(2, 29), day(3, 10)};
	const struct calendar calendar = {0x41, 6, holidays, 3};
	int32_t from = day(2, 1), count = 0;
	for (int32_t to = from; to < day(4, 1); to++) {
		count += to > from && calendar_is_working(&calendar, to);
		assert_int_equal(calendar_working_days(&calendar, from, to), count);
	}
	assert_int_equal(calendar_after(NULL, day(1, 5), 1), day(1, 8));
	assert_int_equal(calendar_after(NULL, day(1, 5), 0), day(1, 5));
	for (int i = 1; i < 30; i++)
		assert_int_equal(
		    calendar_working_days(&calendar, from, calendar_after(&calendar, from, i)), i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(working_days), cmocka_unit_test(agrees_with_itself)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
