#include "notifier/io/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "notifier/base/mem.h"

#define CHUNK_BYTES     65536
#define CHUNKS_PER_TURN 8 /* then others have their turn */

struct plug { /* a socket in the loop; outlives the stream until uv has closed it */
	uv_poll_t poll;
	struct stream *stream; /* NULL: pulled */
	int fd, armed;
};

struct stream {
	struct stream_options options;
	char *host;
	struct resolve_query *query;
	struct resolved addresses;
	size_t tried;
	struct plug *plug;
	struct timer timer; /* connect, handshake, and a broken write that must be told later */
	int64_t deadline_ms;
	struct tls *tls;
	struct buf in, out; /* out: wire bytes, of which out_sent are gone */
	struct buf plain;   /* with TLS: not yet encrypted */
	size_t out_sent;
	uint64_t written, handed_over;
	struct err err;  /* why the last address failed */
	int broken_code; /* errno of the write that failed */
	bool is_connected, is_secure, is_broken, is_lost, is_busy, is_closed;
};

static void connect_next(struct stream *stream);
static void stream_receive(struct stream *stream);

/* --- the end --------------------------------------------------------------------------------- */

static void on_plug_closed(uv_handle_t *handle)
{
	xfree(LIST_OWNER(handle, struct plug, poll));
}

static void plug_pull(struct stream *stream)
{
	struct plug *plug = stream->plug;
	if (plug == NULL)
		return;
	stream->plug = NULL;
	plug->stream = NULL;
	uv_close((uv_handle_t *)&plug->poll, on_plug_closed);
	close(plug->fd);
}

static void stream_free(struct stream *stream)
{
	tls_free(&stream->tls);
	buf_free(&stream->in);
	buf_free(&stream->out);
	buf_free(&stream->plain);
	xfree(stream->host);
	xfree(stream);
}

/* In a callback the memory stays until the callback is over. */
void stream_close(struct stream **stream)
{
	struct stream *gone = *stream;
	*stream = NULL;
	if (gone == NULL || gone->is_closed)
		return;
	gone->is_closed = true;
	resolve_cancel(&gone->query);
	if (gone->is_secure)
		tls_close(gone->tls);
	stream_flush(gone);
	timer_stop(&gone->timer);
	plug_pull(gone);
	if (!gone->is_busy)
		stream_free(gone);
}

/* Brackets every entry from the loop; false: the owner closed the stream meanwhile. */
static void stream_enter(struct stream *stream)
{
	must(!stream->is_busy);
	stream->is_busy = true;
}

static void stream_leave(struct stream *stream)
{
	stream->is_busy = false;
	if (stream->is_closed)
		stream_free(stream);
}

static void stream_lose(struct stream *stream, const struct err *err)
{
	if (stream->is_lost || stream->is_closed)
		return;
	struct err copy = *err;
	stream->is_lost = true;
	timer_stop(&stream->timer);
	plug_pull(stream);
	stream->options.events->lost(stream->options.context, &copy);
}

static void stream_fail(struct stream *stream, const char *what, int code)
{
	struct err err;
	err_set(&err, ERR_TRANSIENT, "%s:%d: %s: %s", stream->host, stream->options.port, what,
	    code ? strerror(code) : "closed by the server");
	stream_lose(stream, &err);
}

/* --- connecting ------------------------------------------------------------------------------ */

static void on_poll(uv_poll_t *poll, int status, int events);

static void plug_arm(struct plug *plug, int events)
{
	if (plug->armed == events)
		return; /* uv_poll_start costs two system calls even when nothing changes */
	plug->armed = events;
	uv_poll_start(&plug->poll, events, on_poll);
}

static bool plug_in(struct stream *stream, const struct sockaddr_storage *to)
{
	struct sockaddr_storage address = *to;
	int one = 1, fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	in_port_t port = htons((uint16_t)stream->options.port);
	socklen_t len = address.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
	                                              : sizeof(struct sockaddr_in);
	if (fd < 0)
		return false;
	if (address.ss_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)&address)->sin6_port = port;
	else
		((struct sockaddr_in *)(void *)&address)->sin_port = port;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(fd, (struct sockaddr *)&address, len) != 0 && errno != EINPROGRESS) {
		int code = errno;
		close(fd);
		errno = code;
		return false;
	}
	struct plug *plug = xcalloc(1, sizeof *plug);
	plug->stream = stream;
	plug->fd = fd;
	must(uv_poll_init_socket(loop_uv(), &plug->poll, fd) == 0);
	stream->plug = plug;
	plug_arm(plug, UV_WRITABLE);
	return true;
}

