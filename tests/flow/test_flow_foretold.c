/* A parcel's days with foresight on: told once, taught once, whatever fails.
 *
 * What is lost is inherent: with a kill, what was learned since the last save (five minutes) and by
 * commits that were under way; by a registration or a PATCH whose reply is lost; and while Redis is
 * away for more than three seconds, by the commits that it cut off.  A failed await, another lost
 * reply or a conflict costs nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include "tests/flow/foresight_kit.h"

#define N "GN1"
#define PLACE                                                                                      \
	",\"origin\":{\"country\":\"PT\"},\"destination\":{\"country\":\"DE\"},\"zone\":\"Europe/" \
	"Berlin\""

/* --- a lane -------------------------------------------------------------------------------------
 */

/* Of ten parcels four come on the second day, two on the third; the others take six or seven. */
static void teach_lane(void)
{
	static const int arrivals[] = {0, 0, 4, 2, 0, 0, 2, 2};
	const int32_t today = (int32_t)(STAGE_STARTS_MS / DAY_MS);
	struct delay_model *model = stage_world()->foresight->delay;
	struct delay_trip trip = {.place = delay_place(model, "generic", NULL, "PT", "DE"),
	    .promised_day = DELAY_DAY_NONE};
	for (int32_t day = today - 30; day < today; day++)
		for (int age = 0, in_flight = 10; age < 8; in_flight -= arrivals[age++])
			for (int parcel = 0; parcel < in_flight; parcel++) {
				trip.handover_day = day - age;
				delay_on_day(model, &trip, day, parcel < arrivals[age]);
			}
}

static void registered(void)
{
	fake_loop_advance(SECOND_MS); /* what is stored is loaded */
	teach_lane();
	stage_register("generic", N, PLACE ",\"promised\":\"2026-03-06\"");
}

static void unpromised(void)
{
	fake_loop_advance(SECOND_MS);
	stage_register("generic", N, PLACE);
}

/* 05:00 UTC: every parcel's day is judged; and once more when what was claimed is free again. */
static void next_day(void)
{
	int64_t now_ms = loop_now_ms();
	int64_t until_ms = (now_ms / DAY_MS + 1) * DAY_MS + 5 * HOUR_MS;
	sleep_for(until_ms - now_ms);
	wait_for_claims();
}

/* --- undisturbed ---------------------------------------------------------------------------------
 */

/* Handed over on Monday; on Thursday it is not with the quick ones. */
static void days_until_told(void)
{
	stage_push(N, "in_transit", NULL);
	for (int i = 0; i < 4; i++)
		next_day();
}

static void test_told_and_over(void **state)
{
	(void)state;
	stage_open_foreseeing(N, 0);
	registered();
	days_until_told();
	assert_int_equal(told("delay_predicted"), 1);
	assert_int_equal(told("delay_over"), 0);
	stage_push(N, "in_transit", ",\"eta\":\"2026-03-06\"");
	assert_int_equal(told("delay_over"), 1);
	stage_push(N, "delivered", NULL);
	next_day();
	assert_int_equal(told("delay_predicted"), 1);
	assert_int_equal(told("delay_over"), 1);
}

/* Nothing was promised: it teaches all the same, and is stored once a local day. */
static void test_no_promise(void **state)
{
	(void)state;
	stage_open_foreseeing(N, 0);
	unpromised();
	stage_push(N, "in_transit", NULL);
	for (int i = 1; i <= 3; i++) {
		int64_t version = stage_shipment(N)->version;
		next_day();
		assert_int_equal(stage_shipment(N)->version, version + 1);
		fake_loop_stride(12 * HOUR_MS, HOUR_MS);
		assert_int_equal(stage_shipment(N)->version, version + 1);
	}
	assert_int_equal(told("delay_predicted"), 0);
	stage_push(N, "delivered", NULL);
}

/* The carrier cannot be reached for a week: the silence is ours, but its days pass all the same. */
static void test_a_carrier_out_of_reach(void **state)
{
	struct carrier_says row = {.url = DHL_URL, .status = 200};
	(void)state;
	stage_open_foreseeing(N, 0);
	fake_loop_advance(SECOND_MS);
	row.body = stage_dhl(N, "transit", "2026-03-02T07:55:00Z");
	fake_http_says(&row);
	stage_register("dhl", N, NULL);
	fake_loop_advance(59 * SECOND_MS);
	assert_int_equal(stage_shipment(N)->status, STATUS_IN_TRANSIT);
	row.status = 500;
	row.body = "";
	fake_http_says(&row);
	for (int i = 0; i < 7; i++)
		next_day();
	assert_int_equal(told("stalled"), 0);
	assert_int_equal(stage_shipment(N)->forecast.tick_day, zone_day(NULL, loop_now_ms()));
	row.status = 200;
	row.body = stage_dhl(N, "transit", "2026-03-02T07:55:00.000Z");
	fake_http_says(&row);
	for (int i = 0; i < 2; i++)
		next_day();
	assert_int_equal(told("stalled"), 1);
}

