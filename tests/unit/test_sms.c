/* SMS sizes: the public vectors where they lie beside the checkout, and the edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "notifier/base/mem.h"
#include "notifier/message/sms.h"

#define VECTORS "../shared/messages/sms_segments.json"

static bool vector_passes(const json_t *row)
{
	struct str text = str_make(json_string_value(json_object_get(row, "text")),
	    json_string_length(json_object_get(row, "text")));
	const json_t *parts = json_object_get(row, "per_segment");
	struct sms_size size = sms_measure(text);
	bool ok = text_eq(sms_encoding_name(size.encoding),
	              json_string_value(json_object_get(row, "encoding"))) &&
	          (json_int_t)size.units == json_integer_value(json_object_get(row, "units")) &&
	          (json_int_t)size.segments == json_integer_value(json_object_get(row, "segments"));
	for (size_t i = 0; i < json_array_size(parts); i++)
		ok = ok && (json_int_t)sms_segment_units(text, i) ==
		               json_integer_value(json_array_get(parts, i));
	if (!ok)
		print_message("FAILED: %s (%zu units, %zu segments)\n",
		    json_string_value(json_object_get(row, "note")), size.units, size.segments);
	return ok;
}

static void test_public_vectors(void **state)
{
	(void)state;
	json_t *rows = json_load_file(VECTORS, 0, NULL);
	if (rows == NULL) {
		print_message("SKIPPED: %s is not here\n", VECTORS);
		skip();
	}
	size_t passed = 0, total = json_array_size(rows);
	for (size_t i = 0; i < total; i++)
		passed += vector_passes(json_array_get(rows, i));
	print_message("%zu of %zu SMS vectors are as expected\n", passed, total);
	assert_int_equal(passed, total);
	json_decref(rows);
}

static struct sms_size repeated(const char *piece, size_t times, const char *end)
{
	struct buf text = BUF_EMPTY(0);
	while (times-- > 0)
		buf_add_text(&text, piece);
	buf_add_text(&text, end);
	struct sms_size size = sms_measure(str_make(text.data, text.size));
	size.offender = (struct str){NULL, 0}; /* it pointed into text */
	buf_free(&text);
	return size;
}

static void test_edges(void **state)
{
	(void)state;
	static const struct {
		const char *piece, *end;
		size_t times, units, segments;
		enum sms_encoding encoding;
	} cases[] = {
	    {"", "", 0, 0, 1, SMS_GSM7},
	    {"a", "", 160, 160, 1, SMS_GSM7},
	    {"a", "", 161, 161, 2, SMS_GSM7},
	    {"a", "", 306, 306, 2, SMS_GSM7},
	    {"a", "", 307, 307, 3, SMS_GSM7},
	    {"{", "", 80, 160, 1, SMS_GSM7},
	    {"a", "\u20ac", 159, 161, 2, SMS_GSM7},
	    {"{", "", 153, 306, 3, SMS_GSM7 /* 152 + 152 + 2: an escape pair is not cut */},
	    {"\u0995", "", 70, 70, 1, SMS_UCS2},
	    {"\u0995", "", 71, 71, 2, SMS_UCS2},
	    {"\U0001F4E6", "", 35, 70, 1, SMS_UCS2},
	    {"\U0001F4E6", "", 67, 134, 3, SMS_UCS2 /* 66 + 66 + 2 */},
	    {"\xff", "", 3, 3, 1, SMS_UCS2},
	    {"\xe0\xa4", "", 1, 2, 1, SMS_UCS2},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sms_size size = repeated(cases[i].piece, cases[i].times, cases[i].end);
		assert_int_equal(size.encoding, cases[i].encoding);
		assert_int_equal(size.units, cases[i].units);
		assert_int_equal(size.segments, cases[i].segments);
	}
}

static void test_offender(void **state)
{
	(void)state;
	struct sms_size size = sms_measure(str_of("ab\u2019c\u00e7"));
	assert_int_equal(size.encoding, SMS_UCS2);
	assert_true(str_eq(size.offender, "\u2019"));
	assert_int_equal(sms_measure(str_of("\u00e9\u00a3\u03a9\u00bf")).encoding, SMS_GSM7);
	assert_int_equal(sms_measure(str_of("`")).encoding, SMS_UCS2);
}

static void test_smart(void **state)
{
	(void)state;
	static const struct {
		const char *text, *expected;
		bool changed;
	} cases[] = {
	    {"It\u2019s \u201chere\u201d \u2013 now\u2026", "It's \"here\" - now...", true},
	    {"2:00\u202fPM\u00a0\u2060ok\u200b\ufeff", "2:00 PM ok", true},
	    {"\u0a86\u0a9c\u0ac7 \u2013 2", "\u0a86\u0a9c\u0ac7 \u2013 2", false},
	    {"\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937", false},
	    {"\u20b95 \u2013", "\u20b95 \u2013", false},
	    {"", "", true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out = BUF_EMPTY(0);
		assert_int_equal(sms_smart(&out, str_of(cases[i].text)), cases[i].changed);
		assert_string_equal(buf_text(&out), cases[i].expected);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_public_vectors),
	    cmocka_unit_test(test_edges),
	    cmocka_unit_test(test_offender),
	    cmocka_unit_test(test_smart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
