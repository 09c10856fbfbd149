/* The ledger of a message: the hash n:{pNN}:m:ID, values ≤ 64 bytes.  Only this file knows its
 * fields:
 * - t state: queued, held, sending, retry | sent, dropped, failed, expired, unknown;
 * - ac account (left out: default), s shipment, r recipient, c channel;
 * - k n st re at no ap so wd b0 b1 qd: the event;
 * - a claims, fa failures, i attempt id, sa claimed at, d ended at, x why;
 * - f 1: an operator asked for another try, age does not matter.
 */
#ifndef APP_LEDGER_H
#define APP_LEDGER_H
#include "notifier/app/history.h"
#include "notifier/app/store.h"

struct ledger {
	const char *state, *account, *shipment_id, *recipient_id;
	enum channel channel;
	struct event event;
	unsigned claims, failures;
	const char *attempt_id, *why;
	int64_t claimed_ms, ended_ms;
	bool is_forced;
};

/* Fills *out (id, hold, fields) for a message that was decided; returns its id. */
const char *ledger_describe(struct decided_message *out, const struct shipment *shipment,
    const struct event *event, const struct history_decision *decision, struct arena *arena);
/* From HGETALL's flat array.  False for an empty or damaged one. */
bool ledger_read(const struct redis_value *flat, struct ledger *out, struct arena *arena);
json_t *ledger_json(const char *message_id, const struct ledger *ledger); /* for the API */
#endif
