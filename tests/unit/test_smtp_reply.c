#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "notifier/base/mem.h"
#include "notifier/io/smtp_reply.h"

static const struct {
	const char *input;
	enum smtp_parsed parsed;
	int code;
	const char *enhanced, *text;
	size_t used;
} rows[] = {
    {"", SMTP_PARSED_MORE, 0, "", "", 0},
    {"2", SMTP_PARSED_MORE, 0, "", "", 0},
    {"250 ok", SMTP_PARSED_MORE, 0, "", "", 0},
    {"250 ok\r", SMTP_PARSED_MORE, 0, "", "", 0},
    {"250 ok\r\n", SMTP_PARSED_REPLY, 250, "", "ok", 8},
    {"250 ok\n", SMTP_PARSED_REPLY, 250, "", "ok", 7},
    {"250\r\n", SMTP_PARSED_REPLY, 250, "", "", 5},
    {"250 \r\n", SMTP_PARSED_REPLY, 250, "", "", 6},
    {"250 ok\r\n354 go\r\n", SMTP_PARSED_REPLY, 250, "", "ok", 8},
    {"250-a\r\n250-b\r\n250 c\r\nrest", SMTP_PARSED_REPLY, 250, "", "a", 21},
    {"250-a\r\n250-b\r\n", SMTP_PARSED_MORE, 0, "", "", 0},
    {"250-a\r\n251 b\r\n", SMTP_PARSED_GARBAGE, 0, "", "", 0},
    {"250-a\r\nhello\r\n", SMTP_PARSED_GARBAGE, 0, "", "", 0},
    {"550 5.1.1 No such user\r\n", SMTP_PARSED_REPLY, 550, "5.1.1", "No such user", 24},
    {"452 4.2.2\r\n", SMTP_PARSED_REPLY, 452, "4.2.2", "", 11},
    {"550 5.7.515 Access denied\r\n", SMTP_PARSED_REPLY, 550, "5.7.515", "Access denied", 27},
    {"550 5.7.5155 Access\r\n", SMTP_PARSED_REPLY, 550, "", "5.7.5155 Access", 21},
    {"550 4.1.1 wrong class\r\n", SMTP_PARSED_REPLY, 550, "", "4.1.1 wrong class", 23},
    {"550 5.1 half\r\n", SMTP_PARSED_REPLY, 550, "", "5.1 half", 14},
    {"550 5..1 half\r\n", SMTP_PARSED_REPLY, 550, "", "5..1 half", 15},
    {"550 a\x01\x1b[31mred\r\n", SMTP_PARSED_REPLY, 550, "", "a [31mred", 16},
    {"550 \xff\xfe\r\n", SMTP_PARSED_REPLY, 550, "", "", 8},
    {"HTTP/1.1 200 OK\r\n", SMTP_PARSED_GARBAGE, 0, "", "", 0},
    {"150 ok\r\n", SMTP_PARSED_GARBAGE, 0, "", "", 0},
    {"650 ok\r\n", SMTP_PARSED_GARBAGE, 0, "", "", 0},
    {"2500 ok\r\n", SMTP_PARSED_GARBAGE, 0, "", "", 0},
    {"25 ok\r\n", SMTP_PARSED_GARBAGE, 0, "", "", 0},
    {"250+ok\r\n", SMTP_PARSED_GARBAGE, 0, "", "", 0},
    {"\r\n", SMTP_PARSED_GARBAGE, 0, "", "", 0},
    {"\n", SMTP_PARSED_GARBAGE, 0, "", "", 0},
};

static void replies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct smtp_reply reply;
		assert_int_equal(smtp_reply_parse(str_of(rows[i].input), &reply), rows[i].parsed);
		if (rows[i].parsed != SMTP_PARSED_REPLY)
			continue;
		assert_int_equal(reply.code, rows[i].code);
		assert_string_equal(reply.enhanced, rows[i].enhanced);
		assert_string_equal(reply.text, rows[i].text);
		assert_int_equal(reply.raw.len, rows[i].used);
	}
}

static void a_nul_is_a_blank(void **state)
{
	(void)state;
	struct smtp_reply reply;
	assert_int_equal(smtp_reply_parse(str_make("250 a\0b\r\n", 9), &reply), SMTP_PARSED_REPLY);
	assert_string_equal(reply.text, "a b");
}

