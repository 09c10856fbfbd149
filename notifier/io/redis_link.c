#include "notifier/io/redis_internal.h"

#include <fcntl.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <hiredis/sds.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

#include "notifier/io/resolve.h"

#define CONNECT_MS 5000
#define BACKOFF_MS 100
/* Not more: a courier system that got a 503 tries again soon, and one attempt a second costs nobody
 * anything. */
#define BACKOFF_MAX_MS  1000
#define PATIENT_MS      60000 /* while Redis says that it is loading or runs a script */
#define MAX_REPLY_BYTES (64u << 20)
#define MAX_SPARE       1024 /* operations kept for the next commands */

struct redis_link {     /* outlives its connection until libuv lets go of the handle */
	uv_poll_t poll; /* first: freed through the handle */
	struct redis *redis;
	int events;
};

/* --- greeting and probe ----------------------------------------------------------------------- */

/* Ends the connection.  Inside a callback of hiredis it lives until the callback returns. */
static void connection_drop(struct redis *redis, enum redis_state verdict, const char *why)
{
	redis->verdict = verdict;
	if (why != redis->why)
		text_clean(redis->why, sizeof redis->why, why);
	redis->is_ready = false;
	redisAsyncFree(redis->context);
}

static void ours_send(struct redis *redis, void (*answer)(struct redis *, const redisReply *),
    const char *const *args)
{
	size_t count = 0;
	while (args[count] != NULL)
		count++;
	struct redis_op *op = redis_op_new(redis, NULL, NULL);
	op->ours = answer;
	redis_format_texts(&redis->command, args, count);
	if (!redis_op_send(redis, op))
		redis_op_release(op);
}

static void on_greeting(struct redis *redis, const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_ERROR)
		return;
	enum redis_state verdict = redis_fault_of(reply->str)->state;
	/* AUTH and SELECT fail with a plain ERR for an unknown user or database. */
	connection_drop(redis, verdict == REDIS_OK ? REDIS_AUTH : verdict, reply->str);
}

static void on_probe(struct redis *redis, const redisReply *reply)
{
	redis->is_probing = false;
	const struct redis_fault *fault = NULL;
	if (reply->type == REDIS_REPLY_ERROR)
		fault = redis_fault_of(reply->str);
	/* A user who may not write the probe's key is no fault: real commands will tell. */
	if (fault == NULL || fault->state == REDIS_OK || str_starts(str_of(reply->str), "NOPERM")) {
		redis_health_noticed(redis);
		return;
	}
	if (fault->state == REDIS_AUTH || fault->state == REDIS_CONNECTING) {
		connection_drop(redis, fault->state, reply->str);
		return;
	}
	if (fault->state == REDIS_LOADING)
		redis->is_ready = false;
	else if (!redis->is_ready) {
		redis->is_ready = true;
		redis->ready_since_ms = loop_monotonic_ms();
	}
	redis_fault_noticed(redis, fault, reply->str);
}

/* A write that changes nothing: SETRANGE with an empty text creates no key.  Redis judges it like
 * every write, so one command finds LOADING, READONLY, NOREPLICAS, OOM, MISCONF and BUSY. */
static void probe_send(struct redis *redis)
{
	static const char *const probe[] = {"SETRANGE", "n:probe", "0", "", NULL};
	redis->is_probing = true;
	ours_send(redis, on_probe, probe);
}

void redis_link_on_probe(struct timer *timer)
{
	struct redis *redis = LIST_OWNER(timer, struct redis, probe);
	timer_start(timer, REDIS_PROBE_MS);
	if (redis->is_connected && !redis->is_probing)
		probe_send(redis);
}

static void greet(struct redis *redis)
{
	const struct redis_address *a = &redis->address;
	char database[16];
	if (a->user != NULL) {
		const char *const auth[] = {"AUTH", a->user, a->password, NULL};
		ours_send(redis, on_greeting, auth);
	} else if (a->password != NULL) {
		const char *const auth[] = {"AUTH", a->password, NULL};
		ours_send(redis, on_greeting, auth);
	}
	if (a->database != 0) {
		snprintf(database, sizeof database, "%d", a->database);
		const char *const select[] = {"SELECT", database, NULL};
		ours_send(redis, on_greeting, select);
	}
	probe_send(redis);
}

