/* When do scans come?  For every class (carrier + service), believed state, day relative to the
 * ETA, kind of day and local hour: the value of news per minute, learned from what polls find.
 *
 * Belief-state learning: a cell belongs to the state we believed before the poll.  Every event
 * that a poll finds is credited to the believed state at the event's own time; the exposure is
 * the time believed in that state.  So "believed in transit, ETA today, 14 h" contains the
 * deliveries of parcels whose van we have not seen leave.  One number carries all that the
 * polling rule needs; no interval-censoring is needed, because polls return the true times.
 *
 * Invariant: exposure and value never fall below 0; memory is bounded by HAZARD_CLASSES_MAX.
 * Credit and exposure of one poll are independent sums: their order does not matter.
 */
#ifndef CORE_HAZARD_H
#define CORE_HAZARD_H
#include <stdbool.h>
#include <stdint.h>

#include "notifier/base/err.h"
#include "notifier/core/calendar.h"
#include "notifier/core/status.h"

#define HAZARD_MODEL_VERSION 2   /* 1 is read too: rows without the day they are as of */
#define HAZARD_CLASSES_MAX   256 /* 95 kB each; beyond, all share the class "*" */
#define HAZARD_DAY_NONE      INT32_MIN

enum hazard_state {
	HAZARD_PRE_TRANSIT,
	HAZARD_IN_TRANSIT,
	HAZARD_AT_DESTINATION, /* in transit, seen at the last facility */
	HAZARD_OUT_FOR_DELIVERY,
	HAZARD_ATTEMPT_FAILED,
	HAZARD_PICKUP,
	HAZARD_EXCEPTION,
	HAZARD_RETURNING,
	HAZARD_WINDOW, /* out for delivery with an announced window */
	HAZARD_STATES
};
const char *hazard_state_name(enum hazard_state state); /* "in_transit", … */
/* The state for a status.  at_destination: the last facility has scanned it (as far as that is
 * known); window: the carrier announced a delivery window with this status. */
enum hazard_state hazard_state_of(enum status status, bool at_destination, bool window);

struct hazard_model;
struct hazard_model *hazard_new(void);
void hazard_free(struct hazard_model **model);

/* A number for carrier and service; interned, stays valid.  service may be NULL. */
int hazard_class(struct hazard_model *model, const char *carrier, const char *service);

struct hazard_belief { /* what we believe of one parcel */
	int class_index;
	enum hazard_state state;
	int32_t eta_day;                 /* local day; HAZARD_DAY_NONE = not announced */
	int32_t since_day;               /* local day of the last event */
	int offset_s;                    /* local time of the destination, east of UTC */
	int64_t window_ms;               /* with HAZARD_WINDOW: its start */
	const struct calendar *calendar; /* holidays; may be NULL */
};

/* Expected value of news, in value-minutes per minute, per minute, at an instant. */
double hazard_rate(
    const struct hazard_model *model, const struct hazard_belief *belief, int64_t at_ms);
/* The value of all news that this class has shown (it fades): how much it has learned. */
double hazard_experience(const struct hazard_model *model, int class_index);
/* Until when that rate holds: the end of the local hour (or of the hour of the window). */
int64_t hazard_rate_until(const struct hazard_belief *belief, int64_t at_ms);

/* The belief held from from_ms to to_ms (a poll or push ended it, or confirmed it). */
void hazard_learn_exposure(
    struct hazard_model *model, const struct hazard_belief *belief, int64_t from_ms, int64_t to_ms);
/* An event found; value: value-minutes per minute that it goes unseen. */
void hazard_learn_event(
    struct hazard_model *model, const struct hazard_belief *belief, int64_t at_ms, double value);
/* Once a day: every 28 days all sums are halved, so that the model follows the seasons. */
void hazard_on_day(struct hazard_model *model, int32_t day);

/* The value of a minute that an event goes unseen, by kind (POLLING.md, section 1). */
enum hazard_news {
	HAZARD_NEWS_SCAN,
	HAZARD_NEWS_FIRST_SCAN,
	HAZARD_NEWS_OUT_FOR_DELIVERY,
	HAZARD_NEWS_DELIVERED,
	HAZARD_NEWS_ATTEMPT_FAILED,
	HAZARD_NEWS_PICKUP_READY,
	HAZARD_NEWS_EXCEPTION,
	HAZARD_NEWS_CLEARED,
	HAZARD_NEWS_COLLECTED,
	HAZARD_NEWS_RETURNING,
	HAZARD_NEWS_RETURNED,
	HAZARD_NEWS_COUNT
};
double hazard_news_value(enum hazard_news news);

/* How long after an event a carrier shows it: the running median over polls that followed one
 * another closely. */
struct hazard_lag;
struct hazard_lag *hazard_lag_of(struct hazard_model *model, const char *carrier);
void hazard_learn_lag(
    struct hazard_lag *lag, int64_t event_ms, int64_t previous_poll_ms, int64_t poll_ms);
int64_t hazard_lag_ms(const struct hazard_lag *lag);

/* Persistence; all as in core/delay.  A row carries the day it is as of: rows that were written
 * before a halving and after it go together. */
bool hazard_export_next(const struct hazard_model *model, size_t *at,
    void (*put)(void *arg, const char *key, const char *value), void *arg);
size_t hazard_export_pending(struct hazard_model *model, size_t most,
    void (*put)(void *arg, const char *key, const char *value), void *arg);
void hazard_settle(struct hazard_model *model, bool is_stored);
/* Entries of later days are refused: one clock that ran ahead would fade all that was learned.
 * HAZARD_DAY_NONE, as at first: none is. */
void hazard_trust_until(struct hazard_model *model, int32_t day);
void hazard_import_begin(struct hazard_model *model);
CHECK_RESULT bool hazard_import(
    struct hazard_model *model, const char *key, const char *value, struct err *err);
void hazard_import_end(struct hazard_model *model, bool is_whole);
void hazard_reset(struct hazard_model *model, const char *carrier);

/* Every class that has learned something, and every carrier's lag. */
void hazard_each_class(const struct hazard_model *model,
    void (*visit)(void *arg, const char *carrier_service, double news), void *arg);
void hazard_each_lag(const struct hazard_model *model,
    void (*visit)(void *arg, const char *carrier, int64_t lag_ms), void *arg);
size_t hazard_entries(const struct hazard_model *model);
#endif
