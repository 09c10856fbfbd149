/* A scripted Redis on the same loop: it says what the test wants it to say, right or wrong.
 * Include after cmocka.h.
 */
#ifndef TESTS_FAKE_REDIS_H
#define TESTS_FAKE_REDIS_H
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "notifier/io/redis.h"
#include "notifier/io/redis_internal.h"
#include "tests/unit/loop_until.h"

static struct fake {
	char dir[64], path[96];
	uv_pipe_t listener, *client;
	struct buf in;
	const char *probe, *answer, *auth; /* replies; NULL: silence */
	bool hang_up, once;                /* after the answer; answer one command only */
	int commands, evals, connections;
} fake;

static void on_closed_free(uv_handle_t *handle)
{
	if (fake.client == (uv_pipe_t *)(void *)handle)
		fake.client = NULL;
	xfree(handle);
}

static void fake_say(const char *text)
{
	uv_buf_t out = uv_buf_init((char *)(uintptr_t)text, (unsigned)strlen(text));
	if (fake.client != NULL)
		assert_int_equal(
		    uv_try_write((uv_stream_t *)fake.client, &out, 1), (int)strlen(text));
}

static void fake_hang_up(void)
{
	if (fake.client != NULL && !uv_is_closing((uv_handle_t *)fake.client))
		uv_close((uv_handle_t *)fake.client, on_closed_free);
	fake.client = NULL;
}

static void fake_answer(const char *verb)
{
	const char *text = fake.answer;
	if (strcmp(verb, "SETRANGE") == 0)
		text = fake.probe;
	else if (strcmp(verb, "AUTH") == 0 || strcmp(verb, "SELECT") == 0)
		text = fake.auth;
	else
		fake.commands++;
	if (strcmp(verb, "EVAL") == 0) {
		fake.evals++;
		if (fake.auth != NULL)
			text = fake.auth;
	}
	if (text != NULL)
		fake_say(text);
	if (text == NULL || text != fake.answer)
		return;
	if (fake.hang_up)
		fake_hang_up();
	if (fake.once)
		fake.answer = NULL;
}

/* Enough of RESP for our own client: whole commands, the verb is the first argument. */
static bool fake_command(void)
{
	const char *at = buf_text(&fake.in);
	const char *end = at + fake.in.size;
	char verb[32] = "";
	char *after;
	if (fake.in.size == 0 || *at != '*')
		return false;
	long count = strtol(at + 1, &after, 10);
	at = after + 2;
	for (long i = 0; i < count; i++) {
		if (at >= end || *at != '$')
			return false;
		long len = strtol(at + 1, &after, 10);
		if (after + 2 + len + 2 > end)
			return false;
		if (i == 0)
			snprintf(verb, sizeof verb, "%.*s", (int)len, after + 2);
		at = after + 2 + len + 2;
	}
	buf_consume(&fake.in, (size_t)(at - buf_text(&fake.in)));
	fake_answer(verb);
	return true;
}

static void on_fake_alloc(uv_handle_t *handle, size_t want, uv_buf_t *out)
{
	static char space[65536];
	(void)handle;
	(void)want;
	*out = uv_buf_init(space, sizeof space);
}

static void on_fake_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *data)
{
	if (got < 0) {
		if (!uv_is_closing((uv_handle_t *)stream))
			uv_close((uv_handle_t *)stream, on_closed_free);
		if ((uv_stream_t *)fake.client == stream)
			fake.client = NULL;
		return;
	}
	buf_add(&fake.in, data->base, (size_t)got);
	while (fake_command())
		continue;
}

static void on_fake_connection(uv_stream_t *stream, int status)
{
	assert_int_equal(status, 0);
	fake.client = xcalloc(1, sizeof *fake.client);
	fake.connections++;
	buf_clear(&fake.in);
	uv_pipe_init(loop_uv(), fake.client, 0);
	uv_accept(stream, (uv_stream_t *)fake.client);
	uv_read_start((uv_stream_t *)fake.client, on_fake_alloc, on_fake_read);
}

static struct redis *fake_open(void)
{
	char url[160];
	snprintf(url, sizeof url, "unix://%s", fake.path);
	struct redis_options options = {.url = url};
	struct err err;
	struct redis *redis = redis_open(&options, &err);
	assert_non_null(redis);
	return redis;
}

static int fake_start(void **state)
{
	(void)state;
	fake = (struct fake){.probe = ":0\r\n", .answer = "+OK\r\n"};
	snprintf(fake.dir, sizeof fake.dir, "/tmp/test_redis.XXXXXX");
	assert_non_null(mkdtemp(fake.dir));
	snprintf(fake.path, sizeof fake.path, "%s/s", fake.dir);
	uv_pipe_init(loop_uv(), &fake.listener, 0);
	assert_int_equal(uv_pipe_bind(&fake.listener, fake.path), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&fake.listener, 16, on_fake_connection), 0);
	redis_reply_deadline_ms = 10000;
	return 0;
}

static int fake_stop(void **state)
{
	(void)state;
	fake_hang_up();
	uv_close((uv_handle_t *)&fake.listener, NULL);
	loop_drain();
	buf_free(&fake.in);
	unlink(fake.path);
	rmdir(fake.dir);
	return 0;
}

static struct redis *fake_open_ready(void)
{
	struct redis *redis = fake_open();
	LOOP_UNTIL(redis_state_now(redis) == REDIS_OK, 3000);
	return redis;
}
#endif
