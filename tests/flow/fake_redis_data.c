#include "tests/flow/fake_redis_data.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "tests/flow/fake_redis.h"

static struct map things;

/* --- things ---------------------------------------------------------------------------------- */

static void item_free(struct item *item)
{
	xfree(item->key);
	xfree(item->value);
}

void thing_clear(struct thing *thing)
{
	for (size_t i = 0; i < thing->count; i++)
		item_free(&thing->items[i]);
	xfree(thing->items);
	*thing = (struct thing){0};
}

void data_reset(void)
{
	MAP_FOREACH(slot, &things)
	{
		thing_clear(slot->value);
		xfree(slot->value);
	}
	map_free(&things);
}

struct thing *thing_at(const char *key)
{
	struct thing *thing = map_get(&things, str_of(key));
	if (thing == NULL) {
		thing = xcalloc(1, sizeof *thing);
		map_put(&things, str_of(key), thing);
	}
	if (thing->expires_ms != 0 && thing->expires_ms <= loop_now_ms())
		thing_clear(thing);
	return thing;
}

bool thing_exists(const char *key)
{
	const struct thing *thing = thing_at(key);
	return thing->count > 0 || thing->has_group;
}

void thing_expire(struct thing *thing, int64_t after_ms)
{
	if (thing->count > 0)
		thing->expires_ms = after_ms == 0 ? 0 : loop_now_ms() + after_ms;
}

static struct item *thing_insert(struct thing *thing, size_t index)
{
	if (thing->count == thing->capacity) {
		thing->capacity = thing->capacity ? thing->capacity * 2 : 4;
		thing->items = xrealloc_array(thing->items, thing->capacity, sizeof *thing->items);
	}
	memmove(&thing->items[index + 1], &thing->items[index],
	    (thing->count - index) * sizeof *thing->items);
	thing->count++;
	thing->items[index] = (struct item){0};
	return &thing->items[index];
}

void thing_remove(struct thing *thing, size_t index)
{
	item_free(&thing->items[index]);
	thing->count--;
	memmove(&thing->items[index], &thing->items[index + 1],
	    (thing->count - index) * sizeof *thing->items);
	if (thing->count == 0)
		thing->expires_ms = 0;
}

struct item *thing_find(const struct thing *thing, const char *key)
{
	for (size_t i = 0; i < thing->count; i++)
		if (strcmp(thing->items[i].key, key) == 0)
			return &thing->items[i];
	return NULL;
}

/* --- types ----------------------------------------------------------------------------------- */

const char *text_get(const char *key)
{
	const struct thing *thing = thing_at(key);
	return thing->count > 0 ? thing->items[0].value : NULL;
}

void text_set(const char *key, const char *value)
{
	char *copy = xstrdup(value); /* it may be the old one */
	struct thing *thing = thing_at(key);
	thing_clear(thing);
	thing_insert(thing, 0)->value = copy;
}

const char *hash_get(const char *key, const char *field)
{
	const struct item *item = thing_find(thing_at(key), field);
	return item ? item->value : NULL;
}

void hash_set(const char *key, const char *field, const char *value)
{
	struct thing *thing = thing_at(key);
	struct item *item = thing_find(thing, field);
	char *copy = xstrdup(value);
	if (item == NULL) {
		item = thing_insert(thing, thing->count);
		item->key = xstrdup(field);
	}
	xfree(item->value);
	item->value = copy;
}

bool zset_remove(const char *key, const char *member)
{
	struct thing *thing = thing_at(key);
	struct item *item = thing_find(thing, member);
	if (item != NULL)
		thing_remove(thing, (size_t)(item - thing->items));
	return item != NULL;
}

void zset_add(const char *key, int64_t score, const char *member)
{
	char *copy = xstrdup(member);
	struct thing *thing = thing_at(key);
	size_t at = 0;
	zset_remove(key, copy);
	while (at < thing->count &&
	       (thing->items[at].number < score ||
	           (thing->items[at].number == score && strcmp(thing->items[at].key, copy) < 0)))
		at++;
	struct item *item = thing_insert(thing, at);
	item->key = copy;
	item->number = score;
}

