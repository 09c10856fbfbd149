#include "notifier/core/finding.h"

static const char *const finding_names[FINDINGS] = {
    [FINDING_NONE] = "none",
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

bool findings_carrier_holds(const struct shipment *shipment)
{
	return shipment->status == STATUS_EXCEPTION || shipment->reason == REASON_CUSTOMS_HOLD ||
	       shipment->reason == REASON_DUTIES_DUE;
}

unsigned findings_standing(const struct shipment *shipment, int64_t now_ms)
{
	unsigned standing = 0;
	bool is_missed = shipment->flags & SHIPMENT_PROMISE_MISSED;
	if (shipment->flags & SHIPMENT_STALLED)
		standing |= FINDING_BIT(FINDING_STALLED);
	if (is_missed)
		standing |= FINDING_BIT(FINDING_PROMISE_BROKEN);
	/* A broken promise opens a delay too, which the carrier knows nothing of. */
	bool named_day_stands = shipment->worst_ms > now_ms;
	bool names_none = shipment->worst_ms == 0 && !is_missed;
	if ((shipment->flags & SHIPMENT_DELAY_OPEN && (named_day_stands || names_none)) ||
	    findings_carrier_holds(shipment))
		standing |= FINDING_BIT(FINDING_CARRIER_SAYS);
	return standing;
}
