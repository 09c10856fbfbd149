/* A curl multi handle on the loop.
 *
 * One uv_poll per socket stays armed between requests: curl asks for and releases a kept
 * connection at every request, and following it would cost most of the system calls (BENCH.md).
 * Trusted and untrusted URLs have a lane each, because a lane's connections are reused without
 * asking again whom they lead to.
 */
#ifndef IO_HTTP_LANE_H
#define IO_HTTP_LANE_H
#include <curl/curl.h>

#include "notifier/io/loop.h"

struct watch;
struct http_lane {
	CURLM *multi;
	CURLSH *share; /* TLS sessions */
	struct timer timer;
	struct watch **watches; /* by file descriptor */
	size_t watch_count;
	void (*finished)(
	    CURL *easy, CURLcode code); /* the handle is off the multi; may start others */
	bool is_collecting;
};

void http_lane_open(struct http_lane *lane, void (*finished)(CURL *easy, CURLcode code));
void http_lane_close(struct http_lane *lane);               /* no transfer may be left in it */
void http_lane_prepare(struct http_lane *lane, CURL *easy); /* once per easy handle */
#endif
