/* Foretelling: once a day, will this parcel break its promise?  Between the pure models (delay,
 * delay_alert) and the shipment: which day it is, what was already said, what becomes an event.
 * Invariant: a day of a parcel is judged once and taught once; `forecast.tick_day`
 * of the shipment is the newest one judged.
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
	const struct zone *zone;         /* the destination's */
	const struct calendar *calendar; /* the destination's; NULL: the usual week, no holidays */
	int64_t now_ms;
	enum source source;
};

enum foretell_outcome { FORETELL_OPEN, FORETELL_IN_TIME, FORETELL_LATE };

/* What a day taught: to be given to foretell_learn when the shipment is stored. */
struct foretell_lesson {
	struct delay_trip trip;   /* place NULL: nothing */
	int32_t from_day, to_day; /* in flight on from_day … to_day - 1 */
	int32_t delivered_day;    /* DELAY_DAY_NONE: not yet */
	int32_t taken_back_day;   /* of a delivery taught before; 0: none */
	int32_t eta_day;
	double eta_mass; /* the interval shown at handover, when its outcome became known; */
	bool eta_held;   /* 0: it did not */
	/* The promise, when its outcome became known, and what was said until then. */
	enum foretell_outcome outcome;
	bool was_alerted;
	int32_t lead_days; /* of the alert, before the promise ended */
	double highest_p;
	unsigned char said[FORECAST_BINS]; /* days on which P(late) was 0.0 …, 0.1 …, … */
};

/* Of the last thing foretell_day said or held back, for the history: "P(late) 71 %, …" */
#define FORETELL_WHY_BYTES 192
struct foretell_result {
	struct foretell_lesson lesson;
	const char *what;             /* "delay_predicted", "delay_over", "noted"; NULL: nothing */
	char why[FORETELL_WHY_BYTES]; /* with what */
};

/* When the next day of this parcel begins to be judged, spread over the early morning; NEVER_MS:
 * not handed over yet, finished, or too old to teach. */
int64_t foretell_next_ms(const struct shipment *shipment, const struct zone *zone);
/* Judges the present day, if that was not done: perhaps adds an event to *out.  Call it on every
 * change too: a delivery is taught with the commit that knows of it. */
void foretell_day(struct shipment *shipment, const struct foretell *foretell, struct changes *out,
    struct foretell_result *result);
/* Another promise was given: what was said about the old one, by us or the clock, is forgotten. */
void foretell_forget(struct shipment *shipment);
void foretell_learn(
    struct delay_model *model, struct delay_tuner *tuner, const struct foretell_lesson *lesson);
#endif
