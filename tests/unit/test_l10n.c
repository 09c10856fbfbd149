/* Languages and zones: the phrases of five languages where their list lies beside the checkout,
 * and our own cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "notifier/base/mem.h"
#include "notifier/message/l10n.h"

#define PHRASES   "../shared/messages/when_phrases.json"
#define CATALOGUE "../shared/messages/catalogue/"

static const struct { /* as in templates/<lang>/_language.yaml */
	const char *language, *time, *hour, *am, *pm;
} times[] = {
    {"en", "h:mm a", "h a", "am", "pm"},
    {"gu", "h:mm", "h", NULL, NULL},
    {"hi", "h:mm", "h", NULL, NULL},
    {"bn", "h:mm", NULL, NULL, NULL},
    {"ka", "HH:mm", NULL, NULL, NULL},
};

static struct l10n_phrases phrases_of(const char *language, const json_t *catalogue)
{
	struct l10n_phrases phrases = {0};
	const json_t *patterns = json_object_get(catalogue, "_when");
	for (int i = 0; i < L10N_PATTERNS; i++)
		phrases.patterns[i] =
		    json_string_value(json_object_get(patterns, l10n_pattern_names[i]));
	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		if (strcmp(times[i].language, language) == 0) {
			phrases.time = times[i].time;
			phrases.time_hour = times[i].hour;
			phrases.am = times[i].am;
			phrases.pm = times[i].pm;
		}
	return phrases;
}

static struct l10n_time time_of(const json_t *value, const struct l10n *l10n)
{
	struct l10n_time time = {0};
	if (json_is_string(value))
		assert_true(l10n_time_parse(&time, str_of(json_string_value(value)), l10n));
	return time;
}

static size_t check_pair(const json_t *input, const json_t *expected, const struct l10n *l10n,
    const struct l10n_phrases *phrases)
{
	static const char *const forms[] = {"long", "short"};
	const json_t *value = json_object_get(input, "value");
	const char *now = json_string_value(json_object_get(input, "now"));
	struct l10n_time now_time;
	assert_true(
	    l10n_time_parse(&now_time, str_of(now ? now : "2026-03-05T09:05:00+05:30"), l10n));
	struct l10n_span span = {.from = time_of(value, l10n)};
	if (json_is_object(value)) {
		span.from = time_of(json_object_get(value, "from"), l10n);
		span.to = time_of(json_object_get(value, "to"), l10n);
	}
	size_t passed = 0;
	for (int i = 0; i < 2; i++) {
		struct buf out = BUF_EMPTY(0);
		const char *want = json_string_value(json_object_get(expected, forms[i]));
		l10n_when(&out, l10n, phrases, &span, now_time.instant_ms, i == 1);
		if (text_eq(buf_text(&out), want))
			passed++;
		else
			print_message("FAILED: \"%s\" is not \"%s\"\n", buf_text(&out), want);
		buf_free(&out);
	}
	return passed;
}

static void test_public_phrases(void **state)
{
	(void)state;
	json_t *all = json_load_file(PHRASES, 0, NULL);
	if (all == NULL) {
		print_message("SKIPPED: %s is not here\n", PHRASES);
		skip();
	}
	size_t passed = 0, total = 0;
	const char *language, *name;
	json_t *cases, *expected;
	json_object_foreach(json_object_get(all, "cases"), language, cases)
	{
		char path[128];
		snprintf(path, sizeof path, CATALOGUE "%s.json", language);
		json_t *catalogue = json_load_file(path, 0, NULL);
		assert_non_null(catalogue);
		struct l10n_phrases phrases = phrases_of(language, catalogue);
		const struct l10n *l10n = l10n_for(language, "Asia/Kolkata");
		json_object_foreach(cases, name, expected)
		{
			total += 2;
			passed += check_pair(json_object_get(json_object_get(all, "inputs"), name),
			    expected, l10n, &phrases);
		}
		json_decref(catalogue);
	}
	print_message("%zu of %zu phrases are as expected\n", passed, total);
	assert_int_equal(passed, total);
	json_decref(all);
}

static const struct {
	const char *from, *to, *expected;
	bool is_short;
} english[] = {
    {"2026-03-06", NULL, "tomorrow (Friday, March 6)", false},
    {"2026-03-04", NULL, "yesterday", true}, {NULL, "2026-03-09", "Monday, March 9", false},
    {NULL, NULL, "", false},
    {"2026-03-05T09:00:00Z", "2026-03-05T11:30:00Z", "today 9-11:30 am", true},
    {"2026-03-05T11:00:00Z", "2026-03-05T13:00:00Z", "today 11 am-1 pm", true},
    {"2026-03-05T12:00:00Z", "2026-03-05T12:00:00Z", "today at 12 pm", false},
    {"2026-03-06", "2026-03-06T18:00:00Z", "tomorrow (Friday, March 6) by 6 pm", false},
    {"2026-03-06T08:00:00Z", "2026-03-07T18:00:00Z", "Mar 6-Mar 7", true},
    {"2026-03-08T07:15:00", NULL, "Mar 8 7:15 am", true}, /* no offset: local */
};

static void test_english(void **state)
{
	(void)state;
	struct l10n_time now;
	assert_true(l10n_time_parse(&now, str_of("2026-03-05T08:00:00Z"), NULL));
	for (size_t i = 0; i < sizeof english / sizeof *english; i++) {
		struct l10n_span span = {0};
		struct buf out = BUF_EMPTY(0);
		if (english[i].from)
			assert_true(l10n_time_parse(&span.from, str_of(english[i].from), NULL));
		if (english[i].to)
			assert_true(l10n_time_parse(&span.to, str_of(english[i].to), NULL));
		l10n_when(&out, NULL, NULL, &span, now.instant_ms, english[i].is_short);
		assert_string_equal(buf_text(&out), english[i].expected);
		buf_free(&out);
	}
}

