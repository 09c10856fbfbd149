/* Time zones from ICU.  A zone remembers the stretches between transitions that it was asked
 * about; within one, the offset is one comparison away. */
#include <string.h>
#include <unicode/ucal.h>
#include <unicode/ustring.h>

#include "notifier/base/mem.h"
#include "notifier/message/l10n.h"

#define STRETCHES 4

struct stretch { /* offset_s holds in [from_ms, to_ms) */
	int64_t from_ms, to_ms;
	int offset_s;
};

struct icu_zone {
	struct zone zone; /* first: a struct zone * is one of these */
	UCalendar *calendar;
	struct stretch stretches[STRETCHES];
	unsigned next_stretch;
	struct icu_zone *next;
};

static struct icu_zone *zones;

static int64_t transition(UCalendar *calendar, UTimeZoneTransitionType type, int64_t otherwise)
{
	UDate at = 0;
	UErrorCode status = U_ZERO_ERROR;
	if (!ucal_getTimeZoneTransitionDate(calendar, type, &at, &status) || U_FAILURE(status))
		return otherwise;
	return (int64_t)at;
}

static struct stretch stretch_read(const struct icu_zone *zone, int64_t instant_ms)
{
	UErrorCode status = U_ZERO_ERROR;
	ucal_setMillis(zone->calendar, (UDate)instant_ms, &status);
	int32_t offset_ms = ucal_get(zone->calendar, UCAL_ZONE_OFFSET, &status) +
	                    ucal_get(zone->calendar, UCAL_DST_OFFSET, &status);
	if (U_FAILURE(status)) /* beyond ICU's years: any answer is as good */
		return (struct stretch){instant_ms, instant_ms, 0};
	return (struct stretch){
	    .from_ms = transition(zone->calendar, UCAL_TZ_TRANSITION_PREVIOUS_INCLUSIVE, INT64_MIN),
	    .to_ms = transition(zone->calendar, UCAL_TZ_TRANSITION_NEXT, INT64_MAX),
	    .offset_s = offset_ms / 1000,
	};
}

static int icu_zone_offset_s(const struct zone *zone, int64_t instant_ms)
{
	/* The cache is the one thing in a zone that changes; zones are always made by zone_open. */
	union {
		const struct zone *zone;
		struct icu_zone *self;
	} either = {zone};
	struct icu_zone *self = either.self;
	for (unsigned i = 0; i < STRETCHES; i++) {
		const struct stretch *known = &self->stretches[i];
		if (instant_ms >= known->from_ms && instant_ms < known->to_ms)
			return known->offset_s;
	}
	struct stretch found = stretch_read(self, instant_ms);
	self->stretches[self->next_stretch++ % STRETCHES] = found;
	return found.offset_s;
}

static bool to_id(UChar *id, int32_t units, const char *name)
{
	if (name == NULL || name[0] == '\0' || strlen(name) >= (size_t)units ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/") !=
	        strlen(name))
		return false;
	u_charsToUChars(name, id, (int32_t)strlen(name) + 1);
	return true;
}

bool l10n_zone_is_known(const char *name)
{
	UChar id[64], canonical[64];
	UBool is_system = false;
	UErrorCode status = U_ZERO_ERROR;
	if (!to_id(id, 64, name))
		return false;
	ucal_getCanonicalTimeZoneID(id, -1, canonical, 64, &is_system, &status);
	return U_SUCCESS(status) && is_system && strcmp(name, "Etc/Unknown") != 0;
}

static struct icu_zone *zone_open(const char *name)
{
	UChar id[64];
	UErrorCode status = U_ZERO_ERROR;
	if (!l10n_zone_is_known(name) || !to_id(id, 64, name))
		return NULL;
	UCalendar *calendar = ucal_open(id, -1, "en", UCAL_GREGORIAN, &status);
	if (U_FAILURE(status))
		return NULL;
	struct icu_zone *zone = xcalloc(1, sizeof *zone);
	zone->zone = (struct zone){xstrdup(name), icu_zone_offset_s, 0};
	zone->calendar = calendar;
	zone->next = zones;
	zones = zone;
	return zone;
}

const struct zone *l10n_zone(const char *name)
{
	if (text_eq(name, "UTC"))
		return &zone_utc;
	for (struct icu_zone *zone = zones; zone && name; zone = zone->next)
		if (strcmp(zone->zone.name, name) == 0)
			return &zone->zone;
	struct icu_zone *opened = zone_open(name);
	return opened ? &opened->zone : NULL;
}
