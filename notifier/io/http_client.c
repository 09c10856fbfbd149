/* A transfer is one request: a pooled libcurl handle and what belongs to it.  It is over exactly
 * once: finished by libcurl, by its deadline, by a failed lookup, or cancelled by its flow. */
#include "notifier/io/http_client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "notifier/base/mem.h"
#include "notifier/io/http_lane.h"
#include "notifier/io/http_origin.h"
#include "notifier/io/http_request.h"

#define CONNECT_MS       10000
#define TOTAL_MS         30000
#define BODY_MAX_BYTES   (1024 * 1024)
#define HEADER_MAX_BYTES (64 * 1024)
#define SPARES_MAX       256
#define KEEP_BODY_BYTES  (256 * 1024) /* of a spare's buffer */

/* One for URLs of the operator, one for URLs that came from data: they share nothing. */
struct side {
	struct http_lane lane;
	struct http_origins origins;
	struct list busy, spare;
	size_t spare_count;
	bool is_untrusted;
};

struct http_client {
	struct side sides[2];
	struct resolver *resolver;
	bool owns_resolver, is_closing;
};

struct transfer {
	struct await await; /* first */
	struct list link;   /* in side.busy or side.spare */
	struct http_client *client;
	struct side *side;
	CURL *easy;
	struct http_origin *origin;
	struct resolve_query *query;
	struct timer deadline;
	struct curl_slist *addresses; /* for CURLOPT_RESOLVE */
	struct http_response *out;
	struct buf body, headers;
	unsigned refused, opened,
	    sends;       /* addresses refused, sockets opened, times the request began */
	bool is_running; /* in the multi handle */
	bool has_header; /* the whole header of the answer came: libcurl calls half of one a success
	                  */
	bool is_safe;    /* GET, HEAD, OPTIONS (RFC 9110, 9.2.1): repeating it does no harm */
	char error[CURL_ERROR_SIZE];
};

/* --- the end of a transfer ------------------------------------------------------------------- */

static void transfer_destroy(struct transfer *transfer)
{
	list_remove(&transfer->link);
	curl_easy_cleanup(transfer->easy);
	buf_free(&transfer->body);
	buf_free(&transfer->headers);
	xfree(transfer);
}

/* Back to the spares; what its flow gave it is forgotten. */
static void transfer_recycle(struct transfer *transfer)
{
	struct side *side = transfer->side;
	timer_stop(&transfer->deadline);
	resolve_cancel(&transfer->query);
	if (transfer->is_running)
		curl_multi_remove_handle(side->lane.multi, transfer->easy);
	transfer->is_running = false;
	if (transfer->origin != NULL)
		http_origin_release(transfer->origin);
	transfer->origin = NULL;
	curl_slist_free_all(transfer->addresses);
	transfer->addresses = NULL;
	transfer->out = NULL;
	if (transfer->body.capacity > KEEP_BODY_BYTES)
		buf_free(&transfer->body);
	list_remove(&transfer->link);
	list_append(&side->spare, &transfer->link);
	if (side->spare_count++ >= SPARES_MAX) {
		side->spare_count--;
		transfer_destroy(transfer);
	}
}

static void transfer_fail(struct transfer *transfer, const struct err *err)
{
	struct await await = transfer->await;
	struct err copy = *err;
	transfer_recycle(transfer);
	await_failed(&await, &copy);
}

static void on_cancel(struct await *await)
{
	transfer_recycle(LIST_OWNER(await, struct transfer, await));
}

/* Whether a byte of the request may have reached the server.  The counters of libcurl run on over
 * its own retries. */
static bool was_sent(CURL *easy)
{
	long header_bytes = 0;
	curl_off_t body_bytes = 0;
	curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &header_bytes);
	curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &body_bytes);
	return header_bytes > 0 || body_bytes > 0;
}

static enum err_kind failure_kind(const struct transfer *transfer, CURLcode code)
{
	bool is_too_big = transfer->body.overflowed || transfer->headers.overflowed;
	if (is_too_big || code == CURLE_FILESIZE_EXCEEDED || code == CURLE_URL_MALFORMAT ||
	    code == CURLE_LOGIN_DENIED)
		return ERR_PERMANENT;
	if (transfer->refused > 0 && transfer->opened == 0)
		return ERR_PERMANENT;
	return !transfer->is_safe && was_sent(transfer->easy) ? ERR_AMBIGUOUS : ERR_TRANSIENT;
}

