/* Requests made by hand to a handler of io/http_server.h, and what came back. */
#ifndef TESTS_FAKE_HTTP_SERVER_H
#define TESTS_FAKE_HTTP_SERVER_H
#include "notifier/io/http_server.h"

typedef void request_handler(
    struct http_exchange *exchange, const struct http_incoming *incoming, void *context);

struct request { /* NULL: not there */
	const char *method, *url, *body;
	const char *authorization, *signature, *idempotency_key;
};
/* Returns at once; the exchange lives until fake_server_reset. */
struct http_exchange *fake_server_ask(
    request_handler *handle, void *context, const struct request *request);
int fake_server_status(const struct http_exchange *exchange); /* 0: not answered yet */
const char *fake_server_body(const struct http_exchange *exchange);
const char *fake_server_header(const struct http_exchange *exchange, const char *name);
size_t fake_server_open(void); /* exchanges without an answer */
void fake_server_reset(void);
#endif
