#include "notifier/app/embedded_redis.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "notifier/base/log.h"
#include "notifier/base/mem.h"
#include "notifier/base/str.h"
#include "notifier/io/child.h"
#include "notifier/io/files.h"
#include "notifier/io/loop.h"

#define RESTART_MS   500
#define LOCK_TRIES   300
#define LOCK_WAIT_MS 50
#define SOCKET_MAX   100 /* of a Unix socket's path (sun_path holds 108) */

struct embedded_redis {
	struct arena *arena;
	struct child *child;
	struct timer restart;
	const char *dir, *config_path, *url, *log_path;
	int lock;
};

static void on_exit_of_redis(int64_t status, int signal_number, void *context);

static bool start_child(struct embedded_redis *redis, struct err *err)
{
	const char *const argv[] = {"redis-server", redis->config_path, NULL};
	struct child_options options = {.argv = argv,
	    .working_dir = redis->dir,
	    .log_path = redis->log_path,
	    .kept_fd = redis->lock,
	    .on_exit = on_exit_of_redis,
	    .context = redis};
	redis->child = child_start(&options, err);
	return redis->child != NULL;
}

static void on_restart(struct timer *timer)
{
	struct embedded_redis *redis = LIST_OWNER(timer, struct embedded_redis, restart);
	struct err err;
	if (!start_child(redis, &err)) {
		LOG(ERROR, "redis_start_failed", f_text("why", err.text));
		timer_start(timer, 10 * RESTART_MS);
	}
}

static void on_exit_of_redis(int64_t status, int signal_number, void *context)
{
	struct embedded_redis *redis = context;
	LOG(ERROR, "redis_died", f_int("status", status), f_int("signal", signal_number),
	    f_text("log", redis->log_path));
	child_free(&redis->child);
	timer_start(&redis->restart, RESTART_MS);
}

/* appendfsync always: group commit makes it affordable, and a kill -9 of Redis under `everysec`
 * can lose what was already acknowledged. */
static bool write_config(struct embedded_redis *redis, const char *socket_path, struct err *err)
{
	struct buf text = BUF_EMPTY(8192);
	buf_printf(&text,
	    "port 0\nunixsocket \"%s\"\nunixsocketperm 700\ndir \"%s\"\ndaemonize no\nlogfile "
	    "\"\"\n"
	    "appendonly yes\nappendfsync always\nno-appendfsync-on-rewrite no\naof-load-truncated "
	    "yes\n"
	    "aof-use-rdb-preamble yes\nsave 3600 1\nmaxmemory-policy noeviction\n"
	    "stop-writes-on-bgsave-error yes\nenable-debug-command no\n",
	    socket_path, redis->dir);
	bool ok = files_write(redis->config_path, str_make(text.data, text.size), 0600, err);
	buf_free(&text);
	return ok;
}

/* A former life of ours may have left its Redis running for a moment (it dies with its parent), and
 * two on one append-only file would spoil it.  The lock is on a descriptor that the child inherits:
 * it is held until the last of them is gone, whatever killed them. */
static bool take_lock(struct embedded_redis *redis, const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(err, ERR_PERMANENT, "%s: %s", path, strerror(errno));
	for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; tries++) {
		if (tries == LOCK_TRIES) {
			close(fd);
			return err_set(err, ERR_PERMANENT,
			    "%s: another redis-server still uses this data folder", path);
		}
		usleep(LOCK_WAIT_MS * 1000); /* at start, before the loop runs */
	}
	redis->lock = fd;
	return true;
}

struct embedded_redis *embedded_redis_start(const char *data_dir, struct err *err)
{
	struct embedded_redis *redis = xcalloc(1, sizeof *redis);
	struct arena *arena = redis->arena = arena_new();
	char *absolute = NULL;
	timer_init(&redis->restart, on_restart);
	if (!child_program_exists("redis-server")) {
		err_set(err, ERR_PERMANENT,
		    "redis-server is not installed: `apt install redis-server`, or set redis.url");
		goto failed;
	}
	if (!files_make_dir(data_dir, 0700, err) ||
	    !files_make_dir(arena_printf(arena, "%s/redis", data_dir), 0700, err))
		goto failed;
	absolute = realpath(data_dir, NULL);
	redis->dir = arena_printf(arena, "%s/redis", absolute);
	redis->config_path = arena_printf(arena, "%s/redis.conf", redis->dir);
	redis->log_path = arena_printf(arena, "%s/redis.log", redis->dir);
	const char *socket_path = arena_printf(arena, "%s/redis.sock", redis->dir);
	if (strlen(socket_path) > SOCKET_MAX)
		socket_path = arena_printf(arena, "/tmp/notifier-%d-%llx.sock", (int)getuid(),
		    (unsigned long long)fnv1a64(redis->dir, strlen(redis->dir)));
	redis->url = arena_printf(arena, "unix://%s", socket_path);
	if (!take_lock(redis, arena_printf(arena, "%s/redis.lock", redis->dir), err) ||
	    !write_config(redis, socket_path, err) || !start_child(redis, err))
		goto failed;
	free(absolute);
	return redis;
failed:
	free(absolute);
	arena_free(&redis->arena);
	xfree(redis);
	return NULL;
}

const char *embedded_redis_url(const struct embedded_redis *redis)
{
	return redis->url;
}

int embedded_redis_pid(const struct embedded_redis *redis)
{
	return redis->child ? child_pid(redis->child) : 0;
}

void embedded_redis_stop(struct embedded_redis **redis)
{
	if (*redis == NULL)
		return;
	timer_stop(&(*redis)->restart);
	if ((*redis)->child != NULL) {
		child_signal((*redis)->child, SIGTERM);
		child_free(&(*redis)->child);
	}
	arena_free(&(*redis)->arena);
	xfree(*redis);
	*redis = NULL;
}
