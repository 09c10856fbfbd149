/* Polls: batches, tokens, quotas, refusals, and the race with a webhook. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/app/poll.h"
#include "tests/flow/fake_stage.h"

#define F "1000000001"
#define D "JD0001"

static void says(const char *url, int status, const char *body)
{
	struct carrier_says row = {.url = url, .status = status, .body = body};
	fake_http_says(&row);
}

static void says_once(const char *url, int status, const char *body)
{
	struct carrier_says row = {.url = url, .status = status, .body = body, .times = 1};
	fake_http_says(&row);
}

/* --- happy -------------------------------------------------------------------------------------
 */

static void test_first_look(void **state)
{
	(void)state;
	stage_open(F);
	stage_fedex_token();
	says(FEDEX_TRACK_URL, 200, stage_fedex(F, "PU", "2026-03-02T07:40:00+00:00"));
	assert_int_equal(fake_server_status(stage_register("fedex", F, NULL)), 201);
	fake_loop_advance(3000);
	assert_int_equal(
	    stage_messages("held"), 1); /* ten minutes old: perhaps there is more to come */
	fake_loop_advance(20 * SECOND_MS);
	assert_int_equal(fake_http_count(FEDEX_TOKEN_URL), 1);
	assert_int_equal(fake_http_count(FEDEX_TRACK_URL), 1);
	assert_string_equal(fake_http_asked(1)->authorization, "Bearer good");
	const struct shipment *s = stage_shipment(F);
	assert_int_equal(s->status, STATUS_IN_TRANSIT);
	assert_true(s->next_poll_ms > loop_now_ms() + HOUR_MS);
	assert_int_equal(fake_smtp_accepted(), 1);
	assert_int_equal(fake_redis_score(stage_key(F, "due:fedex"), s->id), s->next_poll_ms);
	assert_int_equal(stage_rest(), 0);
}

/* The same answer again is not even parsed, and the next look is planned. */
static void test_unchanged(void **state)
{
	(void)state;
	stage_open(D);
	says(DHL_URL, 200, stage_dhl(D, "transit", "2026-03-02T07:55:00Z"));
	stage_register("dhl", D, NULL);
	fake_loop_advance(5000);
	assert_int_equal(fake_http_count(DHL_URL), 1);
	int64_t version = stage_shipment(D)->version;
	fake_loop_a_day_passes();
	size_t looks = fake_http_count(DHL_URL);
	assert_in_range(looks, 4, 10); /* every 4 h by day */
	assert_int_equal(stage_shipment(D)->version, version);
	assert_int_equal(fake_smtp_accepted(), 1);
	/* Delivered: looked at no more. */
	says(DHL_URL, 200, stage_dhl(D, "delivered", "2026-03-03T09:50:00Z"));
	fake_loop_a_day_passes();
	assert_int_equal(stage_shipment(D)->status, STATUS_DELIVERED);
	assert_int_equal(fake_smtp_accepted(), 2);
	looks = fake_http_count(DHL_URL);
	fake_loop_a_day_passes();
	assert_int_equal(fake_http_count(DHL_URL), looks);
}

static void test_errors_of_one_number(void **state)
{
	(void)state;
	stage_open(D);
	says(DHL_URL, 404, "{\"status\":404,\"title\":\"No result found\"}");
	stage_register("dhl", D, NULL);
	fake_loop_advance(5000);
	assert_int_equal(stage_shipment(D)->poll_failures, 1);
	assert_int_equal(stage_shipment(D)->status, STATUS_UNKNOWN);
	says(DHL_URL, 200, stage_dhl(D, "transit", "2026-03-02T07:55:00Z"));
	fake_loop_a_day_passes();
	assert_int_equal(stage_shipment(D)->poll_failures, 0);
	assert_int_equal(stage_shipment(D)->status, STATUS_IN_TRANSIT);
}

/* --- tokens ------------------------------------------------------------------------------------
 */

/* Five calls under way at once share one request for a token. */
static void test_token_single_flight(void **state)
{
	(void)state;
	static const char *const numbers[] = {
	    "100000001", "100000002", "100000003", "100000004", "100000005"};
	struct world *world = stage_open(NULL);
	struct carrier_runtime *fedex = world_carrier(world, "fedex");
	struct carrier_says slow = {.url = FEDEX_TOKEN_URL,
	    .status = 200,
	    .delay_ms = 3000,
	    .body = "{\"access_token\":\"good\",\"expires_in\":3600}"};
	fake_http_says(&slow);
	says(FEDEX_TRACK_URL, 500, "");
	for (size_t i = 0; i < 5; i++) {
		stage_register("fedex", numbers[i], NULL);
		poll_start(world, fedex);
		fake_loop_settle();
	}
	assert_true(fedex->in_flight >= 5);
	assert_int_equal(fake_http_count(FEDEX_TOKEN_URL), 1);
	fake_loop_advance(5000);
	assert_int_equal(fake_http_count(FEDEX_TOKEN_URL), 1);
	assert_int_equal(fake_http_count(FEDEX_TRACK_URL), 5);
	assert_int_equal(stage_rest(), 0);
}

