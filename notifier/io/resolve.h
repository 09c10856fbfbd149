/* Names to addresses, through c-ares, without ever blocking the loop.
 * Literal addresses first (inet_pton; c-ares would ask the DNS for them), then /etc/hosts and DNS
 * with short timeouts.  Answers are cached for their TTL (5 s … 5 min), failures for 5 s; many
 * askers for one name share one query.
 */
#ifndef IO_RESOLVE_H
#define IO_RESOLVE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "notifier/io/flow.h"

#define RESOLVE_MAX 8
struct resolved {
	struct sockaddr_storage addresses[RESOLVE_MAX]; /* port 0 */
	size_t count;
	int64_t expires_ms; /* monotonic */
};

struct resolver;
struct resolver *resolver_new(void);
/* Asks these name servers ("192.0.2.1:5353,[::1]:53") instead of those of /etc/resolv.conf; NULL
 * means the latter.  For tests and for operators who want their own. */
struct resolver *resolver_new_with_servers(const char *servers);
void resolver_free(struct resolver **resolver);
/* Fails with ERR_TRANSIENT (no answer, SERVFAIL) or ERR_PERMANENT (no such name), the text names
 * the host.  *out is the caller's. */
struct await *resolve_host(
    struct resolver *resolver, struct flow *flow, const char *host, struct resolved *out);
/* The same without a flow: for modules that have callbacks anyway.  `done` may be called before
 * this returns (then NULL comes back); err is NULL when it worked. */
typedef void resolve_done(void *context, const struct resolved *resolved, const struct err *err);
struct resolve_query;
struct resolve_query *resolve_start(
    struct resolver *resolver, const char *host, resolve_done *done, void *context);
/* Whether it can be asked for at all: letters, digits and .-_, at most 253. */
bool resolve_is_host_name(const char *host);
void resolve_cancel(struct resolve_query **query); /* done will not be called */
#endif
