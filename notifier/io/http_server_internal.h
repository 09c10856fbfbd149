/* What http_server.c (listening, connections, libmicrohttpd in the loop), http_exchange.c (one
 * request and its answer), http_listen.c (addresses) and http_peers.c (counts by address) share.
 *
 * We accept ourselves and hand the sockets to libmicrohttpd: it has no limit by address, stops
 * accepting silently at its own limit, and spins when the process runs out of descriptors.
 */
#ifndef IO_HTTP_SERVER_INTERNAL_H
#define IO_HTTP_SERVER_INTERNAL_H
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "notifier/base/list.h"
#include "notifier/base/mem.h"
#include "notifier/io/http_server.h"
#include "notifier/io/loop.h"

#define HTTP_MAX_HEADERS      100
#define HTTP_MAX_HEADER_BYTES 16384
#define HTTP_MAX_URL_BYTES    2048
#define HTTP_HEADERS_MS       10000
#define HTTP_IDLE_MS          30000

struct http_peers { /* how many connections each address has */
	struct list buckets[256];
};
struct http_peer;
void http_peers_init(struct http_peers *peers);
/* NULL: this address already has max connections.  A free address (loopback, Unix) has no entry:
 * ask http_peer_is_limited first. */
bool http_peer_is_limited(const struct sockaddr *address);
struct http_peer *http_peer_add(
    struct http_peers *peers, const struct sockaddr *address, unsigned max);
void http_peer_remove(struct http_peer *peer);

struct http_listener {
	int fd; /* -1: stopped */
	int port;
	char *socket_path; /* unlinked by http_listen_close */
};
bool http_listen(struct http_listener *listener, const char *where, struct err *err);
void http_listen_close(struct http_listener *listener);

struct http_client_link { /* one accepted connection */
	struct list link;
	struct http_server *server;
	struct http_peer *peer; /* NULL: not limited */
	struct MHD_Connection *connection;
	struct http_exchange *exchange; /* NULL between requests */
	struct timer deadline;          /* absolute: what must have happened by then */
	int fd;
	bool has_served; /* one request at least */
	char remote[INET6_ADDRSTRLEN];
};

struct http_server {
	struct http_server_options options;
	struct MHD_Daemon *daemon;
	char *listen; /* owns options.listen */
	struct http_listener listener;
	uv_poll_t *accepting, *serving; /* freed by libuv's close callback */
	struct timer again;             /* accept again after a shortage */
	struct timer run_on;            /* libmicrohttpd has more to do */
	struct http_client_link *arriving;
	struct http_peers peers;
	struct list clients;
	unsigned client_count;
	size_t open_requests;
	bool is_stopping, is_closing, is_running;
	struct list spare; /* exchanges for reuse */
	unsigned spare_count;
};

/* Callbacks for libmicrohttpd. */
void *http_exchange_begin(void *cls, const char *url, struct MHD_Connection *connection);
enum MHD_Result http_exchange_step(void *cls, struct MHD_Connection *connection, const char *path,
    const char *method, const char *version, const char *data, size_t *data_len, void **state);
void http_exchange_end(void *cls, struct MHD_Connection *connection, void **state,
    enum MHD_RequestTerminationCode how);

void http_exchange_deadline(struct http_exchange *exchange); /* of the client's timer */
/* The server closes: lets the connection go on, so that libmicrohttpd can end it. */
void http_exchange_abandon(struct http_exchange *exchange);
void http_exchange_spare_free(struct http_server *server);
/* --- http_server.c: whose turn it is, and until when */
void http_client_deadline_headers(struct http_client_link *client);
void http_client_deadline_idle(struct http_client_link *client);
struct http_client_link *http_client_of(struct MHD_Connection *connection);

/* The refusals that are made here (RFC 9457). */
struct http_refusal {
	int status;
	const char *code, *detail;
};
extern const struct http_refusal http_refusal_busy;
size_t http_refusal_body(char *out, size_t out_bytes, const struct http_refusal *refusal);
#endif