static const char *failure_text(const struct transfer *transfer, CURLcode code)
{
	if (transfer->body.overflowed || code == CURLE_FILESIZE_EXCEEDED)
		return "the answer is larger than allowed";
	if (transfer->headers.overflowed)
		return "the header of the answer is larger than 64 kB";
	if (transfer->refused > 0 && transfer->opened == 0)
		return "leads to an address that is not public; refused";
	return transfer->error[0] ? transfer->error : curl_easy_strerror(code);
}

static void transfer_failed(struct transfer *transfer, CURLcode code)
{
	const struct http_origin *origin = transfer->origin;
	struct err err;
	if (code == CURLE_COULDNT_RESOLVE_HOST)
		transfer->origin->is_loaded =
		    false; /* libcurl has lost the addresses: hand them over again */
	err_set(&err, failure_kind(transfer, code), "%s:%d: %s", origin->host, origin->port,
	    failure_text(transfer, code));
	transfer_fail(transfer, &err);
}

static void on_deadline(struct timer *timer)
{
	struct transfer *transfer = LIST_OWNER(timer, struct transfer, deadline);
	snprintf(transfer->error, sizeof transfer->error, "no complete answer in time");
	transfer_failed(transfer, CURLE_OPERATION_TIMEDOUT);
}

/* --- the answer ------------------------------------------------------------------------------ */

static size_t count_lines(struct str text)
{
	size_t count = 0;
	for (size_t i = 0; i < text.len; i++)
		count += text.at[i] == '\n';
	return count;
}

static void take_headers(struct http_response *out, struct str text, struct arena *arena)
{
	struct http_header *headers = arena_array(arena, count_lines(text) + 1, sizeof *headers);
	out->header_count = 0;
	while (text.len > 0) {
		struct str line, name;
		text = str_cut(text, '\n', &line);
		struct str value = str_cut(line, ':', &name);
		if (value.at == NULL || name.len == 0)
			continue; /* the status line, the empty one, folded rests */
		name = str_trim(name);
		value = str_trim(value);
		headers[out->header_count].name = arena_strndup(arena, name.at, name.len);
		headers[out->header_count].value = arena_strndup(arena, value.at, value.len);
		out->header_count++;
	}
	out->headers = headers;
}

static void take_response(struct transfer *transfer, struct arena *arena)
{
	struct http_response *out = transfer->out;
	long status = 0;
	curl_off_t took_us = 0;
	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(transfer->easy, CURLINFO_TOTAL_TIME_T, &took_us);
	char *body = arena_alloc(arena, transfer->body.size + 1);
	memcpy(body, buf_text(&transfer->body), transfer->body.size);
	*out = (struct http_response){.status = (int)status, .took_us = took_us};
	out->body = str_make(body, transfer->body.size);
	take_headers(out, str_make(buf_text(&transfer->headers), transfer->headers.size), arena);
}

static void on_finished(CURL *easy, CURLcode code)
{
	struct transfer *transfer;
	char *private;
	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
	transfer = (struct transfer *)(void *)private;
	transfer->is_running = false;
	if (code == CURLE_OK && !transfer->has_header)
		code = CURLE_GOT_NOTHING;
	if (code != CURLE_OK) {
		transfer_failed(transfer, code);
		return;
	}
	struct await await = transfer->await;
	take_response(transfer, await.flow->arena);
	transfer_recycle(transfer);
	await_done(&await);
}

static size_t on_body(char *bytes, size_t one, size_t len, void *context)
{
	struct transfer *transfer = context;
	buf_add(&transfer->body, bytes, one * len);
	return transfer->body.overflowed ? 0 : one * len;
}

static size_t on_header(char *bytes, size_t one, size_t len, void *context)
{
	struct transfer *transfer = context;
	struct str line = str_make(bytes, one * len);
	if (str_starts(line, "HTTP/")) { /* after 100 Continue and its like comes the real one */
		buf_clear(&transfer->headers);
		transfer->has_header = false;
	}
	transfer->has_header |= str_eq(line, "\r\n") || str_eq(line, "\n");
	buf_add_str(&transfer->headers, line);
	return transfer->headers.overflowed ? 0 : one * len;
}

