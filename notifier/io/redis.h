/* One pipelined connection to Redis, with named states.
 *
 * Every command is an operation that a flow awaits; many flows together fill the pipeline, which
 * is what makes `appendfsync always` cheap (one fsync per batch).  The connection heals itself
 * (backoff 0.1 → 1 s with jitter).  A command whose reply was lost fails with ERR_AMBIGUOUS: it
 * may have run; every script of ours can be sent again.  Not connected: ERR_TRANSIENT at once.
 *
 * Our own adapter, not hiredis's libuv.h: 0.14's never notices a Redis that was killed under load.
 */
#ifndef IO_REDIS_H
#define IO_REDIS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notifier/base/str.h"
#include "notifier/io/flow.h"

enum redis_state {
	REDIS_OK,
	REDIS_CONNECTING, /* or connection lost: we try again */
	REDIS_LOADING,    /* reading its data from disk */
	REDIS_READONLY,   /* a replica, or replaced by one */
	REDIS_NOREPLICAS, /* min-replicas-to-write not met */
	REDIS_OOM,        /* maxmemory reached under noeviction */
	REDIS_MISCONF,    /* cannot write its disk */
	REDIS_BUSY,       /* a script runs too long */
	REDIS_NOGROUP,    /* a consumer group is gone: somebody flushed the data */
	REDIS_WRONGTYPE,  /* a key of ours holds something else */
	REDIS_AUTH,       /* NOAUTH, WRONGPASS, NOPERM */
	REDIS_BROKEN,     /* speaks something that is not RESP */
	REDIS_STATES
};
const char *redis_state_name(enum redis_state state); /* "ok", "connecting", "loading", … */

enum redis_type { REDIS_NIL, REDIS_TEXT, REDIS_INTEGER, REDIS_ARRAY, REDIS_STATUS, REDIS_ERROR };
struct redis_value { /* a reply, copied into the caller's arena */
	enum redis_type type;
	int64_t integer;
	struct str text; /* NUL-terminated too */
	struct redis_value *items;
	size_t count;
};

struct redis_options {
	const char *url; /* redis://[user:password@]host:port[/db] or unix:///path */
	void (*on_state)(enum redis_state now, void *context); /* may be NULL */
	void *context;
};

struct redis;
/* Checks the URL (the only reason for NULL) and starts to connect. */
struct redis *redis_open(const struct redis_options *options, struct err *err);
/* Fails what is in flight (ERR_CANCELLED) and closes; *redis becomes NULL. */
void redis_close(struct redis **redis);
enum redis_state redis_state_now(const struct redis *redis);
size_t redis_in_flight(const struct redis *redis);

/* Starts a command; the reply is written to *out (its memory in flow->arena) before the flow goes
 * on.  An error reply fails the await: err.kind says what to do (LOADING, BUSY, OOM, … transient),
 * the text begins with Redis's own word, and *out holds REDIS_ERROR.  Arguments are copied. */
struct await *redis_call(struct redis *redis, struct flow *flow, const struct str *args,
    size_t count, struct redis_value *out);

/* A Lua script, known by its SHA-1: EVALSHA first, EVAL once when Redis answers NOSCRIPT. */
struct redis_script {
	const char *name; /* "commit" */
	const char *source;
	char sha1[41]; /* filled at first use */
};
struct redis_script_call {
	struct redis_script *script;
	const struct str *keys;
	size_t key_count;
	const struct str *args;
	size_t arg_count;
};
struct await *redis_run(struct redis *redis, struct flow *flow,
    const struct redis_script_call *call, struct redis_value *out);

/* Convenience: a view of text for argument arrays. */
static inline struct str redis_arg(const char *text)
{
	return str_of(text);
}
#endif
