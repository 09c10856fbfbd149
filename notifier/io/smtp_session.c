/* The dialogue of a connection that takes mails, its deadlines and its end. */
#include "notifier/io/smtp_session.h"

#include <stdio.h>
#include <string.h>

#include "notifier/base/mem.h"

#define QUIT_MS     2000
#define PATIENCE_MS 1000 /* then a mail behind somebody else's final reply goes elsewhere */

/* --- writing and expecting ------------------------------------------------------------------- */

void session_say(struct smtp_session *session, const char *text)
{
	stream_write(session->stream, text, strlen(text));
}

void session_set_deadline(struct smtp_session *session)
{
	const struct smtp_options *options = &session->smtp->options;
	session->is_patient = false;
	if (session->expected_count == 0) {
		timer_stop(&session->timer);
		return;
	}
	enum smtp_patience patience = session->expected[0].state->patience;
	int64_t wait_ms = patience == SMTP_FOR_BYE     ? QUIT_MS
	                  : patience == SMTP_FOR_FINAL ? options->final_ms
	                                               : options->command_ms;
	if (session->finishing != NULL && session->mail != NULL && wait_ms > PATIENCE_MS) {
		session->is_patient = true;
		wait_ms = PATIENCE_MS;
	}
	timer_start(&session->timer, wait_ms);
}

void session_expect(struct smtp_session *session, const struct smtp_state *state, struct mail *mail)
{
	must(session->expected_count < EXPECTED_MAX);
	session->expected[session->expected_count++] = (struct expected){state, mail};
	if (session->expected_count == 1)
		session_set_deadline(session);
}

void session_ask(struct smtp_session *session, const struct smtp_state *state, struct mail *mail,
    const char *text)
{
	session_say(session, text);
	session_expect(session, state, mail);
}

static struct expected expected_pop(struct smtp_session *session)
{
	struct expected head = session->expected[0];
	session->expected_count--;
	memmove(session->expected, session->expected + 1,
	    session->expected_count * sizeof *session->expected);
	return head;
}

void session_forget(struct smtp_session *session, const struct mail *mail)
{
	for (unsigned i = 0; i < session->expected_count; i++)
		if (session->expected[i].mail == mail)
			session->expected[i].mail = NULL;
	if (session->mail == mail)
		session->mail = NULL;
	if (session->finishing == mail)
		session->finishing = NULL;
}

/* --- the end --------------------------------------------------------------------------------- */

void session_end(struct smtp_session *session)
{
	if (session->is_over)
		return;
	session->is_over = true;
	timer_stop(&session->timer);
	stream_close(&session->stream);
	list_remove(&session->link);
	list_append(&session->smtp->over, &session->link);
	session->smtp->session_count--;
}

/* The connection is gone, or must go; err says why, reply is the server's last word or NULL. */
static void session_lose(
    struct smtp_session *session, const struct err *err, const struct smtp_reply *reply)
{
	struct mail *finishing = session->finishing, *mail = session->mail;
	struct err why = *err;
	if (session->is_over)
		return;
	bool is_handed_over = finishing != NULL && smtp_session_handed_over(session, finishing);
	bool was_kept = session->answered > 0;
	session_end(session);
	if (finishing != NULL) {
		enum err_kind kind = err->kind == ERR_CANCELLED ? ERR_CANCELLED : ERR_TRANSIENT;
		err_set(&why, is_handed_over ? ERR_AMBIGUOUS : kind,
		    "%s the message was handed over: %.200s", is_handed_over ? "after" : "before",
		    err->text);
		session_forget(session, finishing);
		mail_finish(finishing, &why, NULL);
	}
	if (!session->is_ready) {
		smtp_open_failed(session->smtp, mail, err, reply);
	} else if (mail != NULL && was_kept && !mail->was_retried) {
		mail->was_retried = true; /* servers drop kept connections without a word */
		mail_return(mail);
	} else if (mail != NULL) {
		mail_finish(mail, err, reply);
	}
	session->mail = NULL;
}

void session_fail(struct smtp_session *session, enum err_kind kind, const char *what)
{
	const struct smtp_options *options = &session->smtp->options;
	struct err err;
	err_set(&err, kind, "%s:%d: %s", options->host, options->port, what);
	session_lose(session, &err, NULL);
}

static void describe(const struct smtp_session *session, const char *verb, enum err_kind kind,
    const struct smtp_reply *reply, struct err *err)
{
	const struct smtp_options *options = &session->smtp->options;
	err_set(err, kind, "%s:%d: %s refused: %d%s%s %s", options->host, options->port, verb,
	    reply->code, reply->enhanced[0] ? " " : "", reply->enhanced, reply->text);
}

