#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "notifier/base/when.h"
#include "notifier/core/pace.h"

static int64_t at(int dom, int hour)
{
	return day_of_civil(2024, 1, dom) * DAY_MS + hour * HOUR_MS;
}

static struct pace_facts facts_of(struct hazard_model *model, enum hazard_state state, int64_t last)
{
	return (struct pace_facts){.last_ms = last,
	    .belief = {.class_index = hazard_class(model, "acme", "std"),
	        .state = state,
	        .eta_day = HAZARD_DAY_NONE,
	        .since_day = day_of_instant(last, 0)}};
}

/* Constant rate w: the interval is sqrt(2 theta / w). */
static void square_root_law(void **state)
{
	(void)state;
	struct hazard_model *model = hazard_new();
	struct pace_facts facts = facts_of(model, HAZARD_OUT_FOR_DELIVERY, at(2, 1));
	double rate = hazard_rate(model, &facts.belief, at(2, 1));
	for (double price = 0.05; price < 20; price *= 2) {
		struct pace_due due = pace_due(model, &facts, price);
		double expected_ms = sqrt(2 * price / rate) * (double)MINUTE_MS;
		if (expected_ms > (double)PACE_LEAST_MS)
			assert_float_equal((double)due.interval_ms, expected_ms, 2);
		assert_int_equal(due.due_ms, facts.last_ms + due.interval_ms);
	}
	hazard_free(&model);
}

static void bounds(void **state)
{
	(void)state;
	struct hazard_model *model = hazard_new();
	struct pace_facts facts = facts_of(model, HAZARD_PICKUP, at(2, 1));
	assert_int_equal(pace_due(model, &facts, 1e-9).interval_ms, PACE_LEAST_MS);
	int64_t dear_ms = pace_due(model, &facts, 1e9).interval_ms;
	assert_true(dear_ms > PACE_MOST_MS / 2 && dear_ms <= PACE_MOST_MS);
	facts =
	    facts_of(model, HAZARD_RETURNING, at(2, 0)); /* no factor that falls with the days */
	struct pace_due due = pace_due(model, &facts, 1e9);
	assert_int_equal(due.interval_ms, PACE_MOST_MS);
	assert_int_equal(due.reason, PACE_AT_MOST);
	facts.most_ms = pace_most_ms(1.5);
	assert_int_equal(facts.most_ms, 32 * HOUR_MS);
	assert_true(pace_due(model, &facts, 1e9).interval_ms <= 32 * HOUR_MS);
	assert_int_equal(pace_most_ms(8), PACE_MOST_MS);
	assert_int_equal(pace_most_ms(0), PACE_MOST_MAX_MS);
	assert_int_equal(pace_most_ms(1e-9), PACE_MOST_MAX_MS);
	assert_int_equal(pace_most_ms(NAN), PACE_MOST_MAX_MS);
	facts.most_ms = PACE_MOST_MAX_MS;
	int64_t plain_ms = pace_due(model, &facts, 1e9).interval_ms;
	assert_true(plain_ms <= PACE_MOST_MAX_MS);
	facts.jitter_unit = 0.999;
	int64_t jittered_ms = pace_due(model, &facts, 1e9).interval_ms;
	assert_true(jittered_ms > plain_ms && jittered_ms <= plain_ms + MINUTE_MS);
	assert_int_equal(pace_first_look_ms(100, 8, 0.5), 100 + 90 * MINUTE_MS);
	assert_int_equal(pace_first_look_ms(100, 8, 0), 100);
	hazard_free(&model);
}

/* Scans from 9 h to 20 h, nothing by night. */
static void teach_day_and_night(struct hazard_model *model, enum hazard_state state)
{
	for (int i = 0; i < 200; i++) {
		struct pace_facts facts = facts_of(model, state, at(2, 0));
		for (int hour = 9; hour < 20; hour++)
			hazard_learn_event(model, &facts.belief, at(2, hour), 0.1);
		hazard_learn_exposure(model, &facts.belief, at(2, 0), at(3, 0));
	}
}

