/* A byte stream to a server: its name resolved, its addresses tried in turn, optionally TLS.
 *
 * One callback at a time and never from inside a call of the owner, except that stream_open may
 * answer at once; an owner may stream_close in any callback.  After lost() nothing more comes.
 * Everything that arrived before the end is delivered before lost(): an answer is never dropped
 * because a write failed meanwhile.
 */
#ifndef IO_STREAM_H
#define IO_STREAM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notifier/base/err.h"
#include "notifier/base/str.h"
#include "notifier/io/resolve.h"
#include "notifier/io/tls.h"

struct stream_events {
	void (*opened)(void *context);   /* connected, and again when it became secure */
	void (*received)(void *context); /* stream_input grew */
	void (*lost)(
	    void *context, const struct err *err); /* ERR_TRANSIENT, or PERMANENT of the DNS */
};

struct stream_options { /* host is copied, the rest borrowed as long as the stream lives */
	const char *host;
	int port;
	int64_t connect_ms; /* for all addresses together, and again for the TLS handshake */
	struct resolver *resolver;
	const struct stream_events *events;
	void *context;
};

struct stream;
struct stream *stream_new(const struct stream_options *options);
void stream_open(struct stream *stream);                            /* resolves and connects */
void stream_secure(struct stream *stream, struct tls_context *tls); /* once, when opened */
bool stream_is_secure(const struct stream *stream);
void stream_close(struct stream **stream); /* at once; what is not sent is lost */

struct buf *stream_input(struct stream *stream); /* consume from its front */
void stream_write(struct stream *stream, const void *bytes, size_t len); /* queues */
void stream_flush(struct stream *stream); /* sends what is queued: one system call, mostly */
/* Bytes written so far, and how many of them the peer may have seen (the kernel took them).  With
 * TLS the latter errs upwards, to the end of what was encrypted together. */
uint64_t stream_written(const struct stream *stream);
uint64_t stream_handed_over(const struct stream *stream);
#endif
