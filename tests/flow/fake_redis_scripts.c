/* Our scripts (notifier/app/scripts), written again line by line in C. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/flow/fake_redis_data.h"

#define HISTORY_MOST  64
#define HISTORY_SHORT 4096 /* bytes: not worth counting lines */

static int64_t number(const char *text)
{
	return text == NULL ? 0 : strtoll(text, NULL, 10);
}

static const char *print(struct arena *arena, int64_t value)
{
	return arena_printf(arena, "%lld", (long long)value);
}

static const char *join(struct arena *arena, const char *prefix, const char *rest)
{
	return arena_printf(arena, "%s%s", prefix, rest);
}

static bool is_fenced(const struct data_call *call)
{
	return !text_eq(text_get(call->keys[0]), call->args[0]);
}

/* --- shipments ------------------------------------------------------------------------------- */

static void run_find(struct data_call *call, struct redis_value *reply)
{
	const char *id = text_get(call->keys[0]);
	const char *state = id ? text_get(join(call->arena, call->keys[1], id)) : NULL;
	if (state == NULL)
		return;
	reply_push(call->arena, reply, reply_text(call->arena, id));
	reply_push(call->arena, reply, reply_text(call->arena, state));
}

static void commit_life(struct data_call *call)
{
	int64_t ttl_ms = number(call->args[7]);
	if (strcmp(call->args[7], "=") == 0)
		return;
	if (ttl_ms > 0)
		thing_expire(thing_at(call->keys[0]), ttl_ms);
	thing_expire(thing_at(call->keys[1]), ttl_ms);
	thing_expire(thing_at(call->keys[2]), ttl_ms);
}

/* Where the text stands without its oldest lines: the newest 64 are kept, and what they lean on. */
static const char *history_cut(const char *text)
{
	const char *kept = text, *line = text;
	int64_t left = 0;
	for (const char *at = text; *at != '\0'; at++)
		left += *at == '\n';
	if (strlen(text) <= HISTORY_SHORT)
		return text;
	for (; left >= HISTORY_MOST && *line != '\0'; left--) {
		if (*line != '+')
			kept = line;
		line = strchr(line, '\n') + 1;
	}
	return kept;
}

static void history_append(struct data_call *call, const char *key, const char *lines, bool creates)
{
	const char *text = text_get(key);
	if (*lines == '\0' || (text == NULL && !creates))
		return;
	int64_t expires_ms = thing_at(key)->expires_ms;
	text_set(key, history_cut(join(call->arena, text ? text : "", lines)));
	thing_at(key)->expires_ms = expires_ms;
}

static void commit_lists(struct data_call *call)
{
	size_t events = (size_t)number(call->args[9]);
	for (size_t i = 0; i < events; i++)
		stream_add(call->keys[4], call->args[0], call->args[10 + i]);
	history_append(call, call->keys[1], call->args[10 + events], true);
}

static void put_score(const char *key, const char *score, const char *member)
{
	if (*score == '\0')
		zset_remove(key, member);
	else if (strcmp(score, "=") != 0)
		zset_add(key, number(score), member);
}

/* The unmatched webhooks are still those that were read. */
static bool commit_read_all(struct data_call *call)
{
	int64_t read = 11 + number(call->args[9]);
	const struct thing *list = thing_at(call->keys[6]);
	if (read >= (int64_t)call->arg_count)
		return true;
	const char *last = list->count > 0 ? list->items[list->count - 1].value : "";
	return (int64_t)list->count == number(call->args[read]) &&
	       text_eq(last, call->args[read + 1]);
}

