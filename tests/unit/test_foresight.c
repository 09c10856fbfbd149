/* The glue between parcels and hazards: what a look teaches, and when the learned rule speaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "notifier/app/foresight_internal.h"

#define MORNING INT64_C(1772438400000) /* Monday 2026-03-02 08:00 UTC */

static const struct carrier courier = {.name = "courier", .batch_max = 1};
static const struct carrier_config via = {.carrier = &courier, .per_day = 1000};

static void begin_price(struct foresight *f)
{
	struct price *price = price_of(f, "courier");
	pace_price_init(&price->pace, 1000, 0, 100, MORNING);
	price->live = 100;
	price->is_begun = true;
}

static struct shipment parcel(const char *id, enum status status)
{
	return (struct shipment){.id = id,
	    .carrier = "courier",
	    .status = status,
	    .created_ms = MORNING - DAY_MS,
	    .newest_ms = MORNING,
	    .heard_ms = MORNING,
	    .flags = SHIPMENT_MOVED,
	    .next_poll_ms = NEVER_MS};
}

static void deliver(struct foresight *f, const char *id, int64_t at_ms)
{
	struct shipment s = parcel(id, STATUS_OUT_FOR_DELIVERY);
	const struct checkpoint scan = {.status = STATUS_DELIVERED};
	const struct checkpoint *fresh[] = {&scan};
	struct changes none = {0}, news = {.fresh = fresh, .fresh_ms = &at_ms, .fresh_count = 1};
	struct sight sight = foresight_before(f, &s);
	assert_true(sight.is_taken);
	foresight_learn(f, &s, &sight, &none, SOURCE_POLL, MORNING);
	foresight_learn(f, &s, &sight, &news, SOURCE_POLL, at_ms + 10 * MINUTE_MS);
}

static void test_news(void **state)
{
	static const struct {
		enum status now, before;
		bool has_moved;
		enum hazard_news news;
	} rows[] = {
	    {STATUS_IN_TRANSIT, STATUS_PRE_TRANSIT, false, HAZARD_NEWS_FIRST_SCAN},
	    {STATUS_IN_TRANSIT, STATUS_IN_TRANSIT, true, HAZARD_NEWS_SCAN},
	    {STATUS_IN_TRANSIT, STATUS_EXCEPTION, true, HAZARD_NEWS_CLEARED},
	    {STATUS_OUT_FOR_DELIVERY, STATUS_IN_TRANSIT, true, HAZARD_NEWS_OUT_FOR_DELIVERY},
	    {STATUS_DELIVERED, STATUS_OUT_FOR_DELIVERY, true, HAZARD_NEWS_DELIVERED},
	    {STATUS_DELIVERED, STATUS_AVAILABLE_FOR_PICKUP, true, HAZARD_NEWS_COLLECTED},
	    {STATUS_AVAILABLE_FOR_PICKUP, STATUS_ATTEMPT_FAILED, true, HAZARD_NEWS_PICKUP_READY},
	    {STATUS_EXCEPTION, STATUS_IN_TRANSIT, true, HAZARD_NEWS_EXCEPTION},
	    {STATUS_RETURNED, STATUS_RETURNING, true, HAZARD_NEWS_RETURNED},
	    {STATUS_UNKNOWN, STATUS_UNKNOWN, false, HAZARD_NEWS_SCAN},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct checkpoint checkpoint = {.status = rows[i].now};
		assert_int_equal(
		    foresight_news(&checkpoint, rows[i].before, rows[i].has_moved), rows[i].news);
	}
}

/* NULL learns nothing, and the table rules. */
static void test_without(void **state)
{
	(void)state;
	struct shipment s = parcel("shp_00a", STATUS_IN_TRANSIT);
	struct cadence_answer answer;
	struct changes none = {0};
	struct sight sight = foresight_before(NULL, &s);
	assert_false(sight.is_taken);
	foresight_learn(NULL, &s, &sight, &none, SOURCE_POLL, MORNING);
	assert_false(foresight_cadence(NULL, &via, &s, true, MORNING, &answer));
	assert_true(foresight_is_due(NULL, &via, &s, MORNING));
	foresight_on_call(NULL, &via);
	foresight_on_refusal(NULL, &via);
}

