/* The SMTP client: mails that go well, mails that may not go, and its connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/smtp_kit.h"

/* --- what goes well -------------------------------------------------------------------------- */

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

/* --- what is not sendable -------------------------------------------------------------------- */

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

/* --- connections ----------------------------------------------------------------------------- */

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
	assert_int_equal(send_to(smtp, "you@b.test").err.kind, ERR_TRANSIENT);
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

int main(void)
{
	loop_start();
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
	    TEST(a_stale_connection_costs_nothing),
	    TEST(unasked_words_end_an_idle_connection),
	    TEST(a_reply_too_many),
	    TEST(too_many_connections),
	    TEST(nobody_listens),
	    TEST(no_such_host),
	    TEST(the_next_address_is_tried),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
