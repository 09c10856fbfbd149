/* What follows from a change of a shipment, whoever brought it: the next poll, the next deadline,
 * the history records, the metrics.  Pure but for the metrics; shared by ingest, poll and sweep.
 */
#ifndef APP_APPLY_H
#define APP_APPLY_H
#include "notifier/app/world.h"
#include "notifier/core/detect.h"

struct apply { /* one attempt at one transition; memory in the flow's arena */
	struct world *world;
	const struct config *config;
	struct arena *arena;
	struct shipment *shipment;
	bool was_unfinished; /* before the report */
	bool is_look;        /* a poll or push was answered now: the next look counts from here */
	struct sight sight;  /* what was believed before */
	struct foretell_result foretold; /* of the parcel's day */
	struct changes changes;
	struct commit commit;
	unsigned repeats; /* of the commit */
};

/* detect() with the zones of configuration and shipment. */
void apply_detect(
    struct apply *apply, const struct report *report, enum source source, int64_t now_ms);
/* The same, then apply_finish where something has changed. */
void apply_report(
    struct apply *apply, const struct report *report, enum source source, int64_t now_ms);
/* Judges the parcel's day (delays foreseen), plans poll and deadline and fills apply->commit from
 * apply->changes. */
void apply_finish(struct apply *apply, enum source source, int64_t now_ms);
/* After a successful commit: counts events and lag, nudges the partition. */
void apply_committed(struct apply *apply, enum source source);
/* After a commit that failed: perhaps it was made, and only its answer is lost.  A pause, after
 * which it is sent again: the script knows its own, and what follows from it is not lost.  NULL:
 * enough; its claim runs out. */
struct await *apply_pause(struct apply *apply, struct flow *flow);
/* Sets next_poll_ms and next_poll_why of apply->shipment from the cadence. */
void apply_cadence(struct apply *apply, int64_t now_ms);
#endif
