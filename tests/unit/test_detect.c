#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/parcel.h"

static void event_carries_its_circumstances(void **state)
{
	(void)state;
	struct parcel parcel;
	parcel_open(&parcel);
	parcel.context.source = SOURCE_WEBHOOK;
	scan_at(&parcel, "2026-03-02T10:05:00", "2026-03-02T10:00:00", STATUS_IN_TRANSIT, 0);
	const struct event *event = &parcel.changes.events[0];
	assert_int_equal(event->sequence, 1);
	assert_int_equal(event->at_ms, at("2026-03-02T10:00:00"));
	assert_int_equal(event->noticed_ms, at("2026-03-02T10:05:00"));
	assert_int_equal(event->source, SOURCE_WEBHOOK);
	assert_int_equal(event->status, STATUS_IN_TRANSIT);
	assert_false(event->approximate);
	assert_true(parcel.shipment.flags & SHIPMENT_PUSHED);
	assert_true(parcel.shipment.flags & SHIPMENT_MOVED);
	assert_int_equal(parcel.shipment.heard_ms, at("2026-03-02T10:05:00"));
	assert_int_equal(parcel.changes.fresh_count, 1);
	assert_int_equal(parcel.changes.fresh_ms[0], at("2026-03-02T10:00:00"));
	assert_int_equal(parcel.shipment.superseding, 1);
	parcel_close(&parcel);
}

static void delayed_remembers_what_was_expected(void **state)
{
	(void)state;
	struct parcel parcel;
	parcel_open(&parcel);
	estimate(&parcel, "2026-03-02T10:00:00", "2026-03-06");
	assert_string_equal(parcel.told, "delayed");
	assert_string_equal(parcel.changes.events[0].eta_before.to, "2026-03-05");
	estimate(&parcel, "2026-03-02T11:00:00", "2026-03-07T12:00:00");
	assert_string_equal(parcel.changes.events[0].eta_before.to, "2026-03-06");
	estimate(&parcel, "2026-03-02T12:00:00", "2026-03-07T14:00:00");
	assert_string_equal(parcel.told, "");
	estimate(&parcel, "2026-03-02T13:00:00", "2026-03-07T16:00:00");
	assert_string_equal(parcel.changes.events[0].eta_before.to, "2026-03-07T12:00:00+02:00");
	parcel_close(&parcel);
}

static void correction_withdraws(void **state)
{
	(void)state;
	struct parcel parcel;
	parcel_open(&parcel);
	scan(&parcel, "2026-03-02T10:00:00", STATUS_DELIVERED);
	assert_int_equal(parcel.shipment.delivered_ms, at("2026-03-02T10:00:00"));
	assert_true(shipment_is_finished(&parcel.shipment));
	scan(&parcel, "2026-03-02T12:00:00", STATUS_ATTEMPT_FAILED);
	assert_string_equal(parcel.told, "corrected");
	assert_int_equal(parcel.changes.events[0].withdrawn, STATUS_DELIVERED);
	assert_int_equal(parcel.changes.events[0].status, STATUS_ATTEMPT_FAILED);
	assert_int_equal(parcel.shipment.delivered_ms, 0);
	assert_false(shipment_is_finished(&parcel.shipment));
	/* The attempt was told with the correction. */
	scan(&parcel, "2026-03-02T12:10:00", STATUS_ATTEMPT_FAILED);
	assert_string_equal(parcel.told, "");
	parcel_close(&parcel);
}

