/* Will this parcel be late?  An online hazard model of delivery: age x lane with back-off,
 * weekday, speed of the network now; learned from parcels in flight, day by day.
 *
 * Invariant: all state is sums of increments that carry the weight 2^((day - origin) / half_life);
 * reading divides by the weight of today, so nothing is rewritten only to fade.  Every operation
 * is O(1) in the number of parcels; memory is bounded by DELAY_PLACES_MAX.
 *
 * The order of a day: predictions of day t, then delay_on_day for each parcel that was in flight,
 * then delay_close_day(t).  Days are local days of the destination.
 */
#ifndef CORE_DELAY_H
#define CORE_DELAY_H
#include <stdbool.h>
#include <stdint.h>

#include "notifier/base/err.h"
#include "notifier/base/str.h"
#include "notifier/core/calendar.h"

#define DELAY_AGES                 60 /* days since handover that are told apart; older = the last */
#define DELAY_EXPIRE_DAYS          75 /* older parcels teach nothing any more: stop delay_on_day */
#define DELAY_PLACES_MAX           20000 /* about 1.9 kB each; beyond, the level above speaks */
#define DELAY_COUNTDOWN_DAYS       2     /* before the promise has passed … */
#define DELAY_COUNTDOWN_LEAST_DAYS 3 /* … of parcels that were promised so many days of travel */
#define DELAY_DAY_NONE             INT32_MIN
#define DELAY_MODEL_VERSION        2

struct delay_model;
struct delay_model *delay_new(void);
void delay_free(struct delay_model **model);

/* One lane (or, where regions are unknown, its destination or its carrier and service) with the
 * levels above it.  Lives as long as the model. */
struct delay_place;
/* Interns; never NULL.  service, origin and destination may be NULL or empty: that level is
 * skipped.  Origin and destination are region or country codes, as fine as the caller knows. */
struct delay_place *delay_place(struct delay_model *model, const char *carrier, const char *service,
    const char *origin, const char *destination);

struct delay_trip {
	struct delay_place *place;
	const struct calendar *calendar; /* holidays; NULL = none known */
	int32_t handover_day;            /* first carrier scan */
	int32_t promised_day;            /* inclusive; DELAY_DAY_NONE = no promise */
	int32_t held_days; /* days it did not age: customs, waiting for its recipient */
};

/* P(still undelivered at the end of the promised day), judged at 00:00 of `day` (or at handover
 * with day = handover_day).  1 once the promise has passed; 0 without a promise. */
double delay_p_late(struct delay_model *model, const struct delay_trip *trip, int32_t day);

struct delay_eta {
	int32_t median_day;
	int32_t low_day, high_day; /* the 80 % interval, both inclusive */
	double mass;               /* what was asked of the model for it: for delay_on_eta */
};
void delay_eta(
    struct delay_model *model, const struct delay_trip *trip, int32_t day, struct delay_eta *eta);

/* An interval shown with this mass has held (delivered within it), or has failed: delivered before
 * it, or not by its last day (known a day later, delivered or not).  Once per interval. */
void delay_on_eta(
    struct delay_model *model, struct delay_place *place, int32_t day, double mass, bool held);

/* Deliveries this carrier and service has taught (decayed): the cold start ends at 200. */
double delay_experience(const struct delay_model *model, const struct delay_place *place);

/* Of parcels still on the road DELAY_COUNTDOWN_DAYS before their promise ends, the share that
 * breaks it: whether the countdown rule would tell the truth about this carrier and service. */
double delay_countdown_precision(const struct delay_model *model, const struct delay_place *place);

/* Close of `day` for one parcel that was in flight on it (handed over <= day, undelivered at
 * 00:00).  Returned, cancelled, lost, held at customs or waiting at a pick-up point: do not call
 * it for that day, the parcel has left the risk set.  Call once per parcel and day. */
void delay_on_day(
    struct delay_model *model, const struct delay_trip *trip, int32_t day, bool delivered);
/* Closes the day: recomputes weekday factors, drops caches; `day + 1` is today from now on.
 * Days at or before the last closed one are ignored, which makes a replay after a crash safe
 * where the caller skips delay_on_day for days <= delay_closed_day. */
void delay_close_day(struct delay_model *model, int32_t day);
int32_t delay_closed_day(const struct delay_model *model); /* DELAY_DAY_NONE at first */

/* The carrier took back a delivery on `day` that delay_on_day or delay_on_late_news had taught: it
 * was in flight that day, and is. */
void delay_on_taken_back(
    struct delay_model *model, const struct delay_trip *trip, int32_t delivered_day);

/* Late news: the parcel was delivered on `delivered_day`, but delay_on_day said "in flight" for
 * that day and those after it until `closed_day`.  Adds the delivery to its age and takes back
 * the exposure of the days after it. */
void delay_on_late_news(struct delay_model *model, const struct delay_trip *trip,
    int32_t delivered_day, int32_t closed_day);

/* Persistence: one text per key (a hash field); key and value are borrowed during the call.  The
 * stored entries may be those of several models that learn apart (core/learned): each writes
 * what it has learned on top of what it read last.
 *
 * The export looks at one entry per call, from *at = 0 on, until it answers false; what is empty
 * is not put.  The model may learn between the calls: nothing is put twice or left out for that,
 * but the entries are then of different moments. */
bool delay_export_next(const struct delay_model *model, size_t *at,
    void (*put)(void *arg, const char *key, const char *value), void *arg);
/* Up to `most` entries that have learned something since they were last in step; they are on
 * their way until delay_settle.  Returns how many. */
size_t delay_export_pending(struct delay_model *model, size_t most,
    void (*put)(void *arg, const char *key, const char *value), void *arg);
void delay_settle(struct delay_model *model, bool is_stored);
/* One stored entry, in any order; what was learned here stays on top.  INPUT: an entry of another
 * model version, or damaged; the model is unchanged by it.  Nothing may be on its way.  A load is
 * delay_import_begin, the entries, delay_import_end; with is_whole those of which none came are
 * not stored any more.  What is fixed for the day (P(late) as of 00:00) stays fixed. */
/* Entries of later days are refused: one clock that ran ahead would fade all that was learned.
 * DELAY_DAY_NONE, as at first: none is. */
void delay_trust_until(struct delay_model *model, int32_t day);
void delay_import_begin(struct delay_model *model);
CHECK_RESULT bool delay_import(
    struct delay_model *model, const char *key, const char *value, struct err *err);
void delay_import_end(struct delay_model *model, bool is_whole);
/* Forgets all, or what one carrier taught (NULL: all); places stay valid. */
void delay_reset(struct delay_model *model, const char *carrier);

struct delay_count {                 /* of one carrier and service */
	const char *carrier_service; /* "dhl|express" */
	double deliveries;           /* learned; they fade */
	double intervals, held; /* shown lately, their outcome known; of them those that held */
};
void delay_each_service(const struct delay_model *model,
    void (*visit)(void *arg, const struct delay_count *count), void *arg);
size_t delay_entries(const struct delay_model *model);
#endif
