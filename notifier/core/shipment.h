/* A shipment: one tracked parcel as we believe it to be, and the events that came of it.
 *
 * A plain value.  Everything it points to belongs to one arena, chosen by whoever loads it.  It is
 * stored and loaded by app/store; detect, deadline and cadence change it; nothing here does I/O.
 * Instants are ms UTC; 0 means "not yet".
 */
#ifndef CORE_SHIPMENT_H
#define CORE_SHIPMENT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notifier/core/report.h"
#include "notifier/core/status.h"
#include "notifier/core/zone.h"

/* This one and enum source: new ones go to the end, histories hold their numbers. */
enum channel { CHANNEL_EMAIL, CHANNEL_SMS, CHANNEL_COUNT };
const char *channel_name(enum channel channel); /* "email", "sms" */
bool channel_parse(struct str name, enum channel *out);

struct recipient {
	const char
	    *id; /* the caller's, or a hash of the first contact; stays when the contact changes */
	const char *name, *email, *phone, *language, *zone; /* NULL: not given */
	/* The merchant's statement of what the recipient wants, a bit (1u << enum channel) each.
	 * Not stated: e-mail if there is an address. */
	bool channels_stated;
	unsigned channels;
};
bool recipient_wants(const struct recipient *recipient, enum channel channel);
/* The address for a channel, or NULL. */
const char *recipient_contact(const struct recipient *recipient, enum channel channel);

struct address {                                 /* only what cadence, delay and zones need */
	const char *country, *region, *postcode; /* country: ISO 3166-1 alpha-2 */
};

/* Bits of shipment.flags */
#define SHIPMENT_MOVED          0x01u  /* a first real scan was seen: `shipped` has happened */
#define SHIPMENT_DELAY_OPEN     0x02u  /* a delay was reported and is not over */
#define SHIPMENT_STALLED        0x04u  /* the present silence was reported */
#define SHIPMENT_PROMISE_MISSED 0x08u  /* the promised date passed, and that was reported */
#define SHIPMENT_PUSHED         0x10u  /* a webhook has brought news: polls are insurance */
#define SHIPMENT_PREDICTED      0x20u  /* delay_predicted was reported */
#define SHIPMENT_STALLED_AGAIN  0x40u  /* … and reported once more: that was the last word */
#define SHIPMENT_PREDICTED_OVER 0x80u  /* … and the danger was over */
#define SHIPMENT_TAUGHT         0x100u /* its delivery was learned from, on forecast.taught_day */
#define SHIPMENT_AT_DESTINATION 0x200u /* scanned where vans start: core/last_stop */
#define SHIPMENT_JUDGED         0x400u /* whether it kept its promise was counted */
#define SHIPMENT_FORETOLD       0x800u /* a predicted delay was noted, because worse was said */

#define SHIPMENT_SEEN_MAX 24
/* Fingerprints are this short: among 24 of one parcel 40 bits do not collide, and they are stored.
 */
#define SHIPMENT_FINGERPRINT_MASK UINT64_C(0xffffffffff)

#define FORECAST_BINS 10
struct forecast {           /* what core/foretell keeps of a parcel; days are local, 0: none */
	int32_t tick_day;   /* the newest day begun: those before it are taught */
	int32_t judged_day; /* the newest day judged */
	int32_t held_days;  /* on which it did not travel: customs, waiting for its recipient … */
	int32_t held_from;  /* … not counting those since this one, while it is held */
	int32_t taught_day; /* of the delivery that was taught */
	unsigned p_late;    /* on judged_day, in thousandths */
	unsigned highest_p; /* the highest so far */
	int32_t low_day, high_day; /* the 80 % interval of its delivery, as of judged_day */
	struct {                   /* the interval shown at the handover, until its outcome */
		int32_t low_day, high_day;
		unsigned mass; /* in thousandths; 0: none, or the outcome is known */
	} first;
	int32_t alert_day;                 /* when delay_predicted was said */
	int64_t alert_eta_s;               /* the end of the carrier's estimate then; 0: none */
	unsigned char said[FORECAST_BINS]; /* days on which P(late) was 0.0 …, 0.1 …, … 0.9 … */
};

