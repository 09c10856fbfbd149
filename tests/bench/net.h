/* What the three programs of the benchmark share: sockets on the loopback, one epoll, the clock.
 * They are tools that end with a message when something is wrong; they free nothing at their end.
 */
#ifndef BENCH_NET_H
#define BENCH_NET_H
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Of no process but of the machine: instants of different programs can be compared. */
static inline int64_t net_now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static inline void net_check(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(2);
}

static inline void *net_alloc(size_t count, size_t bytes)
{
	void *memory = calloc(count, bytes);
	net_check(memory != NULL, "memory");
	return memory;
}

static inline struct sockaddr_in net_loopback(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline int net_listen(int port)
{
	struct sockaddr_in address = net_loopback(port);
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	net_check(bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
	net_check(listen(fd, 1024) == 0, "listen");
	return fd;
}

/* To a port, or to a Unix socket where path is given. */
static inline int net_connect(int port, const char *path)
{
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	struct sockaddr_in remote = net_loopback(port);
	int one = 1, fd = socket(path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (path != NULL)
		snprintf(local.sun_path, sizeof local.sun_path, "%s", path);
	else
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	const void *address = path ? (const void *)&local : (const void *)&remote;
	net_check(connect(fd, address, path ? sizeof local : sizeof remote) == 0, "connect");
	return fd;
}

static inline void net_watch(int epoll, int fd, void *owner)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = owner};
	net_check(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

/* Everything goes: answers here are small beside the socket's buffer, and the peer reads. */
static inline void net_send(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
		if (sent <= 0)
			return; /* the peer has gone: the next recv says so */
		bytes += sent;
		len -= (size_t)sent;
	}
}

/* SIGTERM and SIGINT set net_is_over, and end a wait. */
static volatile sig_atomic_t net_is_over;

static inline void net_on_signal(int number)
{
	net_is_over = number;
}

static inline void net_end_by_signal(void)
{
	struct sigaction action = {.sa_handler = net_on_signal};
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}

/* A connection that was accepted, with what came and was not used yet. */
struct net_peer {
	int fd;
	bool is_in_data; /* sink: between DATA and its end */
	int64_t id;
	size_t size;
	char bytes[65536];
};

struct net_service {
	const char *greeting; /* sent to who connects; NULL: none */
	/* Takes what it can from the front and returns how much, or -1 to close. */
	ssize_t (*use)(struct net_peer *peer);
	void (*idle)(void); /* nothing came for 20 ms, or the end; NULL: no matter */
};

static inline void net_accept(int epoll, int door, const struct net_service *service)
{
	int one = 1, fd = accept4(door, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	struct net_peer *peer = net_alloc(1, sizeof *peer);
	peer->fd = fd;
	net_watch(epoll, fd, peer);
	if (service->greeting != NULL)
		net_send(fd, service->greeting, strlen(service->greeting));
}

static inline void net_receive(struct net_peer *peer, const struct net_service *service)
{
	size_t room = sizeof peer->bytes - peer->size;
	ssize_t used = -1, got = recv(peer->fd, peer->bytes + peer->size, room, 0);
	if (got > 0) {
		peer->size += (size_t)got;
		used = service->use(peer);
	}
	if (used < 0 || (used == 0 && peer->size == sizeof peer->bytes)) {
		close(peer->fd);
		free(peer);
		return;
	}
	peer->size -= (size_t)used;
	memmove(peer->bytes, peer->bytes + used, peer->size);
}

/* Serves until a signal. */
static inline void net_serve(int port, const struct net_service *service)
{
	struct epoll_event events[256];
	int epoll = epoll_create1(EPOLL_CLOEXEC), door = net_listen(port);
	net_end_by_signal();
	net_watch(epoll, door, NULL);
	while (!net_is_over) {
		int count = epoll_wait(epoll, events, 256, 20);
		if (count <= 0 && service->idle != NULL)
			service->idle();
		for (int i = 0; i < count; i++)
			if (events[i].data.ptr == NULL)
				net_accept(epoll, door, service);
			else
				net_receive(events[i].data.ptr, service);
	}
	if (service->idle != NULL)
		service->idle();
}
#endif
