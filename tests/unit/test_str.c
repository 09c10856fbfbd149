#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "notifier/base/mem.h"
#include "notifier/base/str.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void views(void **state)
{
	(void)state;
	assert_int_equal(str_of(NULL).len, 0);
	assert_true(str_eq(str_of(NULL), ""));
	assert_true(str_eq(str_make("abcdef", 3), "abc"));
	assert_false(str_eq(str_make("abcdef", 3), "abcd"));
	assert_true(str_eq_nocase(str_of("AbC-1"), "aBc-1"));
	assert_false(str_eq_nocase(str_of("\xc3\x84"), "\xc3\xa4")); /* ASCII only */
	assert_true(str_starts(str_of("shp_1"), "shp_"));
	assert_false(str_starts(str_of("shp"), "shp_"));
	assert_true(str_eq(str_trim(str_of(" \t\r\n a b \v\f")), "a b"));
	assert_true(str_eq(str_trim(str_of(" \t ")), ""));
}

static void cut(void **state)
{
	(void)state;
	struct str head, rest = str_cut(str_of("a,,b"), ',', &head);
	assert_true(str_eq(head, "a"));
	rest = str_cut(rest, ',', &head);
	assert_true(str_eq(head, ""));
	assert_non_null(rest.at);
	rest = str_cut(rest, ',', &head);
	assert_true(str_eq(head, "b"));
	assert_null(rest.at);
	rest = str_cut(str_of("a,"), ',', &head);
	assert_true(rest.at != NULL && rest.len == 0); /* something empty follows */
	rest = str_cut(str_of(NULL), ',', &head);
	assert_int_equal(head.len, 0);
	assert_null(rest.at);
}

static void numbers(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool good;
		int64_t value;
	} rows[] = {
	    {"0", true, 0},
	    {"-0", true, 0},
	    {"+7", true, 7},
	    {"0010", true, 10},
	    {"9223372036854775807", true, INT64_MAX},
	    {"-9223372036854775808", true, INT64_MIN},
	    {"9223372036854775808", false, 0},
	    {"-9223372036854775809", false, 0},
	    {"99999999999999999999999999", false, 0},
	    {"", false, 0},
	    {"-", false, 0},
	    {"+-1", false, 0},
	    {" 1", false, 0},
	    {"1 ", false, 0},
	    {"1e3", false, 0},
	    {"0x10", false, 0},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t value = 0;
		assert_int_equal(str_to_int64(str_of(rows[i].text), &value), rows[i].good);
		if (rows[i].good)
			assert_int_equal(value, rows[i].value);
	}
}

static void texts(void **state)
{
	(void)state;
	assert_true(text_eq(NULL, NULL));
	assert_false(text_eq(NULL, ""));
	assert_true(text_eq("a", "a"));
	assert_true(text_eq_nocase("DE", "de"));
	assert_false(text_eq_nocase("DE", NULL));
	assert_true(text_is_empty(NULL) && text_is_empty("") && !text_is_empty(" "));
}

static void nearest(void **state)
{
	(void)state;
	static const char *const options[] = {"serve", "simulate", "render", "explain"};
	assert_string_equal(text_nearest("sevre", options, 4), "serve");
	assert_string_equal(text_nearest("simulat", options, 4), "simulate");
	assert_null(text_nearest("xyzzy", options, 4));
	assert_null(text_nearest("", options, 4));
	assert_null(text_nearest("serve", options, 0));
	static char huge[100001];
	memset(huge, 's', sizeof huge - 1);
	text_nearest(huge, options, 4); /* ends, and stays inside its rows */
}

static void utf8(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		bool valid;
	} rows[] = {
	    {"", true}, {"abc", true}, {"\xc3\xa9", true}, {"\xe2\x82\xac", true},
	    {"\xf0\x9f\x93\xa6", true}, {"\xf4\x8f\xbf\xbf", true}, /* U+10FFFF */
	    {"\xf4\x90\x80\x80", false},                            /* beyond */
	    {"\xed\x9f\xbf", true},                                 /* U+D7FF */
	    {"\xed\xa0\x80", false},                                /* a surrogate */
	    {"\xc0\xaf", false},                                    /* overlong */
	    {"\xc1\xbf", false},                                    /* overlong */
	    {"\xe0\x80\xaf", false},                                /* overlong */
	    {"\xe0\x9f\xbf", false},                                /* overlong */
	    {"\xf0\x8f\xbf\xbf", false},                            /* overlong */
	    {"\x80", false},                                        /* a continuation alone */
	    {"\xc3", false},                                        /* cut */
	    {"\xe2\x82", false},                                    /* cut */
	    {"\xc3(", false}, {"\xff", false}, {"\xf8\x88\x80\x80\x80", false}, /* five bytes */
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		if (utf8_is_valid(rows[i].bytes, strlen(rows[i].bytes)) != rows[i].valid)
			fail_msg("row %zu", i);
}

