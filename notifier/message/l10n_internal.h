/* What the l10n_*.c files share: one cached locale with its opened ICU objects. */
#ifndef MESSAGE_L10N_INTERNAL_H
#define MESSAGE_L10N_INTERNAL_H
#include <unicode/udat.h>
#include <unicode/ulistformatter.h>
#include <unicode/unumberformatter.h>
#include <unicode/upluralrules.h>

#include "notifier/message/l10n.h"

#define LOCALE_BYTES   64
#define LOCALE_FORMATS 16 /* date formats by pattern; more are opened anew each time */
#define LOCALE_MONEY   16
#define TEXT_UNITS     256 /* UTF-16 units of one formatted piece */

struct locale_format {
	char pattern[40];
	char am[16];
	UDateFormat *format;
};

struct locale_money {
	char currency[4];
	bool iso;
	UNumberFormatter *format;
};

struct locale {
	char name[LOCALE_BYTES]; /* as ICU wants it, with @numbers= */
	char language[12];
	struct locale *next;
	char relative[3][48];               /* yesterday, today, tomorrow */
	char long_date[64], short_date[64]; /* patterns */
	struct locale_format formats[LOCALE_FORMATS];
	struct locale_money money[LOCALE_MONEY];
	UPluralRules *plural;
	UNumberFormatter *number;
	UFormattedNumber *formatted;
	UListFormatter *list;
};

struct l10n {
	struct locale *locale;
	const struct zone *zone;
	struct l10n *next;
};

struct l10n *l10n_default(void); /* English, UTC */
/* Appends UTF-16 as UTF-8, with every kind of space as a plain one. */
void l10n_add_utf16(struct buf *out, const UChar *text, int32_t units);
/* Appends the local civil time by an ICU pattern. */
void l10n_format(struct buf *out, struct locale *locale, const char *pattern,
    const struct l10n_phrases *phrases, int64_t local_ms);
#endif