/* --- what libcurl asks us -------------------------------------------------------------------- */

/* The judgement on the address that is really connected to: no spelling of a URL and no answer of
 * a name server gets around it. */
static curl_socket_t on_open_socket(
    void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *transfer = context;
	(void)purpose;
	if (transfer->side->is_untrusted && !http_address_is_public(&address->addr)) {
		transfer->refused++;
		return CURL_SOCKET_BAD;
	}
	transfer->opened++;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* libcurl wants to resolve: it must not, its resolver blocks.  Literal addresses need none. */
static int on_resolver_start(void *state, void *reserved, void *context)
{
	const struct transfer *transfer = context;
	(void)state;
	(void)reserved;
	return transfer->origin != NULL && transfer->origin->is_literal ? 0 : 1;
}

/* Called each time a request is about to be written.  libcurl writes it again when a kept
 * connection dies without an answer; a POST may have been obeyed by then, so we do not let it. */
static int on_before_request(
    void *context, char *remote, char *local, int remote_port, int local_port)
{
	struct transfer *transfer = context;
	(void)remote;
	(void)local;
	(void)remote_port;
	(void)local_port;
	if (transfer->addresses != NULL)
		transfer->origin->is_loaded = true;
	if (transfer->sends++ > 0 && !transfer->is_safe && was_sent(transfer->easy)) {
		snprintf(transfer->error, sizeof transfer->error,
		    "the connection ended before the answer");
		return CURL_PREREQFUNC_ABORT;
	}
	return CURL_PREREQFUNC_OK;
}

static struct transfer *transfer_new(struct http_client *client, struct side *side)
{
	struct transfer *transfer = xcalloc(1, sizeof *transfer);
	CURL *easy = curl_easy_init();
	must(easy != NULL);
	transfer->client = client;
	transfer->side = side;
	transfer->easy = easy;
	timer_init(&transfer->deadline, on_deadline);
	list_init(&transfer->link);
	http_lane_prepare(&side->lane, easy);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, on_resolver_start);
	curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, transfer);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_before_request);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, NULL);
	curl_easy_setopt(
	    easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1); /* one answer at a time */
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "notifier");
	curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, side->is_untrusted ? 1L : 0L);
	return transfer;
}

static struct transfer *transfer_take(struct http_client *client, struct side *side)
{
	struct transfer *transfer;
	if (list_is_empty(&side->spare)) {
		transfer = transfer_new(client, side);
	} else { /* the last one back: its memory is warm */
		transfer = LIST_OWNER(side->spare.prev, struct transfer, link);
		list_remove(&transfer->link);
		side->spare_count--;
	}
	list_append(&side->busy, &transfer->link);
	buf_clear(&transfer->body);
	buf_clear(&transfer->headers);
	transfer->refused = transfer->opened = transfer->sends = 0;
	transfer->has_header = false;
	transfer->error[0] = '\0';
	return transfer;
}

/* --- the request ----------------------------------------------------------------------------- */

static void transfer_fill(
    struct transfer *transfer, const struct http_request *request, struct arena *arena)
{
	CURL *easy = transfer->easy;
	const char *method = request->method ? request->method : "GET";
	size_t max_bytes = request->max_bytes ? request->max_bytes : BODY_MAX_BYTES;
	transfer->is_safe =
	    text_eq(method, "GET") || text_eq(method, "HEAD") || text_eq(method, "OPTIONS");
	transfer->body.max = max_bytes;
	transfer->headers.max = HEADER_MAX_BYTES;
	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)max_bytes);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
	    (long)(request->connect_ms > 0 ? request->connect_ms : CONNECT_MS));
	http_request_set(easy, request, method, arena);
	timer_start(&transfer->deadline, request->total_ms > 0 ? request->total_ms : TOTAL_MS);
}

/* Until a connection has been made with them, every request carries the addresses: several may
 * start in one turn, and libcurl does not say which comes first. */
