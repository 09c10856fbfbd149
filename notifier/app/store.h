/* The store: every transition of shipments and messages, each one script of app/scripts.
 *
 * Starting functions return what a flow awaits; the reply lands in a struct redis_value of the
 * caller, and the matching store_read_… makes it into domain values in the flow's arena.  All
 * scripts are idempotent: one whose reply was lost may be sent again.
 */
#ifndef APP_STORE_H
#define APP_STORE_H
#include "notifier/app/keys.h"
#include "notifier/app/lease.h"
#include "notifier/app/shipment_json.h"
#include "notifier/io/redis.h"

#define STORE_WAIT_MS 15000 /* the deadline of an await on the store */
#define STORE_SOON_MS 2000  /* the same where somebody waits for an answer: told soon (503) */

struct store {
	struct redis *redis;
};

/* --- shipments -------------------------------------------------------------------------------- */
struct await *store_find(struct store *store, struct flow *flow, const char *account,
    const char *number, struct redis_value *out);
struct await *store_get(
    struct store *store, struct flow *flow, const char *id, struct redis_value *out);
/* *shipment NULL: there is none.  False: damaged data (err). */
bool store_read_shipment(const struct redis_value *value, struct arena *arena,
    struct shipment **shipment, struct err *err);

struct commit { /* one transition; the texts are borrowed until the call returns */
	const struct shipment *shipment; /* with the version that was loaded (0: new) */
	const struct event *events;
	size_t event_count;
	const char *history; /* its lines (app/history); NULL: none */
	bool keeps_poll;     /* the next poll is what it was: leave the due list alone */
	bool keeps_life;     /* was and is unfinished: leave the TTLs alone */
	bool takes_number;   /* registration: the number's index must hold `holder` now */
	const char *holder;  /* id of the finished shipment that has it; NULL: nobody */
	const struct redis_value
	    *unmatched;             /* with takes_number: the webhooks that were taken in */
	const char *carrier_before; /* NULL: the same */
	int64_t now_ms;
};
struct await *store_commit(
    struct store *store, struct flow *flow, const struct commit *commit, struct redis_value *out);
bool store_read_committed(const struct redis_value *value); /* false: version conflict */

struct await *store_plan(struct store *store, struct flow *flow, const struct shipment *shipment,
    int64_t next_poll_ms, struct redis_value *out);
/* When it is polled next (a text of ms), also where it was planned without being stored. */
struct await *store_next_poll(struct store *store, struct flow *flow,
    const struct shipment *shipment, struct redis_value *out);
struct await *store_erase(struct store *store, struct flow *flow, const struct shipment *shipment,
    struct redis_value *out);
struct await *store_history(
    struct store *store, struct flow *flow, const char *id, struct redis_value *out);

/* --- what is nobody's ------------------------------------------------------------------------- */
struct await *store_keep_unmatched(struct store *store, struct flow *flow, const char *account,
    const char *number, const char *record,
    struct redis_value *out); /* integer 0: registered now */
struct await *store_unmatched(struct store *store, struct flow *flow, const char *account,
    const char *number, struct redis_value *out);
struct quarantined {
	const char *account, *carrier, *why;
	struct str body;
	int64_t now_ms;
};
struct await *store_quarantine(struct store *store, struct flow *flow,
    const struct quarantined *quarantined, struct redis_value *out);

/* --- work of a partition; every one of these is refused when the lease is lost ------------------
 */
struct await *store_lease(struct store *store, struct flow *flow, const struct lease *lease,
    bool take_if_free, struct redis_value *out);
struct await *store_release(
    struct store *store, struct flow *flow, const struct lease *lease, struct redis_value *out);
bool store_is_fenced(const struct redis_value *value); /* the lease is not ours any more */

struct await *store_read_events(struct store *store, struct flow *flow, const struct lease *lease,
    bool own_pending, unsigned count, struct redis_value *out);
struct decided_message {
	const char *id;
	int64_t hold_until_ms;     /* 0: to the outbox */
	const char *const *fields; /* name, value, … */
	size_t field_count;        /* both counted */
};
struct decided_event {
	struct str entry, shipment_id;
	const char *record; /* of the history, or "" */
	struct decided_message *messages;
	size_t message_count;
};
struct await *store_decide(struct store *store, struct flow *flow, const struct lease *lease,
    const struct decided_event *events, size_t count, struct redis_value *out);

struct claim_query {
	const char *start; /* an entry id: our own pending ones after it; ">": what is new */
	unsigned most;
	const char *attempt_id;
};
struct await *store_claim(struct store *store, struct flow *flow, const struct lease *lease,
    const struct claim_query *query, struct redis_value *out);
struct receipt {
	unsigned partition;
	struct str entry;
	const char *message_id, *attempt_id, *shipment_id, *state;
	int64_t until_ms; /* retry: when; 0 otherwise */
	int64_t now_ms;
	const char *record;
	const char *const *fields;
	size_t field_count;
};
struct await *store_receipt(
    struct store *store, struct flow *flow, const struct receipt *receipt, struct redis_value *out);

struct due_query {
	const char *carrier;
	unsigned most, riders; /* riders: as many of `most` as may come along early */
	int64_t now_ms;
};
struct await *store_due(struct store *store, struct flow *flow, const struct lease *lease,
    const struct due_query *query, struct redis_value *out);
struct await *store_clock(struct store *store, struct flow *flow, const struct lease *lease,
    unsigned most, int64_t now_ms, struct redis_value *out);

/* --- messages -----------------------------------------------------------------------------------
 */
struct await *store_message(
    struct store *store, struct flow *flow, const char *message_id, struct redis_value *out);
struct await *store_requeue(struct store *store, struct flow *flow, const char *message_id,
    const char *verb, const char *record, struct redis_value *out);

/* --- carriers' limits
 * ----------------------------------------------------------------------------- */
struct quota_query {
	const char *carrier;
	double per_second; /* 0: no limit */
	int per_day;
	int64_t now_ms;
};
struct await *store_quota(struct store *store, struct flow *flow, const struct quota_query *query,
    struct redis_value *out); /* integer: how many ms to wait; 0: go */
struct await *store_block(struct store *store, struct flow *flow, const char *carrier,
    int64_t until_ms, struct redis_value *out);
#endif