void list_push(const char *key, const char *value, size_t most)
{
	struct thing *thing = thing_at(key);
	thing_insert(thing, thing->count)->value = xstrdup(value);
	while (thing->count > most)
		thing_remove(thing, 0);
}

void stream_add(const char *key, const char *name, const char *value)
{
	struct thing *thing = thing_at(key);
	struct item *item = thing_insert(thing, thing->count);
	item->key = xstrdup(name);
	item->value = xstrdup(value);
	item->number = ++thing->last_id;
}

bool stream_ack(const char *key, const char *id)
{
	struct thing *thing = thing_at(key);
	int64_t number = 0;
	struct str head;
	str_cut(str_of(id), '-', &head);
	must(str_to_int64(head, &number));
	for (size_t i = 0; i < thing->count; i++)
		if (thing->items[i].number == number) {
			thing_remove(thing, i);
			return true;
		}
	return false;
}

/* --- replies --------------------------------------------------------------------------------- */

struct redis_value reply_text(struct arena *arena, const char *text)
{
	if (text == NULL)
		return (struct redis_value){.type = REDIS_NIL};
	return (struct redis_value){.type = REDIS_TEXT, .text = str_of(arena_strdup(arena, text))};
}

struct redis_value reply_integer(int64_t number)
{
	return (struct redis_value){.type = REDIS_INTEGER, .integer = number};
}

void reply_push(struct arena *arena, struct redis_value *array, struct redis_value value)
{
	struct redis_value *items = arena_array(arena, array->count + 1, sizeof *items);
	if (array->count > 0)
		memcpy(items, array->items, array->count * sizeof *items);
	items[array->count++] = value;
	array->items = items;
	array->type = REDIS_ARRAY;
}

struct redis_value reply_hash(struct arena *arena, const char *key)
{
	const struct thing *thing = thing_at(key);
	struct redis_value out = {.type = REDIS_ARRAY};
	for (size_t i = 0; i < thing->count; i++) {
		reply_push(arena, &out, reply_text(arena, thing->items[i].key));
		reply_push(arena, &out, reply_text(arena, thing->items[i].value));
	}
	return out;
}

/* --- plain commands -------------------------------------------------------------------------- */

static void run_get(struct data_call *call, struct redis_value *reply)
{
	*reply = reply_text(call->arena, text_get(call->args[1]));
}

static void run_set(struct data_call *call, struct redis_value *reply) /* key value NX GET PX ms */
{
	int64_t ttl_ms = 0;
	must(call->arg_count == 7 && str_to_int64(str_of(call->args[6]), &ttl_ms));
	*reply = reply_text(call->arena, text_get(call->args[1]));
	if (reply->type != REDIS_NIL)
		return;
	text_set(call->args[1], call->args[2]);
	thing_expire(thing_at(call->args[1]), ttl_ms);
}

static void run_persist(struct data_call *call, struct redis_value *reply)
{
	struct thing *thing = thing_at(call->args[1]);
	*reply = reply_integer(thing->expires_ms != 0);
	thing->expires_ms = 0;
}

static void run_mget(struct data_call *call, struct redis_value *reply)
{
	reply->type = REDIS_ARRAY;
	for (size_t i = 1; i < call->arg_count; i++)
		reply_push(call->arena, reply, reply_text(call->arena, text_get(call->args[i])));
}

static void run_hget(struct data_call *call, struct redis_value *reply)
{
	*reply = reply_text(call->arena, hash_get(call->args[1], call->args[2]));
}

static void run_hset(struct data_call *call, struct redis_value *reply)
{
	hash_set(call->args[1], call->args[2], call->args[3]);
	*reply = reply_integer(1);
}

static void run_hdel(struct data_call *call, struct redis_value *reply)
{
	*reply = reply_integer(zset_remove(call->args[1], call->args[2]));
}

static void run_hgetall(struct data_call *call, struct redis_value *reply)
{
	*reply = reply_hash(call->arena, call->args[1]);
}

static void run_hkeys(struct data_call *call, struct redis_value *reply)
{
	const struct thing *thing = thing_at(call->args[1]);
	reply->type = REDIS_ARRAY;
	for (size_t i = 0; i < thing->count; i++)
		reply_push(call->arena, reply, reply_text(call->arena, thing->items[i].key));
}

