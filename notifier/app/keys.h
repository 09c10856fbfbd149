/* The Redis model: the only home of key names.  {pNN} is the hash tag, so that everything of one
 * partition shares a slot of Redis Cluster; those without it belong to no partition.
 *
 *   n:{pNN}:s:ID              string  "VERSION JSON": the shipment (app/shipment_json)
 *   n:{pNN}:h:ID              string  its history, a line per record (app/history)
 *   n:{pNN}:num:ACCOUNT:NUM   string  → id of the shipment that has the number now
 *   n:{pNN}:due:CARRIER       zset    next poll (ms) → shipment id
 *   n:{pNN}:clock             zset    next deadline, held message, retry (ms) → shp_… or msg_…
 *   n:{pNN}:events, :outbox   streams with groups decide, deliver; consumer "owner"
 *   n:{pNN}:m:ID              hash    one message's ledger (app/ledger)
 *   n:{pNN}:failed            zset    when (ms) → message that failed for good
 *   n:{pNN}:unmatched:A:NUM   list    webhooks about numbers nobody registered, 7 d
 *   n:{pNN}:quarantine        stream  what could not be parsed or believed, 14 d
 *   n:{pNN}:owner, :epoch     string  lease "WORKER EPOCH" with a TTL; integer
 *   n:{pNN}:seen:A:KEY        string  what became of an Idempotency-Key, 1 d (app/api_idempotency)
 *   n:lim:CARRIER             hash    rate tokens, calls of the day, blocked until
 *   n:workers                 zset    worker id → last sign of life (ms)
 *   n:keys                    hash    SHA-256 of an API key → JSON
 *   n:model:NAME              hash    what was learned (app/foresight): entry → text with a
 * version; ~revision: the last writers and their saves
 */
#ifndef APP_KEYS_H
#define APP_KEYS_H
#include <stddef.h>
#include <stdint.h>

#include "notifier/base/mem.h"
#include "notifier/base/str.h"

#define PARTITIONS   64
#define ID_BYTES     24 /* "shp_" + 2 hex digits of the partition + 14 base32 digits + NUL, rounded */
#define KEY_LIMITS   "n:lim:"
#define KEY_WORKERS  "n:workers"
#define KEY_API_KEYS "n:keys"
#define KEY_MODEL    "n:model:"

#define GROUP_DECIDE  "decide"
#define GROUP_DELIVER "deliver"
#define CONSUMER      "owner"

#define UNMATCHED_TTL_MS   (7 * 24 * 3600 * INT64_C(1000))
#define QUARANTINE_TTL_MS  (14 * 24 * 3600 * INT64_C(1000))
#define FINISHED_TTL_MS    (90 * 24 * 3600 * INT64_C(1000))
#define IDEMPOTENCY_TTL_MS (24 * 3600 * INT64_C(1000))
#define HISTORY_MAX        64

/* Numbers are told apart without regard to spaces and letter case: carriers, couriers and people
 * write the same one differently. */
unsigned key_partition(const char *account, const char *number);
/* -1 for text that is no id of ours. */
int key_partition_of_id(const char *id);
/* A fresh random shipment id; a message id from what makes a message unique (a retry of any part
 * of the pipeline computes the same one). */
void key_new_shipment_id(char out[ID_BYTES], unsigned partition);
struct message_identity {
	const char *account, *shipment_id, *event, *recipient_id, *channel;
	int64_t sequence;
};
void key_message_id(
    char out[ID_BYTES], unsigned partition, const struct message_identity *identity);
void key_sha256_hex(char out[65], const void *bytes, size_t len);

/* "n:{p1f}:NAME" or "n:{p1f}:NAME:REST…" in the arena. */
struct str key_of(struct arena *arena, unsigned partition, const char *name);
struct str key_with(struct arena *arena, unsigned partition, const char *name, const char *rest);
/* The key of a number: spaces gone, letters upper case. */
struct str key_of_number(struct arena *arena, unsigned partition, const char *name,
    const char *account, const char *number);
struct str key_with2(struct arena *arena, unsigned partition, const char *name, const char *account,
    const char *number);
#endif
