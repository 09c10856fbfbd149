/* The Redis client against a real redis-server that is starved and killed under load. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "notifier/base/log.h"
#include "notifier/io/child.h"
#include "notifier/io/redis_internal.h"
#include "tests/unit/redis_ask.h"

static struct {
	char dir[64], socket[96], url[128];
	struct child *child;
	bool is_dead;
} real;

static void on_real_exit(int64_t status, int number, void *context)
{
	(void)status;
	(void)number;
	(void)context;
	real.is_dead = true;
	child_free(&real.child);
}

static void real_start(void)
{
	const char *const argv[] = {"redis-server", "--port", "0", "--unixsocket", real.socket,
	    "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--dir", real.dir,
	    NULL};
	struct child_options options = {.argv = argv, .on_exit = on_real_exit};
	struct err err;
	real.is_dead = false;
	real.child = child_start(&options, &err);
	assert_non_null(real.child);
}

static void real_kill(void)
{
	child_signal(real.child, SIGKILL);
	LOOP_UNTIL(real.is_dead, 5000);
}

static int real_setup(void **state)
{
	(void)state;
	snprintf(real.dir, sizeof real.dir, "/tmp/test_redis.XXXXXX");
	if (mkdtemp(real.dir) == NULL)
		return -1;
	snprintf(real.socket, sizeof real.socket, "%s/r", real.dir);
	snprintf(real.url, sizeof real.url, "unix://%s", real.socket);
	redis_reply_deadline_ms = 10000;
	if (child_program_exists("redis-server"))
		real_start();
	return 0;
}

static int real_teardown(void **state)
{
	(void)state;
	if (real.child != NULL)
		real_kill();
	loop_drain();
	const char *const argv[] = {"rm", "-rf", real.dir, NULL};
	struct child_options options = {.argv = argv, .on_exit = on_real_exit};
	real.is_dead = false;
	real.child = child_start(&options, NULL);
	LOOP_UNTIL(real.is_dead, 5000);
	return 0;
}

static struct redis *real_open(void)
{
	if (!child_program_exists("redis-server")) {
		print_message("SKIPPED: redis-server is not installed\n");
		skip();
	}
	struct redis_options options = {.url = real.url};
	struct err err;
	struct redis *redis = redis_open(&options, &err);
	assert_non_null(redis);
	LOOP_UNTIL(redis_state_now(redis) == REDIS_OK, 10000);
	return redis;
}

#define MANY 1000

static int ended(const struct outcome *outcomes, size_t count)
{
	int total = 0;
	for (size_t i = 0; i < count; i++)
		total += outcomes[i].ended;
	return total;
}

static void test_real_pipeline(void **state)
{
	(void)state;
	struct redis *redis = real_open();
	static struct outcome outcomes[MANY];
	memset(outcomes, 0, sizeof outcomes);
	for (int i = 0; i < MANY; i++)
		ask(redis, &outcomes[i], "INCR counter");
	assert_int_equal(redis_in_flight(redis), MANY);
	LOOP_UNTIL(ended(outcomes, MANY) == MANY, 5000);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(outcomes[i].integer, i + 1);
	redis_close(&redis);
}

static void test_real_script_and_arrays(void **state)
{
	(void)state;
	struct redis *redis = real_open();
	struct redis_script script = {.name = "pair", .source = "return {KEYS[1], {1, ARGV[1]}}"};
	struct str key = redis_arg("k"), arg = str_make("a\0b", 3);
	struct redis_script_call call = {
	    .script = &script, .keys = &key, .key_count = 1, .args = &arg, .arg_count = 1};
	for (int i = 0; i < 2; i++) { /* first EVAL, then EVALSHA */
		struct outcome outcome = {0};
		ask_script(redis, &outcome, &call);
		LOOP_UNTIL(outcome.ended, 3000);
		assert_false(outcome.failed);
		assert_int_equal(outcome.type, REDIS_ARRAY);
	}
	redis_close(&redis);
}

static void test_real_out_of_memory_heals(void **state)
{
	(void)state;
	struct redis *redis = real_open();
	struct outcome outcome[3] = {{0}};
	ask(redis, &outcome[0], "CONFIG SET maxmemory 1");
	ask(redis, &outcome[1], "SET k v");
	LOOP_UNTIL(outcome[1].ended, 3000);
	assert_int_equal(outcome[1].err.kind, ERR_TRANSIENT);
	assert_int_equal(redis_state_now(redis), REDIS_OOM);
	ask(redis, &outcome[2], "CONFIG SET maxmemory 0");
	LOOP_UNTIL(redis_state_now(redis) == REDIS_OK, 3000);
	redis_close(&redis);
}

/* Flows that write without end while the server is killed: every command ends once, and what was
 * acknowledged is still there. */
struct load {
	struct flow flow;
	struct redis *redis;
	struct redis_value value;
};
static struct {
	bool is_over;
	long started, done, transient, ambiguous, other;
} tally;

#define LOAD_STEPS(X) X(load, write) X(load, count)
LOAD_STEPS(FLOW_STEP)

static next load_write(struct load *l)
{
	static struct str args[] = {{"INCR", 4}, {"load", 4}};
	if (tally.is_over)
		return END;
	tally.started++;
	return AWAIT(l, count, redis_call(l->redis, &l->flow, args, 2, &l->value), 30000);
}

static next load_count(struct load *l)
{
	if (!FAILED(l)) {
		tally.done++;
		return THEN(write);
	}
	tally.transient += l->flow.err.kind == ERR_TRANSIENT;
	tally.ambiguous += l->flow.err.kind == ERR_AMBIGUOUS;
	tally.other += l->flow.err.kind != ERR_TRANSIENT && l->flow.err.kind != ERR_AMBIGUOUS;
	return END;
}

static void load_fini(struct flow *flow)
{
	xfree(flow);
}
static const struct flow_type load_type = {"load", load_fini};

static void test_real_kill_under_load(void **state)
{
	(void)state;
	struct redis *redis = real_open();
	memset(&tally, 0, sizeof tally);
	for (int round = 0; round < 3; round++) {
		long enough = tally.done + 300;
		for (int i = 0; i < 50; i++) {
			struct load *load = xcalloc(1, sizeof *load);
			load->redis = redis;
			flow_start(&load->flow, &load_type, do_write);
		}
		LOOP_UNTIL(tally.done >= enough, 5000);
		child_signal(real.child, SIGKILL);
		LOOP_UNTIL(flow_count() == 0, 2000); /* noticed at once, not by a deadline */
		LOOP_UNTIL(real.is_dead, 5000);
		assert_int_not_equal(redis_state_now(redis), REDIS_OK);
		real_start();
		LOOP_UNTIL(redis_state_now(redis) == REDIS_OK, 8000);
	}
	assert_int_equal(
	    tally.started, tally.done + tally.transient + tally.ambiguous + tally.other);
	assert_int_equal(tally.other, 0);
	assert_true(tally.ambiguous > 0);
	struct outcome outcome = {0};
	ask(redis, &outcome, "INCR load");
	LOOP_UNTIL(outcome.ended, 3000);
	assert_true(outcome.integer > tally.done);
	assert_true(outcome.integer <= tally.done + tally.ambiguous + 1);
	redis_close(&redis);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_real_pipeline, real_setup, real_teardown),
	    cmocka_unit_test_setup_teardown(test_real_script_and_arrays, real_setup, real_teardown),
	    cmocka_unit_test_setup_teardown(
	        test_real_out_of_memory_heals, real_setup, real_teardown),
	    cmocka_unit_test_setup_teardown(test_real_kill_under_load, real_setup, real_teardown),
	};
	loop_start();
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