/* The server does not want this connection: before the log-in is over, or 421 at any time. */
void session_refused(struct smtp_session *session, const char *verb, enum err_kind kind,
    const struct smtp_reply *reply)
{
	struct err err;
	describe(session, verb, kind, reply, &err);
	session_lose(session, &err, reply);
}

void session_refuse_mail(struct smtp_session *session, struct mail *mail,
    const struct smtp_state *state, const struct smtp_reply *reply)
{
	struct err err;
	describe(session, state->name, smtp_reply_kind(reply), reply, &err);
	/* x.7.z is policy (relaying denied, spam): about us or the server, not about the address.
	 */
	mail->result.is_recipient = state->is_recipient && err.kind != ERR_AUTH &&
	                            reply->code != 421 &&
	                            strncmp(reply->enhanced + 1, ".7.", 3) != 0;
	session_forget(session, mail);
	mail_finish(mail, &err, reply);
}

/* Expected was this code class; true when the reply is neither that nor a refusal. */
bool session_is_nonsense(
    struct smtp_session *session, const struct smtp_state *state, const struct smtp_reply *reply)
{
	char text[80];
	if (reply->code >= 400)
		return false;
	snprintf(text, sizeof text, "out of step: %d answers %s", reply->code, state->name);
	session_fail(session, ERR_TRANSIENT, text);
	return true;
}

/* --- events of the stream -------------------------------------------------------------------- */

/* 421 answers whatever is asked and closes (RFC 5321, 3.8): its mail was not accepted. */
static void on_shutdown_notice(
    struct smtp_session *session, struct expected head, const struct smtp_reply *reply)
{
	if (head.mail != NULL && session->answered > 0 && head.state->patience != SMTP_FOR_FINAL &&
	    !head.mail->was_retried) {
		session_refused(session, head.state->name, ERR_THROTTLED,
		    reply); /* it is sent again elsewhere */
		return;
	}
	if (head.state->patience == SMTP_FOR_FINAL)
		session->answered++; /* who stands behind it is sent again elsewhere */
	if (head.mail != NULL && session->is_ready)
		session_refuse_mail(session, head.mail, head.state, reply);
	session_refused(session, head.state->name, ERR_THROTTLED, reply);
}

static void take_reply(struct smtp_session *session, const struct smtp_reply *reply)
{
	if (session->expected_count == 0) {
		char text[280];
		snprintf(text, sizeof text, "%s: %d %s",
		    reply->code == 421 ? "connection closed by the server"
		                       : "a reply that nobody asked for",
		    reply->code, reply->text);
		session_fail(session, ERR_TRANSIENT, text);
		return;
	}
	struct expected head = expected_pop(session);
	session_set_deadline(session);
	if (reply->code == 421 && head.state->patience != SMTP_FOR_BYE)
		on_shutdown_notice(session, head, reply);
	else
		head.state->replied(session, head.mail, reply);
}

static void on_received(void *context)
{
	struct smtp_session *session = context;
	while (!session->is_over) {
		struct buf *input = stream_input(session->stream);
		struct smtp_reply reply;
		enum smtp_parsed parsed =
		    smtp_reply_parse(str_make(buf_text(input), input->size), &reply);
		if (input->size > 0 && parsed == SMTP_PARSED_MORE && session->expected_count == 0)
			parsed = SMTP_PARSED_GARBAGE;
		if (parsed == SMTP_PARSED_MORE)
			break;
		if (parsed == SMTP_PARSED_GARBAGE) {
			session_fail(session, ERR_TRANSIENT,
			    "the server does not speak SMTP here (malformed, too long or unasked "
			    "reply)");
			break;
		}
		take_reply(session, &reply);
		if (session->is_over)
			break;
		buf_consume(stream_input(session->stream), reply.raw.len);
		if (session->expected_count == 0 && session->is_ready &&
		    stream_input(session->stream)->size == 0)
			session_continue(session);
	}
	if (!session->is_over)
		stream_flush(session->stream);
	smtp_settle(session->smtp);
}

static void on_opened(void *context)
{
	struct smtp_session *session = context;
	if (session->smtp->options.tls == SMTP_TLS_IMPLICIT && !stream_is_secure(session->stream))
		stream_secure(session->stream, session->smtp->tls);
	else if (session->smtp->options.tls == SMTP_TLS_STARTTLS &&
	         stream_is_secure(session->stream))
		session_say_ehlo(
		    session); /* what was known before does not count (RFC 3207, 4.2) */
	else
		session_await_greeting(session);
	stream_flush(session->stream);
}

