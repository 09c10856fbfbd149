#include "notifier/core/calendar.h"

#include "notifier/base/when.h"

#define WEEK_MASK 0x7fu

static const struct calendar calendar_default = {.weekend_mask = 0x60, .rest_weekday = 6};

static const struct calendar *calendar_or_default(const struct calendar *calendar)
{
	bool usable = calendar && (calendar->weekend_mask & WEEK_MASK) != WEEK_MASK;
	return usable ? calendar : &calendar_default;
}

/* How many holidays lie before day. */
static size_t holidays_before(const struct calendar *calendar, int64_t day)
{
	size_t low = 0, high = calendar->holiday_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (calendar->holidays[middle] < day)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool calendar_is_holiday(const struct calendar *calendar, int32_t day)
{
	if (!calendar)
		return false;
	size_t at = holidays_before(calendar, day);
	return at < calendar->holiday_count && calendar->holidays[at] == day;
}

static bool is_weekend(const struct calendar *calendar, int32_t day)
{
	return calendar->weekend_mask >> day_weekday(day) & 1u;
}

bool calendar_is_working(const struct calendar *calendar, int32_t day)
{
	calendar = calendar_or_default(calendar);
	return !is_weekend(calendar, day) && !calendar_is_holiday(calendar, day);
}

int calendar_weekday(const struct calendar *calendar, int32_t day)
{
	if (!calendar_is_holiday(calendar, day))
		return day_weekday(day);
	int rest = calendar->rest_weekday;
	return rest >= 0 && rest < CALENDAR_DAYS ? rest : CALENDAR_DAYS - 1;
}

int32_t calendar_working_days(const struct calendar *calendar, int32_t from, int32_t to)
{
	if (to <= from)
		return 0;
	calendar = calendar_or_default(calendar);
	int64_t weeks = ((int64_t)to - from) / CALENDAR_DAYS, working = 0;
	for (int weekday = 0; weekday < CALENDAR_DAYS; weekday++)
		working += calendar->weekend_mask >> weekday & 1u ? 0 : weeks;
	for (int64_t day = from + weeks * CALENDAR_DAYS + 1; day <= to; day++)
		working += !is_weekend(calendar, (int32_t)day);
	size_t end = holidays_before(calendar, (int64_t)to + 1);
	for (size_t at = holidays_before(calendar, (int64_t)from + 1); at < end; at++)
		working -= !is_weekend(calendar, calendar->holidays[at]);
	return (int32_t)working;
}

int32_t calendar_after(const struct calendar *calendar, int32_t from, int count)
{
	int32_t day = from;
	/* Bounded even where holidays cover years: no silence is judged over more than that. */
	for (int steps = 0; count > 0 && steps < 2000; steps++)
		count -= calendar_is_working(calendar, ++day);
	return day;
}
