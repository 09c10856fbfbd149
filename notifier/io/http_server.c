#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "notifier/base/log.h"
#include "notifier/io/http_server_internal.h"

#define DEFAULT_BODY_BYTES  (256u << 10)
#define DEFAULT_CONNECTIONS 4096
#define DEFAULT_PER_ADDRESS 64
#define DEFAULT_REQUEST_MS  15000
#define ACCEPTS_PER_TURN    128
#define SHORTAGE_MS         100

struct http_client_link *http_client_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
	    ->socket_context;
}

/* --- deadlines ---------------------------------------------------------------------------------
 */

static void client_hang_up(struct http_client_link *client)
{
	shutdown(client->fd, SHUT_RDWR); /* libmicrohttpd sees the end and closes */
}

static void on_deadline(struct timer *timer)
{
	struct http_client_link *client = LIST_OWNER(timer, struct http_client_link, deadline);
	if (client->exchange != NULL)
		http_exchange_deadline(client->exchange);
	else
		client_hang_up(client);
}

static int64_t headers_ms(const struct http_server *server)
{
	int64_t most = server->options.request_ms;
	return most < HTTP_HEADERS_MS ? most : HTTP_HEADERS_MS;
}

/* The first request's time runs since the connection was made, or a client could drip forever
 * before libmicrohttpd shows us anything. */
void http_client_deadline_headers(struct http_client_link *client)
{
	if (client->has_served)
		timer_start(&client->deadline, headers_ms(client->server));
}

void http_client_deadline_idle(struct http_client_link *client)
{
	client->has_served = true;
	if (client->server->is_stopping)
		client_hang_up(client);
	timer_start(&client->deadline, HTTP_IDLE_MS);
}

/* --- libmicrohttpd in the loop -----------------------------------------------------------------
 */

static void run(struct http_server *server)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;
	server->is_running = true;
	MHD_run(server->daemon);
	server->is_running = false;
	if (MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES && wait_ms == 0)
		timer_soon(&server->run_on);
}

static void on_serving(uv_poll_t *handle, int status, int events)
{
	(void)status;
	(void)events;
	run(handle->data);
}

static void on_run_on(struct timer *timer)
{
	run(LIST_OWNER(timer, struct http_server, run_on));
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
    enum MHD_ConnectionNotificationCode what)
{
	struct http_server *server = cls;
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = server->arriving;
		server->arriving->connection = connection;
		server->arriving = NULL;
		return;
	}
	struct http_client_link *client = *context;
	timer_stop(&client->deadline);
	list_remove(&client->link);
	http_peer_remove(client->peer);
	server->client_count--;
	xfree(client);
}

/* --- accepting ---------------------------------------------------------------------------------
 */

static void shed(int fd)
{
	char body[512], answer[1024];
	size_t len = http_refusal_body(body, sizeof body, &http_refusal_busy);
	int total = snprintf(answer, sizeof answer,
	    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
	    "Retry-After: 5\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
	    len, body);
	must(total > 0 && (size_t)total < sizeof answer);
	(void)send(fd, answer, (size_t)total, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	close(fd);
}

static void remote_name(char out[INET6_ADDRSTRLEN], const struct sockaddr *address)
{
	snprintf(out, INET6_ADDRSTRLEN, "unix");
	if (address->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr,
		    out, INET6_ADDRSTRLEN);
	if (address->sa_family == AF_INET6)
		inet_ntop(AF_INET6,
		    &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, out,
		    INET6_ADDRSTRLEN);
}

static void client_add(
    struct http_server *server, int fd, const struct sockaddr *address, socklen_t len)
{
	struct http_peer *peer = NULL;
	bool is_full = server->client_count >= server->options.max_connections;
	if (!is_full && http_peer_is_limited(address)) {
		peer = http_peer_add(&server->peers, address, server->options.max_per_address);
		is_full = peer == NULL;
	}
	if (is_full) {
		shed(fd);
		return;
	}
	struct http_client_link *client = xcalloc(1, sizeof *client);
	client->server = server;
	client->peer = peer;
	client->fd = fd;
	remote_name(client->remote, address);
	timer_init(&client->deadline, on_deadline);
	timer_start(&client->deadline, headers_ms(server));
	list_append(&server->clients, &client->link);
	server->client_count++;
	server->arriving = client;
	bool is_taken = MHD_add_connection(server->daemon, fd, address, len) == MHD_YES;
	if (is_taken || server->arriving == NULL)
		return; /* on_connection tells when it is over */
	server->arriving = NULL;
	void *context = client;
	on_connection(server, NULL, &context, MHD_CONNECTION_NOTIFY_CLOSED);
}

static void on_accepting(uv_poll_t *handle, int status, int events);

/* Out of descriptors: the listener stays readable, so stop looking for a while. */
static void accept_later(struct http_server *server, const char *why)
{
	LOG(WARN, "http_accept_paused", f_text("listen", server->options.listen),
	    f_text("why", why));
	uv_poll_stop(server->accepting);
	timer_start(&server->again, SHORTAGE_MS);
}

static void on_again(struct timer *timer)
{
	struct http_server *server = LIST_OWNER(timer, struct http_server, again);
	if (server->accepting != NULL)
		uv_poll_start(server->accepting, UV_READABLE, on_accepting);
}

static void on_accepting(uv_poll_t *handle, int status, int events)
{
	struct http_server *server = handle->data;
	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct sockaddr_storage address = {0};
		socklen_t len = sizeof address;
		int fd = accept4(server->listener.fd, (struct sockaddr *)&address, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			client_add(server, fd, (const struct sockaddr *)&address, len);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN)
			accept_later(server, strerror(errno));
		return;
	}
}

