#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "notifier/core/deadline.h"
#include "tests/unit/parcel.h"

/* What happens to a parcel, and what people are told of it. */
struct step {
	const char *now;
	enum status status; /* of a scan made just now; UNKNOWN: none */
	enum reason reason;
	const char *eta;
	const char *tells;
	bool clock; /* no report: time alone */
};

static const struct story {
	const char *name;
	struct step steps[10];
} stories[] = {
    {"a smooth parcel",
        {{"2026-03-02T10:00:00", STATUS_PRE_TRANSIT, 0, NULL, "", 0},
            {"2026-03-02T18:00:00", STATUS_IN_TRANSIT, 0, "2026-03-04", "shipped", 0},
            {"2026-03-03T04:00:00", STATUS_IN_TRANSIT, 0, "2026-03-04", "", 0},
            {"2026-03-04T08:00:00", STATUS_OUT_FOR_DELIVERY, 0, "2026-03-04", "out_for_delivery",
                0},
            {"2026-03-04T14:00:00", STATUS_DELIVERED, 0, NULL, "delivered", 0}}},
    {"delivered is the first we hear",
        {{"2026-03-02T10:00:00", STATUS_DELIVERED, 0, NULL, "delivered", 0}}},
    {"out for delivery twice a day is told once, the next day again",
        {{"2026-03-02T08:00:00", STATUS_OUT_FOR_DELIVERY, 0, NULL, "out_for_delivery", 0},
            {"2026-03-02T09:00:00", STATUS_OUT_FOR_DELIVERY, 0, NULL, "", 0},
            {"2026-03-02T20:00:00", STATUS_IN_TRANSIT, 0, NULL, "corrected", 0},
            {"2026-03-02T21:00:00", STATUS_OUT_FOR_DELIVERY, 0, NULL, "", 0},
            {"2026-03-02T22:00:00", STATUS_IN_TRANSIT, 0, NULL, "", 0},
            {"2026-03-03T08:00:00", STATUS_OUT_FOR_DELIVERY, 0, NULL, "out_for_delivery", 0}}},
    {"attempts", {{"2026-03-02T08:00:00", STATUS_OUT_FOR_DELIVERY, 0, NULL, "out_for_delivery", 0},
                     {"2026-03-02T11:00:00", STATUS_ATTEMPT_FAILED, REASON_RECIPIENT_UNAVAILABLE,
                         "2026-03-06", "attempt_failed", 0},
                     {"2026-03-02T11:20:00", STATUS_ATTEMPT_FAILED, 0, NULL, "", 0},
                     {"2026-03-02T12:00:00", STATUS_IN_TRANSIT, 0, NULL, "", 0},
                     {"2026-03-02T12:30:00", STATUS_ATTEMPT_FAILED, 0, NULL, "", 0},
                     {"2026-03-02T16:00:00", STATUS_ATTEMPT_FAILED, 0, NULL, "attempt_failed", 0},
                     {"2026-03-03T11:00:00", STATUS_AVAILABLE_FOR_PICKUP, 0, NULL,
                         "available_for_pickup", 0},
                     {"2026-03-03T12:00:00", STATUS_AVAILABLE_FOR_PICKUP, 0, "2026-03-09", "", 0},
                     {"2026-03-03T17:00:00", STATUS_DELIVERED, 0, NULL, "delivered", 0}}},
    {"exceptions: again when the reason changes, flapping is told once",
        {{"2026-03-02T08:00:00", STATUS_EXCEPTION, REASON_DAMAGED, NULL, "exception", 0},
            {"2026-03-02T09:00:00", STATUS_EXCEPTION, REASON_DAMAGED, NULL, "", 0},
            {"2026-03-02T09:30:00", STATUS_EXCEPTION, 0, NULL, "", 0},
            {"2026-03-02T10:00:00", STATUS_IN_TRANSIT, 0, NULL, "", 0},
            {"2026-03-02T11:00:00", STATUS_EXCEPTION, REASON_DAMAGED, NULL, "", 0},
            {"2026-03-02T12:00:00", STATUS_EXCEPTION, REASON_LOST, NULL, "exception", 0}}},
    {"customs, in transit or exception",
        {{"2026-03-02T08:00:00", STATUS_IN_TRANSIT, 0, NULL, "shipped", 0},
            {"2026-03-02T09:00:00", STATUS_IN_TRANSIT, REASON_CUSTOMS_HOLD, NULL, "customs_hold",
                0},
            {"2026-03-02T10:00:00", STATUS_EXCEPTION, REASON_CUSTOMS_HOLD, NULL, "", 0},
            {"2026-03-02T11:00:00", STATUS_EXCEPTION, REASON_DUTIES_DUE, NULL, "duties_due", 0},
            {"2026-03-02T12:00:00", STATUS_IN_TRANSIT, 0, NULL, "", 0}}},
    {"returned", {{"2026-03-02T08:00:00", STATUS_EXCEPTION, REASON_REFUSED, NULL, "exception", 0},
                     {"2026-03-02T09:00:00", STATUS_RETURNING, 0, "2026-03-19", "returning", 0},
                     {"2026-03-03T09:00:00", STATUS_RETURNING, 0, NULL, "", 0},
                     {"2026-03-04T09:00:00", STATUS_RETURNED, 0, NULL, "returned", 0}}},
    {"delivered goes back: a return, not a correction",
        {{"2026-03-02T08:00:00", STATUS_DELIVERED, 0, NULL, "delivered", 0},
            {"2026-03-04T09:00:00", STATUS_RETURNING, 0, NULL, "returning", 0},
            {"2026-03-06T09:00:00", STATUS_RETURNED, 0, NULL, "returned", 0}}},
    {"delivered is taken back and comes true",
        {{"2026-03-02T08:00:00", STATUS_DELIVERED, 0, NULL, "delivered", 0},
            {"2026-03-02T08:30:00", STATUS_DELIVERED, 0, NULL, "", 0},
            {"2026-03-02T18:00:00", STATUS_IN_TRANSIT, 0, NULL, "corrected", 0},
            {"2026-03-03T09:00:00", STATUS_OUT_FOR_DELIVERY, 0, NULL, "out_for_delivery", 0},
            {"2026-03-03T12:00:00", STATUS_DELIVERED, 0, NULL, "delivered", 0}}},
    {"cancelled, then it moves after all",
        {{"2026-03-02T08:00:00", STATUS_PRE_TRANSIT, 0, NULL, "", 0},
            {"2026-03-02T09:00:00", STATUS_CANCELLED, 0, NULL, "closed", 0},
            {"2026-03-02T19:00:00", STATUS_IN_TRANSIT, 0, NULL, "shipped", 0}}},
    {"the first estimate is later than the promise",
        {{"2026-03-02T18:00:00", STATUS_IN_TRANSIT, 0, "2026-03-06", "shipped delayed", 0},
            {"2026-03-03T18:00:00", STATUS_IN_TRANSIT, 0, "2026-03-06", "", 0},
            {"2026-03-04T18:00:00", STATUS_IN_TRANSIT, 0, "2026-03-05", "delay_over", 0}}},
    {"an estimate that flaps",
        {{"2026-03-02T18:00:00", STATUS_IN_TRANSIT, 0, "2026-03-04T18:00:00", "shipped", 0},
            {"2026-03-02T19:00:00", 0, 0, "2026-03-05T18:00:00", "delayed", 0},
            {"2026-03-02T20:00:00", 0, 0, "2026-03-04T18:00:00", "delay_over", 0},
            {"2026-03-02T21:00:00", 0, 0, "2026-03-05T18:00:00", "", 0},
            {"2026-03-02T22:00:00", 0, 0, "2026-03-04T18:00:00", "", 0},
            {"2026-03-02T23:00:00", 0, 0, "2026-03-06T18:00:00", "delayed", 0}}},
    {"small slips add up",
        {{"2026-03-02T18:00:00", STATUS_IN_TRANSIT, 0, "2026-03-04T12:00:00", "shipped", 0},
            {"2026-03-02T19:00:00", 0, 0, "2026-03-04T14:00:00", "", 0},
            {"2026-03-02T20:00:00", 0, 0, "2026-03-04T15:59:59", "", 0},
            {"2026-03-02T21:00:00", 0, 0, "2026-03-04T16:00:00", "delayed", 0},
            {"2026-03-02T22:00:00", 0, 0, "2026-03-05T00:30:00", "delayed", 0}}},
    {"the carrier admits a delay; the van clears it",
        {{"2026-03-02T18:00:00", STATUS_IN_TRANSIT, 0, "2026-03-05", "shipped", 0},
            {"2026-03-03T18:00:00", STATUS_IN_TRANSIT, REASON_WEATHER, "2026-03-06", "delayed", 0},
            {"2026-03-03T19:00:00", STATUS_IN_TRANSIT, REASON_WEATHER, "2026-03-06", "", 0},
            {"2026-03-06T08:00:00", STATUS_OUT_FOR_DELIVERY, 0, "2026-03-06", "out_for_delivery",
                0},
            {"2026-03-06T12:00:00", STATUS_DELIVERED, 0, "2026-03-09", "delivered", 0}}},
    {"out for delivery, late: that it comes today is the news",
        {{"2026-03-06T08:00:00", STATUS_OUT_FOR_DELIVERY, 0, "2026-03-06T20:00:00",
             "out_for_delivery", 0},
            {"2026-03-06T15:00:00", 0, 0, "2026-03-07T12:00:00", "delayed", 0}}},
    {"silence, twice, and a sign of life",
        {{"2026-03-02T18:00:00", STATUS_IN_TRANSIT, 0, "2026-03-20", "shipped delayed", 0},
            {"2026-03-05T17:59:59", 0, 0, NULL, "", 1},
            {"2026-03-05T18:00:00", 0, 0, NULL, "", 1}, /* the 20th was told already */
            {"2026-03-12T17:59:59", 0, 0, NULL, "", 1},
            {"2026-03-12T18:00:00", 0, 0, NULL, "stalled", 1},
            {"2026-03-17T18:00:00", 0, 0, NULL, "", 1},
            {"2026-03-18T09:00:00", STATUS_IN_TRANSIT, 0, NULL, "", 0}}},
    {"silence ends while there is time",
        {{"2026-02-23T18:00:00", STATUS_IN_TRANSIT, 0, NULL, "shipped", 0},
            {"2026-03-05T08:00:00", 0, 0, NULL, "stalled", 1},
            {"2026-03-05T09:00:00", STATUS_IN_TRANSIT, 0, NULL, "delay_over", 0},
            {"2026-03-05T10:00:00", STATUS_IN_TRANSIT, 0, NULL, "", 0}}},
    {"a label and nothing else",
        {{"2026-03-02T10:00:00", STATUS_PRE_TRANSIT, 0, NULL, "", 0},
            {"2026-03-04T10:00:00", 0, 0, NULL, "stalled", 1},
            {"2026-03-06T00:00:00", 0, 0, NULL, "delayed", 1},
            {"2026-03-06T10:00:00", STATUS_IN_TRANSIT, 0, NULL, "shipped", 0}}},
    {"the promise passes, then the carrier names a day",
        {{"2026-03-05T18:00:00", STATUS_IN_TRANSIT, 0, NULL, "shipped", 0},
            {"2026-03-06T00:00:00", 0, 0, NULL, "delayed", 1},
            {"2026-03-06T00:01:00", 0, 0, NULL, "", 1},
            {"2026-03-06T09:00:00", 0, 0, "2026-03-09", "delayed", 0}}},
    {"nobody waits any more",
        {{"2026-03-02T10:00:00", STATUS_IN_TRANSIT, 0, NULL, "shipped", 0},
            {"2026-05-02T10:00:00", 0, 0, NULL, "closed", 1},
            {"2026-05-03T10:00:00", STATUS_IN_TRANSIT, 0, NULL, "", 0},
            {"2026-05-04T10:00:00", STATUS_DELIVERED, 0, NULL, "delivered", 0}}},
};

