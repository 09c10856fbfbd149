/* Which weekdays a country rests on, from CLDR. */
#include <stdio.h>
#include <unicode/ucal.h>

#include "notifier/base/str.h"
#include "notifier/message/l10n.h"

#define WEEK_DAYS 7

unsigned l10n_weekend(const char *country)
{
	char locale[16];
	UErrorCode status = U_ZERO_ERROR;
	unsigned mask = 0;
	snprintf(locale, sizeof locale, "und_%.2s", text_is_empty(country) ? "001" : country);
	UCalendar *calendar = ucal_open(NULL, 0, locale, UCAL_GREGORIAN, &status);
	for (int weekday = 0; weekday < WEEK_DAYS && U_SUCCESS(status); weekday++) {
		UCalendarDaysOfWeek day = (UCalendarDaysOfWeek)((weekday + 1) % WEEK_DAYS + 1);
		UCalendarWeekdayType type = ucal_getDayOfWeekType(calendar, day, &status);
		if (type == UCAL_WEEKEND || type == UCAL_WEEKEND_ONSET)
			mask |= 1u << weekday;
	}
	if (calendar != NULL)
		ucal_close(calendar);
	return U_SUCCESS(status) ? mask : 0x60u;
}
