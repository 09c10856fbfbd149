/* A few blocking questions to Redis, for subcommands (`notifier check`); the daemon's connection is
 * io/redis.  Invariant: nothing waits longer than the deadline it was opened with.
 */
#ifndef IO_REDIS_ASK_H
#define IO_REDIS_ASK_H
#include "notifier/io/redis.h"

struct redis_ask;
/* Connects and logs in.  NULL: err says what and how to mend it (never the password). */
struct redis_ask *redis_ask_open(const char *url, int64_t wait_ms, struct err *err) CHECK_RESULT;
void redis_ask_close(struct redis_ask **ask); /* accepts NULL inside */
/* One command; the reply is copied into the arena.  False: an error reply or a lost connection. */
bool redis_ask(struct redis_ask *ask, const char *const *args, size_t count,
    struct redis_value *out, struct arena *arena, struct err *err) CHECK_RESULT;
#endif
