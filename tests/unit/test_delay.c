#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "notifier/base/map.h"
#include "notifier/core/delay.h"

#define START 17000

static struct delay_trip trip_to(struct delay_model *model, const char *carrier,
    const char *destination, int32_t handover_day, int32_t promised_day)
{
	return (struct delay_trip){.place = delay_place(model, carrier, "std", "SP", destination),
	    .handover_day = handover_day,
	    .promised_day = promised_day};
}

/* On each of these days, parcels of every age are in flight; at age `transit` they arrive. */
static void teach_from(
    struct delay_model *model, int32_t from, const char *carrier, int days, int transit)
{
	for (int32_t day = from; day < from + days; day++) {
		for (int age = 0; age <= transit; age++) {
			struct delay_trip trip = trip_to(model, carrier, "RJ", day - age, day + 30);
			for (int parcel = 0; parcel < 5; parcel++)
				delay_on_day(model, &trip, day, age == transit);
		}
		delay_close_day(model, day);
	}
}

static void teach(struct delay_model *model, const char *carrier, int days, int transit)
{
	teach_from(model, START, carrier, days, transit);
}

static void knows_nothing(void **state)
{
	(void)state;
	struct delay_model *model = delay_new();
	struct delay_trip trip = trip_to(model, "acme", "RJ", START, START + 9);
	/* Ten days at a hazard of 0.04. */
	assert_float_equal(delay_p_late(model, &trip, START), pow(0.96, 10), 1e-12);
	assert_true(delay_p_late(model, &trip, START + 10) == 1);
	trip.promised_day = DELAY_DAY_NONE;
	assert_true(delay_p_late(model, &trip, START) == 0);
	assert_true(delay_experience(model, trip.place) == 0);
	assert_int_equal(delay_closed_day(model), DELAY_DAY_NONE);
	delay_free(&model);
	assert_null(model);
}

static void learns_transit_times(void **state)
{
	(void)state;
	struct delay_model *model = delay_new();
	teach(model, "acme", 100, 4);
	int32_t today = START + 100;
	struct delay_trip trip = trip_to(model, "acme", "RJ", today, today + 3);
	assert_true(delay_p_late(model, &trip, today) > 0.9); /* needs 4 days, has 3 */
	trip.promised_day = today + 6;
	assert_true(delay_p_late(model, &trip, today) < 0.1);
	struct delay_eta eta;
	delay_eta(model, &trip, today, &eta);
	assert_int_equal(eta.median_day, today + 4);
	assert_true(eta.low_day <= today + 4 && eta.high_day >= today + 4);
	assert_true(eta.high_day - eta.low_day <= 1);
	assert_true(delay_experience(model, trip.place) > 200);
	/* Held at customs for 3 days, it is as if handed over 3 days later. */
	struct delay_trip held = trip_to(model, "acme", "RJ", today - 4, today + 1);
	assert_true(delay_p_late(model, &held, today) < 0.2);
	held.held_days = 3;
	assert_true(delay_p_late(model, &held, today) > 0.8);
	delay_free(&model);
}

/* Asking for an ETA is only looking: it leaves no trace in what is learned. */
static void eta_only_looks(void **state)
{
	(void)state;
	double p[2];
	for (int with_eta = 0; with_eta < 2; with_eta++) {
		struct delay_model *model = delay_new();
		teach(model, "acme", 20, 4);
		struct delay_trip trip = trip_to(model, "acme", "BA", START + 20, START + 25);
		struct delay_eta eta;
		for (int32_t day = START + 20; day < START + 24; day++) {
			if (with_eta)
				delay_eta(model, &trip, day, &eta);
			delay_on_day(model, &trip, day, false);
			delay_close_day(model, day);
		}
		p[with_eta] = delay_p_late(model, &trip, START + 24);
		delay_free(&model);
	}
	assert_true(p[0] == p[1]);
}

static void a_new_carrier_hears_the_others(void **state)
{
	(void)state;
	struct delay_model *model = delay_new();
	struct delay_trip fresh = trip_to(model, "new", "RJ", START + 60, START + 65);
	double before = delay_p_late(model, &fresh, START + 60);
	teach(model, "acme", 60, 4);
	double after = delay_p_late(model, &fresh, START + 60);
	assert_true(before > 0.7 && after < 0.4);
	delay_free(&model);
}

