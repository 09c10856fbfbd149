/* The HTTP server, talked to through raw sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "notifier/base/log.h"
#include "notifier/io/http_server.h"
#include "notifier/io/http_server_internal.h"
#include "tests/unit/loop_until.h"
#include "tests/unit/raw_client.h"

/* --- the application -------------------------------------------------------------------------- */

static struct {
	int handled, gone;
	struct http_exchange *kept[256]; /* asked for /later: answered by the test */
	int kept_count;
	char method[16], path[64], query[64], remote[64], raw_url[128], header[64];
	size_t body_len;
	char id[20];
	bool answer_when_gone;
	struct timer second;
} app;

static void app_answer(struct http_exchange *exchange, const char *text)
{
	struct http_reply reply = {.status = 200,
	    .content_type = "text/plain",
	    .body = str_of(text),
	    .headers = {{"X-Ours", "yes"}, {"X-Evil", "a\r\nX-Injected: 1"}},
	    .header_count = 2};
	http_reply_send(exchange, &reply);
}

static void app_gone(void *context)
{
	app.gone++;
	if (app.answer_when_gone)
		app_answer(context, "too late");
}

static void app_second_is_over(struct timer *timer)
{
	(void)timer;
	app_answer(app.kept[0], "a second");
}

static void note(char *out, size_t out_bytes, const char *text)
{
	snprintf(out, out_bytes, "%s", text ? text : "(none)");
}

static void app_handle(
    struct http_exchange *exchange, const struct http_incoming *incoming, void *context)
{
	(void)context;
	app.handled++;
	note(app.method, sizeof app.method, incoming->method);
	note(app.path, sizeof app.path, incoming->path);
	note(app.remote, sizeof app.remote, incoming->remote);
	note(app.raw_url, sizeof app.raw_url, incoming->raw_url);
	note(app.query, sizeof app.query, http_incoming_query(incoming, "q"));
	note(app.header, sizeof app.header, http_incoming_header(incoming, "x-test"));
	app.body_len = incoming->body.len;
	note(app.id, sizeof app.id, http_exchange_id(exchange));
	if (strcmp(incoming->path, "/in-a-second") == 0) {
		app.kept[app.kept_count++ % 256] = exchange;
		timer_init(&app.second, app_second_is_over);
		timer_start(&app.second, 1000);
		return;
	}
	if (strcmp(incoming->path, "/later") != 0) {
		char text[128];
		snprintf(text, sizeof text, "<%s %zu>", incoming->path, incoming->body.len);
		app_answer(exchange, text);
		return;
	}
	http_exchange_on_gone(exchange, app_gone, exchange);
	app.kept[app.kept_count++ % 256] = exchange;
}

/* --- the server and its clients --------------------------------------------------------------- */

static struct http_server *server;

static void server_start(const struct http_server_options *wanted)
{
	struct http_server_options options = *wanted;
	struct err err = {.text = ""};
	memset(&app, 0, sizeof app);
	options.handle = app_handle;
	if (options.listen == NULL)
		options.listen = "127.0.0.1:0";
	server = http_server_open(&options, &err);
	assert_string_equal(err.text, "");
	assert_non_null(server);
}

static int stop(void **state)
{
	(void)state;
	http_server_close(&server);
	loop_drain();
	return 0;
}

/* One request on a fresh connection; its answer must hold `expected`. */
static void expect(const char *request, const char *expected)
{
	struct client client = client_open(http_server_port(server));
	client_say(&client, request);
	LOOP_UNTIL(client_has(&client, expected) || client.is_over, 3000);
	if (strstr(buf_text(&client.in), expected) == NULL)
		print_error("sent %.60s, got %s\n", request, buf_text(&client.in));
	assert_non_null(strstr(buf_text(&client.in), expected));
	client_close(&client);
}

#define HOST "Host: h\r\n"

