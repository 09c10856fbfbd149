/* Looks: remembered to the second, forgotten rather than mistaken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "notifier/app/looks.h"

#define NOW   INT64_C(1772000000123)
#define NOW_S INT64_C(1772000000000) /* rounded down */

static void test_put_and_get(void **state)
{
	(void)state;
	struct looks *looks = looks_new();
	assert_int_equal(looks_get(looks, "shp_1faaaaaaaaaaaaaa"), 0);
	looks_put(looks, "shp_1faaaaaaaaaaaaaa", NOW);
	assert_int_equal(looks_get(looks, "shp_1faaaaaaaaaaaaaa"), NOW_S);
	looks_put(looks, "shp_1faaaaaaaaaaaaaa", NOW + 60000);
	assert_int_equal(looks_get(looks, "shp_1faaaaaaaaaaaaaa"), NOW_S + 60000);
	assert_int_equal(looks_get(looks, ""), 0);
	looks_free(&looks);
	assert_null(looks);
}

/* Far more parcels than slots: each answer is the parcel's own time or none. */
static void test_never_another_parcels_time(void **state)
{
	(void)state;
	struct looks *looks = looks_new();
	char id[24];
	int known = 0, count = 3 << 19;
	for (int i = 0; i < count; i++) {
		snprintf(id, sizeof id, "shp_00%07d", i);
		looks_put(looks, id, NOW + (int64_t)i * 1000);
	}
	for (int i = 0; i < count; i++) {
		snprintf(id, sizeof id, "shp_00%07d", i);
		int64_t at = looks_get(looks, id);
		if (at != 0)
			assert_int_equal(at, NOW_S + (int64_t)i * 1000);
		known += at != 0;
	}
	assert_in_range(known, LOOKS_SLOTS * 7 / 10, LOOKS_SLOTS);
	looks_free(&looks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_put_and_get),
	    cmocka_unit_test(test_never_another_parcels_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