static void test_token_expires(void **state)
{
	(void)state;
	stage_open(F);
	stage_fedex_token();
	says(FEDEX_TRACK_URL, 200, stage_fedex(F, "PU", "2026-03-02T07:55:00+00:00"));
	stage_register("fedex", F, NULL);
	fake_loop_stride(9 * HOUR_MS, 5 * SECOND_MS);
	assert_true(fake_http_count(FEDEX_TRACK_URL) >= 2);
	assert_int_equal(
	    fake_http_count(FEDEX_TOKEN_URL), fake_http_count(FEDEX_TRACK_URL)); /* lives an hour */
}

/* 401: the token may have died early.  Once more with a fresh one; then it is the credentials. */
static void test_refused_token(void **state)
{
	(void)state;
	stage_open(F);
	stage_fedex_token();
	says(FEDEX_TRACK_URL, 200, stage_fedex(F, "PU", "2026-03-02T07:55:00+00:00"));
	says_once(FEDEX_TRACK_URL, 401, "{\"errors\":[{\"code\":\"NOT.AUTHORIZED.ERROR\"}]}");
	stage_register("fedex", F, NULL);
	fake_loop_advance(5000);
	assert_int_equal(fake_http_count(FEDEX_TOKEN_URL), 2);
	assert_int_equal(fake_http_count(FEDEX_TRACK_URL), 2);
	assert_int_equal(stage_shipment(F)->status, STATUS_IN_TRANSIT);
	assert_int_equal(stage_shipment(F)->poll_failures, 0);
}

static void test_refused_credentials(void **state)
{
	(void)state;
	struct world *world = stage_open(F);
	stage_fedex_token();
	says(FEDEX_TRACK_URL, 401, "{\"errors\":[{\"code\":\"NOT.AUTHORIZED.ERROR\"}]}");
	stage_register("fedex", F, NULL);
	fake_loop_advance(5000);
	assert_int_equal(fake_http_count(FEDEX_TRACK_URL), 2);
	assert_int_equal(world_carrier(world, "fedex")->breaker.state, BREAKER_OPEN);
	says(FEDEX_TRACK_URL, 200, stage_fedex(F, "PU", "2026-03-02T07:55:00+00:00"));
	fake_loop_stride(5 * MINUTE_MS, SECOND_MS); /* an operator has mended it */
	assert_int_equal(world_carrier(world, "fedex")->breaker.state, BREAKER_CLOSED);
	assert_int_equal(stage_shipment(F)->status, STATUS_IN_TRANSIT);
}

/* --- limits ------------------------------------------------------------------------------------
 */

static void test_too_many_requests(void **state)
{
	(void)state;
	struct world *world = stage_open(D);
	struct carrier_says busy = {
	    .url = DHL_URL, .status = 429, .retry_after = "600", .times = 1};
	says(DHL_URL, 200, stage_dhl(D, "transit", "2026-03-02T07:55:00Z"));
	fake_http_says(&busy);
	stage_register("dhl", D, NULL);
	fake_loop_advance(2000);
	int64_t asked_ms = fake_http_asked(0)->at_ms;
	assert_in_range(
	    world_carrier(world, "dhl")->blocked_until_ms, asked_ms + 590000, asked_ms + 610000);
	assert_in_range(strtoll(fake_redis_field("n:lim:dhl", "until"), NULL, 10),
	    asked_ms + 590000, asked_ms + 610000);
	fake_loop_advance(590 * SECOND_MS);
	assert_int_equal(fake_http_count(DHL_URL), 1);
	fake_loop_advance(30 * SECOND_MS);
	assert_int_equal(fake_http_count(DHL_URL), 2);
	assert_int_equal(stage_shipment(D)->status, STATUS_IN_TRANSIT);
	assert_int_equal(world_carrier(world, "dhl")->breaker.state, BREAKER_CLOSED);
}