static char *long_text(const char *before, char fill, size_t count, const char *after)
{
	struct buf text = BUF_EMPTY(0);
	buf_add_text(&text, before);
	for (size_t i = 0; i < count; i++)
		buf_add_char(&text, fill);
	buf_add_text(&text, after);
	return buf_take(&text);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_requests_arrive_whole(void **state)
{
	(void)state;
	server_start(&(struct http_server_options){0});
	expect("POST /a%20b?x&q=c%26d&q=e HTTP/1.1\r\n" HOST
	       "X-Test:  v \r\nContent-Length: 5\r\n\r\nhello",
	    "</a b 5>");
	assert_string_equal(app.method, "POST");
	assert_string_equal(app.path, "/a b");
	assert_string_equal(app.query, "c&d");
	assert_string_equal(app.raw_url, "/a%20b?x&q=c%26d&q=e");
	assert_string_equal(app.remote, "127.0.0.1");
	assert_string_equal(app.header, "v");
	expect("GET / HTTP/1.1\r\n" HOST "\r\n", "X-Ours: yes");
	expect("GET / HTTP/1.0\r\n\r\n", "</ 0>");
	expect("POST / HTTP/1.1\r\n" HOST
	       "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
	    "</ 5>");
	expect("POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n",
	    "100 Continue");
	struct client client = client_open(http_server_port(server));
	client_say(&client, "GET / HTTP/1.1\r\n" HOST "\r\n");
	LOOP_UNTIL(client_has(&client, "</ 0>"), 3000);
	assert_false(client_has(&client, "Injected"));
	client_close(&client);
}

/* HEAD is answered like GET, without the body (RFC 9110, 9.3.2). */
static void test_head(void **state)
{
	(void)state;
	server_start(&(struct http_server_options){0});
	struct client client = client_open(http_server_port(server));
	client_say(&client, "HEAD /x HTTP/1.1\r\n" HOST "\r\nGET /y HTTP/1.1\r\n" HOST "\r\n");
	LOOP_UNTIL(client_has(&client, "</y 0>"), 3000);
	assert_true(client_has(&client, "Content-Length: 6\r\n"));
	assert_false(client_has(&client, "</x 0>"));
	client_close(&client);
}

static char log_lines[4000];

static void take_line(const char *line, size_t len)
{
	size_t used = strlen(log_lines);
	snprintf(log_lines + used, sizeof log_lines - used, "%.*s", (int)len, line);
}

static void test_each_request_has_an_id_that_the_log_tells(void **state)
{
	(void)state;
	char expected[160], first[20];
	server_start(&(struct http_server_options){0});
	log_set_sink(take_line);
	log_set_level(LOG_DEBUG);
	log_lines[0] = '\0';
	expect("GET /a?secret=1 HTTP/1.1\r\n" HOST "X-Request-Id: mine\r\n\r\n", "X-Request-Id: ");
	memcpy(first, app.id, sizeof first);
	expect("GET /b HTTP/1.1\r\n" HOST "\r\n", "X-Request-Id: ");
	assert_int_equal(strlen(first), 16);
	assert_string_not_equal(first, app.id);
	snprintf(expected, sizeof expected,
	    "level=debug event=request request_id=%s method=GET path=/a status=200", first);
	assert_non_null(strstr(log_lines, expected));
	assert_null(strstr(log_lines, "secret"));
	log_lines[0] = '\0';
	log_set_level(LOG_WARN);
	expect("GET /a HTTP/1.1\r\n" HOST "\r\n", "200 OK");
	assert_string_equal(log_lines, "");
	log_set_sink(NULL);
	log_set_level(LOG_ERROR);
}

/* The look at a waiting client falls due in the very turn in which it is answered. */
static void test_an_answer_in_the_turn_of_a_look(void **state)
{
	(void)state;
	server_start(&(struct http_server_options){0});
	expect("GET /in-a-second HTTP/1.1\r\n" HOST "\r\n", "a second");
	assert_int_equal(app.handled, 1);
}

static void test_keep_alive_and_pipelining(void **state)
{
	(void)state;
	server_start(&(struct http_server_options){0});
	struct client client = client_open(http_server_port(server));
	client_say(&client, "POST /1 HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab"
	                    "GET /later HTTP/1.1\r\n" HOST "\r\n"
	                    "POST /3 HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nc");
	LOOP_UNTIL(app.kept_count == 1, 3000);
	assert_true(client_has(&client, "</1 2>"));
	assert_int_equal(http_server_open_requests(server), 1);
	app_answer(app.kept[0], "second");
	LOOP_UNTIL(client_has(&client, "</3 1>"), 3000);
	assert_true(
	    strstr(buf_text(&client.in), "second") < strstr(buf_text(&client.in), "</3 1>"));
	for (int i = 0; i < 50; i++) {
		buf_clear(&client.in);
		client_say(&client, "GET /again HTTP/1.1\r\n" HOST "\r\n");
		LOOP_UNTIL(client_has(&client, "</again 0>"), 3000);
	}
	assert_int_equal(app.handled, 53);
	LOOP_UNTIL(http_server_open_requests(server) == 0, 1000);
	client_close(&client);
}

static void test_limits(void **state)
{
	(void)state;
	server_start(&(struct http_server_options){.max_body_bytes = 1000});
	char *url = long_text("GET /", 'u', 2100, " HTTP/1.1\r\n" HOST "\r\n");
	char *url_fits = long_text("GET /", 'u', 2000, " HTTP/1.1\r\n" HOST "\r\n");
	char *url_huge = long_text("GET /", 'u', 60000, " HTTP/1.1\r\n" HOST "\r\n");
	char *header = long_text("GET / HTTP/1.1\r\n" HOST "X: ", 'h', 17000, "\r\n\r\n");
	char *header_fits = long_text("GET / HTTP/1.1\r\n" HOST "X: ", 'h', 15000, "\r\n\r\n");
	char *header_huge = long_text("GET / HTTP/1.1\r\n" HOST "X: ", 'h', 100000, "\r\n\r\n");
	char *body =
	    long_text("POST / HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n", 'b', 1001, "");
	char *body_fits =
	    long_text("POST / HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n", 'b', 1000, "");
	char *chunked =
	    long_text("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n400\r\n", 'b',
	        1024, "\r\n0\r\n\r\n");
	struct buf many = BUF_EMPTY(0);
	buf_add_text(&many, "GET / HTTP/1.1\r\n" HOST);
	for (int i = 0; i < 100; i++)
		buf_printf(&many, "A%d: b\r\n", i);
	buf_add_text(&many, "\r\n");
	expect(url, "HTTP/1.1 414");
	expect(url_huge, "HTTP/1.1 414");
	expect(header, "HTTP/1.1 431");
	expect(header_huge, "HTTP/1.1 431");
	expect(buf_text(&many), "\"code\":\"too_many_headers\"");
	expect(body, "HTTP/1.1 413");
	expect(
	    "POST / HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n", "application/problem+json");
	expect("POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n",
	    "HTTP/1.1 4");
	expect(chunked, "HTTP/1.1 413");
	assert_int_equal(app.handled, 0);
	expect(url_fits, "200 OK");
	expect(header_fits, "200 OK");
	expect(body_fits, "</ 1000>");
	char *const texts[] = {
	    url, url_fits, url_huge, header, header_fits, header_huge, body, body_fits, chunked};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		xfree(texts[i]);
	buf_free(&many);
}

static void test_ambiguous_requests_are_refused(void **state)
{
	(void)state;
	static const char *const requests[] = {
	    "POST / HTTP/1.1\r\n" HOST
	    "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    "POST / HTTP/1.1\r\n" HOST
	    "transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n",
	    "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
	    "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
	    "POST / HTTP/1.1\r\n" HOST
	    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
	    "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	    "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n",
	    "POST / HTTP/1.1\r\n" HOST "Content-Length: 1x\r\n\r\na",
	    "GET / HTTP/1.1\r\n" HOST HOST "\r\n",
	    "GET / HTTP/1.1\r\n\r\n",
	    "GET /%00 HTTP/1.1\r\n" HOST "\r\n",
	};
	server_start(&(struct http_server_options){0});
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		expect(requests[i], "HTTP/1.1 400");
	assert_int_equal(app.handled, 0);
	/* What libmicrohttpd only hangs up on. */
	static const char *const broken[] = {"\x16\x03\x01\x02garbage\r\n\r\n",
	    "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
	    "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n"};
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		struct client client = client_open(http_server_port(server));
		client_say(&client, broken[i]);
		LOOP_UNTIL(client_is_over(&client), 3000);
		assert_null(strstr(buf_text(&client.in), "200 OK"));
		client_close(&client);
	}
	assert_int_equal(app.handled, 0);
}

