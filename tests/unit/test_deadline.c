#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <string.h>

#include "notifier/core/deadline.h"

static const struct zone home = {"Etc/Home", zone_fixed_offset_s, 2 * 3600};

static int64_t at(const char *text)
{
	return moment_instant(text, &home, false);
}

static void business_days(void **state)
{
	(void)state;
	static const struct {
		const char *from;
		int days;
		const char *to;
	} rows[] = {
	    {"2026-03-02T10:00:00", 0, "2026-03-02T10:00:00"},  /* Monday */
	    {"2026-03-02T10:00:00", -1, "2026-03-02T10:00:00"}, /* never backwards */
	    {"2026-03-02T10:00:00", 1, "2026-03-03T10:00:00"},
	    {"2026-03-05T10:00:00", 3, "2026-03-10T10:00:00"}, /* over the weekend */
	    {"2026-03-06T23:30:00", 1, "2026-03-09T23:30:00"}, /* Friday night, local */
	    {"2026-03-07T10:00:00", 1, "2026-03-09T10:00:00"}, /* Saturday */
	    {"2026-03-08T10:00:00", 5, "2026-03-13T10:00:00"}, /* Sunday */
	    {"2026-03-02T10:00:00", 10, "2026-03-16T10:00:00"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(business_days_after(NULL, &home, at(rows[i].from), rows[i].days),
		    at(rows[i].to));
	assert_true(business_days_after(NULL, NULL, 0, INT_MAX) > 0); /* and it ends */
}

/* One row: a shipment, and the deadline that waits for it. */
static const struct row {
	const char *name;
	struct shipment shipment; /* times are filled in from the texts */
	const char *created, *newest, *attempted, *stalled, *worst;
	const char *at; /* NULL: never */
	enum event_kind kind;
} rows[] = {
    {"in transit, domestic: 3 business days", {.status = STATUS_IN_TRANSIT}, "2026-03-02T08:00:00",
        "2026-03-05T10:00:00", .at = "2026-03-10T10:00:00", .kind = EVENT_STALLED},
    {"cross-border: 5",
        {.status = STATUS_IN_TRANSIT, .origin.country = "CN", .destination.country = "DE"},
        "2026-03-02T08:00:00", "2026-03-05T10:00:00", .at = "2026-03-12T10:00:00",
        .kind = EVENT_STALLED},
    {"the same country in other letters",
        {.status = STATUS_IN_TRANSIT, .origin.country = "de", .destination.country = "DE"},
        "2026-03-02T08:00:00", "2026-03-05T10:00:00", .at = "2026-03-10T10:00:00",
        .kind = EVENT_STALLED},
    {"label: 2, from registration", {.status = STATUS_PRE_TRANSIT}, "2026-03-02T08:00:00",
        "2026-02-27T08:00:00", .at = "2026-03-04T08:00:00", .kind = EVENT_STALLED},
    {"never heard of: the same", {.status = STATUS_UNKNOWN}, "2026-03-02T08:00:00",
        .at = "2026-03-04T08:00:00", .kind = EVENT_STALLED},
    {"told once: 5 more", {.status = STATUS_IN_TRANSIT, .flags = SHIPMENT_STALLED},
        "2026-03-02T08:00:00", "2026-03-02T10:00:00", .stalled = "2026-03-06T12:00:00",
        .at = "2026-03-13T12:00:00", .kind = EVENT_STALLED},
    {"told twice: only the end is left",
        {.status = STATUS_IN_TRANSIT, .flags = SHIPMENT_STALLED | SHIPMENT_STALLED_AGAIN},
        "2026-03-02T08:00:00", "2026-03-02T10:00:00", .stalled = "2026-03-06T12:00:00",
        .at = "2026-05-01T10:00:00", .kind = EVENT_CLOSED},
    {"waits for its recipient: silence is normal", {.status = STATUS_AVAILABLE_FOR_PICKUP},
        "2026-03-02T08:00:00", "2026-03-02T10:00:00", .at = "2026-05-01T10:00:00",
        .kind = EVENT_CLOSED},
    {"promise: the end of its day", {.status = STATUS_IN_TRANSIT, .promised.to = "2026-03-04"},
        "2026-03-02T08:00:00", "2026-03-02T10:00:00", .at = "2026-03-05T00:00:00",
        .kind = EVENT_DELAYED},
    {"promise: an hour", {.status = STATUS_IN_TRANSIT, .promised.to = "2026-03-04T14:00:00+02:00"},
        "2026-03-02T08:00:00", "2026-03-02T10:00:00", .at = "2026-03-04T14:00:00",
        .kind = EVENT_DELAYED},
    {"promise: a start only", {.status = STATUS_IN_TRANSIT, .promised.from = "2026-03-04"},
        "2026-03-02T08:00:00", "2026-03-02T10:00:00", .at = "2026-03-05T00:00:00",
        .kind = EVENT_DELAYED},
    {"promise: no date at all", {.status = STATUS_IN_TRANSIT, .promised.to = "soon"},
        "2026-03-02T08:00:00", "2026-03-02T10:00:00", .at = "2026-03-05T10:00:00",
        .kind = EVENT_STALLED},
    {"promise: out for delivery until tonight",
        {.status = STATUS_OUT_FOR_DELIVERY, .promised.to = "2026-03-04T12:00:00"},
        "2026-03-02T08:00:00", "2026-03-04T08:00:00", .at = "2026-03-05T00:00:00",
        .kind = EVENT_DELAYED},
    {"promise: was told",
        {.status = STATUS_IN_TRANSIT,
            .promised.to = "2026-03-04",
            .flags = SHIPMENT_PROMISE_MISSED | SHIPMENT_DELAY_OPEN},
        "2026-03-02T08:00:00", "2026-03-02T10:00:00", .at = "2026-03-05T10:00:00",
        .kind = EVENT_STALLED},
    {"promise: a later date was told",
        {.status = STATUS_IN_TRANSIT, .promised.to = "2026-03-04", .flags = SHIPMENT_DELAY_OPEN},
        "2026-03-02T08:00:00", "2026-03-02T10:00:00", .worst = "2026-03-07T00:00:00",
        .at = "2026-03-05T10:00:00", .kind = EVENT_STALLED},
    {"promise: a delay without date was told",
        {.status = STATUS_IN_TRANSIT, .promised.to = "2026-03-04", .flags = SHIPMENT_DELAY_OPEN},
        "2026-03-02T08:00:00", "2026-03-02T10:00:00", .at = "2026-03-05T00:00:00",
        .kind = EVENT_DELAYED},
    {"promise: the carrier came in time",
        {.status = STATUS_ATTEMPT_FAILED, .promised.to = "2026-03-04"}, "2026-03-02T08:00:00",
        "2026-03-03T10:00:00", .attempted = "2026-03-03T10:00:00", .at = "2026-03-06T10:00:00",
        .kind = EVENT_STALLED},
    {"promise: on its way back", {.status = STATUS_RETURNING, .promised.to = "2026-03-04"},
        "2026-03-02T08:00:00", "2026-03-02T10:00:00", .at = "2026-03-05T10:00:00",
        .kind = EVENT_STALLED},
    {"delivered", {.status = STATUS_DELIVERED, .promised.to = "2026-03-04", .finished_ms = 1},
        "2026-03-02T08:00:00", "2026-03-02T10:00:00", .at = NULL},
    {"cancelled by a caller", {.status = STATUS_CANCELLED}, "2026-03-02T08:00:00", .at = NULL},
};

static int64_t at_or_none(const char *text)
{
	return text ? at(text) : 0;
}

static struct shipment row_shipment(const struct row *row)
{
	struct shipment shipment = row->shipment;
	shipment.created_ms = at_or_none(row->created);
	shipment.newest_ms = shipment.since_ms = shipment.heard_ms = at_or_none(row->newest);
	shipment.attempted_ms = at_or_none(row->attempted);
	shipment.stalled_ms = at_or_none(row->stalled);
	shipment.worst_ms = at_or_none(row->worst);
	return shipment;
}

static void the_next_deadline(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct shipment shipment = row_shipment(&rows[i]);
		struct deadline next = deadline_next(
		    &shipment, &deadline_default_rules, &home, at("2026-03-02T12:00:00"));
		int64_t expected = rows[i].at ? at(rows[i].at) : NEVER_MS;
		if (next.at_ms != expected || next.kind != rows[i].kind)
			fail_msg("%s: %s at %lld, expected %lld", rows[i].name,
			    event_name(next.kind), (long long)next.at_ms, (long long)expected);
	}
}

/* What deadline_next announces is what deadline_fire does, not a moment earlier. */
static void fires_when_due(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct shipment shipment = row_shipment(&rows[i]), before = shipment;
		struct deadline next = deadline_next(&shipment, &deadline_default_rules, &home, 0);
		if (next.at_ms == NEVER_MS)
			continue;
		struct changes changes;
		deadline_fire(&shipment, &deadline_default_rules, &home, next.at_ms - 1, &changes);
		assert_int_equal(changes.event_count, 0);
		assert_int_equal(changes.outcome, OUTCOME_DUPLICATE);
		assert_memory_equal(&before, &shipment, sizeof before);
		deadline_fire(&shipment, &deadline_default_rules, &home, next.at_ms, &changes);
		assert_true(changes.state_changed);
		if (changes.noted != NULL) { /* worse was said */
			assert_int_equal(changes.event_count, 0);
			assert_string_equal(changes.noted, event_name(next.kind));
		} else {
			assert_int_equal(changes.event_count, 1);
			assert_int_equal(changes.events[0].kind, next.kind);
			assert_int_equal(changes.events[0].at_ms, next.at_ms);
			assert_int_equal(changes.events[0].source, SOURCE_CLOCK);
		}
		struct deadline after =
		    deadline_next(&shipment, &deadline_default_rules, &home, next.at_ms);
		assert_true(after.at_ms > next.at_ms);
	}
}