static void test_speaks_when_it_has_learned(void **state)
{
	(void)state;
	struct foresight *f = foresight_new();
	struct shipment s = parcel("shp_00watched", STATUS_OUT_FOR_DELIVERY);
	struct cadence_answer answer;
	assert_false(foresight_cadence(f, &via, &s, true, MORNING, &answer)); /* no price */
	begin_price(f);
	assert_false(foresight_cadence(f, &via, &s, true, MORNING, &answer)); /* no experience */
	for (int i = 0; i < 200; i++) {
		char id[24];
		snprintf(id, sizeof id, "shp_00%d", i);
		deliver(f, id, MORNING + 5 * HOUR_MS + i * 10 * SECOND_MS);
	}
	assert_true(foresight_cadence(f, &via, &s, true, MORNING, &answer));
	assert_in_range(answer.due_ms, MORNING + 4 * HOUR_MS, MORNING + 6 * HOUR_MS);
	assert_string_equal(answer.why, "quiet until 13:00: scans at this depot start then");

	/* Came up too early: it goes back; at its time it is due; never looked at: due. */
	assert_true(foresight_is_due(f, &via, &s, MORNING + HOUR_MS));
	looks_put(f->looks, s.id, MORNING);
	assert_false(foresight_is_due(f, &via, &s, MORNING + HOUR_MS));
	assert_true(foresight_is_due(f, &via, &s, answer.due_ms));
	s.next_poll_why = FORESIGHT_ASKED_FOR; /* whatever it costs; but once */
	s.next_poll_ms = MORNING + HOUR_MS;
	assert_true(foresight_is_due(f, &via, &s, MORNING + HOUR_MS));
	s.next_poll_ms = MORNING - HOUR_MS;
	assert_false(foresight_is_due(f, &via, &s, MORNING + HOUR_MS));
	assert_true(foresight_cadence(f, &via, &s, false, MORNING + DAY_MS, &answer));
	assert_int_equal(answer.due_ms, MORNING + DAY_MS); /* overdue is now */

	s.poll_failures = 1;
	assert_false(foresight_cadence(f, &via, &s, true, MORNING, &answer));
	s.poll_failures = 0;
	const struct carrier_config unlimited = {.carrier = &courier};
	assert_false(foresight_cadence(f, &unlimited, &s, true, MORNING, &answer));
	foresight_free(&f);
	assert_null(f);
}

/* The first answer about a parcel tells of days before it was ours: no lesson. */
static void test_history_teaches_nothing(void **state)
{
	(void)state;
	struct foresight *f = foresight_new();
	struct shipment s = parcel("shp_00old", STATUS_UNKNOWN);
	s.heard_ms = s.newest_ms = 0;
	s.flags = 0;
	int64_t at_ms[] = {s.created_ms - DAY_MS, s.created_ms + HOUR_MS};
	const struct checkpoint scan = {.status = STATUS_IN_TRANSIT},
	                        out = {.status = STATUS_OUT_FOR_DELIVERY};
	const struct checkpoint *fresh[] = {&scan, &out};
	struct changes news = {.fresh = fresh, .fresh_ms = at_ms, .fresh_count = 1};
	struct sight sight = foresight_before(f, &s);
	int class_index = sight.belief.class_index;
	foresight_learn(f, &s, &sight, &news, SOURCE_POLL, MORNING);
	assert_true(hazard_experience(f->hazard, class_index) == 0); /* no look before this one */
	foresight_learn(f, &s, &sight, &news, SOURCE_POLL, MORNING + HOUR_MS);
	assert_true(hazard_experience(f->hazard, class_index) == 0);
	news.fresh_count = 2;
	foresight_learn(f, &s, &sight, &news, SOURCE_CLOCK, MORNING + 2 * HOUR_MS);
	assert_true(
	    hazard_experience(f->hazard, class_index) == 0); /* the clock looks at nothing */
	foresight_learn(f, &s, &sight, &news, SOURCE_WEBHOOK, MORNING + 2 * HOUR_MS);
	assert_true(hazard_experience(f->hazard, class_index) == 1);
	foresight_free(&f);
}