static void run_commit(struct data_call *call, struct redis_value *reply)
{
	const char *stored = text_get(call->keys[0]);
	const char *fresh = arena_printf(call->arena, "%s %s", call->args[2], call->args[3]);
	*reply = reply_integer(0);
	if (number(stored) != number(call->args[1])) {
		if (text_eq(stored, fresh))
			*reply = reply_integer(2);
		return;
	}
	if (strcmp(call->args[4], "*") != 0) {
		const char *holder = text_get(call->keys[2]);
		if (strcmp(holder ? holder : "", call->args[4]) != 0 || !commit_read_all(call))
			return;
		text_set(call->keys[2], call->args[0]);
		thing_clear(thing_at(call->keys[6]));
	}
	text_set(call->keys[0], fresh);
	put_score(call->keys[5], call->args[5], call->args[0]);
	if (call->key_count > 7 && !text_eq(call->keys[7], call->keys[5]))
		zset_remove(call->keys[7], call->args[0]);
	put_score(call->keys[3], call->args[6], call->args[0]);
	commit_lists(call);
	commit_life(call);
	*reply = reply_integer(1);
}

static void run_plan(struct data_call *call, struct redis_value *reply)
{
	*reply = reply_integer(0);
	if (*call->args[1] == '\0' || text_get(call->keys[1]) == NULL)
		*reply = reply_integer(zset_remove(call->keys[0], call->args[0]));
	else if (thing_find(thing_at(call->keys[0]), call->args[0]) != NULL)
		zset_add(call->keys[0], number(call->args[1]), call->args[0]);
}

static void erase_messages(struct data_call *call, struct str line)
{
	struct str field;
	if (!str_starts(line, "1d") && !str_starts(line, "1r"))
		return;
	for (line = str_cut(line, '\t', &field); line.at != NULL;) {
		line = str_cut(line, '\t', &field);
		if (!str_starts(field, "msg_"))
			continue;
		const char *id = arena_strndup(call->arena, field.at, field.len);
		thing_clear(thing_at(join(call->arena, call->keys[4], id)));
		zset_remove(call->keys[3], id);
		zset_remove(call->keys[6], id);
	}
}

static void run_erase(struct data_call *call, struct redis_value *reply)
{
	const char *id = call->args[0];
	*reply = reply_integer(0);
	if (text_get(call->keys[0]) == NULL)
		return;
	struct str line, history = str_of(text_get(call->keys[1]));
	while (history.at != NULL) {
		history = str_cut(history, '\n', &line);
		erase_messages(call, line);
	}
	if (text_eq(text_get(call->keys[2]), id))
		thing_clear(thing_at(call->keys[2]));
	for (int64_t i = 1; i <= number(call->args[2]); i++)
		zset_remove(join(call->arena, call->args[1], call->args[2 + i]), id);
	zset_remove(call->keys[3], id);
	thing_clear(thing_at(call->keys[0]));
	thing_clear(thing_at(call->keys[1]));
	thing_clear(thing_at(call->keys[5]));
	*reply = reply_integer(1);
}

static void run_unmatched(struct data_call *call, struct redis_value *reply)
{
	struct thing *list = thing_at(call->keys[1]);
	*reply = reply_integer(text_get(call->keys[0]) == NULL);
	if (reply->integer == 0)
		return;
	if (list->count == 0 || strcmp(list->items[list->count - 1].value, call->args[0]) != 0)
		list_push(call->keys[1], call->args[0], (size_t)number(call->args[2]));
	thing_expire(list, number(call->args[1]));
}

static void run_quarantine(struct data_call *call, struct redis_value *reply)
{
	stream_add(call->keys[0], "body", call->args[call->arg_count - 1]);
	*reply = reply_integer(1);
}

/* --- leases and streams ---------------------------------------------------------------------- */

static void run_lease(struct data_call *call, struct redis_value *reply)
{
	struct arena *arena = call->arena;
	const char *owner = text_get(call->keys[0]), *worker = call->args[0];
	bool is_mine = owner != NULL && str_starts(str_of(owner), join(arena, worker, " "));
	if (is_mine && strcmp(call->args[1], "0") != 0 &&
	    text_eq(owner, arena_printf(arena, "%s %s", worker, call->args[1]))) {
		thing_expire(thing_at(call->keys[0]), number(call->args[2]));
		*reply = reply_integer(number(call->args[1]));
		return;
	}
	*reply = reply_integer(0);
	if ((owner != NULL && !is_mine) || strcmp(call->args[3], "1") != 0)
		return;
	int64_t epoch = number(text_get(call->keys[1])) + 1;
	text_set(call->keys[1], print(arena, epoch));
	text_set(call->keys[0], arena_printf(arena, "%s %lld", worker, (long long)epoch));
	thing_expire(thing_at(call->keys[0]), number(call->args[2]));
	thing_at(call->keys[2])->has_group = thing_at(call->keys[3])->has_group = true;
	*reply = reply_integer(epoch);
}

