/* The dialogue about mails: MAIL, RCPT, DATA, the message, and what comes between two of them. */
#include "notifier/io/smtp_session.h"

#include <stdio.h>
#include <string.h>

#define FAST_DOT_MS 250 /* only behind servers that answer like this we line up at all */

static smtp_replied on_reset, on_mail, on_recipient, on_data, on_dot, on_lone_dot, on_quit;
static const struct smtp_state reset[1] = {{"RSET", SMTP_FOR_COMMAND, false, on_reset}};
static const struct smtp_state mail_from[1] = {{"MAIL FROM", SMTP_FOR_COMMAND, false, on_mail}};
static const struct smtp_state rcpt_to[1] = {{"RCPT TO", SMTP_FOR_COMMAND, true, on_recipient}};
static const struct smtp_state data[1] = {{"DATA", SMTP_FOR_COMMAND, false, on_data}};
static const struct smtp_state dot[1] = {{"message", SMTP_FOR_FINAL, false, on_dot}};
static const struct smtp_state lone_dot[1] = {
    {"end of refused message", SMTP_FOR_FINAL, false, on_lone_dot}};
static const struct smtp_state quit[1] = {{"QUIT", SMTP_FOR_BYE, false, on_quit}};

static void say_mail_from(struct smtp_session *session, struct mail *mail)
{
	char size[40] = "";
	if (session->features.has_size)
		snprintf(size, sizeof size, " SIZE=%zu", mail->content_bytes);
	session_say(session, "MAIL FROM:<");
	session_say(session, mail->from);
	session_say(session, ">");
	session_say(session, mail->needs_eight_bit ? " BODY=8BITMIME" : "");
	session_say(session, mail->needs_utf8 ? " SMTPUTF8" : "");
	session_say(session, size);
	session_ask(session, mail_from, mail, "\r\n");
}

static void say_rcpt_to(struct smtp_session *session, struct mail *mail)
{
	session_say(session, "RCPT TO:<");
	session_say(session, mail->to);
	session_ask(session, rcpt_to, mail, ">\r\n");
}

/* DATA ends a group of commands (RFC 2920, 3.1): the content waits for 354 in any case. */
static void say_envelope(struct smtp_session *session, struct mail *mail)
{
	say_mail_from(session, mail);
	if (!session->features.pipelining)
		return;
	say_rcpt_to(session, mail);
	session_ask(session, data, mail, "DATA\r\n");
}

/* What this server cannot take is refused before a word of it is said. */
static bool is_deliverable(struct smtp_session *session, struct mail *mail)
{
	const struct smtp_features *features = &session->features;
	const char *why = NULL;
	struct err err;
	if (mail->needs_utf8 && !features->utf8)
		why = "the address needs SMTPUTF8, which the server does not offer";
	else if (mail->needs_eight_bit && !features->eight_bit)
		why = "the message has 8-bit bytes, and the server does not offer 8BITMIME";
	else if (features->max_bytes > 0 && (int64_t)mail->content_bytes > features->max_bytes)
		why = "the message is larger than the server accepts (SIZE)";
	if (why == NULL)
		return true;
	err_set(&err, ERR_PERMANENT, "%s:%d: %s", session->smtp->options.host,
	    session->smtp->options.port, why);
	mail->result.is_recipient = mail->needs_utf8 && !features->utf8;
	session_forget(session, mail);
	mail_finish(mail, &err, NULL);
	return false;
}

bool session_start_mail(struct smtp_session *session, struct mail *mail)
{
	mail->session = session;
	if (!is_deliverable(session, mail))
		return false;
	session->mail = mail;
	session->started++;
	if (session->needs_reset) {
		session->needs_reset = false;
		session_ask(session, reset, NULL, "RSET\r\n");
		if (!session->features.pipelining)
			return true; /* on_reset goes on */
	}
	say_envelope(session, mail);
	return true;
}

static bool is_worn_out(const struct smtp_session *session)
{
	return session->started >= session->smtp->options.max_per_connection;
}

void session_say_quit(struct smtp_session *session)
{
	session_ask(session, quit, NULL, "QUIT\r\n");
}

