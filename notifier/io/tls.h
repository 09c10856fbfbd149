/* TLS for a client as a transformer of bytes: what came from the wire goes in, what belongs on the
 * wire comes out, and nothing here touches a socket, so it never blocks.  OpenSSL memory BIOs.
 * TLS ≥ 1.2; the peer's certificate and its name (or IP address) are always verified.
 */
#ifndef IO_TLS_H
#define IO_TLS_H
#include <stdbool.h>
#include <stddef.h>

#include "notifier/base/err.h"
#include "notifier/base/str.h"

struct tls_context; /* the certificates we trust; shared by connections */
/* ca_file NULL: the system's.  NULL with err when ca_file cannot be read. */
struct tls_context *tls_context_new(const char *ca_file, struct err *err);
void tls_context_free(struct tls_context **context);

struct tls;
/* host is verified and sent as SNI, unless it is a literal address (RFC 6066 forbids SNI then). */
struct tls *tls_new(struct tls_context *context, const char *host);
void tls_free(struct tls **tls);

void tls_feed(struct tls *tls, const void *wire, size_t len);

enum tls_progress { TLS_WANTS_MORE, TLS_READY, TLS_FAILED };
/* Call it first to begin, and after each tls_feed until it is ready.  Failed: err (ERR_TRANSIENT)
 * says what is wrong with the certificate or the protocol; tls_drain once more to send the alert.
 */
enum tls_progress tls_handshake(struct tls *tls, struct err *err);

/* Appends what can be decrypted now to out.  False: the stream is broken. */
bool tls_read(struct tls *tls, struct buf *out, bool *is_closed, struct err *err);
bool tls_write(struct tls *tls, const void *bytes, size_t len, struct err *err);
void tls_close(struct tls *tls);                   /* close_notify */
void tls_drain(struct tls *tls, struct buf *wire); /* appends what is to be sent */
#endif
