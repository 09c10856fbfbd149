/* The HTTP client against a server that fails it in every way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/http_kit.h"

/* --- failures -------------------------------------------------------------------------------- */

static void failures_by_method(void **state)
{
	static const struct {
		const char *answer;
		enum deed deed;
		enum err_kind get, post;
	} rows[] = {
	    {"", RESET_FIRST, ERR_TRANSIENT, ERR_AMBIGUOUS},
	    {"", CUT, ERR_TRANSIENT, ERR_AMBIGUOUS},
	    {"", RESET, ERR_TRANSIENT, ERR_AMBIGUOUS},
	    {"", SILENT, ERR_TRANSIENT, ERR_AMBIGUOUS},
	    {"HTTP/1.1 200 OK\r\nContent-Le", THEN_CUT, ERR_TRANSIENT, ERR_AMBIGUOUS},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", THEN_CUT, ERR_TRANSIENT,
	        ERR_AMBIGUOUS},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", ANSWER, ERR_TRANSIENT,
	        ERR_AMBIGUOUS},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", ANSWER, ERR_TRANSIENT,
	        ERR_AMBIGUOUS},
	    {"220 mail.test ESMTP\r\n", THEN_CUT, ERR_TRANSIENT, ERR_AMBIGUOUS},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int post = 0; post < 2; post++) {
			fake.answer = rows[i].answer;
			fake.deed = rows[i].deed;
			struct http_request request = {.method = post ? "POST" : "GET",
			    .url = url("127.0.0.1"),
			    .body = str_of(post ? "text=hello" : NULL),
			    .total_ms = 150};
			struct outcome o = request_now(&request);
			enum err_kind kind = post ? rows[i].post : rows[i].get;
			/* A connection that is reset at once may end before or after the request
			 * was written. */
			bool either = rows[i].deed == RESET_FIRST && o.err.kind == ERR_TRANSIENT;
			if (!o.failed || (o.err.kind != kind && !either))
				fail_msg("row %zu, post %d: %s %s", i, post,
				    err_kind_name(o.err.kind), o.err.text);
			again(state);
		}
}

/* libcurl writes a request again when a kept connection turns out dead; a POST is not repeated. */
static void posts_are_never_repeated(void **state)
{
	static const enum deed deeds[] = {CUT, RESET};
	for (size_t i = 0; i < 2; i++)
		for (int post = 0; post < 2; post++) {
			struct http_request request = {.method = post ? "POST" : "GET",
			    .url = url("127.0.0.1"),
			    .body = str_of(post ? "text=hello" : NULL),
			    .total_ms = 500};
			fake.good = 1;
			fake.deed = deeds[i];
			assert_false(request_now(&request).failed);
			struct outcome o = request_now(&request);
			assert_true(o.failed);
			assert_int_equal(o.err.kind, post ? ERR_AMBIGUOUS : ERR_TRANSIENT);
			if (post)
				assert_int_equal(fake.requests, 2);
			again(state);
		}
}

