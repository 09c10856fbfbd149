/* Days of rest per country; what was given out stays valid. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "notifier/app/calendars.h"
#include "notifier/app/config.h"
#include "notifier/base/when.h"

static void test_countries(void **state)
{
	(void)state;
	const int32_t days[] = {20680, 20728};
	struct holidays_config india = {"IN", days, 2};
	const struct config with = {.holidays = &india, .holidays_count = 1}, without = {0};
	const struct calendar *plain = calendars_of("IN");
	assert_false(calendar_is_holiday(plain, 20680));
	calendars_use(&with);
	const struct calendar *calendar = calendars_of("in");
	assert_true(calendar_is_holiday(calendar, 20680));
	assert_int_equal(calendar_weekday(calendar, 20680), 6);
	assert_true(calendar_is_working(calendar, 20679)); /* India works on Fridays … */
	assert_int_equal(calendar->weekend_mask, 0x40);    /* … and Saturdays */
	calendars_use(&with);
	assert_ptr_equal(calendars_of("IN"), calendar); /* the same again is no news */
	calendars_use(&without);
	assert_false(calendar_is_holiday(calendars_of("IN"), 20680));
	assert_true(calendar_is_holiday(calendar, 20680)); /* who has it keeps it */
	assert_int_equal(calendar_weekday(calendars_of("EG"), 20680), day_weekday(20680));
	assert_int_equal(calendars_of(NULL)->weekend_mask, 0x60);
	assert_int_equal(calendars_of("Atlantis")->weekend_mask, 0x60);
	assert_int_equal(calendars_of("\xc3\x9f")->weekend_mask, 0x60);
	calendars_free();
	calendars_free();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_countries),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
