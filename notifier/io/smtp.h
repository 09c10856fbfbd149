/* A small non-blocking SMTP client (RFC 5321), because no asynchronous C library exists and
 * libcurl's blocks the loop until the final reply.
 *
 * PIPELINING (RFC 2920), 8BITMIME (RFC 6152), SMTPUTF8 only where an address needs it (RFC 6531),
 * STARTTLS (RFC 3207) or TLS from the first byte (RFC 8314), AUTH PLAIN and LOGIN (RFC 4954),
 * pooled connections, 600 s for the final reply (RFC 5321, 4.5.3.2.6: less makes duplicates).
 */
#ifndef IO_SMTP_H
#define IO_SMTP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notifier/base/str.h"
#include "notifier/io/flow.h"
#include "notifier/io/resolve.h"

enum smtp_tls { SMTP_TLS_NONE, SMTP_TLS_STARTTLS, SMTP_TLS_IMPLICIT };

struct smtp_options { /* copied */
	const char *host;
	int port;
	enum smtp_tls tls;
	const char *ca_file;         /* NULL: the system's */
	const char *user, *password; /* NULL or "": no AUTH */
	const char *helo;            /* NULL: the host's name */
	unsigned max_connections;    /* 0: 8 */
	unsigned max_per_connection; /* mails before a fresh connection; 0: 100 */
	int64_t connect_ms;          /* 0: 30 s */
	int64_t command_ms;          /* 0: 300 s; banner, EHLO, MAIL, RCPT, DATA */
	int64_t final_ms;            /* 0: 600 s; the reply to the final dot */
	int64_t idle_ms;             /* 0: 30 s; then QUIT */
};

struct smtp_mail {
	const char *from, *to; /* bare addresses; control characters, spaces and <> are refused */
	struct str content;    /* RFC 5322 message, CRLF line ends; dots are stuffed here */
};

struct smtp_result {       /* what the server said, also when the await failed */
	int code;          /* 250, 451, 550, …; 0: no reply */
	char enhanced[16]; /* "5.1.1" (RFC 3463) or "" */
	char text[200];    /* first line, control characters replaced */
	bool is_recipient; /* the refusal was about RCPT: this address, not the server */
};

struct smtp;
struct smtp *smtp_new(const struct smtp_options *options, struct resolver *resolver);
void smtp_free(
    struct smtp **smtp); /* what is in flight fails: AMBIGUOUS after the dot, else CANCELLED */
unsigned smtp_in_flight(const struct smtp *smtp);

/* Queues a mail on the pool.  The await fails with
 *   ERR_TRANSIENT  nothing was handed over: DNS, connect, TLS, lost before the final dot, 4xx;
 *   ERR_THROTTLED  421, 450, 451, 452 and 4.7.x: come back later;
 *   ERR_AUTH       530, 534, 535, 538, or TLS wanted and not offered: an operator must act;
 *   ERR_PERMANENT  5xx; is_recipient tells whose fault;
 *   ERR_AMBIGUOUS  the connection or the time ended after the final dot was sent and before its
 *                  reply: it may have been accepted;
 *   ERR_INPUT      an address or the content is not sendable.
 * Cancelling after the final dot is ambiguous too: the connection is dropped. */
struct await *smtp_send(
    struct smtp *smtp, struct flow *flow, const struct smtp_mail *given, struct smtp_result *out);
/* Whether the final dot of the mail that this await sends has been written (for shutdown). */
bool smtp_is_handed_over(const struct await *await);
#endif
