/* The Redis client against a scripted server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "notifier/base/log.h"
#include "tests/unit/fake_redis.h"
#include "tests/unit/redis_ask.h"

static void test_urls(void **state)
{
	(void)state;
	static const struct {
		const char *url, *host, *user, *password, *path;
		int port, database;
	} good[] = {
	    {"redis://h", "h", NULL, NULL, NULL, 6379, 0},
	    {"redis://127.0.0.1:6380/3", "127.0.0.1", NULL, NULL, NULL, 6380, 3},
	    {"redis://[::1]:6380", "::1", NULL, NULL, NULL, 6380, 0},
	    {"redis://u:p%40s%2f@h:1/2", "h", "u", "p@s/", NULL, 1, 2},
	    {"redis://:p@h/", "h", NULL, "p", NULL, 6379, 0},
	    {"unix:///run/r.sock", NULL, NULL, NULL, "/run/r.sock", 0, 0},
	};
	static const char *const bad[] = {"", "h:1", "http://h", "redis://", "redis://h:0",
	    "redis://h:99999", "redis://h:x", "redis://h/x", "redis://[::1", "redis://[::1]x",
	    "unix://x", "redis://:p@", NULL};
	struct redis_address a;
	struct err err;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(redis_address_parse(&a, good[i].url, &err));
		assert_true(text_eq(a.host, good[i].host) && text_eq(a.user, good[i].user));
		assert_true(text_eq(a.password, good[i].password));
		assert_true(text_eq(a.socket_path, good[i].path));
		assert_int_equal(a.port, good[i].port);
		assert_int_equal(a.database, good[i].database);
		redis_address_free(&a);
	}
	for (size_t i = 0; bad[i] != NULL; i++) {
		assert_false(redis_address_parse(&a, bad[i], &err));
		assert_int_equal(err.kind, ERR_INPUT);
	}
	assert_null(strstr(err.text, ":p@")); /* no password in messages */
}

static void test_error_replies_are_named_states(void **state)
{
	(void)state;
	static const struct {
		const char *reply;
		enum redis_state state;
		enum err_kind kind;
		bool heals_at_once;
	} rows[] = {
	    {"-LOADING Redis is loading the dataset in memory\r\n", REDIS_LOADING, ERR_TRANSIENT,
	        true},
	    {"-READONLY You can't write against a read only replica.\r\n", REDIS_READONLY,
	        ERR_TRANSIENT, true},
	    {"-MASTERDOWN Link with MASTER is down\r\n", REDIS_READONLY, ERR_TRANSIENT, true},
	    {"-NOREPLICAS Not enough good replicas to write.\r\n", REDIS_NOREPLICAS, ERR_TRANSIENT,
	        true},
	    {"-OOM command not allowed when used memory > 'maxmemory'.\r\n", REDIS_OOM,
	        ERR_TRANSIENT, true},
	    {"-ERR Error running script (call to f_x): @user_script:1: -OOM command not "
	     "allowed\r\n",
	        REDIS_OOM, ERR_TRANSIENT, true},
	    {"-MISCONF Errors writing to the AOF file\r\n", REDIS_MISCONF, ERR_TRANSIENT, true},
	    {"-BUSY Redis is busy running a script.\r\n", REDIS_BUSY, ERR_TRANSIENT, true},
	    {"-NOGROUP No such key\r\n", REDIS_NOGROUP, ERR_TRANSIENT, false},
	    {"-WRONGTYPE Operation against a key\r\n", REDIS_WRONGTYPE, ERR_PERMANENT, false},
	    {"-NOPERM this user has no permissions\r\n", REDIS_AUTH, ERR_AUTH, false},
	    {"-NOAUTH Authentication required.\r\n", REDIS_AUTH, ERR_AUTH, true},
	    {"-BUSYGROUP Consumer Group name already exists\r\n", REDIS_OK, ERR_PERMANENT, true},
	    {"-ERR unknown command\r\n", REDIS_OK, ERR_PERMANENT, true},
	    {"-\r\n", REDIS_OK, ERR_PERMANENT, true},
	};
	struct redis *redis = fake_open_ready();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct outcome outcome = {0};
		fake.answer = rows[i].reply;
		ask(redis, &outcome, "XADD k v");
		LOOP_UNTIL(outcome.ended, 2000);
		assert_true(outcome.failed);
		assert_int_equal(outcome.err.kind, rows[i].kind);
		assert_int_equal(outcome.type, REDIS_ERROR);
		assert_int_equal(
		    strncmp(outcome.err.text, rows[i].reply + 1, 4) == 0 || i == 14, 1);
		assert_int_equal(redis_state_now(redis), rows[i].state);
		if (rows[i].heals_at_once)
			LOOP_UNTIL(redis_state_now(redis) == REDIS_OK, 2000);
	}
	redis_close(&redis);
}

