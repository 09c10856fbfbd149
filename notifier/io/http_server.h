/* HTTP/1.1 server: libmicrohttpd with its epoll descriptor inside the loop.
 *
 * A request is handed over when its body is complete, and answered later or at once, exactly once.
 * Limits: header block 16 kB, 100 headers, URL 2 kB (414), body max_body_bytes (413), an absolute
 * deadline per request (headers 10 s, whole request 15 s: libmicrohttpd itself only knows
 * inactivity), connections in all and per address; Content-Length together with Transfer-Encoding
 * and two Content-Length headers are refused (400).  Over the limit of connections new ones get
 * 503 or are closed, they never hang.
 *
 * Every request has an id: the answer's header X-Request-Id tells it, and so does its line in the
 * log (level debug; answers of 5xx: warn, 500: error).
 */
#ifndef IO_HTTP_SERVER_H
#define IO_HTTP_SERVER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notifier/base/err.h"
#include "notifier/base/str.h"
#include "notifier/io/http_client.h" /* struct http_header */

struct http_server;
struct http_exchange; /* one request and its answer */

struct http_incoming {             /* borrowed from the exchange: good until it is answered */
	const char *method, *path; /* path: percent-decoded, without the query */
	const char *raw_url;       /* as it came, query included */
	const char *remote;        /* "127.0.0.1" */
	struct str body;
	const struct http_header *headers;
	size_t header_count;
	const struct http_header *query; /* decoded name/value pairs, in order */
	size_t query_count;
};
const char *http_incoming_header(const struct http_incoming *incoming, const char *name);
const char *http_incoming_query(const struct http_incoming *incoming, const char *name);

struct http_reply { /* copied by http_reply_send */
	int status;
	const char *content_type; /* NULL: none */
	struct str body;
	struct http_header headers[8];
	size_t header_count;
};

struct http_server_options {
	const char *listen; /* "127.0.0.1:8080", "[::1]:8080", "unix:/path/admin.sock" (mode 0600);
	                       port 0 picks a free one */
	size_t max_body_bytes;    /* 0: 256 kB */
	unsigned max_connections; /* 0: 4096 */
	unsigned max_per_address; /* 0: 64; loopback addresses and unix sockets are not limited */
	int64_t request_ms;       /* 0: 15 s */
	/* Called once per complete request. */
	void (*handle)(
	    struct http_exchange *exchange, const struct http_incoming *incoming, void *context);
	void *context;
};

/* NULL with err when the address cannot be listened on ("127.0.0.1:8080: address in use: …"). */
struct http_server *http_server_open(const struct http_server_options *options, struct err *err);
int http_server_port(const struct http_server *server);      /* 0 for unix sockets */
void http_server_stop_accepting(struct http_server *server); /* for an orderly stop */
void http_server_close(struct http_server **server);         /* waits for nothing */
size_t http_server_open_requests(const struct http_server *server);

/* 16 hex digits, random; good as long as the exchange. */
const char *http_exchange_id(const struct http_exchange *exchange);
/* Answers and forgets the exchange.  The client may have gone meanwhile: that is no error. */
void http_reply_send(struct http_exchange *exchange, const struct http_reply *reply);
/* The client went away or the deadline passed before the answer: then this is called once and the
 * later http_reply_send is only bookkeeping.  Optional. */
void http_exchange_on_gone(
    struct http_exchange *exchange, void (*gone)(void *context), void *context);
#endif
