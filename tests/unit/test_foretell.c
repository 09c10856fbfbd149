/* Foretelling: one word about a promise in danger, and every day of a parcel taught once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "notifier/core/detect_internal.h"
#include "notifier/core/foretell.h"

#define MONDAY 20514 /* 2026-03-02 */

static struct delay_tuner tuner;
static struct delay_rule rule = DELAY_RULE_DEFAULT;

static int64_t noon(int day)
{
	return (MONDAY + day) * DAY_MS + 12 * HOUR_MS;
}

/* 300 parcels of one lane, all delivered on the sixth day. */
static struct delay_model *slow_lane(void)
{
	struct delay_model *model = delay_new();
	struct delay_trip trip = {
	    .place = delay_place(model, "courier", NULL, "DE", "FR"), .promised_day = MONDAY - 10};
	for (int start = 40; start > 10; start--) {
		trip.handover_day = MONDAY - start;
		for (int parcel = 0; parcel < 10; parcel++)
			for (int age = 0; age <= 6; age++)
				delay_on_day(model, &trip, trip.handover_day + age, age == 6);
	}
	delay_close_day(model, MONDAY - 1);
	return model;
}

static struct shipment parcel(const char *promised)
{
	return (struct shipment){.id = "shp_00parcel",
	    .carrier = "courier",
	    .origin = {.country = "DE"},
	    .destination = {.country = "FR"},
	    .promised = {.to = promised},
	    .status = STATUS_IN_TRANSIT,
	    .flags = SHIPMENT_MOVED,
	    .newest_ms = noon(0)};
}

static struct foretell_result day(
    struct shipment *s, struct delay_model *model, int64_t now_ms, struct changes *changes)
{
	struct foretell_result result;
	const struct foretell foretell = {.model = model,
	    .rule = &rule,
	    .tuner = &tuner,
	    .now_ms = now_ms,
	    .source = SOURCE_CLOCK};
	memset(changes, 0, sizeof *changes);
	foretell_day(s, &foretell, changes, &result);
	return result;
}

static void test_a_promise_in_danger(void **state)
{
	(void)state;
	struct delay_model *model = slow_lane();
	struct shipment s = parcel("2026-03-05"); /* three days; the lane takes six */
	struct changes changes;
	assert_int_equal(foretell_next_ms(&s, NULL), NEVER_MS); /* its first day comes with news */
	struct foretell_result result = day(&s, model, noon(0), &changes);
	assert_int_equal(changes.event_count, 1);
	assert_int_equal(changes.events[0].kind, EVENT_DELAY_PREDICTED);
	assert_string_equal(changes.events[0].eta_before.to, "2026-03-05");
	assert_string_equal(result.what, "delay_predicted");
	assert_non_null(strstr(result.why, "on day 0 on the road, 4 days before the promise ends"));
	assert_in_range(changes.events[0].low_day, MONDAY + 4, MONDAY + 6); /* not in time */
	assert_in_range(changes.events[0].high_day, MONDAY + 6, MONDAY + 8);
	assert_int_equal(s.handover_ms, noon(0));
	assert_true(changes.state_changed);

	day(&s, model, noon(0) + HOUR_MS, &changes); /* the same day: nothing more to judge */
	assert_int_equal(changes.event_count, 0);
	assert_false(changes.state_changed);
	int64_t next_ms = foretell_next_ms(&s, NULL);
	assert_in_range(next_ms, (MONDAY + 1) * DAY_MS, (MONDAY + 1) * DAY_MS + 4 * HOUR_MS);
	for (int i = 1; i < 9; i++) { /* once per promise, also when it is over */
		result = day(&s, model, noon(i), &changes);
		assert_int_equal(changes.event_count, 0);
		assert_non_null(result.lesson.trip.place);
		assert_int_equal(result.lesson.from_day, MONDAY + i - 1);
		assert_int_equal(result.lesson.to_day, MONDAY + i);
	}
	delay_free(&model);
}