/* A byte now and then keeps a connection busy; the deadline is absolute. */
static void test_slow_clients_are_cut(void **state)
{
	(void)state;
	static const char *const starts[] = {"", "GET / HTT", "GET / HTTP/1.1\r\n" HOST "X: ",
	    "POST / HTTP/1.1\r\n" HOST "Content-Length: 10000\r\n\r\n"};
	server_start(&(struct http_server_options){.request_ms = 300});
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
		struct client client = client_open(http_server_port(server));
		int64_t began = loop_monotonic_ms();
		client_say(&client, starts[i]);
		loop_until_start(3000);
		int64_t last = began;
		while (!client_is_over(&client) && loop_until_turn())
			if (loop_monotonic_ms() - last >= 10) {
				client_say(&client, "x");
				last = loop_monotonic_ms();
			}
		loop_until_stop();
		int64_t took = loop_monotonic_ms() - began;
		assert_true(client.is_over && took >= 290 && took < 1500);
		client_close(&client);
	}
	assert_int_equal(app.handled, 0);
	LOOP_UNTIL(server->client_count == 0, 1000);
}

static void test_answer_that_does_not_come(void **state)
{
	(void)state;
	server_start(&(struct http_server_options){.request_ms = 200});
	struct client client = client_open(http_server_port(server));
	client_say(&client, "GET /later HTTP/1.1\r\n" HOST "\r\n");
	LOOP_UNTIL(client_has(&client, "\"code\":\"timeout\""), 3000);
	assert_non_null(strstr(buf_text(&client.in), "503"));
	assert_int_equal(app.gone, 1);
	LOOP_UNTIL(client_is_over(&client), 3000);
	app_answer(app.kept[0], "only bookkeeping");
	assert_int_equal(http_server_open_requests(server), 0);
	client_close(&client);
	/* the application answers from within gone() */
	app.answer_when_gone = true;
	client = client_open(http_server_port(server));
	client_say(&client, "GET /later HTTP/1.1\r\n" HOST "\r\n");
	LOOP_UNTIL(client_has(&client, "\"code\":\"timeout\""), 3000);
	LOOP_UNTIL(http_server_open_requests(server) == 0, 1000);
	client_close(&client);
}

