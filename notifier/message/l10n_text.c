/* Numbers, money, plurals, lists and letters. */
#include <stdio.h>
#include <string.h>
#include <unicode/ucasemap.h>
#include <unicode/ustring.h>

#include "notifier/base/mem.h"
#include "notifier/message/l10n_internal.h"

#define DECIMAL_BYTES 32

static struct locale *locale_of(const struct l10n *l10n)
{
	return (l10n ? l10n : l10n_default())->locale;
}

/* --- numbers --- */

/* An optional minus, digits, an optional fraction. */
static bool decimal_copy(char *out, struct str decimal)
{
	decimal = str_trim(decimal);
	size_t at = decimal.len > 0 && decimal.at[0] == '-', digits = 0, dots = 0;
	if (decimal.len >= DECIMAL_BYTES)
		return false;
	for (; at < decimal.len; at++) {
		if (decimal.at[at] >= '0' && decimal.at[at] <= '9')
			digits++;
		else if (decimal.at[at] != '.' || digits == 0 || dots++ > 0)
			return false;
	}
	memcpy(out, decimal.at ? decimal.at : "", decimal.len);
	out[decimal.len] = '\0';
	return digits > 0 && out[decimal.len - 1] != '.';
}

static bool format_decimal(
    struct buf *out, struct locale *locale, const UNumberFormatter *format, const char *decimal)
{
	UChar text[TEXT_UNITS];
	UErrorCode status = U_ZERO_ERROR;
	if (format == NULL || locale->formatted == NULL)
		return false;
	unumf_formatDecimal(format, decimal, (int32_t)strlen(decimal), locale->formatted, &status);
	int32_t units = unumf_resultToString(locale->formatted, text, TEXT_UNITS, &status);
	if (U_FAILURE(status))
		return false;
	l10n_add_utf16(out, text, units);
	return true;
}

bool l10n_number(struct buf *out, const struct l10n *l10n, struct str decimal)
{
	char text[DECIMAL_BYTES];
	struct locale *locale = locale_of(l10n);
	if (!decimal_copy(text, decimal))
		return false;
	if (!format_decimal(out, locale, locale->number, text))
		buf_add_text(out, text);
	return true;
}

/* --- money --- */

static bool is_currency(const char *text)
{
	return text != NULL && strlen(text) == 3 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
}

static bool sign_is_gsm(const char *currency)
{
	static const char *const signs[] = {"USD", "GBP", "EUR", "JPY"};
	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
		if (strcmp(currency, signs[i]) == 0)
			return true;
	return false;
}

static UNumberFormatter *money_open(const struct locale *locale, const char *currency, bool iso)
{
	char skeleton[48];
	UChar wide[48];
	UErrorCode status = U_ZERO_ERROR;
	int len = snprintf(skeleton, sizeof skeleton, "currency/%s%s", currency,
	    iso ? " unit-width-iso-code" : "");
	u_charsToUChars(skeleton, wide, len + 1);
	UNumberFormatter *format = unumf_openForSkeletonAndLocale(wide, len, locale->name, &status);
	return U_SUCCESS(status) ? format : NULL;
}

bool l10n_money(
    struct buf *out, const struct l10n *l10n, struct str decimal, const char *currency, bool iso)
{
	char text[DECIMAL_BYTES];
	struct locale *locale = locale_of(l10n);
	if (!decimal_copy(text, decimal) || !is_currency(currency))
		return false;
	iso = iso && !sign_is_gsm(currency);
	struct locale_money *slot = NULL;
	for (size_t i = 0; i < LOCALE_MONEY && slot == NULL; i++)
		if (locale->money[i].format == NULL ||
		    (strcmp(locale->money[i].currency, currency) == 0 &&
		        locale->money[i].iso == iso))
			slot = &locale->money[i];
	UNumberFormatter *format =
	    slot && slot->format ? slot->format : money_open(locale, currency, iso);
	if (!format_decimal(out, locale, format, text))
		buf_printf(out, "%s %s", currency, text);
	if (slot == NULL)
		unumf_close(format);
	else if (slot->format == NULL) {
		memcpy(slot->currency, currency, 4);
		slot->iso = iso;
		slot->format = format;
	}
	return true;
}

