#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "notifier/app/csv.h"
#include "notifier/base/mem.h"

static char path[] = "/tmp/notifier-csv-XXXXXX";

static void write_file(const char *text, size_t length, bool zipped)
{
	gzFile file = gzopen(path, zipped ? "wb" : "wbT"); /* T: without compression */
	assert_non_null(file);
	assert_int_equal(gzwrite(file, text, (unsigned)length), (int)length);
	gzclose(file);
}

static void reads_rows(void **state)
{
	(void)state;
	static const char text[] = "id,name,note\r\n1,\"Lee, Ann\",\"say \"\"hi\"\"\"\n\n"
	                           "2,,\"two\nlines\"\n3,short\n4,x,y,more";
	for (int zipped = 0; zipped < 2; zipped++) {
		write_file(text, sizeof text - 1, zipped);
		struct err err;
		struct csv *csv = csv_open(path, &err);
		assert_non_null(csv);
		assert_int_equal(csv_column(csv, "name"), 1);
		assert_int_equal(csv_column(csv, "none"), -1);
		static const char *const names[] = {"note", "id"};
		static const char *const missing[] = {"id", "weight"};
		int columns[2];
		assert_true(csv_columns(csv, names, 2, columns, &err));
		assert_int_equal(columns[0], 2);
		assert_false(csv_columns(csv, missing, 2, columns, &err));
		assert_non_null(strstr(err.text, "weight"));
		static const char *const rows[][3] = {{"1", "Lee, Ann", "say \"hi\""},
		    {"2", "", "two\nlines"}, {"3", "short", ""}, {"4", "x", "y"}};
		for (size_t i = 0; i < 4; i++) {
			assert_true(csv_next(csv, &err));
			for (int column = 0; column < 3; column++)
				assert_true(str_eq(csv_field(csv, column), rows[i][column]));
		}
		assert_int_equal(csv_field(csv, -1).len, 0);
		assert_false(csv_next(csv, &err));
		assert_int_equal(err.kind, ERR_NONE);
		csv_close(&csv);
		assert_null(csv);
	}
}

static void refuses_broken_files(void **state)
{
	(void)state;
	struct err err;
	assert_null(csv_open("/nowhere/at/all.csv", &err));
	write_file("", 0, false);
	assert_null(csv_open(path, &err));
	assert_non_null(strstr(err.text, "header"));
	write_file("a,b\n1,\"open", 11, false);
	struct csv *csv = csv_open(path, &err);
	assert_non_null(csv);
	assert_false(csv_next(csv, &err));
	assert_int_equal(err.kind, ERR_INPUT);
	csv_close(&csv);
	size_t length = 2 * CSV_ROW_BYTES;
	char *wide = xmalloc(length);
	memset(wide, 'x', length);
	memcpy(wide, "a\n", 2);
	write_file(wide, length, true);
	csv = csv_open(path, &err);
	assert_false(csv_next(csv, &err));
	assert_int_equal(err.kind, ERR_INPUT);
	csv_close(&csv);
	memset(wide, ',', length);
	write_file(wide, 1000, true);
	assert_null(csv_open(path, &err));
	xfree(wide);
}

static int make_file(void **state)
{
	(void)state;
	int file = mkstemp(path);
	return file < 0 ? -1 : close(file);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_rows), cmocka_unit_test(refuses_broken_files)};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