/* The carrier is down: the breaker opens after five failures, one probe at a time, then closes. */
static void test_breaker(void **state)
{
	(void)state;
	struct world *world = stage_open("JD01 JD02 JD03 JD04 JD05 JD06 JD07 JD08");
	struct carrier_runtime *dhl = world_carrier(world, "dhl");
	char number[8] = "JD01";
	says(DHL_URL, 503, "<html>down</html>");
	for (; number[3] <= '8'; number[3]++)
		stage_register("dhl", number, NULL);
	fake_loop_advance(20 * SECOND_MS);
	assert_int_equal(dhl->breaker.state, BREAKER_OPEN);
	size_t calls = fake_http_count(DHL_URL);
	assert_in_range(calls, 5, 8);
	fake_loop_stride(10 * MINUTE_MS, SECOND_MS);
	assert_in_range(fake_http_count(DHL_URL) - calls, 1, 6); /* 30, 60, 120, 240, 300 s */
	fake_http_reset();
	says(DHL_URL, 200, stage_dhl("JD01", "transit", "2026-03-02T07:55:00Z"));
	world->http = http_client_new();
	fake_loop_stride(2 * HOUR_MS, SECOND_MS);
	assert_int_equal(dhl->breaker.state, BREAKER_CLOSED);
	assert_int_equal(stage_shipment("JD01")->status, STATUS_IN_TRANSIT);
}

/* --- the race -----------------------------------------------------------------------------------
 */

/* A webhook lands between the poll's load and its commit: the poll repeats on what is true now. */
static void push_meanwhile(const struct asked *asked)
{
	(void)asked;
	fake_http_on_ask(NULL);
	fake_redis_answer_at_once(true);
	assert_int_equal(
	    fake_server_status(stage_hook(D, "out_for_delivery", "2026-03-02T07:55:00Z")), 200);
	fake_redis_answer_at_once(false);
}

static void test_webhook_is_faster(void **state)
{
	(void)state;
	stage_open(D);
	says(DHL_URL, 200, stage_dhl(D, "transit", "2026-03-02T07:55:00Z"));
	fake_http_on_ask(push_meanwhile);
	stage_register("dhl", D, NULL);
	fake_loop_advance(10000);
	const struct shipment *s = stage_shipment(D);
	assert_int_equal(s->status, STATUS_OUT_FOR_DELIVERY); /* the older scan changes nothing */
	assert_int_equal(s->seen_count, 2);                   /* but it is known */
	assert_true(s->polled_ms > 0);
}

/* --- whatever fails ------------------------------------------------------------------------------
 */

static void carriers_answer(void)
{
	stage_fedex_token();
	says(FEDEX_TRACK_URL, 200, stage_fedex(F, "PU", "2026-03-02T07:55:00+00:00"));
	stage_register("fedex", F, NULL);
}

static void first_look(void)
{
	fake_loop_advance(8 * SECOND_MS);
}

static const struct story looks = {
    .numbers = F, .prepare = carriers_answer, .tell = first_look, .until_ms = 10 * MINUTE_MS};

static void test_each_await_fails(void **state)
{
	(void)state;
	assert_true(stage_torture(&looks) > 20);
}

static void refused_once(void)
{
	carriers_answer();
	says_once(FEDEX_TRACK_URL, 401, "{\"errors\":[{\"code\":\"NOT.AUTHORIZED.ERROR\"}]}");
}

static void throttled_once(void)
{
	struct carrier_says busy = {
	    .url = FEDEX_TRACK_URL, .status = 429, .retry_after = "30", .times = 1};
	carriers_answer();
	fake_http_says(&busy);
}

static void test_each_await_fails_when_refused(void **state)
{
	(void)state;
	struct story story = looks;
	story.prepare = refused_once;
	stage_torture(&story);
	story.prepare = throttled_once;
	stage_torture(&story);
}

static void test_each_reply_is_lost(void **state)
{
	(void)state;
	static const char *const scripts[] = {"due", "quota", "commit", "plan"};
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
		stage_lose_replies(&looks, scripts[i]);
	struct story story = looks;
	story.prepare = throttled_once;
	stage_lose_replies(&story, "block");
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_teardown(test, stage_teardown)
	const struct CMUnitTest tests[] = {
	    ON_STAGE(test_first_look),
	    ON_STAGE(test_unchanged),
	    ON_STAGE(test_errors_of_one_number),
	    ON_STAGE(test_token_single_flight),
	    ON_STAGE(test_token_expires),
	    ON_STAGE(test_refused_token),
	    ON_STAGE(test_refused_credentials),
	    ON_STAGE(test_too_many_requests),
	    ON_STAGE(test_breaker),
	    ON_STAGE(test_webhook_is_faster),
	    cmocka_unit_test(test_each_await_fails),
	    cmocka_unit_test(test_each_await_fails_when_refused),
	    cmocka_unit_test(test_each_reply_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, stage_group_teardown);
}