static void waits_out_the_night(void **state)
{
	(void)state;
	struct hazard_model *model = hazard_new();
	teach_day_and_night(model, HAZARD_IN_TRANSIT);
	char why[PACE_WHY_BYTES];
	struct pace_facts facts = facts_of(model, HAZARD_IN_TRANSIT, at(2, 21));
	struct pace_due due = pace_due(model, &facts, 3);
	assert_int_equal(due.reason, PACE_QUIET);
	assert_int_equal(due.quiet_until_ms, at(3, 9));
	assert_true(due.due_ms > at(3, 9) && due.due_ms < at(3, 12));
	pace_explain(why, &due, 0);
	assert_string_equal(why, "quiet until 09:00: scans at this depot start then");
	/* By day the same price gives short intervals. */
	facts = facts_of(model, HAZARD_IN_TRANSIT, at(2, 10));
	due = pace_due(model, &facts, 3);
	assert_true(due.interval_ms < 2 * HOUR_MS);
	/* In the evening: a last look, so that news need not wait until morning. */
	facts = facts_of(model, HAZARD_IN_TRANSIT, at(2, 18));
	due = pace_due(model, &facts, 20);
	assert_true(due.due_ms >= at(2, 19) && due.due_ms <= at(2, 21));
	assert_int_equal(due.reason, PACE_CATCH_UP);
	pace_explain(why, &due, 0);
	assert_non_null(strstr(why, "a last look before quiet hours"));
	hazard_free(&model);
}

static void pushed_is_insurance(void **state)
{
	(void)state;
	struct hazard_model *model = hazard_new();
	struct pace_facts facts = facts_of(model, HAZARD_OUT_FOR_DELIVERY, at(2, 1));
	int64_t polled_ms = pace_due(model, &facts, 0.1).interval_ms;
	facts.pushed = true;
	facts.miss_share = 0.04;
	struct pace_due due = pace_due(model, &facts, 0.1);
	assert_float_equal((double)due.interval_ms, 5.0 * (double)polled_ms, 5);
	assert_int_equal(due.reason, PACE_INSURANCE);
	facts.miss_share = 0; /* nothing is ever missed: still the longest interval */
	assert_int_equal(pace_due(model, &facts, 0.1).interval_ms, PACE_MOST_MS);
	hazard_free(&model);
}

static void dearer_is_never_earlier(void **state)
{
	(void)state;
	struct hazard_model *model = hazard_new();
	teach_day_and_night(model, HAZARD_AT_DESTINATION);
	for (int hour = 0; hour < 24; hour++) {
		struct pace_facts facts = facts_of(model, HAZARD_AT_DESTINATION, at(2, hour));
		int64_t cheap = pace_due(model, &facts, 0.01).due_ms;
		int64_t dear = pace_due(model, &facts, 100).due_ms;
		assert_true(cheap <= dear);
	}
	hazard_free(&model);
}

static void revalidates_and_forecasts(void **state)
{
	(void)state;
	struct pace_due due = {.due_ms = 10 * MINUTE_MS};
	assert_true(pace_is_due(&due, 9 * MINUTE_MS));
	assert_false(pace_is_due(&due, 9 * MINUTE_MS - 1));
	struct hazard_model *model = hazard_new();
	struct pace_facts facts = facts_of(model, HAZARD_OUT_FOR_DELIVERY, at(2, 1));
	double rate = hazard_rate(model, &facts.belief, at(2, 1));
	assert_float_equal(
	    pace_demand(model, &facts, at(2, 1), at(2, 3)), sqrt(rate / 2) * 120, 1e-9);
	assert_true(pace_demand(model, &facts, at(2, 3), at(2, 1)) == 0);
	hazard_free(&model);
}

static void every_reason_has_words(void **state)
{
	(void)state;
	char why[PACE_WHY_BYTES];
	for (int reason = 0; reason <= PACE_REASONS; reason++) {
		struct pace_due due = {.reason = (enum pace_reason)reason,
		    .interval_ms = 3 * HOUR_MS,
		    .quiet_until_ms = at(2, 1)};
		why[0] = 0;
		pace_explain(why, &due, 5 * 3600 + 600);
		assert_true(strlen(why) > 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(square_root_law),
	    cmocka_unit_test(bounds),
	    cmocka_unit_test(waits_out_the_night),
	    cmocka_unit_test(pushed_is_insurance),
	    cmocka_unit_test(dearer_is_never_earlier),
	    cmocka_unit_test(revalidates_and_forecasts),
	    cmocka_unit_test(every_reason_has_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
