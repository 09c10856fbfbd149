/* From an event to a mail in the provider's hands: once, in order, or as late as it may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "notifier/app/leases.h"
#include "notifier/app/sweep.h"
#include "tests/flow/fake_stage.h"

#define N "GN1"

static void in_transit(void)
{
	stage_register("generic", N, NULL);
	assert_int_equal(
	    fake_server_status(stage_hook(N, "in_transit", "2026-03-02T07:59:00Z")), 200);
}

static void delivered(void)
{
	assert_int_equal(
	    fake_server_status(stage_hook(N, "delivered", "2026-03-02T08:00:00Z")), 200);
}

/* --- retries -------------------------------------------------------------------------------------
 */

/* 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 2 h, … ± 20 %, until it is no longer news: 48 h. */
static void test_retries_by_schedule(void **state)
{
	(void)state;
	static const int64_t waits_s[] = {5, 30, 120, 600, 1800, 3600, 7200, 14400};
	stage_open(N);
	fake_smtp_says(
	    0, ERR_THROTTLED, 0); /* no failure of the server's: the breaker stays shut */
	in_transit();
	fake_loop_stride(12 * HOUR_MS, SECOND_MS);
	for (size_t i = 1; i < 9; i++) {
		int64_t wait_ms = fake_smtp_mail(i)->at_ms - fake_smtp_mail(i - 1)->at_ms;
		int64_t least_ms = waits_s[i - 1] * 800 < 60000 ? 60000 : waits_s[i - 1] * 800;
		assert_in_range(
		    wait_ms, least_ms, (waits_s[i - 1] < 60 ? 60 : waits_s[i - 1]) * 1200 + 2000);
	}
	assert_int_equal(stage_messages("retry"), 1);
	fake_loop_stride(40 * HOUR_MS, 5 * SECOND_MS);
	assert_int_equal(stage_messages("expired"), 1);
	assert_int_equal(fake_redis_size(stage_key(N, "failed")), 1);
	size_t tries = fake_smtp_count();
	fake_loop_stride(12 * HOUR_MS, 5 * SECOND_MS);
	assert_int_equal(fake_smtp_count(), tries);
	/* An operator's word: once more, old as it is. */
	fake_smtp_says(0, ERR_NONE, 0);
	const char *id = fake_redis_item(stage_key(N, "failed"), 0);
	char url[80];
	snprintf(url, sizeof url, "/v1/messages/%s/retry", id);
	assert_int_equal(fake_server_status(stage_ask("POST", url, "")), 200);
	fake_loop_advance(3000);
	assert_int_equal(stage_messages("sent"), 1);
	assert_int_equal(stage_rest(), 0);
}

