/* Deadlines: what time alone makes true.  A promise that was not kept; a parcel gone silent; a
 * label that was never handed over.  One deadline is pending per shipment, the earliest.
 */
#ifndef CORE_DEADLINE_H
#define CORE_DEADLINE_H
#include "notifier/core/calendar.h"
#include "notifier/core/detect.h"

struct deadline_rules {                  /* business days are those of the destination */
	const struct calendar *calendar; /* NULL: Monday to Friday, no holidays */
	int silent_days_domestic;        /* 3: in transit, same country or unknown */
	int silent_days_cross_border;    /* 5 */
	int label_days;     /* 2: announced, never handed over: merchant's and customer's notice */
	int follow_up_days; /* 5: still silent after we wrote: write again (once) */
	int64_t promise_grace_ms; /* 0: after the promised date's 24:00 */
	int64_t expire_after_ms;  /* 60 days without any news: expired */
};
extern const struct deadline_rules deadline_default_rules;

struct deadline {
	int64_t at_ms;        /* NEVER_MS: none */
	enum event_kind kind; /* DELAYED (promise), STALLED, CLOSED */
};
struct deadline deadline_next(const struct shipment *shipment, const struct deadline_rules *rules,
    const struct zone *zone, int64_t now_ms);
/* Applies what is due at now_ms (perhaps nothing: the shipment has moved on) and fills *out as
 * detect does.  Events carry source clock. */
void deadline_fire(struct shipment *shipment, const struct deadline_rules *rules,
    const struct zone *zone, int64_t now_ms, struct changes *out);
/* Adds n business days to an instant (the same local time of day). */
int64_t business_days_after(
    const struct calendar *calendar, const struct zone *zone, int64_t instant_ms, int days);
#endif
