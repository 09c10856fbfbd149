#include "tests/flow/fake_http_client.h"

#include <stdio.h>
#include <string.h>

#define ROWS_MAX  32
#define ASKED_MAX 4096

struct http_client {
	int unused;
};

struct exchange {
	struct await await;
	struct timer timer;
	struct http_response *out;
	struct arena *arena;
	const struct carrier_says *says;
	const struct asked *asked;
};

static struct {
	struct http_client client;
	struct carrier_says rows[ROWS_MAX];
	unsigned used[ROWS_MAX];
	size_t row_count;
	struct asked asked[ASKED_MAX];
	bool is_open[ASKED_MAX];
	size_t asked_count;
	void (*on_ask)(const struct asked *asked);
} fake;

void fake_http_reset(void)
{
	for (size_t i = 0; i < fake.asked_count; i++) {
		xfree(fake.asked[i].url);
		xfree(fake.asked[i].body);
		xfree(fake.asked[i].authorization);
	}
	memset(&fake, 0, sizeof fake);
}

void fake_http_says(const struct carrier_says *says)
{
	must(fake.row_count < ROWS_MAX);
	fake.rows[fake.row_count++] = *says;
}

void fake_http_on_ask(void (*on_ask)(const struct asked *asked))
{
	fake.on_ask = on_ask;
}

size_t fake_http_count(const char *url)
{
	size_t count = 0;
	for (size_t i = 0; i < fake.asked_count; i++)
		count += strstr(fake.asked[i].url, url) != NULL;
	return count;
}

const struct asked *fake_http_asked(size_t index)
{
	return index < fake.asked_count ? &fake.asked[index] : NULL;
}

unsigned fake_http_in_flight(void)
{
	unsigned count = 0;
	for (size_t i = 0; i < fake.asked_count; i++)
		count += fake.is_open[i];
	return count;
}

/* --- one request ----------------------------------------------------------------------------- */

static void close_exchange(struct exchange *exchange)
{
	timer_stop(&exchange->timer);
	fake.is_open[exchange->asked - fake.asked] = false;
	xfree(exchange);
}

static void on_cancel(struct await *await)
{
	close_exchange((struct exchange *)(void *)await);
}

static void answer(struct exchange *exchange)
{
	const struct carrier_says *says = exchange->says;
	const char *body = arena_strdup(exchange->arena, says->body ? says->body : "");
	struct http_header *header = arena_alloc(exchange->arena, sizeof *header);
	*header =
	    (struct http_header){"Retry-After", arena_strdup(exchange->arena, says->retry_after)};
	*exchange->out = (struct http_response){.status = says->status,
	    .body = str_of(body),
	    .headers = header,
	    .header_count = says->retry_after != NULL};
	await_done(&exchange->await);
}

static void on_answer(struct timer *timer)
{
	struct exchange *exchange = LIST_OWNER(timer, struct exchange, timer);
	const struct carrier_says *says = exchange->says;
	if (says != NULL && says->status != 0) {
		answer(exchange);
	} else {
		struct err err;
		err_set(&err, says ? says->failure : ERR_TRANSIENT, "http: %s",
		    says ? "lost" : "nobody is there");
		await_failed(&exchange->await, &err);
	}
	close_exchange(exchange);
}

static const struct carrier_says *choose(const char *url)
{
	for (size_t i = fake.row_count; i-- > 0;) {
		const struct carrier_says *row = &fake.rows[i];
		if (strstr(url, row->url) == NULL || (row->times > 0 && fake.used[i] >= row->times))
			continue;
		fake.used[i]++;
		return row;
	}
	return NULL;
}

static struct asked *keep(const struct http_request *request)
{
	must(fake.asked_count < ASKED_MAX);
	struct asked *asked = &fake.asked[fake.asked_count];
	fake.is_open[fake.asked_count++] = true;
	*asked = (struct asked){.url = xstrdup(request->url),
	    .at_ms = loop_now_ms(),
	    .body = xstrndup(request->body.at ? request->body.at : "", request->body.len)};
	for (size_t i = 0; i < request->header_count; i++)
		if (text_eq_nocase(request->headers[i].name, "Authorization"))
			asked->authorization = xstrdup(request->headers[i].value);
	return asked;
}

struct await *http_ask(struct http_client *client, struct flow *flow,
    const struct http_request *request, struct http_response *out)
{
	must(client == &fake.client);
	struct exchange *exchange = xcalloc(1, sizeof *exchange);
	exchange->out = out;
	exchange->arena = flow->arena;
	exchange->asked = keep(request);
	timer_init(&exchange->timer, on_answer);
	await_init(&exchange->await, flow, on_cancel);
	if (fake.on_ask != NULL)
		fake.on_ask(exchange->asked);
	exchange->says = choose(request->url);
	timer_start(&exchange->timer, exchange->says ? exchange->says->delay_ms : 0);
	return &exchange->await;
}

/* --- the rest of io/http_client.h ------------------------------------------------------------ */

struct http_client *http_client_new(void)
{
	return &fake.client;
}

struct http_client *http_client_new_with_resolver(struct resolver *resolver)
{
	(void)resolver;
	return &fake.client;
}

void http_client_free(struct http_client **client)
{
	*client = NULL;
}