/* --- plurals --- */

static const char *const categories[] = {"zero", "one", "two", "few", "many", "other"};

static const char *category_of(const UPluralRules *rules, double number)
{
	UChar word[16];
	char text[16];
	UErrorCode status = U_ZERO_ERROR;
	if (rules == NULL)
		return number == 1 ? "one" : "other";
	int32_t units = uplrules_select(rules, number, word, 16, &status);
	if (U_FAILURE(status) || units >= 16)
		return "other";
	u_UCharsToChars(word, text, units);
	text[units] = '\0';
	for (size_t i = 0; i < sizeof categories / sizeof *categories; i++)
		if (strcmp(text, categories[i]) == 0)
			return categories[i];
	return "other";
}

const char *l10n_plural(const struct l10n *l10n, double number)
{
	return category_of(locale_of(l10n)->plural, number);
}

bool l10n_plural_exists(const char *locale, const char *category)
{
	/* CLDR's own samples all lie among these */
	static const double samples[] = {
	    0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 20, 21, 22, 100, 101, 102, 103, 111, 1000000, 1.5};
	const UPluralRules *rules = l10n_for(locale, NULL)->locale->plural;
	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
		if (strcmp(category_of(rules, samples[i]), category) == 0)
			return true;
	return false;
}

/* --- lists --- */

#define LIST_ITEMS 32

static void list_plainly(struct buf *out, const struct str *items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buf_add_text(out, i ? ", " : "");
		buf_add_str(out, items[i]);
	}
}

/* The words between the items come from ICU, which sees the items only as numbers: they may be
 * of any length, and their own spaces stay as they are. */
void l10n_list(struct buf *out, const struct l10n *l10n, const struct str *items, size_t count)
{
	const UListFormatter *format = locale_of(l10n)->list;
	UChar marks[LIST_ITEMS], text[LIST_ITEMS * 16];
	const UChar *parts[LIST_ITEMS];
	int32_t lengths[LIST_ITEMS];
	UErrorCode status = U_ZERO_ERROR;
	if (count > LIST_ITEMS || format == NULL) {
		list_plainly(out, items, count);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		marks[i] = (UChar)(0xE000 + i); /* private use */
		parts[i] = &marks[i];
		lengths[i] = 1;
	}
	int32_t units = count == 0 ? 0
	                           : ulistfmt_format(format, parts, lengths, (int32_t)count, text,
	                                 LIST_ITEMS * 16, &status);
	for (int32_t i = 0, from = 0; U_SUCCESS(status) && i < units; i++) {
		bool is_mark = text[i] >= 0xE000 && text[i] < 0xE000 + LIST_ITEMS;
		if (is_mark) {
			buf_add_str(out, items[text[i] - 0xE000]);
			from = i + 1;
		} else if (i + 1 == units || (text[i + 1] >= 0xE000 && text[i + 1] < 0xF000)) {
			l10n_add_utf16(out, text + from, i + 1 - from);
		}
	}
}

/* --- letters --- */

typedef int32_t case_function(
    const UCaseMap *, char *, int32_t, const char *, int32_t, UErrorCode *);

static void change_case(struct buf *out, struct str text, case_function *change)
{
	static UCaseMap *map;
	UErrorCode status = U_ZERO_ERROR;
	if (map == NULL)
		map = ucasemap_open("", 0, &status);
	if (U_FAILURE(status) || text.len == 0 || text.len > INT32_MAX / 4)
		return;
	int32_t room = (int32_t)(3 * text.len + 1); /* no letter grows by more */
	char *changed = xmalloc((size_t)room);
	int32_t len = change(map, changed, room, text.at, (int32_t)text.len, &status);
	if (U_SUCCESS(status))
		buf_add(out, changed, (size_t)len);
	else
		buf_add_str(out, text);
	xfree(changed);
}

void l10n_upper(struct buf *out, struct str text)
{
	change_case(out, text, ucasemap_utf8ToUpper);
}

void l10n_lower(struct buf *out, struct str text)
{
	change_case(out, text, ucasemap_utf8ToLower);
}
