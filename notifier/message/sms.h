/* The size of a text message, and the typography that makes it larger than it must be.
 * Sources: 3GPP TS 23.038 (GSM 7 bit default alphabet and its extension table, UCS-2) and
 * 23.040 (concatenation: 160/153 septets, 70/67 UTF-16 units).  National shift tables are not
 * used: HTTP gateways do not let the sender choose them.
 */
#ifndef MESSAGE_SMS_H
#define MESSAGE_SMS_H
#include <stdbool.h>
#include <stddef.h>

#include "notifier/base/str.h"

enum sms_encoding { SMS_GSM7, SMS_UCS2 };

struct sms_size {
	enum sms_encoding encoding;
	size_t units;    /* septets, or UTF-16 units */
	size_t segments; /* greedy packing: no escape or surrogate pair is cut; 1 for "" */
	/* The first character that is not in GSM-7, and where (bytes); len 0: none. */
	struct str offender;
};

/* text is UTF-8; a broken byte counts as U+FFFD. */
struct sms_size sms_measure(struct str text);
/* Units of segment number `index` (from 0); 0 beyond the last. */
size_t sms_segment_units(struct str text, size_t index);
const char *sms_encoding_name(enum sms_encoding encoding); /* "GSM-7", "UCS-2" */

/* Appends text with typographic quotes, dashes, dots and spaces in their GSM-7 form, if that
 * makes the whole text GSM-7; else appends it as it is (and returns false): in a text that needs
 * UCS-2 anyway, good typography costs nothing. */
bool sms_smart(struct buf *out, struct str text);
#endif