static void test_no_danger(void **state)
{
	(void)state;
	struct delay_model *model = slow_lane();
	struct changes changes;
	struct shipment s = parcel("2026-03-20");
	day(&s, model, noon(0), &changes);
	assert_int_equal(changes.event_count, 0);
	assert_true(s.forecast.highest_p < 100);

	struct shipment unpromised = parcel(NULL), unmoved = parcel("2026-03-05");
	day(&unpromised, model, noon(0), &changes);
	assert_int_equal(unpromised.forecast.tick_day, MONDAY); /* teaches, and has an ETA */
	assert_in_range(unpromised.forecast.low_day, MONDAY + 5, MONDAY + 6);
	assert_in_range(unpromised.forecast.high_day, MONDAY + 6, MONDAY + 8);
	unmoved.flags = 0;
	day(&unmoved, model, noon(0), &changes);
	assert_int_equal(unmoved.forecast.tick_day, 0);

	delay_free(&model);
}

/* A more serious finding stands: noted, not said. */
static void test_noted(void **state)
{
	(void)state;
	struct delay_model *model = slow_lane();
	struct changes changes;
	struct shipment s = parcel("2026-03-05");
	s.flags |= SHIPMENT_STALLED;
	struct foretell_result result = day(&s, model, noon(0), &changes);
	assert_int_equal(changes.event_count, 0);
	assert_string_equal(result.what, "noted");
	assert_non_null(strstr(result.why, "not said: stalled"));
	assert_false(s.flags & SHIPMENT_PREDICTED);
	result = day(&s, model, noon(1), &changes); /* noted once */
	assert_null(result.what);
	s.flags &= ~SHIPMENT_STALLED; /* a sign of life, and the danger is still there */
	day(&s, model, noon(2), &changes);
	assert_int_equal(changes.event_count, 1);
	assert_int_equal(changes.events[0].kind, EVENT_DELAY_PREDICTED);

	struct shipment spared = parcel("2026-03-05"); /* who was not warned hears of no "over" */
	spared.flags |= SHIPMENT_STALLED;
	day(&spared, model, noon(0), &changes);
	spared.flags &= ~SHIPMENT_STALLED;
	spared.promised.to = "2026-03-25";
	spared.eta.to = "2026-03-05";
	day(&spared, model, noon(1), &changes);
	assert_int_equal(changes.event_count, 0);

	struct shipment van = parcel("2026-03-05"); /* it is in the van: no guesses now */
	van.status = STATUS_OUT_FOR_DELIVERY;
	day(&van, model, noon(0), &changes);
	assert_int_equal(changes.event_count, 0);
	delay_free(&model);
}

static void test_over(void **state)
{
	(void)state;
	struct delay_model *model = slow_lane();
	struct changes changes;
	struct shipment s = parcel("2026-03-05");
	day(&s, model, noon(0), &changes);
	assert_int_equal(changes.event_count, 1);
	s.promised.to = "2026-03-25"; /* much later */
	struct foretell_result result = day(&s, model, noon(1), &changes);
	assert_int_equal(changes.event_count, 1);
	assert_int_equal(changes.events[0].kind, EVENT_DELAY_OVER);
	assert_string_equal(result.what, "delay_over");
	day(&s, model, noon(2), &changes);
	assert_int_equal(changes.event_count, 0);
	delay_free(&model);
}

/* The delivery is taught once, however it is heard of. */
static void test_delivery_is_taught_once(void **state)
{
	(void)state;
	struct delay_model *model = delay_new();
	struct changes changes;
	struct shipment s = parcel("2026-03-05");
	struct delay_place *place = delay_place(model, "courier", NULL, "DE", "FR");
	day(&s, model, noon(0), &changes);
	s.status = STATUS_DELIVERED;
	s.delivered_ms = noon(3);
	s.finished_ms = noon(3) + HOUR_MS;
	struct foretell_result result = day(&s, model, noon(3) + HOUR_MS, &changes);
	assert_int_equal(result.lesson.delivered_day, MONDAY + 3);
	foretell_learn(model, &tuner, &result.lesson);
	assert_true(delay_experience(model, place) > 0.9);
	result = day(&s, model, noon(4), &changes);
	assert_null(result.lesson.trip.place);
	assert_int_equal(foretell_next_ms(&s, NULL), NEVER_MS);
	delay_free(&model);
}

