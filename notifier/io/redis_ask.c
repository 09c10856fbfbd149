#include "notifier/io/redis_ask.h"

#include "notifier/io/redis_internal.h"

#include <hiredis/hiredis.h>
#include <string.h>

#include "notifier/base/when.h"

#define ARGS_MAX 8

struct redis_ask {
	redisContext *context;
	struct redis_address address;
};

bool redis_ask(struct redis_ask *ask, const char *const *args, size_t count,
    struct redis_value *out, struct arena *arena, struct err *err)
{
	const char *argv[ARGS_MAX];
	must(count <= ARGS_MAX);
	memcpy(argv, args, count * sizeof *argv);
	redisReply *reply = redisCommandArgv(ask->context, (int)count, argv, NULL);
	if (reply == NULL)
		return err_set(err, ERR_TRANSIENT, "Redis: %s", ask->context->errstr);
	redis_reply_copy(out, reply, arena);
	freeReplyObject(reply);
	return out->type != REDIS_ERROR || err_set(err, ERR_PERMANENT, "Redis: %s", out->text.at);
}

static bool log_in(struct redis_ask *ask, struct err *err)
{
	struct arena *arena = arena_new();
	struct redis_value value;
	const char *password = ask->address.password, *user = ask->address.user;
	const char *with_user[] = {"AUTH", user, password}, *without[] = {"AUTH", password};
	bool ok = password == NULL || (user ? redis_ask(ask, with_user, 3, &value, arena, err)
	                                    : redis_ask(ask, without, 2, &value, arena, err));
	arena_free(&arena);
	return ok;
}

struct redis_ask *redis_ask_open(const char *url, int64_t wait_ms, struct err *err)
{
	struct timeval wait = {
	    .tv_sec = wait_ms / SECOND_MS, .tv_usec = wait_ms % SECOND_MS * 1000};
	struct redis_ask *ask = xcalloc(1, sizeof *ask);
	if (!redis_address_parse(&ask->address, url, err)) {
		xfree(ask);
		return NULL;
	}
	ask->context = ask->address.socket_path
	                   ? redisConnectUnixWithTimeout(ask->address.socket_path, wait)
	                   : redisConnectWithTimeout(ask->address.host, ask->address.port, wait);
	must(ask->context != NULL);
	bool ok = ask->context->err == 0 && redisSetTimeout(ask->context, wait) == 0;
	if (!ok)
		err_set(err, ERR_TRANSIENT,
		    "cannot reach Redis at %s: %s; start it, or mend redis.url",
		    ask->address.socket_path ? ask->address.socket_path : ask->address.host,
		    ask->context->errstr);
	if (ok && log_in(ask, err))
		return ask;
	redis_ask_close(&ask);
	return NULL;
}

void redis_ask_close(struct redis_ask **ask)
{
	if (*ask == NULL)
		return;
	redisFree((*ask)->context);
	redis_address_free(&(*ask)->address);
	xfree(*ask);
	*ask = NULL;
}
