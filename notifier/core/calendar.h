/* Which days a network works: weekends and holidays as data, so that no country is in the code.
 * Invariant: holidays are in ascending order.  A NULL calendar is Monday to Friday, no holidays.
 * The learned parts (delay, hazard) find out by themselves what a weekday is worth; the calendar
 * tells them only which dates behave like a day of rest.
 */
#ifndef CORE_CALENDAR_H
#define CORE_CALENDAR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CALENDAR_DAYS 7

struct calendar {
	unsigned weekend_mask;   /* bit n: ISO weekday n (0 = Monday) is off; Sat + Sun = 0x60 */
	int rest_weekday;        /* the weekday that holidays resemble: 6 = Sunday */
	const int32_t *holidays; /* days since 1970, ascending; borrowed */
	size_t holiday_count;
};

bool calendar_is_holiday(const struct calendar *calendar, int32_t day);
bool calendar_is_working(const struct calendar *calendar, int32_t day);
/* The weekday that this day behaves like, 0 = Monday: rest_weekday on holidays. */
int calendar_weekday(const struct calendar *calendar, int32_t day);
/* Working days in (from, to]; 0 when to <= from.  O(log holidays). */
int32_t calendar_working_days(const struct calendar *calendar, int32_t from, int32_t to);
/* The first day by which `count` working days have passed after `from`; count >= 0.  With every
 * weekday off, calendar days are counted. */
int32_t calendar_after(const struct calendar *calendar, int32_t from, int count);
#endif
