/* Decisions: may this event become a message to this recipient on this channel, now, later, or
 * not at all, and why.  The reason is a name: it is the log field, the metric's label and what
 * `explain` shows.  Pure; the ledger that makes a message unique is kept by whoever executes.
 */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H
#include "notifier/core/shipment.h"

/* X(ENUM, "name", "what a person reads").  New rows go to the end: histories hold their numbers. */
#define DECISION_ROWS(X)                                                                           \
	X(NEWS, "news", "it is news for this recipient")                                           \
	X(SETTLING, "settling", "late news waits a moment for what may replace it")                \
	X(CORRECTION_HOLD, "correction_hold", "the carrier may take it back once more")            \
	X(NO_CONSENT, "no_consent", "the recipient is not signed up for this channel")             \
	X(NO_CONTACT, "no_contact", "there is no address for this channel")                        \
	X(BAD_CONTACT, "bad_contact", "the address cannot exist")                                  \
	X(NO_CHANNEL, "no_channel", "the account has no provider for this channel")                \
	X(DUPLICATE, "duplicate", "this message exists already")                                   \
	X(SUPERSEDED, "superseded", "something newer has happened to the parcel")                  \
	X(TOO_OLD, "too_old", "the news is too old to be worth a message")                         \
	X(EVENT_OFF, "event_off", "the operator switched messages for this event off")             \
	X(NO_TEMPLATE, "no_template", "there is no template for this event and channel")           \
	X(ERASED, "erased", "the shipment or recipient was erased")

enum decision_why {
#define X(enumerator, name, text) WHY_##enumerator,
	DECISION_ROWS(X)
#undef X
	    WHY_COUNT
};
const char *decision_why_name(enum decision_why why);
const char *decision_why_text(enum decision_why why);
bool decision_why_parse(struct str name, enum decision_why *out);

enum verdict { VERDICT_SEND, VERDICT_HOLD, VERDICT_DROP };
const char *verdict_name(enum verdict verdict); /* "send", "hold", "drop" */

struct policy {                      /* of an account */
	uint32_t events_on;          /* bit (1u << enum event_kind) */
	unsigned channels_available; /* bit (1u << enum channel) */
	/* News that is already older than settle_lag_ms when it reaches us comes from a backlog or
	 * out of order: it waits settle_ms, so that one message tells the whole of it.  Lasting
	 * news (delivered) does not wait. */
	int64_t settle_lag_ms, settle_ms;
	int64_t correction_hold_ms; /* how long `corrected` waits for another turn; 0: not at all */
	int64_t lifetime_ms[EVENT_COUNT]; /* 0: the default of status.def */
};
void policy_defaults(struct policy *policy);

struct decision {
	enum verdict verdict;
	enum decision_why why;
	int64_t until_ms; /* HOLD */
};
struct decision_query {
	const struct event *event;
	const struct shipment *shipment;   /* as it is now */
	const struct recipient *recipient; /* NULL: gone (erased or replaced) */
	enum channel channel;
	const struct policy *policy;
	int64_t now_ms;
	bool is_claimed; /* the last look before sending: holds are over */
};
struct decision policy_decide(const struct decision_query *query);
/* The instant after which this event is not worth telling any more. */
int64_t policy_not_after(const struct event *event, const struct policy *policy);
#endif
