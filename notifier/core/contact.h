/* Contacts: which addresses can exist.  Strict on purpose: what passes here goes into SMTP
 * commands and headers. */
#ifndef CORE_CONTACT_H
#define CORE_CONTACT_H
#include <stdbool.h>

#include "notifier/base/err.h"
#include "notifier/base/str.h"

/* An e-mail address as people have them (RFC 5321 without quoted local parts, routes, literals and
 * comments): ≤ 254 bytes, local part ≤ 64, a domain with at least two labels (a last label that is
 * not all digits), no control characters or spaces.  UTF-8 is allowed (RFC 6531).  The text of err
 * says what is wrong with it ("e-mail address: nothing after the @"). */
bool contact_email_check(const char *email, struct err *err) CHECK_RESULT;
/* E.164: + and 7 to 15 digits, the first not 0.  Spaces, dashes, dots, brackets are removed into
 * out (≥ 17 bytes). */
bool contact_phone_normalise(const char *phone, char out[20], struct err *err) CHECK_RESULT;
/* BCP 47 in short: "en", "pt-BR"; normalises case and underscores into out. */
bool contact_language_normalise(const char *language, char out[16], struct err *err) CHECK_RESULT;
#endif
