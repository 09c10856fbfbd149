/* From the first word of the server to a connection that takes mails: EHLO, STARTTLS, AUTH. */
#include "notifier/io/smtp_session.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "notifier/base/mem.h"

static smtp_replied on_greeting, on_ehlo, on_helo, on_starttls, on_auth_plain, on_auth_login,
    on_auth_user, on_auth_password;
static const struct smtp_state greeting[1] = {{"greeting", SMTP_FOR_COMMAND, false, on_greeting}};
static const struct smtp_state ehlo[1] = {{"EHLO", SMTP_FOR_COMMAND, false, on_ehlo}};
static const struct smtp_state helo[1] = {{"HELO", SMTP_FOR_COMMAND, false, on_helo}};
static const struct smtp_state starttls[1] = {{"STARTTLS", SMTP_FOR_COMMAND, false, on_starttls}};
static const struct smtp_state auth_plain[1] = {
    {"AUTH PLAIN", SMTP_FOR_COMMAND, false, on_auth_plain}};
static const struct smtp_state auth_login[1] = {
    {"AUTH LOGIN", SMTP_FOR_COMMAND, false, on_auth_login}};
static const struct smtp_state auth_user[1] = {
    {"AUTH LOGIN, user", SMTP_FOR_COMMAND, false, on_auth_user}};
static const struct smtp_state auth_password[1] = {
    {"AUTH LOGIN, password", SMTP_FOR_COMMAND, false, on_auth_password}};

static void log_in(struct smtp_session *session);

static void say_hello(struct smtp_session *session, const struct smtp_state *state)
{
	char text[300];
	snprintf(text, sizeof text, "%s %s\r\n", state->name, session->smtp->options.helo);
	session_ask(session, state, NULL, text);
}

void session_await_greeting(struct smtp_session *session)
{
	session_expect(session, greeting, NULL);
}

void session_say_ehlo(struct smtp_session *session)
{
	say_hello(session, ehlo);
}

static void on_greeting(
    struct smtp_session *session, struct mail *mail, const struct smtp_reply *reply)
{
	(void)mail;
	if (reply->code == 220)
		say_hello(session, ehlo);
	else if (!session_is_nonsense(session, greeting, reply))
		session_refused(session, "connection", smtp_reply_kind(reply), reply);
}

static void on_ehlo(struct smtp_session *session, struct mail *mail, const struct smtp_reply *reply)
{
	(void)mail;
	if (reply->code == 250) {
		session->features = smtp_reply_features(reply->raw);
		log_in(session);
	} else if (reply->code == 500 || reply->code == 502 || reply->code == 504) {
		say_hello(
		    session, helo); /* RFC 5321, 3.2: a server from before 1995, or a filter */
	} else if (!session_is_nonsense(session, ehlo, reply)) {
		session_refused(session, "EHLO", smtp_reply_kind(reply), reply);
	}
}

static void on_helo(struct smtp_session *session, struct mail *mail, const struct smtp_reply *reply)
{
	(void)mail;
	if (reply->code == 250) {
		session->features = (struct smtp_features){.max_bytes = 0};
		log_in(session);
	} else if (!session_is_nonsense(session, helo, reply)) {
		session_refused(session, "HELO", smtp_reply_kind(reply), reply);
	}
}

/* Anything that came behind this reply was written before encryption, by whom nobody knows
 * (CVE-2011-0411): the connection ends and nothing of it is read. */
static void on_starttls(
    struct smtp_session *session, struct mail *mail, const struct smtp_reply *reply)
{
	(void)mail;
	if (reply->code != 220) {
		if (!session_is_nonsense(session, starttls, reply))
			session_refused(session, "STARTTLS",
			    reply->code >= 500 ? ERR_AUTH : smtp_reply_kind(reply), reply);
	} else if (stream_input(session->stream)->size > reply->raw.len) {
		session_fail(session, ERR_TRANSIENT,
		    "plain text behind the reply to STARTTLS: injected, or a broken server");
	} else {
		session->features = (struct smtp_features){.max_bytes = 0};
		stream_secure(session->stream, session->smtp->tls);
	}
}

