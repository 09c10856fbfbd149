#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "notifier/base/log.h"
#include "notifier/io/http_server_internal.h"

#define MAX_SPARE      256
#define MAX_KEPT_BYTES 65536
#define LOOK_MS        1000 /* how often we look whether the client of a slow answer is still there */

/* An exchange has two holders: its connection (client != NULL) and the application (is_handed).
 * The last one that lets go recycles it. */
struct http_exchange {
	struct list link; /* in server->spare */
	struct http_server *server;
	struct http_client_link *client;
	struct http_incoming incoming; /* all in arena and body: may outlive the connection */
	struct http_header headers[HTTP_MAX_HEADERS];
	struct http_header *query; /* what incoming.query shows */
	struct arena *arena;
	struct buf body;
	size_t dropped_bytes; /* of a body that is too large */
	const struct http_refusal *refusal;
	struct MHD_Response *response;
	unsigned status;
	int64_t began_ms;
	char id[17];
	bool has_headers, is_counted, is_handed, is_suspended;
	unsigned content_lengths, transfer_encodings, hosts;
	void (*gone)(void *context);
	void *gone_context;
};

enum refusal {
	URL_TOO_LONG,
	URL_NUL,
	HEADER_NUL,
	TOO_MANY_HEADERS,
	HEADERS_TOO_LARGE,
	TWO_LENGTHS,
	TWO_HOSTS,
	BODY_TOO_LARGE,
	TIMED_OUT
};
static const struct http_refusal refusals[] = {
    [URL_TOO_LONG] = {414, "url_too_long", "The URL is longer than 2048 bytes."},
    [URL_NUL] = {400, "bad_request", "The URL holds an encoded NUL."},
    [HEADER_NUL] = {400, "bad_request", "A header holds a NUL."},
    [TOO_MANY_HEADERS] = {431, "too_many_headers", "More than 100 headers."},
    [HEADERS_TOO_LARGE] = {431, "headers_too_large", "The headers are larger than 16 kB."},
    [TWO_LENGTHS] = {400, "ambiguous_length",
        "One Content-Length, or Transfer-Encoding: chunked, and never both (RFC 9112, 6.3)."},
    [TWO_HOSTS] = {400, "bad_request", "More than one Host header (RFC 9112, 3.2)."},
    [BODY_TOO_LARGE] = {413, "body_too_large", "The body is larger than this server accepts."},
    [TIMED_OUT] = {503, "timeout", "No answer in time; try again."},
};
const struct http_refusal http_refusal_busy = {
    503, "too_many_connections", "Too many connections; try again later."};

size_t http_refusal_body(char *out, size_t out_bytes, const struct http_refusal *refusal)
{
	int len = snprintf(out, out_bytes,
	    "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"code\":\"%s\",\"detail\":"
	    "\"%s\"}\n",
	    MHD_get_reason_phrase_for((unsigned)refusal->status), refusal->status, refusal->code,
	    refusal->detail);
	must(len > 0 && (size_t)len < out_bytes);
	return (size_t)len;
}

/* --- memory ------------------------------------------------------------------------------------
 */

static struct http_exchange *exchange_new(struct http_server *server)
{
	struct list *link = list_first(&server->spare);
	if (link == NULL) {
		struct http_exchange *fresh = xcalloc(1, sizeof *fresh);
		list_init(&fresh->link);
		fresh->arena = arena_new();
		return fresh;
	}
	struct http_exchange *exchange = LIST_OWNER(link, struct http_exchange, link);
	list_remove(link);
	server->spare_count--;
	return exchange;
}

static void exchange_free(struct http_exchange *exchange)
{
	arena_free(&exchange->arena);
	buf_free(&exchange->body);
	xfree(exchange);
}

static void exchange_recycle(struct http_exchange *exchange)
{
	struct http_server *server = exchange->server;
	if (exchange->response != NULL)
		MHD_destroy_response(exchange->response);
	if (server != NULL && exchange->is_counted)
		server->open_requests--;
	if (server == NULL || server->spare_count >= MAX_SPARE) {
		exchange_free(exchange);
		return;
	}
	struct arena *arena = exchange->arena;
	struct buf body = exchange->body;
	arena_reset(arena);
	buf_clear(&body);
	if (body.capacity > MAX_KEPT_BYTES)
		buf_free(&body);
	memset(exchange, 0, sizeof *exchange);
	exchange->arena = arena;
	exchange->body = body;
	list_append(&server->spare, &exchange->link);
	server->spare_count++;
}

