/* Locales: opened once, kept for good. */
#include <stdio.h>
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/ucasemap.h>
#include <unicode/udatpg.h>
#include <unicode/uloc.h>
#include <unicode/ureldatefmt.h>
#include <unicode/ustring.h>

#include "notifier/base/mem.h"
#include "notifier/message/l10n_internal.h"

#define LOCALES 64 /* how many are kept; a further one is served as its language, then English */

/* Digits that messages in the language use; all others: latn.  Pinned here, because CLDR 42 and 48
 * already disagree about Arabic. */
static const char *const digits_of_language[][2] = {
    {"bn", "beng"}, {"mr", "deva"}, {"ne", "deva"}, {"my", "mymr"}, {"fa", "arabext"}};

static struct locale *locales;
static size_t locales_count;
static struct l10n *pairs;

void l10n_add_utf16(struct buf *out, const UChar *text, int32_t units)
{
	char bytes[3 * TEXT_UNITS + 1];
	UChar plain[TEXT_UNITS];
	int32_t len = 0;
	UErrorCode status = U_ZERO_ERROR;
	if (units > TEXT_UNITS)
		units = TEXT_UNITS;
	for (int32_t i = 0; i < units; i++) {
		bool space = text[i] == 0xA0 || text[i] == 0x202F ||
		             (text[i] >= 0x2000 && text[i] <= 0x200A);
		plain[i] = space ? ' ' : text[i];
	}
	u_strToUTF8WithSub(bytes, sizeof bytes, &len, plain, units, 0xFFFD, NULL, &status);
	if (U_SUCCESS(status))
		buf_add(out, bytes, (size_t)len);
}

static UChar *to_utf16(UChar *out, int32_t units, const char *text)
{
	UErrorCode status = U_ZERO_ERROR;
	u_strFromUTF8WithSub(out, units - 1, NULL, text, -1, 0xFFFD, NULL, &status);
	out[U_SUCCESS(status) ? units - 1 : 0] = 0;
	return out;
}

/* --- opening a locale --- */

static void open_relative(struct locale *locale)
{
	static const char *const english[3] = {"yesterday", "today", "tomorrow"};
	UErrorCode status = U_ZERO_ERROR;
	URelativeDateTimeFormatter *format = ureldatefmt_open(
	    locale->name, NULL, UDAT_STYLE_LONG, UDISPCTX_CAPITALIZATION_NONE, &status);
	for (int i = 0; i < 3; i++) {
		UChar text[48];
		int32_t units = 0;
		struct buf out = BUF_EMPTY(0);
		if (U_SUCCESS(status))
			units =
			    ureldatefmt_format(format, i - 1, UDAT_REL_UNIT_DAY, text, 48, &status);
		if (U_SUCCESS(status))
			l10n_add_utf16(&out, text, units);
		text_clean(locale->relative[i], sizeof locale->relative[i],
		    out.size ? out.data : english[i]);
		buf_free(&out);
	}
	ureldatefmt_close(format);
}

static void best_pattern(
    char *out, size_t out_bytes, UDateTimePatternGenerator *generator, const char *skeleton)
{
	UChar wanted[32], pattern[64];
	UErrorCode status = U_ZERO_ERROR;
	struct buf text = BUF_EMPTY(0);
	int32_t units = 0;
	if (generator != NULL)
		units = udatpg_getBestPattern(
		    generator, to_utf16(wanted, 32, skeleton), -1, pattern, 64, &status);
	if (generator != NULL && U_SUCCESS(status))
		l10n_add_utf16(&text, pattern, units);
	snprintf(out, out_bytes, "%s", text.size ? text.data : "yyyy-MM-dd");
	buf_free(&text);
}

static void open_dates(struct locale *locale)
{
	UErrorCode status = U_ZERO_ERROR;
	UDateTimePatternGenerator *generator = udatpg_open(locale->name, &status);
	if (U_FAILURE(status))
		generator = NULL;
	best_pattern(locale->long_date, sizeof locale->long_date, generator, "EEEEdMMMM");
	best_pattern(locale->short_date, sizeof locale->short_date, generator, "MMMd");
	udatpg_close(generator);
}

