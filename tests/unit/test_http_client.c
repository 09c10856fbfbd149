/* The HTTP client against a server on the same loop that answers what a test tells it to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "notifier/io/http_client.h"
#include "notifier/io/resolve.h"
#include "tests/unit/fake_dns.h"
#include "tests/unit/fake_tcp.h"
#include "tests/unit/loop_until.h"

#define DEADLINE_MS 4000

/* --- the server
 * -------------------------------------------------------------------------------------- */

static const struct fake_name names[] = {
    {.name = "local.test", .v4 = "127.0.0.1", .ttl_s = 60},
    {.name = "rebind.test", .v4 = "127.0.0.1", .ttl_s = 0},
    {.name = "mapped.test", .v6 = "::ffff:127.0.0.1", .ttl_s = 60},
    {.name = "meta.test", .v4 = "169.254.169.254", .ttl_s = 60},
    {.name = "both.test", .v4 = "127.0.0.1", .v6 = "2001:db8::1", .ttl_s = 60},
    {.name = "*.many.test", .v4 = "127.0.0.1", .ttl_s = 60},
    {.name = "silent.test", .rcode = -1},
    {.name = "broken.test", .rcode = 2},
};

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
enum deed { ANSWER, THEN_CUT, CUT, RESET, SILENT, RESET_FIRST };

static struct {
	struct fake_server server;
	struct fake_dns dns;
	const char *answer;
	size_t answer_bytes; /* 0: strlen */
	enum deed deed;
	unsigned requests;
	unsigned good;   /* so many requests are answered kindly before the deed */
	char last[8192]; /* the last request, headers and body */
} fake;

static size_t request_end(const struct buf *in)
{
	const char *head = in->size ? memmem(in->data, in->size, "\r\n\r\n", 4) : NULL;
	const char *length = head ? strcasestr(in->data, "\r\nContent-Length:") : NULL;
	size_t body = length && length < head ? strtoul(length + 17, NULL, 10) : 0;
	size_t end = head ? (size_t)(head + 4 - in->data) + body : 0;
	return head && in->size >= end ? end : 0;
}

static void on_request(struct fake_server *server, struct list *link)
{
	struct fake_connection *c = fake_of(link);
	size_t end;
	(void)server;
	while (!c->is_closed && (end = request_end(&c->in)) > 0) {
		snprintf(fake.last, sizeof fake.last, "%.*s", (int)end, c->in.data);
		buf_consume(&c->in, end);
		enum deed deed = fake.requests++ < fake.good ? ANSWER : fake.deed;
		if (deed == ANSWER || deed == THEN_CUT)
			fake_send(c, fake.answer,
			    fake.answer_bytes ? fake.answer_bytes : strlen(fake.answer));
		if (deed == CUT || deed == THEN_CUT)
			fake_close(c);
		if (deed == RESET)
			fake_reset(c);
	}
}

static void on_accepted(struct fake_server *server, struct list *link)
{
	(void)server;
	if (fake.deed == RESET_FIRST)
		fake_reset(fake_of(link));
}

/* --- one flow per request
 * ------------------------------------------------------------------------------ */

struct outcome { /* outlives the flow */
	int done;
	bool failed;
	struct err err;
	int status;
	char body[64];
	size_t body_bytes, header_count;
	char header[64]; /* X-Test */
	int64_t took_us;
	struct flow *flow;
};

struct get {
	struct flow flow;
	struct http_client *client;
	struct http_request request;
	struct http_response response;
	struct outcome *outcome;
};
#define GET_STEPS(X) X(get, ask) X(get, done)
GET_STEPS(FLOW_STEP)

static next get_ask(struct get *g)
{
	return AWAIT(g, done, http_ask(g->client, &g->flow, &g->request, &g->response), 20000);
}

static next get_done(struct get *g)
{
	struct outcome *o = g->outcome;
	const char *header = http_response_header(&g->response, "x-test");
	o->done++;
	o->failed = FAILED(g);
	o->err = g->flow.err;
	o->status = g->response.status;
	o->body_bytes = g->response.body.len;
	o->header_count = g->response.header_count;
	o->took_us = g->response.took_us;
	if (g->response.body.at != NULL) {
		snprintf(o->body, sizeof o->body, "%s", g->response.body.at);
		assert_int_equal(g->response.body.at[g->response.body.len], '\0');
	}
	snprintf(o->header, sizeof o->header, "%s", header ? header : "(none)");
	o->flow = NULL;
	return END;
}

