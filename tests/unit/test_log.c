#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "notifier/base/log.h"
#include "notifier/base/str.h"

static char last_line[20000];
static int lines;

static void keep_line(const char *line, size_t len)
{
	assert_true(len < sizeof last_line);
	memcpy(last_line, line, len);
	last_line[len] = '\0';
	lines++;
}

static int64_t noon(void)
{
	return INT64_C(1772625600000); /* 2026-03-04T12:00:00Z */
}

static int set_up(void **state)
{
	(void)state;
	log_set_sink(keep_line);
	log_set_clock(NULL);
	log_set_level(LOG_INFO);
	last_line[0] = '\0';
	lines = 0;
	return 0;
}

static void a_line(void **state)
{
	(void)state;
	log_set_clock(noon);
	LOG(INFO, "message_sent", f_text("shipment", "shp_x"), f_contact("to", "asha@deli.test"),
	    f_int("ms", -12));
	assert_string_equal(last_line, "time=2026-03-04T12:00:00Z level=info event=message_sent "
	                               "shipment=shp_x to=a***@d***.test ms=-12");
	log_set_clock(NULL);
	LOG(ERROR, "bare");
	assert_string_equal(last_line, "level=error event=bare");
}

static void levels(void **state)
{
	(void)state;
	LOG(DEBUG, "quiet");
	assert_int_equal(lines, 0);
	enum log_level level;
	assert_true(log_level_parse("debug", &level));
	log_set_level(level);
	LOG(DEBUG, "loud");
	assert_int_equal(lines, 1);
	assert_true(log_level_parse("error", &level));
	log_set_level(level);
	LOG(WARN, "quiet");
	assert_int_equal(lines, 1);
	assert_false(log_level_parse("loud", &level));
	assert_false(log_level_parse("", &level));
}

static void values_cannot_break_a_line(void **state)
{
	(void)state;
	static const struct {
		const char *text, *line;
	} rows[] = {
	    {"plain-1.2/x", "level=info event=e v=plain-1.2/x"},
	    {"", "level=info event=e v=\"\""},
	    {NULL, "level=info event=e v=-"},
	    {"two words", "level=info event=e v=\"two words\""},
	    {"a=b", "level=info event=e v=\"a=b\""},
	    {"say \"hi\" \\", "level=info event=e v=\"say \\\"hi\\\" \\\\\""},
	    {"one\ntwo\r\x1b[31m", "level=info event=e v=\"one\\ntwo[31m\""},
	    {"x\nlevel=error event=forged",
	        "level=info event=e v=\"x\\nlevel=error event=forged\""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		LOG(INFO, "e", f_text("v", rows[i].text));
		assert_string_equal(last_line, rows[i].line);
	}
}

static void nobody_reads_contacts_or_secrets(void **state)
{
	(void)state;
	static const struct {
		const char *contact, *redacted;
	} rows[] = {
	    {"asha@shop.test", "a***@s***.test"},
	    {"a@b.co", "a***@b***.co"},
	    {"asha@mail.shop.test", "a***@m***.test"},
	    {"+919812345621", "+9198\xe2\x80\xa6"
	                      "21"},
	    {"12345", "***"},
	    {"", "-"},
	    {NULL, "-"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char out[64];
		contact_redact(out, sizeof out, rows[i].contact);
		assert_string_equal(out, rows[i].redacted);
	}
	char tiny[4];
	contact_redact(tiny, sizeof tiny, "asha@shop.test");
	assert_string_equal(tiny, "a**");
	log_set_level(LOG_DEBUG);
	LOG(DEBUG, "e", f_secret("key", "canary-7f3a"), f_contact("to", "asha@shop.test"),
	    f_contact("sms", "+919812345621"));
	assert_null(strstr(last_line, "canary"));
	assert_null(strstr(last_line, "asha"));
	assert_null(strstr(last_line, "123456"));
	assert_non_null(strstr(last_line, "key=***"));
}

static void texts_that_quote_others_are_redacted(void **state)
{
	(void)state;
	static const struct {
		const char *text, *line;
	} rows[] = {
	    {"550 <asha@shop.test>: no such user", "v=\"550 <a***@s***.test>: no such user\""},
	    {"asha@shop.test", "v=a***@s***.test"},
	    {"to a.b+c@mail.shop.test.", "v=\"to a***@m***.test\""},
	    {"sms to +919812345621 failed", "v=\"sms to +9198\xe2\x80\xa6"
	                                    "21 failed\""},
	    {"redis://user:pass@db.test/0", "v=redis://user:p***@d***.test/0"},
	    {"@ a@ @b + +1 2026-03-04T12:00:00+01:00",
	        "v=\"@ a@ @b + +1 2026-03-04T12:00:00+01:00\""},
	    {"key canary-7f3a unknown", "v=\"key *** unknown\""},
	    {"xcanary-7f3acanary-7f3a", "v=x******"},
	    {"short", "v=short"},
	};
	log_hide("canary-7f3a");
	log_hide("canary-7f3a");
	log_hide("short");
	log_hide("");
	log_hide(NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		LOG(INFO, "e", f_text("v", rows[i].text));
		assert_string_equal(strstr(last_line, "v="), rows[i].line);
	}
}

static void huge_values_are_bounded(void **state)
{
	(void)state;
	static char huge[1000001];
	memset(huge, 'x', sizeof huge - 1);
	LOG(INFO, "e", f_text("v", huge), f_int("n", 1));
	assert_true(strlen(last_line) <= 8192);
	assert_int_equal(strncmp(last_line, "level=info event=e v=", 21), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_line, set_up),
	    cmocka_unit_test_setup(levels, set_up),
	    cmocka_unit_test_setup(values_cannot_break_a_line, set_up),
	    cmocka_unit_test_setup(nobody_reads_contacts_or_secrets, set_up),
	    cmocka_unit_test_setup(texts_that_quote_others_are_redacted, set_up),
	    cmocka_unit_test_setup(huge_values_are_bounded, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
