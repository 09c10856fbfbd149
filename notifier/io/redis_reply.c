#include "notifier/io/redis_internal.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

/* The largest array that we believe: hiredis allocates what the header announces. */
#define MAX_ELEMENTS (1 << 20)
#define HOLD_MS      (10 * 1000)

/* Texts: Redis's src/server.c (shared objects), src/script.c, src/t_stream.c, src/acl.c. */
static const struct redis_fault faults[] = {
    {"LOADING", REDIS_LOADING, ERR_TRANSIENT, 0},
    {"READONLY", REDIS_READONLY, ERR_TRANSIENT, 0},
    {"MASTERDOWN", REDIS_READONLY, ERR_TRANSIENT, 0},
    {"NOREPLICAS", REDIS_NOREPLICAS, ERR_TRANSIENT, 0},
    {"OOM", REDIS_OOM, ERR_TRANSIENT, 0},
    {"MISCONF", REDIS_MISCONF, ERR_TRANSIENT, 0},
    {"BUSY", REDIS_BUSY, ERR_TRANSIENT, 0},
    {"NOGROUP", REDIS_NOGROUP, ERR_TRANSIENT, HOLD_MS},
    {"WRONGTYPE", REDIS_WRONGTYPE, ERR_PERMANENT, HOLD_MS},
    {"NOAUTH", REDIS_AUTH, ERR_AUTH, 0},
    {"WRONGPASS", REDIS_AUTH, ERR_AUTH, 0},
    {"NOPERM", REDIS_AUTH, ERR_AUTH, HOLD_MS},
    {"NOSCRIPT", REDIS_OK, ERR_TRANSIENT, 0},
    {"UNBLOCKED", REDIS_OK, ERR_TRANSIENT, 0},
    {"TRYAGAIN", REDIS_OK, ERR_TRANSIENT, 0},
    {"CLUSTERDOWN", REDIS_OK, ERR_TRANSIENT, 0},
    {"ERR max number of clients", REDIS_CONNECTING, ERR_TRANSIENT, 0},
};
static const struct redis_fault unknown_fault = {"", REDIS_OK, ERR_PERMANENT, 0};

static const char *const state_names[REDIS_STATES] = {
    [REDIS_OK] = "ok",
    [REDIS_CONNECTING] = "connecting",
    [REDIS_LOADING] = "loading",
    [REDIS_READONLY] = "readonly",
    [REDIS_NOREPLICAS] = "noreplicas",
    [REDIS_OOM] = "oom",
    [REDIS_MISCONF] = "misconf",
    [REDIS_BUSY] = "busy",
    [REDIS_NOGROUP] = "nogroup",
    [REDIS_WRONGTYPE] = "wrongtype",
    [REDIS_AUTH] = "auth",
    [REDIS_BROKEN] = "broken",
};

const char *redis_state_name(enum redis_state state)
{
	return state < REDIS_STATES ? state_names[state] : "unknown";
}

const struct redis_fault *redis_fault_of(const char *text)
{
	/* Before 7.0 the error of a command in a script was wrapped. */
	const char *inner = strstr(text, ": -");
	if (inner != NULL && str_starts(str_of(text), "ERR Error running script"))
		text = inner + 3;
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		size_t len = strlen(faults[i].words);
		if (strncmp(text, faults[i].words, len) == 0 &&
		    (text[len] == ' ' || text[len] == '\0'))
			return &faults[i];
	}
	return &unknown_fault;
}

/* --- building replies ------------------------------------------------------------------------- */

/* hiredis asserts (aborts the process) when a reply comes that nobody asked for, and a reply that
 * comes before its command was written cannot be its reply.  Both end the connection here: a NULL
 * object makes hiredis give it up.  An error that nobody asked for is a farewell ("max number of
 * clients"). */
static bool refuse(struct redis *redis, const redisReadTask *task, struct str text)
{
	redis->verdict = REDIS_BROKEN;
	snprintf(redis->why, sizeof redis->why, "a reply that nobody asked for");
	if (task->type != REDIS_REPLY_ERROR)
		return false;
	char farewell[sizeof redis->why];
	snprintf(farewell, sizeof farewell, "%.*s", text.len < 100 ? (int)text.len : 100, text.at);
	text_clean(redis->why, sizeof redis->why, farewell);
	redis->verdict = redis_fault_of(redis->why)->state;
	if (redis->verdict == REDIS_OK)
		redis->verdict = REDIS_BROKEN;
	return false;
}