/* A strike: parcels in flight stop arriving; the speed falls before any of them is late. */
static void sees_a_slow_network(void **state)
{
	(void)state;
	struct delay_model *model = delay_new();
	teach(model, "acme", 60, 4);
	int32_t today = START + 60;
	struct delay_trip trip = trip_to(model, "acme", "RJ", today, today + 5);
	double before = delay_p_late(model, &trip, today);
	for (int i = 0; i < 40; i++) {
		struct delay_trip stuck = trip_to(model, "acme", "RJ", today - 4, today + 9);
		delay_on_day(model, &stuck, today, false);
	}
	delay_close_day(model, today);
	trip.handover_day++;
	trip.promised_day++;
	assert_true(delay_p_late(model, &trip, today + 1) > before + 0.05);
	delay_free(&model);
}

static void late_news_is_put_right(void **state)
{
	(void)state;
	double p[3];
	for (int variant = 0; variant < 3; variant++) { /* in time, late, never learned */
		struct delay_model *model = delay_new();
		teach(model, "acme", 40, 4);
		int32_t today = START + 40;
		struct delay_trip trip = trip_to(model, "acme", "RJ", today - 4, today + 9);
		for (int parcel = 0; parcel < 30; parcel++)
			delay_on_day(model, &trip, today, variant == 0);
		delay_close_day(model, today);
		for (int32_t day = today + 1; day < today + 4; day++) {
			for (int parcel = 0; parcel < 30 && variant > 0; parcel++)
				delay_on_day(model, &trip, day, false);
			delay_close_day(model, day);
		}
		for (int parcel = 0; parcel < 30 && variant == 1; parcel++)
			delay_on_late_news(model, &trip, today, today + 3);
		struct delay_trip next = trip_to(model, "acme", "RJ", today + 4, today + 8);
		p[variant] = delay_p_late(model, &next, today + 4);
		delay_free(&model);
	}
	/* Not to the digit: what was expected of those days is judged anew. */
	assert_true(p[2] - p[0] > 0.1);
	assert_true(fabs(p[1] - p[0]) < (p[2] - p[0]) / 3);
}

static void holidays_are_days_of_rest(void **state)
{
	(void)state;
	struct delay_model *model = delay_new();
	for (int32_t day = START; day < START + 140; day++) { /* nothing arrives on Sundays */
		bool sunday = calendar_weekday(NULL, day) == 6;
		for (int parcel = 0; parcel < 20; parcel++) {
			struct delay_trip trip = trip_to(model, "acme", "RJ", day - 3, day + 9);
			delay_on_day(model, &trip, day, !sunday && parcel < 10);
		}
		delay_close_day(model, day);
	}
	int32_t monday = START + 140;
	while (calendar_weekday(NULL, monday) != 0)
		monday++;
	struct delay_trip trip = trip_to(model, "acme", "RJ", monday - 3, monday);
	struct calendar calendar = {0x60, 6, &monday, 1};
	double normal = delay_p_late(model, &trip, monday);
	trip.calendar = &calendar;
	assert_true(normal < 0.6);
	assert_true(delay_p_late(model, &trip, monday) > 0.85);
	delay_free(&model);
}

/* --- storing ---------------------------------------------------------------------------------- */

struct copy {
	struct delay_model *model;
	int entries;
};

static void put(void *arg, const char *key, const char *value)
{
	struct copy *copy = arg;
	struct err err;
	assert_true(delay_import(copy->model, key, value, &err));
	copy->entries++;
}

static void survives_a_restart(void **state)
{
	(void)state;
	struct delay_model *model = delay_new();
	teach(model, "acme", 50, 4);
	teach_from(model, START + 50, "other|with>marks", 50, 6);
	struct copy copy = {.model = delay_new()};
	delay_import_begin(copy.model);
	for (size_t at = 0; delay_export_next(model, &at, put, &copy);)
		;
	delay_import_end(copy.model, true);
	assert_int_equal(copy.entries, 7);        /* 2 x 3 places, the model itself */
	for (int round = 0; round < 2; round++) { /* and goes on learning alike */
		int32_t today = START + 100 + round;
		struct delay_trip a = trip_to(model, "acme", "RJ", today, today + 5);
		struct delay_trip b = trip_to(copy.model, "acme", "RJ", today, today + 5);
		assert_float_equal(
		    delay_p_late(model, &a, today), delay_p_late(copy.model, &b, today), 1e-12);
		delay_on_day(model, &a, today, true);
		delay_on_day(copy.model, &b, today, true);
		delay_close_day(model, today);
		delay_close_day(copy.model, today);
	}
	assert_int_equal(delay_closed_day(copy.model), START + 101);
	delay_free(&model);
	delay_free(&copy.model);
}