/* HSCAN key cursor COUNT n: three at a time, whatever is asked for. */
static void run_hscan(struct data_call *call, struct redis_value *reply)
{
	const struct thing *thing = thing_at(call->args[1]);
	struct redis_value fields = {.type = REDIS_ARRAY};
	int64_t cursor = 0;
	must(str_to_int64(str_of(call->args[2]), &cursor));
	size_t i = (size_t)cursor, end = i + 3 < thing->count ? i + 3 : thing->count;
	for (; i < end; i++) {
		reply_push(call->arena, &fields, reply_text(call->arena, thing->items[i].key));
		reply_push(call->arena, &fields, reply_text(call->arena, thing->items[i].value));
	}
	size_t next_cursor = end < thing->count ? end : 0;
	reply_push(call->arena, reply,
	    reply_text(call->arena, arena_printf(call->arena, "%zu", next_cursor)));
	reply_push(call->arena, reply, fields);
}

static void run_lrange(struct data_call *call, struct redis_value *reply) /* always the whole */
{
	const struct thing *thing = thing_at(call->args[1]);
	reply->type = REDIS_ARRAY;
	for (size_t i = 0; i < thing->count; i++)
		reply_push(call->arena, reply, reply_text(call->arena, thing->items[i].value));
}

static void run_zrevrange(struct data_call *call, struct redis_value *reply) /* the whole, too */
{
	const struct thing *thing = thing_at(call->args[1]);
	reply->type = REDIS_ARRAY;
	for (size_t i = thing->count; i-- > 0;)
		reply_push(call->arena, reply, reply_text(call->arena, thing->items[i].key));
}

/* key most -inf WITHSCORES LIMIT offset count */
static void run_zrevrangebyscore(struct data_call *call, struct redis_value *reply)
{
	const struct thing *thing = thing_at(call->args[1]);
	int64_t most = INT64_MAX, offset = 0, count = 0;
	str_to_int64(str_of(call->args[2]), &most); /* "+inf" is none */
	must(str_to_int64(str_of(call->args[6]), &offset));
	must(str_to_int64(str_of(call->args[7]), &count));
	reply->type = REDIS_ARRAY;
	for (size_t i = thing->count; i-- > 0 && count > 0;) {
		const struct item *item = &thing->items[i];
		if (item->number > most || offset-- > 0)
			continue;
		count--;
		reply_push(call->arena, reply, reply_text(call->arena, item->key));
		reply_push(call->arena, reply,
		    reply_text(
		        call->arena, arena_printf(call->arena, "%lld", (long long)item->number)));
	}
}

static void run_zcard(struct data_call *call, struct redis_value *reply)
{
	*reply = reply_integer((int64_t)thing_at(call->args[1])->count);
}

static void run_zrange(struct data_call *call, struct redis_value *reply) /* from first to last */
{
	const struct thing *thing = thing_at(call->args[1]);
	int64_t first = 0, last = 0;
	must(str_to_int64(str_of(call->args[2]), &first) && first >= 0);
	must(str_to_int64(str_of(call->args[3]), &last) && last >= 0);
	reply->type = REDIS_ARRAY;
	for (size_t i = (size_t)first; i < thing->count && i <= (size_t)last; i++)
		reply_push(call->arena, reply, reply_text(call->arena, thing->items[i].key));
}

static void run_zadd(struct data_call *call, struct redis_value *reply)
{
	int64_t score = 0;
	must(str_to_int64(str_of(call->args[2]), &score));
	zset_add(call->args[1], score, call->args[3]);
	*reply = reply_integer(1);
}

static void run_zscore(struct data_call *call, struct redis_value *reply)
{
	const struct item *item = thing_find(thing_at(call->args[1]), call->args[2]);
	*reply = reply_text(
	    call->arena, item ? arena_printf(call->arena, "%lld", (long long)item->number) : NULL);
}

static void run_zrem(struct data_call *call, struct redis_value *reply)
{
	*reply = reply_integer(zset_remove(call->args[1], call->args[2]));
}

static void run_zcount(struct data_call *call, struct redis_value *reply) /* up to +inf */
{
	const struct thing *thing = thing_at(call->args[1]);
	int64_t least = 0;
	must(str_to_int64(str_of(call->args[2]), &least));
	*reply = reply_integer(0);
	for (size_t i = 0; i < thing->count; i++)
		reply->integer += thing->items[i].number >= least;
}

