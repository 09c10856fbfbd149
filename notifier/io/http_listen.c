#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "notifier/io/http_server_internal.h"

#define BACKLOG 1024

union any_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

static bool host_parse(union any_address *address, socklen_t *len, struct str host, uint16_t port)
{
	char text[INET6_ADDRSTRLEN];
	if (host.len >= sizeof text)
		return false;
	snprintf(text, sizeof text, "%.*s", (int)host.len, host.at);
	if (strcmp(text, "localhost") == 0)
		snprintf(text, sizeof text, "127.0.0.1");
	if (inet_pton(AF_INET, text, &address->in.sin_addr) == 1) {
		address->in.sin_family = AF_INET;
		address->in.sin_port = htons(port);
		*len = sizeof address->in;
		return true;
	}
	if (inet_pton(AF_INET6, text, &address->in6.sin6_addr) != 1)
		return false;
	address->in6.sin6_family = AF_INET6;
	address->in6.sin6_port = htons(port);
	*len = sizeof address->in6;
	return true;
}

/* "127.0.0.1:8080", "[::1]:8080" */
static bool address_parse(union any_address *address, socklen_t *len, struct str where)
{
	const char *colon = where.len > 0 ? memrchr(where.at, ':', where.len) : NULL;
	int64_t port;
	if (colon == NULL)
		return false;
	struct str host = str_make(where.at, (size_t)(colon - where.at));
	if (host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
		host = str_make(host.at + 1, host.len - 2);
	struct str digits = str_make(colon + 1, where.len - (size_t)(colon + 1 - where.at));
	return str_to_int64(digits, &port) && port >= 0 && port <= 65535 &&
	       host_parse(address, len, host, (uint16_t)port);
}

static bool socket_open(
    struct http_listener *listener, int family, const char *where, struct err *err)
{
	int on = 1;
	listener->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener->fd < 0)
		return err_set(err, ERR_PERMANENT, "%s: no socket: %s", where, strerror(errno));
	if (family != AF_UNIX)
		setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	return true;
}

static const char *bind_remedy(int number)
{
	switch (number) {
	case EADDRINUSE:
		return "address in use: another program listens there, or a second notifier runs";
	case EACCES: return "not permitted: ports below 1024 want root or CAP_NET_BIND_SERVICE";
	case EADDRNOTAVAIL: return "this machine has no such address";
	default: return strerror(number);
	}
}

static bool tcp_listen(struct http_listener *listener, const char *where, struct err *err)
{
	union any_address address = {0};
	socklen_t len;
	if (!address_parse(&address, &len, str_of(where)))
		return err_set(err, ERR_INPUT,
		    "%s: cannot be read; write 127.0.0.1:8080, [::1]:8080 or unix:/path/file.sock",
		    where);
	if (!socket_open(listener, address.any.sa_family, where, err))
		return false;
	if (bind(listener->fd, &address.any, len) != 0 || listen(listener->fd, BACKLOG) != 0)
		return err_set(err, ERR_PERMANENT, "%s: %s", where, bind_remedy(errno));
	if (getsockname(listener->fd, &address.any, &len) ==
	    0) /* the port is at the same place in both */
		listener->port = ntohs(address.in.sin_port);
	return true;
}

/* A socket file that nobody listens on was left by a crash.  Anything else is not ours. */
static bool is_stale(const union any_address *address)
{
	struct stat file;
	if (lstat(address->un.sun_path, &file) != 0 || !S_ISSOCK(file.st_mode))
		return false;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	bool is_refused =
	    connect(fd, &address->any, sizeof address->un) != 0 && errno == ECONNREFUSED;
	close(fd);
	return is_refused;
}

/* Between bind and listen nobody can connect: that is when the mode is set. */
static bool unix_listen(struct http_listener *listener, const char *path, struct err *err)
{
	union any_address address = {.un = {.sun_family = AF_UNIX}};
	if (*path == '\0' || strlen(path) >= sizeof address.un.sun_path)
		return err_set(err, ERR_INPUT, "unix:%s: a socket's path has 1 to %zu bytes", path,
		    sizeof address.un.sun_path - 1);
	memcpy(address.un.sun_path, path, strlen(path) + 1);
	if (!socket_open(listener, AF_UNIX, path, err))
		return false;
	int failed = bind(listener->fd, &address.any, sizeof address.un) != 0 ? errno : 0;
	if (failed == EADDRINUSE && is_stale(&address) && unlink(path) == 0)
		failed = bind(listener->fd, &address.any, sizeof address.un) != 0 ? errno : 0;
	if (failed != 0)
		return err_set(err, ERR_PERMANENT, "unix:%s: %s", path, bind_remedy(failed));
	listener->socket_path = xstrdup(path);
	if (chmod(path, 0600) != 0 || listen(listener->fd, BACKLOG) != 0)
		return err_set(err, ERR_PERMANENT, "unix:%s: %s", path, strerror(errno));
	return true;
}

bool http_listen(struct http_listener *listener, const char *where, struct err *err)
{
	*listener = (struct http_listener){.fd = -1};
	bool is_unix = str_starts(str_of(where), "unix:");
	if (is_unix ? unix_listen(listener, where + strlen("unix:"), err)
	            : tcp_listen(listener, where, err))
		return true;
	http_listen_close(listener);
	return false;
}

void http_listen_close(struct http_listener *listener)
{
	if (listener->socket_path != NULL)
		unlink(listener->socket_path);
	xfree(listener->socket_path);
	listener->socket_path = NULL;
	if (listener->fd >= 0)
		close(listener->fd);
	listener->fd = -1;
}