/* After parcels went from a depot into the van, the next one there is believed at its last stop. */
static void test_the_last_stop_is_learned(void **state)
{
	(void)state;
	struct foresight *f = foresight_new();
	const struct checkpoint depot = {.status = STATUS_IN_TRANSIT,
	                            .code = "AR",
	                            .place = "Bonn"},
	                        hub = {.status = STATUS_IN_TRANSIT,
	                            .code = "AR",
	                            .place = "Leipzig"},
	                        van = {.status = STATUS_OUT_FOR_DELIVERY};
	const struct checkpoint *fresh[] = {&hub, &depot, &van};
	int64_t at_ms[] = {MORNING, MORNING + HOUR_MS, MORNING + 2 * HOUR_MS};
	struct changes way = {.fresh = fresh, .fresh_ms = at_ms, .fresh_count = 3};
	struct changes arrival = way, passage = way;
	arrival.fresh_count = 2;
	passage.fresh_count = 1;
	for (int i = 0; i < 8; i++) {
		struct shipment s = parcel("shp_00way", STATUS_PRE_TRANSIT);
		s.newest_ms = MORNING - HOUR_MS;
		struct sight sight = foresight_before(f, &s);
		foresight_scan(f, &s, &sight, &way);
		assert_int_equal(s.last_scan, 0); /* the van needs no guess */
		assert_false(s.flags & SHIPMENT_AT_DESTINATION);
		foresight_learn(f, &s, &sight, &way, SOURCE_WEBHOOK, MORNING + 2 * HOUR_MS);
	}
	struct shipment s = parcel("shp_00next", STATUS_IN_TRANSIT);
	s.newest_ms = MORNING - HOUR_MS;
	struct sight sight = foresight_before(f, &s);
	foresight_scan(f, &s, &sight, &passage);
	assert_false(s.flags & SHIPMENT_AT_DESTINATION);
	foresight_scan(f, &s, &sight, &arrival);
	assert_true(s.flags & SHIPMENT_AT_DESTINATION);
	assert_int_equal(foresight_before(f, &s).belief.state, HAZARD_AT_DESTINATION);

	struct shipment late = parcel("shp_00late", STATUS_IN_TRANSIT); /* heard of out of order */
	late.newest_ms = MORNING + 3 * HOUR_MS;
	sight = foresight_before(f, &late);
	foresight_scan(f, &late, &sight, &arrival);
	assert_int_equal(late.last_scan, 0);
	foresight_scan(NULL, &late, &sight, &arrival);
	foresight_free(&f);
}

/* Polls that find what webhooks should have told make looks at pushed parcels dearer to miss. */
static void test_lost_webhooks_are_noticed(void **state)
{
	(void)state;
	struct foresight *f = foresight_new();
	begin_price(f);
	const struct price *price = price_of(f, "courier");
	struct shipment s = parcel("shp_00push", STATUS_IN_TRANSIT);
	s.flags |= SHIPMENT_PUSHED;
	double at_first = foresight_facts(f, price, &s, MORNING).miss_share;
	assert_true(at_first > 0.02 && at_first < 0.03);
	const struct checkpoint scan = {.status = STATUS_IN_TRANSIT};
	const struct checkpoint *fresh[] = {&scan};
	int64_t at_ms = MORNING;
	struct changes news = {.fresh = fresh, .fresh_ms = &at_ms, .fresh_count = 1};
	struct sight sight = foresight_before(f, &s);
	foresight_learn(f, &s, &sight, &(struct changes){0}, SOURCE_POLL, MORNING - HOUR_MS);
	for (int i = 0; i < 100; i++)
		foresight_learn(f, &s, &sight, &news, SOURCE_WEBHOOK, MORNING + i);
	double trusted = foresight_facts(f, price, &s, MORNING).miss_share;
	assert_true(trusted < at_first);
	foresight_learn(f, &s, &sight, &news, SOURCE_POLL, MORNING + MINUTE_MS); /* only luck */
	assert_true(foresight_facts(f, price, &s, MORNING).miss_share == trusted);
	for (int i = 0; i < 100; i++)
		foresight_learn(f, &s, &sight, &news, SOURCE_POLL, MORNING + HOUR_MS + i);
	assert_true(foresight_facts(f, price, &s, MORNING).miss_share > 0.3);
	foresight_free(&f);
}