static void run_release(struct data_call *call, struct redis_value *reply)
{
	*reply = reply_integer(!is_fenced(call));
	if (reply->integer == 1)
		thing_clear(thing_at(call->keys[0]));
}

/* XREADGROUP: the next entry for ">" (it becomes pending), or pending ones after an id. */
static struct item *stream_next(struct thing *stream, const char *start, int64_t *cursor)
{
	bool is_new = strcmp(start, ">") == 0;
	for (size_t i = 0; i < stream->count; i++) {
		struct item *item = &stream->items[i];
		if (item->is_pending == is_new || (!is_new && item->number <= *cursor))
			continue;
		item->is_pending = true;
		*cursor = item->number;
		return item;
	}
	return NULL;
}

static const char *entry_id(struct arena *arena, int64_t id)
{
	return arena_printf(arena, "%lld-0", (long long)id);
}

static bool check_group(const struct thing *stream, struct err *err)
{
	return stream->has_group || err_set(err, ERR_TRANSIENT, "NOGROUP No such consumer group");
}

static void run_events(struct data_call *call, struct redis_value *reply, struct err *err)
{
	struct thing *stream = thing_at(call->keys[1]);
	if (is_fenced(call) || !check_group(stream, err))
		return;
	int64_t cursor = number(call->args[1]);
	reply->type = REDIS_ARRAY;
	for (int64_t i = 0; i < number(call->args[2]); i++) {
		const struct item *item = stream_next(stream, call->args[1], &cursor);
		if (item == NULL)
			return;
		const char *state = text_get(join(call->arena, call->keys[2], item->key));
		reply_push(call->arena, reply,
		    reply_text(call->arena, entry_id(call->arena, item->number)));
		reply_push(call->arena, reply, reply_text(call->arena, item->value));
		reply_push(call->arena, reply, reply_text(call->arena, item->key));
		reply_push(call->arena, reply, reply_text(call->arena, state ? state : ""));
	}
}

/* --- messages -------------------------------------------------------------------------------- */

/* One message of an event; returns 1 when it existed already. */
static int64_t decide_message(struct data_call *call, size_t *at)
{
	const char *id = call->args[*at], *hold = call->args[*at + 1];
	size_t fields = (size_t)number(call->args[*at + 2]);
	const char *key = join(call->arena, call->keys[4], id);
	const char **field = &call->args[*at + 3];
	*at += 3 + fields;
	if (hash_get(key, "t") != NULL)
		return 1;
	hash_set(key, "t", *hold == '\0' ? "queued" : "held");
	for (size_t i = 0; i + 1 < fields; i += 2)
		hash_set(key, field[i], field[i + 1]);
	thing_expire(thing_at(key), number(call->args[1]));
	if (*hold == '\0')
		stream_add(call->keys[2], "m", id);
	else
		zset_add(call->keys[3], number(hold), id);
	return 0;
}

static void run_decide(struct data_call *call, struct redis_value *reply)
{
	int64_t existed = 0;
	size_t at = 3;
	if (is_fenced(call))
		return;
	for (int64_t event = 0; event < number(call->args[2]); event++) {
		const char *entry = call->args[at], *shipment = call->args[at + 1],
		           *record = call->args[at + 2];
		int64_t messages = number(call->args[at + 3]);
		at += 4;
		for (int64_t i = 0; i < messages; i++)
			existed += decide_message(call, &at);
		if (stream_ack(call->keys[1], entry))
			history_append(
			    call, join(call->arena, call->keys[5], shipment), record, false);
	}
	*reply = reply_integer(existed);
}