static void delivered_stays_against_old_and_doubtful_news(void **state)
{
	(void)state;
	struct parcel parcel;
	parcel_open(&parcel);
	scan(&parcel, "2026-03-04T10:00:00", STATUS_DELIVERED);
	assert_int_equal(
	    scan(&parcel, "2026-03-04T08:00:00", STATUS_OUT_FOR_DELIVERY), OUTCOME_STALE);
	assert_string_equal(parcel.changes.why, "older than what is known");
	/* Same instant: further along the road wins. */
	scan(&parcel, "2026-03-04T10:00:00", STATUS_IN_TRANSIT);
	assert_int_equal(parcel.shipment.status, STATUS_DELIVERED);
	/* Zone unknown: may be 14 h off. */
	parcel.context.destination_zone = NULL;
	scan(&parcel, "2026-03-04T20:00:00", STATUS_IN_TRANSIT);
	assert_int_equal(parcel.shipment.status, STATUS_DELIVERED);
	assert_string_equal(parcel.told, "");
	/* A field without any time. */
	struct report report = {.status = STATUS_IN_TRANSIT};
	hear(&parcel, "2026-03-04T22:00:00", &report);
	assert_int_equal(parcel.shipment.status, STATUS_DELIVERED);
	scan(&parcel, "2026-03-05T20:00:00", STATUS_IN_TRANSIT);
	assert_string_equal(parcel.told, "corrected");
	parcel_close(&parcel);
}

static void doubtful_times_go_by_arrival(void **state)
{
	(void)state;
	struct parcel parcel;
	parcel_open(&parcel);
	parcel.context.destination_zone = NULL;
	scan(&parcel, "2026-03-04T10:00:00", STATUS_IN_TRANSIT);
	assert_true(parcel.changes.events[0].approximate);
	assert_true(parcel.shipment.since_approximate);
	scan_at(&parcel, "2026-03-04T11:00:00", "2026-03-04T03:00:00", STATUS_OUT_FOR_DELIVERY, 0);
	assert_string_equal(parcel.told, "out_for_delivery");
	/* 14 h and more apart there is no doubt. */
	scan_at(&parcel, "2026-03-04T11:00:00", "2026-03-03T13:00:00", STATUS_IN_TRANSIT, 0);
	assert_int_equal(parcel.shipment.status, STATUS_OUT_FOR_DELIVERY);
	/* The first one again: it had its turn. */
	assert_int_equal(
	    scan_at(&parcel, "2026-03-04T12:00:00", "2026-03-04T10:00:00", STATUS_IN_TRANSIT, 0),
	    OUTCOME_DUPLICATE);
	assert_int_equal(parcel.shipment.status, STATUS_OUT_FOR_DELIVERY);
	parcel_close(&parcel);
}

static void zone_of_a_time(void **state)
{
	(void)state;
	static const struct zone far = {"Etc/Far", zone_fixed_offset_s, -5 * 3600};
	static const struct {
		const char *time;
		const struct zone *carrier, *destination;
		const char *utc;
		bool approximate;
	} rows[] = {
	    {"2026-03-04T10:00:00+01:00", &far, &home, "2026-03-04T09:00:00Z", false},
	    {"2026-03-04T10:00:00", &far, &home, "2026-03-04T15:00:00Z", false},
	    {"2026-03-04T10:00:00", NULL, &home, "2026-03-04T08:00:00Z", false},
	    {"2026-03-04T10:00:00", NULL, NULL, "2026-03-04T10:00:00Z", true},
	    {"2026-03-04", &far, &home, "2026-03-04T05:00:00Z", true},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct parcel parcel;
		parcel_open(&parcel);
		parcel.context.carrier_zone = rows[i].carrier;
		parcel.context.destination_zone = rows[i].destination;
		scan_at(&parcel, "2026-03-05T12:00:00", rows[i].time, STATUS_DELIVERED, 0);
		assert_int_equal(parcel.shipment.since_ms, at(rows[i].utc));
		assert_int_equal(parcel.shipment.since_approximate, rows[i].approximate);
		parcel_close(&parcel);
	}
}

