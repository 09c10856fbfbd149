/* An SMTP server for tests: friendly by default, and at any verb whatever a rule says.  Include
 * after cmocka.h.
 */
#ifndef TESTS_FAKE_SMTP_H
#define TESTS_FAKE_SMTP_H
#include <stdio.h>

#include "tests/unit/fake_tcp.h"

/* Answers that are deeds. */
#define CUT    "(cut)"    /* closes */
#define RESET  "(reset)"  /* closes with RST */
#define SILENT "(silent)" /* says nothing */
#define STALL  "(stall)"  /* says nothing and takes nothing any more on this connection */

struct smtp_rule {
	const char
	    *verb; /* CONNECT, EHLO, …, DATA, DOT, QUIT; AUTH+ for the lines that follow AUTH */
	const char *answer;
	unsigned skip;  /* this many times the verb is treated kindly first */
	unsigned times; /* 0: always from then on */
	bool then_cut;  /* closes after the answer */
};

struct fake_smtp {
	struct fake_server server;
	const char *ehlo; /* NULL: PIPELINING and all the rest */
	const char *greeting;
	struct smtp_rule rules[4];
	unsigned hits[4];
	unsigned mails, resets, quits, starts;
	bool implicit_tls;
	struct buf log; /* every command line, with its connection's number: "0 MAIL FROM:<…>\n" */
	struct buf content; /* of all mails, as on the wire */
	char order[256];    /* which connections took mails */
};

enum { SMTP_COMMANDS, SMTP_CONTENT, SMTP_AUTH, SMTP_STALLED };

static inline struct smtp_rule *fake_smtp_rule(struct fake_smtp *smtp, const char *verb)
{
	for (size_t i = 0; i < 4; i++) {
		struct smtp_rule *rule = &smtp->rules[i];
		if (rule->verb == NULL || strcmp(rule->verb, verb) != 0)
			continue;
		unsigned hit = smtp->hits[i]++;
		if (hit >= rule->skip && (rule->times == 0 || hit < rule->skip + rule->times))
			return rule;
	}
	return NULL;
}

/* Says what the rules or kindness want; true when kindness did. */
static inline bool fake_smtp_answer(
    struct fake_smtp *smtp, struct fake_connection *c, const char *verb, const char *kind)
{
	const struct smtp_rule *rule = fake_smtp_rule(smtp, verb);
	const char *answer = rule ? rule->answer : kind;
	if (strcmp(answer, CUT) == 0)
		fake_close(c);
	else if (strcmp(answer, RESET) == 0)
		fake_reset(c);
	else if (strcmp(answer, STALL) == 0)
		c->state = SMTP_STALLED;
	else if (strcmp(answer, SILENT) != 0)
		fake_say(c, answer);
	if (rule != NULL && rule->then_cut)
		fake_close(c);
	return rule == NULL;
}

