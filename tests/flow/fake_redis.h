/* An in-memory Redis behind io/redis.h: the plain commands that the app uses, and our scripts by
 * their names, written again in C.  tests/unit/test_scripts.c holds the same cases against the
 * real scripts, so that this stays honest.
 *
 * Commands run when they are sent; replies come in the next turn of the loop (or at once).
 */
#ifndef TESTS_FAKE_REDIS_H
#define TESTS_FAKE_REDIS_H
#include "notifier/io/redis.h"

void fake_redis_reset(void); /* empty, connected, no faults */
void fake_redis_answer_at_once(bool at_once);
void fake_redis_delay(int64_t ms);
/* Takes effect at once and is told to on_state.  CONNECTING: what is in flight becomes ambiguous,
 * and nothing runs.  The other states refuse writes (reads too where nothing is read: LOADING). */
void fake_redis_state(enum redis_state state);
/* The n-th run (1: the next) of a script or command: executed, the connection is lost before its
 * reply and comes back after 200 ms; or refused before it ran. */
void fake_redis_lose_reply(const char *name, unsigned nth);
void fake_redis_refuse(const char *name, unsigned nth);
void fake_redis_hook(void (*before)(const char *name)); /* called before each run; NULL: none */
unsigned fake_redis_runs(const char *name);

/* Looking in, and setting up.  NULL: not there. */
const char *fake_redis_text(const char *key);
void fake_redis_set(const char *key, const char *value);
void fake_redis_forget(const char *key);
void fake_redis_expire(const char *key, int64_t after_ms);
const char *fake_redis_field(const char *key, const char *field);
void fake_redis_set_field(const char *key, const char *field, const char *value);
void fake_redis_add_score(const char *key, int64_t score, const char *member);
size_t fake_redis_size(const char *key); /* entries of a list, zset, stream, hash */
int64_t fake_redis_score(const char *key, const char *member); /* -1: not there */
/* The i-th entry: of a list its value, of a zset its member, of a stream its last field. */
const char *fake_redis_item(const char *key, size_t index);
/* Calls visit for each key that begins with prefix. */
void fake_redis_each(
    const char *prefix, void (*visit)(const char *key, void *context), void *context);
#endif