static void run_scan(struct data_call *call, struct redis_value *reply) /* SCAN 0 MATCH pattern … */
{
	struct redis_value keys = {.type = REDIS_ARRAY};
	MAP_FOREACH(slot, &things)
	if (fnmatch(call->args[3], slot->key, 0) == 0 && thing_exists(slot->key))
		reply_push(call->arena, &keys, reply_text(call->arena, slot->key));
	reply_push(call->arena, reply, reply_text(call->arena, "0"));
	reply_push(call->arena, reply, keys);
}

static void run_config(struct data_call *call, struct redis_value *reply)
{
	static const char *const pairs[] = {"appendonly", "yes", "appendfsync", "always",
	    "maxmemory-policy", "noeviction", "no-appendfsync-on-rewrite", "no"};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		reply_push(call->arena, reply, reply_text(call->arena, pairs[i]));
}

static void run_info(struct data_call *call, struct redis_value *reply)
{
	static const char usual[] = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n"
	                            "role:master\r\nmaxmemory:0\r\naof_enabled:1\r\n";
	const char *set = text_get("INFO"); /* by the test */
	*reply = reply_text(call->arena, set ? set : usual);
}

static const struct {
	const char *name;
	void (*run)(struct data_call *call, struct redis_value *reply);
} commands[] = {{"GET", run_get}, {"SET", run_set}, {"PERSIST", run_persist}, {"MGET", run_mget},
    {"HGET", run_hget}, {"HSET", run_hset}, {"HDEL", run_hdel}, {"HGETALL", run_hgetall},
    {"HKEYS", run_hkeys}, {"HSCAN", run_hscan}, {"LRANGE", run_lrange},
    {"ZREVRANGE", run_zrevrange}, {"ZREVRANGEBYSCORE", run_zrevrangebyscore}, {"SCAN", run_scan},
    {"ZADD", run_zadd}, {"ZREM", run_zrem}, {"ZSCORE", run_zscore}, {"ZCOUNT", run_zcount},
    {"ZCARD", run_zcard}, {"ZRANGE", run_zrange}, {"CONFIG", run_config}, {"INFO", run_info}};

void data_run(struct data_call *call, struct redis_value *reply, struct err *err)
{
	if (call->is_script) {
		scripts_run(call, reply, err);
		return;
	}
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(commands[i].name, call->name) == 0) {
			commands[i].run(call, reply);
			return;
		}
	fprintf(stderr, "fake_redis: no %s\n", call->name);
	must(!"a command that the fake knows");
}

/* --- looking in ------------------------------------------------------------------------------ */

const char *fake_redis_text(const char *key)
{
	return text_get(key);
}

void fake_redis_set(const char *key, const char *value)
{
	text_set(key, value);
}

void fake_redis_forget(const char *key)
{
	thing_clear(thing_at(key));
}

void fake_redis_expire(const char *key, int64_t after_ms)
{
	thing_expire(thing_at(key), after_ms);
}

const char *fake_redis_field(const char *key, const char *field)
{
	return hash_get(key, field);
}

void fake_redis_set_field(const char *key, const char *field, const char *value)
{
	hash_set(key, field, value);
}

void fake_redis_add_score(const char *key, int64_t score, const char *member)
{
	zset_add(key, score, member);
}

size_t fake_redis_size(const char *key)
{
	return thing_at(key)->count;
}

int64_t fake_redis_score(const char *key, const char *member)
{
	const struct item *item = thing_find(thing_at(key), member);
	return item ? item->number : -1;
}

const char *fake_redis_item(const char *key, size_t index)
{
	const struct thing *thing = thing_at(key);
	if (index >= thing->count)
		return NULL;
	return thing->items[index].value ? thing->items[index].value : thing->items[index].key;
}

void fake_redis_each(
    const char *prefix, void (*visit)(const char *key, void *context), void *context)
{
	MAP_FOREACH(slot, &things)
	if (str_starts(str_of(slot->key), prefix) && thing_exists(slot->key))
		visit(slot->key, context);
}