static void get_fini(struct flow *flow)
{
	xfree(flow);
}
static const struct flow_type get_type = {"get", get_fini};

static struct http_client *client;
static struct resolver *resolver;

static void get_start(const struct http_request *request, struct outcome *outcome)
{
	struct get *g = xcalloc(1, sizeof *g);
	*outcome = (struct outcome){.flow = &g->flow};
	g->client = client;
	g->request = *request;
	g->outcome = outcome;
	flow_start(&g->flow, &get_type, do_ask);
}

static struct outcome request_now(const struct http_request *request)
{
	struct outcome outcome;
	get_start(request, &outcome);
	LOOP_UNTIL(outcome.done, DEADLINE_MS);
	assert_int_equal(outcome.done, 1);
	return outcome;
}

static const char *url(const char *host)
{
	static char text[300];
	snprintf(text, sizeof text, "http://%s:%d/path?q=1", host, fake.server.port);
	return text;
}

static struct outcome get(const char *host)
{
	struct http_request request = {.url = url(host), .total_ms = 1000};
	return request_now(&request);
}

static int start(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof fake);
	fake.answer = OK;
	fake.server.received = on_request;
	fake.server.opened = on_accepted;
	fake_listen(&fake.server);
	fake_dns_start(&fake.dns, names, sizeof names / sizeof *names);
	resolver = resolver_new_with_servers(fake.dns.servers);
	client = http_client_new_with_resolver(resolver);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	http_client_free(&client);
	resolver_free(&resolver);
	fake_stop(&fake.server);
	fake_dns_stop(&fake.dns);
	loop_drain();
	assert_int_equal(flow_count(), 0);
	return 0;
}

static void again(void **state)
{
	stop(state);
	start(state);
}

/* --- what goes well
 * --------------------------------------------------------------------------------------- */

static void answers(void **state)
{
	(void)state;
	static const int statuses[] = {200, 201, 202, 204, 301, 304, 400, 401, 403, 404, 408, 410,
	    413, 422, 429, 500, 502, 503, 504};
	char answer[200];
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		bool has_body = statuses[i] != 204 && statuses[i] != 304;
		snprintf(answer, sizeof answer,
		    "HTTP/1.1 %d X\r\nX-Test:  some \t\r\nLocation: http://127.0.0.1:1/\r\n%s",
		    statuses[i], has_body ? "content-length: 3\r\n\r\na\xffz" : "\r\n");
		fake.answer = answer;
		struct outcome o = get("127.0.0.1");
		assert_false(o.failed); /* any status is an answer; redirects are not followed */
		assert_int_equal(o.status, statuses[i]);
		assert_string_equal(o.header, "some");
		assert_int_equal(o.body_bytes, has_body ? 3 : 0);
		assert_int_equal(o.header_count, has_body ? 3 : 2);
		assert_true(o.took_us > 0);
	}
	assert_int_equal(fake.server.accepted, 1);
	assert_int_equal(fake.requests, sizeof statuses / sizeof *statuses);
}

static void ways_to_end_a_body(void **state)
{
	static const struct {
		const char *answer;
		bool then_cut;
		int status;
		const char *body;
	} rows[] = {
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
	     "chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nX-Test: trailer\r\n\r\n",
	        false, 200, "abc"},
	    {"HTTP/1.1 200 OK\r\n\r\nuntil the end", true, 200, "until the end"},
	    {"HTTP/1.0 200 OK\r\n\r\nold", true, 200, "old"},
	    {"HTTP/1.1 100 Continue\r\nX-Test: no\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
	     "1\r\n\r\nx",
	        false, 200, "x"},
	    {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08",
	        false, 200, "\x1f\x8b\x08"},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, 200, ""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fake.answer = rows[i].answer;
		fake.deed = rows[i].then_cut ? THEN_CUT : ANSWER;
		struct outcome o = get("127.0.0.1");
		assert_false(o.failed);
		assert_int_equal(o.status, rows[i].status);
		assert_string_equal(o.body, rows[i].body);
		again(state);
	}
}

