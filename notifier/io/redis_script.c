#include "notifier/io/redis_internal.h"

#include <openssl/evp.h>
#include <string.h>

/* "*3\r\n" and "$5\r\n", a dozen per command: worth not being a printf. */
static void add_count(struct buf *out, char sign, size_t count)
{
	char text[24];
	size_t at = sizeof text;
	text[--at] = '\n';
	text[--at] = '\r';
	do {
		text[--at] = (char)('0' + count % 10);
		count /= 10;
	} while (count > 0);
	text[--at] = sign;
	buf_add(out, text + at, sizeof text - at);
}

static void add_argument(struct buf *out, struct str argument)
{
	add_count(out, '$', argument.len);
	buf_add(out, argument.at, argument.len);
	buf_add(out, "\r\n", 2);
}

void redis_format(struct buf *out, const struct str *args, size_t count)
{
	buf_clear(out);
	add_count(out, '*', count);
	for (size_t i = 0; i < count; i++)
		add_argument(out, args[i]);
}

void redis_format_texts(struct buf *out, const char *const *args, size_t count)
{
	buf_clear(out);
	add_count(out, '*', count);
	for (size_t i = 0; i < count; i++)
		add_argument(out, str_of(args[i]));
}

static void script_format(
    struct redis *redis, struct redis_op *op, const char *verb, const char *what)
{
	struct buf *out = &redis->command;
	buf_clear(out);
	add_count(out, '*', 2 + op->tail_count);
	add_argument(out, str_of(verb));
	add_argument(out, str_of(what));
	buf_add(out, op->tail.data, op->tail.size);
}

static void tail_format(struct redis_op *op, const struct redis_script_call *call)
{
	char number[24];
	size_t at = sizeof number;
	size_t rest = call->key_count;
	do {
		number[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	buf_clear(&op->tail);
	add_argument(&op->tail, str_make(number + at, sizeof number - at));
	for (size_t i = 0; i < call->key_count; i++)
		add_argument(&op->tail, call->keys[i]);
	for (size_t i = 0; i < call->arg_count; i++)
		add_argument(&op->tail, call->args[i]);
	op->tail_count = 1 + call->key_count + call->arg_count;
}

static void script_name(struct redis_script *script)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	must(EVP_Digest(script->source, strlen(script->source), digest, &len, EVP_sha1(), NULL) ==
	     1);
	must(len == 20);
	hex_encode(script->sha1, digest, len);
}

struct await *redis_run(struct redis *redis, struct flow *flow,
    const struct redis_script_call *call, struct redis_value *out)
{
	struct redis_op *op = redis_op_new(redis, flow, out);
	if (!redis->is_ready)
		return redis_op_refuse(redis, op);
	if (call->script->sha1[0] == '\0')
		script_name(call->script);
	op->script = call->script;
	tail_format(op, call);
	script_format(redis, op, "EVALSHA", call->script->sha1);
	if (!redis_op_send(redis, op))
		return redis_op_refuse(redis, op);
	return &op->await;
}

bool redis_script_again(struct redis *redis, struct redis_op *op)
{
	const struct redis_script *script = op->script;
	op->script = NULL; /* once */
	script_format(redis, op, "EVAL", script->source);
	return redis_op_send(redis, op);
}
