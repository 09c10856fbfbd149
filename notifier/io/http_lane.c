#include "notifier/io/http_lane.h"

#include <string.h>
#include <unistd.h>

#include "notifier/base/err.h"
#include "notifier/base/mem.h"

#define KEPT_CONNECTIONS 256

struct watch {
	uv_poll_t poll;
	struct http_lane *lane;
	curl_socket_t fd;
	int wanted, armed; /* UV_READABLE | UV_WRITABLE */
};

/* Tells the owner what is over.  It may start and cancel transfers from there: curl keeps its list
 * of messages right through both. */
static void lane_collect(struct http_lane *lane)
{
	CURLMsg *message;
	int left;
	if (lane->is_collecting)
		return;
	lane->is_collecting = true;
	while ((message = curl_multi_info_read(lane->multi, &left)) != NULL) {
		CURL *easy = message->easy_handle;
		CURLcode code = message->data.result;
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_multi_remove_handle(lane->multi, easy); /* message is gone with it */
		lane->finished(easy, code);
	}
	lane->is_collecting = false;
}

static void on_timer(struct timer *timer)
{
	struct http_lane *lane = LIST_OWNER(timer, struct http_lane, timer);
	int running;
	curl_multi_socket_action(lane->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	lane_collect(lane);
}

static int on_timer_wish(CURLM *multi, long after_ms, void *context)
{
	struct http_lane *lane = context;
	(void)multi;
	if (after_ms < 0)
		timer_stop(&lane->timer);
	else
		timer_start(&lane->timer, after_ms);
	return 0;
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch_arm(struct watch *watch, int events)
{
	if (watch->armed == events)
		return;
	watch->armed = events;
	if (events == 0)
		uv_poll_stop(&watch->poll);
	else
		uv_poll_start(&watch->poll, events, on_poll);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = LIST_OWNER(poll, struct watch, poll);
	struct http_lane *lane = watch->lane;
	int running;
	if (status < 0)
		watch->armed = 0; /* uv has stopped it */
	if (watch->wanted ==
	    0) { /* a kept connection was closed by its server: curl sees it at the next use */
		watch_arm(watch, 0);
		return;
	}
	int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
	            (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0) |
	            (status < 0 ? CURL_CSELECT_ERR : 0);
	curl_multi_socket_action(lane->multi, watch->fd, flags, &running);
	lane_collect(lane);
}

static void on_watch_closed(uv_handle_t *handle)
{
	xfree(LIST_OWNER(handle, struct watch, poll));
}

static struct watch *watch_get(struct http_lane *lane, curl_socket_t fd)
{
	size_t slot = (size_t)fd;
	if (slot >= lane->watch_count) {
		size_t count = slot + 64;
		lane->watches = xrealloc_array(lane->watches, count, sizeof *lane->watches);
		memset(lane->watches + lane->watch_count, 0,
		    (count - lane->watch_count) * sizeof *lane->watches);
		lane->watch_count = count;
	}
	if (lane->watches[slot] == NULL) {
		struct watch *watch = xcalloc(1, sizeof *watch);
		watch->lane = lane;
		watch->fd = fd;
		must(uv_poll_init_socket(loop_uv(), &watch->poll, fd) == 0);
		lane->watches[slot] = watch;
	}
	return lane->watches[slot];
}

/* CURL_POLL_REMOVE only lets go: the poll stays armed until the socket is wanted otherwise. */
static int on_socket_wish(CURL *easy, curl_socket_t fd, int what, void *context, void *unused)
{
	struct watch *watch = watch_get(context, fd);
	(void)easy;
	(void)unused;
	watch->wanted = what == CURL_POLL_REMOVE ? 0
	                                         : (what & CURL_POLL_IN ? UV_READABLE : 0) |
	                                               (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
	/* Nobody waits to write on a kept connection: a writable one would wake us all the time. */
	if (watch->wanted != 0 || (watch->armed & UV_WRITABLE))
		watch_arm(watch, watch->wanted);
	return 0;
}

static int on_close_socket(void *context, curl_socket_t fd)
{
	struct http_lane *lane = context;
	if ((size_t)fd < lane->watch_count && lane->watches[fd] != NULL) {
		uv_close((uv_handle_t *)&lane->watches[fd]->poll, on_watch_closed);
		lane->watches[fd] = NULL;
	}
	return close(fd);
}

void http_lane_prepare(struct http_lane *lane, CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, lane);
	curl_easy_setopt(easy, CURLOPT_SHARE, lane->share);
}

void http_lane_open(struct http_lane *lane, void (*finished)(CURL *easy, CURLcode code))
{
	*lane = (struct http_lane){.finished = finished};
	timer_init(&lane->timer, on_timer);
	lane->multi = curl_multi_init();
	lane->share = curl_share_init();
	must(lane->multi != NULL && lane->share != NULL);
	curl_share_setopt(lane->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
	curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wish);
	curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
	curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, on_timer_wish);
	curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
	curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
	curl_multi_setopt(lane->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
}

void http_lane_close(struct http_lane *lane)
{
	curl_multi_cleanup(lane->multi); /* closes the kept connections through on_close_socket */
	curl_share_cleanup(lane->share);
	timer_stop(&lane->timer);
	xfree(lane->watches);
	*lane = (struct http_lane){.multi = NULL};
}