static void lines_have_a_limit(void **state)
{
	(void)state;
	static char line[SMTP_LINE_MAX + 10];
	struct smtp_reply reply;
	memset(line, 'x', sizeof line);
	memcpy(line, "250 ", 4);
	assert_int_equal(smtp_reply_parse(str_make(line, SMTP_LINE_MAX), &reply), SMTP_PARSED_MORE);
	assert_int_equal(
	    smtp_reply_parse(str_make(line, SMTP_LINE_MAX + 1), &reply), SMTP_PARSED_GARBAGE);
	memcpy(line + SMTP_LINE_MAX - 2, "\r\n", 2);
	assert_int_equal(
	    smtp_reply_parse(str_make(line, SMTP_LINE_MAX), &reply), SMTP_PARSED_REPLY);
	assert_int_equal(strlen(reply.text), sizeof reply.text - 1);
	memset(line, 'x', sizeof line);
	memcpy(line, "250 ", 4);
	memcpy(line + SMTP_LINE_MAX, "\r\n", 2);
	assert_int_equal(
	    smtp_reply_parse(str_make(line, SMTP_LINE_MAX + 2), &reply), SMTP_PARSED_GARBAGE);
}

static void replies_have_a_limit(void **state)
{
	(void)state;
	struct buf endless = BUF_EMPTY(0);
	struct smtp_reply reply;
	while (endless.size <= SMTP_REPLY_MAX)
		buf_add_text(&endless, "250-and so on\r\n");
	assert_int_equal(
	    smtp_reply_parse(str_make(endless.data, endless.size), &reply), SMTP_PARSED_GARBAGE);
	buf_free(&endless);
}

/* Every way to cut a conversation into pieces gives the same replies. */
static void pieces(void **state)
{
	(void)state;
	static const char all[] = "220-hello\r\n220 there\r\n250 2.0.0 ok\r\n550 5.1.1 no\r\n";
	for (size_t cut = 0; cut < sizeof all; cut++) {
		struct smtp_reply reply;
		enum smtp_parsed parsed = smtp_reply_parse(str_make(all, cut), &reply);
		assert_int_equal(parsed, cut < 22 ? SMTP_PARSED_MORE : SMTP_PARSED_REPLY);
		if (parsed == SMTP_PARSED_REPLY)
			assert_int_equal(reply.raw.len, 22);
	}
}

static void kinds(void **state)
{
	(void)state;
	static const struct {
		int code;
		const char *enhanced;
		enum err_kind kind;
	} cases[] = {
	    {421, "", ERR_THROTTLED},
	    {450, "", ERR_THROTTLED},
	    {451, "4.3.0", ERR_THROTTLED},
	    {452, "", ERR_THROTTLED},
	    {454, "4.7.0", ERR_THROTTLED},
	    {454, "", ERR_TRANSIENT},
	    {400, "", ERR_TRANSIENT},
	    {499, "", ERR_TRANSIENT},
	    {455, "4.7.28", ERR_THROTTLED},
	    {530, "", ERR_AUTH},
	    {534, "", ERR_AUTH},
	    {535, "5.7.8", ERR_AUTH},
	    {538, "", ERR_AUTH},
	    {550, "5.1.1", ERR_PERMANENT},
	    {554, "", ERR_PERMANENT},
	    {599, "", ERR_PERMANENT},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct smtp_reply reply = {.code = cases[i].code};
		strncpy(reply.enhanced, cases[i].enhanced, sizeof reply.enhanced - 1);
		assert_int_equal(smtp_reply_kind(&reply), cases[i].kind);
	}
}

static void features(void **state)
{
	(void)state;
	struct smtp_features f = smtp_reply_features(
	    str_of("250-PIPELINING is my name\r\n250-pipelining\r\n250-8BITMIME\r\n250-SIZE "
	           "1000\r\n250-STARTTLS\r\n"
	           "250-AUTH LOGIN PLAIN CRAM-MD5\r\n250 SMTPUTF8\r\n"));
	assert_true(
	    f.pipelining && f.eight_bit && f.utf8 && f.starttls && f.auth_plain && f.auth_login);
	assert_true(f.has_size);
	assert_int_equal(f.max_bytes, 1000);
	f = smtp_reply_features(
	    str_of("250-STARTTLS\r\n250-AUTH=LOGIN\r\n250-SIZE\r\n250 XPLAIN PLAIN\r\n"));
	assert_false(f.starttls || f.auth_plain || f.pipelining);
	assert_true(f.auth_login && f.has_size && f.max_bytes == 0);
	f = smtp_reply_features(str_of("250 hello\r\n"));
	assert_false(f.pipelining || f.eight_bit || f.has_size);
	f = smtp_reply_features(str_of("250-x\r\n250 SIZE 99999999999999999999999\r\n"));
	assert_true(f.has_size && f.max_bytes == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(replies),
	    cmocka_unit_test(a_nul_is_a_blank),
	    cmocka_unit_test(lines_have_a_limit),
	    cmocka_unit_test(replies_have_a_limit),
	    cmocka_unit_test(pieces),
	    cmocka_unit_test(kinds),
	    cmocka_unit_test(features),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
