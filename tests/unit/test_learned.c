/* Models that learn apart and write to one store are one model that has learned everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/base/map.h"
#include "notifier/base/mem.h"
#include "notifier/base/when.h"
#include "notifier/core/delay.h"
#include "notifier/core/delay_alert.h"
#include "notifier/core/delay_silence.h"
#include "notifier/core/hazard.h"
#include "notifier/core/learned.h"

#define START 20000

/* --- one entry --------------------------------------------------------------------------------
 */

static void test_entry(void **state)
{
	(void)state;
	struct learned learned = {0};
	double sums[2] = {5, 1}, theirs[2] = {7, 1}, reset[2] = {0, 0};
	assert_false(learned_is_pending(&learned, sums, 2));
	learned_merge(&learned, sums, theirs, 2); /* in step: theirs are ours */
	assert_true(sums[0] == 7);
	learned_touch(&learned, sums, 2);
	assert_false(learned_is_pending(&learned, sums, 2)); /* touched, not changed */
	sums[0] += 2;
	assert_true(learned_is_pending(&learned, sums, 2));
	learned_send(&learned, sums, 2);
	assert_false(learned_is_pending(&learned, sums, 2)); /* on its way */
	sums[1] += 3;                                        /* learned meanwhile */
	learned_settle(&learned, sums, 2, true);
	assert_true(learned_is_pending(&learned, sums, 2));
	learned_merge(&learned, sums, reset, 2); /* somebody reset it: what is not saved stays */
	assert_true(sums[0] == 0 && sums[1] == 3);
	learned_scale(&learned, 2, 0.5);
	sums[1] = 0.5; /* something was taken back: less than what was stored */
	learned_merge(&learned, sums, reset, 2);
	learned_touch(&learned, sums, 2);
	learned_send(&learned, sums, 2);
	learned_settle(&learned, sums, 2, false);
	assert_true(learned_is_pending(&learned, sums, 2)); /* not stored: as before */
	learned_free(&learned);
	learned_touch(&learned, theirs, 2);
	double less[2] = {2, 1};
	learned_merge(&learned, less, reset, 2); /* never below 0 */
	assert_true(less[0] == 0 && less[1] == 0);
	learned_free(&learned);
}

/* --- a store ------------------------------------------------------------------------------------
 */

static void put(void *arg, const char *key, const char *value)
{
	struct map *store = arg;
	char *old = map_get(store, str_of(key));
	map_put(store, str_of(key), xstrdup(value));
	xfree(old);
}

static void store_free(struct map *store)
{
	MAP_FOREACH(slot, store)
	xfree(slot->value);
	map_free(store);
}

