#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "notifier/core/finding.h"

static void the_most_serious_speaks(void **state)
{
	(void)state;
	assert_int_equal(finding_most_serious(0), FINDING_NONE);
	assert_int_equal(finding_most_serious(
	                     FINDING_BIT(FINDING_STALLED) | FINDING_BIT(FINDING_DELAY_PREDICTED)),
	    FINDING_STALLED);
	assert_true(finding_speaks(FINDING_PROMISE_BROKEN, FINDING_BIT(FINDING_STALLED)));
	assert_false(finding_speaks(FINDING_STALLED, FINDING_BIT(FINDING_STALLED)));
	assert_false(finding_speaks(FINDING_STALLED, FINDING_BIT(FINDING_CARRIER_SAYS)));
	assert_string_equal(finding_name(FINDING_STALLED), "stalled");
	assert_string_equal(finding_name(FINDINGS), "unknown");
}

static void what_stands(void **state)
{
	(void)state;
	static const struct {
		unsigned flags;
		enum status status;
		enum finding finding;
		int64_t worst_ms;
		enum reason reason;
	} rows[] = {
	    {0, STATUS_IN_TRANSIT, FINDING_NONE, 0, REASON_NONE},
	    {SHIPMENT_STALLED, STATUS_IN_TRANSIT, FINDING_STALLED, 0, REASON_NONE},
	    {SHIPMENT_PROMISE_MISSED | SHIPMENT_STALLED, STATUS_IN_TRANSIT, FINDING_PROMISE_BROKEN,
	        0, REASON_NONE},
	    {SHIPMENT_DELAY_OPEN, STATUS_IN_TRANSIT, FINDING_CARRIER_SAYS, 0, REASON_NONE},
	    {SHIPMENT_DELAY_OPEN, STATUS_IN_TRANSIT, FINDING_CARRIER_SAYS, 101, REASON_NONE},
	    {SHIPMENT_DELAY_OPEN, STATUS_IN_TRANSIT, FINDING_NONE, 100, REASON_NONE},
	    {0, STATUS_IN_TRANSIT, FINDING_CARRIER_SAYS, 0, REASON_CUSTOMS_HOLD},
	    {SHIPMENT_PROMISE_MISSED | SHIPMENT_DELAY_OPEN, STATUS_IN_TRANSIT,
	        FINDING_PROMISE_BROKEN, 0, REASON_NONE},
	    {0, STATUS_EXCEPTION, FINDING_CARRIER_SAYS, 0, REASON_NONE},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct shipment shipment = {
		    .flags = rows[i].flags, .status = rows[i].status, .worst_ms = rows[i].worst_ms};
		shipment.reason = rows[i].reason;
		assert_int_equal(
		    finding_most_serious(findings_standing(&shipment, 100)), rows[i].finding);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_most_serious_speaks),
	    cmocka_unit_test(what_stands),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