/* Called once per object.  hiredis holds one reply at a time: a new one frees the last. */
static bool object_begin(const redisReadTask *task, struct str text)
{
	struct redis *redis = task->privdata;
	if (task->parent != NULL)
		return true;
	if (!redis_is_written(redis))
		return refuse(redis, task, text);
	arena_reset(redis->scratch);
	return true;
}

static redisReply *reply_new(const redisReadTask *task)
{
	struct redis *redis = task->privdata;
	redisReply *reply = arena_alloc(redis->scratch, sizeof *reply);
	reply->type = task->type;
	if (task->parent != NULL) {
		redisReply *parent = task->parent->obj;
		parent->element[task->idx] = reply;
	}
	return reply;
}

static void *reply_text(const redisReadTask *task, char *text, size_t len)
{
	struct redis *redis = task->privdata;
	if (!object_begin(task, str_make(text, len)))
		return NULL;
	redisReply *reply = reply_new(task);
	reply->str = arena_alloc(redis->scratch, len + 1);
	reply->len = len;
	if (len > 0)
		memcpy(reply->str, text, len);
	return reply;
}

static void *reply_array(const redisReadTask *task, int elements)
{
	struct redis *redis = task->privdata;
	if (!object_begin(task, str_of("")))
		return NULL;
	if (elements > MAX_ELEMENTS) {
		redis->verdict = REDIS_BROKEN;
		snprintf(redis->why, sizeof redis->why, "an array of %d elements", elements);
		return NULL;
	}
	redisReply *reply = reply_new(task);
	reply->elements = (size_t)elements;
	reply->element = arena_array(redis->scratch, reply->elements, sizeof(void *));
	return reply;
}

static void *reply_integer(const redisReadTask *task, long long value)
{
	if (!object_begin(task, str_of("")))
		return NULL;
	redisReply *reply = reply_new(task);
	reply->integer = value;
	return reply;
}

/* The task has the type of what could have come instead: a text or an array. */
static void *reply_nil(const redisReadTask *task)
{
	if (!object_begin(task, str_of("")))
		return NULL;
	redisReply *reply = reply_new(task);
	reply->type = REDIS_REPLY_NIL;
	return reply;
}

static void reply_free(void *object)
{
	(void)object; /* the next reply frees it */
}

static redisReplyObjectFunctions reply_functions = {
    .createString = reply_text,
    .createArray = reply_array,
    .createInteger = reply_integer,
    .createNil = reply_nil,
    .freeObject = reply_free,
};

void redis_reply_hooks(struct redis *redis)
{
	redisReader *reader = redis->context->c.reader;
	reader->fn = &reply_functions;
	reader->privdata = redis;
	arena_reset(redis->scratch);
}

void redis_reply_copy(struct redis_value *out, const redisReply *reply, struct arena *arena)
{
	static const enum redis_type types[] = {
	    [REDIS_REPLY_STRING] = REDIS_TEXT,
	    [REDIS_REPLY_ARRAY] = REDIS_ARRAY,
	    [REDIS_REPLY_INTEGER] = REDIS_INTEGER,
	    [REDIS_REPLY_NIL] = REDIS_NIL,
	    [REDIS_REPLY_STATUS] = REDIS_STATUS,
	    [REDIS_REPLY_ERROR] = REDIS_ERROR,
	};
	*out = (struct redis_value){.type = types[reply->type], .integer = reply->integer};
	if (reply->str != NULL) {
		char *copy = arena_alloc(arena, reply->len + 1);
		memcpy(copy, reply->str, reply->len);
		out->text = str_make(copy, reply->len);
	}
	if (reply->type != REDIS_REPLY_ARRAY)
		return;
	out->count = reply->elements;
	out->items = arena_array(arena, out->count, sizeof *out->items);
	for (size_t i = 0; i < out->count; i++) /* hiredis allows seven levels */
		redis_reply_copy(&out->items[i], reply->element[i], arena);
}
