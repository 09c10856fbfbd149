#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "notifier/io/child.h"
#include "notifier/io/files.h"
#include "tests/unit/loop_until.h"

static struct {
	int calls;
	int64_t status;
	int signal;
} over;

static void on_exit_seen(int64_t status, int number, void *context)
{
	struct child **child = context;
	over.calls++;
	over.status = status;
	over.signal = number;
	if (child != NULL)
		child_free(child); /* allowed here */
}

static struct child *start(const char *const *argv, const char *log, struct child **free_it)
{
	struct child_options options = {
	    .argv = argv, .log_path = log, .on_exit = on_exit_seen, .context = free_it};
	struct err err = {.text = ""};
	memset(&over, 0, sizeof over);
	struct child *child = child_start(&options, &err);
	assert_string_equal(err.text, "");
	return child;
}

static void test_exit_status(void **state)
{
	(void)state;
	static const char *const argv[] = {"sh", "-c", "exit 7", NULL};
	struct child *child = start(argv, NULL, &child);
	LOOP_UNTIL(over.calls == 1, 5000);
	assert_int_equal(over.status, 7);
	assert_int_equal(over.signal, 0);
	assert_null(child);
}

static void test_signal_reaches_it(void **state)
{
	(void)state;
	static const char *const argv[] = {"sleep", "1000", NULL};
	struct child *child = start(argv, NULL, NULL);
	assert_int_equal(getpgid(child_pid(child)), child_pid(child));
	child_signal(child, SIGTERM);
	LOOP_UNTIL(over.calls == 1, 5000);
	assert_int_equal(over.signal, SIGTERM);
	child_signal(child, SIGKILL); /* harmless: it is over */
	child_free(&child);
	assert_null(child);
}

static void test_a_forgotten_child_is_reaped(void **state)
{
	(void)state;
	static const char *const argv[] = {"sleep", "1000", NULL};
	struct child *child = start(argv, NULL, NULL);
	int pid = child_pid(child);
	child_signal(child, SIGKILL);
	child_free(&child);
	LOOP_UNTIL(kill(pid, 0) != 0, 5000); /* no zombie is left */
	assert_int_equal(over.calls, 0);
}

static void test_log_folder_and_clean_state(void **state)
{
	(void)state;
	/* Prints its folder, which signals it ignores, and its open descriptors. */
	static const char *const argv[] = {"sh", "-c",
	    /* Signals 32 and 33 are glibc's own: nobody can give them back. */
	    "pwd; grep SigIgn /proc/self/status | sed s/180000000/000000000/; "
	    "ls /proc/self/fd | wc -l; echo e >&2",
	    NULL};
	struct arena *arena = arena_new();
	char log[] = "/tmp/test_child.XXXXXX";
	int fd = mkstemp(log); /* without close-on-exec, to be inherited by mistake */
	struct child_options options = {
	    .argv = argv, .working_dir = "/", .log_path = log, .on_exit = on_exit_seen};
	struct err err;
	struct str out;
	over.calls = 0;
	struct child *child = child_start(&options, &err);
	assert_non_null(child);
	LOOP_UNTIL(over.calls == 1, 5000);
	child_free(&child);
	assert_true(files_read(log, 1000, arena, &out, &err));
	assert_string_equal(
	    out.at, "/\nSigIgn:\t0000000000000000\n4\ne\n"); /* 0, 1, 2 and ls's own */
	close(fd);
	unlink(log);
	arena_free(&arena);
}

static void test_what_cannot_start_says_why(void **state)
{
	(void)state;
	static const char *const missing[] = {"no-such-program-here", NULL};
	static const char *const plain[] = {"/etc/hostname", NULL};
	static const char *const fine[] = {"true", NULL};
	struct err err;
	struct child_options options = {.argv = missing};
	assert_null(child_start(&options, &err));
	assert_non_null(strstr(err.text, "no-such-program-here"));
	options.argv = plain;
	assert_null(child_start(&options, &err));
	options = (struct child_options){.argv = fine, .working_dir = "/nowhere"};
	assert_null(child_start(&options, &err));
	assert_non_null(strstr(err.text, "No such file"));
	options = (struct child_options){.argv = fine, .log_path = "/nowhere/log"};
	assert_null(child_start(&options, &err));
	assert_non_null(strstr(err.text, "/nowhere/log"));
	assert_true(child_program_exists("sh"));
	assert_false(child_program_exists("no-such-program-here"));
	assert_false(child_program_exists("/etc"));
}

/* A process that starts a child and is killed takes the child with it. */
static void test_it_dies_with_us(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t parent = fork();
	if (parent == 0) {
		static const char *const argv[] = {"sleep", "1000", NULL};
		struct child_options options = {.argv = argv};
		struct child *child = child_start(&options, NULL);
		int pid = child ? child_pid(child) : -1;
		if (write(ends[1], &pid, sizeof pid) != sizeof pid)
			_exit(1);
		pause();
		_exit(0);
	}
	int pid = -1;
	assert_int_equal(read(ends[0], &pid, sizeof pid), sizeof pid);
	assert_true(pid > 0 && kill(pid, 0) == 0);
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	char path[64], stat[64] = "";
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	loop_until_start(5000);
	bool is_gone = false;
	do { /* gone, or a zombie that waits for init */
		FILE *file = fopen(path, "r");
		is_gone = file == NULL || fgets(stat, sizeof stat, file) == NULL ||
		          strstr(stat, ") Z") != NULL;
		if (file != NULL)
			fclose(file);
	} while (!is_gone && loop_until_turn());
	loop_until_stop();
	assert_true(is_gone);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_exit_status),
	    cmocka_unit_test(test_signal_reaches_it),
	    cmocka_unit_test(test_a_forgotten_child_is_reaped),
	    cmocka_unit_test(test_log_folder_and_clean_state),
	    cmocka_unit_test(test_what_cannot_start_says_why),
	    cmocka_unit_test(test_it_dies_with_us),
	};
	loop_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