static void silence_tells_the_days(void **state)
{
	(void)state;
	struct shipment shipment = {.status = STATUS_IN_TRANSIT,
	    .created_ms = at("2026-03-02T08:00:00"),
	    .newest_ms = at("2026-03-05T10:00:00")};
	struct changes changes;
	deadline_fire(
	    &shipment, &deadline_default_rules, &home, at("2026-03-10T10:00:00"), &changes);
	assert_int_equal(changes.events[0].quiet_days, 5);
	assert_int_equal(shipment.stalled_ms, at("2026-03-10T10:00:00"));
	assert_string_equal(changes.why, "no news for too long");
	deadline_fire(
	    &shipment, &deadline_default_rules, &home, at("2026-03-17T10:00:00"), &changes);
	assert_int_equal(changes.events[0].quiet_days, 12);
	assert_string_equal(changes.why, "still no news");
	deadline_fire(
	    &shipment, &deadline_default_rules, &home, at("2026-04-17T10:00:00"), &changes);
	assert_int_equal(changes.event_count, 0);
}

static void after_a_long_absence(void **state)
{
	(void)state;
	struct shipment shipment = {.status = STATUS_IN_TRANSIT,
	    .promised.to = "2026-03-04",
	    .created_ms = at("2026-03-02T08:00:00"),
	    .newest_ms = at("2026-03-02T10:00:00")};
	struct shipment copy = shipment;
	struct changes changes;
	/* Promise and silence: the broken promise speaks; the follow-up is not due yet. */
	deadline_fire(
	    &shipment, &deadline_default_rules, &home, at("2026-03-20T10:00:00"), &changes);
	assert_int_equal(changes.event_count, 1);
	assert_string_equal(changes.noted, "stalled");
	assert_int_equal(changes.events[0].kind, EVENT_DELAYED);
	assert_string_equal(changes.events[0].eta_before.to, "2026-03-04");
	assert_false(shipment.flags & SHIPMENT_STALLED_AGAIN);
	/* Everything is over: only that is told. */
	deadline_fire(&copy, &deadline_default_rules, &home, at("2026-06-20T10:00:00"), &changes);
	assert_int_equal(changes.event_count, 1);
	assert_int_equal(changes.events[0].kind, EVENT_CLOSED);
	assert_int_equal(copy.status, STATUS_EXPIRED);
	assert_int_equal(copy.finished_ms, at("2026-06-20T10:00:00"));
	assert_int_equal(copy.superseding, 0);
}