/* Judged in flight on the fifth day, then heard that it came on the third. */
static void test_late_news(void **state)
{
	(void)state;
	struct delay_model *model = delay_new();
	struct changes changes;
	struct shipment s = parcel("2026-03-05");
	for (int i = 0; i < 6; i++) {
		struct foretell_result result = day(&s, model, noon(i), &changes);
		foretell_learn(model, &tuner, &result.lesson);
	}
	s.status = STATUS_DELIVERED;
	s.delivered_ms = noon(3);
	struct foretell_result result = day(&s, model, noon(6), &changes);
	foretell_learn(model, &tuner, &result.lesson);
	assert_true(delay_experience(model, delay_place(model, "courier", NULL, "DE", "FR")) > 0.9);
	delay_free(&model);
}

/* A carrier that taught nothing yet: two days before a promise's end, unless the promise was short,
 * the carrier says otherwise, or that has warned in vain before. */
static void test_cold_start(void **state)
{
	(void)state;
	struct delay_model *model = delay_new();
	struct changes changes;
	struct shipment s = parcel("2026-03-06"); /* Friday */
	int alert_day = -1;
	for (int i = 0; i < 6; i++) {
		struct foretell_result result = day(&s, model, noon(i), &changes);
		if (changes.event_count == 0)
			continue;
		assert_int_equal(changes.events[0].kind, EVENT_DELAY_PREDICTED);
		assert_int_equal(changes.events[0].high_day, 0); /* when instead, nobody knows */
		assert_non_null(strstr(result.why, "counted down"));
		alert_day = i;
	}
	assert_int_equal(alert_day, 3);

	struct shipment tight = parcel("2026-03-04"), assured = parcel("2026-03-06");
	assured.eta.to = "2026-03-06";
	for (int i = 0; i < 5; i++) {
		day(&tight, model, noon(i), &changes);
		assert_int_equal(changes.event_count, 0);
		day(&assured, model, noon(i), &changes);
		assert_int_equal(changes.event_count, 0);
	}

	for (int i = 0; i < 8; i++) { /* all on their last day, as promised */
		struct shipment in_time = parcel("2026-03-06");
		for (int j = 0; j <= 4; j++) {
			struct foretell_result result = day(&in_time, model, noon(j), &changes);
			foretell_learn(model, &tuner, &result.lesson);
		}
		in_time.status = STATUS_DELIVERED;
		in_time.delivered_ms = noon(4);
		struct foretell_result result = day(&in_time, model, noon(4), &changes);
		foretell_learn(model, &tuner, &result.lesson);
	}
	struct shipment next = parcel("2026-03-06");
	for (int i = 0; i < 5; i++) {
		day(&next, model, noon(i), &changes);
		assert_int_equal(changes.event_count, 0);
	}
	delay_free(&model);
}

/* The carrier gives another estimate, in time: said at once, once. */
static void test_reassured(void **state)
{
	(void)state;
	struct delay_model *model = slow_lane();
	struct changes changes;
	struct shipment s = parcel("2026-03-05");
	s.eta.to = "2026-03-05"; /* as it stood when we doubted it */
	day(&s, model, noon(0), &changes);
	assert_int_equal(changes.event_count, 1);
	day(&s, model, noon(0) + HOUR_MS, &changes);
	assert_int_equal(changes.event_count, 0);
	s.eta.to = "2026-03-04";
	day(&s, model, noon(0) + 2 * HOUR_MS, &changes);
	assert_int_equal(changes.event_count, 1);
	assert_int_equal(changes.events[0].kind, EVENT_DELAY_OVER);
	day(&s, model, noon(0) + 3 * HOUR_MS, &changes);
	assert_int_equal(changes.event_count, 0);
	delay_free(&model);
}

