#include "notifier/io/smtp.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <string.h>

#include "notifier/base/mem.h"
#include "notifier/io/smtp_internal.h"

#define LINE_MAX_BYTES 998 /* RFC 5321, 4.5.3.1.6, without CRLF */
#define ADDRESS_MAX    254 /* RFC 5321, 4.5.3.1.3: a path of 256 with its brackets */
#define PAUSE_MS       5000
#define RETURNS_MAX    3

/* --- mails ----------------------------------------------------------------------------------- */

static void mail_free(struct mail *mail)
{
	list_remove(&mail->link);
	buf_free(&mail->content);
	xfree(mail->from);
	xfree(mail->to);
	xfree(mail);
}

void mail_finish(struct mail *mail, const struct err *err, const struct smtp_reply *reply)
{
	mail->session = NULL;
	mail->err.kind = ERR_NONE;
	if (err != NULL)
		mail->err = *err;
	if (reply != NULL) {
		mail->result.code = reply->code;
		memcpy(mail->result.enhanced, reply->enhanced, sizeof mail->result.enhanced);
		memcpy(mail->result.text, reply->text, sizeof mail->result.text);
	}
	mail->is_finished = true;
	mail->smtp->in_flight--;
	list_remove(&mail->link);
	list_append(&mail->smtp->finished, &mail->link);
}

void mail_return(struct mail *mail)
{
	struct list *head = &mail->smtp->waiting;
	mail->session = NULL;
	mail->dot_at = 0;
	list_remove(&mail->link);
	list_append(head->next, &mail->link); /* before the first */
}

struct mail *mail_take_waiting(struct smtp *smtp)
{
	struct list *first = list_first(&smtp->waiting);
	if (first == NULL)
		return NULL;
	list_remove(first);
	return LIST_OWNER(first, struct mail, link);
}

static void on_cancel(struct await *await)
{
	struct mail *mail = LIST_OWNER(await, struct mail, await);
	struct smtp *smtp = mail->smtp;
	if (mail->session != NULL)
		smtp_session_drop(mail->session, mail);
	if (!mail->is_finished)
		smtp->in_flight--;
	mail_free(mail);
	timer_soon(&smtp->timer); /* others may have been waiting for its place */
}

/* --- the pool -------------------------------------------------------------------------------- */

/* The youngest, so that the others grow idle and leave. */
static struct smtp_session *find_idle(struct smtp *smtp)
{
	for (struct list *link = smtp->sessions.prev; link != &smtp->sessions; link = link->prev)
		if (smtp_session_is_idle(smtp_session_of_link(link)))
			return smtp_session_of_link(link);
	return NULL;
}

static bool may_connect(const struct smtp *smtp)
{
	if (smtp->session_count == 0)
		return true;
	return smtp->session_count < smtp->options.max_connections &&
	       smtp->pause_until_ms <= loop_monotonic_ms();
}

static void pump(struct smtp *smtp)
{
	while (!list_is_empty(&smtp->waiting)) {
		struct smtp_session *idle = find_idle(smtp);
		if (idle != NULL)
			smtp_session_give(idle, mail_take_waiting(smtp));
		else if (may_connect(smtp))
			smtp_session_new(smtp, mail_take_waiting(smtp));
		else
			break;
	}
}

/* While other connections live, this refusal may only mean "too many": the mail waits for them.
 * When the last one fails, everybody who waits shares its fate instead of trying in turn. */
void smtp_open_failed(
    struct smtp *smtp, struct mail *mail, const struct err *err, const struct smtp_reply *reply)
{
	if (smtp->session_count > 0) {
		smtp->pause_until_ms = loop_monotonic_ms() + PAUSE_MS;
		timer_start(&smtp->timer, PAUSE_MS);
		if (mail != NULL && mail->returns++ < RETURNS_MAX)
			mail_return(mail);
		else if (mail != NULL)
			mail_finish(mail, err, reply);
		return;
	}
	if (mail != NULL)
		mail_finish(mail, err, reply);
	while ((mail = mail_take_waiting(smtp)) != NULL)
		mail_finish(mail, err, reply);
}

static void report(struct smtp *smtp)
{
	struct mail *mail = LIST_OWNER(list_first(&smtp->finished), struct mail, link);
	struct await await = mail->await;
	struct err err = mail->err;
	if (mail->out != NULL)
		*mail->out = mail->result;
	mail_free(mail);
	if (err.kind == ERR_NONE)
		await_done(&await);
	else
		await_failed(&await, &err);
}

