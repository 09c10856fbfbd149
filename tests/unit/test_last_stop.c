/* The last scan before the van is known by what came after it, per place and area, or by words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "notifier/core/last_stop.h"

static int64_t scan(const char *place, const char *words, const char *postcode)
{
	const struct shipment shipment = {.destination = {.country = "DE", .postcode = postcode}};
	const struct checkpoint checkpoint = {
	    .status = STATUS_IN_TRANSIT, .code = "AR", .place = place, .description = words};
	return last_stop_scan(&shipment, &checkpoint);
}

static void test_a_depot_is_the_last_for_its_area(void **state)
{
	(void)state;
	struct last_stop_model *model = last_stop_new();
	int64_t near = scan("Koeln", NULL, "50667"), far = scan("Koeln", NULL, "10115");
	for (int i = 0; i < 8; i++) {
		assert_false(last_stop_is(model, "courier", near));
		last_stop_learn(model, "courier", near, true);
		last_stop_learn(model, "courier", far, false); /* goes on from here */
	}
	assert_true(last_stop_is(model, "courier", near));
	assert_false(last_stop_is(model, "courier", far));
	assert_true(last_stop_is(model, "courier", scan("Koeln", "other", "50999"))); /* 50… */
	assert_false(last_stop_is(model, "other", near));
	last_stop_free(&model);
	assert_null(model);
}

static void test_words_serve_where_places_do_not(void **state)
{
	(void)state;
	static const char words[] = "Arrived in the region of the recipient";
	struct last_stop_model *model = last_stop_new();
	for (int i = 0; i < 20; i++) {
		char postcode[8];
		snprintf(postcode, sizeof postcode, "%02d000", i);
		last_stop_learn(model, "courier", scan("Germany", words, postcode), i % 10 != 0);
		last_stop_learn(model, "courier", scan("Germany", "Sorted", postcode), i % 2);
	}
	assert_true(last_stop_is(model, "courier", scan("Germany", words, "99999")));
	assert_false(last_stop_is(model, "courier", scan("Germany", "Sorted", "99999")));
	last_stop_free(&model);
}

/* A depot that delivered for years, and now only sorts. */
static void test_what_a_depot_does_now_counts(void **state)
{
	(void)state;
	struct last_stop_model *model = last_stop_new();
	int64_t depot = scan("Bonn", NULL, "53111");
	for (int i = 0; i < 10000; i++)
		last_stop_learn(model, "courier", depot, true);
	for (int i = 0; i < 256; i++)
		last_stop_learn(model, "courier", depot, false);
	assert_false(last_stop_is(model, "courier", depot));
	last_stop_free(&model);
}

static void test_memory_is_bounded(void **state)
{
	(void)state;
	struct last_stop_model *model = last_stop_new();
	int64_t known = scan("Bonn", NULL, "53111");
	for (int i = 0; i < 10; i++)
		last_stop_learn(model, "courier", known, true);
	for (int i = 0; i < 2 * LAST_STOP_SCANS_MAX; i++) {
		char place[16];
		snprintf(place, sizeof place, "%d", i);
		last_stop_learn(model, NULL, scan(place, place, NULL), true);
	}
	assert_true(last_stop_is(model, "courier", known));
	last_stop_free(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_depot_is_the_last_for_its_area),
	    cmocka_unit_test(test_words_serve_where_places_do_not),
	    cmocka_unit_test(test_what_a_depot_does_now_counts),
	    cmocka_unit_test(test_memory_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