/* What one worker does every five minutes; seven entries a call. */
#define SYNC(model)                                                                                \
	static void model##_sync(struct model##_model *m, struct map *store, bool is_stored)       \
	{                                                                                          \
		struct err err = {0};                                                              \
		model##_import_begin(m);                                                           \
		MAP_FOREACH(slot, store)                                                           \
		{                                                                                  \
			if (!model##_import(m, slot->key, slot->value, &err))                      \
				fail_msg("%s", err.text);                                          \
		}                                                                                  \
		model##_import_end(m, true);                                                       \
		while (model##_export_pending(m, 7, put, store) > 0)                               \
			model##_settle(m, is_stored);                                              \
	}
SYNC(delay)
SYNC(hazard)
SYNC(silence)

static void assert_same_numbers(const char *key, const char *a, const char *b)
{
	char *end_a, *end_b;
	for (int i = 0; *a != '\0' && *b != '\0'; i++) {
		double x = strtod(a, &end_a), y = strtod(b, &end_b);
		if (end_a == a || end_b == b || fabs(x - y) > 1e-9 * fmax(1, fabs(x)))
			fail_msg("%s, number %d: %.15g and %.15g", key, i, x, y);
		a = *end_a == ':' ? end_a + 1 : end_a;
		b = *end_b == ':' ? end_b + 1 : end_b;
	}
	assert_int_equal(*a, *b);
}

static void assert_same_store(const struct map *a, const struct map *b)
{
	assert_int_equal(a->count, b->count);
	MAP_FOREACH(slot, a)
	{
		const char *other = map_get(b, str_of(slot->key));
		if (other == NULL)
			fail_msg("%s is missing", slot->key);
		assert_same_numbers(slot->key, slot->value, other);
	}
}

/* --- delays -------------------------------------------------------------------------------------
 */

/* As the daemon does it: the day's parcels are judged before the day's lessons. */
static void delay_predict(struct delay_model *model, int32_t day)
{
	for (int i = 0; i < 8; i++) {
		struct delay_trip trip = {.place = delay_place(model, i % 2 ? "acme" : "dhl", "std",
		                              i / 2 % 2 ? "SP" : "MG", i / 4 ? "RJ" : "BA"),
		    .handover_day = day,
		    .promised_day = day + 5};
		delay_p_late(model, &trip, day);
	}
}

static void delay_teach(struct delay_model *model, int32_t day, int worker)
{
	static const char *const carriers[] = {"acme", "dhl"};
	for (int parcel = 0; parcel < 6; parcel++) {
		struct delay_trip trip = {
		    .place = delay_place(model, carriers[parcel % 2], "std",
		        worker == 0 ? "SP" : "MG", parcel < 3 ? "RJ" : "BA"),
		    .handover_day = day - parcel - worker,
		    .promised_day = day + 5,
		};
		delay_on_day(model, &trip, day, (parcel + day) % 3 == 0);
	}
}

/* Two years, so that the origin of the weights moves; the second worker joins late. */
static void test_delay(void **state)
{
	(void)state;
	struct delay_model *one = delay_new(), *apart[2] = {delay_new(), delay_new()};
	struct map store = {0}, expected = {0}, got = {0};
	for (int32_t day = START; day < START + 730; day++) {
		int workers = day > START + 2 ? 2 : 1;
		delay_predict(one, day);
		for (int worker = 0; worker < workers; worker++) {
			delay_sync(apart[worker], &store, true);
			delay_predict(apart[worker], day);
		}
		for (int worker = 0; worker < workers; worker++) {
			delay_teach(one, day, worker);
			delay_teach(apart[worker], day, worker);
			delay_sync(apart[worker], &store, true);
		}
		delay_sync(apart[0], &store, true);
		delay_close_day(one, day);
		for (int worker = 0; worker < workers; worker++)
			delay_close_day(apart[worker], day);
	}
	for (int worker = 0; worker < 2; worker++)
		delay_sync(apart[worker], &store, true);
	for (size_t at = 0; delay_export_next(one, &at, put, &expected);)
		;
	for (size_t at = 0; delay_export_next(apart[0], &at, put, &got);)
		;
	assert_same_store(&expected, &got);
	assert_same_store(&expected, &store);
	for (int worker = 0; worker < 2; worker++) {
		struct delay_trip trip = {.handover_day = START + 730, .promised_day = START + 734};
		double p[2];
		for (int i = 0; i < 2; i++) {
			struct delay_model *model = i ? apart[worker] : one;
			trip.place = delay_place(model, "dhl", "std", "MG", "BA");
			p[i] = delay_p_late(model, &trip, START + 730);
		}
		assert_float_equal(p[0], p[1], 1e-9);
		delay_free(&apart[worker]);
	}
	delay_free(&one);
	store_free(&store);
	store_free(&expected);
	store_free(&got);
}

static double deliveries(const struct delay_model *model, struct delay_place *place)
{
	return delay_experience(model, place);
}

static void test_delay_reset(void **state)
{
	(void)state;
	struct delay_model *a = delay_new(), *b = delay_new();
	struct map store = {0};
	struct delay_place *acme = delay_place(b, "acme", "std", NULL, NULL),
	                   *dhl = delay_place(b, "dhl", "std", NULL, NULL);
	delay_teach(a, START, 0);
	delay_sync(a, &store, true);
	delay_sync(b, &store, true);
	assert_float_equal(deliveries(b, acme), 1, 1e-9);
	delay_teach(b, START, 1); /* not saved yet */
	double own = deliveries(b, dhl);
	delay_reset(a, NULL);
	assert_int_equal(delay_entries(a), 0);
	store_free(&store);
	delay_sync(b, &store, true);
	assert_float_equal(deliveries(b, acme), 1, 1e-9); /* its own one of two */
	assert_float_equal(deliveries(b, dhl), own - 1, 1e-9);
	delay_sync(a, &store, true);
	assert_int_equal(delay_entries(a), delay_entries(b));
	delay_reset(a, "acme");
	assert_float_equal(deliveries(a, delay_place(a, "acme", "std", NULL, NULL)), 0, 1e-9);
	assert_true(deliveries(a, delay_place(a, "dhl", "std", NULL, NULL)) > 0);
	delay_free(&a);
	delay_free(&b);
	store_free(&store);
}

/* Saved, but the reply did not come: once the token is found, nothing counts twice. */
static void test_lost_reply(void **state)
{
	(void)state;
	struct delay_model *a = delay_new(), *b = delay_new();
	struct map store = {0};
	delay_teach(a, START, 0);
	while (delay_export_pending(a, 100, put, &store) > 0)
		; /* on its way; no answer */
	delay_teach(a, START, 0);
	delay_teach(b, START, 0);
	delay_sync(b, &store, true); /* somebody writes on top */
	delay_settle(a, true);       /* it was stored after all */
	delay_sync(a, &store, true);
	assert_float_equal(deliveries(a, delay_place(a, "acme", "std", NULL, NULL)), 3, 1e-9);
	struct delay_model *c = delay_new(); /* the same where it was not stored */
	delay_teach(c, START, 0);
	struct map nowhere = {0};
	delay_export_pending(c, 100, put, &nowhere);
	delay_settle(c, false);
	delay_sync(c, &store, true);
	assert_float_equal(deliveries(c, delay_place(c, "acme", "std", NULL, NULL)), 4, 1e-9);
	delay_free(&a);
	delay_free(&b);
	delay_free(&c);
	store_free(&store);
	store_free(&nowhere);
}

/* More lanes than one worker keeps are not an error, or no one could save any more. */
static void test_too_many_lanes(void **state)
{
	(void)state;
	struct delay_model *model = delay_new();
	struct map store = {0};
	struct err err;
	char key[32];
	delay_teach(model, START, 0);
	delay_sync(model, &store, true);
	const char *text = map_get(&store, str_of("acme|std"));
	for (int i = 0; i < DELAY_PLACES_MAX; i++) {
		snprintf(key, sizeof key, "c%d|std", i);
		assert_true(delay_import(model, key, text, &err));
	}
	assert_true(delay_entries(model) <= DELAY_PLACES_MAX);
	delay_free(&model);
	store_free(&store);
}

/* --- hazards ------------------------------------------------------------------------------------
 */

static void hazard_teach(struct hazard_model *model, int32_t day, int worker)
{
	int64_t at_ms = day * DAY_MS + (8 + worker) * HOUR_MS;
	struct hazard_belief belief = {
	    .class_index = hazard_class(model, worker ? "dhl" : "acme", "x"),
	    .state = HAZARD_OUT_FOR_DELIVERY,
	    .eta_day = HAZARD_DAY_NONE,
	    .since_day = day};
	hazard_learn_exposure(model, &belief, at_ms, at_ms + 3 * HOUR_MS);
	hazard_learn_event(model, &belief, at_ms + HOUR_MS, 1);
	belief.class_index = hazard_class(model, "both", NULL);
	hazard_learn_event(model, &belief, at_ms, 1.0 / 3);
	hazard_learn_lag(
	    hazard_lag_of(model, "both"), at_ms, at_ms, at_ms + (5 + worker) * MINUTE_MS);
}

/* Over several halvings; the second worker sleeps through some of them. */
static void test_hazard(void **state)
{
	(void)state;
	struct hazard_model *one = hazard_new(), *apart[2] = {hazard_new(), hazard_new()};
	struct map store = {0}, expected = {0}, got = {0};
	for (int32_t day = START; day < START + 200; day++) {
		bool is_second_awake = day < START + 20 || day > START + 70;
		hazard_on_day(one, day);
		for (int worker = 0; worker <= is_second_awake; worker++) {
			if (day < START + 150 || worker == 0)
				hazard_on_day(apart[worker], day); /* later: it follows the load */
			if (day % 3 == 0 || day > START + 149)
				hazard_sync(apart[worker], &store, true);
			hazard_teach(one, day, worker);
			hazard_teach(apart[worker], day, worker);
		}
	}
	for (int worker = 2; worker-- > 0;)
		hazard_sync(apart[worker], &store, true);
	for (size_t at = 0; hazard_export_next(one, &at, put, &expected);)
		;
	for (size_t at = 0; hazard_export_next(apart[0], &at, put, &got);)
		;
	assert_same_store(&expected, &got);
	hazard_sync(apart[1], &store, true);
	struct hazard_belief belief = {
	    .state = HAZARD_OUT_FOR_DELIVERY, .eta_day = HAZARD_DAY_NONE, .since_day = START};
	for (int hour = 0; hour < 24; hour++) { /* the sum over all classes, too */
		double rate[3];
		for (int i = 0; i < 3; i++) {
			struct hazard_model *model = i < 2 ? apart[i] : one;
			belief.class_index = hazard_class(model, "unknown", NULL);
			rate[i] = hazard_rate(model, &belief, START * DAY_MS + hour * HOUR_MS);
		}
		assert_float_equal(rate[0], rate[2], 1e-9);
		assert_float_equal(rate[1], rate[2], 1e-9);
	}
	hazard_reset(apart[0], "both");
	assert_true(hazard_experience(apart[0], hazard_class(apart[0], "both", NULL)) == 0);
	assert_true(hazard_experience(apart[0], hazard_class(apart[0], "acme", "x")) > 0);
	assert_int_equal(hazard_lag_ms(hazard_lag_of(apart[0], "both")), 0);
	hazard_reset(apart[0], NULL);
	assert_int_equal(hazard_entries(apart[0]), 0);
	store_free(&store);
	hazard_sync(apart[1], &store, true); /* reset by somebody */
	assert_int_equal(hazard_entries(apart[1]), 0);
	hazard_free(&one);
	hazard_free(&apart[0]);
	hazard_free(&apart[1]);
	store_free(&store);
	store_free(&expected);
	store_free(&got);
}

/* A clock that ran ahead must not fade what the others know. */
static void test_days_to_come_are_refused(void **state)
{
	(void)state;
	struct hazard_model *hazard = hazard_new();
	struct delay_model *delay = delay_new();
	struct map store = {0};
	struct err err = {0};
	hazard_teach(hazard, START, 0);
	double known = hazard_experience(hazard, hazard_class(hazard, "acme", "x"));
	assert_true(known > 0);
	for (size_t at = 0; hazard_export_next(hazard, &at, put, &store);)
		;
	hazard_trust_until(hazard, START + 2);
	MAP_FOREACH(slot, &store)
	{
		const char *row = strchr(strchr(slot->value, ' ') + 1, ' ');
		char *ahead = xasprintf("2 %d%s", START + 3, row);
		if (slot->key[0] != '~')
			assert_false(hazard_import(hazard, slot->key, ahead, &err));
		xfree(ahead);
	}
	assert_true(hazard_experience(hazard, hazard_class(hazard, "acme", "x")) == known);
	delay_trust_until(delay, START + 2);
	assert_false(delay_import(delay, "~model", "2 30000 29999", &err));
	assert_false(delay_import(delay, "~model", "2 1000000000 0", &err));
	assert_int_equal(err.kind, ERR_INPUT);
	assert_int_equal(delay_closed_day(delay), DELAY_DAY_NONE);
	hazard_free(&hazard);
	delay_free(&delay);
	store_free(&store);
}

/* --- silences and alerts ------------------------------------------------------------------------
 */

static void silence_teach(struct silence_model *model, int32_t day, int worker)
{
	struct silence_subject subject = {.carrier = worker ? "dhl" : "acme",
	    .service = "x",
	    .status = "in_transit",
	    .handed_over = true};
	silence_on_gap(model, &subject, (day - 3) * DAY_MS, day * DAY_MS + worker * HOUR_MS);
}

static void test_silence(void **state)
{
	(void)state;
	struct silence_model *one = silence_new(), *apart[2] = {silence_new(), silence_new()};
	struct map store = {0}, expected = {0};
	for (int32_t day = START; day < START + 300; day++)
		for (int worker = 0; worker < 2; worker++) {
			silence_teach(one, day, worker);
			silence_teach(apart[worker], day, worker);
			if (day % (5 + 3 * worker) == 0)
				silence_sync(apart[worker], &store, true);
		}
	for (int worker = 0; worker < 4; worker++)
		silence_sync(apart[worker % 2], &store, true);
	struct map got = {0};
	for (size_t at = 0; silence_export_next(one, &at, put, &expected);)
		;
	for (size_t at = 0; silence_export_next(apart[0], &at, put, &got);)
		;
	assert_int_equal(got.count, 3); /* two carriers, and all of them */
	assert_same_store(&expected, &got);
	silence_reset(apart[0], "dhl");
	assert_int_equal(silence_entries(apart[0]), 2);
	store_free(&store);
	silence_sync(apart[1], &store, true);
	assert_int_equal(silence_entries(apart[1]), 0);
	silence_free(&one);
	silence_free(&apart[0]);
	silence_free(&apart[1]);
	store_free(&store);
	store_free(&expected);
	store_free(&got);
}

static void tuner_sync(struct delay_tuner *tuner, struct buf *stored)
{
	struct err err;
	if (stored->size > 0)
		assert_true(delay_tuner_import(tuner, buf_text(stored), &err));
	const double *bins = tuner->highest.bins;
	if (!learned_is_pending(&tuner->learned, bins, HISTOGRAM_BINS))
		return;
	learned_send(&tuner->learned, bins, HISTOGRAM_BINS);
	buf_clear(stored);
	delay_tuner_export(tuner, stored);
	learned_settle(&tuner->learned, bins, HISTOGRAM_BINS, true);
}

static void test_tuner(void **state)
{
	(void)state;
	struct delay_tuner one = {0}, apart[2];
	memset(apart, 0, sizeof apart);
	struct buf stored = BUF_EMPTY(0);
	struct err err;
	for (int i = 0; i < 400; i++) {
		delay_tuner_on_time(&one, i % 100 / 100.0, START + i / 4);
		delay_tuner_on_time(&apart[i % 2], i % 100 / 100.0, START + i / 4);
		if (i % 7 == 0)
			tuner_sync(&apart[i % 2], &stored);
	}
	for (int i = 0; i < 4; i++)
		tuner_sync(&apart[i % 2], &stored);
	for (int i = 0; i < 2; i++)
		assert_float_equal(delay_tuner_threshold(&one, 0.05),
		    delay_tuner_threshold(&apart[i], 0.05), 1e-9);
	assert_float_equal(one.highest.total, apart[0].highest.total, 1e-9);
	delay_tuner_forget(&apart[0]);
	assert_true(apart[0].highest.total == 0);
	assert_false(delay_tuner_import(&apart[0], "2:1 0", &err));
	assert_false(delay_tuner_import(&apart[0], "1:1 0", &err));
	assert_false(delay_tuner_import(&apart[0], "", &err));
	delay_tuner_free(&one);
	delay_tuner_free(&apart[0]);
	delay_tuner_free(&apart[1]);
	buf_free(&stored);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_entry),
	    cmocka_unit_test(test_delay),
	    cmocka_unit_test(test_delay_reset),
	    cmocka_unit_test(test_lost_reply),
	    cmocka_unit_test(test_too_many_lanes),
	    cmocka_unit_test(test_hazard),
	    cmocka_unit_test(test_days_to_come_are_refused),
	    cmocka_unit_test(test_silence),
	    cmocka_unit_test(test_tuner),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
