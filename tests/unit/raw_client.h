/* A TCP client that sends exactly what it is told and collects what comes back, without ever
 * blocking the loop that the server runs on.  Include after cmocka.h.
 */
#ifndef TESTS_RAW_CLIENT_H
#define TESTS_RAW_CLIENT_H
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "notifier/base/str.h"

struct client {
	int fd;
	struct buf in;
	bool is_over;
};

static inline struct client client_open(int port)
{
	struct client client = {.fd = socket(AF_INET, SOCK_STREAM, 0), .in = BUF_EMPTY(0)};
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(connect(client.fd, (struct sockaddr *)&to, sizeof to), 0);
	return client;
}

static inline void client_say(struct client *client, const char *text)
{
	ssize_t sent = send(client->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0)
		client->is_over = client->is_over || errno != EAGAIN;
}

static inline void client_pump(struct client *client)
{
	char piece[65536];
	ssize_t got;
	while ((got = recv(client->fd, piece, sizeof piece, MSG_DONTWAIT)) > 0)
		buf_add(&client->in, piece, (size_t)got);
	if (got == 0 || (got < 0 && errno != EAGAIN))
		client->is_over = true;
}

static inline bool client_has(struct client *client, const char *text)
{
	client_pump(client);
	return strstr(buf_text(&client->in), text) != NULL;
}

static inline bool client_is_over(struct client *client)
{
	client_pump(client);
	return client->is_over;
}

static inline void client_close(struct client *client)
{
	close(client->fd);
	buf_free(&client->in);
}
#endif