/* A scan comes between the tick's load and its commit: the tick is done again, or is not needed any
 * more.  As if it had come after it. */
static void scan_meanwhile(const char *name)
{
	if (strcmp(name, "commit") != 0)
		return;
	fake_redis_hook(NULL);
	fake_redis_answer_at_once(true);
	stage_hook(N, "in_transit", "2026-03-03T04:59:00Z");
	fake_redis_answer_at_once(false);
}

static void test_conflict(void **state)
{
	char learned[2][400];
	(void)state;
	for (int is_race = 0; is_race < 2; is_race++) {
		stage_open_foreseeing(N, 0);
		registered();
		stage_push(N, "in_transit", NULL);
		if (is_race)
			fake_redis_hook(scan_meanwhile);
		int64_t version = stage_shipment(N)->version;
		next_day();
		if (!is_race)
			scan_meanwhile("commit");
		assert_int_equal(stage_shipment(N)->version, version + 2 - is_race);
		next_day();
		snprintf(learned[is_race], sizeof *learned, "%s", learned_of_days());
		stage_close();
	}
	assert_string_equal(learned[1], learned[0]);
}

static double deliveries(void)
{
	struct delay_model *model = stage_world()->foresight->delay;
	return delay_experience(model, delay_place(model, "generic", NULL, NULL, NULL));
}

/* The whole journey came before the registration: it counts. */
static void test_registered_late(void **state)
{
	(void)state;
	stage_open_foreseeing(N, 0);
	fake_loop_advance(SECOND_MS);
	teach_lane();
	double before = deliveries();
	stage_hook(N, "in_transit", "2026-02-26T09:00:00Z");
	stage_hook(N, "delivered", "2026-03-01T09:00:00Z");
	assert_float_equal(deliveries(), before, 1e-9);
	stage_register("generic", N, PLACE ",\"promised\":\"2026-03-01\"");
	assert_int_equal(stage_shipment(N)->status, STATUS_DELIVERED);
	assert_float_equal(deliveries(), before + 1, 0.1);
}

/* --- whatever fails ------------------------------------------------------------------------------
 */

/* In danger on Thursday, reassured on Friday, late on Saturday. */
static void days_late(void)
{
	days_until_told();
	stage_push(N, "in_transit", ",\"eta\":\"2026-03-06\"");
	sleep_for(20 * SECOND_MS); /* that it is over is told before it is no news */
	next_day();
	stage_push(N, "delivered", NULL);
}

static void days_unpromised(void)
{
	stage_push(N, "in_transit", NULL);
	for (int i = 0; i < 2; i++)
		next_day();
	stage_push(N, "delivered", NULL);
}

static void torture(struct story story)
{
	static const char *const scripts[] = {"clock", "commit", "find", "decide", "model"};
	story.numbers = N;
	story.until_ms = 5 * MINUTE_MS;
	story.foresees = true;
	story.learned = learned_of_days;
	assert_true(stage_torture(&story) > 50);
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
		stage_lose_replies(&story, scripts[i]);
}

static void test_late_tortured(void **state)
{
	(void)state;
	torture((struct story){.prepare = registered, .tell = days_late});
}

static void test_no_promise_tortured(void **state)
{
	(void)state;
	torture((struct story){.prepare = unpromised, .tell = days_unpromised});
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_teardown(test, stage_teardown)
	const struct CMUnitTest tests[] = {
	    ON_STAGE(test_told_and_over),
	    ON_STAGE(test_no_promise),
	    cmocka_unit_test(test_conflict),
	    ON_STAGE(test_a_carrier_out_of_reach),
	    ON_STAGE(test_registered_late),
	    cmocka_unit_test(test_late_tortured),
	    cmocka_unit_test(test_no_promise_tortured),
	};
	return cmocka_run_group_tests(tests, NULL, stage_group_teardown);
}