/* --- the adapter between hiredis and libuv ---------------------------------------------------- */

static void on_poll(uv_poll_t *handle, int status, int events);

static void link_arm(struct redis *redis)
{
	bool wants_write = !redis->is_connected || sdslen(redis->context->c.obuf) > 0;
	int events = UV_READABLE | UV_DISCONNECT | (wants_write ? UV_WRITABLE : 0);
	if (events == redis->link->events)
		return;
	redis->link->events = events;
	uv_poll_start(&redis->link->poll, events, on_poll);
}

static void write_now(struct redis *redis)
{
	redis->written_number = redis->last_number;
	redisAsyncHandleWrite(redis->context);
	if (redis->context != NULL)
		link_arm(redis);
}

/* One write per turn of the loop: commands of many flows go out together, and Redis answers them
 * with one fsync. */
static void on_before_wait(uv_prepare_t *handle)
{
	struct redis *redis = handle->data;
	uv_prepare_stop(handle);
	if (redis->is_connected)
		write_now(redis);
}

/* libuv reports POLLERR as an error and stops polling; replies that came before the connection
 * broke can still be read, then read() tells hiredis what happened. */
static void read_the_rest(struct redis *redis, struct redis_link *link)
{
	for (int i = 0; i < 256 && redis->link == link; i++)
		redisAsyncHandleRead(redis->context);
	if (redis->link == link)
		connection_drop(redis, REDIS_CONNECTING, "socket error");
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
	struct redis_link *link = (struct redis_link *)(void *)handle;
	struct redis *redis = link->redis;
	if (status < 0) {
		read_the_rest(redis, link);
		return;
	}
	if (events & UV_WRITABLE) {
		if (redis->is_connected)
			write_now(redis);
		else
			redisAsyncHandleWrite(redis->context);
	}
	if (redis->link == link && (events & (UV_READABLE | UV_DISCONNECT)))
		redisAsyncHandleRead(redis->context);
	if (redis->link != link)
		return;
	if (redis->context->c.reader->len > MAX_REPLY_BYTES)
		connection_drop(redis, REDIS_BROKEN, "a reply of more than 64 MB");
	else
		link_arm(redis);
}

static void adapter_want_write(void *privdata)
{
	struct redis *redis = privdata;
	if (redis->is_connected && !redis->is_closing)
		uv_prepare_start(&redis->before_wait, on_before_wait);
}

static void adapter_nothing(void *privdata)
{
	(void)privdata; /* reading is always armed; link_arm looks at the buffer */
}

static void on_link_closed(uv_handle_t *handle)
{
	xfree(handle);
}

/* The connection is gone, or could not be made: judge, plan the next, then tell everybody. */
static void connection_lost(struct redis *redis)
{
	char why[sizeof redis->why + 24];
	enum redis_state verdict = redis->verdict == REDIS_OK ? REDIS_CONNECTING : redis->verdict;
	int64_t now = loop_monotonic_ms();
	if (redis->is_ready && now - redis->ready_since_ms >= BACKOFF_MAX_MS)
		redis->attempts = 0;
	int64_t delay = redis->attempts < 4 ? BACKOFF_MS << redis->attempts : BACKOFF_MAX_MS;
	redis->attempts++;
	redis->verdict = REDIS_OK;
	redis->hold_ms = 0;
	redis->is_ready = redis->is_connected = redis->is_probing = false;
	timer_stop(&redis->probe);
	timer_stop(&redis->watchdog);
	timer_start(&redis->reconnect, (int64_t)((double)delay * (0.75 + loop_random_unit() / 2)));
	snprintf(why, sizeof why, "connection lost: %s", redis->why);
	redis_state_set(redis, verdict);
	redis_in_flight_fail(redis, ERR_AMBIGUOUS, why);
	redis_spare_trim(redis, MAX_SPARE);
}