void http_exchange_spare_free(struct http_server *server)
{
	LIST_FOREACH (link, &server->spare)
		exchange_free(LIST_OWNER(link, struct http_exchange, link));
	list_init(&server->spare);
}

/* --- the request -------------------------------------------------------------------------------
 */

static void id_make(char out[17])
{
	unsigned char random[8];
	loop_random(random, sizeof random);
	hex_encode(out, random, sizeof random);
}

const char *http_exchange_id(const struct http_exchange *exchange)
{
	return exchange->id;
}

void *http_exchange_begin(void *cls, const char *url, struct MHD_Connection *connection)
{
	struct http_server *server = cls;
	struct http_exchange *exchange = exchange_new(server);
	struct http_client_link *client = http_client_of(connection);
	exchange->server = server;
	exchange->client = client;
	exchange->began_ms = loop_monotonic_ms();
	id_make(exchange->id);
	exchange->body.max = server->options.max_body_bytes;
	exchange->incoming.raw_url = arena_strndup(exchange->arena, url, HTTP_MAX_URL_BYTES);
	if (strlen(url) > HTTP_MAX_URL_BYTES)
		exchange->refusal = &refusals[URL_TOO_LONG];
	else if (strstr(url, "%00") != NULL)
		exchange->refusal = &refusals[URL_NUL];
	client->exchange = exchange;
	http_client_deadline_headers(client);
	return exchange;
}

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name,
    size_t name_len, const char *value, size_t value_len)
{
	(void)kind;
	struct http_exchange *exchange = cls;
	struct http_incoming *incoming = &exchange->incoming;
	if (incoming->header_count == HTTP_MAX_HEADERS) {
		exchange->refusal = &refusals[TOO_MANY_HEADERS];
		return MHD_NO;
	}
	struct http_header *header = &exchange->headers[incoming->header_count++];
	header->name = arena_strndup(exchange->arena, name, name_len);
	if (strlen(header->name) != name_len || strnlen(value ? value : "", value_len) != value_len)
		exchange->refusal = &refusals[HEADER_NUL];
	struct str trimmed = str_trim(str_make(value, value_len)); /* RFC 9110, section 5.5 */
	header->value = value ? arena_strndup(exchange->arena, trimmed.at, trimmed.len) : "";
	bool is_encoding = text_eq_nocase(header->name, "Transfer-Encoding");
	exchange->content_lengths += text_eq_nocase(header->name, "Content-Length");
	exchange->hosts += text_eq_nocase(header->name, "Host");
	exchange->transfer_encodings += is_encoding;
	if (is_encoding && !text_eq_nocase(header->value, "chunked"))
		exchange->transfer_encodings++; /* refused like two */
	return MHD_YES;
}

static enum MHD_Result on_argument(
    void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)kind;
	struct http_exchange *exchange = cls;
	struct http_incoming *incoming = &exchange->incoming;
	struct http_header *pair = &exchange->query[incoming->query_count++];
	pair->name = arena_strdup(exchange->arena, name);
	pair->value = value ? arena_strdup(exchange->arena, value) : "";
	return MHD_YES;
}

static const struct http_refusal *judge(
    const struct http_exchange *exchange, struct MHD_Connection *connection)
{
	if (exchange->refusal != NULL)
		return exchange->refusal;
	if (exchange->content_lengths + exchange->transfer_encodings > 1)
		return &refusals[TWO_LENGTHS];
	if (exchange->hosts > 1)
		return &refusals[TWO_HOSTS];
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	if (info != NULL && info->header_size > HTTP_MAX_HEADER_BYTES)
		return &refusals[HEADERS_TOO_LARGE];
	const char *length = http_incoming_header(&exchange->incoming, "Content-Length");
	int64_t bytes;
	if (length != NULL && str_to_int64(str_of(length), &bytes) &&
	    (uint64_t)bytes > exchange->server->options.max_body_bytes)
		return &refusals[BODY_TOO_LARGE];
	return NULL;
}

