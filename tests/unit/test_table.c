#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/app/table.h"

static void test_text_columns(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t columns;
	} rows[] = {{"", 0}, {"abc", 3}, {"ä", 1}, {"日本", 4},
	    {"e\xcc\x81", 1}, /* e + combining acute */
	    {"\xe2\x80\x8b", 0} /* zero width space */, {"📦", 2},
	    {"\xff\xfe", 2} /* no UTF-8: shown somehow */};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(table_text_columns(rows[i].text), rows[i].columns);
}

static void test_text_fit(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	static const struct {
		const char *text;
		size_t columns;
		const char *expected;
	} rows[] = {{"abcdef", 6, "abcdef"}, {"abcdef", 5, "abcd…"}, {"ab cdef", 4, "ab…"},
	    {"abcdef", 1, "…"}, {"abcdef", 0, ""}, {"日本語", 6, "日本語"}, {"日本語", 5, "日本…"},
	    {"日本語", 4, "日…"}, {"", 0, ""}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(
		    table_text_fit(arena, rows[i].text, rows[i].columns), rows[i].expected);
	arena_free(&arena);
}

static const struct table_column columns[] = {{"ID", true}, {"NAME", false}, {"NOTE", false}};
static const char *const cells[][3] = {
    {"shp_1", "Asha 日本", NULL}, {"shp_22", "a very long name indeed", ""}};

static char *print(size_t rows, size_t max_columns, bool is_bold)
{
	char *text = NULL;
	size_t size = 0;
	struct arena *arena = arena_new();
	struct table *table = table_new(arena, columns, 3);
	for (size_t i = 0; i < rows; i++)
		table_add(table, cells[i]);
	assert_int_equal(table_rows(table), rows);
	FILE *out = open_memstream(&text, &size);
	table_print(table, out, max_columns, is_bold);
	fclose(out);
	arena_free(&arena);
	return text;
}

static void test_print(void **state)
{
	(void)state;
	static const struct {
		size_t rows, max_columns;
		bool is_bold;
		const char *expected;
	} rows[] = {
	    {0, 0, false, "ID  NAME  NOTE\n"},
	    {0, 5, false, "ID  NAME  NOTE\n"}, /* nothing to cut */
	    {1, 0, true, "\033[1mID     NAME       NOTE\n\033[0mshp_1  Asha 日本  -\n"},
	    {2, 0, false,
	        "ID      NAME                     NOTE\nshp_1   Asha 日本                -\n"
	        "shp_22  a very long name indeed  -\n"},
	    /* the empty column goes before anything is cut */
	    {2, 31, false, "ID      NAME\nshp_1   Asha 日本\nshp_22  a very long name indeed\n"},
	    {2, 20, false, "ID      NAME\nshp_1   Asha 日本\nshp_22  a very long…\n"},
	    {2, 1, false,
	        "ID      NAME\nshp_1   Asha…\nshp_22  a ver…\n"}, /* no further than that */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *text = print(rows[i].rows, rows[i].max_columns, rows[i].is_bold);
		assert_string_equal(text, rows[i].expected);
		free(text);
	}
}

static void test_hostile_cells(void **state)
{
	(void)state;
	char *text = NULL, huge[3000];
	size_t size = 0;
	struct arena *arena = arena_new();
	struct table *table = table_new(arena, columns, 3);
	memset(huge, 'x', sizeof huge - 1);
	huge[sizeof huge - 1] = '\0';
	table_add(table, (const char *[]){"\033[2J\033]0;title\a", "a\nb\tc", huge});
	for (int i = 0; i < 200; i++)
		table_add(table, cells[0]);
	FILE *out = open_memstream(&text, &size);
	table_print(table, out, 60, false);
	fclose(out);
	assert_null(strchr(text, '\033'));
	assert_null(strchr(text, '\t'));
	size_t lines = 0;
	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 202);
	free(text);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text_columns),
	    cmocka_unit_test(test_text_fit),
	    cmocka_unit_test(test_print),
	    cmocka_unit_test(test_hostile_cells),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