/* --- life --------------------------------------------------------------------------------------
 */

static void on_poll_closed(uv_handle_t *handle)
{
	xfree(handle);
}

static uv_poll_t *poll_start(struct http_server *server, int fd, uv_poll_cb callback)
{
	uv_poll_t *poll = xcalloc(1, sizeof *poll);
	must(uv_poll_init(loop_uv(), poll, fd) == 0);
	poll->data = server;
	uv_poll_start(poll, UV_READABLE, callback);
	return poll;
}

static void poll_close(uv_poll_t **poll)
{
	if (*poll != NULL)
		uv_close((uv_handle_t *)*poll, on_poll_closed);
	*poll = NULL;
}

static bool daemon_start(struct http_server *server, struct err *err)
{
	const unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET;
	server->daemon = MHD_start_daemon(flags, 0, NULL, NULL, http_exchange_step, server,
	    MHD_OPTION_CONNECTION_LIMIT, server->options.max_connections + 16,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(2 * HTTP_MAX_HEADER_BYTES),
	    MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, http_exchange_begin,
	    server, MHD_OPTION_NOTIFY_COMPLETED, http_exchange_end, server,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_END);
	if (server->daemon == NULL)
		return err_set(err, ERR_PERMANENT, "%s: libmicrohttpd did not start: %s",
		    server->options.listen, strerror(errno));
	int fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	server->serving = poll_start(server, fd, on_serving);
	server->accepting = poll_start(server, server->listener.fd, on_accepting);
	return true;
}

static struct http_server *server_new(const struct http_server_options *options)
{
	struct http_server *server = xcalloc(1, sizeof *server);
	struct http_server_options *own = &server->options;
	*own = *options;
	own->listen = server->listen = xstrdup(options->listen);
	own->max_body_bytes = own->max_body_bytes ? own->max_body_bytes : DEFAULT_BODY_BYTES;
	own->max_connections = own->max_connections ? own->max_connections : DEFAULT_CONNECTIONS;
	own->max_per_address = own->max_per_address ? own->max_per_address : DEFAULT_PER_ADDRESS;
	own->request_ms = own->request_ms ? own->request_ms : DEFAULT_REQUEST_MS;
	list_init(&server->clients);
	list_init(&server->spare);
	http_peers_init(&server->peers);
	timer_init(&server->again, on_again);
	timer_init(&server->run_on, on_run_on);
	return server;
}

static void server_free(struct http_server *server)
{
	http_exchange_spare_free(server);
	xfree(server->listen);
	xfree(server);
}

struct http_server *http_server_open(const struct http_server_options *options, struct err *err)
{
	struct http_server *server = server_new(options);
	if (http_listen(&server->listener, options->listen, err)) {
		if (daemon_start(server, err))
			return server;
		http_listen_close(&server->listener);
	}
	server_free(server);
	return NULL;
}

int http_server_port(const struct http_server *server)
{
	return server->listener.port;
}

size_t http_server_open_requests(const struct http_server *server)
{
	return server->open_requests;
}

void http_server_stop_accepting(struct http_server *server)
{
	server->is_stopping = true;
	timer_stop(&server->again);
	poll_close(&server->accepting);
	http_listen_close(&server->listener);
	LIST_FOREACH (link, &server->clients) {
		struct http_client_link *client = LIST_OWNER(link, struct http_client_link, link);
		if (client->exchange == NULL)
			client_hang_up(client);
	}
}

/* Exchanges that the application still holds live on without a server until they are answered. */
void http_server_close(struct http_server **server_out)
{
	struct http_server *server = *server_out;
	*server_out = NULL;
	if (server == NULL)
		return;
	must(!server->is_running); /* not from within handle() */
	http_server_stop_accepting(server);
	server->is_closing = true;
	poll_close(&server->serving);
	LIST_FOREACH (link, &server->clients) {
		struct http_client_link *client = LIST_OWNER(link, struct http_client_link, link);
		if (client->exchange != NULL)
			http_exchange_abandon(client->exchange);
	}
	MHD_stop_daemon(server->daemon);
	must(server->client_count == 0);
	timer_stop(&server->run_on);
	server_free(server);
}
