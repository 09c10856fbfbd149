#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "notifier/core/delay_alert.h"

static const struct delay_rule standard = DELAY_RULE_DEFAULT;

static void two_zones(void **state)
{
	(void)state;
	static const struct {
		double p, experience;
		int days_left; /* until the promise has passed */
		enum delay_verdict verdict;
	} rows[] = {
	    {0.64, 300, 10, DELAY_SILENT},
	    {0.66, 300, 10, DELAY_ALERT},
	    {0.66, 300, 4, DELAY_ALERT},
	    {0.60, 300, 4, DELAY_SILENT},
	    {0.60, 300, 3, DELAY_ALERT},
	    {0.50, 300, 3, DELAY_SILENT},
	    {1.00, 300, 0, DELAY_SILENT}, /* has passed */
	    {0.99, 199, 3, DELAY_SILENT}, /* cold: by countdown only */
	    {0.01, 199, 2, DELAY_ALERT},
	    {0.01, 199, 1, DELAY_ALERT},
	};
	struct delay_tuner tuner = {0};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct delay_watch watch = {0};
		struct delay_signs signs = {.p_late = rows[i].p,
		    .experience = rows[i].experience,
		    .day = 100,
		    .handover_day = 80,
		    .countdown_precision = 0.7,
		    .promised_day = 99 + rows[i].days_left};
		assert_int_equal(delay_judge(&standard, &tuner, &watch, &signs), rows[i].verdict);
	}
}

static void once_and_over_once(void **state)
{
	(void)state;
	static const struct {
		double p;
		bool eta_holds;
		enum delay_verdict verdict;
	} days[] = {
	    {0.3, false, DELAY_SILENT},
	    {0.7, false, DELAY_ALERT},
	    {0.9, false, DELAY_SILENT},
	    {0.3, false, DELAY_SILENT},
	    {0.2, false, DELAY_IS_OVER},
	    {0.9, false, DELAY_SILENT},
	    {0.1, true, DELAY_SILENT},
	};
	struct delay_tuner tuner = {0};
	struct delay_watch watch = {0};
	struct delay_signs signs = {.experience = 500, .promised_day = 50};
	for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
		signs.day = (int32_t)i;
		signs.p_late = days[i].p;
		signs.carrier_keeps_it = signs.carrier_eta_is_new = days[i].eta_holds;
		assert_int_equal(delay_judge(&standard, &tuner, &watch, &signs), days[i].verdict);
	}
	assert_float_equal(watch.highest_p, 0.9, 1e-12);
	watch = (struct delay_watch){.alerted = true};
	signs.p_late = 0.9;
	signs.carrier_keeps_it = signs.carrier_eta_is_new = true;
	assert_int_equal(delay_judge(&standard, &tuner, &watch, &signs), DELAY_IS_OVER);
}

static void keeps_a_budget(void **state)
{
	(void)state;
	struct delay_tuner tuner = {0};
	for (int i = 0; i < 90; i++) /* too few to say what the worst of twenty is like */
		delay_tuner_on_time(&tuner, 0.03, 0);
	assert_true(delay_tuner_threshold(&tuner, 0.05) == 0.65);
	delay_tuner_free(&tuner);
	for (int i = 0; i < 1000; i++)
		delay_tuner_on_time(&tuner, i / 1000.0, i / 50);
	double five = delay_tuner_threshold(&tuner, 0.05);
	assert_true(five > 0.94 && five < 0.96);
	struct delay_rule rule = standard;
	struct err err;
	assert_true(delay_rule_parse(&rule, "budget=0.05", &err));
	struct delay_watch watch = {0};
	struct delay_signs signs = {.p_late = 0.93, .experience = 500, .promised_day = 9};
	assert_int_equal(delay_judge(&rule, &tuner, &watch, &signs), DELAY_SILENT);
	signs.p_late = 0.97;
	assert_int_equal(delay_judge(&rule, &tuner, &watch, &signs), DELAY_ALERT);
	delay_tuner_free(&tuner);
}

static void reads_rules(void **state)
{
	(void)state;
	struct delay_rule rule = standard;
	struct err err;
	assert_true(delay_rule_parse(&rule, "two-zone", &err));
	assert_int_equal(rule.kind, DELAY_TWO_ZONES);
	assert_true(delay_rule_parse(&rule, "budget=0.02", &err));
	assert_int_equal(rule.kind, DELAY_BUDGET);
	assert_float_equal(rule.budget, 0.02, 1e-12);
	static const char *const bad[] = {"", "budget=", "budget=0", "budget=1", "budget=x",
	    "budget=0.1x", "budget=nan", "two", NULL};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(delay_rule_parse(&rule, bad[i], &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(two_zones),
	    cmocka_unit_test(once_and_over_once),
	    cmocka_unit_test(keeps_a_budget),
	    cmocka_unit_test(reads_rules),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