/* Days at a counter or at the customs are not the network's. */
static void test_held_days(void **state)
{
	(void)state;
	struct delay_model *model = slow_lane();
	struct changes changes;
	struct shipment s = parcel("2026-03-09");
	day(&s, model, noon(0), &changes);
	s.status = STATUS_AVAILABLE_FOR_PICKUP;
	for (int i = 1; i < 10; i++) {
		struct foretell_result result = day(&s, model, noon(i), &changes);
		assert_int_equal(result.lesson.from_day, result.lesson.to_day);
		assert_int_equal(result.lesson.outcome, FORETELL_OPEN);
		assert_true(result.lesson.eta_mass == 0);
		assert_int_equal(s.forecast.held_from, MONDAY);
	}
	s.status = STATUS_DELIVERED;
	s.delivered_ms = noon(10);
	struct foretell_result result = day(&s, model, noon(10), &changes);
	assert_int_equal(result.lesson.outcome, FORETELL_IN_TIME);
	assert_int_equal(result.lesson.trip.held_days, 10); /* it arrived where it waits on day 0 */

	struct shipment late =
	    parcel("2026-03-09"); /* heard on day 9 that it was fetched on day 7 */
	for (int i = 0; i <= 5; i++)
		day(&late, model, noon(i), &changes);
	late.status = STATUS_AVAILABLE_FOR_PICKUP;
	for (int i = 6; i <= 9; i++)
		day(&late, model, noon(i), &changes);
	late.status = STATUS_DELIVERED;
	late.delivered_ms = noon(7);
	result = day(&late, model, noon(9), &changes);
	assert_int_equal(result.lesson.trip.held_days, 2); /* days 5 and 6 */
	assert_int_equal(result.lesson.from_day, MONDAY + 5);
	assert_int_equal(result.lesson.to_day, MONDAY + 5);

	struct shipment freed = parcel("2026-03-19"); /* it goes on */
	for (int i = 0; i <= 8; i++) {
		freed.status = i >= 3 && i < 6 ? STATUS_AVAILABLE_FOR_PICKUP : STATUS_IN_TRANSIT;
		day(&freed, model, noon(i), &changes);
	}
	assert_int_equal(freed.forecast.held_days, 4); /* days 2 to 5 */
	assert_int_equal(freed.forecast.held_from, 0);
	delay_free(&model);
}

/* What became of what was said is counted once, and as soon as it is known. */
static void test_outcomes(void **state)
{
	(void)state;
	struct delay_model *model = slow_lane();
	struct changes changes;
	struct shipment s = parcel("2026-03-05");
	int late = 0, intervals = 0;
	for (int i = 0; i < 12; i++) {
		struct foretell_result result = day(&s, model, noon(i), &changes);
		const struct foretell_lesson *lesson = &result.lesson;
		if (lesson->eta_mass > 0) {
			intervals++;
			assert_false(lesson->eta_held);
			assert_true(MONDAY + i > s.forecast.tick_day - 1);
		}
		if (lesson->outcome == FORETELL_OPEN)
			continue;
		late++;
		assert_int_equal(i, 5); /* promised for day 3, a day of grace */
		assert_int_equal(lesson->outcome, FORETELL_LATE);
		assert_true(lesson->was_alerted);
		assert_int_equal(lesson->lead_days, 4);
		int said = 0;
		for (int bin = 0; bin < FORECAST_BINS; bin++)
			said += lesson->said[bin];
		assert_int_equal(said, 4); /* days 0 to 3 */
	}
	assert_int_equal(late, 1);
	assert_int_equal(intervals, 1);

	struct shipment again = parcel("2026-03-20");
	day(&again, model, noon(0), &changes);
	again.status = STATUS_DELIVERED;
	again.delivered_ms = noon(6);
	struct foretell_result result = day(&again, model, noon(6), &changes);
	assert_int_equal(result.lesson.outcome, FORETELL_IN_TIME);
	assert_false(result.lesson.was_alerted);
	assert_true(result.lesson.eta_mass > 0.5 && result.lesson.eta_held);
	delay_free(&model);
}

