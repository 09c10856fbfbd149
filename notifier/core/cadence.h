/* Cadence: when to look at a parcel next, and why then.
 *
 * The query carries all that a learned rule needs (class, status, zone, ETA, quota, price); this
 * first rule goes by status, local hour and ETA, and stretches when the quota is short.
 */
#ifndef CORE_CADENCE_H
#define CORE_CADENCE_H
#include "notifier/core/shipment.h"

struct cadence_query {
	const char *class_name; /* carrier and service: what hazards are learned for */
	enum status status;
	int64_t since_ms;               /* of the status */
	const struct zone *zone;        /* the destination's; NULL: unknown */
	int64_t eta_from_ms, eta_to_ms; /* 0: none */
	int64_t now_ms;
	bool is_pushed;    /* webhooks bring the news: this poll is insurance */
	unsigned failures; /* polls of this parcel that failed in a row */
	/* What the carrier allows and how many parcels share it; 0: no limit known. */
	int quota_per_day;
	int64_t live_shipments;
	double price; /* value-minutes per call that the controller asks; 0: not learned yet */
	double jitter_unit; /* 0 ≤ x < 1, so that equal parcels do not poll in step */
};
struct cadence_answer {
	int64_t due_ms; /* NEVER_MS: finished, not polled any more */
	char why[96];   /* "out for delivery: every 20 min", "quiet until 06:10: …" */
};
void cadence_next(const struct cadence_query *query, struct cadence_answer *out);
#endif
