/* Foretelling: once a day, will this parcel break its promise?  Between the pure models (delay,
 * delay_alert) and the shipment: which day it is, what was already said, what becomes an event.
 * Invariant: a day of a parcel is judged once and taught once; `tick_day` of the shipment is the
 * newest one judged.
 */
#ifndef CORE_FORETELL_H
#define CORE_FORETELL_H
#include "notifier/core/delay.h"
#include "notifier/core/delay_alert.h"
#include "notifier/core/detect.h"

struct foretell {
	struct delay_model *model;
	const struct delay_rule *rule;
	const struct delay_tuner *tuner;
	const struct zone *zone; /* the destination's */
	int64_t now_ms;
	enum source source;
};

/* What a day taught: to be given to foretell_learn when the shipment is stored. */
struct foretell_lesson {
	bool is_due;
	struct delay_trip trip;
	int32_t from_day, to_day; /* in flight on from_day … to_day - 1 */
	int32_t delivered_day;    /* DELAY_DAY_NONE: not yet */
	bool was_alerted;
	double highest_p;
};

/* Of the last thing foretell_day said or held back, for the history: "P(late) 71 %, …" */
#define FORETELL_WHY_BYTES 128
struct foretell_result {
	struct foretell_lesson lesson;
	const char *what;             /* "delay_predicted", "delay_over", "noted"; NULL: nothing */
	char why[FORETELL_WHY_BYTES]; /* with what */
};

/* When the next day of this parcel begins to be judged, spread over the early morning; NEVER_MS:
 * not handed over yet, without a promise, finished, or too old to teach. */
int64_t foretell_next_ms(const struct shipment *shipment, const struct zone *zone);
/* Judges the present day, if that was not done: perhaps adds an event to *out.  Call it on every
 * change too: a delivery is taught with the commit that knows of it. */
void foretell_day(struct shipment *shipment, const struct foretell *foretell, struct changes *out,
    struct foretell_result *result);
void foretell_learn(
    struct delay_model *model, struct delay_tuner *tuner, const struct foretell_lesson *lesson);
#endif