static void connect_failed(struct stream *stream, int code)
{
	err_set(&stream->err, ERR_TRANSIENT, "%s:%d: cannot connect: %s", stream->host,
	    stream->options.port, strerror(code));
	plug_pull(stream);
	connect_next(stream);
}

/* Each address gets an equal share of the time that is left, so that a black hole in front does
 * not eat the time of those behind it. */
static void connect_next(struct stream *stream)
{
	while (stream->tried < stream->addresses.count) {
		size_t left = stream->addresses.count - stream->tried;
		int64_t share = (stream->deadline_ms - loop_monotonic_ms()) / (int64_t)left;
		if (plug_in(stream, &stream->addresses.addresses[stream->tried++])) {
			timer_start(&stream->timer, share > 1 ? share : 1);
			return;
		}
		err_set(&stream->err, ERR_TRANSIENT, "%s:%d: cannot connect: %s", stream->host,
		    stream->options.port, strerror(errno));
	}
	stream_lose(stream, &stream->err);
}

static void on_resolved(void *context, const struct resolved *resolved, const struct err *err)
{
	struct stream *stream = context;
	stream->query = NULL;
	stream_enter(stream);
	if (err != NULL) {
		stream_lose(stream, err);
	} else {
		stream->addresses = *resolved;
		connect_next(stream);
	}
	stream_leave(stream);
}

static void on_timer(struct timer *timer)
{
	struct stream *stream = LIST_OWNER(timer, struct stream, timer);
	stream_enter(stream);
	if (stream->query != NULL) {
		resolve_cancel(&stream->query);
		stream_fail(stream, "looking up the name", ETIMEDOUT);
	} else if (!stream->is_connected) {
		connect_failed(stream, ETIMEDOUT);
	} else if (stream->is_broken) {
		stream_receive(stream);
	} else {
		stream_fail(stream, "TLS handshake", ETIMEDOUT);
	}
	stream_leave(stream);
}

static void on_connected(struct stream *stream)
{
	int code = 0;
	socklen_t len = sizeof code;
	if (getsockopt(stream->plug->fd, SOL_SOCKET, SO_ERROR, &code, &len) != 0)
		code = errno;
	if (code != 0) {
		connect_failed(stream, code);
		return;
	}
	timer_stop(&stream->timer);
	stream->is_connected = true;
	plug_arm(stream->plug, UV_READABLE);
	stream->options.events->opened(stream->options.context);
}

/* --- reading --------------------------------------------------------------------------------- */

static bool handshake_step(struct stream *stream)
{
	struct err err;
	enum tls_progress progress = tls_handshake(stream->tls, &err);
	stream_flush(stream); /* also the alert that says why we refuse */
	if (progress == TLS_FAILED) {
		stream_lose(stream, &err);
		return false;
	}
	if (progress == TLS_READY) {
		stream->is_secure = true;
		timer_stop(&stream->timer);
		stream->options.events->opened(stream->options.context);
	}
	return !stream->is_closed;
}

/* Hands on what arrived; false when the stream is over. */
static bool stream_take(struct stream *stream, const char *bytes, size_t len)
{
	bool is_ended = false;
	struct err err;
	if (stream->tls == NULL) {
		buf_add(&stream->in, bytes, len);
	} else {
		tls_feed(stream->tls, bytes, len);
		if (!stream->is_secure && (!handshake_step(stream) || !stream->is_secure))
			return !stream->is_lost && !stream->is_closed;
		bool is_fine = tls_read(stream->tls, &stream->in, &is_ended, &err);
		stream_flush(stream); /* answers of the protocol itself: key updates */
		if (!is_fine) {
			stream_lose(stream, &err);
			return false;
		}
	}
	if (stream->in.size > 0)
		stream->options.events->received(stream->options.context);
	if (is_ended && !stream->is_closed)
		stream_fail(stream, "connection", 0);
	return !stream->is_closed && !stream->is_lost;
}