static void test_zones(void **state)
{
	(void)state;
	static const char *const unknown[] = {"", "Mars/Base", "Etc/Unknown", "GMT+5:30", "../etc",
	    "Asia/Kolkata\n", "Asia/KolkataAsia/KolkataAsia/KolkataAsia/KolkataAsia/Kolkata"};
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		assert_false(l10n_zone_is_known(unknown[i]));
		assert_null(l10n_zone(unknown[i]));
	}
	assert_null(l10n_zone(NULL));
	const struct zone *berlin = l10n_zone("Europe/Berlin");
	assert_ptr_equal(berlin, l10n_zone("Europe/Berlin"));
	assert_ptr_equal(l10n_zone("UTC"), &zone_utc);
	struct civil spring = {2026, 3, 29, 1, 0, 0, 0}; /* UTC: the clocks go on */
	int64_t jump = instant_of_civil(&spring, 0);
	for (int turn = 0; turn < 2; turn++) { /* the second turn is answered from the cache */
		assert_int_equal(zone_offset_s(berlin, jump - 1), 3600);
		assert_int_equal(zone_offset_s(berlin, jump), 7200);
		assert_int_equal(zone_offset_s(berlin, jump + 200 * DAY_MS), 7200);
		assert_int_equal(zone_offset_s(berlin, jump + 300 * DAY_MS), 3600);
		assert_int_equal(zone_offset_s(l10n_zone("Asia/Kolkata"), jump), 19800);
	}
	zone_offset_s(berlin, INT64_MAX);
	zone_offset_s(berlin, INT64_MIN);
	assert_int_equal(zone_offset_s(berlin, jump), 7200);
}

static void test_weekends(void **state)
{
	(void)state;
	assert_int_equal(l10n_weekend("DE"), 0x60);
	assert_int_equal(l10n_weekend("IN"), 0x40); /* Sunday */
	assert_int_equal(l10n_weekend("EG"), 0x30);
	assert_int_equal(l10n_weekend("IR"), 0x10);
	assert_int_equal(l10n_weekend(NULL), 0x60);
	assert_int_equal(l10n_weekend("??"), 0x60);
	assert_int_equal(l10n_weekend(""), 0x60);
}

static void test_locales(void **state)
{
	(void)state;
	static const char *const odd[] = {NULL, "", "xx", "english",
	    "a-very-long-name-that-is-none", "en@numbers=thai", "../en", "\xff\xfe"};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		assert_string_equal(l10n_language(l10n_for(odd[i], "Nowhere")), "en");
	assert_string_equal(l10n_language(l10n_for("pt-BR", NULL)), "pt");
	assert_ptr_equal(l10n_for("hi-IN", "Asia/Kolkata"), l10n_for("hi_IN", "Asia/Kolkata"));
	assert_true(l10n_is_rtl("ar"));
	assert_false(l10n_is_rtl("ka"));
	for (char a = 'a'; a <= 'z'; a++) /* more than are kept: still an answer */
		for (char b = 'a'; b <= 'z'; b++)
			assert_non_null(l10n_for((char[3]){a, b, '\0'}, NULL));
}

static void check_number(const char *locale, const char *decimal, const char *expected)
{
	struct buf out = BUF_EMPTY(0);
	assert_int_equal(
	    l10n_number(&out, l10n_for(locale, NULL), str_of(decimal)), expected != NULL);
	assert_string_equal(buf_text(&out), expected ? expected : "");
	buf_free(&out);
}

static void test_numbers(void **state)
{
	(void)state;
	check_number("en", "1234567.5", "1,234,567.5");
	check_number("hi-IN", "1234567", "12,34,567");
	check_number("bn", "12", "\u09e7\u09e8");
	check_number("en", "-3", "-3");
	static const char *const bad[] = {"", "-", "1.", ".5", "1e9", "0x1", "1.2.3", "12 ",
	    "99999999999999999999999999999999999999"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (strcmp(bad[i], "12 ") != 0)
			check_number("en", bad[i], NULL);
	struct buf out = BUF_EMPTY(0);
	const struct l10n *india = l10n_for("en-IN", NULL);
	assert_true(l10n_money(&out, india, str_of("149950"), "INR", true));
	assert_string_equal(out.data, "INR 1,49,950.00");
	buf_clear(&out);
	assert_true(l10n_money(&out, india, str_of("5"), "GBP", true));
	assert_string_equal(out.data, "\u00a35.00");
	assert_false(l10n_money(&out, india, str_of("5"), "gbp", false));
	assert_false(l10n_money(&out, india, str_of("five"), "GBP", false));
	buf_free(&out);
}

static void test_plurals(void **state)
{
	(void)state;
	static const struct {
		const char *locale;
		double number;
		const char *category;
	} cases[] = {{"en", 1, "one"}, {"en", 0, "other"}, {"hi", 0, "one"}, {"gu", 1.5, "other"},
	    {"ar", 2, "two"}, {"ar", 3, "few"}, {"ar", 11, "many"}, {"ka", 21, "other"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(l10n_plural(l10n_for(cases[i].locale, NULL), cases[i].number),
		    cases[i].category);
	assert_true(l10n_plural_exists("en", "one"));
	assert_false(l10n_plural_exists("en", "few"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_public_phrases),
	    cmocka_unit_test(test_english),
	    cmocka_unit_test(test_zones),
	    cmocka_unit_test(test_weekends),
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_plurals),
	    cmocka_unit_test(test_locales),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
