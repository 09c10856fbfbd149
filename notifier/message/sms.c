#include "notifier/message/sms.h"

#include <stdint.h>
#include <string.h>

#define GSM_ALONE 160
#define GSM_PART  153
#define UCS_ALONE 70
#define UCS_PART  67

/* 3GPP TS 23.038, 6.2.1, beyond ASCII. */
static const uint16_t gsm_basic[] = {0xA1, 0xA3, 0xA4, 0xA5, 0xA7, 0xBF, 0xC4, 0xC5, 0xC6, 0xC7,
    0xC9, 0xD1, 0xD6, 0xD8, 0xDC, 0xDF, 0xE0, 0xE4, 0xE5, 0xE6, 0xE8, 0xE9, 0xEC, 0xF1, 0xF2, 0xF6,
    0xF8, 0xF9, 0xFC, 0x393, 0x394, 0x398, 0x39B, 0x39E, 0x3A0, 0x3A3, 0x3A6, 0x3A8, 0x3A9};

/* Reads one character and moves on; U+FFFD for a broken byte. */
static uint32_t next_character(struct str *text)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char first = (unsigned char)text->at[0];
	size_t len = first < 0x80    ? 1
	             : first >= 0xF0 ? 4
	             : first >= 0xE0 ? 3
	             : first >= 0xC0 ? 2
	                             : 0;
	uint32_t c = len == 1 ? first : first & (0xFFu >> (len + 1));
	bool ok = len > 0 && len <= text->len && first < 0xF8;
	for (size_t i = 1; ok && i < len; i++) {
		unsigned char more = (unsigned char)text->at[i];
		ok = (more & 0xC0) == 0x80;
		c = c << 6 | (more & 0x3F);
	}
	ok = ok && c >= least[len] && c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
	len = ok ? len : 1;
	*text = str_make(text->at + len, text->len - len);
	return ok ? c : 0xFFFD;
}

/* 1 or 2 septets; 0: not in the alphabet. */
static size_t gsm_septets(uint32_t c)
{
	if (c == '\f' || (c < 0x80 && c > 0 && strchr("^{}\\[~]|", (int)c) != NULL) || c == 0x20AC)
		return 2;
	if (c == '\n' || c == '\r' || (c >= ' ' && c < 0x7F && c != '`'))
		return 1;
	for (size_t i = 0; i < sizeof gsm_basic / sizeof *gsm_basic; i++)
		if (gsm_basic[i] == c)
			return 1;
	return 0;
}

static size_t units_of(uint32_t c, enum sms_encoding encoding)
{
	if (encoding == SMS_GSM7)
		return gsm_septets(c);
	return c > 0xFFFF ? 2 : 1;
}

static struct sms_size measure_units(struct str text)
{
	struct sms_size size = {SMS_GSM7, 0, 1, {NULL, 0}};
	size_t septets = 0, utf16 = 0;
	while (text.len > 0) {
		const char *at = text.at;
		uint32_t c = next_character(&text);
		size_t more = gsm_septets(c);
		septets += more;
		utf16 += units_of(c, SMS_UCS2);
		if (more == 0 && size.encoding == SMS_GSM7) {
			size.encoding = SMS_UCS2;
			size.offender = str_make(at, (size_t)(text.at - at));
		}
	}
	size.units = size.encoding == SMS_GSM7 ? septets : utf16;
	return size;
}

/* Packs greedily: calls of the same text give the same cuts.  Returns the number of segments;
 * units, if not NULL, gets the size of segment `wanted`. */
static size_t pack(struct str text, const struct sms_size *size, size_t wanted, size_t *units)
{
	bool gsm = size->encoding == SMS_GSM7;
	size_t room = gsm ? GSM_PART : UCS_PART, segment = 0, used = 0;
	if (size->units <= (gsm ? GSM_ALONE : UCS_ALONE))
		room = GSM_ALONE;
	while (text.len > 0) {
		uint32_t c = next_character(&text);
		size_t more = units_of(c, size->encoding);
		if (used + more > room) {
			segment++;
			used = 0;
		}
		used += more;
		if (units != NULL && segment == wanted)
			*units = used;
	}
	return segment + 1;
}

struct sms_size sms_measure(struct str text)
{
	struct sms_size size = measure_units(text);
	size.segments = pack(text, &size, 0, NULL);
	return size;
}

size_t sms_segment_units(struct str text, size_t index)
{
	struct sms_size size = measure_units(text);
	size_t units = 0;
	pack(text, &size, index, &units);
	return units;
}

const char *sms_encoding_name(enum sms_encoding encoding)
{
	return encoding == SMS_GSM7 ? "GSM-7" : "UCS-2";
}

/* --- smart replacement --- */

static const struct {
	uint32_t first, last;
	const char *plain;
} replacements[] = {
    {'\t', '\t', " "},
    {0xA0, 0xA0, " "},
    {0xAB, 0xAB, "\""},
    {0xB4, 0xB4, "'"},
    {0xBB, 0xBB, "\""},
    {0x2BC, 0x2BC, "'"},
    {0x2009, 0x2009, " "},
    {0x200B, 0x200B, ""},
    {0x200C, 0x200D, ""}, /* the joiners: in a text that becomes GSM-7 they join nothing */
    {0x2010, 0x2015, "-"},
    {0x2018, 0x201B, "'"},
    {0x201C, 0x201F, "\""},
    {0x2026, 0x2026, "..."},
    {0x202F, 0x202F, " "},
    {0x2060, 0x2060, ""},
    {0x2212, 0x2212, "-"},
    {0xFEFF, 0xFEFF, ""},
};

static const char *replacement_of(uint32_t c)
{
	for (size_t i = 0; i < sizeof replacements / sizeof *replacements; i++)
		if (c >= replacements[i].first && c <= replacements[i].last)
			return replacements[i].plain;
	return NULL;
}

bool sms_smart(struct buf *out, struct str text)
{
	struct buf plain = BUF_EMPTY(0);
	struct str rest = text;
	bool possible = true;
	while (rest.len > 0 && possible) {
		const char *at = rest.at;
		uint32_t c = next_character(&rest);
		const char *instead = replacement_of(c);
		if (instead != NULL)
			buf_add_text(&plain, instead);
		else
			buf_add(&plain, at, (size_t)(rest.at - at));
		possible = instead != NULL || gsm_septets(c) > 0;
	}
	if (possible)
		buf_add(out, buf_text(&plain), plain.size);
	else
		buf_add_str(out, text);
	buf_free(&plain);
	return possible;
}