static void requests(void **state)
{
	(void)state;
	const struct http_header headers[] = {
	    {"X-One", "1"}, {"X-Empty", ""}, {"Content-Type", "application/json"}};
	static const struct {
		const char *method, *body;
		const char *says;
	} rows[] = {
	    {NULL, NULL, "GET /path?q=1 HTTP/1.1\r\n"},
	    {"GET", NULL, "GET /path?q=1 HTTP/1.1\r\n"},
	    {"POST", "{\"a\":1}", "POST /path?q=1 HTTP/1.1\r\n"},
	    {"POST", "", "POST /path?q=1 HTTP/1.1\r\n"},
	    {"PUT", "x", "PUT /path?q=1 HTTP/1.1\r\n"},
	    {"DELETE", NULL, "DELETE /path?q=1 HTTP/1.1\r\n"},
	    {"DELETE", "y", "DELETE /path?q=1 HTTP/1.1\r\n"},
	    {"PATCH", "z", "PATCH /path?q=1 HTTP/1.1\r\n"},
	    {"OPTIONS", NULL, "OPTIONS /path?q=1 HTTP/1.1\r\n"},
	    {"GET", NULL, "GET /path?q=1 HTTP/1.1\r\n"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct http_request request = {.method = rows[i].method,
		    .url = url("127.0.0.1"),
		    .headers = headers,
		    .header_count = 3,
		    .body = str_of(rows[i].body)};
		assert_false(request_now(&request).failed);
		assert_int_equal(strncmp(fake.last, rows[i].says, strlen(rows[i].says)), 0);
		assert_non_null(strstr(fake.last, "\r\nX-One: 1\r\n"));
		assert_non_null(strstr(fake.last, "\r\nX-Empty:\r\n"));
		assert_non_null(strstr(fake.last, "\r\nContent-Type: application/json\r\n"));
		assert_null(strstr(fake.last, "Expect"));
		assert_null(strstr(fake.last, "Accept-Encoding"));
		const char *body = rows[i].body ? rows[i].body : "";
		assert_string_equal(strstr(fake.last, "\r\n\r\n") + 4, body);
	}
	struct http_request plain = {
	    .method = "POST", .url = url("127.0.0.1"), .body = str_of("x")};
	assert_false(request_now(&plain).failed);
	assert_null(strstr(fake.last, "Content-Type")); /* none is invented, none is left over */
	assert_int_equal(fake.server.accepted, 1);
	struct http_request head = {.method = "HEAD", .url = url("127.0.0.1")};
	fake.answer = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
	assert_int_equal(request_now(&head).status, 200);
	fake.answer = OK;
	assert_string_equal(get("127.0.0.1").body, "ok");
	assert_int_equal(fake.server.accepted, 1);
}

static void names_are_resolved_once(void **state)
{
	(void)state;
	struct outcome outcomes[20];
	struct http_request request = {.url = url("local.test"), .total_ms = 2000};
	for (int i = 0; i < 20; i++)
		get_start(&request, &outcomes[i]);
	LOOP_UNTIL(flow_count() == 0, DEADLINE_MS);
	for (int i = 0; i < 20; i++)
		assert_int_equal(outcomes[i].status, 200);
	assert_int_equal(fake.dns.asked, 2);
	unsigned accepted = fake.server.accepted;
	assert_int_equal(get("local.test").status, 200);
	assert_int_equal(fake.dns.asked, 2);
	assert_int_equal(fake.server.accepted, accepted); /* a kept connection */
	assert_non_null(strstr(fake.last, "\r\nHost: local.test:"));
	assert_int_equal(get("both.test").status, 200);
	assert_int_equal(get("LOCAL.test").status, 200);
}

/* More hosts than we remember: evicted ones come back. */
static void many_names(void **state)
{
	(void)state;
	char host[40];
	for (int i = 0; i < 1200; i++) {
		snprintf(host, sizeof host, "h%d.many.test", i % 600);
		struct outcome o = get(host);
		if (o.failed)
			fail_msg("%s: %s", host, o.err.text);
	}
	assert_int_equal(fake.dns.asked, 1200); /* A and AAAA of 600: the resolver remembers more */
}

/* --- failures
 * ------------------------------------------------------------------------------------------------
 */

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
	    {"http://missing.test/", ERR_PERMANENT, "missing.test: no such host"},
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

/* --- URLs that came from data
 * ---------------------------------------------------------------------------------- */

static void special_addresses_are_refused(void **state)
{
	static const char *const hosts[] = {
	    "127.0.0.1",
	    "127.1",
	    "127.0.1",
	    "127.255.255.254",
	    "0x7f000001",
	    "0x7f.0.0.1",
	    "0x7f.1",
	    "2130706433",
	    "017700000001",
	    "0177.0.0.1",
	    "0177.1",
	    "0",
	    "0.0.0.0",
	    "00000000000",
	    "0x0",
	    "[::1]",
	    "[0:0:0:0:0:0:0:1]",
	    "[::]",
	    "[::ffff:127.0.0.1]",
	    "[::ffff:7f00:1]",
	    "[::127.0.0.1]",
	    "[0000:0000::0001]",
	    "[64:ff9b::127.0.0.1]",
	    "[64:ff9b::7f00:1]",
	    "[2002:7f00:1::]",
	    "[fe80::1]",
	    "[fe80::1%25lo]",
	    "[fc00::1]",
	    "[fd12::1]",
	    "[ff02::1]",
	    "[2001:db8::1]",
	    "[100::1]",
	    "[5f00::1]",
	    "10.0.0.1",
	    "10.1",
	    "0xa.1",
	    "167772161",
	    "172.16.0.1",
	    "172.31.255.255",
	    "192.168.0.1",
	    "192.168.1",
	    "0xc0a80001",
	    "169.254.169.254",
	    "0xa9fea9fe",
	    "2852039166",
	    "100.64.0.1",
	    "100.100.100.200",
	    "192.0.0.1",
	    "192.0.2.1",
	    "192.88.99.1",
	    "198.18.0.1",
	    "198.51.100.1",
	    "203.0.113.1",
	    "224.0.0.1",
	    "240.0.0.1",
	    "255.255.255.255",
	    "localhost",
	    "LocalHost",
	    "localhost.",
	    "127.0.0.1.",
	    "local.test",
	    "LOCAL.test",
	    "mapped.test",
	    "meta.test",
	    "rebind.test",
	    "both.test",
	    "local.test.",
	    "user@127.0.0.1",
	    "8.8.8.8@127.0.0.1",
	    "8.8.8.8%00@127.0.0.1",
	    "127.0.0.1#@8.8.8.8",
	    "127.0.0.1%2f",
	    "%31%32%37.0.0.1",
	    "\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1",
	    ("127\xe3\x80\x82"
	     "0.0.1"),
	    "127.0.0.1\\@8.8.8.8",
	    "1.1.1.1 &@127.0.0.1",
	    "127.0.0.1:80@127.0.0.1",
	};
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		struct http_request request = {
		    .url = url(hosts[i]), .is_untrusted_url = true, .total_ms = 3000};
		struct outcome o = request_now(&request);
		if (!o.failed || o.err.kind != ERR_PERMANENT)
			fail_msg("%s: %s %d %s", hosts[i], err_kind_name(o.err.kind), o.status,
			    o.err.text);
	}
	assert_int_equal(fake.server.accepted, 0);
	assert_int_equal(get("127.0.0.1").status, 200); /* the operator may */
	(void)state;
}

