/* The SMTP client against a server on the same loop that misbehaves on demand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "notifier/io/smtp.h"
#include "tests/unit/fake_smtp.h"
#include "tests/unit/loop_until.h"

#define DEADLINE_MS 3000

static struct resolver *resolver;
static struct fake_smtp fake;
static const char hello[] = "Subject: hello\r\n\r\nDear you\r\n";

/* --- one flow per mail
 * ----------------------------------------------------------------------------- */

struct outcome { /* outlives the flow */
	int done;
	bool failed;
	struct err err;
	struct smtp_result result;
	struct flow *flow;
	struct await *await;
};

struct post {
	struct flow flow;
	struct smtp *smtp;
	struct smtp_mail mail;
	struct smtp_result result;
	struct outcome *outcome;
	int64_t after_ms;
};
#define POST_STEPS(X) X(post, send) X(post, sent)
POST_STEPS(FLOW_STEP)

static next post_send(struct post *p)
{
	p->outcome->await = smtp_send(p->smtp, &p->flow, &p->mail, &p->result);
	return AWAIT(p, sent, p->outcome->await, p->after_ms);
}

static next post_sent(struct post *p)
{
	p->outcome->done++;
	p->outcome->failed = FAILED(p);
	p->outcome->err = p->flow.err;
	p->outcome->result = p->result;
	p->outcome->flow = NULL;
	return END;
}

static void post_fini(struct flow *flow)
{
	xfree(flow);
}
static const struct flow_type post_type = {"post", post_fini};

static void post_start(struct smtp *smtp, const struct smtp_mail *mail, struct outcome *outcome)
{
	struct post *p = xcalloc(1, sizeof *p);
	*outcome = (struct outcome){.flow = &p->flow};
	p->smtp = smtp;
	p->mail = *mail;
	p->outcome = outcome;
	p->after_ms = 60000;
	flow_start(&p->flow, &post_type, do_send);
}

static struct smtp_mail mail_to(const char *to)
{
	return (struct smtp_mail){
	    .from = "shop@a.test", .to = to, .content = str_make(hello, sizeof hello - 1)};
}

static void post_to(struct smtp *smtp, const char *to, struct outcome *outcome)
{
	struct smtp_mail mail = mail_to(to);
	post_start(smtp, &mail, outcome);
}

static struct outcome send_mail(struct smtp *smtp, const struct smtp_mail *mail)
{
	struct outcome outcome;
	post_start(smtp, mail, &outcome);
	LOOP_UNTIL(outcome.done, DEADLINE_MS);
	assert_int_equal(outcome.done, 1);
	return outcome;
}

static struct outcome send_to(struct smtp *smtp, const char *to)
{
	struct smtp_mail mail = mail_to(to);
	return send_mail(smtp, &mail);
}

static struct smtp_options options_of(void)
{
	return (struct smtp_options){
	    .host = "127.0.0.1",
	    .port = fake.server.port,
	    .helo = "client.test",
	    .connect_ms = 200,
	    .command_ms = 100,
	    .final_ms = 150,
	    .idle_ms = 2000,
	};
}

static struct smtp *client(void)
{
	struct smtp_options options = options_of();
	return smtp_new(&options, resolver);
}

static int start(void **state)
{
	(void)state;
	fake = (struct fake_smtp){.ehlo = NULL};
	fake_smtp_start(&fake);
	resolver = resolver_new();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	assert_int_equal(flow_count(), 0);
	resolver_free(&resolver);
	fake_smtp_stop(&fake);
	loop_drain();
	return 0;
}

static void again(void **state)
{
	stop(state);
	start(state);
}

#define NO_PIPELINING "250-fake\r\n250 8BITMIME\r\n"

/* --- what goes well
 * --------------------------------------------------------------------------------- */

static void a_mail(void **state)
{
	(void)state;
	struct smtp *smtp = client();
	struct outcome o = send_to(smtp, "you@b.test");
	assert_false(o.failed);
	assert_int_equal(o.result.code, 250);
	assert_string_equal(o.result.enhanced, "2.0.0");
	assert_string_equal(o.result.text, "queued as 0");
	assert_string_equal(buf_text(&fake.log), "0 EHLO client.test\n0 MAIL FROM:<shop@a.test> "
	                                         "SIZE=28\n0 RCPT TO:<you@b.test>\n0 DATA\n");
	assert_string_equal(buf_text(&fake.content), "Subject: hello\r\n\r\nDear you\r\n.\r\n");
	assert_int_equal(smtp_in_flight(smtp), 0);
	smtp_free(&smtp);
	assert_null(smtp);
	LOOP_UNTIL(fake.quits == 1, DEADLINE_MS); /* an idle connection says good-bye */
}

static void an_old_server(void **state)
{
	(void)state;
	fake.rules[0] = (struct smtp_rule){"EHLO", "502 never heard\r\n", 0, 0, false};
	struct smtp *smtp = client();
	assert_false(send_to(smtp, "you@b.test").failed);
	assert_non_null(
	    strstr(buf_text(&fake.log), "HELO client.test\n0 MAIL FROM:<shop@a.test>\n"));
	smtp_free(&smtp);
}

static void connections_are_kept(void **state)
{
	for (int pipelining = 0; pipelining < 2; pipelining++) {
		fake.ehlo = pipelining ? NULL : NO_PIPELINING;
		struct smtp *smtp = client();
		for (int i = 0; i < 5; i++)
			assert_false(send_to(smtp, "you@b.test").failed);
		assert_int_equal(fake.server.accepted, 1);
		assert_int_equal(fake.mails, 5);
		smtp_free(&smtp);
		again(state);
	}
}