static void test_nobody_listens(void **state)
{
	(void)state;
	static const char *const urls[] = {"redis://127.0.0.1:1", "redis://localhost:1/2",
	    "redis://[::1]:1", "unix:///nowhere/at/all", "redis://no.such.name.invalid."};
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		struct redis_options options = {.url = urls[i]};
		struct outcome outcome = {0};
		struct err err;
		struct redis *redis = redis_open(&options, &err);
		assert_non_null(redis);
		LOOP_UNTIL(redis->attempts >= 2 || i == 4, 5000);
		ask(redis, &outcome, "GET k");
		assert_int_equal(outcome.ended, 1);
		assert_int_equal(outcome.err.kind, ERR_TRANSIENT);
		assert_string_equal(outcome.err.text, "redis: not connected (connecting)");
		redis_close(&redis);
		loop_drain();
	}
}

static void test_loading_is_waited_for(void **state)
{
	(void)state;
	fake.probe = "-LOADING Redis is loading\r\n";
	struct redis *redis = fake_open();
	LOOP_UNTIL(redis_state_now(redis) == REDIS_LOADING, 2000);
	struct outcome outcome = {0};
	ask(redis, &outcome, "GET k");
	assert_int_equal(outcome.ended, 1); /* at once */
	assert_int_equal(outcome.err.kind, ERR_TRANSIENT);
	assert_int_equal(fake.commands, 0);
	fake.probe = ":0\r\n";
	LOOP_UNTIL(redis_state_now(redis) == REDIS_OK, 2000);
	assert_int_equal(fake.connections, 1);
	redis_close(&redis);
}

static void test_noscript_is_answered_with_eval_once(void **state)
{
	(void)state;
	struct redis_script script = {.name = "one", .source = "return 1"};
	struct str key = redis_arg("k");
	struct redis_script_call call = {.script = &script, .keys = &key, .key_count = 1};
	struct redis *redis = fake_open_ready();
	struct outcome outcome = {0};
	fake.answer = "-NOSCRIPT No matching script.\r\n";
	fake.auth = ":7\r\n"; /* to EVAL */
	ask_script(redis, &outcome, &call);
	LOOP_UNTIL(outcome.ended, 2000);
	assert_false(outcome.failed);
	assert_int_equal(outcome.integer, 7);
	assert_string_equal(script.sha1, "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
	fake.auth = NULL; /* EVAL is answered NOSCRIPT too */
	fake.commands = fake.evals = 0;
	outcome = (struct outcome){0};
	ask_script(redis, &outcome, &call);
	LOOP_UNTIL(outcome.ended, 2000);
	assert_int_equal(outcome.err.kind, ERR_TRANSIENT);
	assert_int_equal(fake.commands, 2);
	assert_int_equal(fake.evals, 1);
	redis_close(&redis);
}

static void test_bad_bytes_end_the_connection(void **state)
{
	(void)state;
	static const struct {
		const char *reply;
		bool hang_up;
		enum redis_state verdict;
	} rows[] = {
	    {"HTTP/1.1 400 Bad Request\r\n\r\n", false, REDIS_BROKEN},
	    {"*2147483647\r\n", false, REDIS_BROKEN},
	    {"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", false,
	        REDIS_BROKEN},
	    {"$10\r\nhalf", true, REDIS_CONNECTING},
	    {"$10\r\nhalf", false, REDIS_CONNECTING},
	    {"$536870912\r\nabc", false, REDIS_CONNECTING},
	    {"*2\r\n:1\r\n", true, REDIS_CONNECTING},
	    {"", false, REDIS_CONNECTING},
	    {"", true, REDIS_CONNECTING},
	};
	redis_reply_deadline_ms = 150;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct redis *redis = fake_open_ready();
		struct outcome first = {0}, second = {0};
		fake.answer = rows[i].reply;
		fake.hang_up = rows[i].hang_up;
		fake.once = true;
		fake.probe = NULL; /* the next connection gets no greeting: the verdict stays */
		ask(redis, &first, "GET a");
		ask(redis, &second, "GET b");
		LOOP_UNTIL(first.ended && second.ended, 2000);
		assert_int_equal(first.err.kind, ERR_AMBIGUOUS);
		assert_int_equal(second.err.kind, ERR_AMBIGUOUS);
		assert_int_equal(redis_state_now(redis), rows[i].verdict);
		fake.probe = ":0\r\n";
		LOOP_UNTIL(redis_state_now(redis) == REDIS_OK, 3000);
		redis_close(&redis);
		fake.hang_up = false;
	}
}

