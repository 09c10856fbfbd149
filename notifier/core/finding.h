/* What can be wrong with a parcel at one time, by weight: of several findings the most serious
 * speaks, the others are noted.
 */
#ifndef CORE_FINDING_H
#define CORE_FINDING_H
#include <stdbool.h>

#include "notifier/core/shipment.h"

enum finding { /* the most serious last */
	FINDING_NONE,
	FINDING_DELAY_PREDICTED,
	FINDING_STALLED,
	FINDING_PROMISE_BROKEN, /* the promised day is over */
	FINDING_CARRIER_SAYS,   /* exception, customs hold, …: the carrier's own word */
	FINDINGS
};
#define FINDING_BIT(finding) (1u << (finding))
/* Of the findings that are true now (bits), the one that speaks. */
enum finding finding_most_serious(unsigned findings);
/* Whether a finding that has become true is to be said, given those already said for this
 * parcel and still true: no, when one at least as serious speaks already.  Then it is noted. */
bool finding_speaks(enum finding finding, unsigned standing);
const char *finding_name(enum finding finding); /* "stalled", … for decisions and explain */
/* The carrier says that it is held up, by a mishap, customs or duties: people were told. */
bool findings_carrier_holds(const struct shipment *shipment);
/* The findings that stand: said or noted, and not over.  A delay that named a day stands until
 * that day has passed. */
unsigned findings_standing(const struct shipment *shipment, int64_t now_ms);
#endif
