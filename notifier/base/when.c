#include "notifier/base/when.h"

#include <stdio.h>
#include <string.h>

/* Days from civil and back: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
int32_t day_of_civil(int year, int month, int day)
{
	int y = year - (month <= 2);
	int era = (y >= 0 ? y : y - 399) / 400;
	int year_of_era = y - era * 400;
	int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

void civil_of_day(int32_t day, int *year, int *month, int *dom)
{
	int z = day + 719468;
	int era = (z >= 0 ? z : z - 146096) / 146097;
	int doe = z - era * 146097;
	int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int mp = (5 * doy + 2) / 153;
	*dom = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = yoe + era * 400 + (*month <= 2);
}

int day_weekday(int32_t day)
{
	int weekday = (day + 3) % 7; /* 1970-01-01 was a Thursday */
	return weekday < 0 ? weekday + 7 : weekday;
}

static int64_t floor_divide(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Beyond these days nothing is a time; and sums with an offset must not overflow. */
#define DAYS_MOST INT64_C(100000000)

static int64_t local_ms(int64_t instant_ms, int offset_s)
{
	int64_t most_ms = DAYS_MOST * DAY_MS;
	int64_t within_ms = instant_ms > most_ms    ? most_ms
	                    : instant_ms < -most_ms ? -most_ms
	                                            : instant_ms;
	return within_ms + offset_s * SECOND_MS;
}

int32_t day_of_instant(int64_t instant_ms, int offset_s)
{
	return (int32_t)floor_divide(local_ms(instant_ms, offset_s), DAY_MS);
}

struct civil civil_of_instant(int64_t instant_ms, int offset_s)
{
	struct civil c = {0};
	int32_t day = day_of_instant(instant_ms, offset_s);
	int64_t rest = local_ms(instant_ms, offset_s) - day * DAY_MS;
	civil_of_day(day, &c.year, &c.month, &c.day);
	c.hour = (int)(rest / HOUR_MS);
	c.minute = (int)(rest % HOUR_MS / MINUTE_MS);
	c.second = (int)(rest % MINUTE_MS / SECOND_MS);
	c.ms = (int)(rest % SECOND_MS);
	return c;
}

int64_t instant_of_civil(const struct civil *c, int offset_s)
{
	return day_of_civil(c->year, c->month, c->day) * DAY_MS + c->hour * HOUR_MS +
	       c->minute * MINUTE_MS + c->second * SECOND_MS + c->ms - offset_s * SECOND_MS;
}

/* Reads exactly `digits` digits; moves the view. */
static bool take_number(struct str *text, size_t digits, int *out)
{
	if (text->len < digits)
		return false;
	int value = 0;
	for (size_t i = 0; i < digits; i++) {
		if (text->at[i] < '0' || text->at[i] > '9')
			return false;
		value = value * 10 + (text->at[i] - '0');
	}
	*out = value;
	*text = str_make(text->at + digits, text->len - digits);
	return true;
}

static bool take_char(struct str *text, char c)
{
	if (text->len == 0 || text->at[0] != c)
		return false;
	*text = str_make(text->at + 1, text->len - 1);
	return true;
}

static bool take_date(struct str *text, struct civil *c)
{
	if (!take_number(text, 4, &c->year) || !take_char(text, '-') ||
	    !take_number(text, 2, &c->month) || !take_char(text, '-') ||
	    !take_number(text, 2, &c->day))
		return false;
	if (c->month < 1 || c->month > 12 || c->day < 1)
		return false;
	int32_t first = day_of_civil(c->year, c->month, 1);
	int32_t next = c->month == 12 ? day_of_civil(c->year + 1, 1, 1)
	                              : day_of_civil(c->year, c->month + 1, 1);
	return c->day <= next - first;
}

static bool take_fraction(struct str *text, int *ms)
{
	int scale = 100, digits = 0;
	for (; text->len > 0 && text->at[0] >= '0' && text->at[0] <= '9'; digits++) {
		*ms += (text->at[0] - '0') * scale;
		scale /= 10;
		*text = str_make(text->at + 1, text->len - 1);
	}
	return digits > 0;
}

static bool take_clock(struct str *text, struct civil *c)
{
	if (!take_number(text, 2, &c->hour) || !take_char(text, ':') ||
	    !take_number(text, 2, &c->minute))
		return false;
	if (take_char(text, ':')) {
		if (!take_number(text, 2, &c->second))
			return false;
		if (take_char(text, '.') && !take_fraction(text, &c->ms))
			return false;
	}
	return c->hour < 24 && c->minute < 60 && c->second < 60;
}

static bool take_offset(struct str *text, struct when *out)
{
	if (text->len == 0)
		return true;
	out->has_offset = true;
	if (take_char(text, 'Z') || take_char(text, 'z'))
		return text->len == 0;
	int sign = take_char(text, '+') ? 1 : take_char(text, '-') ? -1 : 0;
	int hours = 0, minutes = 0;
	if (sign == 0 || !take_number(text, 2, &hours))
		return false;
	bool colon = take_char(text, ':');
	if ((colon || text->len > 0) && !take_number(text, 2, &minutes))
		return false;
	out->offset_s = sign * (hours * 3600 + minutes * 60);
	return text->len == 0 && hours <= 18 && minutes < 60;
}

bool when_parse(struct str text, struct when *out)
{
	memset(out, 0, sizeof *out);
	text = str_trim(text);
	if (!take_date(&text, &out->civil))
		return false;
	if (text.len == 0)
		return true;
	if (!take_char(&text, 'T') && !take_char(&text, 't') && !take_char(&text, ' '))
		return false;
	out->has_time = true;
	return take_clock(&text, &out->civil) && take_offset(&text, out);
}

int64_t when_instant(const struct when *when, int fallback_offset_s)
{
	return instant_of_civil(
	    &when->civil, when->has_offset ? when->offset_s : fallback_offset_s);
}

void when_format(char out[WHEN_BYTES], int64_t instant_ms, int offset_s)
{
	struct civil c = civil_of_instant(instant_ms, offset_s);
	int used = snprintf(out, WHEN_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d", c.year % 10000,
	    c.month, c.day, c.hour, c.minute, c.second);
	if (c.ms != 0)
		used += snprintf(out + used, (size_t)(WHEN_BYTES - used), ".%03d", c.ms);
	int minutes = (offset_s < 0 ? -offset_s : offset_s) / 60;
	snprintf(out + used, (size_t)(WHEN_BYTES - used), "%c%02d:%02d", offset_s < 0 ? '-' : '+',
	    minutes / 60 % 100, minutes % 60);
}

void when_format_utc(char out[WHEN_BYTES], int64_t instant_ms)
{
	when_format(out, instant_ms, 0);
	char *offset = strrchr(out, '+');
	if (offset != NULL) {
		offset[0] = 'Z';
		offset[1] = '\0';
	}
}

void day_format(char out[WHEN_BYTES], int32_t day)
{
	int year, month, dom;
	civil_of_day(day, &year, &month, &dom);
	snprintf(out, WHEN_BYTES, "%04d-%02d-%02d", year, month, dom);
}

bool day_parse(struct str text, int32_t *day)
{
	struct when when;
	if (!when_parse(text, &when) || when.has_time)
		return false;
	*day = day_of_civil(when.civil.year, when.civil.month, when.civil.day);
	return true;
}

bool duration_parse(struct str text, int64_t *ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"", SECOND_MS}, {"ms", 1}, {"s", SECOND_MS}, {"m", MINUTE_MS},
	    {"min", MINUTE_MS}, {"h", HOUR_MS}, {"d", DAY_MS}};
	text = str_trim(text);
	size_t digits = 0;
	while (digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9')
		digits++;
	int64_t number;
	if (!str_to_int64(str_make(text.at, digits), &number))
		return false;
	struct str unit = str_trim(str_make(text.at + digits, text.len - digits));
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (str_eq(unit, units[i].unit))
			return !__builtin_mul_overflow(number, units[i].ms, ms);
	return false;
}

void duration_format(char out[WHEN_BYTES], int64_t ms)
{
	int64_t s = ms / SECOND_MS;
	if (s >= 86400)
		snprintf(out, WHEN_BYTES, "%lld d %lld h", (long long)(s / 86400),
		    (long long)(s % 86400 / 3600));
	else if (s >= 3600)
		snprintf(out, WHEN_BYTES, "%lld h %02lld min", (long long)(s / 3600),
		    (long long)(s % 3600 / 60));
	else if (s >= 60)
		snprintf(out, WHEN_BYTES, "%lld min", (long long)(s / 60));
	else
		snprintf(out, WHEN_BYTES, "%lld s", (long long)s);
}
