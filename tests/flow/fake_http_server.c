#include "tests/flow/fake_http_server.h"

#include <stdio.h>
#include <string.h>

#include "notifier/app/api.h"
#include "notifier/base/list.h"

struct http_exchange {
	struct list link;
	int status;
	char *body;
	struct http_header headers[8];
	size_t header_count;
	char id[17];
};

struct http_server {
	int unused;
};

static struct list exchanges = {&exchanges, &exchanges};

/* --- asking ---------------------------------------------------------------------------------- */

static size_t split_query(char *query, struct http_header *out, size_t most)
{
	size_t count = 0;
	while (query != NULL && count < most) {
		char *following = strchr(query, '&'), *value = strchr(query, '=');
		if (following != NULL)
			*following++ = '\0';
		if (value != NULL)
			*value++ = '\0';
		out[count++] = (struct http_header){query, value ? value : ""};
		query = following;
	}
	return count;
}

struct http_exchange *fake_server_ask(
    request_handler *handle, void *context, const struct request *request)
{
	struct http_exchange *exchange = xcalloc(1, sizeof *exchange);
	static unsigned asked;
	struct http_header headers[3], query[8];
	size_t header_count = 0;
	char *path = xstrdup(request->url), *mark = strchr(path, '?');
	if (mark != NULL)
		*mark++ = '\0';
	if (request->authorization != NULL)
		headers[header_count++] =
		    (struct http_header){"authorization", request->authorization};
	if (request->signature != NULL)
		headers[header_count++] = (struct http_header){"X-Signature", request->signature};
	if (request->idempotency_key != NULL)
		headers[header_count++] =
		    (struct http_header){"Idempotency-Key", request->idempotency_key};
	snprintf(exchange->id, sizeof exchange->id, "%016x", ++asked);
	struct http_incoming incoming = {.method = request->method,
	    .path = path,
	    .raw_url = request->url,
	    .remote = "192.0.2.7",
	    .body = str_of(request->body ? request->body : ""),
	    .headers = headers,
	    .header_count = header_count,
	    .query = query,
	    .query_count = split_query(mark, query, 8)};
	list_append(&exchanges, &exchange->link);
	handle(exchange, &incoming, context);
	memset(path, '#', strlen(path)); /* borrowed: nobody may have kept it */
	xfree(path);
	return exchange;
}

int fake_server_status(const struct http_exchange *exchange)
{
	return exchange->status;
}

const char *fake_server_body(const struct http_exchange *exchange)
{
	return exchange->body ? exchange->body : "";
}

const char *fake_server_header(const struct http_exchange *exchange, const char *name)
{
	for (size_t i = 0; i < exchange->header_count; i++)
		if (text_eq_nocase(exchange->headers[i].name, name))
			return exchange->headers[i].value;
	return NULL;
}

size_t fake_server_open(void)
{
	size_t count = 0;
	LIST_FOREACH (link, &exchanges)
		count += LIST_OWNER(link, struct http_exchange, link)->status == 0;
	return count;
}

void fake_server_reset(void)
{
	while (!list_is_empty(&exchanges)) {
		struct http_exchange *exchange =
		    LIST_OWNER(list_first(&exchanges), struct http_exchange, link);
		list_remove(&exchange->link);
		for (size_t i = 0; i < exchange->header_count; i++) {
			xfree((char *)(uintptr_t)exchange->headers[i].name);
			xfree((char *)(uintptr_t)exchange->headers[i].value);
		}
		xfree(exchange->body);
		xfree(exchange);
	}
}

/* --- io/http_server.h ------------------------------------------------------------------------ */

const char *http_exchange_id(const struct http_exchange *exchange)
{
	return exchange->id;
}

void http_reply_send(struct http_exchange *exchange, const struct http_reply *reply)
{
	must(exchange->status == 0 && reply->status >= 100); /* exactly once */
	exchange->status = reply->status;
	exchange->body = xstrndup(reply->body.at ? reply->body.at : "", reply->body.len);
	for (; exchange->header_count < reply->header_count; exchange->header_count++) {
		const struct http_header *header = &reply->headers[exchange->header_count];
		exchange->headers[exchange->header_count] =
		    (struct http_header){xstrdup(header->name), xstrdup(header->value)};
	}
}

void http_exchange_on_gone(
    struct http_exchange *exchange, void (*gone)(void *context), void *context)
{
	(void)exchange;
	(void)gone;
	(void)context;
}

const char *http_incoming_header(const struct http_incoming *incoming, const char *name)
{
	for (size_t i = 0; i < incoming->header_count; i++)
		if (text_eq_nocase(incoming->headers[i].name, name))
			return incoming->headers[i].value;
	return NULL;
}

const char *http_incoming_query(const struct http_incoming *incoming, const char *name)
{
	for (size_t i = 0; i < incoming->query_count; i++)
		if (text_eq(incoming->query[i].name, name))
			return incoming->query[i].value;
	return NULL;
}

struct http_server *http_server_open(const struct http_server_options *options, struct err *err)
{
	(void)options;
	err_set(err, ERR_PERMANENT, "a flow test listens nowhere");
	return NULL;
}

int http_server_port(const struct http_server *server)
{
	(void)server;
	return 0;
}

void http_server_stop_accepting(struct http_server *server)
{
	(void)server;
}

void http_server_close(struct http_server **server)
{
	*server = NULL;
}

size_t http_server_open_requests(const struct http_server *server)
{
	(void)server;
	return fake_server_open();
}

/* The console's pages are no flows. */
bool console_handle(
    struct world *world, struct http_exchange *exchange, const struct http_incoming *incoming)
{
	(void)world;
	(void)exchange;
	(void)incoming;
	return false;
}
