#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "notifier/base/err.h"

static void set_fills_and_says_false(void **state)
{
	(void)state;
	struct err err = {.retry_after_ms = 7};
	assert_false(err_set(&err, ERR_THROTTLED, "%s: %d", "provider", 429));
	assert_int_equal(err.kind, ERR_THROTTLED);
	assert_int_equal(err.retry_after_ms, 0);
	assert_string_equal(err.text, "provider: 429");
	assert_false(err_set(NULL, ERR_INPUT, "dropped %d", 1));
	assert_false(err_prefix(NULL, "dropped"));
}

static void prefix_goes_in_front(void **state)
{
	(void)state;
	struct err err = {0};
	err_set(&err, ERR_INPUT, "expected a number");
	assert_false(err_prefix(&err, "%s, line %d", "notifier.yaml", 12));
	assert_string_equal(err.text, "notifier.yaml, line 12: expected a number");
	assert_int_equal(err.kind, ERR_INPUT);
}

static void long_texts_are_cut(void **state)
{
	(void)state;
	struct err err = {0};
	char huge[5000];
	memset(huge, 'x', sizeof huge);
	huge[sizeof huge - 1] = '\0';
	err_set(&err, ERR_INPUT, "%s", huge);
	assert_int_equal(strlen(err.text), sizeof err.text - 1);
	for (int i = 0; i < 500; i++) {
		err_prefix(&err, "deeper %d", i);
		assert_true(strlen(err.text) < sizeof err.text);
	}
	assert_int_equal(strncmp(err.text, "deeper 499: deeper 498: ", 24), 0);
	err_prefix(&err, "%s", huge);
	assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

static void kinds_have_names(void **state)
{
	(void)state;
	for (int i = 0; i < ERR_KINDS; i++)
		assert_non_null(err_kind_name((enum err_kind)i));
	assert_string_equal(err_kind_name(ERR_AMBIGUOUS), "ambiguous");
	assert_string_equal(err_kind_name(ERR_KINDS), "unknown");
}

/* A broken promise: what failed, where, and what was running; then abort. */
static void must_tells_and_aborts(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		dup2(ends[1], STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		must_context("deliver", "render");
		must(1 + 1 == 2);
		must(1 + 1 == 3);
		_exit(0);
	}
	close(ends[1]);
	char text[1000] = "";
	size_t used = 0;
	for (ssize_t got; (got = read(ends[0], text + used, sizeof text - 1 - used)) > 0;)
		used += (size_t)got;
	close(ends[0]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(text, "1 + 1 == 3"));
	assert_non_null(strstr(text, "in deliver, step render"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(set_fills_and_says_false),
	    cmocka_unit_test(prefix_goes_in_front),
	    cmocka_unit_test(long_texts_are_cut),
	    cmocka_unit_test(kinds_have_names),
	    cmocka_unit_test(must_tells_and_aborts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