/* A delivery that the carrier takes back leaves the model as if it had never been told. */
static void test_a_delivery_taken_back(void **state)
{
	(void)state;
	static const int heard[] = {1, 3}; /* the day on which we hear of day 1's "delivery" */
	for (size_t row = 0; row < sizeof heard / sizeof *heard; row++) {
		struct delay_model *models[2] = {delay_new(), delay_new()};
		for (int m = 0; m < 2; m++) {
			struct shipment s = parcel("2026-03-05");
			struct changes changes;
			for (int i = 0; i <= 7; i++) {
				if (m == 1 && i == heard[row]) {
					s.status = STATUS_DELIVERED;
					s.delivered_ms = noon(1);
					s.finished_ms = noon(i);
					struct foretell_result told =
					    day(&s, models[m], noon(i), &changes);
					foretell_learn(models[m], &tuner, &told.lesson);
					s.status = STATUS_IN_TRANSIT;
					s.delivered_ms = s.finished_ms = 0;
				}
				if (i == 7) {
					s.status = STATUS_DELIVERED;
					s.delivered_ms = noon(6);
				}
				for (int turn = 0; turn < 2; turn++) {
					struct foretell_result result =
					    day(&s, models[m], noon(i) + turn, &changes);
					foretell_learn(models[m], &tuner, &result.lesson);
				}
			}
			assert_int_equal(s.forecast.taught_day, MONDAY + 6);
		}
		const struct delay_place *place[2];
		for (int m = 0; m < 2; m++)
			place[m] = delay_place(models[m], "courier", NULL, "DE", "FR");
		assert_float_equal(delay_experience(models[1], place[1]),
		    delay_experience(models[0], place[0]), 1e-9);
		struct delay_trip next = {.handover_day = MONDAY + 8, .promised_day = MONDAY + 12};
		double p[2];
		for (int m = 0; m < 2; m++) {
			delay_close_day(models[m], MONDAY + 7);
			next.place = delay_place(models[m], "courier", NULL, "DE", "FR");
			p[m] = delay_p_late(models[m], &next, MONDAY + 8);
		}
		assert_float_equal(p[1], p[0], 1e-6);
		for (int m = 0; m < 2; m++)
			delay_free(&models[m]);
	}
}

/* News of the evening that arrive after the night's judgement: in time, and no P(late) of 1. */
static void test_news_of_the_evening(void **state)
{
	(void)state;
	struct delay_model *model = slow_lane();
	struct changes changes;
	struct shipment s = parcel("2026-03-09"); /* day 7; the lane takes six */
	for (int i = 0; i <= 8; i++)
		day(&s, model, noon(i), &changes);
	assert_true(s.forecast.highest_p < 1000);
	assert_true(s.forecast.first.mass == 0); /* day 8 is past its grace */
	s.status = STATUS_DELIVERED;
	s.delivered_ms = noon(7) + 8 * HOUR_MS;
	struct foretell_result result = day(&s, model, noon(8) + HOUR_MS, &changes);
	assert_int_equal(result.lesson.outcome, FORETELL_IN_TIME);
	assert_true(result.lesson.highest_p < 1);

	struct shipment close = parcel("2026-03-20");
	for (int i = 0; i <= 7; i++) {
		day(&close, model, noon(i), &changes);
		if (close.forecast.first.high_day == MONDAY + i - 1)
			assert_true(close.forecast.first.mass > 0); /* not yet */
	}
	delay_free(&model);
}

