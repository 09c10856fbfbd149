/* The SMTP client against a server that fails it at any verb, and the final reply above all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/smtp_kit.h"

/* --- every verb, every failure --------------------------------------------------------------- */

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

/* --- the final reply ------------------------------------------------------------------------- */

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

int main(void)
{
	loop_start();
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
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
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