/* hiredis calls this once, last, before it closes the descriptor and frees the context. */
static void adapter_cleanup(void *privdata)
{
	struct redis *redis = privdata;
	const redisAsyncContext *context = redis->context;
	if (redis->verdict == REDIS_OK && context->err != 0) {
		redis->verdict =
		    context->err == REDIS_ERR_PROTOCOL ? REDIS_BROKEN : REDIS_CONNECTING;
		text_clean(redis->why, sizeof redis->why, context->errstr);
	}
	redis->context = NULL;
	uv_prepare_stop(&redis->before_wait);
	uv_close((uv_handle_t *)&redis->link->poll, on_link_closed);
	redis->link = NULL;
	if (!redis->is_closing)
		connection_lost(redis);
}

/* --- connecting ------------------------------------------------------------------------------- */

static void on_connected(const redisAsyncContext *context, int status)
{
	struct redis *redis = context->ev.data;
	if (status != REDIS_OK)
		return; /* adapter_cleanup follows */
	redis->is_connected = true;
	timer_stop(&redis->watchdog);
	greet(redis);
}

void redis_link_on_watchdog(struct timer *timer)
{
	struct redis *redis = LIST_OWNER(timer, struct redis, watchdog);
	if (redis->context == NULL)
		return;
	if (!redis->is_connected) {
		connection_drop(redis, REDIS_CONNECTING, "connecting took too long");
		return;
	}
	if (list_is_empty(&redis->in_flight))
		return; /* the next command starts it again */
	bool is_patient = redis->state == REDIS_LOADING || redis->state == REDIS_BUSY;
	int64_t limit = is_patient ? PATIENT_MS : redis_reply_deadline_ms;
	const struct redis_op *oldest = LIST_OWNER(redis->in_flight.next, struct redis_op, link);
	int64_t left = oldest->sent_ms + limit - loop_monotonic_ms();
	if (left > 0)
		timer_start(timer, left);
	else
		connection_drop(redis, REDIS_CONNECTING, "no reply in time");
}

static void connection_begin(struct redis *redis, redisAsyncContext *context)
{
	if (context == NULL || context->err != 0) {
		text_clean(redis->why, sizeof redis->why, context ? context->errstr : "no memory");
		if (context != NULL)
			redisAsyncFree(context);
		connection_lost(redis);
		return;
	}
	struct redis_link *link = xcalloc(1, sizeof *link);
	int fd = context->c.fd, on = 1;
	link->redis = redis;
	redis->context = context;
	redis->link = link;
	redis->written_number = redis->last_number;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	/* hiredis sets it for blocking connects only; a Unix socket refuses it: no harm. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	must(uv_poll_init(loop_uv(), &link->poll, fd) == 0);
	context->ev.data = redis;
	context->ev.addRead = context->ev.delRead = context->ev.delWrite = adapter_nothing;
	context->ev.addWrite = adapter_want_write;
	context->ev.cleanup = adapter_cleanup;
	redis_reply_hooks(redis);
	redisAsyncSetConnectCallback(context, on_connected);
	timer_start(&redis->watchdog, CONNECT_MS);
	link_arm(redis);
}

static void on_resolved(void *data, const struct resolved *resolved, const struct err *err)
{
	struct redis *redis = data;
	redis->query = NULL;
	if (err != NULL || resolved->count == 0) {
		text_clean(redis->why, sizeof redis->why, err ? err->text : "no address");
		connection_lost(redis);
		return;
	}
	const struct sockaddr_storage *address =
	    &resolved->addresses[(size_t)redis->attempts % resolved->count];
	char text[NI_MAXHOST];
	must(getnameinfo((const struct sockaddr *)address, sizeof *address, text, sizeof text, NULL,
	         0, NI_NUMERICHOST) == 0);
	connection_begin(redis, redisAsyncConnect(text, redis->address.port));
}

static void connect_start(struct redis *redis)
{
	if (redis->address.socket_path != NULL) {
		connection_begin(redis, redisAsyncConnectUnix(redis->address.socket_path));
		return;
	}
	if (redis->resolver == NULL)
		redis->resolver = resolver_new();
	redis->query = resolve_start(redis->resolver, redis->address.host, on_resolved, redis);
}

void redis_link_on_reconnect(struct timer *timer)
{
	connect_start(LIST_OWNER(timer, struct redis, reconnect));
}