static void start_auth(struct smtp_session *session)
{
	const struct smtp_options *options = &session->smtp->options;
	if (!session->features.auth_plain && !session->features.auth_login) {
		session_fail(session, ERR_AUTH,
		    "a password is configured, but the server offers neither AUTH PLAIN nor LOGIN");
		return;
	}
	if (!stream_is_secure(session->stream) && !session->smtp->is_loopback) {
		session_fail(session, ERR_AUTH,
		    "the password is not sent unencrypted; set tls to starttls or implicit");
		return;
	}
	if (!session->features.auth_plain) {
		session_ask(session, auth_login, NULL, "AUTH LOGIN\r\n");
		return;
	}
	size_t user = strlen(options->user), password = strlen(options->password);
	size_t len = user + password + 2;
	char *secret = xcalloc(1, len + BASE64_BYTES(len));
	memcpy(secret + 1, options->user, user);
	memcpy(secret + user + 2, options->password, password);
	base64_encode(secret + len, secret, len);
	session_say(session, "AUTH PLAIN ");
	session_say(session, secret + len);
	session_ask(session, auth_plain, NULL, "\r\n");
	OPENSSL_cleanse(secret, len + BASE64_BYTES(len));
	xfree(secret);
}

static void log_in(struct smtp_session *session)
{
	const struct smtp_options *options = &session->smtp->options;
	if (options->tls == SMTP_TLS_STARTTLS && !stream_is_secure(session->stream)) {
		if (session->features.starttls)
			session_ask(session, starttls, NULL, "STARTTLS\r\n");
		else
			session_fail(session, ERR_AUTH,
			    "TLS is wanted, but the server does not offer STARTTLS");
	} else if (!text_is_empty(options->user) && !session->is_authenticated) {
		start_auth(session);
	} else {
		session->is_ready =
		    true; /* on_received goes on, if nothing unasked came behind the reply */
	}
}

static void auth_answered(
    struct smtp_session *session, const struct smtp_state *state, const struct smtp_reply *reply)
{
	if (reply->code == 235) {
		session->is_authenticated = true;
		log_in(session);
	} else if (!session_is_nonsense(session, state, reply)) {
		session_refused(session, "login",
		    reply->code >= 500 ? ERR_AUTH : smtp_reply_kind(reply), reply);
	}
}

static void say_base64(
    struct smtp_session *session, const struct smtp_state *state, const char *text)
{
	size_t bytes = BASE64_BYTES(strlen(text));
	char *encoded = xmalloc(bytes);
	base64_encode(encoded, text, strlen(text));
	session_say(session, encoded);
	session_ask(session, state, NULL, "\r\n");
	OPENSSL_cleanse(encoded, bytes);
	xfree(encoded);
}

static void on_auth_plain(
    struct smtp_session *session, struct mail *mail, const struct smtp_reply *reply)
{
	(void)mail;
	auth_answered(session, auth_plain, reply);
}

static void on_auth_login(
    struct smtp_session *session, struct mail *mail, const struct smtp_reply *reply)
{
	(void)mail;
	if (reply->code == 334)
		say_base64(session, auth_user, session->smtp->options.user);
	else
		auth_answered(session, auth_login, reply);
}

static void on_auth_user(
    struct smtp_session *session, struct mail *mail, const struct smtp_reply *reply)
{
	(void)mail;
	if (reply->code == 334)
		say_base64(session, auth_password, session->smtp->options.password);
	else
		auth_answered(session, auth_user, reply);
}

static void on_auth_password(
    struct smtp_session *session, struct mail *mail, const struct smtp_reply *reply)
{
	(void)mail;
	auth_answered(session, auth_password, reply);
}