static void headers_collect(struct http_exchange *exchange, struct MHD_Connection *connection,
    const char *path, const char *method)
{
	struct http_incoming *incoming = &exchange->incoming;
	struct arena *arena = exchange->arena;
	incoming->path = arena_strdup(arena, path);
	incoming->method = arena_strdup(arena, method);
	incoming->remote = arena_strdup(arena, exchange->client->remote);
	incoming->headers = exchange->headers;
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_header, exchange);
	int count = MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, NULL, NULL);
	if (count > 0) {
		exchange->query = arena_array(arena, (size_t)count, sizeof *exchange->query);
		incoming->query = exchange->query;
		MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, on_argument, exchange);
	}
	exchange->refusal = judge(exchange, connection);
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

/* --- the answer --------------------------------------------------------------------------------
 */

static void answer_make(struct http_exchange *exchange, const struct http_reply *reply)
{
	char *body = xmalloc(reply->body.len); /* libmicrohttpd frees it */
	if (reply->body.len > 0)
		memcpy(body, reply->body.at, reply->body.len);
	struct MHD_Response *response =
	    MHD_create_response_from_buffer(reply->body.len, body, MHD_RESPMEM_MUST_FREE);
	must(response != NULL); /* out of memory */
	if (reply->content_type != NULL)
		MHD_add_response_header(
		    response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type);
	/* libmicrohttpd refuses CR and LF in names and values: such a header is left out. */
	for (size_t i = 0; i < reply->header_count; i++)
		MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
	MHD_add_response_header(response, "X-Request-Id", exchange->id);
	if (exchange->server->is_stopping || exchange->refusal != NULL)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	exchange->response = response;
	exchange->status = (unsigned)reply->status;
}

static void refuse(struct http_exchange *exchange, const struct http_refusal *refusal)
{
	char body[512];
	size_t len = http_refusal_body(body, sizeof body, refusal);
	struct http_reply reply = {
	    .status = refusal->status,
	    .content_type = "application/problem+json",
	    .body = str_make(body, len),
	};
	if (refusal->status == 503)
		reply.headers[reply.header_count++] = (struct http_header){"Retry-After", "5"};
	exchange->refusal = refusal;
	answer_make(exchange, &reply);
}

/* The path without its query: that may name a person. */
static void answer_log(const struct http_exchange *exchange)
{
	enum log_level level = exchange->status == 500  ? LOG_ERROR
	                       : exchange->status > 500 ? LOG_WARN
	                                                : LOG_DEBUG;
	const struct http_incoming *incoming = &exchange->incoming;
	log_write(level, "request",
	    (const struct log_field[]){f_text("request_id", exchange->id),
	        f_text("method", incoming->method), f_text("path", incoming->path),
	        f_int("status", exchange->status),
	        f_int("ms", loop_monotonic_ms() - exchange->began_ms), {NULL, FIELD_END, NULL, 0}});
}

static enum MHD_Result answer_queue(
    struct http_exchange *exchange, struct MHD_Connection *connection)
{
	answer_log(exchange);
	enum MHD_Result result =
	    MHD_queue_response(connection, exchange->status, exchange->response);
	MHD_destroy_response(exchange->response);
	exchange->response = NULL;
	/* The client has as long to read as it had to ask. */
	timer_start(&exchange->client->deadline, exchange->server->options.request_ms);
	return result;
}

static int64_t left_ms(const struct http_exchange *exchange)
{
	return exchange->began_ms + exchange->server->options.request_ms - loop_monotonic_ms();
}

static void look_later(struct http_exchange *exchange)
{
	int64_t left = left_ms(exchange);
	timer_start(&exchange->client->deadline, left < LOOK_MS ? left : LOOK_MS);
}

static void hand_over(struct http_exchange *exchange)
{
	struct http_server *server = exchange->server;
	exchange->incoming.body = str_make(buf_text(&exchange->body), exchange->body.size);
	exchange->is_handed = exchange->is_counted = true;
	server->open_requests++;
	server->options.handle(exchange, &exchange->incoming, server->options.context);
}

static enum MHD_Result body_add(struct http_exchange *exchange, const char *data, size_t len)
{
	size_t max = exchange->server->options.max_body_bytes;
	if (exchange->refusal == NULL) {
		buf_add(&exchange->body, data, len);
		if (exchange->body.overflowed)
			exchange->refusal = &refusals[BODY_TOO_LARGE];
	}
	if (exchange->refusal == NULL)
		return MHD_YES;
	/* libmicrohttpd can answer only at the end of a body: listen a little longer, then hang up.
	 */
	exchange->dropped_bytes += len;
	return exchange->dropped_bytes <= 4 * max ? MHD_YES : MHD_NO;
}