static void cleaning(void **state)
{
	(void)state;
	static const struct {
		size_t room;
		const char *text, *clean;
	} rows[] = {
	    {32, "Left the depot", "Left the depot"},
	    {32, NULL, ""},
	    {32, "a\r\nBcc: b", "a Bcc: b"},
	    {32,
	        "\x01\x02"
	        "a\x7f",
	        "a"},
	    {32,
	        "a\xc2\x85"
	        "b",
	        "a b"},
	    {32,
	        "a\xe2\x80\xae"
	        "b",
	        "a b"}, /* right-to-left override */
	    {32,
	        "a\xff\xfe"
	        "b",
	        "a b"},
	    {4, "abcdef", "abc"},
	    {4, "ab\xe2\x82\xac", "ab"}, /* never half a character */
	    {1, "abc", ""},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char out[32];
		text_clean(out, rows[i].room, rows[i].text);
		if (strcmp(out, rows[i].clean) != 0)
			fail_msg("row %zu: \"%s\"", i, out);
	}
}

static void buffers_grow_to_their_bound(void **state)
{
	(void)state;
	struct buf buf = BUF_EMPTY(10);
	assert_string_equal(buf_text(&buf), "");
	buf_add_text(&buf, "12345");
	buf_add_char(&buf, '6');
	buf_add_str(&buf, str_of(NULL));
	buf_printf(&buf, "%d", 789);
	assert_string_equal(buf_text(&buf), "123456789");
	assert_false(buf.overflowed);
	buf_add_text(&buf, "too long"); /* dropped whole */
	assert_true(buf.overflowed);
	assert_string_equal(buf_text(&buf), "123456789");
	buf_printf(&buf, "%s", "too long");
	assert_int_equal(buf.size, 9);
	buf_consume(&buf, 6);
	assert_string_equal(buf_text(&buf), "789");
	buf_consume(&buf, 0);
	buf_clear(&buf);
	assert_string_equal(buf_text(&buf), "");
	buf_add_text(&buf, "again");
	char *taken = buf_take(&buf);
	assert_string_equal(taken, "again");
	assert_int_equal(buf.size, 0);
	xfree(taken);
	buf_free(&buf);
	buf_free(&buf);
	struct buf large = BUF_EMPTY(0);
	for (int i = 0; i < 100000; i++)
		buf_printf(&large, "%d,", i % 10);
	assert_int_equal(large.size, 200000);
	assert_int_equal(large.data[large.size], '\0');
	buf_free(&large);
}

static void hexadecimal(void **state)
{
	(void)state;
	char text[9];
	unsigned char bytes[4];
	hex_encode(text, "\x00\x7f\xab\xff", 4);
	assert_string_equal(text, "007fabff");
	assert_true(hex_decode(bytes, 4, str_of("007fABff")));
	assert_memory_equal(bytes, "\x00\x7f\xab\xff", 4);
	assert_false(hex_decode(bytes, 4, str_of("007fabf")));
	assert_false(hex_decode(bytes, 4, str_of("007fabffee")));
	assert_false(hex_decode(bytes, 4, str_of("007fabfg")));
}

/* RFC 4648, section 10. */
static void base32_and_base64(void **state)
{
	(void)state;
	static const struct {
		const char *text, *in32, *in64;
	} rows[] = {
	    {"", "", ""},
	    {"f", "my", "Zg=="},
	    {"fo", "mzxq", "Zm8="},
	    {"foo", "mzxw6", "Zm9v"},
	    {"foob", "mzxw6yq", "Zm9vYg=="},
	    {"fooba", "mzxw6ytb", "Zm9vYmE="},
	    {"foobar", "mzxw6ytboi", "Zm9vYmFy"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char out[32], back[32];
		size_t len = strlen(rows[i].text);
		base32_encode(out, sizeof out, rows[i].text, len);
		assert_string_equal(out, rows[i].in32);
		base64_encode(out, rows[i].text, len);
		assert_string_equal(out, rows[i].in64);
		assert_int_equal(base64_decode(back, str_of(out)), len);
		assert_memory_equal(back, rows[i].text, len);
	}
	unsigned char bytes[8];
	assert_int_equal(base64_decode(bytes, str_of("Zm8")), 2); /* no padding */
	assert_int_equal(base64_decode(bytes, str_of("-_-_")), 3);
	assert_memory_equal(bytes, "\xfb\xff\xbf", 3);
	assert_int_equal(base64_decode(bytes, str_of("+/+/")), 3);
	assert_int_equal(base64_decode(bytes, str_of("Z")), -1);
	assert_int_equal(base64_decode(bytes, str_of("Zm 8")), -1);
	assert_int_equal(base64_decode(bytes, str_of("Z=m8")), -1);
	assert_int_equal(base64_decode(bytes, str_of("\xff\xff\xff\xff")), -1);
	assert_int_equal(base64_decode(bytes, str_of(NULL)), 0);
}

/* Vectors of the FNV reference code (draft-eastlake-fnv). */
static void hash(void **state)
{
	(void)state;
	assert_true(fnv1a64("", 0) == UINT64_C(0xcbf29ce484222325));
	assert_true(fnv1a64("a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
	assert_true(fnv1a64("foobar", 6) == UINT64_C(0x85944171f73967e8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(views),
	    cmocka_unit_test(cut),
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(texts),
	    cmocka_unit_test(nearest),
	    cmocka_unit_test(utf8),
	    cmocka_unit_test(cleaning),
	    cmocka_unit_test(buffers_grow_to_their_bound),
	    cmocka_unit_test(hexadecimal),
	    cmocka_unit_test(base32_and_base64),
	    cmocka_unit_test(hash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
