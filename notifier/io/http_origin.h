/* Where requests of one URL authority go: host, port and the addresses we resolved for it.
 * libcurl keeps them in the lane's DNS cache until it is told others, so they are handed over only
 * when they changed; libcurl itself never resolves anything.
 */
#ifndef IO_HTTP_ORIGIN_H
#define IO_HTTP_ORIGIN_H
#include <stdbool.h>
#include <stdint.h>

#include "notifier/base/err.h"
#include "notifier/base/list.h"
#include "notifier/io/resolve.h"

#define HTTP_ORIGINS_BUCKETS 256
struct http_origins {
	struct list buckets[HTTP_ORIGINS_BUCKETS];
	struct list recent; /* least recently used first */
	size_t count;
	struct list forgotten; /* evicted, but libcurl still knows them */
};

struct http_origin {
	struct list link, recent;
	unsigned users; /* requests that point here */
	char *host;     /* ASCII, without brackets */
	int port;
	bool is_literal; /* the host is an address: nothing to resolve */
	bool is_loaded;  /* libcurl has `entry` */
	int64_t expires_ms;
	char *entry; /* "host:port:address,address" for CURLOPT_RESOLVE */
	char key[];  /* "https://host:port" as the URL has it */
};

void http_origins_init(struct http_origins *origins);
void http_origins_free(struct http_origins *origins);
/* The origin of a URL, with one more user; NULL with err (ERR_PERMANENT) when it is no http or
 * https URL. */
struct http_origin *http_origin_get(struct http_origins *origins, const char *url, struct err *err);
void http_origin_release(struct http_origin *origin);
void http_origin_resolved(struct http_origin *origin, const struct resolved *resolved);
/* Text for CURLOPT_RESOLVE that makes libcurl forget an origin, or NULL; xfree it. */
char *http_origins_take_forgotten(struct http_origins *origins);
#endif
