/* What the in-memory Redis holds, and how one command or script changes it.  Texts only: nothing
 * that the app stores contains a NUL.
 */
#ifndef TESTS_FAKE_REDIS_DATA_H
#define TESTS_FAKE_REDIS_DATA_H
#include "notifier/base/map.h"
#include "notifier/io/redis.h"

struct item {                     /* of a text (one), list, hash, zset or stream */
	char *key;                /* hash: field, zset: member, stream: the shipment or message */
	char *value;              /* text, list, hash; stream: the last field */
	int64_t number;           /* zset: score, stream: id */
	bool is_pending, is_read; /* stream */
};

struct thing { /* what stands under a key; no items: nothing */
	struct item *items;
	size_t count, capacity;
	int64_t expires_ms; /* wall; 0: never */
	int64_t last_id;
	bool has_group;
};

struct data_call {
	const char *name;
	bool is_script;
	const char **keys, **args; /* of a command: args[0] is its name */
	size_t key_count, arg_count;
	struct arena *arena; /* of the reply */
};

void data_reset(void);
/* Fills *reply, or err for an error reply. */
void data_run(struct data_call *call, struct redis_value *reply, struct err *err);
void scripts_run(struct data_call *call, struct redis_value *reply, struct err *err);

/* --- for the scripts ------------------------------------------------------------------------- */
struct thing *thing_at(const char *key); /* never NULL */
bool thing_exists(const char *key);
void thing_clear(struct thing *thing);
void thing_expire(struct thing *thing, int64_t after_ms); /* no more than what exists expires */
struct item *thing_find(const struct thing *thing, const char *key); /* NULL: not there */
void thing_remove(struct thing *thing, size_t index);
const char *text_get(const char *key); /* NULL: nil */
void text_set(const char *key, const char *value);
const char *hash_get(const char *key, const char *field);
void hash_set(const char *key, const char *field, const char *value);
void zset_add(const char *key, int64_t score, const char *member);
bool zset_remove(const char *key, const char *member);
void list_push(const char *key, const char *value, size_t most);
void stream_add(const char *key, const char *name, const char *value);
bool stream_ack(const char *key, const char *id); /* XACK and XDEL; false: not there */

/* Replies. */
struct redis_value reply_text(struct arena *arena, const char *text); /* NULL: nil */
struct redis_value reply_integer(int64_t number);
void reply_push(struct arena *arena, struct redis_value *array, struct redis_value value);
struct redis_value reply_hash(struct arena *arena, const char *key);
#endif
