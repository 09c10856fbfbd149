/* Error answers: RFC 9457 problem+json with a stable `code`. */
#ifndef APP_PROBLEM_H
#define APP_PROBLEM_H
#include "notifier/io/http_server.h"

void problem_send(struct http_exchange *exchange, int status, const char *code, const char *detail);
/* 503 with Retry-After. */
void problem_send_retry(struct http_exchange *exchange, const char *code, const char *detail);
/* 405 with Allow (RFC 9110, 15.5.6): "GET, HEAD, POST". */
void problem_send_allowed(struct http_exchange *exchange, const char *methods);
/* 409 with Retry-After: the same is under way. */
void problem_send_busy(struct http_exchange *exchange, const char *code, const char *detail);

/* With places: errors[{pointer (RFC 6901), detail}]. */
struct problem_place {
	const char *pointer, *detail;
};
void problem_send_places(struct http_exchange *exchange, int status, const char *code,
    const char *detail, const struct problem_place *places, size_t count);
#endif
