/* E-mail bytes: headers that cannot be broken out of, bodies that survive SMTP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "notifier/base/mem.h"
#include "notifier/message/mail.h"

static struct mail good_mail(void)
{
	return (struct mail){
	    .from = {"Blue Shop", "news@shop.example"},
	    .to = {"", "asha@shop.test"},
	    .subject = "Your parcel",
	    .text = "Hello.\n",
	    .html = "<p>Hello.</p>\n",
	    .message_id = "msg_1@shop.example",
	    .date_ms = INT64_C(1772681700000),
	    .auto_submitted = true,
	};
}

static char *built(const struct mail *mail)
{
	struct buf out = BUF_EMPTY(0);
	struct err err;
	if (!mail_build(mail, &out, &err))
		fail_msg("%s", err.text);
	size_t line = 0;
	for (size_t i = 0; i < out.size; i++) {
		char c = out.data[i];
		assert_true(c != '\n' || (i > 0 && out.data[i - 1] == '\r'));
		assert_true(c != '\r' || out.data[i + 1] == '\n');
		assert_true((unsigned char)c < 0x7F);
		line = c == '\n' ? 0 : line + 1;
		assert_true(line <= 998);
	}
	return buf_take(&out);
}

static void has(const struct mail *mail, const char *part)
{
	char *text = built(mail);
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" is not in:\n%s", part, text);
	xfree(text);
}

static void test_whole(void **state)
{
	(void)state;
	struct mail mail = good_mail();
	char *text = built(&mail);
	assert_string_equal(text,
	    "From: Blue Shop <news@shop.example>\r\n"
	    "To: asha@shop.test\r\n"
	    "Subject: Your parcel\r\n"
	    "Date: Thu, 05 Mar 2026 03:35:00 +0000\r\n"
	    "Message-ID: <msg_1@shop.example>\r\n"
	    "Auto-Submitted: auto-generated\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/alternative; boundary=\"=_2ae9913350625842\"\r\n"
	    "\r\n"
	    "--=_2ae9913350625842\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n"
	    "\r\n"
	    "Hello.\r\n"
	    "--=_2ae9913350625842\r\n"
	    "Content-Type: text/html; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n"
	    "\r\n"
	    "<p>Hello.</p>\r\n"
	    "--=_2ae9913350625842--\r\n");
	char *again = built(&mail);
	assert_string_equal(text, again);
	xfree(text);
	xfree(again);
}

static void test_headers(void **state)
{
	(void)state;
	struct mail mail = good_mail();
	mail.from = (struct mail_address){"Shop, \"Blue\"", "news@shop.example"};
	has(&mail, "From: \"Shop, \\\"Blue\\\"\" <news@shop.example>\r\n");
	mail.from = (struct mail_address){"B\u00e4r", "news@shop.example"};
	has(&mail, "From: =?UTF-8?B?QsOkcg==?= <news@shop.example>\r\n");
	mail.subject = "\u0aa4\u0aae\u0abe\u0ab0\u0ac1\u0a82 \u0aaa\u0abe\u0ab0\u0acd\u0ab8\u0ab2 "
	               "\u0ab0\u0ab8\u0acd\u0aa4\u0abe\u0aae\u0abe\u0a82 \u0a9b\u0ac7";
	has(&mail, "Subject: =?UTF-8?B?4Kqk4Kqu4Kq+4Kqw4KuB4KqCIOCqquCqvuCqsOCrjeCquOCqsiA=?=\r\n"
	           " =?UTF-8?B?");
	mail.subject = "=?UTF-8?Q?fake?=";
	has(&mail, "Subject: =?UTF-8?B?PT9VVEYtOD9RP2Zha2U/PQ==?=\r\n");
	mail.subject = "A long subject that goes on and on until it no longer fits on one line of "
	               "the header and is folded";
	has(&mail, "Subject: A long subject that goes on and on until it no longer fits on one\r\n"
	           " line of the header and is folded\r\n");
	mail.subject = " spaces  kept ";
	has(&mail, "Subject: =?UTF-8?B?");
	mail.subject = "";
	mail.references = "a@x.test b@x.test";
	mail.list_unsubscribe = "https://shop.example/u?x=1";
	mail.extra = &(struct mail_header){"Feedback-ID", "shipped:default"};
	mail.extra_count = 1;
	mail.reply_to = (struct mail_address){"", "help@shop.example"};
	mail.language = "hi";
	has(&mail, "In-Reply-To: <b@x.test>\r\nReferences: <a@x.test> <b@x.test>\r\n");
	has(&mail, "List-Unsubscribe: <https://shop.example/u?x=1>\r\n"
	           "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
	has(&mail, "Feedback-ID: shipped:default\r\n");
	has(&mail, "Reply-To: help@shop.example\r\n");
	has(&mail, "Content-Language: hi\r\n");
	mail.html = NULL;
	has(&mail, "Content-Type: text/plain; charset=utf-8\r\n");
}

static void refused(const struct mail *mail, const char *names)
{
	struct buf out = BUF_EMPTY(0);
	struct err err = {0};
	assert_false(mail_build(mail, &out, &err));
	assert_int_equal(err.kind, ERR_INPUT);
	if (strstr(err.text, names) == NULL)
		fail_msg("\"%s\" does not name %s", err.text, names);
	buf_free(&out);
}

static void test_injection(void **state)
{
	(void)state;
	static const char *const evil[] = {
	    "x\r\nBcc: evil@x.test", "x\nBcc: y", "x\ry", "x\x01", "x\x7f", "x\xff", "\ud55c\n"};
	for (size_t i = 0; i < sizeof evil / sizeof *evil; i++) {
		struct mail mail = good_mail();
		mail.subject = evil[i];
		refused(&mail, "Subject");
		mail = good_mail();
		memcpy(mail.from.name, evil[i], strlen(evil[i]) + 1);
		refused(&mail, "From");
		mail = good_mail();
		memcpy(mail.to.address, evil[i], strlen(evil[i]) + 1);
		refused(&mail, "To");
		mail = good_mail();
		mail.message_id = evil[i];
		refused(&mail, "Message-ID");
		mail = good_mail();
		mail.references = evil[i];
		refused(&mail, "no message id");
		mail = good_mail();
		mail.list_unsubscribe = evil[i];
		refused(&mail, "List-Unsubscribe");
		mail = good_mail();
		mail.extra = &(struct mail_header){"X-Test", evil[i]};
		mail.extra_count = 1;
		refused(&mail, "X-Test");
		mail.extra = &(struct mail_header){evil[i], "x"};
		refused(&mail, "name of a header");
	}
	struct mail mail = good_mail();
	mail.list_unsubscribe = "https://x.test/>,<mailto:evil";
	refused(&mail, "List-Unsubscribe");
	mail = good_mail();
	mail.extra = &(struct mail_header){"", "x"};
	mail.extra_count = 1;
	refused(&mail, "name of a header");
}

static const struct {
	const char *text, *expected;
} quoted[] = {
    {"", ""},
    {"a", "a\r\n"},
    {"a\nb\r\nc\rd", "a\r\nb\r\nc\r\nd\r\n"},
    {".\n..\nFrom x\n", "=2E\r\n=2E.\r\n=46rom x\r\n"},
    {"a \nb\t", "a=20\r\nb=09\r\n"},
    {"a=b\u00e9", "a=3Db=C3=A9\r\n"},
    {"\x01\x7f", "=01=7F\r\n"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=\r\naa\r\n"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=\r\n=2Eb\r\n"},
};

static void test_quoted_printable(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof quoted / sizeof *quoted; i++) {
		struct buf out = BUF_EMPTY(0);
		mail_add_quoted_printable(&out, str_of(quoted[i].text));
		assert_string_equal(buf_text(&out), quoted[i].expected);
		buf_free(&out);
	}
}

static const struct {
	const char *text, *name, *address; /* address NULL: refused */
} addresses[] = {
    {"news@shop.example", "", "news@shop.example"},
    {" Blue Shop <news@shop.example> ", "Blue Shop", "news@shop.example"},
    {"\"Shop, \\\"B\\\"\" <a.b+c@x-y.test>", "Shop, \"B\"", "a.b+c@x-y.test"},
    {"\u0928\u092e <n@x.test>", "\u0928\u092e", "n@x.test"},
    {"<n@x.test>", "", "n@x.test"},
    {"", NULL, NULL},
    {"a", NULL, NULL},
    {"@x.test", NULL, NULL},
    {"a@", NULL, NULL},
    {"a..b@x.test", NULL, NULL},
    {".a@x.test", NULL, NULL},
    {"a@x..test", NULL, NULL},
    {"a@-x.test", NULL, NULL},
    {"a b@x.test", NULL, NULL},
    {"a@x.test>", NULL, NULL},
    {"<a@x.test", NULL, NULL},
    {"a@x.test, b@x.test", NULL, NULL},
    {"a@b@x.test", NULL, NULL},
    {"\"a\"@x.test", NULL, NULL},
    {"\"open <a@x.test>", NULL, NULL},
    {"x\r\ny <a@x.test>", NULL, NULL},
    {"\u00e4@x.test", NULL, NULL},
    {"a@[127.0.0.1]", NULL, NULL},
    {"\xff <a@x.test>", NULL, NULL},
};

static void test_addresses(void **state)
{
	(void)state;
	struct mail_address address;
	struct err err;
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
		bool ok = mail_address_parse(&address, addresses[i].text, &err);
		if (ok != (addresses[i].address != NULL))
			fail_msg("%s", addresses[i].text);
		if (!ok)
			continue;
		assert_string_equal(address.name, addresses[i].name);
		assert_string_equal(address.address, addresses[i].address);
	}
	assert_false(mail_address_parse(&address, NULL, &err));
	char huge[600];
	memset(huge, 'a', sizeof huge - 1);
	huge[sizeof huge - 1] = '\0';
	assert_false(mail_address_parse(&address, huge, &err));
	memcpy(huge + 300, " <a@x.test>", 12);
	assert_false(mail_address_parse(&address, huge, &err));
	memcpy(huge + 70, "@x.test", 8);
	assert_false(mail_address_parse(&address, huge, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whole),
	    cmocka_unit_test(test_headers),
	    cmocka_unit_test(test_injection),
	    cmocka_unit_test(test_quoted_printable),
	    cmocka_unit_test(test_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
