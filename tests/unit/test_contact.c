#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "notifier/core/contact.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void good_emails(void **state)
{
	(void)state;
	static const char *const rows[] = {"asha@shop.test", "a@b.co",
	    "first.last+tag@sub.shop.test", "o'brien@shop.test", "!#$%&'*+-/=?^_`{|}~@shop.test",
	    "a@1.de", "a@xn--bcher-kva.test",
	    "b\xc3\xbc"
	    "cher@b\xc3\xbc"
	    "cher.test",
	    "\xe0\xa4\x86\xe0\xa4\xb6\xe0\xa4\xbe@\xe0\xa4\x89\xe0\xa4\xa6\xe0\xa4\xbe.test",
	    A64 "@shop.test", "a@" A63 ".test", "a@b-c.test"};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {0};
		if (!contact_email_check(rows[i], &err))
			fail_msg("%s: %s", rows[i], err.text);
	}
}

static void bad_emails(void **state)
{
	(void)state;
	static const struct {
		const char *email, *says;
	} rows[] = {
	    {NULL, "empty"}, {"", "empty"}, {"asha", "@ is missing"},
	    {"@shop.test", "nothing before"}, {"asha@", "nothing after"}, {"asha@shop", "no dot"},
	    {"asha@shop.test@evil.test", "more than one @"},
	    {"asha@shop..test", "dot too many after"}, {"asha@.shop.test", "dot too many after"},
	    {"asha@shop.test.", "dot too many after"}, {".asha@shop.test", "dot too many before"},
	    {"asha.@shop.test", "dot too many before"}, {"as..ha@shop.test", "dot too many before"},
	    {"as ha@shop.test", "space"}, {" asha@shop.test", "space"},
	    {"asha@shop.test\r\nRCPT TO:<x@y.test>", "control"}, {"asha@shop.test\n", "control"},
	    {"as\tha@shop.test", "control"}, {"as\x7fha@shop.test", "control"},
	    {"\"asha\"@shop.test", "'\"' is not possible"},
	    {"<asha@shop.test>", "'<' is not possible"}, {"asha@shop.test>", "'>' is not possible"},
	    {"asha(me)@shop.test", "'(' is not possible"}, {"a,b@shop.test", "',' is not possible"},
	    {"asha@[127.0.0.1]", "'[' is not possible"}, {"asha@127.0.0.1", "ends in a number"},
	    {"asha@shop.123", "ends in a number"}, {"asha@-shop.test", "dash"},
	    {"asha@shop-.test", "dash"}, {"asha@sh_op.test", "'_' is not possible"},
	    {A64 "a@shop.test", "64 bytes"}, {"a@" A63 "a.test", "63 bytes"},
	    {"a@" A63 "." A63 "." A63 "." A63 ".test", "254"}, {"as\xffha@shop.test", "UTF-8"},
	    {"as\xc0\xaeha@shop.test", "UTF-8"}, {"as\xed\xa0\x80ha@shop.test", "UTF-8"},
	    {"as\xc2\x85ha@shop.test", "control"},     /* NEL */
	    {"as\xc2\xa0ha@shop.test", "control"},     /* no-break space */
	    {"as\xe2\x80\xaeha@shop.test", "control"}, /* right-to-left override */
	    {"as\xe2\x80\x8bha@shop.test", "control"}, /* zero-width space */
	    {"asha@shop.test\xef\xbb\xbf", "control"}, /* byte order mark */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {0};
		assert_false(contact_email_check(rows[i].email, &err));
		assert_int_equal(err.kind, ERR_INPUT);
		if (strstr(err.text, rows[i].says) == NULL ||
		    strncmp(err.text, "e-mail address: ", 16))
			fail_msg("row %zu: %s", i, err.text);
	}
	assert_false(contact_email_check("asha", NULL));
}

static void phones(void **state)
{
	(void)state;
	static const struct {
		const char *phone, *out, *says;
	} rows[] = {
	    {"+919812345621", "+919812345621", NULL},
	    {"+91 98123-45621", "+919812345621", NULL},
	    {"(+49) 30.1234/567", "+49301234567", NULL},
	    {"+1234567", "+1234567", NULL},
	    {"+123456789012345", "+123456789012345", NULL},
	    {"+1234567890123456", NULL, "more than 15"},
	    {"+123456", NULL, "fewer than 7"},
	    {"+0123456789", NULL, "begins with 0"},
	    {"+44 (0)20 1234 5678", NULL, "leave out"},
	    {"09812345621", NULL, "begin with +"},
	    {"919812345621", NULL, "begin with +"},
	    {"+91981234562x", NULL, "only digits"},
	    {"++919812345621", NULL, "only digits"},
	    {"+91 98\r\n12345621", NULL, "only digits"},
	    {"\xef\xbc\x8b"
	     "919812345621",
	        NULL, "only digits"},
	    {"", NULL, "empty"},
	    {NULL, NULL, "empty"},
	    {"+", NULL, "fewer than 7"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {0};
		char out[20] = "old";
		bool good = contact_phone_normalise(rows[i].phone, out, &err);
		assert_int_equal(good, rows[i].out != NULL);
		assert_string_equal(out, good ? rows[i].out : "");
		if (!good && strstr(err.text, rows[i].says) == NULL)
			fail_msg("row %zu: %s", i, err.text);
	}
	static char huge[100001];
	char out[20];
	memset(huge, '1', sizeof huge - 1);
	huge[0] = '+';
	assert_false(contact_phone_normalise(huge, out, NULL));
	memset(huge + 1, ' ', sizeof huge - 2);
	assert_false(contact_phone_normalise(huge, out, NULL));
}

static void languages(void **state)
{
	(void)state;
	static const struct {
		const char *language, *out;
	} rows[] = {
	    {"en", "en"},
	    {"EN", "en"},
	    {"pt-BR", "pt-BR"},
	    {"pt_br", "pt-BR"},
	    {"zh-hant-tw", "zh-Hant-TW"},
	    {"sr_LATN", "sr-Latn"},
	    {"es-419", "es-419"},
	    {"fil", "fil"},
	    {"", NULL},
	    {NULL, NULL},
	    {"e", NULL},
	    {"engl", NULL},
	    {"en-", NULL},
	    {"en-U", NULL},
	    {"en-USA", NULL},
	    {"en-US-x", NULL},
	    {"en-US-POSIX", NULL},
	    {"en US", NULL},
	    {"../../etc", NULL},
	    {"e1", NULL},
	    {"de-Latn-", NULL},
	    {"d\xc3\xa9", NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char out[16] = "old";
		struct err err;
		bool good = contact_language_normalise(rows[i].language, out, &err);
		if (good != (rows[i].out != NULL))
			fail_msg("row %zu", i);
		assert_string_equal(out, good ? rows[i].out : "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_emails),
	    cmocka_unit_test(bad_emails),
	    cmocka_unit_test(phones),
	    cmocka_unit_test(languages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
