#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "notifier/io/files.h"

static char dir[64];

static const char *at(const char *name)
{
	static char path[4][256];
	static int turn;
	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
	return path[turn];
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/test_files.XXXXXX");
	return mkdtemp(dir) == NULL;
}

static bool on_remove(const char *path, void *context, struct err *err)
{
	(void)context;
	(void)err;
	return unlink(at(path)) == 0;
}

static int teardown(void **state)
{
	(void)state;
	static const char *const folders[] = {"a/b/c", "a/b", "a", "link"};
	struct err err;
	files_walk(dir, NULL, on_remove, NULL, &err);
	unlink(at("link"));
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		rmdir(at(folders[i]));
	return rmdir(dir);
}

static void test_write_and_read(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct str out;
	struct err err;
	static const char bytes[] = "one\0two\n";
	assert_true(files_write(at("f"), str_make(bytes, 8), 0600, &err));
	assert_true(files_read(at("f"), 100, arena, &out, &err));
	assert_int_equal(out.len, 8);
	assert_memory_equal(out.at, bytes, 9); /* with the NUL behind it */
	assert_true(files_is_private(at("f")));
	assert_true(files_write(at("f"), str_of("new"), 0644, &err));
	assert_false(files_is_private(at("f")));
	assert_true(files_read(at("f"), 3, arena, &out, &err)); /* exactly the limit */
	assert_true(str_eq(out, "new"));
	assert_false(files_read(at("f"), 2, arena, &out, &err));
	assert_non_null(strstr(err.text, "larger"));
	assert_false(files_exists(at("f.tmp")));
	assert_true(files_write(at("empty"), str_of(""), 0600, &err));
	assert_true(files_read(at("empty"), 10, arena, &out, &err));
	assert_int_equal(out.len, 0);
	arena_free(&arena);
}

static void test_failures_name_the_path(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct str out;
	struct err err;
	assert_false(files_read(at("none"), 10, arena, &out, &err));
	assert_non_null(strstr(err.text, "/none: no such file"));
	assert_int_equal(err.kind, ERR_INPUT);
	assert_false(files_read(dir, 10, arena, &out, &err));
	assert_non_null(strstr(err.text, "folder"));
	assert_false(files_write(at("none/f"), str_of("x"), 0600, &err));
	assert_non_null(strstr(err.text, "none/f"));
	assert_false(files_read("/dev/zero", 1 << 20, arena, &out, &err)); /* bounded */
	assert_false(files_is_private(at("none")));
	arena_free(&arena);
}

/* A link that somebody left at path.tmp is not written through. */
static void test_write_does_not_follow_links(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct str out;
	struct err err;
	assert_true(files_write(at("victim"), str_of("safe"), 0600, &err));
	assert_int_equal(symlink(at("victim"), at("f.tmp")), 0);
	assert_true(files_write(at("f"), str_of("new"), 0600, &err));
	assert_true(files_read(at("victim"), 10, arena, &out, &err));
	assert_true(str_eq(out, "safe"));
	arena_free(&arena);
}

static void test_make_dir(void **state)
{
	(void)state;
	struct err err;
	assert_true(files_make_dir(at("a/b/c"), 0700, &err));
	assert_true(files_make_dir(at("a/b/c/"), 0700, &err));
	assert_true(files_is_private(at("a/b")));
	assert_true(files_write(at("a/f"), str_of(""), 0600, &err));
	assert_false(files_make_dir(at("a/f/x"), 0700, &err));
	assert_false(files_make_dir("", 0700, &err));
}

static bool on_visit(const char *path, void *context, struct err *err)
{
	struct buf *list = context;
	buf_printf(list, "%s ", path);
	return strcmp(path, "stop.md") != 0 || err_set(err, ERR_INPUT, "stopped");
}

static void test_walk(void **state)
{
	(void)state;
	static const char *const names[] = {"b.md", "a/z.md", "a/b/c/d.md", "a/b.txt", "A.md"};
	struct buf list = BUF_EMPTY(1000);
	struct err err;
	assert_true(files_make_dir(at("a/b/c"), 0700, &err));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_true(files_write(at(names[i]), str_of("x"), 0600, &err));
	assert_int_equal(symlink("/etc", at("link")), 0);
	assert_true(files_walk(dir, ".md", on_visit, &list, &err));
	assert_string_equal(buf_text(&list), "A.md a/b/c/d.md a/z.md b.md ");
	buf_clear(&list);
	assert_true(files_walk(dir, NULL, on_visit, &list, &err));
	assert_string_equal(buf_text(&list), "A.md a/b.txt a/b/c/d.md a/z.md b.md ");
	buf_clear(&list);
	assert_true(files_write(at("stop.md"), str_of("x"), 0600, &err));
	assert_true(files_write(at("z.md"), str_of("x"), 0600, &err));
	assert_false(files_walk(dir, ".md", on_visit, &list, &err));
	assert_string_equal(err.text, "stopped");
	assert_null(strstr(buf_text(&list), "z.md z.md"));
	assert_false(files_walk(at("none"), NULL, on_visit, &list, &err));
	buf_free(&list);
}

static void test_default_data_dir(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	setenv("XDG_DATA_HOME", "/x", 1);
	setenv("HOME", "/h", 1);
	assert_string_equal(files_default_data_dir(arena), "/x/notifier");
	setenv("XDG_DATA_HOME", "relative", 1);
	assert_string_equal(files_default_data_dir(arena), "/h/.local/share/notifier");
	unsetenv("XDG_DATA_HOME");
	unsetenv("HOME");
	assert_string_equal(files_default_data_dir(arena), "./data");
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_write_and_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_failures_name_the_path, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_write_does_not_follow_links, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_make_dir, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_walk, setup, teardown),
	    cmocka_unit_test(test_default_data_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
