/* Our own private redis-server: the default when no redis.url is set.  A Unix socket in the data
 * folder, append-only file with an fsync before every reply, restarted when it dies, stopped when
 * we stop. */
#ifndef APP_EMBEDDED_REDIS_H
#define APP_EMBEDDED_REDIS_H
#include "notifier/base/err.h"

struct embedded_redis;
struct embedded_redis *embedded_redis_start(const char *data_dir, struct err *err);
const char *embedded_redis_url(const struct embedded_redis *redis); /* unix:///… */
int embedded_redis_pid(const struct embedded_redis *redis);         /* 0: being restarted */
void embedded_redis_stop(struct embedded_redis **redis); /* SIGTERM; its data is on disk */
#endif
