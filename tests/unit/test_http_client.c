/* The HTTP client: requests, answers, and URLs that it must not follow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/http_kit.h"

/* --- what goes well -------------------------------------------------------------------------- */

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

/* --- URLs that came from data ---------------------------------------------------------------- */

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
		bool is_unknown = strstr(o.err.text, "no such host") != NULL; /* "localhost." */
		if (!o.failed || (o.err.kind != ERR_PERMANENT && !is_unknown))
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
	    TEST(special_addresses_are_refused),
	    TEST(kept_connections_are_not_shared),
	    TEST(redirects_are_not_followed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
