/* For the tests of the HTTP client: a flow per request, and a server that answers what a test tells
 * it to.  Include after cmocka.h.
 */
#ifndef TESTS_HTTP_KIT_H
#define TESTS_HTTP_KIT_H
#include "notifier/io/http_client.h"
#include "notifier/io/resolve.h"
#include "tests/unit/fake_dns.h"
#include "tests/unit/fake_tcp.h"
#include "tests/unit/loop_until.h"

#define DEADLINE_MS 4000

/* --- the server ------------------------------------------------------------------------------ */

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

static inline size_t request_end(const struct buf *in)
{
	const char *head = in->size ? memmem(in->data, in->size, "\r\n\r\n", 4) : NULL;
	const char *length = head ? strcasestr(in->data, "\r\nContent-Length:") : NULL;
	size_t body = length && length < head ? strtoul(length + 17, NULL, 10) : 0;
	size_t end = head ? (size_t)(head + 4 - in->data) + body : 0;
	return head && in->size >= end ? end : 0;
}

static inline void on_request(struct fake_server *server, struct list *link)
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

static inline void on_accepted(struct fake_server *server, struct list *link)
{
	(void)server;
	if (fake.deed == RESET_FIRST)
		fake_reset(fake_of(link));
}

/* --- one flow per request -------------------------------------------------------------------- */

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

static inline void get_fini(struct flow *flow)
{
	xfree(flow);
}
static const struct flow_type get_type = {"get", get_fini};

static struct http_client *client;
static struct resolver *resolver;

static inline void get_start(const struct http_request *request, struct outcome *outcome)
{
	struct get *g = xcalloc(1, sizeof *g);
	*outcome = (struct outcome){.flow = &g->flow};
	g->client = client;
	g->request = *request;
	g->outcome = outcome;
	flow_start(&g->flow, &get_type, do_ask);
}

static inline struct outcome request_now(const struct http_request *request)
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

static inline struct outcome get(const char *host)
{
	struct http_request request = {.url = url(host), .total_ms = 1000};
	return request_now(&request);
}

static inline int start(void **state)
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

static inline int stop(void **state)
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

static inline void again(void **state)
{
	stop(state);
	start(state);
}
#endif