struct shipment {
	int64_t version; /* of the stored state; 0: not stored yet */
	const char *id, *account, *number;
	const char *carrier, *actual_carrier, *service, *order_number;
	const char *zone; /* the destination's, as registered; NULL: UTC */
	struct address origin, destination;
	struct eta promised; /* by the merchant: dates or instants */
	struct recipient *recipients;
	size_t recipient_count;
	const char *metadata; /* compact JSON, ours to keep and give back */
	int64_t created_ms;

	/* --- what we believe --- */
	enum status status;
	enum reason reason;
	int64_t since_ms;       /* instant of the checkpoint that brought the status */
	bool since_approximate; /* its zone was not known: ± 14 h */
	int64_t newest_ms;      /* instant of the newest checkpoint of any kind */
	int64_t heard_ms;       /* when something new last arrived here; silence counts from it */
	struct eta eta;         /* the carrier's latest */
	int64_t
	    expected_ms; /* the end of the window that people were last led to expect; 0: none */
	int64_t
	    worst_ms;   /* the latest end that `delayed` ever told: flapping below it is no news */
	int64_t out_ms; /* scan of the last out_for_delivery that was an event */
	int64_t attempted_ms; /* scan of the last attempt_failed that was an event */
	int64_t stalled_ms;   /* when the present silence was first reported */
	int64_t delivered_ms;
	const char *delivered_place;
	struct {
		const char *name, *address, *until, *code;
	} pickup;
	struct {
		const char *amount, *currency, *due;
	} duties;
	unsigned flags;
	int64_t handover_ms; /* the first scan on the road; 0: none yet */
	struct forecast forecast;
	int64_t last_scan;   /* core/last_stop: of the newest scan on the road; 0: none */
	int64_t finished_ms; /* reached a final status (arrival here); 0: unfinished */

	/* --- events --- */
	int64_t sequence;           /* of the last event */
	int64_t superseding;        /* sequence of the last event that supersedes older ones */
	enum event_kind last_event; /* its kind */
	enum reason last_reason;    /* its reason */

	/* --- checkpoints already known: fingerprints of the newest ones --- */
	uint64_t seen[SHIPMENT_SEEN_MAX];
	int64_t seen_ms[SHIPMENT_SEEN_MAX]; /* their instants */
	size_t seen_count;
	int64_t
	    seen_floor_ms; /* what is as old as this and not in seen[] is known or of no interest */

	/* --- polling and the clock --- */
	int64_t polled_ms; /* last poll that was answered and changed something */
	unsigned poll_failures;
	uint64_t body_hash; /* of the last answer about this number alone; 0: none */
	int64_t next_poll_ms;
	const char *next_poll_why;
	int64_t deadline_ms; /* NEVER_MS: none */
};

/* Everything copied into the arena, so that changes can be thrown away. */
struct shipment *shipment_copy(const struct shipment *shipment, struct arena *arena);
bool shipment_is_finished(const struct shipment *shipment);

enum source { SOURCE_POLL, SOURCE_WEBHOOK, SOURCE_CLOCK, SOURCE_API, SOURCE_COUNT };
const char *source_name(enum source source);

struct event { /* a change worth knowing */
	enum event_kind kind;
	int64_t sequence;
	enum status status; /* of the shipment after it */
	enum reason reason;
	int64_t at_ms;      /* when it happened, by the carrier's clock (or ours, for the clock) */
	int64_t noticed_ms; /* when we learned of it */
	bool approximate;
	enum source source;
	enum status withdrawn;     /* corrected: what the carrier took back */
	struct eta eta_before;     /* delayed, delay_over, delay_predicted */
	int quiet_days;            /* stalled */
	int32_t low_day, high_day; /* delay_predicted: when we expect it instead; 0: not known */
};

/* A moment as people write it: a date, an instant, or a local time.  `end` asks for the end of a
 * date (24:00) rather than its start.  0 when text is NULL or no time. */
int64_t moment_instant(const char *text, const struct zone *zone, bool end);
int64_t eta_end_ms(const struct eta *eta, const struct zone *zone); /* `to`, else `from`; 0: none */
bool eta_is_set(const struct eta *eta);
#endif
