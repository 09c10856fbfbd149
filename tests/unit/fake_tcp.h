/* A small TCP server on the test's own loop, with TLS when wanted: accepts, collects what arrives,
 * hands it to the test.  Include after cmocka.h.
 */
#ifndef TESTS_FAKE_TCP_H
#define TESTS_FAKE_TCP_H
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include "notifier/base/list.h"
#include "notifier/base/mem.h"
#include "notifier/base/str.h"
#include "notifier/io/loop.h"

struct fake_server {
	uv_tcp_t listener;
	int port;
	unsigned accepted, open;
	struct list connections;
	SSL_CTX *tls;
	void (*opened)(struct fake_server *server, struct list *connection);
	void (*received)(struct fake_server *server, struct list *connection);
	void *context;
	bool is_closing;
};

struct fake_connection {
	struct list link;
	uv_tcp_t tcp;
	struct fake_server *server;
	struct buf in; /* not yet consumed by the test */
	SSL *ssl;
	bool is_secure, is_closed;
	unsigned number; /* 0: the first one that was accepted */
	int state;       /* the test's */
	char note[64];
	char chunk[65536];
};

static inline struct fake_connection *fake_of(struct list *link)
{
	return LIST_OWNER(link, struct fake_connection, link);
}

static inline void fake_on_closed(uv_handle_t *handle)
{
	struct fake_connection *c = LIST_OWNER(handle, struct fake_connection, tcp);
	SSL_free(c->ssl);
	buf_free(&c->in);
	xfree(c);
}

static inline void fake_close(struct fake_connection *c)
{
	if (c->is_closed)
		return;
	c->is_closed = true;
	c->server->open--;
	list_remove(&c->link);
	uv_close((uv_handle_t *)&c->tcp, fake_on_closed);
}

/* Ends with RST instead of FIN. */
static inline void fake_reset(struct fake_connection *c)
{
	if (c->is_closed)
		return;
	c->is_closed = true;
	c->server->open--;
	list_remove(&c->link);
	uv_tcp_close_reset(&c->tcp, fake_on_closed);
}

struct fake_write {
	uv_write_t request;
	char bytes[];
};

static inline void fake_on_written(uv_write_t *request, int status)
{
	(void)status;
	xfree(LIST_OWNER(request, struct fake_write, request));
}

static inline void fake_send_raw(struct fake_connection *c, const void *bytes, size_t len)
{
	if (c->is_closed || len == 0)
		return;
	struct fake_write *write = xmalloc(sizeof *write + len);
	memcpy(write->bytes, bytes, len);
	uv_buf_t buf = uv_buf_init(write->bytes, (unsigned)len);
	uv_write(&write->request, (uv_stream_t *)&c->tcp, &buf, 1, fake_on_written);
}

static inline void fake_drain(struct fake_connection *c)
{
	char *bytes;
	long len = BIO_get_mem_data(SSL_get_wbio(c->ssl), &bytes);
	if (len > 0)
		fake_send_raw(c, bytes, (size_t)len);
	(void)BIO_reset(SSL_get_wbio(c->ssl));
}

static inline void fake_send(struct fake_connection *c, const void *bytes, size_t len)
{
	if (c->ssl == NULL || !c->is_secure) {
		fake_send_raw(c, bytes, len);
		return;
	}
	SSL_write(c->ssl, bytes, (int)len);
	fake_drain(c);
}

static inline void fake_say(struct fake_connection *c, const char *text)
{
	fake_send(c, text, strlen(text));
}