static void connections_wear_out(void **state)
{
	(void)state;
	struct smtp_options options = options_of();
	options.max_per_connection = 2;
	options.max_connections = 1;
	struct smtp *smtp = smtp_new(&options, resolver);
	struct outcome outcomes[5];
	for (int i = 0; i < 5; i++)
		post_to(smtp, "you@b.test", &outcomes[i]);
	LOOP_UNTIL(smtp_in_flight(smtp) == 0, DEADLINE_MS);
	for (int i = 0; i < 5; i++)
		assert_false(outcomes[i].failed);
	assert_int_equal(fake.server.accepted, 3);
	assert_string_equal(fake.order, "00112");
	assert_int_equal(fake.quits, 2);
	smtp_free(&smtp);
}

static void idle_connections_quit(void **state)
{
	(void)state;
	struct smtp_options options = options_of();
	options.idle_ms = 20;
	struct smtp *smtp = smtp_new(&options, resolver);
	assert_false(send_to(smtp, "you@b.test").failed);
	LOOP_UNTIL(fake.quits == 1 && fake.server.open == 0, DEADLINE_MS);
	assert_false(send_to(smtp, "you@b.test").failed);
	assert_int_equal(fake.server.accepted, 2);
	smtp_free(&smtp);
}

/* Dots at line starts, everywhere they can stand; and the last line gets its CRLF. */
static void dots_are_stuffed(void **state)
{
	static const struct {
		const char *content, *wire;
	} rows[] = {
	    {".\r\n", "..\r\n.\r\n"},
	    {"a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"},
	    {".a\r\n..b\r\nc.\r\n", "..a\r\n...b\r\nc.\r\n.\r\n"},
	    {"a\r\n.", "a\r\n..\r\n.\r\n"},
	    {"a", "a\r\n.\r\n"},
	    {"\r\n\r\n.QUIT\r\n", "\r\n\r\n..QUIT\r\n.\r\n"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct smtp *smtp = client();
		struct smtp_mail mail = mail_to("you@b.test");
		mail.content = str_of(rows[i].content);
		assert_false(send_mail(smtp, &mail).failed);
		assert_string_equal(buf_text(&fake.content), rows[i].wire);
		smtp_free(&smtp);
		again(state);
	}
}

static void a_big_mail(void **state)
{
	(void)state;
	struct buf content = BUF_EMPTY(0);
	fake.ehlo = "250-fake\r\n250 PIPELINING\r\n";
	while (content.size < 8 * 1024 * 1024)
		buf_add_text(
		    &content, ".0123456789012345678901234567890123456789012345678901234567890\r\n");
	struct smtp_options options = options_of();
	options.final_ms = 3000;
	struct smtp *smtp = smtp_new(&options, resolver);
	struct smtp_mail mail = mail_to("you@b.test");
	mail.content = str_make(content.data, content.size);
	assert_false(send_mail(smtp, &mail).failed);
	assert_int_equal(fake.content.size, content.size / 64 * 65 + 3);
	smtp_free(&smtp);
	buf_free(&content);
}

/* --- what is not sendable
 * ----------------------------------------------------------------------------- */

static void injections_are_refused(void **state)
{
	(void)state;
	static const char *const addresses[] = {
	    "",
	    "you",
	    "@b.test",
	    "you@",
	    "you@b.test>\r\nRCPT TO:<evil@b.test",
	    "you@b.test\r\nDATA",
	    "you@b.test\n",
	    "you@b.test\r",
	    "a b@c.test",
	    "<you@b.test>",
	    "you@b.test> SIZE=1",
	    "\"a\"@b.test",
	    "a\\@b.test",
	    "a,b@c.test",
	    "(x)you@b.test",
	    "@relay.test:you@b.test",
	    "you\t@b.test",
	    "you\x7f@b.test",
	    "you\xc2\x85@b.test",
	    "you\xff@b.test",
	    "you@b.test;x@y.test",
	};
	struct smtp *smtp = client();
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
		struct smtp_mail mail = mail_to(addresses[i]);
		assert_int_equal(send_mail(smtp, &mail).err.kind, ERR_INPUT);
		mail = mail_to("you@b.test");
		mail.from = addresses[i];
		if (i > 0) /* an empty sender is the null path */
			assert_int_equal(send_mail(smtp, &mail).err.kind, ERR_INPUT);
	}
	char address[300];
	memset(address, 'a', sizeof address);
	memcpy(address + 250, "@b.test", 8);
	assert_int_equal(send_to(smtp, address).err.kind, ERR_INPUT);
	assert_int_equal(fake.server.accepted, 0);
	smtp_free(&smtp);
}

static void smuggling_is_refused(void **state)
{
	(void)state;
	static const struct str contents[] = {
	    {"", 0},
	    {"a\n.\r\nMAIL FROM:<x@y>\r\n", 23},
	    {"a\n.\n", 4},
	    {"a\r.\r\n", 5},
	    {"a\r\r\nb\r\n", 7},
	    {"a\0b\r\n", 5},
	    {"a\r\n.\n", 5},
	    {"\n", 1},
	    {"a\r", 2},
	};
	struct smtp *smtp = client();
	for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
		struct smtp_mail mail = mail_to("you@b.test");
		mail.content = contents[i];
		assert_int_equal(send_mail(smtp, &mail).err.kind, ERR_INPUT);
	}
	char line[1100];
	memset(line, 'x', sizeof line);
	struct smtp_mail mail = mail_to("you@b.test");
	mail.content = str_make(line, 999);
	assert_int_equal(send_mail(smtp, &mail).err.kind, ERR_INPUT);
	assert_int_equal(fake.server.accepted, 0);
	mail.content = str_make(line, 998);
	assert_false(send_mail(smtp, &mail).failed);
	smtp_free(&smtp);
}

