/* The scripts in a real, private redis-server: the same cases as the flow tests' own Redis. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "notifier/base/log.h"
#include "notifier/io/child.h"
#include "tests/flow/script_cases.h"
#include "tests/unit/loop_until.h"

static struct {
	char dir[64], url[128];
	struct child *child;
	bool is_over;
} server;

static void on_exit_of(int64_t status, int number, void *context)
{
	(void)status;
	(void)number;
	(void)context;
	server.is_over = true;
	child_free(&server.child);
}

static int start_server(void **state)
{
	(void)state;
	snprintf(server.dir, sizeof server.dir, "/tmp/test_scripts.XXXXXX");
	if (mkdtemp(server.dir) == NULL)
		return -1;
	snprintf(server.url, sizeof server.url, "unix://%s/r", server.dir);
	const char *const argv[] = {"redis-server", "--port", "0", "--unixsocket", server.url + 7,
	    "--save", "", "--dir", server.dir, NULL};
	struct child_options options = {.argv = argv, .on_exit = on_exit_of};
	if (child_program_exists("redis-server"))
		server.child = child_start(&options, NULL);
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	if (server.child != NULL) {
		child_signal(server.child, SIGKILL);
		LOOP_UNTIL(server.is_over, 5000);
	}
	const char *const argv[] = {"rm", "-rf", server.dir, NULL};
	struct child_options options = {.argv = argv, .on_exit = on_exit_of};
	server.is_over = false;
	server.child = child_start(&options, NULL);
	LOOP_UNTIL(server.is_over, 5000);
	loop_drain();
	return 0;
}

static void wait_for_it(void)
{
	LOOP_UNTIL(script_is_done, 5000);
}

static void test_cases(void **state)
{
	(void)state;
	if (server.child == NULL) {
		print_message("SKIPPED: redis-server is not installed\n");
		skip();
	}
	struct redis_options options = {.url = server.url};
	struct err err;
	struct redis *redis = redis_open(&options, &err);
	assert_non_null(redis);
	LOOP_UNTIL(redis_state_now(redis) == REDIS_OK, 10000);
	script_cases_run(redis, wait_for_it);
	redis_close(&redis);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_cases, start_server, stop_server),
	};
	loop_start();
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
