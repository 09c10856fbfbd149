/* Webhooks: stored before they are acknowledged, whatever fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "notifier/app/api.h"
#include "tests/flow/fake_stage.h"

#define N "GN1"

static void test_news_becomes_a_mail(void **state)
{
	(void)state;
	stage_open(N);
	struct http_exchange *made = stage_register("generic", N, NULL);
	assert_int_equal(fake_server_status(made), 201);
	struct http_exchange *hook = stage_hook(N, "in_transit", "2026-03-02T07:59:00Z");
	assert_int_equal(fake_server_status(hook), 200);
	assert_string_equal(fake_server_body(hook), "{\"result\":\"applied\"}");
	assert_int_equal(stage_shipment(N)->status, STATUS_IN_TRANSIT);
	fake_loop_advance(2000);
	assert_int_equal(fake_smtp_accepted(), 1);
	assert_string_equal(fake_smtp_mail(0)->to, "ann@example.com");
	assert_int_equal(stage_messages("sent"), 1);
	assert_int_equal(fake_redis_size(stage_key(N, "events")), 0);
	assert_int_equal(fake_redis_size(stage_key(N, "outbox")), 0);
	/* The same once more: known already, nobody is told again. */
	hook = stage_hook(N, "in_transit", "2026-03-02T07:59:00Z");
	assert_string_equal(fake_server_body(hook), "{\"result\":\"duplicate\"}");
	fake_loop_advance(5000);
	assert_int_equal(fake_smtp_count(), 1);
	assert_int_equal(stage_rest(), 0);
}

/* A sender that does not hear 200 sends again, as carriers do. */
static void push(const char *status, const char *time)
{
	for (int i = 0; i < 5; i++) {
		struct http_exchange *hook = stage_hook(N, status, time);
		fake_loop_advance(1000);
		if (fake_server_status(hook) == 200)
			return;
		assert_int_equal(fake_server_status(hook), 503);
		assert_non_null(fake_server_header(hook, "Retry-After"));
		fake_loop_advance(3000);
	}
	fail_msg("the webhook was never taken");
}

static void test_refusals(void **state)
{
	(void)state;
	static const struct {
		struct request request;
		int status;
		const char *code;
	} cases[] = {
	    {{.method = "POST", .url = "/hooks/generic/default", .body = "{}"}, 401,
	        "signature_invalid"},
	    {{.method = "POST",
	         .url = "/hooks/generic/default",
	         .body = "{}",
	         .signature = "sha256=00"},
	        401, "signature_invalid"},
	    {{.method = "POST", .url = "/hooks/nobody/default", .body = "{}"}, 404, "unknown_hook"},
	    {{.method = "POST", .url = "/hooks/generic/nobody", .body = "{}"}, 404, "unknown_hook"},
	    {{.method = "PUT", .url = "/hooks/generic/default", .body = "{}"}, 405,
	        "method_not_allowed"},
	};
	struct world *world = stage_open(N);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct http_exchange *hook = fake_server_ask(api_handle, world, &cases[i].request);
		assert_int_equal(fake_server_status(hook), cases[i].status);
		assert_non_null(strstr(fake_server_body(hook), cases[i].code));
	}
	world->is_stopping = true;
	assert_int_equal(
	    fake_server_status(stage_hook(N, "in_transit", "2026-03-02T07:59:00Z")), 503);
}

static size_t quarantined(void)
{
	size_t count = 0;
	for (unsigned i = 0; i < PARTITIONS; i++) {
		char key[40];
		snprintf(key, sizeof key, "n:{p%02x}:quarantine", i);
		count += fake_redis_size(key);
	}
	return count;
}

/* What cannot be read or believed is kept, and the sender need not come again. */
static void test_quarantine(void **state)
{
	(void)state;
	stage_open(N);
	stage_register("generic", N, NULL);
	assert_int_equal(
	    fake_server_status(stage_hook(N, "teleported", "2026-03-02T07:59:00Z")), 200);
	assert_int_equal(quarantined(), 1);
	assert_int_equal(
	    fake_server_status(stage_hook(N, "in_transit", "2031-03-02T07:59:00Z")), 200);
	assert_int_equal(quarantined(), 2);
	assert_int_equal(stage_shipment(N)->status, STATUS_UNKNOWN);
}

static void test_news_before_registration(void **state)
{
	(void)state;
	stage_open(N);
	struct http_exchange *hook = stage_hook(N, "in_transit", "2026-03-02T07:59:00Z");
	assert_string_equal(fake_server_body(hook), "{\"result\":\"unmatched\"}");
	fake_loop_advance(HOUR_MS / 60);
	assert_int_equal(fake_server_status(stage_register("generic", N, NULL)), 201);
	fake_loop_advance(2000);
	assert_int_equal(stage_shipment(N)->status, STATUS_IN_TRANSIT);
	assert_int_equal(fake_smtp_accepted(), 1);
	/* Another one, a week and more before its registration: forgotten. */
	stage_hook("GN9", "in_transit", "2026-03-02T07:59:00Z");
	fake_loop_stride(8 * DAY_MS, 10 * SECOND_MS);
	stage_register("generic", "GN9", NULL);
	assert_int_equal(stage_shipment("GN9")->status, STATUS_UNKNOWN);
}