/* The signature is libmicrohttpd's. */
enum MHD_Result http_exchange_step(/* NOLINT(readability-function-size) */
    void *cls, struct MHD_Connection *connection, const char *path, const char *method,
    const char *version, const char *data, size_t *data_len, void **state)
{
	(void)cls;
	(void)version;
	struct http_exchange *exchange = *state;
	if (!exchange->has_headers) {
		exchange->has_headers = true;
		headers_collect(exchange, connection, path, method);
		timer_start(&exchange->client->deadline, left_ms(exchange));
		if (exchange->refusal == NULL)
			return MHD_YES;
		refuse(exchange, exchange->refusal);
		return answer_queue(exchange, connection);
	}
	if (*data_len > 0) {
		size_t len = *data_len;
		*data_len = 0;
		return body_add(exchange, data, len);
	}
	if (exchange->response == NULL && exchange->refusal != NULL)
		refuse(exchange, exchange->refusal);
	if (exchange->response == NULL && !exchange->is_counted)
		hand_over(exchange);
	if (exchange->response != NULL)
		return answer_queue(exchange, connection);
	exchange->is_suspended = true;
	look_later(exchange);
	MHD_suspend_connection(connection);
	return MHD_YES;
}

static void resume(struct http_exchange *exchange)
{
	if (!exchange->is_suspended)
		return;
	exchange->is_suspended = false;
	/* A look at the client may be due in this very turn: it would take an answered exchange for
	 * one that is late. */
	timer_start(&exchange->client->deadline, exchange->server->options.request_ms);
	MHD_resume_connection(exchange->client->connection);
	/* Without a thread of its own libmicrohttpd wakes nobody for that. */
	if (!timer_is_running(&exchange->server->run_on))
		timer_soon(&exchange->server->run_on);
}

void http_reply_send(struct http_exchange *exchange, const struct http_reply *reply)
{
	must(exchange->is_handed);
	exchange->is_handed = false;
	exchange->gone = NULL;
	if (exchange->client == NULL) {
		exchange_recycle(exchange);
		return;
	}
	if (exchange->response == NULL && exchange->refusal == NULL)
		answer_make(exchange, reply);
	resume(exchange);
}

/* --- the end -----------------------------------------------------------------------------------
 */

void http_exchange_on_gone(
    struct http_exchange *exchange, void (*gone)(void *context), void *context)
{
	exchange->gone = gone;
	exchange->gone_context = context;
}

/* May end with the application's http_reply_send, and so with the exchange. */
static void tell_gone(struct http_exchange *exchange)
{
	void (*gone)(void *) = exchange->gone;
	exchange->gone = NULL;
	if (gone != NULL)
		gone(exchange->gone_context);
}

/* A client that closed, or only its sending side: like other servers we take both as gone. */
static bool is_client_gone(const struct http_client_link *client)
{
	char byte;
	ssize_t got = recv(client->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

void http_exchange_deadline(struct http_exchange *exchange)
{
	bool is_gone = is_client_gone(exchange->client);
	if (!exchange->is_suspended || is_gone)
		shutdown(exchange->client->fd, SHUT_RDWR);
	if (!exchange->is_suspended)
		return;
	if (!is_gone && left_ms(exchange) > 0) {
		look_later(exchange);
		return;
	}
	refuse(exchange, &refusals[TIMED_OUT]);
	tell_gone(exchange); /* our connection still holds the exchange */
	resume(exchange);
}

void http_exchange_abandon(struct http_exchange *exchange)
{
	resume(exchange);
}

void http_exchange_end(
    void *cls, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode how)
{
	(void)how;
	struct http_server *server = cls;
	struct http_exchange *exchange = *state;
	struct http_client_link *client = http_client_of(connection);
	*state = NULL;
	if (exchange == NULL)
		return;
	client->exchange = NULL;
	http_client_deadline_idle(client);
	exchange->client = NULL;
	exchange->is_suspended = false;
	if (server->is_closing)
		exchange->server = NULL;
	if (exchange->is_handed)
		tell_gone(exchange);
	else
		exchange_recycle(exchange);
}
