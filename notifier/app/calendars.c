#include "notifier/app/calendars.h"

#include <string.h>

#include "notifier/app/config.h"
#include "notifier/base/mem.h"
#include "notifier/message/l10n.h"

struct known {
	char country[3];
	struct calendar calendar;
	struct known *next; /* newest first: the one that counts */
};

static struct known *known;

/* Saturday, Sunday: Sunday.  Friday, Saturday: Friday. */
static int rest_weekday(unsigned weekend)
{
	static const int likeliest[] = {6, 4, 5, 3, 0, 1, 2};
	for (size_t i = 0; i < sizeof likeliest / sizeof *likeliest; i++)
		if (weekend >> likeliest[i] & 1u)
			return likeliest[i];
	return 6;
}

static const struct calendar *add(const char *country, const int32_t *days, size_t count)
{
	struct known *added = xcalloc(1, sizeof *added);
	unsigned weekend = l10n_weekend(country);
	int32_t *holidays = count > 0 ? xcalloc(count, sizeof *holidays) : NULL;
	if (count > 0)
		memcpy(holidays, days, count * sizeof *holidays);
	added->calendar = (struct calendar){weekend, rest_weekday(weekend), holidays, count};
	memcpy(added->country, country, 2);
	added->next = known;
	known = added;
	return &added->calendar;
}

static const struct calendar *find(const char *country)
{
	for (const struct known *at = known; at != NULL; at = at->next)
		if (text_eq_nocase(at->country, country))
			return &at->calendar;
	return NULL;
}

static bool is_same(const struct calendar *calendar, const struct holidays_config *holidays)
{
	return calendar != NULL && calendar->holiday_count == holidays->count &&
	       (holidays->count == 0 || memcmp(calendar->holidays, holidays->days,
	                                    holidays->count * sizeof *holidays->days) == 0);
}

static const struct holidays_config *configured(const struct config *config, const char *country)
{
	for (size_t i = 0; i < config->holidays_count; i++)
		if (text_eq_nocase(config->holidays[i].country, country))
			return &config->holidays[i];
	return NULL;
}

void calendars_use(const struct config *config)
{
	for (size_t i = 0; i < config->holidays_count; i++) {
		const struct holidays_config *holidays = &config->holidays[i];
		if (!is_same(find(holidays->country), holidays))
			add(holidays->country, holidays->days, holidays->count);
	}
	for (const struct known *at = known; at != NULL; at = at->next)
		if (find(at->country) == &at->calendar && at->calendar.holiday_count > 0 &&
		    configured(config, at->country) == NULL)
			add(at->country, NULL, 0); /* not configured any more */
}

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

const struct calendar *calendars_of(const char *country)
{
	static const struct calendar usual = {.weekend_mask = 0x60, .rest_weekday = 6};
	if (country == NULL || strlen(country) != 2 || !is_letter(country[0]) ||
	    !is_letter(country[1]))
		return &usual; /* so that there are 676 of them at most */
	const struct calendar *found = find(country);
	return found != NULL ? found : add(country, NULL, 0);
}

void calendars_free(void)
{
	while (known != NULL) {
		struct known *older = known->next;
		union { /* ours, whatever those may do who borrow it */
			const int32_t *read;
			int32_t *owned;
		} days = {known->calendar.holidays};
		xfree(days.owned);
		xfree(known);
		known = older;
	}
}