static void on_lost(void *context, const struct err *err)
{
	struct smtp_session *session = context;
	struct err why = *err;
	why.kind =
	    ERR_TRANSIENT; /* even a host that does not exist: mails outlive a wrong setting */
	if (session->expected_count > 0 && session->expected[0].state->patience != SMTP_FOR_BYE)
		err_prefix(&why, "waiting for the reply to %s", session->expected[0].state->name);
	session_lose(session, &why, NULL);
	smtp_settle(session->smtp);
}

static const struct stream_events events = {on_opened, on_received, on_lost};

/* Somebody else's final reply takes long: the mail behind it goes to another connection.  Its
 * envelope is already written here, so this connection ends with that reply. */
static void release_follower(struct smtp_session *session, bool is_returned)
{
	struct mail *mail = session->mail;
	session->expected_count = 1; /* the final reply */
	session->mail = NULL;
	session->is_spoilt = true;
	mail->session = NULL;
	if (is_returned)
		mail_return(mail);
}

static void on_timer(struct timer *timer)
{
	struct smtp_session *session = LIST_OWNER(timer, struct smtp_session, timer);
	const struct smtp_options *options = &session->smtp->options;
	struct smtp *smtp = session->smtp;
	if (session->expected_count == 0) { /* idle */
		session_say_quit(session);
		stream_flush(session->stream);
	} else if (session->expected[0].state->patience == SMTP_FOR_BYE) {
		session_end(session);
	} else if (session->is_patient) {
		release_follower(session, true);
		session->is_patient = false;
		timer_start(&session->timer, options->final_ms - PATIENCE_MS);
	} else {
		char text[100];
		snprintf(
		    text, sizeof text, "no reply to %s in time", session->expected[0].state->name);
		session_fail(session, ERR_TRANSIENT, text);
	}
	smtp_settle(smtp);
}

/* --- for the pool ---------------------------------------------------------------------------- */

void smtp_session_new(struct smtp *smtp, struct mail *mail)
{
	struct smtp_session *session = xcalloc(1, sizeof *session);
	const struct stream_options options = {
	    .host = smtp->options.host,
	    .port = smtp->options.port,
	    .connect_ms = smtp->options.connect_ms,
	    .resolver = smtp->resolver,
	    .events = &events,
	    .context = session,
	};
	session->smtp = smtp;
	session->mail = mail;
	mail->session = session;
	timer_init(&session->timer, on_timer);
	list_append(&smtp->sessions, &session->link);
	smtp->session_count++;
	session->stream = stream_new(&options);
	if (smtp->options.tls != SMTP_TLS_NONE && smtp->tls == NULL)
		session_lose(session, &smtp->tls_err, NULL);
	else
		stream_open(session->stream);
}

bool smtp_session_is_idle(const struct smtp_session *session)
{
	return session->is_ready && session->expected_count == 0 && session->mail == NULL;
}

void smtp_session_give(struct smtp_session *session, struct mail *mail)
{
	if (!session_start_mail(session, mail))
		return;
	stream_flush(session->stream);
}

/* Cancelled.  Before its envelope was written the connection serves the next; behind another
 * mail's dot it may not disturb that one; otherwise only the end of the connection ends it. */
void smtp_session_drop(struct smtp_session *session, struct mail *mail)
{
	must(mail != NULL);
	if (session->mail == mail && !session->is_ready) {
		session->mail = NULL;
	} else if (session->mail == mail && session->finishing != NULL) {
		release_follower(session, false);
		session_set_deadline(session);
	} else {
		struct mail *other = session->mail;
		bool has_follower = other != NULL && other != mail;
		session_forget(session, mail);
		if (has_follower)
			mail_return(other);
		session->mail = NULL;
		session_end(session);
	}
	mail->session = NULL;
}

bool smtp_session_handed_over(const struct smtp_session *session, const struct mail *mail)
{
	return session->stream != NULL && session->finishing == mail &&
	       stream_handed_over(session->stream) >= mail->dot_at;
}

void smtp_session_shut(struct smtp_session *session)
{
	struct mail *mail = session->mail;
	struct err err;
	err_set(&err, ERR_CANCELLED, "stopping");
	session->mail = NULL;
	if (smtp_session_is_idle(session)) {
		session_say(session, "QUIT\r\n");
		stream_flush(session->stream);
	}
	session->is_ready = true; /* whatever it was doing, nobody opens another one */
	session_lose(session, &err, NULL);
	if (mail != NULL)
		mail_finish(mail, &err, NULL);
}

struct smtp_session *smtp_session_of_link(struct list *link)
{
	return LIST_OWNER(link, struct smtp_session, link);
}

void smtp_session_free(struct smtp_session *session)
{
	list_remove(&session->link);
	xfree(session);
}
