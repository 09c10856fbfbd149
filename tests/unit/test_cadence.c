#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <limits.h>
#include <string.h>

#include "notifier/core/cadence.h"

static const struct zone home = {"Etc/Home", zone_fixed_offset_s, 2 * 3600};

static int64_t at(const char *text)
{
	return moment_instant(text, &home, false);
}

static const struct row {
	const char *now;
	struct cadence_query query;
	const char *eta_from, *eta_to, *since;
	const char *due, *why;
} rows[] = {
    {"2026-03-04T10:00:00", {.status = STATUS_PRE_TRANSIT}, .due = "2026-03-04T16:00:00",
        .why = "announced: every 6 h"},
    {"2026-03-04T10:00:00", {.status = STATUS_IN_TRANSIT}, .due = "2026-03-04T14:00:00",
        .why = "in transit: every 4 h"},
    {"2026-03-04T10:00:00", {.status = STATUS_IN_TRANSIT}, .eta_to = "2026-03-06T00:00:00",
        .due = "2026-03-04T11:00:00", .why = "in transit, expected soon: every 1 h"},
    {"2026-03-04T10:00:00", {.status = STATUS_IN_TRANSIT}, .eta_from = "2026-03-05T18:00:00",
        .due = "2026-03-04T11:00:00", .why = "in transit, expected soon: every 1 h"},
    {"2026-03-04T10:00:00", {.status = STATUS_IN_TRANSIT}, .eta_from = "2026-03-02T00:00:00",
        .eta_to = "2026-03-20T00:00:00", .due = "2026-03-04T11:00:00",
        .why = "in transit, expected soon: every 1 h"},
    {"2026-03-04T10:00:00", {.status = STATUS_IN_TRANSIT}, .eta_to = "2026-03-06T00:00:01",
        .due = "2026-03-04T14:00:00", .why = "in transit: every 4 h"},
    {"2026-03-04T10:00:00", {.status = STATUS_IN_TRANSIT}, .eta_to = "2026-02-20T00:00:00",
        .due = "2026-03-04T14:00:00", .why = "in transit: every 4 h"},
    {"2026-03-04T10:00:00", {.status = STATUS_OUT_FOR_DELIVERY}, .due = "2026-03-04T10:20:00",
        .why = "out for delivery: every 20 min"},
    {"2026-03-04T20:50:00", {.status = STATUS_OUT_FOR_DELIVERY}, .due = "2026-03-04T21:10:00",
        .why = "out for delivery: every 20 min"},
    {"2026-03-04T06:30:00", {.status = STATUS_OUT_FOR_DELIVERY}, .due = "2026-03-04T07:30:00",
        .why = "out for delivery, not its hours: every 1 h"},
    {"2026-03-04T10:00:00", {.status = STATUS_ATTEMPT_FAILED}, .due = "2026-03-04T12:00:00",
        .why = "attempt failed: every 2 h"},
    {"2026-03-04T10:00:00", {.status = STATUS_AVAILABLE_FOR_PICKUP}, .due = "2026-03-04T16:00:00",
        .why = "waits for pick-up: every 6 h"},
    {"2026-03-04T10:00:00", {.status = STATUS_EXCEPTION}, .due = "2026-03-04T12:00:00",
        .why = "in trouble: every 2 h"},
    {"2026-03-04T09:00:00", {.status = STATUS_RETURNING}, .due = "2026-03-04T21:00:00",
        .why = "on its way back: every 12 h"},
    {"2026-03-04T10:00:00", {.status = STATUS_UNKNOWN}, .due = "2026-03-04T12:00:00",
        .why = "not known yet: every 2 h"},
    {"2026-03-04T10:00:00", {.status = STATUS_UNKNOWN}, .since = "2026-03-01T10:00:00",
        .due = "2026-03-04T16:00:00", .why = "not known yet: every 6 h"},
    {"2026-03-04T09:00:00", {.status = STATUS_UNKNOWN}, .since = "2025-03-01T10:00:00",
        .due = "2026-03-04T21:00:00", .why = "not known yet: every 12 h"},
    /* the night */
    {"2026-03-04T21:50:00", {.status = STATUS_OUT_FOR_DELIVERY}, .due = "2026-03-05T06:00:00",
        .why = "quiet until 06:00: out for delivery, not its hours, every 1 h"},
    {"2026-03-04T19:00:00", {.status = STATUS_IN_TRANSIT}, .due = "2026-03-05T06:00:00",
        .why = "quiet until 06:00: in transit, every 4 h"},
    {"2026-03-04T01:00:00", {.status = STATUS_IN_TRANSIT}, .due = "2026-03-04T06:00:00",
        .why = "quiet until 06:00: in transit, every 4 h"},
    {"2026-03-04T18:00:00", {.status = STATUS_IN_TRANSIT, .jitter_unit = 0.5},
        .due = "2026-03-05T06:15:00", .why = "quiet until 06:15: in transit, every 4 h"},
    {"2026-03-04T02:00:00", {.status = STATUS_IN_TRANSIT}, .due = "2026-03-04T06:00:00",
        .why = "in transit: every 4 h"},
    /* what stretches */
    {"2026-03-04T10:00:00", {.status = STATUS_OUT_FOR_DELIVERY, .is_pushed = true},
        .due = "2026-03-04T12:00:00",
        .why = "out for delivery: every 2 h, webhooks bring the news"},
    {"2026-03-04T09:00:00", {.status = STATUS_IN_TRANSIT, .is_pushed = true},
        .due = "2026-03-04T21:00:00", .why = "in transit: every 12 h, webhooks bring the news"},
    {"2026-03-04T10:00:00",
        {.status = STATUS_OUT_FOR_DELIVERY, .quota_per_day = 10000, .live_shipments = 100},
        .due = "2026-03-04T10:20:00", .why = "out for delivery: every 20 min"},
    {"2026-03-04T10:00:00",
        {.status = STATUS_OUT_FOR_DELIVERY, .quota_per_day = 1000, .live_shipments = 250},
        .due = "2026-03-04T16:00:00", .why = "out for delivery: every 6 h, as the quota allows"},
    {"2026-03-04T10:00:00",
        {.status = STATUS_OUT_FOR_DELIVERY, .quota_per_day = 1, .live_shipments = INT64_MAX},
        .due = "2026-03-05T10:00:00", .why = "out for delivery: every 24 h, as the quota allows"},
    {"2026-03-04T10:00:00", {.status = STATUS_OUT_FOR_DELIVERY, .failures = 30, .jitter_unit = 0},
        .due = "2026-03-04T10:48:00",
        .why = "out for delivery: every 48 min, the last polls failed"},
    {"2026-03-04T10:00:00", {.status = STATUS_OUT_FOR_DELIVERY, .failures = 1},
        .due = "2026-03-04T10:20:00", .why = "out for delivery: every 20 min"},
};

