#include "notifier/io/redis_internal.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "notifier/base/log.h"
#include "notifier/io/resolve.h"

#define MAX_KEPT_BYTES 16384 /* of buffers that wait for the next command */

int64_t redis_reply_deadline_ms = 10000;

/* --- state ------------------------------------------------------------------------------------ */

void redis_state_set(struct redis *redis, enum redis_state state)
{
	redis->state_seen_ms = loop_monotonic_ms();
	if (state == redis->state || redis->is_closing)
		return;
	redis->state = state;
	if (state == REDIS_OK)
		LOG(INFO, "redis_state", f_text("state", redis_state_name(state)));
	else
		LOG(WARN, "redis_state", f_text("state", redis_state_name(state)),
		    f_text("why", redis->why));
	if (redis->options.on_state != NULL)
		redis->options.on_state(state, redis->options.context);
}

/* A reply named a fault: remember it and look for its end. */
void redis_fault_noticed(struct redis *redis, const struct redis_fault *fault, const char *text)
{
	if (fault->state == REDIS_OK)
		return;
	text_clean(redis->why, sizeof redis->why, text);
	redis->hold_ms = fault->hold_ms;
	if (!timer_is_running(&redis->probe))
		timer_start(&redis->probe, REDIS_PROBE_MS);
	redis_state_set(redis, fault->state);
}

void redis_health_noticed(struct redis *redis)
{
	int64_t now = loop_monotonic_ms();
	if (!redis->is_ready)
		redis->ready_since_ms = now;
	redis->is_ready = true;
	if (now - redis->state_seen_ms < redis->hold_ms)
		return;
	timer_stop(&redis->probe);
	redis->why[0] = '\0';
	redis_state_set(redis, REDIS_OK);
}

enum redis_state redis_state_now(const struct redis *redis)
{
	return redis->state;
}

size_t redis_in_flight(const struct redis *redis)
{
	return redis->in_flight_count;
}

/* --- operations ------------------------------------------------------------------------------- */

static void op_cancel(struct await *await)
{
	(void)await; /* stays in flight without a flow: its reply is dropped when it comes */
}

struct redis_op *redis_op_new(struct redis *redis, struct flow *flow, struct redis_value *out)
{
	struct list *spare = list_first(&redis->spare);
	struct redis_op *op;
	if (spare != NULL) {
		op = LIST_OWNER(spare, struct redis_op, link);
		list_remove(spare);
		redis->spare_count--;
	} else {
		op = xcalloc(1, sizeof *op);
		list_init(&op->link);
		op->redis = redis;
	}
	op->out = out;
	op->script = NULL;
	op->ours = NULL;
	op->await.flow = NULL;
	if (flow != NULL)
		await_init(&op->await, flow, op_cancel);
	return op;
}

/* The memory stays readable until the next redis_op_new: await_done may follow. */
void redis_op_release(struct redis_op *op)
{
	if (op->tail.capacity > MAX_KEPT_BYTES)
		buf_free(&op->tail);
	list_append(&op->redis->spare, &op->link);
	op->redis->spare_count++;
}

void redis_spare_trim(struct redis *redis, size_t keep)
{
	while (redis->spare_count > keep) {
		struct redis_op *op = LIST_OWNER(redis->spare.next, struct redis_op, link);
		list_remove(&op->link);
		redis->spare_count--;
		buf_free(&op->tail);
		xfree(op);
	}
}

static void op_fail(struct redis_op *op, enum err_kind kind, const char *text)
{
	struct err err;
	err_set(&err, kind, "redis: %s", text);
	redis_op_release(op);
	await_failed(&op->await, &err);
}

static struct redis_op *op_take_oldest(struct redis *redis)
{
	struct redis_op *op = LIST_OWNER(redis->in_flight.next, struct redis_op, link);
	list_remove(&op->link);
	redis->in_flight_count--;
	return op;
}

/* What was written may have run; what was not written has not. */
void redis_in_flight_fail(struct redis *redis, enum err_kind written, const char *text)
{
	while (!list_is_empty(&redis->in_flight)) {
		struct redis_op *op = op_take_oldest(redis);
		bool is_written = op->number <= redis->written_number;
		op_fail(op, is_written || written == ERR_CANCELLED ? written : ERR_TRANSIENT, text);
	}
}

bool redis_is_written(const struct redis *redis)
{
	return !list_is_empty(&redis->in_flight) &&
	       LIST_OWNER(redis->in_flight.next, struct redis_op, link)->number <=
	           redis->written_number;
}

