/* Detection: (what we believe, what a carrier reports, now) → (what we believe now, events).
 *
 * Pure.  Idempotent: the same report again changes nothing.  Independent of the order in which
 * reports arrive, as far as their times are exact: news older than what is believed is kept as
 * history and changes neither status nor mails; between times whose zone is unknown (± 14 h) the
 * order of arrival decides.
 */
#ifndef CORE_DETECT_H
#define CORE_DETECT_H
#include "notifier/core/shipment.h"

enum outcome { /* of one report; what was accepted is the sum of these and `unmatched` */
	OUTCOME_APPLIED,
	OUTCOME_DUPLICATE,
	OUTCOME_STALE,
	OUTCOME_QUARANTINED,
	OUTCOME_COUNT
};
const char *outcome_name(enum outcome outcome);

struct detect_context {
	int64_t now_ms;
	enum source source;
	const struct zone *carrier_zone;     /* of times without offset; NULL: the destination's */
	const struct zone *destination_zone; /* NULL: not known, UTC, times are approximate */
};

#define CHANGES_EVENTS_MAX 16
struct changes {
	enum outcome outcome;
	const char
	    *why; /* "same as before", "older than what is known", "time is in the future: …" */
	bool state_changed; /* the shipment must be stored */
	/* A finding that is true but not said, because a more serious one speaks: what and which.
	 */
	const char *noted, *noted_for;
	struct event events[CHANGES_EVENTS_MAX];
	size_t event_count;
	const struct checkpoint *
	    *fresh;        /* checkpoints not known before, oldest first, for history */
	int64_t *fresh_ms; /* their instants */
	size_t fresh_count;
};

/* Applies report to *shipment in place (its new texts borrow from the report or the arena) and
 * fills *out.  With OUTCOME_QUARANTINED the shipment is untouched. */
void detect(struct shipment *shipment, const struct report *report,
    const struct detect_context *context, struct changes *out, struct arena *arena);
#endif
