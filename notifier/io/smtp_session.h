/* One connection, for the files that lead its dialogue: smtp_login.c until it is ready to take
 * mails, smtp_envelope.c from then on; smtp_session.c holds what both need.
 *
 * A session's state is the reply it waits for: the head of a short queue of expected replies, each
 * with the mail it belongs to.  Pipelining only makes the queue longer, so a reply cannot be given
 * to the wrong mail, and a reply that nobody expects ends the connection.
 */
#ifndef IO_SMTP_SESSION_H
#define IO_SMTP_SESSION_H
#include "notifier/io/smtp_internal.h"

#define EXPECTED_MAX 8 /* dot, RSET, MAIL, RCPT, DATA is the longest */

/* A row per reply that can be waited for. */
typedef void smtp_replied(
    struct smtp_session *session, struct mail *mail, const struct smtp_reply *reply);
enum smtp_patience { SMTP_FOR_COMMAND, SMTP_FOR_FINAL, SMTP_FOR_BYE };
struct smtp_state {
	const char *name;
	enum smtp_patience patience; /* how long we wait: command_ms, final_ms, not long */
	bool is_recipient;           /* a refusal is about the address */
	smtp_replied *replied;
};

struct smtp_session {
	struct list link; /* in smtp.sessions or smtp.over */
	struct smtp *smtp;
	struct stream *stream;
	struct timer timer;
	struct expected {
		const struct smtp_state *state;
		struct mail *mail; /* NULL: of the connection, or its mail is finished already */
	} expected[EXPECTED_MAX];
	unsigned expected_count;
	struct mail *mail;      /* its envelope is under way, or the connection opens for it */
	struct mail *finishing; /* its final dot is written */
	struct smtp_features features;
	unsigned started, answered; /* mails */
	int64_t dot_ms;             /* when the last dot was written */
	bool is_ready;              /* logged in: takes mails */
	bool is_authenticated, needs_reset;
	bool is_spoilt;  /* in the middle of an abandoned envelope: ends with the final reply */
	bool is_patient; /* the timer stands at PATIENCE_MS */
	bool is_over;
};

/* --- of smtp_session.c ----------------------------------------------------------------------- */
void session_say(struct smtp_session *session, const char *text);
void session_expect(
    struct smtp_session *session, const struct smtp_state *state, struct mail *mail);
void session_ask(struct smtp_session *session, const struct smtp_state *state, struct mail *mail,
    const char *text);
/* Ends the connection because of what we found. */
void session_fail(struct smtp_session *session, enum err_kind kind, const char *what);
/* Ends it because the server does not want it: before the log-in is over, or 421 at any time. */
void session_refused(struct smtp_session *session, const char *verb, enum err_kind kind,
    const struct smtp_reply *reply);
/* A reply that is neither what was asked for nor a refusal ends it, too: then true. */
bool session_is_nonsense(
    struct smtp_session *session, const struct smtp_state *state, const struct smtp_reply *reply);

void session_refuse_mail(struct smtp_session *session, struct mail *mail,
    const struct smtp_state *state, const struct smtp_reply *reply);
void session_forget(struct smtp_session *session, const struct mail *mail); /* it is finished */
void session_set_deadline(struct smtp_session *session); /* anew, for the reply expected next */
void session_end(struct smtp_session *session);          /* its mails are elsewhere already */

/* --- of smtp_envelope.c ---------------------------------------------------------------------- */
bool session_start_mail(
    struct smtp_session *session, struct mail *mail); /* false: it is finished */
void session_continue(struct smtp_session *session);  /* nothing is expected: mail, rest or QUIT */
void session_say_quit(struct smtp_session *session);

/* --- of smtp_login.c ------------------------------------------------------------------------- */
void session_await_greeting(struct smtp_session *session); /* connected */
void session_say_ehlo(struct smtp_session *session);       /* and again after STARTTLS */
#endif
