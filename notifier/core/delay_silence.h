/* Silence: after how long without a scan is a parcel stalled?  Learned as a quantile of the gaps
 * that this carrier, service and status usually shows, with a floor.
 *
 * Gaps are counted in working days (fractions too), so that a weekend is no silence.
 * Invariant: a threshold is never below its floor; memory is bounded by SILENCE_KINDS_MAX.
 */
#ifndef CORE_DELAY_SILENCE_H
#define CORE_DELAY_SILENCE_H
#include <stdbool.h>
#include <stdint.h>

#include "notifier/base/err.h"
#include "notifier/core/calendar.h"

#define SILENCE_KINDS_MAX     4000 /* carrier x service x status; beyond, the level above speaks */
#define SILENCE_MODEL_VERSION 1

struct silence_rules { /* floors, in working days */
	double domestic_days, cross_border_days;
	double handover_domestic_days, handover_cross_border_days; /* label, but no scan yet */
	double quantile;      /* of the gaps: above it is unusual */
	double least_samples; /* below it the level above (status alone), then the floor speaks */
};
#define SILENCE_RULES_DEFAULT                                                                      \
	{                                                                                          \
		.domestic_days = 3, .cross_border_days = 5, .handover_domestic_days = 2,           \
		.handover_cross_border_days = 5, .quantile = 0.99, .least_samples = 100            \
	}

struct silence_model;
struct silence_model *silence_new(void);
void silence_free(struct silence_model **model);

struct silence_subject {
	const char *carrier, *service; /* service may be NULL */
	const char *status;            /* the status it is silent in: "in_transit" … */
	bool cross_border;
	bool handed_over; /* false: a label without a scan */
	const struct calendar *calendar;
	int offset_s; /* of the place's zone, for where a day begins */
};

/* Working days between two instants, with fractions; 0 when to <= from. */
double silence_days(const struct silence_subject *subject, int64_t from_ms, int64_t to_ms);
/* News ended a silence that began with the news at from_ms. */
void silence_on_gap(struct silence_model *model, const struct silence_subject *subject,
    int64_t from_ms, int64_t to_ms);
/* Working days after which silence is a finding. */
double silence_threshold(const struct silence_model *model, const struct silence_rules *rules,
    const struct silence_subject *subject);
/* The instant at which a parcel whose last news came at last_ms counts as stalled. */
int64_t silence_deadline_ms(const struct silence_model *model, const struct silence_rules *rules,
    const struct silence_subject *subject, int64_t last_ms);

/* Persistence; all as in core/delay.  What all carriers together show stays when one is reset. */
bool silence_export_next(const struct silence_model *model, size_t *at,
    void (*put)(void *arg, const char *key, const char *value), void *arg);
size_t silence_export_pending(struct silence_model *model, size_t most,
    void (*put)(void *arg, const char *key, const char *value), void *arg);
void silence_settle(struct silence_model *model, bool is_stored);
void silence_trust_until(struct silence_model *model, int32_t day);
void silence_import_begin(struct silence_model *model);
CHECK_RESULT bool silence_import(
    struct silence_model *model, const char *key, const char *value, struct err *err);
void silence_import_end(struct silence_model *model, bool is_whole);
void silence_reset(struct silence_model *model, const char *carrier);
size_t silence_entries(const struct silence_model *model);
#endif