static void flow_answer(struct redis *redis, struct redis_op *op, const redisReply *reply)
{
	const struct redis_fault *fault = NULL;
	if (reply->type == REDIS_REPLY_ERROR) {
		fault = redis_fault_of(reply->str);
		bool is_unknown = op->script != NULL && await_is_wanted(&op->await) &&
		                  str_starts(str_of(reply->str), "NOSCRIPT");
		if (is_unknown && redis_script_again(redis, op))
			return;
		redis_fault_noticed(redis, fault, reply->str);
	}
	struct flow *flow = op->await.flow;
	if (flow != NULL)
		redis_reply_copy(op->out, reply, flow->arena);
	redis_op_release(op);
	if (fault == NULL) {
		await_done(&op->await);
		return;
	}
	struct err err;
	err_set(&err, fault->kind, "%s", "");
	text_clean(err.text, sizeof err.text, reply->str);
	await_failed(&op->await, &err);
}

static void on_reply(redisAsyncContext *context, void *object, void *privdata)
{
	struct redis_op *op = privdata;
	if (object == NULL)
		return; /* the connection ends: adapter_cleanup settles everything; op may be gone
		         */
	struct redis *redis = context->ev.data;
	if (redis->is_closing)
		return;
	must(op_take_oldest(redis) == op);
	if (op->ours == NULL) {
		flow_answer(redis, op, object);
		return;
	}
	void (*ours)(struct redis *, const redisReply *) = op->ours;
	redis_op_release(op);
	ours(redis, object);
}

bool redis_op_send(struct redis *redis, struct redis_op *op)
{
	if (redis->context == NULL || redisAsyncFormattedCommand(redis->context, on_reply, op,
	                                  redis->command.data, redis->command.size) != REDIS_OK)
		return false;
	if (redis->command.capacity > MAX_KEPT_BYTES * 4)
		buf_free(&redis->command);
	op->number = ++redis->last_number;
	op->sent_ms = loop_monotonic_ms();
	list_append(&redis->in_flight, &op->link);
	redis->in_flight_count++;
	if (!timer_is_running(&redis->watchdog))
		timer_start(&redis->watchdog, redis_reply_deadline_ms);
	return true;
}

struct await *redis_op_refuse(struct redis *redis, struct redis_op *op)
{
	char text[64];
	snprintf(text, sizeof text, "not connected (%s)", redis_state_name(redis->state));
	op_fail(op, ERR_TRANSIENT, text);
	return &op->await;
}

struct await *redis_call(struct redis *redis, struct flow *flow, const struct str *args,
    size_t count, struct redis_value *out)
{
	must(count > 0);
	struct redis_op *op = redis_op_new(redis, flow, out);
	if (!redis->is_ready)
		return redis_op_refuse(redis, op);
	redis_format(&redis->command, args, count);
	if (!redis_op_send(redis, op))
		return redis_op_refuse(redis, op);
	return &op->await;
}

/* --- life ------------------------------------------------------------------------------------- */

struct redis *redis_open(const struct redis_options *options, struct err *err)
{
	struct redis_address address;
	if (!redis_address_parse(&address, options->url, err))
		return NULL;
	struct redis *redis = xcalloc(1, sizeof *redis);
	redis->options = *options;
	redis->options.url = NULL; /* borrowed, and parsed */
	redis->address = address;
	redis->state = REDIS_CONNECTING;
	redis->scratch = arena_new();
	list_init(&redis->in_flight);
	list_init(&redis->spare);
	timer_init(&redis->reconnect, redis_link_on_reconnect);
	timer_init(&redis->probe, redis_link_on_probe);
	timer_init(&redis->watchdog, redis_link_on_watchdog);
	uv_prepare_init(loop_uv(), &redis->before_wait);
	redis->before_wait.data = redis;
	timer_soon(&redis->reconnect);
	return redis;
}

static void on_closed(uv_handle_t *handle)
{
	struct redis *redis = handle->data;
	redis_spare_trim(redis, 0);
	redis_address_free(&redis->address);
	arena_free(&redis->scratch);
	buf_free(&redis->command);
	xfree(redis);
}

/* The memory lives until libuv closes the handle in a later turn, so this may be called inside a
 * flow that one of our callbacks woke. */
void redis_close(struct redis **redis_out)
{
	struct redis *redis = *redis_out;
	*redis_out = NULL;
	if (redis == NULL)
		return;
	redis->is_closing = true;
	redis->is_ready = false;
	timer_stop(&redis->reconnect);
	timer_stop(&redis->probe);
	timer_stop(&redis->watchdog);
	if (redis->query != NULL)
		resolve_cancel(&redis->query);
	if (redis->resolver != NULL)
		resolver_free(&redis->resolver);
	if (redis->context != NULL)
		redisAsyncFree(redis->context);
	redis_in_flight_fail(redis, ERR_CANCELLED, "closed");
	uv_close((uv_handle_t *)&redis->before_wait, on_closed);
}
