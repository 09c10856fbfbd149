/* POSTs one body after the other over keep-alive connections, with one thread and epoll.
 *
 *     drive -p PORT | -u SOCKET  -P PATH -b BODY_FILE -n COUNT [-i FIRST_ID] [-s SECRET]
 *           [-c CONNECTIONS] [-r PER_SECOND]
 *
 * In the body @ID@ stands for nine digits and @TIME@ for now.  With a secret each is signed
 * (X-Signature: sha256=HMAC).  Without a rate every connection sends as soon as it was answered
 * (closed loop); with one each POST has its scheduled time and latency counts from there, so that
 * a server that stalls cannot hide it (open loop).  Written to standard output for each:
 * "ID,scheduled,answered,status", in microseconds.
 */
#include "tests/bench/net.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define BODY_MAX 8192

static struct options {
	int port, connections;
	const char *socket, *path, *secret;
	long count, first;
	double rate;
	char body[BODY_MAX];
} options = {.connections = 64};

struct post {
	int64_t scheduled_us, answered_us;
	int status;
};

struct connection {
	int fd;
	long post; /* under way; -1: none */
	size_t size;
	char bytes[16384];
};

static struct post *posts;
static struct connection *connections;
static struct connection **resting; /* a stack */
static int resting_count;

/* --- sending --------------------------------------------------------------------------------- */

static const char *time_text(void)
{
	static time_t then;
	static char text[32];
	time_t now = time(NULL);
	if (now != then) {
		struct tm parts;
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &parts));
		then = now;
	}
	return text;
}

static int fill_body(char out[BODY_MAX], long id)
{
	int size = 0;
	for (const char *at = options.body; *at != '\0' && size < BODY_MAX - 64;) {
		if (strncmp(at, "@ID@", 4) == 0) {
			size += snprintf(out + size, 24, "%09ld", id);
			at += 4;
		} else if (strncmp(at, "@TIME@", 6) == 0) {
			size += snprintf(out + size, 32, "%s", time_text());
			at += 6;
		} else {
			out[size++] = *at++;
		}
	}
	return size;
}

static void sign(char out[128], const char *body, int size)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	out[0] = '\0';
	if (options.secret == NULL)
		return;
	HMAC(EVP_sha256(), options.secret, (int)strlen(options.secret), (const unsigned char *)body,
	    (size_t)size, digest, &len);
	int at = snprintf(out, 32, "X-Signature: sha256=");
	for (unsigned i = 0; i < len; i++)
		at += snprintf(out + at, 3, "%02x", digest[i]);
	snprintf(out + at, 3, "\r\n");
}

static void send_post(struct connection *connection, long index)
{
	char body[BODY_MAX], signature[128], request[BODY_MAX + 512];
	int size = fill_body(body, options.first + index);
	sign(signature, body, size);
	int len = snprintf(request, sizeof request,
	    "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%s"
	    "Content-Length: %d\r\n\r\n%.*s",
	    options.path, signature, size, size, body);
	connection->post = index;
	connection->size = 0;
	net_send(connection->fd, request, (size_t)len);
}

/* Sends what is due; returns how long nothing will be, in microseconds, or -1. */
static int64_t send_due(long *next)
{
	while (*next < options.count && resting_count > 0) {
		int64_t now = net_now_us();
		if (options.rate == 0)
			posts[*next].scheduled_us = now;
		if (posts[*next].scheduled_us > now)
			return posts[*next].scheduled_us - now;
		send_post(resting[--resting_count], (*next)++);
	}
	return -1;
}

/* --- answers --------------------------------------------------------------------------------- */

static void dial(int epoll, struct connection *connection)
{
	connection->fd = net_connect(options.port, options.socket);
	connection->post = -1;
	net_watch(epoll, connection->fd, connection);
}

/* The status of a whole answer, or 0 while some of it is missing. */
static int read_answer(const struct connection *connection)
{
	const char *blank = strstr(connection->bytes, "\r\n\r\n");
	const char *length = strcasestr(connection->bytes, "content-length:");
	if (blank == NULL)
		return 0;
	long body = length && length < blank ? strtol(length + 15, NULL, 10) : 0;
	if (connection->bytes + connection->size < blank + 4 + body)
		return 0;
	return (int)strtol(connection->bytes + 9, NULL, 10);
}

/* Whether a post came to its end: answered, or its connection closed (status -1). */
static bool receive(int epoll, struct connection *connection)
{
	size_t room = sizeof connection->bytes - 1 - connection->size;
	ssize_t got =
	    recv(connection->fd, connection->bytes + connection->size, room, MSG_DONTWAIT);
	long index = connection->post;
	int status = -1;
	if (got > 0) {
		connection->size += (size_t)got;
		connection->bytes[connection->size] = '\0';
		status = index >= 0 ? read_answer(connection) : 0;
		if (status == 0)
			return false;
	} else {
		close(connection->fd);
		dial(epoll, connection);
	}
	if (index < 0)
		return false; /* it rested for too long and was closed */
	connection->post = -1;
	resting[resting_count++] = connection;
	posts[index].answered_us = net_now_us();
	posts[index].status = status;
	return true;
}

static void run(void)
{
	struct epoll_event events[256];
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < options.connections; i++) {
		dial(epoll, &connections[i]);
		resting[resting_count++] = &connections[i];
	}
	int64_t start = net_now_us() + 1000;
	for (long i = 0; i < options.count && options.rate > 0; i++)
		posts[i].scheduled_us = start + (int64_t)((double)i * 1e6 / options.rate);
	for (long next = 0, done = 0; done < options.count;) {
		int64_t wait_us = send_due(&next);
		struct timespec wait = {wait_us / 1000000, wait_us % 1000000 * 1000};
		int count = epoll_pwait2(epoll, events, 256, wait_us < 0 ? NULL : &wait, NULL);
		for (int i = 0; i < count; i++)
			done += receive(epoll, events[i].data.ptr);
	}
}

/* --- the command line ------------------------------------------------------------------------ */

static void read_body(const char *path)
{
	FILE *file = fopen(path, "r");
	net_check(file != NULL, path);
	options.body[fread(options.body, 1, sizeof options.body - 1, file)] = '\0';
	fclose(file);
}

static void read_options(int count, char **words)
{
	for (int letter; (letter = getopt(count, words, "p:u:P:b:n:i:s:c:r:")) != -1;)
		switch (letter) {
		case 'p': options.port = (int)strtol(optarg, NULL, 10); break;
		case 'u': options.socket = optarg; break;
		case 'P': options.path = optarg; break;
		case 'b': read_body(optarg); break;
		case 'n': options.count = strtol(optarg, NULL, 10); break;
		case 'i': options.first = strtol(optarg, NULL, 10); break;
		case 's': options.secret = optarg; break;
		case 'c': options.connections = (int)strtol(optarg, NULL, 10); break;
		case 'r': options.rate = strtod(optarg, NULL); break;
		default: exit(2);
		}
	net_check(options.path != NULL && options.count > 0, "usage: see the head of drive.c");
}

int main(int count, char **words)
{
	read_options(count, words);
	posts = net_alloc((size_t)options.count, sizeof *posts);
	connections = net_alloc((size_t)options.connections, sizeof *connections);
	resting = net_alloc((size_t)options.connections, sizeof(struct connection *));
	run();
	for (long i = 0; i < options.count; i++)
		printf("%ld,%lld,%lld,%d\n", options.first + i, (long long)posts[i].scheduled_us,
		    (long long)posts[i].answered_us, posts[i].status);
	return 0;
}