static void test_client_gone_before_the_answer(void **state)
{
	(void)state;
	server_start(&(struct http_server_options){0});
	for (int i = 0; i < 2; i++) {
		app.answer_when_gone = i == 1;
		app.gone = app.kept_count = 0;
		struct client client = client_open(http_server_port(server));
		client_say(&client, "GET /later HTTP/1.1\r\n" HOST "\r\n");
		LOOP_UNTIL(app.kept_count == 1, 3000);
		client_close(&client);
		LOOP_UNTIL(app.gone == 1, 3000);
		if (i == 0)
			app_answer(app.kept[0], "nobody listens");
		LOOP_UNTIL(server->client_count == 0, 3000);
		assert_int_equal(http_server_open_requests(server), 0);
	}
	/* gone, and answered before anybody noticed */
	app.kept_count = 0;
	struct client client = client_open(http_server_port(server));
	client_say(&client, "GET /later HTTP/1.1\r\n" HOST "\r\n");
	LOOP_UNTIL(app.kept_count == 1, 3000);
	client_close(&client);
	app_answer(app.kept[0], "nobody listens");
	LOOP_UNTIL(server->client_count == 0, 3000);
}

static void test_many_at_once(void **state)
{
	(void)state;
	static struct client clients[200];
	server_start(&(struct http_server_options){0});
	for (int i = 0; i < 200; i++) {
		clients[i] = client_open(http_server_port(server));
		client_say(
		    &clients[i], "POST /later HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc");
	}
	LOOP_UNTIL(app.kept_count == 200, 5000);
	assert_int_equal(http_server_open_requests(server), 200);
	for (int i = 199; i >= 0; i--)
		app_answer(app.kept[i], "done");
	for (int i = 0; i < 200; i++) {
		LOOP_UNTIL(client_has(&clients[i], "done"), 5000);
		client_close(&clients[i]);
	}
	LOOP_UNTIL(server->client_count == 0, 3000);
}

static void test_too_many_connections(void **state)
{
	(void)state;
	server_start(&(struct http_server_options){.max_connections = 3});
	struct client clients[5];
	for (int i = 0; i < 5; i++)
		clients[i] = client_open(http_server_port(server));
	for (int i = 3; i < 5; i++) {
		LOOP_UNTIL(client_is_over(&clients[i]), 3000);
		assert_true(client_has(&clients[i], "503"));
	}
	client_say(&clients[0], "GET / HTTP/1.1\r\n" HOST "\r\n");
	LOOP_UNTIL(client_has(&clients[0], "</ 0>"), 3000);
	client_close(&clients[0]);
	LOOP_UNTIL(server->client_count == 2, 3000);
	expect("GET / HTTP/1.1\r\n" HOST "\r\n", "</ 0>");
	for (int i = 1; i < 5; i++)
		client_close(&clients[i]);
}

static void test_unix_socket(void **state)
{
	(void)state;
	char dir[] = "/tmp/test_http.XXXXXX", where[64];
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct err err;
	struct stat file;
	assert_non_null(mkdtemp(dir));
	snprintf(to.sun_path, sizeof to.sun_path, "%s/s", dir);
	snprintf(where, sizeof where, "unix:%s/s", dir);
	for (int round = 0; round < 2; round++) { /* the second finds a stale file */
		server_start(&(struct http_server_options){.listen = where});
		assert_int_equal(stat(to.sun_path, &file), 0);
		assert_int_equal(file.st_mode & 0777, 0600);
		struct http_server_options again = {.listen = where, .handle = app_handle};
		assert_null(http_server_open(&again, &err)); /* in use: left alone */
		struct client client = {.fd = socket(AF_UNIX, SOCK_STREAM, 0)};
		assert_int_equal(connect(client.fd, (struct sockaddr *)&to, sizeof to), 0);
		client_say(&client, "POST /u HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab");
		LOOP_UNTIL(client_has(&client, "</u 2>"), 3000);
		assert_string_equal(app.remote, "unix");
		client_close(&client);
		http_server_close(&server);
		assert_int_not_equal(access(to.sun_path, F_OK), 0);
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (round == 0)
			assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof to), 0);
		close(fd);
	}
	rmdir(dir);
}