static void before_anything_was_asked(void **state)
{
	(void)state;
	static const struct {
		const char *url;
		enum err_kind kind;
		const char *says;
	} rows[] = {
	    {"http://127.0.0.1:1/", ERR_TRANSIENT, "127.0.0.1:1"},
	    {"http://missing.test/", ERR_TRANSIENT, "missing.test: no such host"},
	    {"http://broken.test/", ERR_TRANSIENT, "broken.test"},
	    {"file:///etc/hostname", ERR_PERMANENT, "only http"},
	    {"ftp://127.0.0.1/", ERR_PERMANENT, "only http"},
	    {"gopher://127.0.0.1/", ERR_PERMANENT, "only http"},
	    {"127.0.0.1/", ERR_PERMANENT, "only http"},
	    {"", ERR_PERMANENT, "only http"},
	    {"http://", ERR_PERMANENT, "not a usable URL"},
	    {"http://:80/", ERR_PERMANENT, "not a usable URL"},
	    {"http://127.0.0.1:99999/", ERR_PERMANENT, "not a usable URL"},
	    {"http://127.0.0.1:80:80/", ERR_PERMANENT, "not a usable URL"},
	    {"http://[::1/", ERR_PERMANENT, "not a usable URL"},
	    {"http://127.0.0.1/a\r\nX-Evil: 1", ERR_PERMANENT, "control characters"},
	    {"http://127.0.0.1/a b", ERR_PERMANENT, "spaces"},
	    {"http://127.0.0.1/\x7f", ERR_PERMANENT, "control characters"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct http_request request = {
		    .method = "POST", .url = rows[i].url, .body = str_of("x"), .total_ms = 2000};
		struct outcome o = request_now(&request);
		if (!o.failed || o.err.kind != rows[i].kind ||
		    strstr(o.err.text, rows[i].says) == NULL)
			fail_msg("%s: %s %s", rows[i].url, err_kind_name(o.err.kind), o.err.text);
	}
}

static void header_injection(void **state)
{
	(void)state;
	static const struct http_header bad[] = {
	    {"X-A", "a\r\nX-Evil: 1"},
	    {"X-A", "a\nb"},
	    {"X-A", "a\rb"},
	    {"X-A", "\x01"},
	    {"X A", "a"},
	    {"X-A:", "a"},
	    {"", "a"},
	    {"X\r\nY", "a"},
	    {NULL, "a"},
	    {"X-A", NULL},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct http_request request = {
		    .url = url("127.0.0.1"), .headers = &bad[i], .header_count = 1};
		assert_int_equal(request_now(&request).err.kind, ERR_PERMANENT);
	}
	struct http_request request = {.url = url("127.0.0.1"), .method = "GET / HTTP/1.1\r\nX: y"};
	assert_int_equal(request_now(&request).err.kind, ERR_PERMANENT);
	assert_int_equal(fake.server.accepted, 0);
}

static void bodies_have_a_limit(void **state)
{
	struct buf answer = BUF_EMPTY(0);
	buf_add_text(&answer, "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n");
	size_t head = answer.size;
	while (answer.size < head + 3000000)
		buf_add_char(&answer, 'x');
	for (int row = 0; row < 4; row++) { /* told or not, within or not */
		bool told = row % 2, fits = row / 2;
		fake.answer = answer.data;
		fake.answer_bytes = answer.size;
		fake.deed = THEN_CUT;
		if (!told)
			memcpy(answer.data + 17, "X-Nothing-Said", 14);
		else
			memcpy(answer.data + 17, "Content-Length", 14);
		struct http_request request = {
		    .url = url("127.0.0.1"), .max_bytes = fits ? 3000000 : 2999999};
		struct outcome o = request_now(&request);
		assert_int_equal(o.failed, !fits);
		if (fits)
			assert_int_equal(o.body_bytes, 3000000);
		else
			assert_int_equal(o.err.kind, ERR_PERMANENT);
		again(state);
	}
	fake.answer = answer.data;
	fake.answer_bytes = answer.size;
	assert_int_equal(
	    get("127.0.0.1").err.kind, ERR_PERMANENT); /* 1 MiB unless said otherwise */
	again(state);
	memset(answer.data + 20, 'h', answer.size - 20); /* a header without end */
	fake.answer = answer.data;
	fake.answer_bytes = answer.size;
	assert_true(get("127.0.0.1").failed);
	buf_free(&answer);
}

static void a_slow_body_meets_its_deadline(void **state)
{
	(void)state;
	fake.answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nslow";
	struct http_request request = {.url = url("127.0.0.1"), .total_ms = 80};
	int64_t began = loop_monotonic_ms();
	struct outcome o = request_now(&request);
	assert_int_equal(o.err.kind, ERR_TRANSIENT);
	assert_non_null(strstr(o.err.text, "no complete answer in time"));
	assert_in_range(loop_monotonic_ms() - began, 75, 1000);
	fake.answer = OK;
	assert_string_equal(get("127.0.0.1").body, "ok"); /* on another connection */
	assert_int_equal(fake.server.accepted, 2);
}

static void a_dead_name_server_meets_the_deadline(void **state)
{
	(void)state;
	struct http_request request = {.url = "http://silent.test/", .total_ms = 80};
	loop_take_longest_gap_us();
	struct outcome o = request_now(&request);
	assert_int_equal(o.err.kind, ERR_TRANSIENT);
	assert_true(loop_take_longest_gap_us() < 50000);
}

static void cancelling(void **state)
{
	(void)state;
	struct outcome first, second, third;
	struct http_request request = {.url = url("127.0.0.1")},
	                    slow = {.url = "http://silent.test/"};
	fake.deed = SILENT;
	get_start(&request, &first);
	get_start(&slow, &second);
	flow_cancel(second.flow); /* while its name is looked up */
	assert_int_equal(second.err.kind, ERR_CANCELLED);
	LOOP_UNTIL(fake.requests == 1, DEADLINE_MS);
	flow_cancel(first.flow); /* while its answer is waited for */
	assert_int_equal(first.err.kind, ERR_CANCELLED);
	get_start(&request, &third);
	flow_cancel(third.flow); /* before libcurl saw it */
	fake.deed = ANSWER;
	assert_string_equal(get("127.0.0.1").body, "ok");
}

static void stopping(void **state)
{
	(void)state;
	struct outcome outcomes[10];
	struct http_request request = {.url = url("127.0.0.1")};
	fake.deed = SILENT;
	for (int i = 0; i < 10; i++)
		get_start(&request, &outcomes[i]);
	LOOP_UNTIL(fake.requests == 10, DEADLINE_MS);
	http_client_free(&client);
	for (int i = 0; i < 10; i++)
		assert_int_equal(outcomes[i].err.kind, ERR_CANCELLED);
}

static void a_certificate_nobody_knows(void **state)
{
	(void)state;
	char text[100];
	fake.server.tls = fake_tls("IP:127.0.0.1", NULL);
	fake.server.opened = NULL;
	snprintf(text, sizeof text, "https://127.0.0.1:%d/", fake.server.port);
	struct http_request request = {
	    .method = "POST", .url = text, .body = str_of("x"), .total_ms = 300};
	struct outcome o =
	    request_now(&request); /* the server never shakes hands: nothing was asked */
	assert_int_equal(o.err.kind, ERR_TRANSIENT);
	assert_int_equal(fake.requests, 0);
}

static void secure_at_once(struct fake_server *server, struct list *link)
{
	(void)server;
	if (fake_of(link)->ssl == NULL)
		fake_secure(fake_of(link));
}

static void a_self_signed_certificate(void **state)
{
	(void)state;
	char text[100];
	fake.server.tls = fake_tls("IP:127.0.0.1", NULL);
	fake.server.opened = secure_at_once;
	snprintf(text, sizeof text, "https://127.0.0.1:%d/", fake.server.port);
	struct http_request request = {
	    .method = "POST", .url = text, .body = str_of("x"), .total_ms = 2000};
	struct outcome o = request_now(&request);
	assert_int_equal(o.err.kind, ERR_TRANSIENT);
	assert_non_null(strstr(o.err.text, "certificate"));
	assert_int_equal(fake.requests, 0);
}

int main(void)
{
	loop_start();
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	    TEST(failures_by_method),
	    TEST(posts_are_never_repeated),
	    TEST(before_anything_was_asked),
	    TEST(header_injection),
	    TEST(bodies_have_a_limit),
	    TEST(a_slow_body_meets_its_deadline),
	    TEST(a_dead_name_server_meets_the_deadline),
	    TEST(cancelling),
	    TEST(stopping),
	    TEST(a_certificate_nobody_knows),
	    TEST(a_self_signed_certificate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
