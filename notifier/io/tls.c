#include "notifier/io/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "notifier/base/mem.h"

#define CHUNK_BYTES 16384 /* the largest TLS record */

struct tls_context {
	SSL_CTX *ssl;
};

struct tls {
	SSL *ssl;
	BIO *from_wire, *to_wire; /* owned by ssl */
	char *host;
};

/* The reason of the oldest error in OpenSSL's queue; empties the queue. */
static const char *openssl_reason(void)
{
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	ERR_clear_error();
	return reason ? reason : "connection closed during the handshake";
}

struct tls_context *tls_context_new(const char *ca_file, struct err *err)
{
	SSL_CTX *ssl = SSL_CTX_new(TLS_client_method());
	must(ssl != NULL);
	SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
	int loaded = text_is_empty(ca_file) ? SSL_CTX_set_default_verify_paths(ssl)
	                                    : SSL_CTX_load_verify_locations(ssl, ca_file, NULL);
	if (loaded != 1) {
		err_set(err, ERR_INPUT, "%s: cannot read certificates: %s; give a PEM file",
		    ca_file ? ca_file : "system certificates", openssl_reason());
		SSL_CTX_free(ssl);
		return NULL;
	}
	struct tls_context *context = xcalloc(1, sizeof *context);
	context->ssl = ssl;
	return context;
}

void tls_context_free(struct tls_context **context)
{
	if (*context == NULL)
		return;
	SSL_CTX_free((*context)->ssl);
	xfree(*context);
	*context = NULL;
}

static bool is_address(const char *host)
{
	unsigned char bytes[16];
	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

struct tls *tls_new(struct tls_context *context, const char *host)
{
	struct tls *tls = xcalloc(1, sizeof *tls);
	tls->host = xstrdup(host);
	tls->ssl = SSL_new(context->ssl);
	tls->from_wire = BIO_new(BIO_s_mem());
	tls->to_wire = BIO_new(BIO_s_mem());
	must(tls->ssl != NULL && tls->from_wire != NULL && tls->to_wire != NULL);
	BIO_set_mem_eof_return(tls->from_wire, -1); /* empty means "later", not "end" */
	SSL_set_bio(tls->ssl, tls->from_wire, tls->to_wire);
	SSL_set_connect_state(tls->ssl);
	if (is_address(host)) {
		must(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls->ssl), host) == 1);
	} else {
		SSL_set_hostflags(tls->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		must(SSL_set1_host(tls->ssl, host) == 1);
		SSL_set_tlsext_host_name(tls->ssl, tls->host);
	}
	return tls;
}

void tls_free(struct tls **tls)
{
	if (*tls == NULL)
		return;
	SSL_free((*tls)->ssl);
	xfree((*tls)->host);
	xfree(*tls);
	*tls = NULL;
}

void tls_feed(struct tls *tls, const void *wire, size_t len)
{
	must(len <= INT32_MAX && BIO_write(tls->from_wire, wire, (int)len) == (int)len);
}

enum tls_progress tls_handshake(struct tls *tls, struct err *err)
{
	ERR_clear_error();
	int result = SSL_do_handshake(tls->ssl);
	if (result == 1)
		return TLS_READY;
	if (SSL_get_error(tls->ssl, result) == SSL_ERROR_WANT_READ)
		return TLS_WANTS_MORE;
	long verdict = SSL_get_verify_result(tls->ssl);
	if (verdict != X509_V_OK)
		err_set(err, ERR_TRANSIENT,
		    "%s: certificate refused: %s; check the name and ca_file", tls->host,
		    X509_verify_cert_error_string(verdict));
	else
		err_set(err, ERR_TRANSIENT, "%s: TLS handshake failed: %s", tls->host,
		    openssl_reason());
	ERR_clear_error();
	return TLS_FAILED;
}

bool tls_read(struct tls *tls, struct buf *out, bool *is_closed, struct err *err)
{
	char chunk[CHUNK_BYTES];
	*is_closed = false;
	for (;;) {
		ERR_clear_error();
		int got = SSL_read(tls->ssl, chunk, sizeof chunk);
		if (got > 0) {
			buf_add(out, chunk, (size_t)got);
			continue;
		}
		switch (SSL_get_error(tls->ssl, got)) {
		case SSL_ERROR_WANT_READ:
		case SSL_ERROR_WANT_WRITE: return true;
		case SSL_ERROR_ZERO_RETURN: *is_closed = true; return true;
		default:
			return err_set(
			    err, ERR_TRANSIENT, "%s: TLS: %s", tls->host, openssl_reason());
		}
	}
}

/* A memory BIO takes everything, so a write is never partial. */
bool tls_write(struct tls *tls, const void *bytes, size_t len, struct err *err)
{
	if (len == 0)
		return true;
	ERR_clear_error();
	must(len <= INT32_MAX);
	if (SSL_write(tls->ssl, bytes, (int)len) == (int)len)
		return true;
	return err_set(err, ERR_TRANSIENT, "%s: TLS: %s", tls->host, openssl_reason());
}

void tls_close(struct tls *tls)
{
	ERR_clear_error();
	SSL_shutdown(tls->ssl);
	ERR_clear_error();
}

void tls_drain(struct tls *tls, struct buf *wire)
{
	char *bytes;
	long len = BIO_get_mem_data(tls->to_wire, &bytes);
	if (len <= 0)
		return;
	buf_add(wire, bytes, (size_t)len);
	(void)BIO_reset(tls->to_wire);
}