static inline void fake_smtp_command(
    struct fake_smtp *smtp, struct fake_connection *c, const char *line)
{
	static const char full[] =
	    "250-fake\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 1000000\r\n";
	char verb[16] = "";
	buf_printf(&smtp->log, "%u %s\n", c->number, line);
	if (c->state == SMTP_AUTH) {
		c->state = SMTP_COMMANDS;
		if (c->note[0] == 'U') { /* the user name came; the password follows */
			c->state = SMTP_AUTH;
			c->note[0] = 'P';
			fake_smtp_answer(smtp, c, "AUTH+", "334 UGFzc3dvcmQ6\r\n");
			return;
		}
		fake_smtp_answer(smtp, c, "AUTH+", "235 2.7.0 welcome\r\n");
		return;
	}
	snprintf(verb, sizeof verb, "%.*s", (int)strcspn(line, " :"), line);
	if (strcmp(verb, "EHLO") == 0) {
		fake_smtp_answer(smtp, c, verb, smtp->ehlo ? smtp->ehlo : full);
	} else if (strcmp(verb, "STARTTLS") == 0) {
		smtp->starts++;
		if (fake_smtp_answer(smtp, c, verb, "220 go ahead\r\n") || smtp->server.tls != NULL)
			fake_secure(c);
	} else if (strcmp(line, "AUTH LOGIN") == 0) {
		c->note[0] = 'U';
		if (fake_smtp_answer(smtp, c, verb, "334 VXNlcm5hbWU6\r\n"))
			c->state = SMTP_AUTH;
	} else if (strcmp(verb, "AUTH") == 0) {
		fake_smtp_answer(smtp, c, verb, "235 2.7.0 welcome\r\n");
	} else if (strcmp(verb, "DATA") == 0) {
		if (fake_smtp_answer(smtp, c, verb, "354 go\r\n"))
			c->state = SMTP_CONTENT;
	} else if (strcmp(verb, "QUIT") == 0) {
		smtp->quits++;
		fake_smtp_answer(smtp, c, verb, "221 bye\r\n");
		fake_close(c);
	} else {
		smtp->resets += strcmp(verb, "RSET") == 0;
		fake_smtp_answer(smtp, c, verb, "250 2.0.0 ok\r\n");
	}
}

/* The end of the content in c->in, or 0. */
static inline size_t fake_smtp_content_end(const struct fake_connection *c)
{
	const char *end = c->in.size >= 3 && memcmp(c->in.data, ".\r\n", 3) == 0
	                      ? c->in.data - 2
	                      : memmem(c->in.data, c->in.size, "\r\n.\r\n", 5);
	return end ? (size_t)(end + 5 - c->in.data) : 0;
}

static inline void fake_smtp_received(struct fake_server *server, struct list *link)
{
	struct fake_smtp *smtp = LIST_OWNER(server, struct fake_smtp, server);
	struct fake_connection *c = fake_of(link);
	char line[2000], answer[60];
	while (!c->is_closed && c->in.size > 0 && c->state != SMTP_STALLED) {
		if (c->state == SMTP_CONTENT) {
			size_t end = fake_smtp_content_end(c);
			if (end == 0)
				return;
			buf_add(&smtp->content, c->in.data, end);
			buf_consume(&c->in, end);
			c->state = SMTP_COMMANDS;
			if (smtp->mails < sizeof smtp->order - 1)
				smtp->order[smtp->mails] = (char)('0' + c->number);
			snprintf(
			    answer, sizeof answer, "250 2.0.0 queued as %u\r\n", smtp->mails++);
			fake_smtp_answer(smtp, c, "DOT", answer);
			continue;
		}
		char *end = memmem(c->in.data, c->in.size, "\r\n", 2);
		if (end == NULL || (c->ssl != NULL && !c->is_secure))
			return;
		snprintf(line, sizeof line, "%.*s", (int)(end - c->in.data), c->in.data);
		buf_consume(&c->in, (size_t)(end + 2 - c->in.data));
		fake_smtp_command(smtp, c, line);
	}
}

static inline void fake_smtp_opened(struct fake_server *server, struct list *link)
{
	struct fake_smtp *smtp = LIST_OWNER(server, struct fake_smtp, server);
	struct fake_connection *c = fake_of(link);
	if (smtp->implicit_tls && c->ssl == NULL)
		fake_secure(c);
	else if (!smtp->implicit_tls && c->is_secure)
		return; /* after STARTTLS the client speaks */
	else
		fake_smtp_answer(smtp, c, "CONNECT", "220 fake ESMTP\r\n");
}

static inline void fake_smtp_start(struct fake_smtp *smtp)
{
	smtp->server.opened = fake_smtp_opened;
	smtp->server.received = fake_smtp_received;
	fake_listen(&smtp->server);
}

static inline void fake_smtp_stop(struct fake_smtp *smtp)
{
	fake_stop(&smtp->server);
	buf_free(&smtp->log);
	buf_free(&smtp->content);
}
#endif
