#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "notifier/base/mem.h"

/* Does f end the process by abort?  Its last words are of no interest here. */
static bool aborts(void (*f)(void))
{
	pid_t child = fork();
	if (child == 0) {
		close(STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		f();
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void overflow_array(void)
{
	xfree(xrealloc_array(NULL, SIZE_MAX / 2, 3));
}

static void overflow_arena(void)
{
	struct arena *arena = arena_new();
	arena_array(arena, SIZE_MAX / 2, 3);
}

static void overflow_rounding(void)
{
	struct arena *arena = arena_new();
	arena_alloc(arena, SIZE_MAX - 2);
}

static void products_that_overflow_end_the_process(void **state)
{
	(void)state;
	assert_true(aborts(overflow_array));
	assert_true(aborts(overflow_arena));
	assert_true(aborts(overflow_rounding));
}

static void nothing_is_served_as_something(void **state)
{
	(void)state;
	char *one = xmalloc(0), *two = xcalloc(0, 0), *three = xrealloc(NULL, 0);
	assert_non_null(one);
	assert_non_null(two);
	assert_non_null(three);
	xfree(one);
	xfree(two);
	xfree(three);
	xfree(NULL);
}

static void texts(void **state)
{
	(void)state;
	char *whole = xstrdup("parcel"), *part = xstrndup("parcel", 3), *more = xstrndup("ab", 100);
	char *printed = xasprintf("%s %d", "parcel", 7);
	assert_string_equal(whole, "parcel");
	assert_string_equal(part, "par");
	assert_string_equal(more, "ab");
	assert_string_equal(printed, "parcel 7");
	xfree(whole);
	xfree(part);
	xfree(more);
	xfree(printed);
}

static void arena_gives_zeroed_aligned_memory(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	for (size_t bytes = 0; bytes < 3000; bytes += 7) {
		unsigned char *memory = arena_alloc(arena, bytes);
		assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < bytes; i++)
			assert_int_equal(memory[i], 0);
		memset(memory, 0xff, bytes);
	}
	arena_free(&arena);
	assert_null(arena);
	arena_free(&arena); /* again: harmless */
}

static void arena_reset_keeps_the_first_block(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	size_t small = arena_bytes(arena);
	memset(arena_alloc(arena, 16), 0xff, 16);
	char *large = arena_alloc(arena, 10 * 1000 * 1000);
	large[9999999] = 'x';
	assert_true(arena_bytes(arena) > 10 * 1000 * 1000);
	arena_reset(arena);
	assert_int_equal(arena_bytes(arena), small);
	const unsigned char *again = arena_alloc(arena, 16);
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(again[i], 0);
	arena_free(&arena);
}

static void arena_texts(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	assert_null(arena_strdup(arena, NULL));
	assert_null(arena_strndup(arena, NULL, 5));
	assert_string_equal(arena_strdup(arena, ""), "");
	assert_string_equal(arena_strndup(arena, "parcel", 3), "par");
	assert_string_equal(arena_strndup(arena, "ab", SIZE_MAX), "ab");
	assert_string_equal(arena_printf(arena, "%05d", 42), "00042");
	const char *wide = arena_printf(arena, "%*d", 100000, 1);
	assert_int_equal(strlen(wide), 100000);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(products_that_overflow_end_the_process),
	    cmocka_unit_test(nothing_is_served_as_something),
	    cmocka_unit_test(texts),
	    cmocka_unit_test(arena_gives_zeroed_aligned_memory),
	    cmocka_unit_test(arena_reset_keeps_the_first_block),
	    cmocka_unit_test(arena_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
