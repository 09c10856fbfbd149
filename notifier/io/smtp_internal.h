/* What smtp.c (the queue and the pool) and smtp_session.c (the dialogue on one connection) share.
 *
 * Invariant: a mail is in exactly one place: waiting, in one session, or finished.  Sessions never
 * wake a flow: they finish or return mails, and smtp_settle does the rest when nobody is on the
 * stack.
 */
#ifndef IO_SMTP_INTERNAL_H
#define IO_SMTP_INTERNAL_H
#include "notifier/io/smtp.h"
#include "notifier/io/smtp_reply.h"
#include "notifier/io/stream.h"

struct smtp_session;

struct mail {
	struct await await; /* first */
	struct list link;   /* in smtp.waiting or smtp.finished */
	struct smtp *smtp;
	struct smtp_session *session; /* NULL unless in one */
	struct smtp_result *out;
	char *from, *to;
	struct buf content;   /* dots stuffed, with the final dot */
	size_t content_bytes; /* as the server counts: without the final dot */
	bool needs_utf8, needs_eight_bit, is_finished;
	bool was_retried; /* once, when a kept connection turned out dead */
	unsigned returns; /* how often a connection for it could not be had */
	uint64_t dot_at;  /* its place in the stream's bytes; 0: not written */
	struct smtp_result result;
	struct err err; /* kind ERR_NONE: sent */
};

struct smtp {
	struct smtp_options options; /* defaults filled in; texts are ours */
	struct resolver *resolver;
	struct tls_context *tls; /* NULL: none wanted, or tls_err says why not */
	struct err tls_err;
	struct list waiting, finished, sessions, over;
	unsigned session_count, in_flight;
	int64_t last_dot_ms;    /* how long the server took for its last final reply */
	int64_t pause_until_ms; /* no new connections while others live */
	struct timer timer;     /* settle later: after a cancel, at the end of a pause */
	bool is_loopback;       /* the host is a literal loopback address */
	bool is_settling, is_closing;
};

/* --- of smtp.c, for sessions ----------------------------------------------------------------- */
void mail_finish(struct mail *mail, const struct err *err, const struct smtp_reply *reply);
void mail_return(struct mail *mail);               /* to the front of the queue */
struct mail *mail_take_waiting(struct smtp *smtp); /* NULL: none */
/* The session ended before it could take mails. */
void smtp_open_failed(
    struct smtp *smtp, struct mail *mail, const struct err *err, const struct smtp_reply *reply);
void smtp_settle(struct smtp *smtp);

/* --- of smtp_session.c, for the pool --------------------------------------------------------- */
void smtp_session_new(struct smtp *smtp, struct mail *mail); /* links itself into smtp->sessions */
bool smtp_session_is_idle(const struct smtp_session *session);
void smtp_session_give(struct smtp_session *session, struct mail *mail); /* when idle */
void smtp_session_drop(
    struct smtp_session *session, struct mail *mail); /* the mail was cancelled */
bool smtp_session_handed_over(const struct smtp_session *session, const struct mail *mail);
void smtp_session_shut(struct smtp_session *session); /* finishes its mails, for smtp_free */
struct smtp_session *smtp_session_of_link(struct list *link);
void smtp_session_free(struct smtp_session *session); /* one of smtp->over */
#endif
