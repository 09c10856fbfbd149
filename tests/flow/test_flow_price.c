/* The count behind a price: whatever fails, a price begins, of what could be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/flow/foresight_kit.h"

#define PARCELS "JD0001 JD0002 JD0003 JD0004"
#define PER_DAY 6400 /* 100 for each partition */

static const struct price *dhl_price(void)
{
	return map_get(&stage_world()->foresight->prices, str_of("dhl"));
}

static double owned(void)
{
	double count = 0;
	for (unsigned i = 0; i < PARTITIONS; i++)
		count += world_owns(stage_world(), i);
	return count;
}

/* Four parcels; then the process begins anew, and counts. */
static void parcels(void)
{
	char number[] = "JD0001";
	struct carrier_says row = {
	    .url = DHL_URL, .status = 200, .body = stage_dhl("JD", "transit", "2026-03-02T07:55Z")};
	fake_http_says(&row);
	for (; number[5] <= '4'; number[5]++)
		stage_register("dhl", number, NULL);
	fake_loop_stride(20 * SECOND_MS, SECOND_MS);
	stage_restart();
}

static const char *state_key(const char *number)
{
	static char key[80];
	snprintf(key, sizeof key, "%s:%s", stage_key(number, "s"), stage_shipment(number)->id);
	return key;
}

static void parcels_one_unreadable(void)
{
	parcels();
	fake_redis_set(state_key("JD0002"), "1 {\"v\":");
}

static void count(void)
{
	fake_loop_advance(2 * SECOND_MS);
}

/* Of the price itself the moment of the count is a part; of these it is not. */
static const char *learned(void)
{
	static char text[120];
	const struct price *price = dhl_price();
	assert_true(pace_price_now(&price->pace) > 0);
	snprintf(text, sizeof text, " begun %d live %.0f looks a day %.0f next slot %d",
	    price->is_begun, price->live, price->pace.daily_quota,
	    (int)(price->slot_ms % PACE_SLOT_MS));
	return text;
}

static const struct story counts = {.numbers = PARCELS,
    .prepare = parcels,
    .tell = count,
    .until_ms = 3 * MINUTE_MS,
    .foresees = true,
    .dhl_per_day = PER_DAY,
    .learned = learned};

static void test_begins(void **state)
{
	(void)state;
	stage_open_foreseeing(PARCELS, PER_DAY);
	parcels();
	count();
	assert_true(dhl_price()->is_begun);
	assert_float_equal(dhl_price()->live, 4, 0);
	assert_float_equal(dhl_price()->pace.daily_quota, 100 * owned(), 1e-9);
}

static void test_each_await_fails(void **state)
{
	(void)state;
	struct story story = counts;
	assert_true(stage_torture(&story) > 20);
	story.prepare = parcels_one_unreadable;
	stage_torture(&story);
}

static void test_each_reply_is_lost(void **state)
{
	(void)state;
	static const char *const names[] = {"ZCARD", "ZRANGE", "MGET", "HGET"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_true(stage_lose_replies(&counts, names[i]) > 0);
}

/* An unreadable parcel shares the quota, but nobody knows what it will ask for: as the others. */
static void test_unreadable(void **state)
{
	(void)state;
	stage_open_foreseeing(PARCELS, PER_DAY);
	parcels();
	count();
	double whole = dhl_price()->pace.root;
	stage_close();
	stage_open_foreseeing(PARCELS, PER_DAY);
	parcels_one_unreadable();
	count();
	assert_true(dhl_price()->is_begun);
	assert_float_equal(dhl_price()->live, 4, 0);
	assert_float_equal(dhl_price()->pace.root, whole, whole / 10);
}

static void lose_leases(const char *name)
{
	if (strcmp(name, "MGET") != 0 || fake_redis_runs("MGET") == 0)
		return;
	fake_redis_hook(NULL);
	for (unsigned i = 0; i < PARTITIONS; i++)
		world_lost(stage_world(), i);
}

/* Somebody else has taken all partitions in the middle of the count; later they come back. */
static void test_partitions_are_lost(void **state)
{
	(void)state;
	stage_open_foreseeing(PARCELS, PER_DAY);
	parcels();
	fake_redis_hook(lose_leases);
	count();
	assert_true(dhl_price()->is_begun);
	assert_in_range((int)dhl_price()->live, 1, 3);
	fake_loop_stride(16 * MINUTE_MS, 5 * SECOND_MS);
	assert_float_equal(dhl_price()->live, 4, 0);
	assert_float_equal(dhl_price()->pace.daily_quota, 100 * owned(), 1e-9);
	assert_true(owned() >= 3);
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_teardown(test, stage_teardown)
	const struct CMUnitTest tests[] = {
	    ON_STAGE(test_begins),
	    cmocka_unit_test(test_each_await_fails),
	    cmocka_unit_test(test_each_reply_is_lost),
	    ON_STAGE(test_unreadable),
	    ON_STAGE(test_partitions_are_lost),
	};
	return cmocka_run_group_tests(tests, NULL, stage_group_teardown);
}
