/* A time zone, seen from the domain: a name and its offset at an instant.
 * The rules behind it come from outside (message/l10n reads them from ICU), so that core stays
 * free of files and libraries.  A zone lives as long as the process.
 */
#ifndef CORE_ZONE_H
#define CORE_ZONE_H
#include <stdint.h>

#include "notifier/base/when.h"

struct zone {
	const char *name;                                             /* "Asia/Kolkata" */
	int (*offset_s)(const struct zone *zone, int64_t instant_ms); /* east of UTC, seconds */
	int fixed_offset_s;                                           /* for zone_fixed_offset_s */
};

extern const struct zone zone_utc;
/* The offset_s of zones without rules: returns fixed_offset_s. */
int zone_fixed_offset_s(const struct zone *zone, int64_t instant_ms);

/* NULL is read as UTC in all of these. */
int zone_offset_s(const struct zone *zone, int64_t instant_ms);
int32_t zone_day(const struct zone *zone, int64_t instant_ms); /* the local day */
/* The instant of a local civil time.  A time that the clocks skip is moved to the first valid
 * minute after the gap; of one that happens twice the first is meant. */
int64_t zone_instant(const struct zone *zone, const struct civil *civil);
int64_t zone_day_start(const struct zone *zone, int32_t day); /* local 00:00 */
int64_t zone_day_end(const struct zone *zone, int32_t day);   /* local 24:00 */
#endif
