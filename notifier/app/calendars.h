/* The days of rest of each country: weekends as CLDR has them, holidays as configured.
 * Invariant: one table for the process, as of zones; a calendar that was given out stays valid,
 * also when another configuration replaces it for those who ask later.
 */
#ifndef APP_CALENDARS_H
#define APP_CALENDARS_H
#include "notifier/core/calendar.h"

struct config;
void calendars_use(const struct config *config);
/* Of a destination's country; never NULL.  NULL or unknown: Saturday and Sunday, no holidays. */
const struct calendar *calendars_of(const char *country);
void calendars_free(void); /* at the end of the process */
#endif