static void table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct cadence_query query = rows[i].query;
		query.zone = &home;
		query.now_ms = at(rows[i].now);
		query.eta_from_ms = moment_instant(rows[i].eta_from, &home, false);
		query.eta_to_ms = moment_instant(rows[i].eta_to, &home, false);
		query.since_ms = moment_instant(rows[i].since, &home, false);
		struct cadence_answer answer;
		cadence_next(&query, &answer);
		if (answer.due_ms != at(rows[i].due) || strcmp(answer.why, rows[i].why) != 0) {
			char due[WHEN_BYTES];
			when_format(due, answer.due_ms, 7200);
			fail_msg("row %zu: %s \"%s\"", i, due, answer.why);
		}
	}
}

static void finished_is_never_polled(void **state)
{
	(void)state;
	for (int i = 0; i <= STATUS_COUNT; i++) {
		struct cadence_query query = {.status = (enum status)i, .now_ms = 1000};
		struct cadence_answer answer;
		cadence_next(&query, &answer);
		bool finished = i == STATUS_COUNT || status_is_final((enum status)i);
		assert_int_equal(answer.due_ms == NEVER_MS, finished);
	}
}

static void without_a_zone_there_is_no_night(void **state)
{
	(void)state;
	struct cadence_query query = {
	    .status = STATUS_OUT_FOR_DELIVERY, .now_ms = at("2026-03-04T01:00:00")};
	struct cadence_answer answer;
	cadence_next(&query, &answer);
	assert_int_equal(answer.due_ms, query.now_ms + 20 * MINUTE_MS);
}

/* Whatever is asked: between 2 minutes and 24 hours, jitter at most a minute, and a sentence. */
static void bounds(void **state)
{
	(void)state;
	static const double units[] = {0, 0.5, 0.999999, 1, -1, NAN, INFINITY};
	static const int64_t moments[] = {INT64_MIN / 4, -1, 0, 1, INT64_MAX / 4};
	for (int status = 0; status < STATUS_COUNT; status++)
		for (unsigned i = 0; i < 7 * 5 * 5 * 2; i++) {
			struct cadence_query query = {.status = (enum status)status,
			    .zone = i % 2 ? &home : NULL,
			    .now_ms = at("2026-03-04T01:00:00") + i * HOUR_MS / 4,
			    .jitter_unit = units[i % 7],
			    .since_ms = moments[i % 5],
			    .failures = i % 3 ? 0 : UINT_MAX,
			    .is_pushed = i % 4 == 0,
			    .quota_per_day = (int)i - 100,
			    .live_shipments = (int64_t)i * 100 - 500};
			struct cadence_answer answer;
			cadence_next(&query, &answer);
			if (status_is_final(query.status))
				continue;
			assert_in_range(answer.due_ms - query.now_ms, 2 * MINUTE_MS, DAY_MS);
			assert_true(answer.why[0] != '\0');
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(table),
	    cmocka_unit_test(finished_is_never_polled),
	    cmocka_unit_test(without_a_zone_there_is_no_night),
	    cmocka_unit_test(bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