static void test_addresses(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "8080", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000",
	    "host.example:80", "[::1]", "[::1:80", "unix:", "127.0.0.1:-1", NULL};
	struct err err;
	for (size_t i = 0; bad[i] != NULL; i++) {
		struct http_server_options options = {.listen = bad[i], .handle = app_handle};
		assert_null(http_server_open(&options, &err));
		assert_int_equal(err.kind, ERR_INPUT);
	}
	server_start(&(struct http_server_options){0});
	char taken[64];
	snprintf(taken, sizeof taken, "127.0.0.1:%d", http_server_port(server));
	struct http_server_options options = {.listen = taken, .handle = app_handle};
	assert_null(http_server_open(&options, &err));
	assert_non_null(strstr(err.text, "address in use"));
}

static void test_orderly_stop(void **state)
{
	(void)state;
	server_start(&(struct http_server_options){0});
	struct client idle = client_open(http_server_port(server)),
	              busy = client_open(http_server_port(server)),
	              left = client_open(http_server_port(server));
	client_say(&busy, "GET /later HTTP/1.1\r\n" HOST "\r\n");
	client_say(&left, "GET /later HTTP/1.1\r\n" HOST "\r\n");
	LOOP_UNTIL(app.kept_count == 2 && server->client_count == 3, 3000);
	http_server_stop_accepting(server);
	LOOP_UNTIL(client_is_over(&idle), 3000);
	app_answer(app.kept[0], "last words");
	LOOP_UNTIL(client_has(&busy, "last words") || client_has(&left, "last words"), 3000);
	LOOP_UNTIL(http_server_open_requests(server) == 1, 3000);
	http_server_close(&server);
	assert_int_equal(app.gone, 1);
	app_answer(app.kept[1], "nobody listens"); /* frees the exchange */
	client_close(&idle);
	client_close(&busy);
	client_close(&left);
}

/* Out of descriptors: waits instead of spinning, and goes on when there are some again. */
static void test_out_of_descriptors(void **state)
{
	(void)state;
	struct rlimit before, tight;
	server_start(&(struct http_server_options){0});
	struct client client = client_open(http_server_port(server));
	getrlimit(RLIMIT_NOFILE, &before);
	tight = before;
	tight.rlim_cur = (rlim_t)client.fd + 1;
	setrlimit(RLIMIT_NOFILE, &tight);
	client_say(&client, "GET / HTTP/1.1\r\n" HOST "\r\n");
	LOOP_UNTIL(timer_is_running(&server->again), 3000);
	assert_int_equal(app.handled, 0);
	setrlimit(RLIMIT_NOFILE, &before);
	LOOP_UNTIL(client_has(&client, "</ 0>"), 1000);
	client_close(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_requests_arrive_whole, stop),
	    cmocka_unit_test_teardown(test_head, stop),
	    cmocka_unit_test_teardown(test_each_request_has_an_id_that_the_log_tells, stop),
	    cmocka_unit_test_teardown(test_an_answer_in_the_turn_of_a_look, stop),
	    cmocka_unit_test_teardown(test_keep_alive_and_pipelining, stop),
	    cmocka_unit_test_teardown(test_limits, stop),
	    cmocka_unit_test_teardown(test_ambiguous_requests_are_refused, stop),
	    cmocka_unit_test_teardown(test_slow_clients_are_cut, stop),
	    cmocka_unit_test_teardown(test_answer_that_does_not_come, stop),
	    cmocka_unit_test_teardown(test_client_gone_before_the_answer, stop),
	    cmocka_unit_test_teardown(test_many_at_once, stop),
	    cmocka_unit_test_teardown(test_too_many_connections, stop),
	    cmocka_unit_test_teardown(test_unix_socket, stop),
	    cmocka_unit_test_teardown(test_addresses, stop),
	    cmocka_unit_test_teardown(test_orderly_stop, stop),
	    cmocka_unit_test_teardown(test_out_of_descriptors, stop),
	};
	loop_start();
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
