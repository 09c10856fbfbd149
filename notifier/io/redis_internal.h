/* What redis.c (commands and states), redis_link.c (the connection), redis_reply.c (what Redis
 * says) and redis_script.c (what we say) share.  Include it before hiredis: its macro REDIS_OK and
 * our constant have the same value.
 *
 * Invariant: in_flight holds the operations in the order in which hiredis will call back, and every
 * one of them ends exactly once: with its reply, or when the connection is gone.
 */
#ifndef IO_REDIS_INTERNAL_H
#define IO_REDIS_INTERNAL_H
#include "notifier/io/redis.h"

struct redisReply;
struct redisAsyncContext;
struct redis_link; /* the uv_poll of one connection */
struct resolver;
struct resolve_query;

struct redis_op {
	struct await await; /* no flow: one of our own commands, or cancelled */
	struct list link;   /* in redis->in_flight or redis->spare */
	struct redis *redis;
	struct redis_value *out;
	struct redis_script *script; /* EVAL can still be tried */
	struct buf tail;             /* of EVALSHA, in RESP: the same for EVAL */
	size_t tail_count;
	/* Of our own commands (greeting, probe); NULL: a flow's. */
	void (*ours)(struct redis *redis, const struct redisReply *reply);
	int64_t sent_ms;
	uint64_t number; /* counts up over all commands */
};

struct redis_address { /* the URL, taken apart; text belongs to it */
	char *host, *socket_path, *user, *password;
	int port, database;
};

struct redis {
	struct redis_options options;
	struct redis_address address;
	enum redis_state state;
	int64_t state_seen_ms;             /* when a reply last said so */
	int64_t hold_ms;                   /* how long it stays after that, whatever a probe says */
	struct redisAsyncContext *context; /* NULL: waiting to connect */
	struct redis_link *link;
	struct resolver *resolver; /* only where the host is a name */
	struct resolve_query *query;
	uv_prepare_t before_wait; /* writes what a turn of the loop has collected */
	bool is_ready, is_connected, is_closing, is_probing;
	enum redis_state verdict; /* why the connection must end; REDIS_OK: not judged */
	char why[160];
	int attempts;
	int64_t ready_since_ms;
	struct timer reconnect, probe, watchdog;
	struct list in_flight, spare;
	size_t in_flight_count, spare_count;
	uint64_t last_number, written_number;
	struct arena *scratch; /* the reply that is being read */
	struct buf command;    /* the command that is being written */
};

struct redis_fault { /* what an error reply means; first match of its first words */
	const char *words;
	enum redis_state state; /* REDIS_OK: says nothing about Redis's health */
	enum err_kind kind;
	int64_t hold_ms; /* the state outlives its last mention by this, whatever a probe says */
};

/* Tests shorten it. */
extern int64_t redis_reply_deadline_ms;

/* --- redis.c ---------------------------------------------------------------------------------- */
struct redis_op *redis_op_new(struct redis *redis, struct flow *flow, struct redis_value *out);
/* Sends redis->command as op.  False: the connection is going down; op is untouched. */
bool redis_op_send(struct redis *redis, struct redis_op *op);
struct await *redis_op_refuse(struct redis *redis, struct redis_op *op);
/* The memory stays readable until the next redis_op_new: await_done may follow. */
void redis_op_release(struct redis_op *op);
bool redis_is_written(const struct redis *redis); /* the oldest command has left this process */
/* Ends everything in flight: what was written as `written` says, the rest is ERR_TRANSIENT. */
void redis_in_flight_fail(struct redis *redis, enum err_kind written, const char *text);
void redis_spare_trim(struct redis *redis, size_t keep);
void redis_state_set(struct redis *redis, enum redis_state state);
void redis_fault_noticed(struct redis *redis, const struct redis_fault *fault, const char *text);
void redis_health_noticed(struct redis *redis); /* a write was answered well */

/* --- redis_link.c ----------------------------------------------------------------------------- */
#define REDIS_PROBE_MS 500
void redis_link_on_reconnect(struct timer *timer);
void redis_link_on_probe(struct timer *timer);
void redis_link_on_watchdog(struct timer *timer);

/* --- redis_reply.c ---------------------------------------------------------------------------- */
const struct redis_fault *redis_fault_of(const char *text);
void redis_reply_hooks(struct redis *redis); /* replies of redis->context are built in scratch */
void redis_reply_copy(struct redis_value *out, const struct redisReply *reply, struct arena *arena);

/* --- redis_address.c -------------------------------------------------------------------------- */
bool redis_address_parse(struct redis_address *address, const char *url, struct err *err);
void redis_address_free(struct redis_address *address);

/* --- redis_script.c --------------------------------------------------------------------------- */
void redis_format(struct buf *out, const struct str *args, size_t count);
void redis_format_texts(struct buf *out, const char *const *args, size_t count);
/* Sends the script whole, for an operation that was answered NOSCRIPT. */
bool redis_script_again(struct redis *redis, struct redis_op *op);
#endif
