/* Languages and time zones: dates, times, numbers, money, plurals and lists as people write them.
 * ICU stands behind these functions and nowhere else.
 *
 * Invariant: what l10n_for and l10n_zone return is never NULL where so stated, lives as long as
 * the process and is shared; everything here belongs to one thread.  All output is UTF-8 with
 * plain spaces (ICU's U+202F, U+00A0, U+2009 would turn an SMS into UCS-2), and its digits are
 * pinned per language (CLDR changes its mind between releases).
 */
#ifndef MESSAGE_L10N_H
#define MESSAGE_L10N_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notifier/base/str.h"
#include "notifier/core/zone.h"

/* --- zones --- */

/* The zone of that name in the tz database ("Asia/Kolkata"), or NULL for an unknown one.
 * Its offset_s answers from a cached stretch between two transitions: nanoseconds. */
const struct zone *l10n_zone(const char *name);
bool l10n_zone_is_known(const char *name);

/* --- weeks --- */

/* The weekdays on which a country rests (ISO 3166-1 alpha-2; NULL: most of the world), bit 0 for
 * Monday: 0x60 is Saturday and Sunday, 0x30 Friday and Saturday. */
unsigned l10n_weekend(const char *country);

/* --- locales --- */

struct l10n; /* a locale and a zone */

/* locale: BCP 47 or ICU's form ("bn-IN", "en_GB"); unknown or NULL: English.  zone: unknown or
 * NULL: UTC.  Never NULL.  l10n_for_digits also pins the digits by their CLDR name ("latn",
 * "beng"); l10n_for takes those usual in the language's messages. */
const struct l10n *l10n_for(const char *locale, const char *zone);
const struct l10n *l10n_for_digits(const char *locale, const char *zone, const char *digits);
const struct zone *l10n_zone_of(const struct l10n *l10n); /* NULL l10n: UTC */
const char *l10n_language(const struct l10n *l10n);       /* "bn" */
bool l10n_is_rtl(const char *locale);

/* --- phrases about time --- */

/* ICU supplies names, digits and times; the sentence around them is a pattern of the language,
 * because ICU's own sentences are not natural in most.  Placeholders: {day} {rel} {date}
 * {rel_or_date} {t} {period} {from} {to} {from_period} {to_period} {from_date} {to_date}. */
enum l10n_pattern {
	L10N_DAY,     /* "{day}": a day alone */
	L10N_DAY_REL, /* "{rel} ({date})": what {day} is for yesterday and tomorrow */
	L10N_AT,      /* a moment */
	L10N_WINDOW,  /* a time of one day, from … to … */
	L10N_BY,      /* until a moment */
	L10N_RANGE,   /* several days */
	L10N_SHORT_AT,
	L10N_SHORT_WINDOW,
	L10N_SHORT_BY,
	L10N_SHORT_RANGE,
	L10N_PATTERNS
};
extern const char *const l10n_pattern_names[L10N_PATTERNS]; /* "day", "day_rel", … */

struct l10n_phrases {
	const char *patterns[L10N_PATTERNS]; /* NULL: English's */
	const char *time; /* ICU pattern of a time of day: "h:mm a", "HH:mm"; NULL: English's */
	const char *time_hour; /* of a full hour: "h a"; NULL: as time */
	const char *am, *pm;   /* instead of ICU's; NULL: ICU's */
};
extern const struct l10n_phrases l10n_english;

struct l10n_time { /* a day, or an instant */
	bool present, has_time;
	int32_t day;        /* without time: the day itself */
	int64_t instant_ms; /* with time */
};

struct l10n_span { /* from alone: a moment or day; to alone: until; both: between */
	struct l10n_time from, to;
};

/* Reads what base/when reads ("2026-03-06", RFC 3339); a time without offset is local in l10n's
 * zone.  False: unreadable. */
bool l10n_time_parse(struct l10n_time *out, struct str text, const struct l10n *l10n);

/* "tomorrow (Friday, March 6) between 2 pm and 4 pm"; is_short: "tomorrow 2-4 pm". */
void l10n_when(struct buf *out, const struct l10n *l10n, const struct l10n_phrases *phrases,
    const struct l10n_span *span, int64_t now_ms, bool is_short);
/* The day alone, and the time of day alone (with its period of the day where patterns use it). */
void l10n_day(struct buf *out, const struct l10n *l10n, const struct l10n_phrases *phrases,
    const struct l10n_time *time, int64_t now_ms, bool is_short);
void l10n_time_of_day(struct buf *out, const struct l10n *l10n, const struct l10n_phrases *phrases,
    const struct l10n_time *time);

/* --- numbers, lists, letters --- */

/* decimal: "-1499.50".  False: no number (nothing is written). */
bool l10n_number(struct buf *out, const struct l10n *l10n, struct str decimal);
/* currency: ISO 4217 ("INR").  iso: "INR 1,499.50" unless its sign is in GSM-7 ($ £ ¥ €). */
bool l10n_money(
    struct buf *out, const struct l10n *l10n, struct str decimal, const char *currency, bool iso);
/* "zero", "one", "two", "few", "many" or "other" (CLDR plural rules). */
const char *l10n_plural(const struct l10n *l10n, double number);
/* Does the language have this category for whole or broken numbers? */
bool l10n_plural_exists(const char *locale, const char *category);
void l10n_list(struct buf *out, const struct l10n *l10n, const struct str *items, size_t count);
void l10n_upper(struct buf *out, struct str text); /* Unicode's rules, no language's */
void l10n_lower(struct buf *out, struct str text);
#endif
