/* E-mail: one message as the bytes that go over SMTP.
 *
 * Invariant: no value can add a header, a recipient or an end of the message.  A control
 * character (CR, LF, NUL …) in anything that becomes a header is refused, not repaired; bodies
 * are quoted-printable, where no bare CR or LF and no line of a single dot can exist.  The same
 * struct mail gives the same bytes.
 *
 * Sources: RFC 5322 (format), 2045/2046 (MIME), 2047 (encoded words), 3834 (Auto-Submitted),
 * 8058 (one-click unsubscribe).
 */
#ifndef MESSAGE_MAIL_H
#define MESSAGE_MAIL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notifier/base/err.h"
#include "notifier/base/str.h"

#define MAIL_ADDRESS_BYTES 255 /* 254 octets, RFC 5321 errata 1690 */
#define MAIL_NAME_BYTES    160

struct mail_address {
	char name[MAIL_NAME_BYTES]; /* UTF-8; "" for none */
	char address[MAIL_ADDRESS_BYTES];
};

/* Reads `news@shop.example`, `Blue Shop <news@shop.example>` or `"Shop, Blue" <…>`.  Strict:
 * a dot-atom before the @, a host name behind it, ASCII, no routes, comments or quoted local
 * parts.  ERR_INPUT says which part is wrong. */
bool mail_address_parse(struct mail_address *out, const char *text, struct err *err) CHECK_RESULT;
bool mail_address_is_valid(const char *address); /* the bare address */

struct mail_header {
	const char *name, *value; /* value: UTF-8, one line */
};

struct mail { /* all borrowed; NULL where nothing else is said: left out */
	struct mail_address from, to;
	struct mail_address reply_to; /* address "": none */
	const char *subject;          /* wanted */
	const char *text;             /* wanted; UTF-8, any line ends */
	const char *html;             /* NULL: a plain text mail */
	const char *language;         /* Content-Language: "hi" */
	const char *message_id;       /* wanted; "id@host" without <> */
	const char *references; /* ids without <>, apart by spaces; the last one is In-Reply-To */
	int64_t date_ms;
	bool auto_submitted;          /* Auto-Submitted: auto-generated */
	const char *list_unsubscribe; /* an https URL; adds the one-click header */
	const struct mail_header *extra;
	size_t extra_count;
};

/* Appends the whole message, CRLF everywhere.  False: ERR_INPUT names the header that cannot be
 * written; out is then unusable. */
bool mail_build(const struct mail *mail, struct buf *out, struct err *err) CHECK_RESULT;

/* The pieces, for tests and for other channels. */
void mail_add_quoted_printable(struct buf *out, struct str text); /* RFC 2045, 6.7 */
void mail_format_date(char out[40], int64_t date_ms); /* "Thu, 05 Mar 2026 03:35:00 +0000" */
#endif
