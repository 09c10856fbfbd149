/* The SMTP client: STARTTLS, TLS and AUTH. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/smtp_kit.h"

/* --- TLS and AUTH ---------------------------------------------------------------------------- */

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

/* More than the socket takes at once, with another mail behind it. */
static void big_mails_over_tls(void **state)
{
	(void)state;
	struct smtp_options options = tls_options(SMTP_TLS_STARTTLS);
	struct buf content = BUF_EMPTY(0);
	struct outcome outcomes[4];
	fake.server.tls = fake_tls("IP:127.0.0.1", ca_file);
	options.max_connections = 1;
	while (content.size < 3 * 1024 * 1024)
		buf_add_text(
		    &content, ".0123456789012345678901234567890123456789012345678901234567890\r\n");
	struct smtp *smtp = smtp_new(&options, resolver);
	struct smtp_mail mail = mail_to("you@b.test");
	mail.content = str_make(content.data, content.size);
	for (int i = 0; i < 4; i++)
		post_start(smtp, &mail, &outcomes[i]);
	LOOP_UNTIL(smtp_in_flight(smtp) == 0, DEADLINE_MS);
	for (int i = 0; i < 4; i++)
		assert_false(outcomes[i].failed);
	assert_int_equal(fake.content.size, 4 * (content.size / 64 * 65 + 3));
	smtp_free(&smtp);
	buf_free(&content);
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
	    TEST(tls),
	    TEST(big_mails_over_tls),
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
