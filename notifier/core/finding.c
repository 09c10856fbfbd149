#include "notifier/core/finding.h"

static const char *const finding_names[FINDINGS] = {
    [FINDING_NONE] = "none",
    [FINDING_NOT_HANDED_OVER] = "not_handed_over",
    [FINDING_DELAY_PREDICTED] = "delay_predicted",
    [FINDING_STALLED] = "stalled",
    [FINDING_PROMISE_BROKEN] = "promise_broken",
    [FINDING_CARRIER_SAYS] = "carrier_says",
};

enum finding finding_most_serious(unsigned findings)
{
	for (enum finding finding = FINDINGS - 1; finding > FINDING_NONE; finding--)
		if (findings & FINDING_BIT(finding))
			return finding;
	return FINDING_NONE;
}

bool finding_speaks(enum finding finding, unsigned standing)
{
	return finding > finding_most_serious(standing);
}

const char *finding_name(enum finding finding)
{
	return finding < FINDINGS ? finding_names[finding] : "unknown";
}

unsigned findings_standing(const struct shipment *shipment, int64_t now_ms)
{
	unsigned standing = 0;
	if (shipment->flags & SHIPMENT_STALLED)
		standing |= FINDING_BIT(FINDING_STALLED);
	if (shipment->flags & SHIPMENT_PROMISE_MISSED)
		standing |= FINDING_BIT(FINDING_PROMISE_BROKEN);
	bool names_a_day = shipment->worst_ms != 0 && !(shipment->flags & SHIPMENT_PROMISE_MISSED);
	bool has_passed = names_a_day && shipment->worst_ms <= now_ms;
	if ((shipment->flags & SHIPMENT_DELAY_OPEN && !has_passed) ||
	    shipment->status == STATUS_EXCEPTION)
		standing |= FINDING_BIT(FINDING_CARRIER_SAYS);
	return standing;
}
