#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "notifier/app/history_line.h"

static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct history_line line_of(const char *const *texts, size_t count)
{
	struct history_line line = history_line_new(arena, 'k', 35);
	for (size_t i = 0; i < count; i++)
		history_line_add(&line, texts[i]);
	return line;
}

static const char *written(const struct history_line *line, const struct history_line *before)
{
	struct buf out = BUF_EMPTY(0);
	history_line_write(&out, line, before);
	const char *text = arena_strdup(arena, buf_text(&out));
	buf_free(&out);
	return text;
}

static bool read_text(struct history_line *out, const char *text, const struct history_line *before)
{
	struct str line;
	str_cut(str_of(text), '\n', &line);
	return history_line_read(out, line, before, arena);
}

static void test_numbers(void **state)
{
	(void)state;
	static const int64_t numbers[] = {
	    0, 1, -1, 35, 36, -36, 1772000000000, INT64_MAX, INT64_MIN};
	static const char *const bad[] = {
	    "", "x!", "1 ", "A", "zzzzzzzzzzzzz", "1y2p0ij32e8e8", "-1y2p0ij32e8e9", "--1"};
	struct history_line back, line = history_line_new(arena, 'k', INT64_MIN);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		history_line_add_int(&line, numbers[i]);
	assert_true(read_text(&back, written(&line, NULL), NULL));
	assert_true(back.at_ms == INT64_MIN);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		assert_true(history_line_int(&back, i) == numbers[i]);
	assert_int_equal(history_line_int(&back, 99), 0);
	line = line_of(bad, sizeof bad / sizeof *bad);
	for (size_t i = 0; i < line.count; i++)
		assert_int_equal(history_line_int(&line, i), 0);
}

static void test_letters(void **state)
{
	(void)state;
	static const unsigned values[] = {0, 7, 25};
	struct history_line line = history_line_new(arena, 'k', 1);
	history_line_add_letters(&line, values, 3);
	history_line_add(&line, "!{\xc3\xa9");
	assert_string_equal(written(&line, NULL), "1k1\tahz\t!{\xc3\xa9\n");
	assert_int_equal(history_line_letter(&line, 0, 1, 26), 7);
	assert_int_equal(history_line_letter(&line, 0, 2, 26), 25);
	assert_int_equal(history_line_letter(&line, 0, 2, 25), 0);
	assert_int_equal(history_line_letter(&line, 0, 3, 26), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(history_line_letter(&line, 1, i, 26), 0);
	assert_int_equal(history_line_letter(&line, 2, 0, 26), 0);
}

static void test_pairs(void **state) /* the second leans on the first, and both come back */
{
	(void)state;
	static const char long_one[] = "0123456789 0123456789 0123456789 0123456789 0123456789 "
	                               "0123456789 0123456789 0123456789 0123456789 A";
	static const struct {
		const char *first[3], *second[3], *leaning; /* NULL: not looked at */
	} rows[] = {
	    {{"a", "b", "c"}, {"a", "b", "c"}, "+\n"},
	    {{"a", "b", "c"}, {"a", "bb", "c"}, "+\t1b\n"},
	    {{"a", "b", "c"}, {"", "", ""}, "+0\t0\t0\n"},
	    {{"", "", ""}, {"", "", ""}, "+\n"},
	    {{"", "", ""}, {"a", "", "c"}, "+0a\t\t0c\n"},
	    {{"a", "", ""}, {"a", "", "new"}, "+\t\t0new\n"},
	    {{"abc", "", ""}, {"ab", "", ""}, "+2\n"},
	    {{"+", "1k", "0"}, {"+\n1kz", "1k", "01"}, "+1 1kz\t\t11\n"},
	    {{"K\xc3\xb6ln", "", ""}, {"K\xc3\xa4mn", "", ""}, "+2\xa4mn\n"},
	    {{long_one, long_one, ""}, {long_one, "0", long_one}, NULL},
	    {{long_one, long_one + 1, ""}, {long_one + 11, long_one, "\x1b[31m"}, NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct history_line a = line_of(rows[i].first, 3), b = line_of(rows[i].second, 3);
		struct history_line read_a, read_b;
		const char *leaning = written(&b, &a);
		if (rows[i].leaning != NULL)
			assert_string_equal(leaning, rows[i].leaning);
		assert_true(read_text(&read_a, written(&a, NULL), NULL));
		assert_true(read_text(&read_b, leaning, &read_a));
		assert_int_equal(read_b.kind, 'k');
		assert_int_equal(read_b.at_ms, 35);
		for (size_t j = 0; j < 3; j++) {
			const char *was = history_line_text(&read_b, j);
			assert_string_equal(was ? was : "", b.fields[j]);
		}
	}
}

static void test_damaged(void **state)
{
	(void)state;
	static const char *const alone[] = {"", "k", "1", "0k1", "2k1", "1k!", "1k1y2p0ij32e8e8",
	    "1k1\t\xff", "1k1\tx\t\xed\xa0\x80"};
	static const char *const leaning[] = {
	    "+2", "+/", "+\x01", "+~", "+\xff", "+\t0\xff", "+\t\t1", "+\t2n"};
	static const char *const texts[] = {"a", "K\xc3\xb6ln"};
	struct history_line line, before = line_of(texts, 2);
	for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
		assert_false(read_text(&line, alone[i], &before));
	for (size_t i = 0; i < sizeof leaning / sizeof *leaning; i++)
		assert_false(read_text(&line, leaning[i], &before));
	assert_false(read_text(&line, "+", NULL));
	assert_true(read_text(&line, "+\t3", &before));
	assert_string_equal(history_line_text(&line, 1), "K\xc3\xb6");
	assert_true(read_text(&line, "1k", &before)); /* an instant of 0 */
	assert_null(history_line_text(&line, 0));
}

static void test_huge(void **state)
{
	(void)state;
	enum { FIELDS = 5000 };
	char *huge = arena_alloc(arena, 100001);
	memset(huge, 'x', 100000);
	struct history_line back, line = history_line_new(arena, 'k', 1);
	for (int i = 0; i < FIELDS; i++)
		history_line_add(&line, huge);
	const char *text = written(&line, NULL);
	assert_true(read_text(&back, text, NULL));
	assert_int_equal(back.count, FIELDS);
	assert_int_equal(strlen(back.fields[FIELDS - 1]), HISTORY_TEXT_MAX - 1);
	assert_string_equal(written(&line, &back), "+\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_letters, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_pairs, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_huge, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
