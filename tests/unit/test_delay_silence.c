#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "notifier/base/when.h"
#include "notifier/core/delay_silence.h"

static const struct silence_rules rules = SILENCE_RULES_DEFAULT;

/* January 2024: the 1st is a Monday. */
static int64_t at(int dom, int hour)
{
	return day_of_civil(2024, 1, dom) * DAY_MS + hour * HOUR_MS;
}

static void counts_working_days(void **state)
{
	(void)state;
	struct silence_subject subject = {.carrier = "acme", .status = "in_transit"};
	assert_float_equal(silence_days(&subject, at(1, 0), at(2, 12)), 1.5, 1e-9);
	assert_float_equal(silence_days(&subject, at(5, 12), at(8, 12)), 1, 1e-9); /* Fri to Mon */
	assert_float_equal(silence_days(&subject, at(6, 1), at(7, 23)), 0, 1e-9);
	assert_float_equal(silence_days(&subject, at(2, 6), at(2, 18)), 0.5, 1e-9);
	assert_float_equal(silence_days(&subject, at(2, 0), at(1, 0)), 0, 1e-9);
	subject.offset_s = 12 * 3600; /* it is Monday there already */
	assert_float_equal(silence_days(&subject, at(7, 12), at(8, 12)), 1, 1e-9);
}

static void thresholds(void **state)
{
	(void)state;
	struct silence_model *model = silence_new();
	struct silence_subject subject = {.carrier = "acme", .status = "in_transit"};
	static const struct {
		bool cross_border, handed_over;
		double days;
	} floors[] = {{false, true, 3}, {true, true, 5}, {false, false, 2}, {true, false, 5}};
	for (size_t i = 0; i < 4; i++) {
		subject.cross_border = floors[i].cross_border;
		subject.handed_over = floors[i].handed_over;
		assert_float_equal(
		    silence_threshold(model, &rules, &subject), floors[i].days, 1e-9);
	}
	subject.cross_border = false;
	subject.handed_over = true;
	for (int i = 0; i < 200; i++) /* 5 working days are usual here */
		silence_on_gap(model, &subject, at(1, 0), at(8, 0));
	assert_true(silence_threshold(model, &rules, &subject) > 4.9);
	struct silence_subject other = subject;
	other.carrier = "unseen"; /* hears what is usual for the status elsewhere */
	assert_true(silence_threshold(model, &rules, &other) > 4.9);
	other.status = "exception";
	assert_float_equal(silence_threshold(model, &rules, &other), 3, 1e-9);
	for (int i = 0; i < 200; i++) /* short gaps do not lower the floor */
		silence_on_gap(model, &other, at(1, 0), at(1, 2));
	assert_float_equal(silence_threshold(model, &rules, &other), 3, 1e-9);
	silence_free(&model);
}

static void deadlines(void **state)
{
	(void)state;
	struct silence_model *model = silence_new();
	struct silence_subject subject = {
	    .carrier = "acme", .status = "in_transit", .handed_over = true};
	assert_int_equal(silence_deadline_ms(model, &rules, &subject, at(1, 9)), at(4, 9));
	assert_int_equal(silence_deadline_ms(model, &rules, &subject, at(4, 9)), at(9, 9));
	assert_int_equal(silence_deadline_ms(model, &rules, &subject, at(6, 9)), at(11, 0));
	int32_t holiday = day_of_civil(2024, 1, 8);
	struct calendar calendar = {0x60, 6, &holiday, 1};
	subject.calendar = &calendar;
	assert_int_equal(silence_deadline_ms(model, &rules, &subject, at(4, 9)), at(10, 9));
	silence_free(&model);
}

static void put(void *arg, const char *key, const char *value)
{
	struct err err;
	assert_true(silence_import(arg, key, value, &err));
}

static void survives_a_restart(void **state)
{
	(void)state;
	struct silence_model *model = silence_new(), *copy = silence_new();
	struct silence_subject subject = {
	    .carrier = "acme", .service = "x|y", .status = "in_transit", .handed_over = true};
	for (int i = 0; i < 150; i++)
		silence_on_gap(model, &subject, at(1, 0), at(9, 0));
	for (size_t at = 0; silence_export_next(model, &at, put, copy);)
		;
	assert_float_equal(silence_threshold(copy, &rules, &subject),
	    silence_threshold(model, &rules, &subject), 1e-9);
	struct err err;
	assert_false(silence_import(copy, "a", "2:0 1", &err));
	assert_false(silence_import(copy, "a", "1:", &err));
	assert_false(silence_import(copy, "", "1:0", &err));
	silence_free(&model);
	silence_free(&copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counts_working_days),
	    cmocka_unit_test(thresholds),
	    cmocka_unit_test(deadlines),
	    cmocka_unit_test(survives_a_restart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
