/* When to speak of a predicted delay: once per parcel, by a rule the operator chooses, and once
 * more when the danger is over.
 * Invariant: per promise at most one DELAY_ALERT, and at most one DELAY_OVER after it.
 */
#ifndef CORE_DELAY_ALERT_H
#define CORE_DELAY_ALERT_H
#include <stdbool.h>
#include <stdint.h>

#include "notifier/base/err.h"
#include "notifier/core/delay.h"
#include "notifier/core/learned.h"

enum delay_rule_kind {
	DELAY_TWO_ZONES, /* one threshold while the promise is far, a lower one when it is near */
	DELAY_BUDGET     /* a share of false alerts, kept by a threshold that tunes itself */
};

struct delay_rule {
	enum delay_rule_kind kind;
	double far_threshold, near_threshold;
	int near_days;          /* "near": at most so many days until the promise has passed */
	double budget;          /* share of on-time parcels that may be alerted wrongly */
	double over_threshold;  /* an alert is taken back when P(late) falls below */
	double cold_deliveries; /* below this experience the countdown rule speaks */
	/* Cold: undelivered so many days before the promise has passed … */
	int countdown_days;
	/* … speaks only while it has been right so often. */
	double countdown_precision;
};

/* DELAYS.md, section 6: the settings measured best. */
#define DELAY_RULE_DEFAULT                                                                         \
	{                                                                                          \
		.kind = DELAY_TWO_ZONES, .far_threshold = 0.65, .near_threshold = 0.50,            \
		.near_days = 3, .budget = 0.05, .over_threshold = 0.25, .cold_deliveries = 200,    \
		.countdown_days = DELAY_COUNTDOWN_DAYS, .countdown_precision = 0.5                 \
	}
/* "two-zone" or "budget=0.05" (between 0 and 1). */
CHECK_RESULT bool delay_rule_parse(struct delay_rule *rule, const char *text, struct err *err);

#define DELAY_TUNER_VERSION 1

/* What BUDGET learns: the highest P(late) ever shown of parcels that came in time. */
struct delay_tuner { /* all zero = new */
	struct histogram highest;
	int32_t trusted_day; /* stored days after it are refused; 0: none are */
	struct learned learned;
};
void delay_tuner_free(struct delay_tuner *tuner); /* what it holds; new afterwards */
/* Call for every parcel delivered in time, whatever the rule: the operator may change his mind. */
void delay_tuner_on_time(struct delay_tuner *tuner, double highest_p, int32_t day);
double delay_tuner_threshold(const struct delay_tuner *tuner, double budget);
/* Persistence, as in core/delay; one entry. */
void delay_tuner_export(const struct delay_tuner *tuner, struct buf *out);
CHECK_RESULT bool delay_tuner_import(struct delay_tuner *tuner, const char *value, struct err *err);
void delay_tuner_forget(struct delay_tuner *tuner); /* it is not stored (any more) */

struct delay_watch { /* of one parcel; all zero at first; reset when the promise changes */
	double highest_p;
	bool alerted, over;
};

struct delay_signs { /* of one parcel, one tick */
	double p_late;
	double experience; /* delay_experience of its carrier and service */
	int32_t day;
	int32_t handover_day;
	int32_t promised_day;       /* inclusive */
	double countdown_precision; /* delay_countdown_precision */
	bool carrier_keeps_it;   /* the carrier's estimate, not passed yet, keeps the promise … */
	bool carrier_eta_is_new; /* … and was given after the alert */
};

enum delay_verdict { DELAY_SILENT, DELAY_ALERT, DELAY_IS_OVER };
enum delay_verdict delay_judge(const struct delay_rule *rule, const struct delay_tuner *tuner,
    struct delay_watch *watch, const struct delay_signs *signs);
#endif
