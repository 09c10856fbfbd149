#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "tests/unit/parcel.h"

static uint32_t dice_state;

static uint32_t dice(uint32_t sides)
{
	dice_state = dice_state * 1664525u + 1013904223u;
	return (dice_state >> 8) % sides;
}

struct fact {
	char time[WHEN_BYTES], eta[WHEN_BYTES];
	int64_t at_ms;
	struct checkpoint checkpoint;
};

#define FACTS_MAX 6

/* Instants on a coarse grid within ten days, so that some are equal. */
static void facts_roll(struct fact *facts, int count)
{
	for (int i = 0; i < count; i++) {
		struct fact *fact = &facts[i];
		uint32_t slot = dice(10);
		fact->at_ms = at("2026-03-03T08:00:00Z") + slot * DAY_MS;
		when_format_utc(fact->time, fact->at_ms);
		day_format(fact->eta, day_of_instant(fact->at_ms, 0) + 3 + (int32_t)(slot * 7 % 5));
		fact->checkpoint = (struct checkpoint){.time = fact->time,
		    .status = (enum status)dice(STATUS_COUNT),
		    .reason = dice(2) ? REASON_NONE : (enum reason)dice(REASON_COUNT)};
	}
}

static enum outcome fact_push(struct parcel *parcel, struct fact *fact)
{
	struct report report = {.status = fact->checkpoint.status,
	    .reason = fact->checkpoint.reason,
	    .eta.to = fact->eta,
	    .checkpoints = &fact->checkpoint,
	    .checkpoint_count = 1};
	return hear(parcel, "2026-03-14T12:00:00Z", &report);
}

/* Each fact in the order given, some again at once, some again at the end. */
static void facts_push(struct parcel *parcel, struct fact *facts, const int *order, int count)
{
	parcel_open(parcel);
	for (int i = 0; i < count; i++) {
		fact_push(parcel, &facts[order[i]]);
		struct shipment before = parcel->shipment;
		assert_int_equal(fact_push(parcel, &facts[order[i]]), OUTCOME_DUPLICATE);
		assert_int_equal(parcel->changes.event_count, 0);
		assert_memory_equal(&before, &parcel->shipment, sizeof before);
	}
	int again = (int)dice((uint32_t)count);
	fact_push(parcel, &facts[again]);
	assert_int_equal(parcel->changes.event_count, 0);
}

static void same_belief(const struct shipment *a, const struct shipment *b)
{
	assert_int_equal(a->status, b->status);
	assert_int_equal(a->reason, b->reason);
	assert_int_equal(a->since_ms, b->since_ms);
	assert_int_equal(a->newest_ms, b->newest_ms);
	assert_int_equal(a->finished_ms, b->finished_ms);
	assert_int_equal(a->flags & SHIPMENT_MOVED, b->flags & SHIPMENT_MOVED);
	assert_string_equal(a->eta.to, b->eta.to);
}

static bool next_order(int *order, int count)
{
	int i = count - 2, j = count - 1;
	while (i >= 0 && order[i] > order[i + 1])
		i--;
	if (i < 0)
		return false;
	while (order[j] < order[i])
		j--;
	int swap = order[i];
	order[i] = order[j];
	order[j] = swap;
	for (int low = i + 1, high = count - 1; low < high; low++, high--) {
		swap = order[low];
		order[low] = order[high];
		order[high] = swap;
	}
	return true;
}

static void every_order(struct fact *facts, int count)
{
	int order[FACTS_MAX] = {0, 1, 2, 3, 4, 5};
	struct parcel first, other;
	facts_push(&first, facts, order, count);
	while (next_order(order, count)) {
		facts_push(&other, facts, order, count);
		same_belief(&first.shipment, &other.shipment);
		parcel_close(&other);
	}
	parcel_close(&first);
}

static void order_of_arrival_does_not_matter(void **state)
{
	(void)state;
	struct fact facts[FACTS_MAX];
	for (uint32_t round = 0; round < 120; round++) {
		int count = round < 4 ? 6 : 2 + (int)(round % 4);
		dice_state = round;
		facts_roll(facts, count);
		every_order(facts, count);
	}
}

static int by_time(const void *a, const void *b)
{
	const struct fact *left = a, *right = b;
	return (left->at_ms > right->at_ms) - (left->at_ms < right->at_ms);
}

/* One poll with all scans tells what the scans one by one would have told. */
static void one_poll_or_many_pushes(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 2000; round++) {
		struct fact facts[FACTS_MAX];
		struct checkpoint scans[FACTS_MAX];
		char pushed[1024] = "";
		struct parcel one, many;
		dice_state = round;
		facts_roll(facts, FACTS_MAX);
		qsort(facts, FACTS_MAX, sizeof *facts, by_time);
		parcel_open(&many);
		for (int i = 0; i < FACTS_MAX; i++) {
			struct checkpoint *scan = &facts[i].checkpoint;
			scan->time = facts[i].time; /* sorting moved it */
			if (reason_is_delay(scan->reason))
				scan->reason = REASON_NONE; /* at most one `delayed` a report */
			scans[i] = *scan;
			struct report report = {.checkpoints = scan, .checkpoint_count = 1};
			hear(&many, "2026-03-14T12:00:00Z", &report);
			snprintf(pushed + strlen(pushed), sizeof pushed - strlen(pushed), "%s%s",
			    many.told[0] && pushed[0] ? " " : "", many.told);
		}
		parcel_open(&one);
		struct report report = {.checkpoints = scans, .checkpoint_count = FACTS_MAX};
		hear(&one, "2026-03-14T12:00:00Z", &report);
		assert_string_equal(one.told, pushed);
		assert_int_equal(one.shipment.status, many.shipment.status);
		assert_int_equal(one.shipment.sequence, many.shipment.sequence);
		parcel_close(&one);
		parcel_close(&many);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(order_of_arrival_does_not_matter),
	    cmocka_unit_test(one_poll_or_many_pushes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