static void extensions_only_where_needed(void **state)
{
	struct smtp *smtp = client();
	struct smtp_mail mail = mail_to("j\xc3\xb6rg@b.test");
	mail.content = str_of("caf\xc3\xa9\r\n");
	assert_false(send_mail(smtp, &mail).failed);
	assert_non_null(
	    strstr(buf_text(&fake.log), "MAIL FROM:<shop@a.test> BODY=8BITMIME SMTPUTF8 SIZE=7\n"));
	smtp_free(&smtp);
	again(state);
	static const struct {
		const char *ehlo, *to, *content, *says;
		bool is_recipient;
	} rows[] = {
	    {"250 fake\r\n", "j\xc3\xb6rg@b.test", "x\r\n", "SMTPUTF8", true},
	    {"250 fake\r\n", "you@b.test", "caf\xc3\xa9\r\n", "8BITMIME", false},
	    {"250-fake\r\n250 SIZE 10\r\n", "you@b.test", "0123456789\r\n", "SIZE", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fake.ehlo = rows[i].ehlo;
		smtp = client();
		mail = mail_to(rows[i].to);
		mail.content = str_of(rows[i].content);
		struct outcome o = send_mail(smtp, &mail);
		assert_int_equal(o.err.kind, ERR_PERMANENT);
		assert_non_null(strstr(o.err.text, rows[i].says));
		assert_int_equal(o.result.is_recipient, rows[i].is_recipient);
		mail = mail_to("you@b.test");
		mail.content = str_of("x\r\n"); /* the connection is still good */
		assert_false(send_mail(smtp, &mail).failed);
		assert_int_equal(fake.server.accepted, 1);
		smtp_free(&smtp);
		again(state);
	}
}

/* --- every verb, every failure
 * -------------------------------------------------------------------------- */

static const struct {
	const char *answer;
	enum err_kind kind; /* of a verb before the final dot */
	enum err_kind at_dot;
	int code;
} deeds[] = {
    {"450 4.2.0 later\r\n", ERR_THROTTLED, ERR_THROTTLED, 450},
    {"451 4.3.0 later\r\n", ERR_THROTTLED, ERR_THROTTLED, 451},
    {"499 hm\r\n", ERR_TRANSIENT, ERR_TRANSIENT, 499},
    {"421 4.3.2 closing\r\n", ERR_THROTTLED, ERR_THROTTLED, 421},
    {"550 5.1.1 no\r\n", ERR_PERMANENT, ERR_PERMANENT, 550},
    {"554-no\r\n554-really\r\n554 no\r\n", ERR_PERMANENT, ERR_PERMANENT, 554},
    {"535 5.7.8 who\r\n", ERR_AUTH, ERR_AUTH, 535},
    {CUT, ERR_TRANSIENT, ERR_AMBIGUOUS, 0},
    {RESET, ERR_TRANSIENT, ERR_AMBIGUOUS, 0},
    {SILENT, ERR_TRANSIENT, ERR_AMBIGUOUS, 0},
    {"hello there\r\n", ERR_TRANSIENT, ERR_AMBIGUOUS, 0},
    {"\xff\xfe\x00", ERR_TRANSIENT, ERR_AMBIGUOUS, 0},
    {"250-half a reply", ERR_TRANSIENT, ERR_AMBIGUOUS, 0},
};

static void every_verb(void **state)
{
	static const char *const verbs[] = {"CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "DOT"};
	for (size_t v = 0; v < 6; v++)
		for (size_t d = 0; d < sizeof deeds / sizeof *deeds; d++)
			for (int pipelining = 0; pipelining < 2; pipelining++) {
				bool at_dot = strcmp(verbs[v], "DOT") == 0,
				     at_rcpt = strcmp(verbs[v], "RCPT") == 0;
				fake.ehlo = pipelining ? NULL : NO_PIPELINING;
				fake.rules[0] =
				    (struct smtp_rule){verbs[v], deeds[d].answer, 0, 0, false};
				struct smtp *smtp = client();
				struct outcome o = send_to(smtp, "you@b.test");
				enum err_kind kind = at_dot ? deeds[d].at_dot : deeds[d].kind;
				if (!o.failed || o.err.kind != kind ||
				    o.result.code != deeds[d].code)
					fail_msg("%s answers %s: %s, code %d, %s", verbs[v],
					    deeds[d].answer, err_kind_name(o.err.kind),
					    o.result.code, o.err.text);
				bool is_recipient = at_rcpt && deeds[d].code >= 400 &&
				                    deeds[d].code != 421 && kind != ERR_AUTH;
				assert_int_equal(o.result.is_recipient, is_recipient);
				assert_int_equal(smtp_in_flight(smtp), 0);
				smtp_free(&smtp);
				again(state);
			}
}

/* Replies of the right form that cannot be: 250 for 354 and the other way round. */
static void replies_out_of_step(void **state)
{
	static const struct {
		const char *verb, *answer;
		enum err_kind kind;
	} rows[] = {
	    {"CONNECT", "250 hello\r\n", ERR_TRANSIENT},
	    {"EHLO", "354 go\r\n", ERR_TRANSIENT},
	    {"MAIL", "354 go\r\n", ERR_TRANSIENT},
	    {"RCPT", "354 go\r\n", ERR_TRANSIENT},
	    {"DATA", "250 ok\r\n", ERR_TRANSIENT},
	    {"DOT", "354 go\r\n", ERR_AMBIGUOUS},
	    {"CONNECT", "220 hi\r\n250 ok\r\n", ERR_TRANSIENT},
	    {"EHLO", "250 fake\r\n250 ok\r\n", ERR_TRANSIENT},
	    {"DATA", "354 go\r\n250 ok\r\n", ERR_TRANSIENT},
	    {"MAIL", "250 ok\r\n250 ok\r\n", ERR_TRANSIENT},
	    {"RCPT", "250 ok\r\n250 ok\r\n", ERR_TRANSIENT},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fake.rules[0] = (struct smtp_rule){rows[i].verb, rows[i].answer, 0, 0, false};
		struct smtp *smtp = client();
		struct outcome o = send_to(smtp, "you@b.test");
		if (!o.failed || o.err.kind != rows[i].kind)
			fail_msg("%s answers %s: %s %s", rows[i].verb, rows[i].answer,
			    err_kind_name(o.err.kind), o.err.text);
		smtp_free(&smtp);
		again(state);
	}
}

static void long_lines_end_the_connection(void **state)
{
	static char line[5000];
	memset(line, 'x', sizeof line);
	memcpy(line, "250 ", 4);
	line[sizeof line - 1] = '\0'; /* never ends */
	fake.rules[0] = (struct smtp_rule){"RCPT", line, 0, 0, false};
	struct smtp *smtp = client();
	struct outcome o = send_to(smtp, "you@b.test");
	assert_int_equal(o.err.kind, ERR_TRANSIENT);
	assert_non_null(strstr(o.err.text, "too long"));
	smtp_free(&smtp);
	again(state);
	memcpy(line + 4000, "\r\n", 3); /* 4 kB is poetry */
	fake.rules[0] = (struct smtp_rule){"RCPT", line, 0, 0, false};
	smtp = client();
	assert_false(send_to(smtp, "you@b.test").failed);
	smtp_free(&smtp);
}

static void a_refused_recipient_spoils_nothing(void **state)
{
	for (int pipelining = 0; pipelining < 2; pipelining++) {
		fake.ehlo = pipelining ? NULL : NO_PIPELINING;
		fake.rules[0] =
		    (struct smtp_rule){"RCPT", "550 5.1.1 No such user\r\n", 0, 1, false};
		fake.rules[1] = (struct smtp_rule){
		    "DATA", "503 no recipients\r\n", 0, pipelining ? 1 : 99, false};
		fake.rules[1].verb = pipelining ? "DATA" : NULL;
		struct smtp *smtp = client();
		struct outcome o = send_to(smtp, "gone@b.test");
		assert_int_equal(o.err.kind, ERR_PERMANENT);
		assert_true(o.result.is_recipient);
		assert_int_equal(o.result.code, 550);
		assert_string_equal(o.result.enhanced, "5.1.1");
		assert_string_equal(o.result.text, "No such user");
		o = send_to(smtp, "you@b.test");
		assert_false(o.failed);
		assert_int_equal(fake.resets, 1);
		assert_int_equal(fake.server.accepted, 1);
		smtp_free(&smtp);
		again(state);
	}
}

/* RFC 2920, 3.1: some servers answer DATA with 354 although nobody is left; then "." ends it. */
static void data_accepted_for_nobody(void **state)
{
	(void)state;
	fake.rules[0] = (struct smtp_rule){"RCPT", "550 5.1.1 No such user\r\n", 0, 1, false};
	fake.rules[1] = (struct smtp_rule){"DOT", "554 no valid recipients\r\n", 0, 1, false};
	struct smtp_options options = options_of();
	options.max_connections = 1;
	struct smtp *smtp = smtp_new(&options, resolver);
	assert_int_equal(send_to(smtp, "gone@b.test").result.code, 550);
	assert_false(send_to(smtp, "you@b.test").failed);
	assert_string_equal(
	    buf_text(&fake.content), ".\r\nSubject: hello\r\n\r\nDear you\r\n.\r\n");
	assert_int_equal(fake.server.accepted, 1);
	smtp_free(&smtp);
}

static void policy_is_not_the_recipients_fault(void **state)
{
	(void)state;
	fake.rules[0] =
	    (struct smtp_rule){"RCPT", "554 5.7.1 Relay access denied\r\n", 0, 0, false};
	struct smtp *smtp = client();
	struct outcome o = send_to(smtp, "you@b.test");
	assert_int_equal(o.err.kind, ERR_PERMANENT);
	assert_false(o.result.is_recipient);
	smtp_free(&smtp);
}

/* --- the final reply
 * -------------------------------------------------------------------------------------- */

/* 250 and the end of the connection in one go, by FIN and by RST: the 250 counts. */
static void the_250_is_never_lost(void **state)
{
	for (int i = 0; i < 20; i++) {
		fake.rules[0] = (struct smtp_rule){"DOT", "250 2.0.0 got it\r\n", 0, 0, true};
		struct smtp *smtp = client();
		struct outcome o = send_to(smtp, "you@b.test");
		assert_false(o.failed);
		assert_string_equal(o.result.text, "got it");
		smtp_free(&smtp);
		again(state);
	}
}

/* The same while the next envelope is being written into the dead connection. */
static void the_250_is_never_lost_with_followers(void **state)
{
	struct smtp_options options = options_of();
	options.max_connections = 1;
	fake.rules[0] = (struct smtp_rule){"DOT", "250 2.0.0 got it\r\n", 0, 0, true};
	struct smtp *smtp = smtp_new(&options, resolver);
	struct outcome outcomes[20];
	for (int i = 0; i < 20; i++)
		post_to(smtp, "you@b.test", &outcomes[i]);
	LOOP_UNTIL(smtp_in_flight(smtp) == 0, DEADLINE_MS);
	for (int i = 0; i < 20; i++)
		if (outcomes[i].failed)
			fail_msg("%d: %s %s", i, err_kind_name(outcomes[i].err.kind),
			    outcomes[i].err.text);
	assert_int_equal(
	    fake.mails, 20); /* each once, although each connection died under the next */
	smtp_free(&smtp);
	(void)state;
}

static void mails_on_one_connection_get_their_own_replies(void **state)
{
	for (int pipelining = 0; pipelining < 2; pipelining++) {
		struct smtp_options options = options_of();
		options.max_connections = 1;
		fake.ehlo = pipelining ? NULL : NO_PIPELINING;
		fake.rules[0] =
		    (struct smtp_rule){"DOT", "552 5.2.2 the second is full\r\n", 1, 1, false};
		fake.rules[1] =
		    (struct smtp_rule){"RCPT", "550 5.1.1 the fourth is gone\r\n", 3, 1, false};
		fake.rules[2] =
		    (struct smtp_rule){"MAIL", "452 4.3.1 the sixth waits\r\n", 5, 1, false};
		struct smtp *smtp = smtp_new(&options, resolver);
		struct outcome o[8];
		for (int i = 0; i < 8; i++)
			post_to(smtp, "you@b.test", &o[i]);
		LOOP_UNTIL(smtp_in_flight(smtp) == 0, DEADLINE_MS);
		for (int i = 0; i < 8; i++)
			assert_int_equal(o[i].failed, i == 1 || i == 3 || i == 5);
		assert_string_equal(o[0].result.text, "queued as 0");
		assert_string_equal(o[1].result.text, "the second is full");
		assert_string_equal(o[2].result.text, "queued as 2");
		assert_true(o[3].result.is_recipient);
		assert_int_equal(o[5].err.kind, ERR_THROTTLED);
		assert_int_equal(fake.server.accepted, 1);
		smtp_free(&smtp);
		again(state);
	}
}

/* Lost after the dot of the first: that one is ambiguous, the one behind it is sent elsewhere. */
static void a_cut_behind_the_dot_spares_the_follower(void **state)
{
	(void)state;
	struct smtp_options options = options_of();
	options.max_connections = 1;
	fake.rules[0] = (struct smtp_rule){"DOT", CUT, 1, 1, false};
	struct smtp *smtp = smtp_new(&options, resolver);
	struct outcome o[3];
	for (int i = 0; i < 3; i++)
		post_to(smtp, "you@b.test", &o[i]);
	LOOP_UNTIL(smtp_in_flight(smtp) == 0, DEADLINE_MS);
	assert_false(o[0].failed);
	assert_int_equal(o[1].err.kind, ERR_AMBIGUOUS);
	assert_non_null(strstr(o[1].err.text, "after the message was handed over"));
	assert_false(o[2].failed);
	smtp_free(&smtp);
}

/* A final reply that does not come keeps nobody else waiting. */
static void a_slow_final_reply_holds_up_nobody(void **state)
{
	(void)state;
	struct smtp_options options = options_of();
	options.max_connections = 2;
	options.final_ms = 60000;
	fake.rules[0] = (struct smtp_rule){"DOT", STALL, 0, 1, false};
	struct smtp *smtp = smtp_new(&options, resolver);
	struct outcome o[6];
	for (int i = 0; i < 6; i++)
		post_to(smtp, "you@b.test", &o[i]);
	LOOP_UNTIL(smtp_in_flight(smtp) == 1, DEADLINE_MS);
	for (int i = 1; i < 6; i++)
		assert_false(o[i].failed);
	assert_true(smtp_is_handed_over(o[0].await));
	smtp_free(&smtp); /* and what is behind its dot then is ambiguous */
	assert_int_equal(o[0].err.kind, ERR_AMBIGUOUS);
}

static void stopping(void **state)
{
	(void)state;
	fake.rules[0] = (struct smtp_rule){"RCPT", SILENT, 0, 0, false};
	struct smtp *smtp = client();
	struct outcome o[12];
	for (int i = 0; i < 12; i++)
		post_to(smtp, "you@b.test", &o[i]);
	LOOP_UNTIL(fake.hits[0] > 0, DEADLINE_MS);
	assert_false(smtp_is_handed_over(o[0].await));
	smtp_free(&smtp);
	for (int i = 0; i < 12; i++)
		assert_int_equal(o[i].err.kind, ERR_CANCELLED);
}

/* Cancelling at any moment: what runs beside it is not touched. */
static void cancelling(void **state)
{
	static const char *const verbs[] = {"CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "DOT"};
	for (size_t v = 0; v < 6; v++) {
		struct smtp_options options = options_of();
		options.max_connections = 1;
		options.command_ms = options.final_ms = 60000;
		fake.rules[0] = (struct smtp_rule){verbs[v], SILENT, 0, 1, false};
		struct smtp *smtp = smtp_new(&options, resolver);
		struct outcome first, second;
		post_to(smtp, "first@b.test", &first);
		post_to(smtp, "second@b.test", &second);
		LOOP_UNTIL(fake.hits[0] > 0, DEADLINE_MS);
		flow_cancel(first.flow);
		assert_int_equal(first.err.kind, ERR_CANCELLED);
		if (v < 2) { /* the connection still opens, for the other one */
			LIST_FOREACH (link, &fake.server.connections)
				fake_say(fake_of(link),
				    v == 0 ? "220 at last\r\n" : "250 PIPELINING\r\n");
		}
		LOOP_UNTIL(second.done, DEADLINE_MS);
		assert_false(second.failed);
		smtp_free(&smtp);
		again(state);
	}
}

static void cancelling_behind_a_dot(void **state)
{
	(void)state;
	struct smtp_options options = options_of();
	options.max_connections = 1;
	options.final_ms = 60000;
	fake.rules[0] = (struct smtp_rule){"DOT", STALL, 1, 1, false};
	struct smtp *smtp = smtp_new(&options, resolver);
	struct outcome o[3];
	for (int i = 0; i < 3; i++)
		post_to(smtp, "you@b.test", &o[i]);
	LOOP_UNTIL(
	    fake.hits[0] == 2, DEADLINE_MS); /* the second's dot waits, the third stands behind */
	flow_cancel(o[2].flow);
	assert_int_equal(o[2].err.kind, ERR_CANCELLED);
	assert_false(o[1].done);
	LIST_FOREACH (link, &fake.server.connections)
		fake_say(fake_of(link), "250 2.0.0 at last\r\n");
	LOOP_UNTIL(o[1].done, DEADLINE_MS);
	assert_false(o[1].failed);
	assert_string_equal(o[1].result.text, "at last");
	LOOP_UNTIL(fake.server.open == 0, DEADLINE_MS); /* the third's envelope was open there */
	assert_int_equal(fake.mails, 2);
	smtp_free(&smtp);
}

/* --- connections
 * ------------------------------------------------------------------------------------------ */

/* A kept connection that the server drops when we use it again is not the mail's fault. */
static void a_stale_connection_costs_nothing(void **state)
{
	static const char *const answers[] = {CUT, RESET, "421 4.4.2 too slow\r\n"};
	for (size_t i = 0; i < 3; i++) {
		fake.rules[0] = (struct smtp_rule){"MAIL", answers[i], 1, 1, true};
		struct smtp *smtp = client();
		assert_false(send_to(smtp, "you@b.test").failed);
		assert_false(send_to(smtp, "you@b.test").failed);
		assert_int_equal(fake.server.accepted, 2);
		smtp_free(&smtp);
		again(state);
	}
}

static void unasked_words_end_an_idle_connection(void **state)
{
	static const char *const words[] = {"250 ok\r\n", "421 closing\r\n", "x", "\r\n"};
	for (size_t i = 0; i < 4; i++) {
		struct smtp *smtp = client();
		assert_false(send_to(smtp, "you@b.test").failed);
		fake_say(fake_of(list_first(&fake.server.connections)), words[i]);
		LOOP_UNTIL(fake.server.open == 0, DEADLINE_MS);
		assert_false(send_to(smtp, "you@b.test").failed);
		assert_int_equal(fake.server.accepted, 2);
		smtp_free(&smtp);
		again(state);
	}
}

/* Two final replies: the second belongs to nobody, and may not be taken for the next mail's. */
static void a_reply_too_many(void **state)
{
	(void)state;
	struct smtp_options options = options_of();
	options.max_connections = 1;
	fake.rules[0] = (struct smtp_rule){"DOT", "250 one\r\n250 two\r\n", 0, 1, false};
	struct smtp *smtp = smtp_new(&options, resolver);
	struct outcome first, second;
	post_to(smtp, "you@b.test", &first);
	post_to(smtp, "you@b.test", &second);
	LOOP_UNTIL(first.done && second.done, DEADLINE_MS);
	assert_string_equal(first.result.text, "one");
	assert_false(second.failed); /* sent again on a fresh connection */
	assert_string_equal(second.result.text, "queued as 1");
	assert_int_equal(fake.server.accepted, 2);
	smtp_free(&smtp);
}

/* The server allows one connection and refuses more: what waits goes through that one. */
static void too_many_connections(void **state)
{
	(void)state;
	struct smtp_options options = options_of();
	options.command_ms = 3000;
	fake.rules[0] =
	    (struct smtp_rule){"CONNECT", "421 4.7.0 too many connections\r\n", 1, 0, true};
	struct smtp *smtp = smtp_new(&options, resolver);
	struct outcome o[10];
	for (int i = 0; i < 10; i++)
		post_to(smtp, "you@b.test", &o[i]);
	LOOP_UNTIL(smtp_in_flight(smtp) == 0, DEADLINE_MS);
	for (int i = 0; i < 10; i++)
		assert_false(o[i].failed);
	assert_string_equal(fake.order, "0000000000");
	smtp_free(&smtp);
}

static void nobody_listens(void **state)
{
	(void)state;
	struct smtp_options options = options_of();
	uv_close((uv_handle_t *)&fake.server.listener, NULL);
	LOOP_UNTIL(uv_is_closing((uv_handle_t *)&fake.server.listener), 100);
	loop_drain();
	struct smtp *smtp = smtp_new(&options, resolver);
	struct outcome o[20];
	for (int i = 0; i < 20; i++)
		post_to(smtp, "you@b.test", &o[i]);
	LOOP_UNTIL(smtp_in_flight(smtp) == 0, DEADLINE_MS);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(o[i].err.kind, ERR_TRANSIENT);
		assert_non_null(strstr(o[i].err.text, "Connection refused"));
	}
	smtp_free(&smtp);
}

static void no_such_host(void **state)
{
	(void)state;
	struct smtp_options options = options_of();
	options.host = "not a host";
	struct smtp *smtp = smtp_new(&options, resolver);
	assert_int_equal(send_to(smtp, "you@b.test").err.kind, ERR_PERMANENT);
	smtp_free(&smtp);
}

/* "localhost" has ::1 too, where nobody listens: the next address is tried. */
static void the_next_address_is_tried(void **state)
{
	(void)state;
	struct smtp_options options = options_of();
	options.host = "localhost";
	struct smtp *smtp = smtp_new(&options, resolver);
	assert_false(send_to(smtp, "you@b.test").failed);
	smtp_free(&smtp);
}

/* --- TLS and AUTH
 * ------------------------------------------------------------------------------------------- */

#define TLS_EHLO "250-fake\r\n250-PIPELINING\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n"
static char ca_file[] = "/tmp/test_smtp_XXXXXX";

static struct smtp_options tls_options(enum smtp_tls tls)
{
	struct smtp_options options = options_of();
	options.tls = tls;
	options.ca_file = ca_file;
	options.connect_ms = 1000;
	options.command_ms = 1000;
	fake.implicit_tls = tls == SMTP_TLS_IMPLICIT;
	fake.ehlo = TLS_EHLO;
	return options;
}

static void tls(void **state)
{
	static const struct {
		enum smtp_tls tls;
		const char *names;
		bool works;
	} rows[] = {
	    {SMTP_TLS_STARTTLS, "IP:127.0.0.1", true},
	    {SMTP_TLS_IMPLICIT, "IP:127.0.0.1", true},
	    {SMTP_TLS_STARTTLS, "IP:127.0.0.2", false},
	    {SMTP_TLS_IMPLICIT, "IP:127.0.0.2", false},
	    {SMTP_TLS_STARTTLS, "DNS:mail.test", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct smtp_options options = tls_options(rows[i].tls);
		fake.server.tls = fake_tls(rows[i].names, ca_file);
		options.user = "user";
		options.password = "secret";
		struct smtp *smtp = smtp_new(&options, resolver);
		struct outcome first, second;
		post_to(smtp, "you@b.test", &first);
		post_to(smtp, "you@b.test", &second);
		LOOP_UNTIL(first.done && second.done, DEADLINE_MS);
		if (first.failed == rows[i].works)
			fail_msg("%zu: %s", i, first.err.text);
		if (rows[i].works) {
			assert_false(second.failed);
			assert_non_null(
			    strstr(buf_text(&fake.log), " AUTH PLAIN AHVzZXIAc2VjcmV0\n"));
			assert_non_null(strstr(buf_text(&fake.content), "Dear you\r\n.\r\n"));
		} else {
			assert_int_equal(first.err.kind, ERR_TRANSIENT);
			assert_non_null(strstr(first.err.text, "certificate refused"));
			assert_null(strstr(buf_text(&fake.log), "AUTH"));
		}
		smtp_free(&smtp);
		again(state);
	}
}

static void an_unknown_certificate(void **state)
{
	(void)state;
	struct smtp_options options = tls_options(SMTP_TLS_STARTTLS);
	fake.server.tls = fake_tls("IP:127.0.0.1", NULL);
	options.ca_file = NULL;
	struct smtp *smtp = smtp_new(&options, resolver);
	struct outcome o = send_to(smtp, "you@b.test");
	assert_int_equal(o.err.kind, ERR_TRANSIENT);
	assert_non_null(strstr(o.err.text, "certificate refused: self"));
	assert_int_equal(fake.mails, 0);
	smtp_free(&smtp);
}

static void tls_by_name(void **state)
{
	(void)state;
	struct smtp_options options = tls_options(SMTP_TLS_STARTTLS);
	fake.server.tls = fake_tls("DNS:localhost", ca_file);
	options.host = "localhost";
	struct smtp *smtp = smtp_new(&options, resolver);
	assert_false(send_to(smtp, "you@b.test").failed);
	assert_int_equal(fake.starts, 1);
	smtp_free(&smtp);
}

/* CVE-2011-0411: words behind the reply to STARTTLS were said before encryption. */
static void starttls_injection(void **state)
{
	(void)state;
	struct smtp_options options = tls_options(SMTP_TLS_STARTTLS);
	fake.server.tls = fake_tls("IP:127.0.0.1", ca_file);
	fake.rules[0] =
	    (struct smtp_rule){"STARTTLS", "220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n", 0, 0, false};
	options.user = "user";
	options.password = "secret";
	struct smtp *smtp = smtp_new(&options, resolver);
	struct outcome o = send_to(smtp, "you@b.test");
	assert_int_equal(o.err.kind, ERR_TRANSIENT);
	assert_non_null(strstr(o.err.text, "injected"));
	assert_null(strstr(buf_text(&fake.log), "AUTH"));
	smtp_free(&smtp);
}

static void tls_not_to_be_had(void **state)
{
	static const struct {
		const char *ehlo, *answer;
		enum err_kind kind;
	} rows[] = {
	    {"250-fake\r\n250 PIPELINING\r\n", NULL, ERR_AUTH},
	    {TLS_EHLO, "502 no\r\n", ERR_AUTH},
	    {TLS_EHLO, "454 TLS not available\r\n", ERR_TRANSIENT},
	    {TLS_EHLO, "220 go\r\nno handshake at all", ERR_TRANSIENT},
	    {TLS_EHLO, CUT, ERR_TRANSIENT},
	    {TLS_EHLO, SILENT, ERR_TRANSIENT},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct smtp_options options = tls_options(SMTP_TLS_STARTTLS);
		options.ca_file = NULL;
		options.command_ms = 100;
		fake.ehlo = rows[i].ehlo;
		fake.rules[0] = (struct smtp_rule){
		    rows[i].answer ? "STARTTLS" : NULL, rows[i].answer, 0, 0, true};
		struct smtp *smtp = smtp_new(&options, resolver);
		struct outcome o = send_to(smtp, "you@b.test");
		if (o.err.kind != rows[i].kind)
			fail_msg("%zu: %s %s", i, err_kind_name(o.err.kind), o.err.text);
		assert_null(strstr(buf_text(&fake.log), "MAIL"));
		smtp_free(&smtp);
		again(state);
	}
}

static void a_stalled_handshake_ends(void **state)
{
	(void)state;
	struct smtp_options options = tls_options(SMTP_TLS_IMPLICIT);
	fake.implicit_tls = false; /* the server waits for words, we for its hello */
	fake.rules[0] = (struct smtp_rule){"CONNECT", SILENT, 0, 0, false};
	options.ca_file = NULL;
	options.connect_ms = 100;
	struct smtp *smtp = smtp_new(&options, resolver);
	struct outcome o = send_to(smtp, "you@b.test");
	assert_int_equal(o.err.kind, ERR_TRANSIENT);
	assert_non_null(strstr(o.err.text, "TLS handshake"));
	smtp_free(&smtp);
}

static void an_unreadable_ca_file(void **state)
{
	(void)state;
	struct smtp_options options = tls_options(SMTP_TLS_IMPLICIT);
	options.ca_file = "/nowhere/ca.pem";
	struct smtp *smtp = smtp_new(&options, resolver);
	struct outcome o = send_to(smtp, "you@b.test");
	assert_int_equal(o.err.kind, ERR_AUTH);
	assert_non_null(strstr(o.err.text, "/nowhere/ca.pem"));
	smtp_free(&smtp);
}

static void login(void **state)
{
	static const struct {
		const char *host, *ehlo, *verb, *answer;
		enum err_kind kind;
		const char *says; /* in the log, or in the error */
	} rows[] = {
	    {"127.0.0.1", "250-x\r\n250 AUTH LOGIN PLAIN\r\n", NULL, NULL, ERR_NONE,
	        "AUTH PLAIN AHVzZXIAc2VjcmV0\n"},
	    {"127.0.0.1", "250-x\r\n250 AUTH LOGIN\r\n", NULL, NULL, ERR_NONE,
	        "AUTH LOGIN\n0 dXNlcg==\n0 c2VjcmV0\n"},
	    {"127.0.0.1", "250-x\r\n250 AUTH=LOGIN\r\n", NULL, NULL, ERR_NONE, "c2VjcmV0"},
	    {"127.0.0.1", "250 x\r\n", NULL, NULL, ERR_AUTH, "offers neither"},
	    {"127.0.0.1", "250-x\r\n250 AUTH CRAM-MD5\r\n", NULL, NULL, ERR_AUTH, "offers neither"},
	    {"localhost", "250-x\r\n250 AUTH PLAIN\r\n", NULL, NULL, ERR_AUTH, "unencrypted"},
	    {"127.0.0.1", "250-x\r\n250 AUTH PLAIN\r\n", "AUTH", "535 5.7.8 wrong\r\n", ERR_AUTH,
	        "login refused: 535 5.7.8 wrong"},
	    {"127.0.0.1", "250-x\r\n250 AUTH PLAIN\r\n", "AUTH", "504 what\r\n", ERR_AUTH, "504"},
	    {"127.0.0.1", "250-x\r\n250 AUTH PLAIN\r\n", "AUTH", "454 later\r\n", ERR_TRANSIENT,
	        "454"},
	    {"127.0.0.1", "250-x\r\n250 AUTH PLAIN\r\n", "AUTH", "334 \r\n", ERR_TRANSIENT,
	        "out of step"},
	    {"127.0.0.1", "250-x\r\n250 AUTH PLAIN\r\n", "AUTH", "250 ok\r\n", ERR_TRANSIENT,
	        "out of step"},
	    {"127.0.0.1", "250-x\r\n250 AUTH PLAIN\r\n", "AUTH", CUT, ERR_TRANSIENT, "AUTH PLAIN"},
	    {"127.0.0.1", "250-x\r\n250 AUTH PLAIN\r\n", "AUTH", SILENT, ERR_TRANSIENT,
	        "no reply to AUTH"},
	    {"127.0.0.1", "250-x\r\n250 AUTH LOGIN\r\n", "AUTH+", "535 no\r\n", ERR_AUTH, "535"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct smtp_options options = options_of();
		options.host = rows[i].host;
		options.user = "user";
		options.password = "secret";
		fake.ehlo = rows[i].ehlo;
		fake.rules[0] = (struct smtp_rule){rows[i].verb, rows[i].answer, 0, 0, false};
		struct smtp *smtp = smtp_new(&options, resolver);
		struct outcome o = send_to(smtp, "you@b.test");
		if (o.err.kind != rows[i].kind)
			fail_msg("%zu: %s %s", i, err_kind_name(o.err.kind), o.err.text);
		assert_non_null(strstr(o.failed ? o.err.text : buf_text(&fake.log), rows[i].says));
		assert_null(strstr(o.err.text, "secret"));
		smtp_free(&smtp);
		again(state);
	}
}

int main(void)
{
	loop_start();
	int fd = mkstemp(ca_file);
	assert_true(fd >= 0);
	close(fd);
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	    TEST(a_mail),
	    TEST(an_old_server),
	    TEST(connections_are_kept),
	    TEST(connections_wear_out),
	    TEST(idle_connections_quit),
	    TEST(dots_are_stuffed),
	    TEST(a_big_mail),
	    TEST(injections_are_refused),
	    TEST(smuggling_is_refused),
	    TEST(extensions_only_where_needed),
	    TEST(every_verb),
	    TEST(replies_out_of_step),
	    TEST(long_lines_end_the_connection),
	    TEST(a_refused_recipient_spoils_nothing),
	    TEST(data_accepted_for_nobody),
	    TEST(policy_is_not_the_recipients_fault),
	    TEST(the_250_is_never_lost),
	    TEST(the_250_is_never_lost_with_followers),
	    TEST(mails_on_one_connection_get_their_own_replies),
	    TEST(a_cut_behind_the_dot_spares_the_follower),
	    TEST(a_slow_final_reply_holds_up_nobody),
	    TEST(stopping),
	    TEST(cancelling),
	    TEST(cancelling_behind_a_dot),
	    TEST(a_stale_connection_costs_nothing),
	    TEST(unasked_words_end_an_idle_connection),
	    TEST(a_reply_too_many),
	    TEST(too_many_connections),
	    TEST(nobody_listens),
	    TEST(no_such_host),
	    TEST(the_next_address_is_tried),
	    TEST(tls),
	    TEST(an_unknown_certificate),
	    TEST(tls_by_name),
	    TEST(starttls_injection),
	    TEST(tls_not_to_be_had),
	    TEST(a_stalled_handshake_ends),
	    TEST(an_unreadable_ca_file),
	    TEST(login),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(ca_file);
	return failed;
}