static void test_calls_cost(void **state)
{
	(void)state;
	struct foresight *f = foresight_new();
	foresight_on_call(f, &via); /* no price yet: nothing to count in */
	begin_price(f);
	struct price *price = price_of(f, "courier");
	foresight_on_call(f, &via);
	assert_true(price->pace.used == 1);
	assert_true(pace_price_may_look(&price->pace, 1));
	foresight_on_refusal(f, &via);
	assert_false(pace_price_may_look(&price->pace, 1));
	foresight_free(&f);
}

/* The silence that a carrier usually shows raises what is configured, and never lowers it. */
static void test_silence_is_learned(void **state)
{
	(void)state;
	struct foresight *f = foresight_new();
	struct shipment s = parcel("shp_00quiet", STATUS_IN_TRANSIT);
	const struct checkpoint scan = {.status = STATUS_IN_TRANSIT};
	const struct checkpoint *fresh[] = {&scan};
	struct changes news = {.fresh = fresh, .fresh_count = 1};
	assert_int_equal(foresight_rules(NULL, NULL, &s).silent_days_domestic, 3);
	assert_int_equal(foresight_rules(f, NULL, &s).silent_days_domestic, 3);
	for (int i = 0; i < 200; i++) { /* eight working days, in 10 weekday ones */
		struct sight sight = foresight_before(f, &s);
		int64_t at_ms = s.newest_ms + 10 * DAY_MS;
		news.fresh_ms = &at_ms;
		foresight_learn(f, &s, &sight, &news, SOURCE_WEBHOOK, at_ms);
	}
	assert_in_range(foresight_rules(f, NULL, &s).silent_days_domestic, 8, 9);
	assert_int_equal(foresight_rules(f, NULL, &s).silent_days_cross_border, 5);
	struct account_config patient = {.deadlines = deadline_default_rules};
	patient.deadlines.silent_days_domestic = 30;
	assert_int_equal(foresight_rules(f, &patient, &s).silent_days_domestic, 30);

	struct shipment label = parcel("shp_00label", STATUS_PRE_TRANSIT);
	assert_int_equal(foresight_rules(f, NULL, &label).label_days, 2);
	label.origin.country = "IN";
	label.destination.country = "DE";
	assert_int_equal(foresight_rules(f, NULL, &label).label_days, 5);
	foresight_free(&f);
}

/* Whatever the rule says, a day that was judged is over: else its deadline would stay due. */
static void test_a_day_passes_with_every_rule(void **state)
{
	static const char *const rules[] = {"two-zone", "budget=0.05", "off", "nonsense", NULL};
	(void)state;
	struct foresight *f = foresight_new();
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		struct account_config account = {
		    .deadlines = deadline_default_rules, .delay_rule = rules[i]};
		struct shipment s = parcel("shp_00day", STATUS_IN_TRANSIT);
		struct changes changes = {0};
		struct foretell_result result;
		int64_t now_ms = loop_now_ms();
		s.promised.to = "2199-01-01";
		s.forecast.tick_day = zone_day(NULL, now_ms) - 3;
		s.handover_ms = s.newest_ms = now_ms - 4 * DAY_MS;
		assert_true(foretell_next_ms(&s, NULL) < now_ms);
		foresight_day(f, rules[i] ? &account : NULL, &s, SOURCE_CLOCK, &changes, &result);
		assert_true(foretell_next_ms(&s, NULL) > now_ms);
		foresight_learn_day(f, &result);
		assert_int_equal(changes.event_count, 0);
	}
	foresight_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_news),
	    cmocka_unit_test(test_without),
	    cmocka_unit_test(test_speaks_when_it_has_learned),
	    cmocka_unit_test(test_history_teaches_nothing),
	    cmocka_unit_test(test_the_last_stop_is_learned),
	    cmocka_unit_test(test_lost_webhooks_are_noticed),
	    cmocka_unit_test(test_calls_cost),
	    cmocka_unit_test(test_silence_is_learned),
	    cmocka_unit_test(test_a_day_passes_with_every_rule),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
