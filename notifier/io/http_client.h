/* HTTP(S) requests through libcurl (curl_multi_socket_action on the loop, one uv_poll kept armed
 * per socket), with c-ares in front of it.
 *
 * Never blocks: names are resolved by io/resolve and given to libcurl with CURLOPT_RESOLVE.
 * Only http and https; no redirects; no .netrc, no proxy from the environment; TLS ≥ 1.2, peer
 * and host verified.  A body over max_bytes fails the request.
 */
#ifndef IO_HTTP_CLIENT_H
#define IO_HTTP_CLIENT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notifier/base/str.h"
#include "notifier/io/flow.h"

struct http_header {
	const char *name, *value;
};

struct http_request {
	const char *method; /* NULL: GET */
	const char *url;
	const struct http_header *headers;
	size_t header_count;
	struct str body;
	int64_t connect_ms; /* 0: 10 s */
	int64_t total_ms;   /* 0: 30 s.  Runs on unscaled time. */
	size_t max_bytes;   /* 0: 1 MiB */
	/* The URL came from data, not from the operator: the socket may not reach loopback,
	 * private, link-local or otherwise special addresses (judged on the address that is
	 * connected to). */
	bool is_untrusted_url;
};

struct http_response { /* in flow->arena */
	int status;
	struct str body; /* NUL-terminated too */
	const struct http_header *headers;
	size_t header_count;
	int64_t took_us;
};
const char *http_response_header(const struct http_response *response, const char *name);
/* Retry-After (RFC 9110, 10.2.3): seconds or a date; clamped to 1 s … 1 h; 0 when absent. */
int64_t http_retry_after_ms(const struct http_response *response, int64_t now_ms);

struct http_client;
struct http_client *http_client_new(void);
/* The same with a resolver of the caller's, which must outlive the client. */
struct resolver;
struct http_client *http_client_new_with_resolver(struct resolver *resolver);
void http_client_free(struct http_client **client); /* cancels what is in flight */

/* The await fails where no complete answer came: ERR_TRANSIENT (resolve, connect, TLS handshake:
 * nothing was asked), ERR_AMBIGUOUS (lost after the request was sent), ERR_PERMANENT (bad URL,
 * refused address, body too large).  Any HTTP status is a success.  Refuses CR, LF and NUL in
 * URL, header names and values. */
struct await *http_ask(struct http_client *client, struct flow *flow,
    const struct http_request *request, struct http_response *out);

/* Whether an address may be connected to for an untrusted URL (RFC 6890 special purpose
 * registries and their kin).  For tests and for outgoing hooks. */
struct sockaddr;
bool http_address_is_public(const struct sockaddr *address);
#endif