static void step_run(struct parcel *parcel, const struct step *step)
{
	struct checkpoint checkpoint = {
	    .time = step->now, .status = step->status, .reason = step->reason};
	struct report report = {.status = step->status,
	    .reason = step->reason,
	    .eta.to = step->eta,
	    .checkpoints = &checkpoint,
	    .checkpoint_count = step->status != STATUS_UNKNOWN};
	if (!step->clock) {
		hear(parcel, step->now, &report);
		return;
	}
	deadline_fire(
	    &parcel->shipment, &deadline_default_rules, &home, at(step->now), &parcel->changes);
	list_told(parcel);
}

static void stories_are_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
		struct parcel parcel;
		parcel_open(&parcel);
		for (const struct step *step = stories[i].steps; step->now != NULL; step++) {
			step_run(&parcel, step);
			if (strcmp(parcel.told, step->tells) != 0)
				fail_msg("%s, at %s: told \"%s\", expected \"%s\"", stories[i].name,
				    step->now, parcel.told, step->tells);
		}
		parcel_close(&parcel);
	}
}

/* Each event is told in some story, but those that are foreseen or scheduled elsewhere. */
static void every_event_has_a_story(void **state)
{
	(void)state;
	for (int kind = EVENT_NONE + 1; kind < EVENT_COUNT; kind++) {
		bool told = kind == EVENT_DELAY_PREDICTED || kind == EVENT_FEEDBACK_REQUEST;
		for (size_t i = 0; i < sizeof stories / sizeof *stories; i++)
			for (const struct step *step = stories[i].steps; step->now != NULL; step++)
				told |=
				    strstr(step->tells, event_name((enum event_kind)kind)) != NULL;
		if (!told)
			fail_msg("no story tells %s", event_name((enum event_kind)kind));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(stories_are_told),
	    cmocka_unit_test(every_event_has_a_story),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
