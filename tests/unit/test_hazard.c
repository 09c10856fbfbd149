#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "notifier/base/when.h"
#include "notifier/core/hazard.h"

#define OFFSET_S (-5 * 3600)

/* An instant at a local hour; January 2024, the 1st is a Monday. */
static int64_t at(int dom, int hour)
{
	return day_of_civil(2024, 1, dom) * DAY_MS + hour * HOUR_MS - OFFSET_S * SECOND_MS;
}

static struct hazard_belief belief_of(int class_index, enum hazard_state state)
{
	return (struct hazard_belief){.class_index = class_index,
	    .state = state,
	    .eta_day = HAZARD_DAY_NONE,
	    .since_day = day_of_civil(2024, 1, 1),
	    .offset_s = OFFSET_S};
}

static void defaults(void **state)
{
	(void)state;
	struct hazard_model *model = hazard_new();
	int class = hazard_class(model, "acme", "std");
	struct hazard_belief belief = belief_of(class, HAZARD_OUT_FOR_DELIVERY);
	double monday = hazard_rate(model, &belief, at(1, 12));
	assert_float_equal(monday, 2.5 / 1440, 1e-9);
	assert_float_equal(hazard_rate(model, &belief, at(2, 12)), 0.6 * monday, 1e-9);
	assert_float_equal(
	    hazard_rate(model, &belief, at(6, 12)) / hazard_rate(model, &belief, at(5, 12)),
	    0.6 * 0.2 / 0.2, 1e-6); /* Saturday, and a day longer in the state */
	belief = belief_of(class, HAZARD_AT_DESTINATION);
	belief.eta_day = day_of_civil(2024, 1, 3);
	assert_float_equal(hazard_rate(model, &belief, at(3, 9)), 1.2 * 1.2 / 1440, 1e-9);
	assert_float_equal(hazard_rate(model, &belief, at(2, 9)), 1.2 * 0.6 / 1440, 1e-9);
	/* A holiday is like a Sunday. */
	int32_t day = day_of_civil(2024, 1, 3);
	struct calendar calendar = {0x60, 6, &day, 1};
	belief.calendar = &calendar;
	assert_float_equal(hazard_rate(model, &belief, at(3, 9)), 1.2 * 1.2 * 0.2 / 1440, 1e-9);
	hazard_free(&model);
	assert_null(model);
}

static void rates_hold_for_an_hour(void **state)
{
	(void)state;
	struct hazard_belief belief = belief_of(0, HAZARD_IN_TRANSIT);
	belief.offset_s = 5 * 3600 + 1800; /* local hours begin at half past */
	int64_t noon = day_of_civil(2024, 1, 1) * DAY_MS + 12 * HOUR_MS;
	assert_int_equal(hazard_rate_until(&belief, noon), noon + 30 * MINUTE_MS);
	assert_int_equal(hazard_rate_until(&belief, noon + 30 * MINUTE_MS), noon + 90 * MINUTE_MS);
	belief.state = HAZARD_WINDOW;
	belief.window_ms = noon + 45 * MINUTE_MS;
	assert_int_equal(hazard_rate_until(&belief, noon), noon + 45 * MINUTE_MS);
	assert_int_equal(hazard_rate_until(&belief, -1), 45 * MINUTE_MS - HOUR_MS + HOUR_MS);
}

static void learns_the_clock(void **state)
{
	(void)state;
	struct hazard_model *model = hazard_new();
	int class = hazard_class(model, "acme", "std");
	for (int i = 0; i < 300; i++) { /* scans at 9 h, and only then */
		struct hazard_belief belief = belief_of(class, HAZARD_PRE_TRANSIT);
		hazard_learn_event(model, &belief, at(1, 9) + i * SECOND_MS, 0.2);
		hazard_learn_exposure(model, &belief, at(1, 0), at(2, 0));
	}
	struct hazard_belief belief = belief_of(class, HAZARD_PRE_TRANSIT);
	double nine = hazard_rate(model, &belief, at(1, 9));
	assert_float_equal(nine, 0.2 / 60, 0.0003);
	assert_true(hazard_rate(model, &belief, at(1, 8)) < nine / 50);
	/* Another class hears of it, as far as it knows nothing itself. */
	struct hazard_belief other =
	    belief_of(hazard_class(model, "other", ""), HAZARD_PRE_TRANSIT);
	assert_true(hazard_rate(model, &other, at(1, 9)) > nine * 0.8);
	hazard_learn_exposure(model, &other, at(1, 0), at(2, 0));
	for (int i = 0; i < 300; i++)
		hazard_learn_exposure(model, &other, at(1, 0), at(2, 0));
	assert_true(hazard_rate(model, &other, at(1, 9)) < nine * 0.2);
	hazard_free(&model);
}

static void forgets_slowly(void **state)
{
	(void)state;
	struct hazard_model *model = hazard_new();
	struct hazard_belief belief = belief_of(hazard_class(model, "acme", NULL), HAZARD_PICKUP);
	for (int i = 0; i < 100; i++) {
		hazard_learn_event(model, &belief, at(1, 9), 1);
		hazard_learn_exposure(model, &belief, at(1, 9), at(1, 10));
	}
	double before = hazard_rate(model, &belief, at(1, 9));
	hazard_on_day(model, 100);
	hazard_on_day(model, 127);
	assert_true(hazard_rate(model, &belief, at(1, 9)) == before);
	for (int day = 128; day < 800; day++)
		hazard_on_day(model, day);
	assert_true(hazard_rate(model, &belief, at(1, 9)) < before / 50);
	hazard_free(&model);
}

