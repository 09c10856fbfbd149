/* Polls and pushes with foresight on: each stretch of time and each piece of news is taught once,
 * whatever fails.
 *
 * Inherent: a process remembers its last looks in memory; the time between the last look before a
 * restart and the first one after it teaches nothing.  Nor does a webhook whose commit's reply is
 * lost and whose parcel is changed by somebody else before we can ask again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/flow/foresight_kit.h"

#define D "JD0001"

static void dhl_says(const char *body)
{
	struct carrier_says row = {.url = DHL_URL, .status = 200, .body = body};
	fake_http_says(&row);
}

/* Looked at for the first time: from here on it teaches. */
static void first_look(void)
{
	fake_loop_advance(SECOND_MS);
	dhl_says(stage_dhl(D, "transit", "2026-03-02T07:55:00Z"));
	stage_register("dhl", D, NULL);
	fake_loop_advance(59 * SECOND_MS);
	assert_int_equal(stage_shipment(D)->status, STATUS_IN_TRANSIT);
}

static void sleep_until(int hour, int minute)
{
	sleep_for(STAGE_STARTS_MS + (hour - 8) * HOUR_MS + minute * MINUTE_MS - loop_now_ms());
	wait_for_claims();
}

/* The end of the story is a look, too, always at the same moment: what was watched is the time
 * between the first and this.  Looks are remembered in whole seconds. */
static const char *learned(void)
{
	static char text[80];
	sleep_for(STAGE_STARTS_MS + 14 * HOUR_MS - 15 * SECOND_MS - loop_now_ms());
	stage_push(D, "out_for_delivery", NULL);
	struct seen seen = learned_by_looks();
	snprintf(text, sizeof text, " news %.6f watched %.0f min", seen.news, seen.watched_min);
	return text;
}

/* --- what looks find ----------------------------------------------------------------------------
 */

static void nothing_then_news(void)
{
	sleep_until(12, 10); /* the very same bytes */
	dhl_says(stage_dhl(D, "transit", "2026-03-02T07:55:00.000Z"));
	sleep_until(16, 20); /* other bytes, nothing new */
	dhl_says(stage_dhl(D, "failure", "2026-03-02T16:30:00Z"));
	sleep_until(20, 40);
}

static void test_once(void **state)
{
	(void)state;
	stage_open_foreseeing(D, 0);
	first_look();
	nothing_then_news();
	assert_int_equal(stage_shipment(D)->status, STATUS_EXCEPTION);
	assert_in_range(fake_http_count(DHL_URL), 4, 8);
	learned();
	struct seen seen = learned_by_looks();
	assert_float_equal(seen.news,
	    hazard_news_value(HAZARD_NEWS_EXCEPTION) +
	        hazard_news_value(HAZARD_NEWS_OUT_FOR_DELIVERY),
	    1e-9);
	assert_float_equal(seen.watched_min, 14 * 60, 1);
}

static void torture(struct story story)
{
	static const char *const scripts[] = {"due", "quota", "commit", "plan", "find"};
	story.numbers = D;
	story.prepare = first_look;
	story.until_ms = 5 * MINUTE_MS;
	story.foresees = true;
	story.learned = learned;
	assert_true(stage_torture(&story) > 50);
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
		stage_lose_replies(&story, scripts[i]);
}

static void test_once_whatever_fails(void **state)
{
	(void)state;
	torture((struct story){.tell = nothing_then_news});
}

/* --- a webhook while a poll is under way ---------------------------------------------------------
 */

static const char scanned_at[] = "2026-03-02T11:30:00Z";

static struct timer push_timer;

static void push_now(struct timer *timer)
{
	(void)timer;
	fake_redis_answer_at_once(true);
	stage_hook(D, "in_transit", scanned_at);
	fake_redis_answer_at_once(false);
}

static void push_before_the_answer(const struct asked *asked)
{
	(void)asked;
	fake_http_on_ask(NULL);
	timer_start(&push_timer, 2 * SECOND_MS);
}

static void race(void)
{
	struct carrier_says slow = {.url = DHL_URL,
	    .status = 200,
	    .body = stage_dhl(D, "failure", "2026-03-02T11:50:00Z"),
	    .delay_ms = 4 * SECOND_MS};
	fake_http_says(&slow);
	timer_init(&push_timer, push_now);
	fake_http_on_ask(push_before_the_answer);
	fake_loop_stride(4 * HOUR_MS + 10 * MINUTE_MS, 5 * HOUR_MS);
	fake_loop_stride(20 * SECOND_MS, 500);
	wait_for_claims();
	fake_http_on_ask(NULL);
	stage_hook(D, "in_transit", scanned_at); /* the sender may not have heard of us */
	fake_loop_advance(10 * SECOND_MS);
}

/* A call that failed is not repeated soon when a push came after it: somebody asks for it. */
static void race_and_refresh(void)
{
	char url[80];
	race();
	snprintf(url, sizeof url, "/v1/shipments/%s/refresh", stage_shipment(D)->id);
	stage_ask("POST", url, NULL);
	wait_for_claims();
}

static void test_race(void **state)
{
	(void)state;
	stage_open_foreseeing(D, 0);
	first_look();
	unsigned commits = fake_redis_runs("commit");
	race();
	assert_int_equal(fake_redis_runs("commit") - commits, 3); /* one of them in vain */
	assert_int_equal(stage_shipment(D)->status, STATUS_EXCEPTION);
	learned();
	struct seen seen = learned_by_looks();
	assert_float_equal(seen.news,
	    hazard_news_value(HAZARD_NEWS_SCAN) + hazard_news_value(HAZARD_NEWS_EXCEPTION) +
	        hazard_news_value(HAZARD_NEWS_OUT_FOR_DELIVERY),
	    1e-9);
	assert_float_equal(seen.watched_min, 14 * 60, 1);
}

static void test_race_whatever_fails(void **state)
{
	(void)state;
	torture((struct story){.tell = race_and_refresh});
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_teardown(test, stage_teardown)
	const struct CMUnitTest tests[] = {
	    ON_STAGE(test_once),
	    cmocka_unit_test(test_once_whatever_fails),
	    ON_STAGE(test_race),
	    cmocka_unit_test(test_race_whatever_fails),
	};
	return cmocka_run_group_tests(tests, NULL, stage_group_teardown);
}
