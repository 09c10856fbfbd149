/* The carriers behind io/http_client.h: answers written by the test, requests kept. */
#ifndef TESTS_FAKE_HTTP_CLIENT_H
#define TESTS_FAKE_HTTP_CLIENT_H
#include "notifier/io/http_client.h"

struct carrier_says {    /* borrowed until the next reset */
	const char *url; /* a part of it */
	int status;      /* 0: the await fails with `failure` */
	const char *body;
	const char *retry_after; /* header; NULL: none */
	enum err_kind failure;
	int64_t delay_ms;
	unsigned times; /* 0: for ever; then the next row with a fitting URL */
};

struct asked { /* a request as it was sent */
	char *url, *body, *authorization;
	int64_t at_ms; /* wall */
};

void fake_http_reset(void);
/* Rows are tried newest first. */
void fake_http_says(const struct carrier_says *says);
/* A call while a request is sent, before its answer is chosen; NULL: none. */
void fake_http_on_ask(void (*on_ask)(const struct asked *asked));
size_t fake_http_count(const char *url); /* requests whose URL has that part */
const struct asked *fake_http_asked(size_t index);
unsigned fake_http_in_flight(void);
#endif