static void stream_receive(struct stream *stream)
{
	static char
	    chunk[CHUNK_BYTES]; /* one loop, one reader at a time: taken before it is reused */
	for (int turn = 0; turn < CHUNKS_PER_TURN; turn++) {
		ssize_t got = recv(stream->plug->fd, chunk, sizeof chunk, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) && !stream->is_broken)
			return;
		if (got <= 0) {
			int code = got == 0 ? 0 : stream->is_broken ? stream->broken_code : errno;
			stream_fail(stream, "connection", code);
			return;
		}
		if (!stream_take(stream, chunk, (size_t)got) || (size_t)got < sizeof chunk)
			break;
	}
	if (stream->is_broken && !stream->is_closed && !stream->is_lost)
		timer_start(&stream->timer, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct plug *plug = LIST_OWNER(poll, struct plug, poll);
	struct stream *stream = plug->stream;
	if (status < 0)
		plug->armed = 0; /* uv stops polling on POLLERR */
	stream_enter(stream);
	if (!stream->is_connected) {
		on_connected(stream);
	} else {
		if (status < 0) { /* read what is left, then end */
			stream->is_broken = true;
			stream->broken_code = ECONNRESET;
		}
		if (events & UV_WRITABLE)
			stream_flush(stream);
		if (status < 0 || (events & UV_READABLE))
			stream_receive(stream);
	}
	stream_leave(stream);
}

/* --- writing --------------------------------------------------------------------------------- */

void stream_write(struct stream *stream, const void *bytes, size_t len)
{
	buf_add(stream->tls ? &stream->plain : &stream->out, bytes, len);
	stream->written += len;
}

static void encrypt(struct stream *stream)
{
	struct err err;
	if (stream->is_secure &&
	    !tls_write(stream->tls, stream->plain.data, stream->plain.size, &err))
		stream->is_broken = true; /* what can be read is read first */
	if (stream->is_secure)
		buf_clear(&stream->plain);
	tls_drain(stream->tls, &stream->out);
}

/* A failed write is not the end: an answer may still wait to be read.  The loop finds that out. */
static void write_failed(struct stream *stream, int code)
{
	stream->is_broken = true;
	stream->broken_code = code;
	buf_clear(&stream->out);
	stream->out_sent = 0;
	timer_start(&stream->timer, 0);
}

void stream_flush(struct stream *stream)
{
	if (stream->plug == NULL || stream->is_broken || !stream->is_connected)
		return;
	if (stream->tls != NULL)
		encrypt(stream);
	size_t left = stream->out.size - stream->out_sent;
	if (left > 0) {
		ssize_t sent =
		    send(stream->plug->fd, stream->out.data + stream->out_sent, left, MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
			write_failed(stream, errno);
			return;
		}
		if (sent > 0) {
			stream->out_sent += (size_t)sent;
			left -= (size_t)sent;
			stream->handed_over = stream->tls ? stream->written - stream->plain.size
			                                  : stream->handed_over + (uint64_t)sent;
		}
	}
	if (left == 0) {
		buf_clear(&stream->out);
		stream->out_sent = 0;
	}
	plug_arm(stream->plug, left > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

/* --- the rest -------------------------------------------------------------------------------- */

struct stream *stream_new(const struct stream_options *options)
{
	struct stream *stream = xcalloc(1, sizeof *stream);
	stream->options = *options;
	stream->host = xstrdup(options->host);
	stream->options.host = stream->host;
	timer_init(&stream->timer, on_timer);
	return stream;
}

void stream_open(struct stream *stream)
{
	stream->deadline_ms = loop_monotonic_ms() + stream->options.connect_ms;
	timer_start(&stream->timer, stream->options.connect_ms);
	struct resolve_query *query =
	    resolve_start(stream->options.resolver, stream->host, on_resolved, stream);
	if (query != NULL)
		stream->query = query;
}

void stream_secure(struct stream *stream, struct tls_context *tls)
{
	must(stream->tls == NULL && stream->is_connected);
	stream->tls = tls_new(tls, stream->host);
	timer_start(&stream->timer, stream->options.connect_ms);
	struct err err;
	if (tls_handshake(stream->tls, &err) == TLS_FAILED)
		stream->is_broken = true;
	stream_flush(stream);
}

bool stream_is_secure(const struct stream *stream)
{
	return stream->is_secure;
}

struct buf *stream_input(struct stream *stream)
{
	return &stream->in;
}

uint64_t stream_written(const struct stream *stream)
{
	return stream->written;
}

uint64_t stream_handed_over(const struct stream *stream)
{
	return stream->handed_over;
}