/* hiredis alone would abort the process on the first of these. */
static void test_a_reply_too_many_belongs_to_nobody(void **state)
{
	(void)state;
	struct redis *redis = fake_open_ready();
	struct outcome first = {0}, second = {0};
	fake.answer = "+mine\r\n+stray\r\n";
	ask(redis, &first, "GET a");
	LOOP_UNTIL(first.ended && redis_state_now(redis) == REDIS_BROKEN, 2000);
	assert_string_equal(first.text, "mine");
	LOOP_UNTIL(redis_state_now(redis) == REDIS_OK, 2000);
	fake.answer = "+mine\r\n";
	ask(redis, &second, "GET b");
	LOOP_UNTIL(second.ended, 2000);
	assert_string_equal(second.text, "mine");
	assert_int_equal(fake.connections, 2);
	fake_say("+unasked\r\n");
	LOOP_UNTIL(redis_state_now(redis) == REDIS_BROKEN, 2000);
	LOOP_UNTIL(redis_state_now(redis) == REDIS_OK, 2000);
	fake_say("-ERR max number of clients reached\r\n");
	LOOP_UNTIL(redis_state_now(redis) == REDIS_CONNECTING, 2000);
	LOOP_UNTIL(redis_state_now(redis) == REDIS_OK, 2000);
	redis_close(&redis);
}

static void test_wrong_password(void **state)
{
	(void)state;
	char url[160];
	struct redis_options options = {.url = url};
	struct err err;
	fake.auth = "-WRONGPASS invalid username-password pair\r\n";
	snprintf(url, sizeof url, "unix://%s", fake.path);
	struct redis *redis = redis_open(&options, &err);
	redis->address.password = xstrdup("secret"); /* a socket's URL has none */
	LOOP_UNTIL(redis_state_now(redis) == REDIS_AUTH, 2000);
	fake.auth = "+OK\r\n";
	LOOP_UNTIL(redis_state_now(redis) == REDIS_OK, 2000);
	redis_close(&redis);
}

static void test_cancel_deadline_and_close(void **state)
{
	(void)state;
	struct redis *redis = fake_open_ready();
	struct outcome cancelled = {0}, late = {0}, kept = {0}, closed = {0};
	fake.answer = NULL;
	struct flow *flow = ask(redis, &cancelled, "GET a");
	struct ask *slow = ask_new(redis, &late, "GET b");
	slow->deadline_ms = 20;
	flow_start(&slow->flow, &ask_type, do_send);
	ask(redis, &kept, "GET c");
	LOOP_UNTIL(fake.commands == 3, 2000);
	flow_cancel(flow);
	assert_int_equal(cancelled.err.kind, ERR_CANCELLED);
	LOOP_UNTIL(late.ended, 2000);
	assert_int_equal(late.err.kind, ERR_TRANSIENT);
	fake_say("+a\r\n+b\r\n");
	fake_say("+c\r\n");
	LOOP_UNTIL(kept.ended, 2000);
	assert_string_equal(kept.text, "c"); /* the late answers were dropped, in order */
	assert_int_equal(cancelled.ended + late.ended, 2);
	ask(redis, &closed, "GET d");
	LOOP_UNTIL(fake.commands == 4, 2000);
	redis_close(&redis);
	assert_int_equal(closed.err.kind, ERR_CANCELLED);
	assert_null(redis);
	redis_close(&redis);
}

static void test_close_inside_an_answer(void **state)
{
	(void)state;
	struct redis *redis = fake_open_ready();
	struct redis *same = redis;
	struct outcome closer = {.close = &redis}, other = {0};
	ask(same, &closer, "GET a");
	ask(same, &other, "GET b");
	LOOP_UNTIL(closer.ended && other.ended, 2000);
	assert_false(closer.failed);
	assert_int_equal(other.err.kind, ERR_CANCELLED);
	assert_null(redis);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_urls),
	    cmocka_unit_test(test_nobody_listens),
	    cmocka_unit_test_setup_teardown(
	        test_error_replies_are_named_states, fake_start, fake_stop),
	    cmocka_unit_test_setup_teardown(test_loading_is_waited_for, fake_start, fake_stop),
	    cmocka_unit_test_setup_teardown(
	        test_noscript_is_answered_with_eval_once, fake_start, fake_stop),
	    cmocka_unit_test_setup_teardown(
	        test_bad_bytes_end_the_connection, fake_start, fake_stop),
	    cmocka_unit_test_setup_teardown(
	        test_a_reply_too_many_belongs_to_nobody, fake_start, fake_stop),
	    cmocka_unit_test_setup_teardown(test_wrong_password, fake_start, fake_stop),
	    cmocka_unit_test_setup_teardown(test_cancel_deadline_and_close, fake_start, fake_stop),
	    cmocka_unit_test_setup_teardown(test_close_inside_an_answer, fake_start, fake_stop),
	};
	loop_start();
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