/* Assigns, clears away and tells the flows, until nothing is left to do.  Flows may send and
 * cancel from inside; what that changes is seen in the next round. */
void smtp_settle(struct smtp *smtp)
{
	if (smtp->is_settling)
		return;
	smtp->is_settling = true;
	do {
		if (!smtp->is_closing)
			pump(smtp);
		LIST_FOREACH (link, &smtp->over)
			smtp_session_free(smtp_session_of_link(link));
		if (!list_is_empty(&smtp->finished))
			report(smtp);
	} while (!list_is_empty(&smtp->finished) || !list_is_empty(&smtp->over));
	smtp->is_settling = false;
}

static void on_timer(struct timer *timer)
{
	struct smtp *smtp = LIST_OWNER(timer, struct smtp, timer);
	smtp_settle(smtp);
	int64_t pause_ms = smtp->pause_until_ms - loop_monotonic_ms();
	if (!list_is_empty(&smtp->waiting) && pause_ms > 0)
		timer_start(&smtp->timer, pause_ms);
}

/* --- options --------------------------------------------------------------------------------- */

static bool is_loopback_literal(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* A host name fit for EHLO; a machine called "böse box" greets as localhost. */
static char *helo_name(const char *wanted)
{
	static const char fine[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
	char name[256] = "";
	size_t bytes = sizeof name;
	if (text_is_empty(wanted) && uv_os_gethostname(name, &bytes) == 0)
		wanted = name;
	bool usable = !text_is_empty(wanted) && strlen(wanted) < sizeof name &&
	              strspn(wanted, fine) == strlen(wanted);
	return xstrdup(usable ? wanted : "localhost");
}

static char *copy_or_null(const char *text)
{
	return text_is_empty(text) ? NULL : xstrdup(text);
}

static int64_t or_default(int64_t value, int64_t otherwise)
{
	return value > 0 ? value : otherwise;
}

static struct smtp_options options_copy(const struct smtp_options *given)
{
	struct smtp_options options = *given;
	options.host = xstrdup(given->host);
	options.ca_file = copy_or_null(given->ca_file);
	options.user = copy_or_null(given->user);
	options.password = xstrdup(given->password ? given->password : "");
	options.helo = helo_name(given->helo);
	options.max_connections = (unsigned)or_default(given->max_connections, 8);
	options.max_per_connection = (unsigned)or_default(given->max_per_connection, 100);
	options.connect_ms = or_default(given->connect_ms, 30000);
	options.command_ms = or_default(given->command_ms, 300000);
	options.final_ms = or_default(given->final_ms, 600000);
	options.idle_ms = or_default(given->idle_ms, 30000);
	return options;
}

static void text_free(const char *text)
{
	union { /* ours, behind the header's const */
		const char *given;
		char *owned;
	} name = {text};
	xfree(name.owned);
}

static void options_free(struct smtp_options *options)
{
	union {
		const char *given;
		char *owned;
	} password = {options->password};
	OPENSSL_cleanse(password.owned, strlen(password.owned));
	text_free(options->host);
	text_free(options->ca_file);
	text_free(options->user);
	text_free(options->password);
	text_free(options->helo);
}

struct smtp *smtp_new(const struct smtp_options *options, struct resolver *resolver)
{
	struct smtp *smtp = xcalloc(1, sizeof *smtp);
	smtp->options = options_copy(options);
	smtp->resolver = resolver;
	smtp->is_loopback = is_loopback_literal(smtp->options.host);
	if (options->tls != SMTP_TLS_NONE) {
		smtp->tls = tls_context_new(smtp->options.ca_file, &smtp->tls_err);
		if (smtp->tls == NULL) /* nothing works until an operator acts */
			smtp->tls_err.kind = ERR_AUTH;
	}
	list_init(&smtp->waiting);
	list_init(&smtp->finished);
	list_init(&smtp->sessions);
	list_init(&smtp->over);
	timer_init(&smtp->timer, on_timer);
	return smtp;
}

void smtp_free(struct smtp **smtp)
{
	struct smtp *gone = *smtp;
	struct mail *mail;
	struct err err;
	if (gone == NULL)
		return;
	*smtp = NULL;
	must(!gone->is_settling); /* not from a flow that a mail has just woken */
	gone->is_closing = true;
	while (!list_is_empty(&gone->sessions))
		smtp_session_shut(smtp_session_of_link(list_first(&gone->sessions)));
	err_set(&err, ERR_CANCELLED, "stopping");
	while ((mail = mail_take_waiting(gone)) != NULL)
		mail_finish(mail, &err, NULL);
	smtp_settle(gone);
	timer_stop(&gone->timer);
	tls_context_free(&gone->tls);
	options_free(&gone->options);
	xfree(gone);
}

unsigned smtp_in_flight(const struct smtp *smtp)
{
	return smtp->in_flight;
}

bool smtp_is_handed_over(const struct await *await)
{
	const struct mail *mail = (const struct mail *)(const void *)await;
	return mail->session != NULL && smtp_session_handed_over(mail->session, mail);
}

/* --- what may be sent ------------------------------------------------------------------------ */

/* Stricter than RFC 5321: no quoting, no source routes, nothing that could end the command. */
static bool is_address(const char *address, bool *is_utf8)
{
	size_t len = strlen(address);
	const char *at = strrchr(address, '@');
	*is_utf8 = false;
	if (len > ADDRESS_MAX || at == NULL || at == address || at[1] == '\0' ||
	    address[0] == '@' || strpbrk(address, "<>\"\\,;() \x7f") != NULL ||
	    !utf8_is_valid(address, len))
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)address[i];
		bool is_c1 = c == 0xc2 && (unsigned char)address[i + 1] < 0xa0;
		if (c < 0x20 || is_c1)
			return false;
		*is_utf8 |= c >= 0x80;
	}
	return true;
}