static void lag_is_a_median(void **state)
{
	(void)state;
	struct hazard_model *model = hazard_new();
	struct hazard_lag *lag = hazard_lag_of(model, "acme");
	assert_ptr_equal(lag, hazard_lag_of(model, "acme"));
	assert_int_equal(hazard_lag_ms(lag), 0);
	for (int i = 0; i < 100; i++) /* seen 8 to 12 minutes after the event */
		hazard_learn_lag(
		    lag, at(1, 9), at(1, 9) + 8 * MINUTE_MS, at(1, 9) + 12 * MINUTE_MS);
	assert_true(hazard_lag_ms(lag) >= 10 * MINUTE_MS && hazard_lag_ms(lag) <= 12 * MINUTE_MS);
	for (int i = 0; i < 500; i++) /* polls far apart say nothing about it */
		hazard_learn_lag(lag, at(1, 9), at(1, 8), at(1, 15));
	assert_true(hazard_lag_ms(lag) <= 12 * MINUTE_MS);
	hazard_free(&model);
}

static void states(void **state)
{
	(void)state;
	assert_int_equal(hazard_state_of(STATUS_IN_TRANSIT, false, false), HAZARD_IN_TRANSIT);
	assert_int_equal(hazard_state_of(STATUS_IN_TRANSIT, true, false), HAZARD_AT_DESTINATION);
	assert_int_equal(hazard_state_of(STATUS_OUT_FOR_DELIVERY, true, true), HAZARD_WINDOW);
	assert_int_equal(hazard_state_of(STATUS_UNKNOWN, false, false), HAZARD_PRE_TRANSIT);
	assert_string_equal(hazard_state_name(HAZARD_PICKUP), "available_for_pickup");
	assert_string_equal(hazard_state_name(HAZARD_STATES), "unknown");
}

static void put(void *arg, const char *key, const char *value)
{
	struct err err;
	assert_true(hazard_import(arg, key, value, &err));
}

static void survives_a_restart(void **state)
{
	(void)state;
	struct hazard_model *model = hazard_new(), *copy = hazard_new();
	hazard_class(copy, "another order", NULL);
	struct hazard_belief belief =
	    belief_of(hazard_class(model, "a|b", "c|d"), HAZARD_EXCEPTION);
	hazard_learn_exposure(model, &belief, at(1, 0), at(9, 0));
	hazard_learn_event(model, &belief, at(3, 4), 0.6);
	hazard_learn_lag(hazard_lag_of(model, "a|b"), at(1, 1), at(1, 1), at(1, 1) + MINUTE_MS);
	hazard_on_day(model, 7);
	for (size_t at = 0; hazard_export_next(model, &at, put, copy);)
		;
	for (size_t at = 0; hazard_export_next(model, &at, put, copy);)
		; /* twice is once */
	struct hazard_belief same = belief;
	same.class_index = hazard_class(copy, "a|b", "c|d");
	for (int hour = 0; hour < 7 * 24; hour++)
		assert_float_equal(hazard_rate(model, &belief, at(1, hour)),
		    hazard_rate(copy, &same, at(1, hour)), 1e-15);
	assert_int_equal(
	    hazard_lag_ms(hazard_lag_of(copy, "a|b")), hazard_lag_ms(hazard_lag_of(model, "a|b")));
	hazard_free(&model);
	hazard_free(&copy);
}

static void refuses_and_stays_bounded(void **state)
{
	(void)state;
	static const char *const rows[][2] = {{"a|b|1", "3 0 0"}, {"a|b|1", "1 0 0"},
	    {"a|b|1", "2 7 0"}, {"a|b", "1 0"}, {"a|b|81", "1 0"}, {"a|b|-1", "1 0"}, {"|", "1 "},
	    {"~day", "1 x"}, {"~lag|", "1 1"}, {"~lag|x", "1 1 2"}, {"", ""}};
	struct hazard_model *model = hazard_new();
	struct err err;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_false(hazard_import(model, rows[i][0], rows[i][1], &err));
	char name[32];
	for (int i = 0; i < HAZARD_CLASSES_MAX + 50; i++) {
		snprintf(name, sizeof name, "carrier %d", i);
		assert_true(hazard_class(model, name, "") < HAZARD_CLASSES_MAX);
		assert_non_null(hazard_lag_of(model, name));
	}
	struct hazard_belief belief = belief_of(0, HAZARD_IN_TRANSIT);
	belief.eta_day = INT32_MAX;
	belief.since_day = -INT32_MAX;
	assert_true(hazard_rate(model, &belief, -3000 * DAY_MS) > 0);
	hazard_learn_exposure(model, &belief, at(9, 0), at(1, 0));
	hazard_learn_exposure(model, &belief, at(1, 0), at(1, 0) + 4000 * DAY_MS);
	hazard_free(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(defaults),
	    cmocka_unit_test(rates_hold_for_an_hour),
	    cmocka_unit_test(learns_the_clock),
	    cmocka_unit_test(forgets_slowly),
	    cmocka_unit_test(lag_is_a_median),
	    cmocka_unit_test(states),
	    cmocka_unit_test(survives_a_restart),
	    cmocka_unit_test(refuses_and_stays_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
