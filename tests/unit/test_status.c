#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "notifier/core/status.h"

static void names_round_trip(void **state)
{
	(void)state;
	for (int i = 0; i < STATUS_COUNT; i++) {
		enum status out = STATUS_COUNT;
		assert_true(status_parse(str_of(status_name((enum status)i)), &out));
		assert_int_equal(out, i);
	}
	for (int i = 1; i < REASON_COUNT; i++) {
		enum reason out = REASON_NONE;
		assert_true(reason_parse(str_of(reason_name((enum reason)i)), &out));
		assert_int_equal(out, i);
	}
	for (int i = 1; i < EVENT_COUNT; i++) {
		enum event_kind out = EVENT_NONE;
		assert_true(event_parse(str_of(event_name((enum event_kind)i)), &out));
		assert_int_equal(out, i);
	}
}

static void zero_is_harmless(void **state)
{
	(void)state;
	assert_int_equal(STATUS_UNKNOWN, 0);
	assert_int_equal(REASON_NONE, 0);
	assert_int_equal(EVENT_NONE, 0);
	assert_null(reason_name(REASON_NONE));
	assert_string_equal(event_name(EVENT_NONE), "none");
	assert_false(event_is_on_by_default(EVENT_NONE));
	assert_int_equal(event_lifetime_h(EVENT_NONE), 0);
}

static void garbage_is_refused(void **state)
{
	(void)state;
	static const char *const garbage[] = {
	    "", "DELIVERED", "delivered ", "none", "unknow", "\xff"};
	for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
		enum status status = STATUS_RETURNED;
		enum reason reason = REASON_LOST;
		enum event_kind event = EVENT_CLOSED;
		assert_false(status_parse(str_of(garbage[i]), &status));
		assert_false(reason_parse(str_of(garbage[i]), &reason));
		assert_false(event_parse(str_of(garbage[i]), &event));
		assert_int_equal(status, STATUS_RETURNED);
		assert_int_equal(reason, REASON_LOST);
		assert_int_equal(event, EVENT_CLOSED);
	}
	enum status status;
	assert_false(status_parse(str_of(NULL), &status));
}

static void values_out_of_range(void **state)
{
	(void)state;
	assert_string_equal(status_name(STATUS_COUNT), "unknown");
	assert_null(reason_name(REASON_COUNT));
	assert_string_equal(event_name(EVENT_COUNT), "none");
	assert_false(status_is_final(STATUS_COUNT));
	assert_int_equal(status_rank((enum status)1000), 0);
	assert_false(reason_is_delay(REASON_COUNT));
	assert_false(event_lasts(EVENT_COUNT));
}

static void properties(void **state)
{
	(void)state;
	static const struct {
		enum status status;
		bool final, moving;
	} rows[STATUS_COUNT] = {
	    {STATUS_UNKNOWN, false, false},
	    {STATUS_PRE_TRANSIT, false, false},
	    {STATUS_IN_TRANSIT, false, true},
	    {STATUS_OUT_FOR_DELIVERY, false, true},
	    {STATUS_AVAILABLE_FOR_PICKUP, false, true},
	    {STATUS_ATTEMPT_FAILED, false, true},
	    {STATUS_DELIVERED, true, true},
	    {STATUS_EXCEPTION, false, true},
	    {STATUS_RETURNING, false, true},
	    {STATUS_RETURNED, true, true},
	    {STATUS_CANCELLED, true, false},
	    {STATUS_EXPIRED, true, false},
	};
	for (size_t i = 0; i < STATUS_COUNT; i++) {
		assert_int_equal(status_is_final(rows[i].status), rows[i].final);
		assert_int_equal(status_is_moving(rows[i].status), rows[i].moving);
		assert_true(status_rank(rows[i].status) <= status_rank(STATUS_DELIVERED));
	}
	for (int i = 1; i < EVENT_COUNT; i++)
		assert_true(event_lifetime_h((enum event_kind)i) > 0);
	assert_true(event_lasts(EVENT_DELIVERED));
	assert_false(event_lasts(EVENT_OUT_FOR_DELIVERY));
	assert_true(reason_is_delay(REASON_WEATHER));
	assert_false(reason_is_delay(REASON_CUSTOMS_HOLD));
	/* A status that says more about the last mile wins a tie. */
	assert_true(status_rank(STATUS_OUT_FOR_DELIVERY) > status_rank(STATUS_IN_TRANSIT));
	assert_true(status_rank(STATUS_ATTEMPT_FAILED) > status_rank(STATUS_OUT_FOR_DELIVERY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_round_trip),
	    cmocka_unit_test(zero_is_harmless),
	    cmocka_unit_test(garbage_is_refused),
	    cmocka_unit_test(values_out_of_range),
	    cmocka_unit_test(properties),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