/* A connection that a trusted request left open is not lent to an untrusted one. */
static void kept_connections_are_not_shared(void **state)
{
	(void)state;
	assert_int_equal(get("127.0.0.1").status, 200);
	assert_int_equal(get("local.test").status, 200);
	static const char *const hosts[] = {"127.0.0.1", "local.test"};
	for (size_t i = 0; i < 2; i++) {
		struct http_request request = {
		    .url = url(hosts[i]), .is_untrusted_url = true, .total_ms = 1000};
		struct outcome o = request_now(&request);
		assert_int_equal(o.err.kind, ERR_PERMANENT);
		assert_non_null(strstr(o.err.text, "not public"));
	}
	assert_int_equal(fake.requests, 2);
}

static void redirects_are_not_followed(void **state)
{
	(void)state;
	char answer[200];
	snprintf(answer, sizeof answer,
	    "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/x\r\nContent-Length: 0\r\n\r\n",
	    fake.server.port);
	fake.answer = answer;
	assert_int_equal(get("127.0.0.1").status, 302);
	assert_int_equal(fake.requests, 1);
}

int main(void)
{
	loop_start();
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	    TEST(answers),
	    TEST(ways_to_end_a_body),
	    TEST(requests),
	    TEST(names_are_resolved_once),
	    TEST(many_names),
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
	    TEST(special_addresses_are_refused),
	    TEST(kept_connections_are_not_shared),
	    TEST(redirects_are_not_followed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