static void take_count(void *arg, const struct delay_count *count)
{
	struct delay_count *out = arg;
	if (text_eq(count->carrier_service, "acme|std"))
		*out = *count;
}

/* For people: how many intervals had an outcome lately, and how many of them held. */
static void the_record_is_told(void **state)
{
	(void)state;
	struct delay_model *model = delay_new();
	teach(model, "acme", 100, 5);
	int32_t today = START + 100;
	struct delay_trip trip = trip_to(model, "acme", "RJ", today, today + 9);
	struct delay_count count = {0};
	for (int i = 0; i < 40; i++)
		delay_on_eta(model, trip.place, today, 0.8, i % 4 != 0);
	delay_each_service(model, take_count, &count);
	assert_float_equal(count.intervals, 40, 1e-9);
	assert_float_equal(count.held, 30, 1e-9);
	assert_float_equal(count.deliveries, delay_experience(model, trip.place), 1e-9);
	delay_close_day(model, today + 29); /* they fade by half in 30 days */
	delay_each_service(model, take_count, &count);
	assert_float_equal(count.intervals, 20, 1e-9);
	delay_free(&model);
}

static void put_name(void *arg, const char *key, const char *value)
{
	struct map *names = arg;
	(void)value;
	assert_null(map_get(names, str_of(key)));
	map_put(names, str_of(key), names);
}

/* A copy that is taken slowly has each entry once, whatever is learned meanwhile. */
static void an_export_goes_on_while_it_learns(void **state)
{
	(void)state;
	struct delay_model *model = delay_new();
	struct map names = {0};
	teach(model, "acme", 10, 5);
	size_t before = delay_entries(model), at = 0;
	for (int i = 0; delay_export_next(model, &at, put_name, &names); i++) {
		char carrier[16];
		snprintf(carrier, sizeof carrier, "new%d", i);
		if (i < 500)
			teach(model, carrier, 1, 5);
	}
	assert_true(delay_entries(model) > before + 500);
	assert_int_equal(names.count, delay_entries(model) + 1); /* and the day */
	assert_false(delay_export_next(model, &at, put_name, &names));
	map_free(&names);
	delay_free(&model);
}

/* The interval follows its record: wider after failures, and forgetting them. */
static void intervals_follow_their_record(void **state)
{
	(void)state;
	struct delay_model *model = delay_new();
	teach(model, "acme", 100, 5);
	int32_t today = START + 100;
	struct delay_trip trip = trip_to(model, "acme", "RJ", today, today + 9);
	struct delay_eta first, worse, other, later;
	delay_eta(model, &trip, today, &first);
	assert_float_equal(first.mass, 0.76, 1e-9);
	for (int i = 0; i < 200; i++)
		delay_on_eta(model, trip.place, today, first.mass, i % 2);
	delay_eta(model, &trip, today, &worse);
	assert_true(worse.mass > first.mass + 0.1 && worse.mass < 1);
	assert_true(worse.high_day - worse.low_day >= first.high_day - first.low_day);
	struct delay_trip stranger = trip_to(model, "other", "RJ", today, today + 9);
	delay_eta(model, &stranger, today, &other);
	assert_float_equal(other.mass, 0.76, 1e-9);
	delay_close_day(model, today + 300);
	trip = trip_to(model, "acme", "RJ", today + 300, today + 309);
	delay_eta(model, &trip, today + 300, &later);
	assert_true(later.mass < 0.77);
	for (int i = 0; i < 100000; i++)
		delay_on_eta(model, trip.place, today + 300, 0.9, false);
	delay_eta(model, &trip, today + 300, &worse);
	assert_true(worse.mass <= 0.97);
	delay_free(&model);
}

