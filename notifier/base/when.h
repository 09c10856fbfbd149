/* Time as values.  An instant is an int64_t of milliseconds since 1970-01-01T00:00:00Z (UTC); a
 * day is an int32_t of days since 1970-01-01 (proleptic Gregorian).  Nothing here reads a clock
 * or a zone: offsets are arguments.
 */
#ifndef BASE_WHEN_H
#define BASE_WHEN_H
#include <stdbool.h>
#include <stdint.h>

#include "notifier/base/str.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define NEVER_MS  INT64_MAX /* "at no time", for deadlines */

struct civil {                /* what a calendar and a clock on the wall show */
	int year, month, day; /* 1..12, 1..31 */
	int hour, minute, second, ms;
};

int32_t day_of_civil(int year, int month, int day);
void civil_of_day(int32_t day, int *year, int *month, int *dom);
int day_weekday(int32_t day); /* 0 = Monday … 6 = Sunday (ISO 8601) */
struct civil civil_of_instant(int64_t instant_ms, int offset_s);
int64_t instant_of_civil(const struct civil *civil, int offset_s);
int32_t day_of_instant(int64_t instant_ms, int offset_s); /* the local day */

/* What a carrier or caller wrote.  `has_time` false: a date only (civil time is 00:00).
 * `has_offset` false: local time of an unknown zone. */
struct when {
	struct civil civil;
	bool has_time, has_offset;
	int offset_s;
};

/* Reads YYYY-MM-DD, or that with [T ]HH:MM[:SS[.fff…]] and an optional Z, ±HH:MM, ±HHMM or ±HH
 * (ISO 8601 / RFC 3339).  Refuses days and hours that do not exist; 24:00 and :60 are refused. */
bool when_parse(struct str text, struct when *out);
/* The instant; a missing offset is read as fallback_offset_s. */
int64_t when_instant(const struct when *when, int fallback_offset_s);

#define WHEN_BYTES 40
/* RFC 3339 with offset, seconds; milliseconds only where they are not 0. */
void when_format(char out[WHEN_BYTES], int64_t instant_ms, int offset_s);
void when_format_utc(char out[WHEN_BYTES], int64_t instant_ms); /* …Z */
void day_format(char out[WHEN_BYTES], int32_t day);             /* YYYY-MM-DD */
bool day_parse(struct str text, int32_t *day);
/* "90s", "15m", "6h", "14d", "500ms" to milliseconds; a bare number is seconds. */
bool duration_parse(struct str text, int64_t *ms);
void duration_format(char out[WHEN_BYTES], int64_t ms); /* "2 h 05 min", "3 d 4 h", "12 s" */
#endif