/* What cannot be opened stays NULL and is written plainly by whoever wants it. */
static struct locale *locale_open(const char *name, const char *language)
{
	struct locale *locale = xcalloc(1, sizeof *locale);
	UErrorCode status = U_ZERO_ERROR;
	snprintf(locale->name, sizeof locale->name, "%s", name);
	snprintf(locale->language, sizeof locale->language, "%s", language);
	open_relative(locale);
	open_dates(locale);
	locale->plural = uplrules_open(locale->name, &status);
	locale->number = unumf_openForSkeletonAndLocale(u"", 0, locale->name, &status);
	locale->formatted = unumf_openResult(&status);
	locale->list = ulistfmt_open(locale->name, &status);
	locale->next = locales;
	locales = locale;
	locales_count++;
	return locale;
}

/* --- finding one --- */

static const char *usual_digits(const char *language)
{
	for (size_t i = 0; i < sizeof digits_of_language / sizeof *digits_of_language; i++)
		if (strcmp(language, digits_of_language[i][0]) == 0)
			return digits_of_language[i][1];
	return "latn";
}

/* A locale that ICU knows, in ICU's form without keywords; "en" for all others. */
static void canonical_name(char *out, size_t out_bytes, const char *locale)
{
	char given[LOCALE_BYTES];
	UErrorCode status = U_ZERO_ERROR;
	snprintf(out, out_bytes, "en");
	if (locale == NULL || strlen(locale) >= 32 ||
	    strspn(locale, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") !=
	        strlen(locale))
		return;
	uloc_getBaseName(locale, given, sizeof given, &status);
	if (U_FAILURE(status) || status == U_STRING_NOT_TERMINATED_WARNING)
		return;
	char language[12];
	uloc_getLanguage(given, language, sizeof language, &status);
	char native[8];
	/* a made-up language has no letters of its own in CLDR */
	UErrorCode known = U_ZERO_ERROR;
	UChar display[64];
	uloc_getDisplayLanguage(given, "en", display, 64, &known);
	snprintf(native, sizeof native, "%.7s", language);
	if (U_SUCCESS(status) && known != U_USING_DEFAULT_WARNING && U_SUCCESS(known) &&
	    native[0] != '\0')
		snprintf(out, out_bytes, "%s", given);
}

static struct locale *locale_find(const char *wanted, const char *digits)
{
	char base[LOCALE_BYTES], name[LOCALE_BYTES], language[12] = "en";
	UErrorCode status = U_ZERO_ERROR;
	canonical_name(base, sizeof base, wanted);
	uloc_getLanguage(base, language, sizeof language, &status);
	if (digits == NULL || strlen(digits) > 8)
		digits = usual_digits(language);
	snprintf(name, sizeof name, "%.40s@numbers=%.8s", base, digits);
	for (struct locale *locale = locales; locale; locale = locale->next)
		if (strcmp(locale->name, name) == 0)
			return locale;
	if (locales_count < LOCALES)
		return locale_open(name, language);
	struct locale *nearest = locales;
	for (struct locale *locale = locales; locale; locale = locale->next)
		if (strcmp(locale->language, language) == 0)
			nearest = locale;
	return nearest;
}

static const struct l10n *pair_find(const char *locale, const char *zone, const char *digits)
{
	struct locale *found = locale_find(locale, digits);
	const struct zone *there = zone ? l10n_zone(zone) : NULL;
	if (there == NULL)
		there = &zone_utc;
	for (struct l10n *pair = pairs; pair; pair = pair->next)
		if (pair->locale == found && pair->zone == there)
			return pair;
	struct l10n *pair = xcalloc(1, sizeof *pair);
	*pair = (struct l10n){found, there, pairs};
	pairs = pair;
	return pair;
}

/* Asking ICU what a name means takes microseconds; the same few names come again and again. */
static struct {
	char question[96];
	const struct l10n *answer;
} memo[64];

const struct l10n *l10n_for_digits(const char *locale, const char *zone, const char *digits)
{
	char question[sizeof memo[0].question];
	int len = snprintf(question, sizeof question, "%s|%s|%s", locale ? locale : "",
	    zone ? zone : "", digits ? digits : "");
	if (len < 0 || (size_t)len >= sizeof question)
		return pair_find(locale, zone, digits);
	size_t slot = fnv1a64(question, (size_t)len) % (sizeof memo / sizeof *memo);
	if (memo[slot].answer == NULL || strcmp(memo[slot].question, question) != 0) {
		memo[slot].answer = pair_find(locale, zone, digits);
		memcpy(memo[slot].question, question, sizeof question);
	}
	return memo[slot].answer;
}

const struct l10n *l10n_for(const char *locale, const char *zone)
{
	return l10n_for_digits(locale, zone, NULL);
}

struct l10n *l10n_default(void)
{
	static struct l10n english;
	if (english.locale == NULL)
		english = (struct l10n){locale_find("en", NULL), &zone_utc, NULL};
	return &english;
}

const struct zone *l10n_zone_of(const struct l10n *l10n)
{
	return l10n ? l10n->zone : &zone_utc;
}

const char *l10n_language(const struct l10n *l10n)
{
	return l10n ? l10n->locale->language : "en";
}

bool l10n_is_rtl(const char *locale)
{
	return locale != NULL && uloc_isRightToLeft(locale);
}

/* --- dates by pattern --- */

static void set_am_pm(UDateFormat *format, const struct l10n_phrases *phrases)
{
	const char *const words[2] = {phrases->am, phrases->pm};
	for (int i = 0; i < 2; i++) {
		UChar word[16];
		UErrorCode status = U_ZERO_ERROR;
		if (words[i] != NULL)
			udat_setSymbols(
			    format, UDAT_AM_PMS, i, to_utf16(word, 16, words[i]), -1, &status);
	}
}

static UDateFormat *format_open(
    const struct locale *locale, const char *pattern, const struct l10n_phrases *phrases)
{
	UChar wide[64];
	UErrorCode status = U_ZERO_ERROR;
	UDateFormat *format = udat_open(UDAT_PATTERN, UDAT_PATTERN, locale->name, u"UTC", 3,
	    to_utf16(wide, 64, pattern), -1, &status);
	if (U_FAILURE(status))
		return NULL;
	if (phrases != NULL)
		set_am_pm(format, phrases);
	return format;
}

/* The kept format, or a free slot, or NULL. */
static struct locale_format *format_slot(struct locale *locale, const char *pattern, const char *am)
{
	if (strlen(pattern) >= sizeof locale->formats[0].pattern ||
	    strlen(am) >= sizeof locale->formats[0].am)
		return NULL;
	for (size_t i = 0; i < LOCALE_FORMATS; i++) {
		struct locale_format *slot = &locale->formats[i];
		if (slot->format == NULL ||
		    (strcmp(slot->pattern, pattern) == 0 && strcmp(slot->am, am) == 0))
			return slot;
	}
	return NULL;
}

void l10n_format(struct buf *out, struct locale *locale, const char *pattern,
    const struct l10n_phrases *phrases, int64_t local_ms)
{
	const char *am = phrases && phrases->am ? phrases->am : "";
	struct locale_format *slot = format_slot(locale, pattern, am);
	UDateFormat *format = slot ? slot->format : NULL;
	if (format == NULL)
		format = format_open(locale, pattern, phrases);
	if (format == NULL)
		return;
	if (slot != NULL && slot->format == NULL) {
		snprintf(slot->pattern, sizeof slot->pattern, "%s", pattern);
		snprintf(slot->am, sizeof slot->am, "%s", am);
		slot->format = format;
	}
	UChar text[TEXT_UNITS];
	UErrorCode status = U_ZERO_ERROR;
	int32_t units = udat_format(format, (UDate)local_ms, text, TEXT_UNITS, NULL, &status);
	if (U_SUCCESS(status))
		l10n_add_utf16(out, text, units);
	if (slot == NULL)
		udat_close(format);
}