/* Late at the end of the promised day; heard otherwise later. */
static void countdown_keeps_its_record(void **state)
{
	(void)state;
	struct delay_model *model = delay_new();
	struct delay_trip trip = trip_to(model, "acme", "RJ", START, START + 5);
	assert_float_equal(delay_countdown_precision(model, trip.place), 0.69, 1e-12);
	for (int32_t day = START; day <= START + 7; day++)
		delay_on_day(model, &trip, day, day == START + 7);
	assert_float_equal(delay_countdown_precision(model, trip.place), 7.9 / 11, 0.01);
	for (int32_t day = START; day <= START + 5; day++)
		delay_on_day(model, &trip, day, day == START + 5);
	assert_float_equal(delay_countdown_precision(model, trip.place), 7.9 / 12, 0.01);
	for (int32_t day = START; day <= START + 6; day++)
		delay_on_day(model, &trip, day, false);
	assert_float_equal(delay_countdown_precision(model, trip.place), 8.9 / 13, 0.01);
	delay_on_taken_back(model, &trip, START + 5); /* one that had come on the last day */
	assert_float_equal(delay_countdown_precision(model, trip.place), 9.9 / 13, 0.01);
	delay_on_late_news(model, &trip, START + 5, START + 5); /* it did after all */
	assert_float_equal(delay_countdown_precision(model, trip.place), 8.9 / 13, 0.01);
	double before = delay_experience(model, trip.place);
	delay_on_taken_back(model, &trip, START + 80); /* never taught */
	assert_true(delay_experience(model, trip.place) == before);
	delay_on_late_news(model, &trip, START + 1, START + 6); /* long before */
	assert_float_equal(delay_countdown_precision(model, trip.place), 7.9 / 12, 0.01);
	delay_free(&model);
}

static void refuses_what_it_does_not_know(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
	    {"acme|std", ""},
	    {"acme|std", "1 0 1 2 3"},
	    {"acme|std", "2 0 1 2 3"},
	    {"acme", "2 0"},
	    {"~model", "2 x"},
	    {"~model", "7 1 1"},
	    {"acme|std", "2 nan"},
	};
	struct delay_model *model = delay_new();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {0};
		assert_false(delay_import(model, rows[i][0], rows[i][1], &err));
		assert_int_equal(err.kind, ERR_INPUT);
	}
	struct err err = {0};
	assert_false(delay_import(model, "acme|std", "7 0", &err));
	assert_non_null(strstr(err.text, "version 7"));
	delay_free(&model);
}

static void stays_sane_under_hostile_input(void **state)
{
	(void)state;
	struct delay_model *model = delay_new();
	struct delay_trip trip = trip_to(model, "", "", INT32_MIN, INT32_MAX);
	struct delay_eta eta;
	double p = delay_p_late(model, &trip, INT32_MIN + 1);
	assert_true(p >= 0 && p <= 1);
	delay_eta(model, &trip, 0, &eta);
	delay_on_day(model, &trip, INT32_MAX - 1, true);
	delay_on_late_news(model, &trip, INT32_MIN, INT32_MAX);
	delay_close_day(model, 5);
	delay_close_day(model, 5);
	delay_close_day(model, 4000000); /* ten thousand years later: everything has faded */
	trip = trip_to(model, "acme", "RJ", 4000001, 4000005);
	assert_float_equal(delay_p_late(model, &trip, 4000001), pow(0.96, 5), 1e-6);
	char name[64];
	for (int i = 0; i < DELAY_PLACES_MAX + 10; i++) {
		snprintf(name, sizeof name, "carrier %d", i);
		assert_non_null(delay_place(model, name, NULL, "A", "B"));
	}
	trip.place = delay_place(model, "one too many", NULL, "A", "B");
	assert_true(delay_p_late(model, &trip, 4000001) <= 1);
	delay_free(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_nothing),
	    cmocka_unit_test(learns_transit_times),
	    cmocka_unit_test(eta_only_looks),
	    cmocka_unit_test(a_new_carrier_hears_the_others),
	    cmocka_unit_test(sees_a_slow_network),
	    cmocka_unit_test(late_news_is_put_right),
	    cmocka_unit_test(holidays_are_days_of_rest),
	    cmocka_unit_test(survives_a_restart),
	    cmocka_unit_test(the_record_is_told),
	    cmocka_unit_test(an_export_goes_on_while_it_learns),
	    cmocka_unit_test(intervals_follow_their_record),
	    cmocka_unit_test(countdown_keeps_its_record),
	    cmocka_unit_test(refuses_what_it_does_not_know),
	    cmocka_unit_test(stays_sane_under_hostile_input),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
