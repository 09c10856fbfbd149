/* SMTP replies (RFC 5321, 4.2) as pure parsing and judgement: no sockets, no state. */
#ifndef IO_SMTP_REPLY_H
#define IO_SMTP_REPLY_H
#include <stdbool.h>
#include <stddef.h>

#include "notifier/base/err.h"
#include "notifier/base/str.h"

#define SMTP_LINE_MAX  4096  /* RFC 5321 says 512; some servers write poetry */
#define SMTP_REPLY_MAX 65536 /* all lines of one reply */

struct smtp_reply {
	int code;          /* 200 … 599 */
	char enhanced[16]; /* RFC 3463: "5.1.1" or "" */
	char text[200];    /* first line, cleaned, without the codes */
	struct str raw;    /* all its lines; a view into the input */
};

enum smtp_parsed { SMTP_PARSED_MORE, SMTP_PARSED_REPLY, SMTP_PARSED_GARBAGE };
/* Looks for one complete reply at the front of input; out->raw.len bytes are its own.  Garbage: no
 * reply can begin like this (wrong form, codes that differ, a line or reply that is too long). */
enum smtp_parsed smtp_reply_parse(struct str input, struct smtp_reply *out);

/* What a refusal (4xx, 5xx) means; see smtp_send for the classes. */
enum err_kind smtp_reply_kind(const struct smtp_reply *reply);

struct smtp_features { /* of the reply to EHLO */
	bool pipelining, eight_bit, utf8, starttls, auth_plain, auth_login, has_size;
	int64_t max_bytes; /* with has_size; 0 = unlimited (RFC 1870) */
};
struct smtp_features smtp_reply_features(struct str ehlo_raw);
#endif
