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
	for (int i = 0; i < 2 * LAST_STOP_SCANS_MAX; i++) { /* scans that come but once */
		char place[16];
		snprintf(place, sizeof place, "%d", i);
		last_stop_learn(model, NULL, scan(place, place, NULL), true);
	}
	assert_true(last_stop_is(model, "courier", known));
	int64_t later = scan("Trier", NULL, "54290");
	for (int i = 0; i < 10; i++)
		last_stop_learn(model, "courier", later, true);
	assert_true(last_stop_is(model, "courier", later));
	assert_int_equal(scan(NULL, "Van 17 at 08:15", NULL), scan(NULL, "Van 9 at 10:00", NULL));
	last_stop_free(&model);
}

static void count_carrier(void *arg, const char *carrier)
{
	assert_string_equal(carrier, "courier");
	++*(int *)arg;
}

/* For people: only those that are believed. */
static void test_each(void **state)
{
	(void)state;
	struct last_stop_model *model = last_stop_new();
	int count = 0;
	for (int i = 0; i < 10; i++) {
		last_stop_learn(model, "courier", scan("Bonn", NULL, "53111"), true);
		last_stop_learn(model, "other", scan("Bonn", NULL, "53111"), false);
		if (i < 5)
			last_stop_learn(model, "rare", scan("Bonn", NULL, "53111"), true);
	}
	last_stop_each(model, count_carrier, &count);
	assert_int_equal(count, 2); /* by its place, and by its words */
	last_stop_free(&model);
}

struct stored {
	struct last_stop_model *into;
	size_t entries;
};

static void take(void *arg, const char *key, const char *value)
{
	struct stored *stored = arg;
	struct err err;
	assert_true(last_stop_import(stored->into, key, value, &err));
	stored->entries++;
}

/* Two workers learn apart; what each has learned is added to what the other stored. */
static void test_two_learn_as_one(void **state)
{
	(void)state;
	struct last_stop_model *one = last_stop_new(), *two = last_stop_new();
	int64_t depot = scan("Bonn", NULL, "53111");
	for (int i = 0; i < 4; i++) {
		last_stop_learn(one, "courier", depot, true);
		last_stop_learn(two, "courier", depot, true);
	}
	struct stored stored = {.into = two};
	assert_int_equal(last_stop_export_pending(one, 100, take, &stored), 2);
	last_stop_settle(one, true);
	assert_int_equal(last_stop_export_pending(one, 100, take, &stored), 0);
	assert_true(last_stop_is(two, "courier", depot));
	assert_int_equal(last_stop_entries(two), 2);

	stored = (struct stored){.into = one};
	last_stop_import_begin(one);
	assert_int_equal(last_stop_export_pending(two, 100, take, &stored), 2);
	last_stop_import_end(one, true);
	last_stop_settle(two, true);
	assert_true(last_stop_is(one, "courier", depot));
	last_stop_import_begin(one); /* nothing is stored any more */
	last_stop_import_end(one, true);
	assert_int_equal(last_stop_entries(one), 0);
	last_stop_reset(two, "other");
	assert_int_equal(last_stop_entries(two), 2);
	last_stop_reset(two, "courier");
	assert_int_equal(last_stop_entries(two), 0);
	last_stop_free(&one);
	last_stop_free(&two);
}

static void test_refuses_what_it_does_not_know(void **state)
{
	(void)state;
	static const char *const rows[][2] = {{"c|1", ""}, {"c|1", "2 1 1"}, {"c|1", "1 1"},
	    {"c|1", "1 1 2"}, {"c|1", "1 -1 -2"}, {"c|1", "1 nan 0"}, {"c|1", "1 2 1 x"},
	    {"c", "1 2 1"}};
	struct last_stop_model *model = last_stop_new();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {0};
		assert_false(last_stop_import(model, rows[i][0], rows[i][1], &err));
		assert_int_equal(err.kind, ERR_INPUT);
	}
	assert_int_equal(last_stop_entries(model), 0);
	last_stop_free(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_depot_is_the_last_for_its_area),
	    cmocka_unit_test(test_words_serve_where_places_do_not),
	    cmocka_unit_test(test_what_a_depot_does_now_counts),
	    cmocka_unit_test(test_memory_is_bounded),
	    cmocka_unit_test(test_each),
	    cmocka_unit_test(test_two_learn_as_one),
	    cmocka_unit_test(test_refuses_what_it_does_not_know),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
