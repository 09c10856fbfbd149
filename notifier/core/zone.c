#include "notifier/core/zone.h"

#include <stddef.h>

const struct zone zone_utc = {"UTC", zone_fixed_offset_s, 0};

int zone_fixed_offset_s(const struct zone *zone, int64_t instant_ms)
{
	(void)instant_ms;
	return zone->fixed_offset_s;
}

int zone_offset_s(const struct zone *zone, int64_t instant_ms)
{
	return zone ? zone->offset_s(zone, instant_ms) : 0;
}

int32_t zone_day(const struct zone *zone, int64_t instant_ms)
{
	return day_of_instant(instant_ms, zone_offset_s(zone, instant_ms));
}

int64_t zone_instant(const struct zone *zone, const struct civil *civil)
{
	int64_t as_utc = instant_of_civil(civil, 0);
	int before = zone_offset_s(zone, as_utc - DAY_MS);
	int after = zone_offset_s(zone, as_utc + DAY_MS);
	int64_t early = as_utc - before * SECOND_MS;
	if (before == after)
		return early;
	int64_t late = as_utc - after * SECOND_MS;
	if (zone_offset_s(zone, early) == before)
		return early; /* not yet changed, or the first of two */
	if (zone_offset_s(zone, late) == after)
		return late;
	/* In the gap: the change itself is the first valid minute.  It lies between the two. */
	int64_t low = late, high = early;
	while (high - low > 1) {
		int64_t middle = low + (high - low) / 2;
		if (zone_offset_s(zone, middle) == before)
			low = middle;
		else
			high = middle;
	}
	return high;
}

int64_t zone_day_start(const struct zone *zone, int32_t day)
{
	struct civil civil = {0};
	civil_of_day(day, &civil.year, &civil.month, &civil.day);
	return zone_instant(zone, &civil);
}

int64_t zone_day_end(const struct zone *zone, int32_t day)
{
	return zone_day_start(zone, day + 1);
}