/* Registered between our look and our keeping it: looked up once more. */
static void register_meanwhile(const char *name)
{
	if (strcmp(name, "unmatched") != 0 || stage_shipment(N) != NULL)
		return;
	fake_redis_hook(NULL);
	fake_redis_answer_at_once(true);
	stage_register("generic", N, NULL);
	fake_redis_answer_at_once(false);
}

static void test_registered_meanwhile(void **state)
{
	(void)state;
	stage_open(N);
	fake_redis_hook(register_meanwhile);
	struct http_exchange *hook = stage_hook(N, "in_transit", "2026-03-02T07:59:00Z");
	assert_string_equal(fake_server_body(hook), "{\"result\":\"applied\"}");
	assert_int_equal(stage_shipment(N)->status, STATUS_IN_TRANSIT);
}

/* Two webhooks about one parcel at once: the second finds another version and loads again. */
static void push_meanwhile(const char *name)
{
	if (strcmp(name, "commit") != 0)
		return;
	fake_redis_hook(NULL);
	fake_redis_answer_at_once(true);
	stage_hook(N, "out_for_delivery", "2026-03-02T07:58:00Z");
	fake_redis_answer_at_once(false);
}

static void test_two_at_once(void **state)
{
	(void)state;
	stage_open(N);
	stage_register("generic", N, NULL);
	unsigned commits = fake_redis_runs("commit");
	fake_redis_hook(push_meanwhile);
	struct http_exchange *hook = stage_hook(N, "delivered", "2026-03-02T07:59:00Z");
	assert_string_equal(fake_server_body(hook), "{\"result\":\"applied\"}");
	assert_int_equal(fake_redis_runs("commit") - commits, 3);
	assert_int_equal(stage_shipment(N)->status, STATUS_DELIVERED);
	assert_int_equal(stage_shipment(N)->sequence, 2); /* both became events */
}

/* Every named state of Redis: refused with 503 and a time, and nothing is half done. */
static void test_states_of_redis(void **state)
{
	(void)state;
	stage_open(N);
	stage_register("generic", N, NULL);
	int64_t version = stage_shipment(N)->version;
	for (int i = REDIS_CONNECTING; i < REDIS_STATES; i++) {
		fake_redis_state((enum redis_state)i);
		struct http_exchange *hook = stage_hook(N, "in_transit", "2026-03-02T07:59:00Z");
		assert_int_equal(fake_server_status(hook), 503);
		assert_int_equal(stage_shipment(N)->version, version);
	}
	fake_loop_advance(5 * MINUTE_MS); /* leases are lost meanwhile */
	fake_redis_state(REDIS_OK);
	push("in_transit", "2026-03-02T07:59:00Z");
	fake_loop_advance(10000);
	assert_int_equal(fake_smtp_accepted(), 1);
}

/* --- whatever fails ----------------------------------------------------------------------------
 */

static void registered(void)
{
	stage_register("generic", N, NULL);
}

static void two_pushes(void)
{
	push("in_transit", "2026-03-02T07:58:00Z");
	fake_loop_stride(20 * SECOND_MS, SECOND_MS); /* a retry is in time */
	push("delivered", "2026-03-02T08:00:00Z");
	fake_loop_advance(2000);
}

static const struct story pushes = {
    .numbers = N, .prepare = registered, .tell = two_pushes, .until_ms = MINUTE_MS};

static void test_each_await_fails(void **state)
{
	(void)state;
	long awaits = stage_torture(&pushes);
	assert_true(awaits > 20);
	print_message("%ld awaits\n", awaits);
}

static void test_each_reply_is_lost(void **state)
{
	(void)state;
	static const char *const scripts[] = {
	    "find", "commit", "events", "decide", "claim", "receipt", "lease", "clock"};
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
		print_message("%s %u\n", scripts[i], stage_lose_replies(&pushes, scripts[i]));
}

static void push_then_register(void)
{
	push("in_transit", "2026-03-02T07:58:00Z");
	for (int i = 0; i < 5 && stage_shipment(N) == NULL; i++) {
		stage_register("generic", N, NULL);
		fake_loop_stride(20 * SECOND_MS, SECOND_MS);
	}
	push("nonsense", "2026-03-02T07:58:00Z");
	push("delivered", "2026-03-02T08:00:00Z");
}

static void test_each_await_fails_unmatched(void **state)
{
	(void)state;
	static const struct story story = {
	    .numbers = N, .tell = push_then_register, .until_ms = MINUTE_MS};
	stage_torture(&story);
	stage_lose_replies(&story, "unmatched");
	stage_lose_replies(&story, "quarantine");
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_teardown(test, stage_teardown)
	const struct CMUnitTest tests[] = {
	    ON_STAGE(test_news_becomes_a_mail),
	    ON_STAGE(test_refusals),
	    ON_STAGE(test_quarantine),
	    ON_STAGE(test_news_before_registration),
	    ON_STAGE(test_registered_meanwhile),
	    ON_STAGE(test_two_at_once),
	    ON_STAGE(test_states_of_redis),
	    cmocka_unit_test(test_each_await_fails),
	    cmocka_unit_test(test_each_reply_is_lost),
	    cmocka_unit_test(test_each_await_fails_unmatched),
	};
	return cmocka_run_group_tests(tests, NULL, stage_group_teardown);
}