/* Nothing is expected: the next mail, a rest, or good-bye. */
void session_continue(struct smtp_session *session)
{
	struct mail *mail = session->mail; /* the one that the connection was opened for */
	session->mail = NULL;
	if (mail != NULL && session_start_mail(session, mail))
		return;
	while (!is_worn_out(session) && (mail = mail_take_waiting(session->smtp)) != NULL)
		if (session_start_mail(session, mail))
			return;
	if (is_worn_out(session))
		session_say_quit(session);
	else
		timer_start(&session->timer, session->smtp->options.idle_ms);
}

static void on_reset(
    struct smtp_session *session, struct mail *mail, const struct smtp_reply *reply)
{
	(void)mail;
	if (reply->code != 250)
		session_fail(session, ERR_TRANSIENT, "RSET refused");
	else if (session->mail != NULL && !session->features.pipelining)
		say_envelope(session, session->mail);
}

static void on_mail(struct smtp_session *session, struct mail *mail, const struct smtp_reply *reply)
{
	if (mail == NULL)
		return;
	if (reply->code / 100 == 2) {
		if (!session->features.pipelining)
			say_rcpt_to(session, mail);
	} else if (!session_is_nonsense(session, mail_from, reply)) {
		session->needs_reset = true;
		session_refuse_mail(session, mail, mail_from, reply);
	}
}

static void on_recipient(
    struct smtp_session *session, struct mail *mail, const struct smtp_reply *reply)
{
	if (mail == NULL)
		return;
	if (reply->code / 100 == 2) {
		if (!session->features.pipelining)
			session_ask(session, data, mail, "DATA\r\n");
	} else if (!session_is_nonsense(session, rcpt_to, reply)) {
		session->needs_reset = true;
		session_refuse_mail(session, mail, rcpt_to, reply);
	}
}

/* The content may lead a group of commands (RFC 2920, 3.1): the next envelope goes into the same
 * write.  Only when no other connection could take that mail, and behind servers that are quick. */
static void start_follower(struct smtp_session *session)
{
	if (!session->features.pipelining || is_worn_out(session) ||
	    session->smtp->last_dot_ms > FAST_DOT_MS)
		return;
	struct mail *mail;
	while ((mail = mail_take_waiting(session->smtp)) != NULL)
		if (session_start_mail(session, mail))
			break;
	session_set_deadline(session);
}

static void on_data(struct smtp_session *session, struct mail *mail, const struct smtp_reply *reply)
{
	if (mail == NULL) { /* refused before, but the server wants content: RFC 2920, 3.1 */
		if (reply->code == 354)
			session_ask(session, lone_dot, NULL, ".\r\n");
		return;
	}
	if (reply->code != 354) {
		if (session_is_nonsense(session, data, reply))
			return;
		session->needs_reset = true;
		session_refuse_mail(session, mail, data, reply);
		return;
	}
	if (stream_input(session->stream)->size > reply->raw.len) {
		session_fail(session, ERR_TRANSIENT,
		    "out of step: more replies than commands before the message");
		return;
	}
	session->mail = NULL;
	session->finishing = mail;
	session->dot_ms = loop_monotonic_ms();
	stream_write(session->stream, mail->content.data, mail->content.size);
	mail->dot_at = stream_written(session->stream);
	session_expect(session, dot, mail);
	start_follower(session);
}

static void on_dot(struct smtp_session *session, struct mail *mail, const struct smtp_reply *reply)
{
	session->answered++;
	session->smtp->last_dot_ms = loop_monotonic_ms() - session->dot_ms;
	if (reply->code / 100 == 2) {
		session_forget(session, mail);
		mail_finish(mail, NULL, reply);
	} else if (reply->code >= 400) {
		session_refuse_mail(session, mail, dot, reply);
	} else {
		session_is_nonsense(session, dot, reply);
		return;
	}
	if (session->is_spoilt)
		session_end(session);
}

static void on_lone_dot(
    struct smtp_session *session, struct mail *mail, const struct smtp_reply *reply)
{
	(void)session;
	(void)mail;
	(void)reply;
}

static void on_quit(struct smtp_session *session, struct mail *mail, const struct smtp_reply *reply)
{
	(void)mail;
	(void)reply;
	session_end(session);
}