static void unbelievable_reports_touch_nothing(void **state)
{
	(void)state;
	static const struct {
		const char *now, *time;
		enum outcome outcome;
		const char *why;
	} rows[] = {
	    {"2026-03-04T10:00:00", "2026-03-05T10:00:01", OUTCOME_QUARANTINED,
	        "future: 2026-03-05"},
	    {"2026-03-04T10:00:00", "9999-12-31T23:59:59", OUTCOME_QUARANTINED, "future: 9999"},
	    {"2026-03-04T10:00:00", "2025-03-04T09:59:59", OUTCOME_QUARANTINED,
	        "year ago: 2025-03"},
	    {"2026-03-04T10:00:00", "0001-01-01T00:00:00Z", OUTCOME_QUARANTINED, "year ago: 0001"},
	    {"2026-03-04T10:00:00", "2026-01-31T07:59:59", OUTCOME_STALE, "earlier parcel"},
	    {"2026-03-04T10:00:00", "2026-01-31T08:00:00", OUTCOME_APPLIED, "changed"},
	    {"2026-03-04T10:00:00", "2026-03-05T10:00:00", OUTCOME_APPLIED, "changed"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct parcel parcel;
		parcel_open(&parcel);
		struct shipment before = parcel.shipment;
		enum outcome outcome =
		    scan_at(&parcel, rows[i].now, rows[i].time, STATUS_IN_TRANSIT, 0);
		assert_int_equal(outcome, rows[i].outcome);
		assert_non_null(strstr(parcel.changes.why, rows[i].why));
		if (outcome != OUTCOME_APPLIED) {
			assert_memory_equal(&before, &parcel.shipment, sizeof before);
			assert_false(parcel.changes.state_changed);
		}
		parcel_close(&parcel);
	}
}

static void one_bad_time_condemns_the_report(void **state)
{
	(void)state;
	struct parcel parcel;
	parcel_open(&parcel);
	struct checkpoint scans[] = {{.time = "2026-03-02T10:00:00", .status = STATUS_IN_TRANSIT},
	    {.time = "2026-04-02T10:00:00", .status = STATUS_DELIVERED}};
	struct report report = {
	    .status = STATUS_DELIVERED, .checkpoints = scans, .checkpoint_count = 2};
	assert_int_equal(hear(&parcel, "2026-03-02T11:00:00", &report), OUTCOME_QUARANTINED);
	assert_int_equal(parcel.shipment.status, STATUS_UNKNOWN);
	parcel_close(&parcel);
}

static void number_in_use_again(void **state)
{
	(void)state;
	struct parcel parcel;
	parcel_open(&parcel);
	struct checkpoint scans[] = {{.time = "2026-03-02T10:00:00", .status = STATUS_DELIVERED},
	    {.time = "2026-03-17T10:00:00", .status = STATUS_IN_TRANSIT}};
	struct report report = {.status = STATUS_IN_TRANSIT,
	    .eta.to = "2026-03-20",
	    .checkpoints = scans,
	    .checkpoint_count = 2};
	assert_int_equal(hear(&parcel, "2026-03-17T11:00:00", &report), OUTCOME_APPLIED);
	assert_string_equal(parcel.told, "delivered");
	assert_int_equal(parcel.shipment.status, STATUS_DELIVERED);
	assert_null(parcel.shipment.eta.to);
	assert_int_equal(parcel.changes.fresh_count, 1);
	assert_int_equal(hear(&parcel, "2026-03-17T11:00:00", &report), OUTCOME_STALE);
	assert_non_null(strstr(parcel.changes.why, "in use again"));
	assert_false(parcel.changes.state_changed);
	parcel_close(&parcel);
}

static void other_words_are_history(void **state)
{
	(void)state;
	struct parcel parcel;
	parcel_open(&parcel);
	struct checkpoint one = {.time = "2026-03-02T10:00:00+02:00",
	    .status = STATUS_IN_TRANSIT,
	    .code = "DEP",
	    .description = "Left the depot"};
	struct report report = {
	    .status = STATUS_IN_TRANSIT, .checkpoints = &one, .checkpoint_count = 1};
	hear(&parcel, "2026-03-02T10:10:00", &report);
	one.description = "Hat das Depot verlassen";
	one.place = "Ulm";
	assert_int_equal(hear(&parcel, "2026-03-02T12:00:00", &report), OUTCOME_STALE);
	assert_string_equal(parcel.changes.why, "known scans in other words");
	assert_int_equal(parcel.changes.fresh_count, 1);
	assert_int_equal(parcel.shipment.heard_ms, at("2026-03-02T10:10:00"));
	/* The same instant written with another offset is the same scan. */
	one.time = "2026-03-02T08:00:00Z";
	assert_int_equal(hear(&parcel, "2026-03-02T13:00:00", &report), OUTCOME_DUPLICATE);
	parcel_close(&parcel);
}

static void carriers_field_wins_over_its_newest_scan(void **state)
{
	(void)state;
	struct parcel parcel;
	parcel_open(&parcel);
	struct checkpoint scans[] = {{.time = "2026-03-02T10:00:00", .status = STATUS_IN_TRANSIT},
	    {.time = "2026-03-02T12:00:00", .status = STATUS_EXCEPTION, .reason = REASON_OTHER}};
	struct report report = {
	    .status = STATUS_IN_TRANSIT, .checkpoints = scans, .checkpoint_count = 2};
	hear(&parcel, "2026-03-02T12:05:00", &report);
	assert_string_equal(parcel.told, "shipped");
	assert_int_equal(parcel.shipment.status, STATUS_IN_TRANSIT);
	assert_int_equal(parcel.shipment.reason, REASON_NONE);
	assert_int_equal(parcel.shipment.since_ms, at("2026-03-02T12:00:00"));
	assert_int_equal(hear(&parcel, "2026-03-02T12:10:00", &report), OUTCOME_DUPLICATE);
	/* It changes without a scan: at the time of the newest one. */
	report.status = STATUS_DELIVERED;
	assert_int_equal(hear(&parcel, "2026-03-02T14:00:00", &report), OUTCOME_APPLIED);
	assert_string_equal(parcel.told, "delivered");
	assert_int_equal(parcel.shipment.delivered_ms, at("2026-03-02T12:00:00"));
	/* It lags behind a webhook: not taken back. */
	report.status = STATUS_IN_TRANSIT;
	assert_int_equal(hear(&parcel, "2026-03-02T15:00:00", &report), OUTCOME_DUPLICATE);
	parcel_close(&parcel);
}

static void reports_without_scans(void **state)
{
	(void)state;
	struct parcel parcel;
	parcel_open(&parcel);
	struct report report = {.status = STATUS_IN_TRANSIT};
	assert_int_equal(hear(&parcel, "2026-03-02T10:00:00", &report), OUTCOME_APPLIED);
	assert_string_equal(parcel.told, "shipped");
	assert_int_equal(hear(&parcel, "2026-03-02T12:00:00", &report), OUTCOME_DUPLICATE);
	assert_int_equal(parcel.shipment.since_ms, at("2026-03-02T10:00:00"));
	report.status = STATUS_DELIVERED;
	hear(&parcel, "2026-03-02T14:00:00", &report);
	assert_string_equal(parcel.told, "delivered");
	report = (struct report){0};
	assert_int_equal(hear(&parcel, "2026-03-02T16:00:00", &report), OUTCOME_DUPLICATE);
	parcel_close(&parcel);
}

static void unknown_scans_inform(void **state)
{
	(void)state;
	struct parcel parcel;
	parcel_open(&parcel);
	scan(&parcel, "2026-03-02T10:00:00", STATUS_IN_TRANSIT);
	assert_int_equal(scan(&parcel, "2026-03-02T12:00:00", STATUS_UNKNOWN), OUTCOME_APPLIED);
	assert_int_equal(parcel.shipment.status, STATUS_IN_TRANSIT);
	assert_int_equal(parcel.shipment.since_ms, at("2026-03-02T10:00:00"));
	assert_int_equal(parcel.shipment.newest_ms, at("2026-03-02T12:00:00"));
	assert_int_equal(parcel.shipment.heard_ms, at("2026-03-02T12:00:00"));
	assert_int_equal(scan(&parcel, "2026-03-02T11:00:00", STATUS_UNKNOWN), OUTCOME_STALE);
	/* Of unknown code, but the carrier's field tells what it means. */
	struct checkpoint unknown = {.time = "2026-03-02T14:00:00", .code = "X9"};
	struct report report = {
	    .status = STATUS_DELIVERED, .checkpoints = &unknown, .checkpoint_count = 1};
	hear(&parcel, "2026-03-02T14:10:00", &report);
	assert_int_equal(parcel.shipment.delivered_ms, at("2026-03-02T14:00:00"));
	parcel_close(&parcel);
}

static void first_scan_overtaken_by_a_label_event(void **state)
{
	(void)state;
	struct parcel parcel;
	parcel_open(&parcel);
	scan(&parcel, "2026-03-02T12:00:00", STATUS_PRE_TRANSIT);
	scan(&parcel, "2026-03-02T10:00:00", STATUS_IN_TRANSIT);
	assert_string_equal(parcel.told, "shipped");
	assert_int_equal(parcel.shipment.status, STATUS_PRE_TRANSIT);
	scan(&parcel, "2026-03-02T14:00:00", STATUS_IN_TRANSIT);
	assert_string_equal(parcel.told, "");
	parcel_close(&parcel);
}

static void details_come_from_the_newest_report(void **state)
{
	(void)state;
	struct parcel parcel;
	parcel_open(&parcel);
	struct checkpoint one = {
	    .time = "2026-03-02T12:00:00", .status = STATUS_AVAILABLE_FOR_PICKUP};
	struct report report = {.status = STATUS_AVAILABLE_FOR_PICKUP,
	    .actual_carrier = "Post",
	    .pickup = {.name = "Kiosk", .code = "1234"},
	    .duties.amount = "12.50",
	    .checkpoints = &one,
	    .checkpoint_count = 1};
	hear(&parcel, "2026-03-02T12:00:00", &report);
	assert_string_equal(parcel.shipment.pickup.name, "Kiosk");
	assert_string_equal(parcel.shipment.actual_carrier, "Post");
	assert_int_equal(hear(&parcel, "2026-03-02T12:00:00", &report), OUTCOME_DUPLICATE);
	report.pickup.code = NULL;
	report.pickup.name = "Bakery";
	assert_int_equal(hear(&parcel, "2026-03-02T13:00:00", &report), OUTCOME_APPLIED);
	assert_string_equal(parcel.shipment.pickup.name, "Bakery");
	assert_null(parcel.shipment.pickup.code);
	one.time = "2026-03-02T09:00:00";
	report.pickup.name = "Old shop";
	report.eta.to = "2026-03-04";
	assert_int_equal(hear(&parcel, "2026-03-02T14:00:00", &report), OUTCOME_STALE);
	assert_string_equal(parcel.shipment.pickup.name, "Bakery");
	assert_null(parcel.shipment.eta.to);
	parcel_close(&parcel);
}

static void absurd_estimates_are_ignored(void **state)
{
	(void)state;
	static const char *const absurd[] = {"9999-12-31", "0001-01-01", "soon", "", "2026-02-30",
	    "2026-13-01", "2024-01-01", "2027-03-03"};
	struct parcel parcel;
	parcel_open(&parcel);
	scan(&parcel, "2026-03-02T10:00:00", STATUS_IN_TRANSIT);
	for (size_t i = 0; i < sizeof absurd / sizeof *absurd; i++)
		assert_int_equal(
		    estimate(&parcel, "2026-03-02T12:00:00", absurd[i]), OUTCOME_DUPLICATE);
	/* One that lies behind us takes no delay back. */
	estimate(&parcel, "2026-03-02T12:00:00", "2026-03-09");
	assert_string_equal(parcel.told, "delayed");
	estimate(&parcel, "2026-03-07T12:00:00", "2026-03-05");
	assert_string_equal(parcel.told, "");
	parcel_close(&parcel);
}

/* Hundreds of scans in one report, many at one instant: remembered, and the events bounded. */
static void many_scans(void **state)
{
	(void)state;
	enum { COUNT = 500 };
	static struct checkpoint scans[COUNT];
	static char times[COUNT][WHEN_BYTES], codes[COUNT][8];
	for (int i = 0; i < COUNT; i++) {
		int64_t instant =
		    at("2026-02-20T08:00:00") + (i < 250 ? i * HOUR_MS / 2 : DAY_MS * 6);
		when_format_utc(times[i], instant);
		snprintf(codes[i], sizeof codes[i], "C%d", i);
		scans[i] = (struct checkpoint){.time = times[i],
		    .code = codes[i],
		    .status = i % 2 ? STATUS_IN_TRANSIT : STATUS_EXCEPTION,
		    .reason = i % 2 ? REASON_NONE : (enum reason)(REASON_REFUSED + i / 2 % 3)};
	}
	struct parcel parcel;
	parcel_open(&parcel);
	struct report report = {.checkpoints = scans, .checkpoint_count = COUNT};
	assert_int_equal(hear(&parcel, "2026-03-02T10:00:00", &report), OUTCOME_APPLIED);
	assert_int_equal(parcel.changes.fresh_count, COUNT);
	assert_int_equal(parcel.changes.event_count, CHANGES_EVENTS_MAX);
	assert_int_equal(
	    parcel.changes.events[CHANGES_EVENTS_MAX - 1].sequence, parcel.shipment.sequence);
	assert_int_equal(parcel.shipment.seen_count, SHIPMENT_SEEN_MAX);
	struct shipment before = parcel.shipment;
	assert_int_equal(hear(&parcel, "2026-03-02T10:00:00", &report), OUTCOME_DUPLICATE);
	assert_memory_equal(&before, &parcel.shipment, sizeof before);
	parcel_close(&parcel);
}

static void hostile_checkpoints(void **state)
{
	(void)state;
	struct parcel parcel;
	parcel_open(&parcel);
	static char huge[100001];
	memset(huge, 'x', sizeof huge - 1);
	struct checkpoint scans[] = {{0}, {.time = ""}, {.time = huge},
	    {.time = "2026-03-02T25:00:00"},
	    {.time = "2026-03-02T10:00:00", .status = STATUS_IN_TRANSIT, .description = huge},
	    {.time = "2026-03-02T10:00:00", .status = STATUS_IN_TRANSIT, .description = huge}};
	struct report report = {.checkpoints = scans, .checkpoint_count = 6};
	hear(&parcel, "2026-03-02T10:00:00", &report);
	assert_string_equal(parcel.told, "shipped");
	assert_int_equal(parcel.changes.fresh_count, 1);
	assert_int_equal(hear(&parcel, "2026-03-02T10:00:00", &report), OUTCOME_DUPLICATE);
	parcel_close(&parcel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(event_carries_its_circumstances),
	    cmocka_unit_test(delayed_remembers_what_was_expected),
	    cmocka_unit_test(correction_withdraws),
	    cmocka_unit_test(delivered_stays_against_old_and_doubtful_news),
	    cmocka_unit_test(doubtful_times_go_by_arrival),
	    cmocka_unit_test(zone_of_a_time),
	    cmocka_unit_test(unbelievable_reports_touch_nothing),
	    cmocka_unit_test(one_bad_time_condemns_the_report),
	    cmocka_unit_test(number_in_use_again),
	    cmocka_unit_test(other_words_are_history),
	    cmocka_unit_test(carriers_field_wins_over_its_newest_scan),
	    cmocka_unit_test(reports_without_scans),
	    cmocka_unit_test(unknown_scans_inform),
	    cmocka_unit_test(first_scan_overtaken_by_a_label_event),
	    cmocka_unit_test(details_come_from_the_newest_report),
	    cmocka_unit_test(absurd_estimates_are_ignored),
	    cmocka_unit_test(many_scans),
	    cmocka_unit_test(hostile_checkpoints),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
