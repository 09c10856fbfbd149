#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "notifier/base/str.h"
#include "notifier/base/when.h"
#include "notifier/core/pace_price.h"

#define START (19723 * DAY_MS) /* Monday, 1 January 2024 */

/* A carrier whose demand is `demand(hour)` looks x root per slot; returns the looks of the day. */
static double day_of_looks(struct pace_price *price, int day, double night, double noon)
{
	double before = 0;
	for (int slot = 0; slot < PACE_SLOTS; slot++) {
		int64_t now_ms = START + day * DAY_MS + slot * PACE_SLOT_MS;
		struct pace_load load = {.live = 100};
		for (int i = slot; i < PACE_SLOTS; i++) {
			double here = i >= 32 && i < 80 ? noon : night;
			load.day_demand += here;
			load.slot_demand += i == slot ? here : 0;
		}
		pace_price_on_slot(price, &load, now_ms);
		if (slot == 0)
			before = price->used;
		double looks = (slot >= 32 && slot < 80 ? noon : night) / price->root;
		for (; looks >= 1 && pace_price_may_look(price, 1); looks--)
			pace_price_on_look(price, 1);
	}
	return price->used - before;
}

static void uses_the_quota_and_no_more(void **state)
{
	(void)state;
	struct pace_price price;
	pace_price_init(&price, 2000, 0, 100, START);
	assert_float_equal(sqrt(pace_price_now(&price)), 30.0 * 100 / 2000, 1e-9);
	for (int day = 0; day < 14; day++) {
		/* On day 2 the day before is not closed yet. */
		assert_true(pace_price_wants_forecast(&price, START + day * DAY_MS) ==
		            (day <= 2 || day == 5 || day == 6));
		double looks = day_of_looks(&price, day, 10, 60);
		assert_true(looks <= 2000);
		assert_true(looks > 0.93 * 2000);
	}
	/* Demand doubles overnight: the price follows within the day. */
	double looks = day_of_looks(&price, 14, 20, 120);
	assert_true(looks <= 2000 && looks > 0.93 * 2000);
}

static void a_refusal_ends_the_day(void **state)
{
	(void)state;
	struct pace_price price;
	pace_price_init(&price, 100, 0, 10, START);
	pace_price_on_look(&price, 40);
	assert_true(pace_price_may_look(&price, 60));
	assert_false(pace_price_may_look(&price, 61));
	pace_price_on_refusal(&price);
	assert_false(pace_price_may_look(&price, 1));
	struct pace_load load = {.live = 10, .day_demand = 100, .slot_demand = 1};
	pace_price_on_slot(&price, &load, START + HOUR_MS);
	assert_false(pace_price_may_look(&price, 1));
	pace_price_on_slot(&price, &load, START + DAY_MS);
	assert_true(pace_price_may_look(&price, 100));
}

static void slots_and_resets(void **state)
{
	(void)state;
	struct pace_price price;
	pace_price_init(&price, 100, 0, 10, START);
	assert_int_equal(pace_price_next_slot_ms(&price, START), START + PACE_SLOT_MS);
	assert_int_equal(pace_price_next_slot_ms(&price, START + 1), START + PACE_SLOT_MS);
	assert_int_equal(pace_price_reset_ms(&price, START), START + DAY_MS);
	pace_price_init(&price, 100, 8 * HOUR_MS, 10, START); /* midnight in California */
	assert_int_equal(pace_price_reset_ms(&price, START), START + 8 * HOUR_MS);
	pace_price_on_look(&price, 100);
	struct pace_load load = {.live = 10, .day_demand = 100, .slot_demand = 1};
	pace_price_on_slot(&price, &load, START + 9 * HOUR_MS);
	assert_true(pace_price_may_look(&price, 100));
}

static void survives_a_restart(void **state)
{
	(void)state;
	struct pace_price price, copy;
	struct err err;
	pace_price_init(&price, 2000, 0, 100, START);
	for (int day = 0; day < 4; day++)
		day_of_looks(&price, day, 10, 60);
	struct buf text = BUF_EMPTY(0);
	pace_price_export(&price, &text);
	pace_price_init(&copy, 2000, 0, 100, START + 3 * DAY_MS + 23 * HOUR_MS);
	assert_true(pace_price_import(&copy, buf_text(&text), &err));
	assert_true(copy.used == price.used && copy.root == price.root);
	assert_float_equal(day_of_looks(&copy, 4, 10, 60), day_of_looks(&price, 4, 10, 60), 60);
	pace_price_init(&copy, 2000, 0, 100, START + 9 * DAY_MS);
	assert_true(pace_price_import(&copy, buf_text(&text), &err));
	assert_true(copy.used == 0); /* that day is over */
	static const char *const bad[] = {"", "2 1", "1", "1 0 1 1 1 1", "1 nan 1 1 1 1 1", "x"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(pace_price_import(&copy, bad[i], &err));
	buf_add_text(&text, " 1");
	assert_false(pace_price_import(&copy, buf_text(&text), &err));
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(uses_the_quota_and_no_more),
	    cmocka_unit_test(a_refusal_ends_the_day),
	    cmocka_unit_test(slots_and_resets),
	    cmocka_unit_test(survives_a_restart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