static bool is_one_of(const char *word, const char *words)
{
	const char *at = word && *word ? strstr(words, word) : NULL;
	size_t len = at ? strlen(word) : 0;
	return at != NULL && (at == words || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0');
}

static void claim_message(
    struct data_call *call, struct redis_value *reply, const char *id, const struct item *entry)
{
	struct arena *arena = call->arena;
	const char *key = join(arena, call->keys[2], id);
	const char *claims = print(arena, number(hash_get(key, "a")) + 1);
	struct redis_value before = reply_hash(arena, key);
	hash_set(key, "t", "sending");
	hash_set(key, "i", call->args[3]);
	hash_set(key, "sa", call->args[4]);
	hash_set(key, "a", claims);
	const char *shipment = hash_get(key, "s");
	const char *state = text_get(join(arena, call->keys[3], shipment ? shipment : ""));
	reply_push(arena, reply, reply_text(arena, entry_id(arena, entry->number)));
	reply_push(arena, reply, reply_text(arena, id));
	reply_push(arena, reply, reply_text(arena, claims));
	reply_push(arena, reply, before);
	reply_push(arena, reply, reply_text(arena, state ? state : ""));
}

static void run_claim(struct data_call *call, struct redis_value *reply, struct err *err)
{
	struct thing *stream = thing_at(call->keys[1]);
	struct arena *arena = call->arena;
	if (is_fenced(call) || !check_group(stream, err))
		return;
	int64_t cursor = number(call->args[1]);
	reply_push(arena, reply, reply_text(arena, ""));
	for (int64_t i = 0; i < number(call->args[2]); i++) {
		const struct item *entry = stream_next(stream, call->args[1], &cursor);
		if (entry == NULL)
			return;
		reply->items[0] = reply_text(arena, entry_id(arena, entry->number));
		const char *id = arena_strdup(arena, entry->value);
		const char *state = hash_get(join(arena, call->keys[2], id), "t");
		if (is_one_of(state, "queued sending retry held"))
			claim_message(call, reply, id, entry);
		else
			stream_ack(call->keys[1], entry_id(arena, entry->number));
	}
}

static void run_receipt(struct data_call *call, struct redis_value *reply)
{
	const char **args = call->args, *key = call->keys[1], *state = hash_get(key, "t");
	bool is_current = text_eq(hash_get(key, "i"), args[2]),
	     is_over = state == NULL || strcmp(state, "sent") == 0;
	*reply = reply_integer(0);
	if (!is_over && !is_current && strcmp(args[3], "sent") != 0)
		return;
	bool is_first = stream_ack(call->keys[0], args[0]);
	*reply = reply_integer(is_over ? text_eq(state, "sent") : 1);
	if (is_over || (!is_first && strcmp(args[3], "sent") != 0))
		return;
	hash_set(key, "t", args[3]);
	hash_set(key, "d", args[5]);
	for (size_t i = 0; i + 1 < (size_t)number(args[7]); i += 2)
		hash_set(key, args[8 + i], args[9 + i]);
	if (*args[4] != '\0')
		zset_add(call->keys[2], number(args[4]), args[1]);
	if (is_one_of(args[3], "failed unknown expired"))
		zset_add(call->keys[3], number(args[5]), args[1]);
	history_append(call, call->keys[4], args[6], false);
}

static void run_requeue(struct data_call *call, struct redis_value *reply)
{
	const char *state = hash_get(call->keys[1], "t"), *id = call->args[0];
	*reply = reply_text(call->arena, state);
	if (!is_one_of(state, "failed unknown expired"))
		return;
	zset_remove(call->keys[2], id);
	if (strcmp(call->args[1], "retry") == 0) {
		hash_set(call->keys[1], "t", "queued");
		hash_set(call->keys[1], "f", "1");
		stream_add(call->keys[0], "m", id);
	} else {
		hash_set(call->keys[1], "t", "dropped");
		hash_set(call->keys[1], "d", call->args[2]);
	}
	history_append(call, join(call->arena, call->keys[3], hash_get(call->keys[1], "s")),
	    call->args[3], false);
}

/* --- time ------------------------------------------------------------------------------------ */

static const char *first_score(struct arena *arena, const char *key)
{
	const struct thing *zset = thing_at(key);
	return zset->count > 0 ? print(arena, zset->items[0].number) : "";
}

/* Up to `most` members with from < score ≤ to. */
static size_t take_range(struct data_call *call, const char *key, int64_t from, int64_t to,
    const char **ids, size_t most)
{
	const struct thing *zset = thing_at(key);
	size_t count = 0;
	for (size_t i = 0; i < zset->count && count < most; i++)
		if (zset->items[i].number > from && zset->items[i].number <= to)
			ids[count++] = arena_strdup(call->arena, zset->items[i].key);
	return count;
}

static void claim_shipment(struct data_call *call, struct redis_value *reply, const char *zset,
    const char *prefix, const char *id)
{
	const char *state = text_get(join(call->arena, prefix, id));
	if (state == NULL) {
		zset_remove(zset, id);
		return;
	}
	zset_add(zset, number(call->args[2]), id);
	reply_push(call->arena, reply, reply_text(call->arena, id));
	reply_push(call->arena, reply, reply_text(call->arena, state));
}

static void run_due(struct data_call *call, struct redis_value *reply)
{
	if (is_fenced(call))
		return;
	size_t most = (size_t)number(call->args[3]), riders = (size_t)number(call->args[4]);
	int64_t now_ms = number(call->args[1]);
	const char **ids = arena_array(call->arena, most + 1, sizeof *ids);
	size_t count = take_range(call, call->keys[1], INT64_MIN, now_ms, ids, most);
	if (count > 0 && count < most)
		count += take_range(call, call->keys[1], now_ms, number(call->args[5]), ids + count,
		    riders < most - count ? riders : most - count);
	reply_push(call->arena, reply, reply_text(call->arena, ""));
	for (size_t i = 0; i < count; i++)
		claim_shipment(call, reply, call->keys[1], call->keys[2], ids[i]);
	reply->items[0] = reply_text(call->arena, first_score(call->arena, call->keys[1]));
}

static void run_clock(struct data_call *call, struct redis_value *reply)
{
	if (is_fenced(call))
		return;
	size_t most = (size_t)number(call->args[3]);
	const char **ids = arena_array(call->arena, most + 1, sizeof *ids);
	size_t count = take_range(call, call->keys[1], INT64_MIN, number(call->args[1]), ids, most);
	int64_t moved = 0;
	reply_push(call->arena, reply, reply_text(call->arena, ""));
	reply_push(call->arena, reply, reply_integer(0));
	for (size_t i = 0; i < count; i++) {
		if (strncmp(ids[i], "msg_", 4) != 0) {
			claim_shipment(call, reply, call->keys[1], call->keys[4], ids[i]);
			continue;
		}
		const char *key = join(call->arena, call->keys[3], ids[i]);
		zset_remove(call->keys[1], ids[i]);
		if (!is_one_of(hash_get(key, "t"), "held retry"))
			continue;
		hash_set(key, "t", "queued");
		stream_add(call->keys[2], "m", ids[i]);
		moved++;
	}
	reply->items[0] = reply_text(call->arena, first_score(call->arena, call->keys[1]));
	reply->items[1] = reply_integer(moved);
}

/* --- limits ---------------------------------------------------------------------------------- */

static void run_quota(struct data_call *call, struct redis_value *reply)
{
	const char *key = call->keys[0], *tokens_text = hash_get(key, "tokens");
	int64_t now_ms = number(call->args[0]), daily = number(call->args[2]);
	double rate = strtod(call->args[1], NULL),
	       tokens = tokens_text ? strtod(tokens_text, NULL) : 1;
	int64_t until = number(hash_get(key, "until")), at = number(hash_get(key, "at"));
	int64_t used =
	    text_eq(hash_get(key, "day"), call->args[3]) ? number(hash_get(key, "used")) : 0;
	if (until > now_ms) {
		*reply = reply_integer(until - now_ms);
		return;
	}
	if (rate <= 0 && daily == 0) {
		*reply = reply_integer(0);
		return;
	}
	if (daily > 0 && used >= daily) {
		*reply = reply_integer((number(call->args[3]) + 1) * 86400000 - now_ms);
		return;
	}
	if (rate > 0) {
		at = at > now_ms ? now_ms : at;
		tokens = fmin(1, tokens + (double)(now_ms - at) * rate / 1000);
		if (tokens < 1) {
			*reply = reply_integer((int64_t)ceil((1 - tokens) * 1000 / rate));
			return;
		}
		tokens -= 1;
	}
	hash_set(key, "day", call->args[3]);
	hash_set(key, "used", print(call->arena, used + 1));
	hash_set(key, "tokens", arena_printf(call->arena, "%.14g", tokens));
	hash_set(key, "at", call->args[0]);
	*reply = reply_integer(0);
}

static void run_settle(struct data_call *call, struct redis_value *reply)
{
	*reply = reply_integer(text_eq(text_get(call->keys[0]), call->args[0]));
	if (reply->integer == 0)
		return;
	if (*call->args[1] == '\0') {
		thing_clear(thing_at(call->keys[0]));
		return;
	}
	text_set(call->keys[0], call->args[1]);
	thing_expire(thing_at(call->keys[0]), number(call->args[2]));
}

static void run_block(struct data_call *call, struct redis_value *reply)
{
	if (number(call->args[0]) > number(hash_get(call->keys[0], "until")))
		hash_set(call->keys[0], "until", call->args[0]);
	*reply = reply_integer(1);
}

/* --- what was learned ------------------------------------------------------------------------ */

static const char *revision_after(struct data_call *call, const char *before)
{
	const char *revision = arena_printf(call->arena, "%s %s", call->args[0], call->args[1]);
	struct str rest = str_of(before), writer, token;
	for (int writers = 1; rest.len > 0 && writers < 32;) {
		rest = str_cut(str_cut(rest, ' ', &writer), ' ', &token);
		if (str_eq(writer, call->args[0]))
			continue;
		revision = arena_printf(call->arena, "%s %.*s %.*s", revision, (int)writer.len,
		    writer.at, (int)token.len, token.at);
		writers++;
	}
	return revision;
}

static void run_model(struct data_call *call, struct redis_value *reply)
{
	const char *key = call->keys[0], *expected = call->args[2];
	bool takes_all = strcmp(expected, "!") == 0;
	if (takes_all)
		thing_clear(thing_at(key));
	const char *before = hash_get(key, "~revision");
	before = before ? before : "";
	if (!takes_all && strcmp(expected, "*") != 0 && strcmp(expected, before) != 0)
		return;
	const char *revision = revision_after(call, before);
	hash_set(key, "~revision", revision);
	for (size_t i = 3; i + 1 < call->arg_count; i += 2) {
		if (*call->args[i + 1] == '\0')
			zset_remove(key, call->args[i]);
		else
			hash_set(key, call->args[i], call->args[i + 1]);
	}
	*reply = reply_text(call->arena, revision);
}

/* --- all ------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*run)(struct data_call *call, struct redis_value *reply);
	void (*run_or_fail)(struct data_call *call, struct redis_value *reply, struct err *err);
} scripts[] = {{"find", run_find, NULL}, {"commit", run_commit, NULL},
    {"unmatched", run_unmatched, NULL}, {"lease", run_lease, NULL}, {"release", run_release, NULL},
    {"events", NULL, run_events}, {"decide", run_decide, NULL}, {"claim", NULL, run_claim},
    {"receipt", run_receipt, NULL}, {"requeue", run_requeue, NULL}, {"due", run_due, NULL},
    {"plan", run_plan, NULL}, {"clock", run_clock, NULL}, {"quota", run_quota, NULL},
    {"block", run_block, NULL}, {"erase", run_erase, NULL}, {"quarantine", run_quarantine, NULL},
    {"model", run_model, NULL}, {"settle", run_settle, NULL}};

void scripts_run(struct data_call *call, struct redis_value *reply, struct err *err)
{
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
		if (strcmp(scripts[i].name, call->name) != 0)
			continue;
		if (scripts[i].run != NULL)
			scripts[i].run(call, reply);
		else
			scripts[i].run_or_fail(call, reply, err);
		return;
	}
	fprintf(stderr, "fake_redis: no script %s\n", call->name);
	must(!"a script that the fake knows");
}