/* Copies the message with its dots stuffed (RFC 5321, 4.5.2) and its end.  A CR or LF alone is what
 * SMTP smuggling is made of, so it is refused, not repaired. */
static const char *copy_content(struct mail *mail, struct str content)
{
	const char *p = content.at, *end = p + content.len;
	if (content.len == 0)
		return "the message is empty";
	while (p < end) {
		const char *line_end = memchr(p, '\n', (size_t)(end - p));
		size_t len = line_end ? (size_t)(line_end - p) : (size_t)(end - p);
		if (line_end != NULL && (len == 0 || p[--len] != '\r'))
			return "a line of the message ends with LF alone";
		if (len > LINE_MAX_BYTES)
			return "a line of the message is longer than 998 bytes";
		if (memchr(p, '\r', len) != NULL || memchr(p, '\0', len) != NULL)
			return "the message has a NUL or a CR without LF";
		for (size_t i = 0; i < len && !mail->needs_eight_bit; i++)
			mail->needs_eight_bit = (unsigned char)p[i] >= 0x80;
		if (*p == '.')
			buf_add_char(&mail->content, '.');
		buf_add(&mail->content, p, len);
		buf_add(&mail->content, "\r\n", 2);
		mail->content_bytes += len + 2;
		p = line_end ? line_end + 1 : end;
	}
	buf_add(&mail->content, ".\r\n", 3);
	return NULL;
}

static bool mail_fill(struct mail *mail, const struct smtp_mail *given, struct err *err)
{
	bool from_utf8 = false, to_utf8 = false;
	mail->from = xstrdup(given->from ? given->from : "");
	mail->to = xstrdup(given->to ? given->to : "");
	/* An empty sender is the null path of RFC 5321, 4.5.5: nobody answers. */
	if (mail->from[0] != '\0' && !is_address(mail->from, &from_utf8))
		return err_set(err, ERR_INPUT, "the sender is not a plain e-mail address");
	if (!is_address(mail->to, &to_utf8))
		return err_set(err, ERR_INPUT, "the recipient is not a plain e-mail address");
	const char *why = copy_content(mail, given->content);
	if (why != NULL)
		return err_set(err, ERR_INPUT, "%s", why);
	mail->needs_utf8 = from_utf8 || to_utf8;
	return true;
}

struct await *smtp_send(
    struct smtp *smtp, struct flow *flow, const struct smtp_mail *given, struct smtp_result *out)
{
	struct mail *mail = xcalloc(1, sizeof *mail);
	struct err err;
	mail->smtp = smtp;
	mail->out = out;
	list_init(&mail->link);
	await_init(&mail->await, flow, on_cancel);
	if (out != NULL)
		*out = (struct smtp_result){.code = 0};
	smtp->in_flight++;
	if (smtp->is_closing)
		err_set(&err, ERR_CANCELLED, "stopping");
	else if (mail_fill(mail, given, &err)) {
		list_append(&smtp->waiting, &mail->link);
		smtp_settle(smtp);
		return &mail->await; /* perhaps done already; then nobody looks at it */
	}
	smtp->in_flight--;
	struct await await = mail->await;
	mail_free(mail);
	await_failed(&await, &err);
	return NULL;
}