/* News from the carrier is not drowned by what we foretell. */
static void test_real_news_come_first(void **state)
{
	(void)state;
	struct delay_model *model = slow_lane();
	struct changes changes = {0};
	struct foretell_result result;
	const struct foretell foretell = {.model = model,
	    .rule = &rule,
	    .tuner = &tuner,
	    .now_ms = noon(1),
	    .source = SOURCE_POLL};
	const struct event details = {.at_ms = noon(1), .noticed_ms = noon(1)};
	struct shipment s = parcel("2026-03-05");
	day(&s, model, noon(0), &changes);
	assert_int_equal(changes.event_count, 1); /* the alert */
	memset(&changes, 0, sizeof changes);
	s.status = STATUS_ATTEMPT_FAILED;
	s.eta.to = "2026-03-04"; /* which would reassure */
	changes_add(&changes, &s, EVENT_ATTEMPT_FAILED, &details);
	foretell_day(&s, &foretell, &changes, &result);
	assert_int_equal(changes.event_count, 1);
	assert_int_equal(s.superseding, s.sequence);

	struct shipment other = parcel("2026-03-05"); /* said the day after, and beside it */
	day(&other, model, noon(-1), &changes);
	other.flags &= ~(SHIPMENT_PREDICTED | SHIPMENT_FORETOLD);
	changes_add(&changes, &other, EVENT_ATTEMPT_FAILED, &details);
	int64_t attempt = other.sequence;
	day(&other, model, noon(0), &changes);
	assert_int_equal(changes.event_count, 1);
	assert_int_equal(changes.events[0].kind, EVENT_DELAY_PREDICTED);
	assert_int_equal(other.superseding, attempt); /* both are told */

	struct shipment faster = parcel("2026-03-05"); /* detect said "over" in the same commit */
	day(&faster, model, noon(0), &changes);
	changes_add(&changes, &faster, EVENT_DELAY_OVER, &details);
	foretell_day(&faster, &foretell, &changes, &result);
	assert_true(faster.flags & SHIPMENT_PREDICTED_OVER);
	delay_free(&model);
}

/* A fraction of a second in an estimate is no new estimate. */
static void test_the_same_estimate_again(void **state)
{
	(void)state;
	struct delay_model *model = slow_lane();
	struct changes changes;
	struct shipment s = parcel("2026-03-05");
	s.eta.to = "2026-03-05T23:59:59.999Z";
	day(&s, model, noon(0), &changes);
	assert_int_equal(changes.event_count, 1);
	for (int i = 1; i < 3; i++) {
		day(&s, model, noon(0) + i * HOUR_MS, &changes);
		assert_int_equal(changes.event_count, 0);
	}
	delay_free(&model);
}

/* Another promise is another question. */
static void test_another_promise(void **state)
{
	(void)state;
	struct delay_model *model = slow_lane();
	struct changes changes;
	struct shipment s = parcel("2026-03-05");
	day(&s, model, noon(0), &changes);
	assert_int_equal(changes.event_count, 1);
	s.flags |= SHIPMENT_PROMISE_MISSED | SHIPMENT_DELAY_OPEN;
	s.expected_ms = s.worst_ms = noon(3);
	foretell_forget(&s);
	assert_false(s.flags & (SHIPMENT_PROMISE_MISSED | SHIPMENT_DELAY_OPEN));
	assert_true(s.expected_ms == 0 && s.worst_ms == 0);
	s.promised.to = "2026-03-06";
	day(&s, model, noon(0) + HOUR_MS, &changes); /* judged at once */
	assert_int_equal(changes.event_count, 1);
	assert_int_equal(changes.events[0].kind, EVENT_DELAY_PREDICTED);
	delay_free(&model);
}

static void test_hostile(void **state)
{
	(void)state;
	struct delay_model *model = slow_lane();
	static const char *const promises[] = {"9999-12-31", "0001-01-01", "x", "", "2026-13-45"};
	for (size_t i = 0; i < sizeof promises / sizeof *promises; i++) {
		struct shipment s = parcel(promises[i]);
		struct changes changes;
		s.newest_ms = i % 2 ? NEVER_MS : 1;
		struct foretell_result result = day(&s, model, noon(0), &changes);
		foretell_learn(model, &tuner, &result.lesson);
		foretell_next_ms(&s, NULL);
	}
	delay_free(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_promise_in_danger),
	    cmocka_unit_test(test_no_danger),
	    cmocka_unit_test(test_noted),
	    cmocka_unit_test(test_over),
	    cmocka_unit_test(test_delivery_is_taught_once),
	    cmocka_unit_test(test_late_news),
	    cmocka_unit_test(test_cold_start),
	    cmocka_unit_test(test_reassured),
	    cmocka_unit_test(test_held_days),
	    cmocka_unit_test(test_outcomes),
	    cmocka_unit_test(test_a_delivery_taken_back),
	    cmocka_unit_test(test_news_of_the_evening),
	    cmocka_unit_test(test_real_news_come_first),
	    cmocka_unit_test(test_the_same_estimate_again),
	    cmocka_unit_test(test_another_promise),
	    cmocka_unit_test(test_hostile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