static inline void fake_secure(struct fake_connection *c)
{
	c->ssl = SSL_new(c->server->tls);
	SSL_set_bio(c->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_accept_state(c->ssl);
}

static inline void fake_take_tls(struct fake_connection *c, const char *bytes, size_t len)
{
	char plain[16384];
	int got;
	BIO_write(SSL_get_rbio(c->ssl), bytes, (int)len);
	if (!c->is_secure) {
		int done = SSL_do_handshake(c->ssl);
		c->is_secure = done == 1;
		fake_drain(c);
		if (done != 1 && SSL_get_error(c->ssl, done) != SSL_ERROR_WANT_READ) {
			fake_close(c);
			return;
		}
		if (c->is_secure && c->server->opened != NULL)
			c->server->opened(c->server, &c->link);
	}
	while (c->is_secure && (got = SSL_read(c->ssl, plain, sizeof plain)) > 0)
		buf_add(&c->in, plain, (size_t)got);
}

static inline void fake_on_alloc(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
	struct fake_connection *c = LIST_OWNER(handle, struct fake_connection, tcp);
	(void)wanted;
	*buf = uv_buf_init(c->chunk, sizeof c->chunk);
}

static inline void fake_on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
	struct fake_connection *c = LIST_OWNER(stream, struct fake_connection, tcp);
	if (got < 0) {
		fake_close(c);
		return;
	}
	if (c->ssl != NULL)
		fake_take_tls(c, buf->base, (size_t)got);
	else
		buf_add(&c->in, buf->base, (size_t)got);
	if (!c->is_closed && c->in.size > 0 && c->server->received != NULL)
		c->server->received(c->server, &c->link);
}

static inline void fake_on_connection(uv_stream_t *listener, int status)
{
	struct fake_server *server = LIST_OWNER(listener, struct fake_server, listener);
	struct fake_connection *c = xcalloc(1, sizeof *c);
	must(status == 0);
	c->server = server;
	uv_tcp_init(loop_uv(), &c->tcp);
	must(uv_accept(listener, (uv_stream_t *)&c->tcp) == 0);
	uv_tcp_nodelay(&c->tcp, 1);
	c->number = server->accepted++;
	server->open++;
	list_append(&server->connections, &c->link);
	uv_read_start((uv_stream_t *)&c->tcp, fake_on_alloc, fake_on_read);
	if (server->opened != NULL)
		server->opened(server, &c->link);
}

static inline void fake_listen(struct fake_server *server)
{
	struct sockaddr_in address;
	struct sockaddr_storage bound;
	int len = sizeof bound;
	list_init(&server->connections);
	uv_ip4_addr("127.0.0.1", 0, &address);
	uv_tcp_init(loop_uv(), &server->listener);
	must(uv_tcp_bind(&server->listener, (const struct sockaddr *)&address, 0) == 0);
	must(uv_listen((uv_stream_t *)&server->listener, 512, fake_on_connection) == 0);
	uv_tcp_getsockname(&server->listener, (struct sockaddr *)&bound, &len);
	server->port = ntohs(((struct sockaddr_in *)&bound)->sin_port);
}

/* Run the loop a little afterwards: handles close in it. */
static inline void fake_stop(struct fake_server *server)
{
	LIST_FOREACH (link, &server->connections)
		fake_close(fake_of(link));
	if (!uv_is_closing((uv_handle_t *)&server->listener))
		uv_close((uv_handle_t *)&server->listener, NULL);
	if (server->tls != NULL)
		SSL_CTX_free(server->tls);
	server->tls = NULL;
}

/* A self-signed certificate for name ("DNS:mail.test,IP:127.0.0.1"), made on the spot and also
 * written to path for the client's ca_file. */
static inline SSL_CTX *fake_tls(const char *alternative_names, const char *path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	X509V3_CTX context;
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	X509_NAME *name = X509_get_subject_name(certificate);
	X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(certificate, name);
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	X509_EXTENSION *names =
	    X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, alternative_names);
	X509_add_ext(certificate, names, -1);
	X509_EXTENSION_free(names);
	must(X509_sign(certificate, key, EVP_sha256()) > 0);
	FILE *file = path ? fopen(path, "w") : NULL;
	if (file != NULL) {
		PEM_write_X509(file, certificate);
		fclose(file);
	}
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	must(SSL_CTX_use_certificate(tls, certificate) == 1 &&
	     SSL_CTX_use_PrivateKey(tls, key) == 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return tls;
}
#endif