static void transfer_start(struct transfer *transfer)
{
	struct http_origin *origin = transfer->origin;
	if (!origin->is_literal && !origin->is_loaded) {
		char *forgotten;
		while (
		    (forgotten = http_origins_take_forgotten(&transfer->side->origins)) != NULL) {
			transfer->addresses = curl_slist_append(transfer->addresses, forgotten);
			xfree(forgotten);
		}
		transfer->addresses = curl_slist_append(transfer->addresses, origin->entry);
	}
	curl_easy_setopt(transfer->easy, CURLOPT_RESOLVE, transfer->addresses);
	transfer->is_running = true;
	must(curl_multi_add_handle(transfer->side->lane.multi, transfer->easy) == CURLM_OK);
}

static void on_resolved(void *context, const struct resolved *resolved, const struct err *err)
{
	struct transfer *transfer = context;
	transfer->query = NULL;
	if (err !=
	    NULL) { /* a name that does not exist today may do so tomorrow: nothing was asked */
		struct err why = *err;
		if (why.kind == ERR_PERMANENT && resolve_is_host_name(transfer->origin->host))
			why.kind = ERR_TRANSIENT;
		transfer_fail(transfer, &why);
		return;
	}
	http_origin_resolved(transfer->origin, resolved);
	transfer_start(transfer);
}

struct await *http_ask(struct http_client *client, struct flow *flow,
    const struct http_request *request, struct http_response *out)
{
	struct side *side = &client->sides[request->is_untrusted_url];
	struct transfer *transfer = transfer_take(client, side);
	struct err err;
	*out = (struct http_response){.status = 0};
	transfer->out = out;
	await_init(&transfer->await, flow, on_cancel);
	if (client->is_closing)
		err_set(&err, ERR_CANCELLED, "stopping");
	else if (http_request_check(request, &err))
		transfer->origin = http_origin_get(&side->origins, request->url, &err);
	if (transfer->origin == NULL) {
		transfer_fail(transfer, &err);
		return NULL;
	}
	transfer_fill(transfer, request, flow->arena);
	if (transfer->origin->is_literal || transfer->origin->expires_ms > loop_monotonic_ms()) {
		transfer_start(transfer);
		return &transfer->await;
	}
	struct resolve_query *query =
	    resolve_start(client->resolver, transfer->origin->host, on_resolved, transfer);
	if (query != NULL)
		transfer->query = query;
	return &transfer->await; /* or done already; then nobody looks at it */
}

/* --- clients --------------------------------------------------------------------------------- */

struct http_client *http_client_new_with_resolver(struct resolver *resolver)
{
	struct http_client *client = xcalloc(1, sizeof *client);
	must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
	client->resolver = resolver;
	for (size_t i = 0; i < 2; i++) {
		struct side *side = &client->sides[i];
		http_lane_open(&side->lane, on_finished);
		http_origins_init(&side->origins);
		list_init(&side->busy);
		list_init(&side->spare);
		side->is_untrusted = i == 1;
	}
	return client;
}

struct http_client *http_client_new(void)
{
	struct http_client *client = http_client_new_with_resolver(resolver_new());
	client->owns_resolver = true;
	return client;
}

void http_client_free(struct http_client **client)
{
	struct http_client *gone = *client;
	struct err err;
	if (gone == NULL)
		return;
	*client = NULL;
	must(!gone->sides[0].lane.is_collecting && !gone->sides[1].lane.is_collecting);
	gone->is_closing = true;
	err_set(&err, ERR_CANCELLED, "stopping");
	for (size_t i = 0; i < 2; i++) {
		struct side *side = &gone->sides[i];
		while (!list_is_empty(&side->busy))
			transfer_fail(LIST_OWNER(side->busy.next, struct transfer, link), &err);
	}
	for (size_t i = 0; i < 2; i++) {
		struct side *side = &gone->sides[i];
		LIST_FOREACH (link, &side->spare)
			transfer_destroy(LIST_OWNER(link, struct transfer, link));
		http_lane_close(&side->lane);
		http_origins_free(&side->origins);
	}
	if (gone->owns_resolver)
		resolver_free(&gone->resolver);
	xfree(gone);
}