/* Good Friday and Easter Monday are no days; in another country Friday is no day anyway. */
static void days_of_rest_are_data(void **state)
{
	(void)state;
	const int32_t easter[] = {20546, 20549}; /* 2026-04-03, 2026-04-06 */
	const struct calendar christian = {0x60, 6, easter, 2}, muslim = {0x30, 4, NULL, 0};
	int64_t thursday = at("2026-04-02T10:00:00");
	assert_int_equal(
	    business_days_after(&christian, &home, thursday, 1), at("2026-04-07T10:00:00"));
	assert_int_equal(
	    business_days_after(&muslim, &home, thursday, 1), at("2026-04-05T10:00:00"));
	struct deadline_rules rules = deadline_default_rules;
	rules.calendar = &christian;
	struct shipment shipment = {.status = STATUS_IN_TRANSIT, .newest_ms = thursday};
	assert_int_equal(
	    deadline_next(&shipment, &rules, &home, thursday).at_ms, at("2026-04-09T10:00:00"));
}

/* Worse was said: silence is noted, and said only when it goes on. */
static void silence_after_worse_is_noted(void **state)
{
	(void)state;
	struct shipment shipment = {.status = STATUS_IN_TRANSIT,
	    .newest_ms = at("2026-03-02T10:00:00"),
	    .flags = SHIPMENT_MOVED | SHIPMENT_PROMISE_MISSED | SHIPMENT_DELAY_OPEN};
	struct changes changes;
	deadline_fire(
	    &shipment, &deadline_default_rules, &home, at("2026-03-05T10:00:00"), &changes);
	assert_int_equal(changes.event_count, 0);
	assert_string_equal(changes.noted, "stalled");
	assert_string_equal(changes.noted_for, "promise_broken");
	assert_true(changes.state_changed && changes.outcome == OUTCOME_APPLIED);
	deadline_fire(
	    &shipment, &deadline_default_rules, &home, at("2026-03-05T11:00:00"), &changes);
	assert_null(changes.noted);
	deadline_fire(
	    &shipment, &deadline_default_rules, &home, at("2026-03-12T10:00:00"), &changes);
	assert_int_equal(changes.event_count, 1);
	assert_int_equal(changes.events[0].kind, EVENT_STALLED);
}

static void zero_switches_a_rule_off(void **state)
{
	(void)state;
	const struct deadline_rules off = {0};
	struct shipment shipment = {.status = STATUS_IN_TRANSIT, .created_ms = 1, .newest_ms = 1};
	struct changes changes;
	assert_int_equal(deadline_next(&shipment, &off, &home, 2).at_ms, NEVER_MS);
	deadline_fire(&shipment, &off, NULL, INT64_C(4102444800000), &changes);
	assert_int_equal(changes.event_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(business_days),
	    cmocka_unit_test(the_next_deadline),
	    cmocka_unit_test(fires_when_due),
	    cmocka_unit_test(silence_tells_the_days),
	    cmocka_unit_test(after_a_long_absence),
	    cmocka_unit_test(days_of_rest_are_data),
	    cmocka_unit_test(silence_after_worse_is_noted),
	    cmocka_unit_test(zero_switches_a_rule_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