static void test_ends_of_a_mail(void **state)
{
	(void)state;
	static const struct {
		enum err_kind outcome;
		const char *becomes;
	} cases[] = {{ERR_NONE, "sent"}, {ERR_TRANSIENT, "retry"}, {ERR_THROTTLED, "retry"},
	    {ERR_AUTH, "retry"}, {ERR_AMBIGUOUS, "retry"}, {ERR_PERMANENT, "failed"},
	    {ERR_INPUT, "failed"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		stage_open(N);
		fake_smtp_says(1, cases[i].outcome, 0);
		in_transit();
		fake_loop_advance(1500);
		assert_int_equal(stage_messages(cases[i].becomes), 1);
		assert_int_equal(fake_redis_size(stage_key(N, "outbox")), 0);
		fake_loop_stride(10 * MINUTE_MS, SECOND_MS);
		assert_int_equal(
		    stage_messages(
		        strcmp(cases[i].becomes, "retry") == 0 ? "sent" : cases[i].becomes),
		    1);
		assert_int_equal(stage_rest(), 0);
		if (i + 1 < sizeof cases / sizeof *cases)
			stage_close();
	}
}

/* The mail server is down: the breaker opens, mails wait without counting, one probe at a time. */
static void test_breaker(void **state)
{
	(void)state;
	static const char *const numbers[] = {
	    "GN1", "GN2", "GN3", "GN4", "GN5", "GN6", "GN7", "GN8"};
	struct world *world = stage_open("GN1 GN2 GN3 GN4 GN5 GN6 GN7 GN8");
	fake_smtp_says(0, ERR_TRANSIENT, 0);
	for (size_t i = 0; i < 8; i++) {
		stage_register("generic", numbers[i], NULL);
		stage_hook(numbers[i], "in_transit", "2026-03-02T07:59:00Z");
	}
	fake_loop_advance(5000);
	assert_int_equal(world->accounts[0].breaker.state, BREAKER_OPEN);
	size_t tries = fake_smtp_count();
	assert_in_range(tries, 5, 8);
	fake_loop_advance(20000);
	assert_int_equal(fake_smtp_count(), tries);
	fake_loop_stride(5 * MINUTE_MS, SECOND_MS);
	assert_in_range(fake_smtp_count() - tries, 1, 4);
	fake_smtp_says(0, ERR_NONE, 100);
	fake_loop_stride(HOUR_MS, SECOND_MS);
	assert_int_equal(stage_messages("sent"), 8);
	assert_int_equal(world->accounts[0].breaker.state, BREAKER_CLOSED);
	assert_int_equal(fake_smtp_most_copies(), 1);
	assert_int_equal(world->messages_in_flight, 0);
}

/* --- order
 * ----------------------------------------------------------------------------------------- */

/* The first mail hangs: later ones about the same parcel wait for it, others do not. */
static void test_order_per_shipment(void **state)
{
	(void)state;
	stage_open("GN1 GN2");
	fake_smtp_says(1, ERR_NONE, 90 * SECOND_MS);
	in_transit();
	fake_loop_advance(2000);
	delivered();
	stage_register("generic", "GN2", NULL);
	stage_hook("GN2", "delivered", "2026-03-02T08:00:00Z");
	fake_loop_advance(60 * SECOND_MS);
	assert_int_equal(fake_smtp_count(), 2);
	assert_int_equal(fake_smtp_accepted(), 1); /* GN2's */
	fake_loop_advance(60 * SECOND_MS);
	assert_int_equal(fake_smtp_accepted(), 3);
	assert_non_null(strstr(fake_smtp_mail(2)->subject, "Delivered"));
	assert_true(fake_smtp_mail(2)->at_ms >= fake_smtp_mail(0)->at_ms + 90 * SECOND_MS);
	assert_int_equal(stage_rest(), 0);
}

/* A message that waited behind another is judged by what is true when its turn comes. */
static void test_waiting_message_is_superseded(void **state)
{
	(void)state;
	stage_open(N);
	fake_smtp_says(1, ERR_NONE, 90 * SECOND_MS);
	in_transit();
	fake_loop_advance(2000);
	stage_hook(N, "out_for_delivery", "2026-03-02T08:00:00Z");
	fake_loop_advance(30 * SECOND_MS);
	delivered();
	fake_loop_advance(120 * SECOND_MS);
	assert_int_equal(stage_messages("sent"), 2);
	assert_int_equal(stage_messages("dropped"), 1);
	assert_int_equal(fake_smtp_count(), 2);
}

/* --- lives and leases
 * -------------------------------------------------------------------------------- */

/* Killed while a mail was under way: the next life finds it and sends it again, with the same id.
 */
static void test_killed_while_sending(void **state)
{
	(void)state;
	stage_open(N);
	fake_smtp_says(1, ERR_NONE, HOUR_MS);
	in_transit();
	fake_loop_advance(2000);
	assert_int_equal(stage_messages("sending"), 1);
	fake_redis_state(REDIS_CONNECTING); /* nothing more is written by this life */
	stage_restart();
	fake_loop_advance(5000);
	assert_int_equal(stage_messages("sent"), 1);
	assert_int_equal(fake_smtp_count(), 2);
	assert_string_equal(fake_smtp_mail(0)->message_id, fake_smtp_mail(1)->message_id);
	assert_int_equal(fake_redis_size(stage_key(N, "outbox")), 0);
}

/* The mail was perhaps accepted when the daemon was killed, and is not news any more: nobody is
 * told an older thing after a newer one, and nobody says that it was not sent. */
static void test_killed_while_sending_and_superseded(void **state)
{
	(void)state;
	stage_open(N);
	fake_smtp_says(1, ERR_NONE, HOUR_MS);
	in_transit();
	fake_loop_advance(2000);
	delivered();
	fake_loop_advance(2000);
	assert_int_equal(stage_messages("sending"), 2); /* the second follows the first */
	fake_redis_state(REDIS_CONNECTING);
	stage_restart();
	fake_loop_advance(5000);
	assert_int_equal(stage_messages("unknown"), 1);
	assert_int_equal(stage_messages("sent"), 1);
	assert_int_equal(stage_messages("dropped"), 0);
	assert_int_equal(fake_smtp_count(), 2);
	const char *id = fake_redis_item(stage_key(N, "failed"), 0);
	char url[80];
	snprintf(url, sizeof url, "/v1/messages/%s", id);
	assert_non_null(strstr(fake_server_body(stage_ask("GET", url, NULL)),
	    "it was being sent when the daemon ended; not again: superseded"));
}

static void test_lost_lease(void **state)
{
	(void)state;
	struct world *world = stage_open(N);
	unsigned p = key_partition("default", N);
	fake_redis_set(stage_key(N, "owner"), "w-other 99"); /* somebody else took it */
	in_transit();
	fake_loop_advance(3000);
	assert_int_equal(fake_smtp_count(), 0);
	assert_false(world_owns(world, p));
	assert_int_equal(stage_messages(NULL), 0);
}

/* Redis goes away while a mail is under way: what was sent is recorded, and not sent again. */
static void test_redis_away_while_sending(void **state)
{
	(void)state;
	stage_open(N);
	fake_smtp_says(1, ERR_NONE, 4000);
	in_transit();
	fake_loop_advance(2000);
	fake_redis_state(REDIS_CONNECTING);
	fake_loop_advance(2 * MINUTE_MS);
	assert_int_equal(fake_smtp_accepted(), 1);
	fake_redis_state(REDIS_OK);
	fake_loop_advance(30 * SECOND_MS);
	assert_int_equal(stage_messages("sent"), 1);
	assert_int_equal(fake_smtp_count(), 1);
	assert_int_equal(fake_redis_size(stage_key(N, "outbox")), 0);
}

static void test_oom_still_records(void **state)
{
	(void)state;
	stage_open(N);
	fake_smtp_says(1, ERR_NONE, 4000);
	in_transit();
	fake_loop_advance(2000);
	fake_redis_state(REDIS_OOM);
	fake_loop_advance(10000);
	assert_int_equal(stage_messages("sent"), 1);
}

/* --- orderly stop
 * -------------------------------------------------------------------------------------- */

static void cancel_one(struct flow *flow, void *context)
{
	(void)context;
	flow_cancel(flow);
}

/* As app/serve does it: no new work, leases back, what is under way may end; then it is cancelled
 * and that is recorded. */
static void test_orderly_stop(void **state)
{
	(void)state;
	struct world *world = stage_open("GN1 GN2");
	fake_smtp_says(1, ERR_NONE, 3000);
	fake_smtp_says(1, ERR_NONE, HOUR_MS);
	in_transit(); /* hangs */
	stage_register("generic", "GN2", NULL);
	stage_hook("GN2", "in_transit", "2026-03-02T07:59:00Z"); /* takes 3 s */
	fake_loop_advance(1000);
	assert_int_equal(fake_smtp_count(), 2);
	sweep_end(world);
	world->is_stopping = true;
	leases_release(world);
	fake_loop_advance(8000);
	assert_int_equal(fake_smtp_accepted(), 1);
	assert_int_equal(flow_count(), 1);
	flow_each(cancel_one, NULL);
	fake_loop_advance(1000);
	assert_int_equal(flow_count(), 0);
	assert_int_equal(stage_messages("sent"), 1);
	assert_int_equal(stage_messages("retry"), 1);
	stage_restart(); /* the next life sends it at once */
	fake_loop_advance(40000);
	assert_int_equal(stage_messages("sent"), 2);
}

/* Cancelling one flow ends others (a token's waiters, followers) while the list is walked. */
static void test_stop_with_waiters(void **state)
{
	(void)state;
	struct world *world = stage_open("1000000001 1000000002 GN1");
	struct carrier_says never = {.url = FEDEX_TOKEN_URL, .status = 200, .delay_ms = HOUR_MS};
	fake_http_says(&never);
	fake_smtp_says(0, ERR_NONE, HOUR_MS);
	stage_register("fedex", "1000000001", NULL);
	fake_loop_advance(500);
	stage_register("fedex", "1000000002", NULL);
	fake_loop_advance(500); /* in the list of flows it stands behind the token */
	in_transit();
	fake_loop_advance(2000);
	delivered();
	fake_loop_advance(2000);
	assert_true(flow_count() >= 4); /* two polls, a token, a mail and its follower */
	sweep_end(world);
	world->is_stopping = true;
	fake_redis_state(REDIS_CONNECTING); /* so that their ends come at once */
	flow_each(cancel_one, NULL);
	for (int i = 0; i < 5 && flow_count() > 0; i++) {
		fake_loop_advance(1000);
		flow_each(cancel_one, NULL);
	}
	assert_int_equal(flow_count(), 0);
}

/* --- whatever fails
 * -------------------------------------------------------------------------------------- */

/* in_transit() registers and pushes: here only what comes after that fails. */
static void pushed(void)
{
	fake_redis_delay(5);
	stage_register("generic", N, NULL);
	fake_loop_advance(50);
	stage_hook(N, "in_transit", "2026-03-02T07:59:00Z");
	fake_loop_advance(10);
}

static void rest_of_it(void)
{
	fake_loop_advance(3000);
}

static void test_each_await_fails(void **state)
{
	(void)state;
	static const struct story story = {
	    .numbers = N, .prepare = pushed, .tell = rest_of_it, .until_ms = MINUTE_MS};
	assert_true(stage_torture(&story) > 5);
}

static void prepare_retried(void)
{
	fake_smtp_says(1, ERR_TRANSIENT, 100);
	pushed();
}

static void prepare_ambiguous(void)
{
	fake_smtp_says(1, ERR_AMBIGUOUS, 100);
	pushed();
}

static void ten_seconds(void)
{
	fake_loop_advance(10000);
}

static void test_each_await_fails_on_a_bad_day(void **state)
{
	(void)state;
	struct story story = {.numbers = N,
	    .prepare = prepare_retried,
	    .tell = ten_seconds,
	    .until_ms = 5 * MINUTE_MS};
	stage_torture(&story);
	story.prepare = prepare_ambiguous;
	story.copies = 2;
	stage_torture(&story);
}

static void test_each_reply_is_lost(void **state)
{
	(void)state;
	static const char *const scripts[] = {"events", "decide", "claim", "receipt", "clock"};
	struct story story = {.numbers = N,
	    .prepare = prepare_retried,
	    .tell = ten_seconds,
	    .until_ms = 5 * MINUTE_MS};
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
		stage_lose_replies(&story, scripts[i]);
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_teardown(test, stage_teardown)
	const struct CMUnitTest tests[] = {
	    ON_STAGE(test_retries_by_schedule),
	    ON_STAGE(test_ends_of_a_mail),
	    ON_STAGE(test_breaker),
	    ON_STAGE(test_order_per_shipment),
	    ON_STAGE(test_waiting_message_is_superseded),
	    ON_STAGE(test_killed_while_sending),
	    ON_STAGE(test_killed_while_sending_and_superseded),
	    ON_STAGE(test_lost_lease),
	    ON_STAGE(test_redis_away_while_sending),
	    ON_STAGE(test_oom_still_records),
	    ON_STAGE(test_orderly_stop),
	    ON_STAGE(test_stop_with_waiters),
	    cmocka_unit_test(test_each_await_fails),
	    cmocka_unit_test(test_each_await_fails_on_a_bad_day),
	    cmocka_unit_test(test_each_reply_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, stage_group_teardown);
}
