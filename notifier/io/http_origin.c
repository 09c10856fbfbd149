#include "notifier/io/http_origin.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "notifier/base/mem.h"
#include "notifier/base/str.h"

#define ORIGINS_MAX 512

struct forgotten {
	struct list link;
	char *entry; /* "-host:port" */
};

void http_origins_init(struct http_origins *origins)
{
	*origins = (struct http_origins){.count = 0};
	list_init(&origins->recent);
	list_init(&origins->forgotten);
	for (size_t i = 0; i < HTTP_ORIGINS_BUCKETS; i++)
		list_init(&origins->buckets[i]);
}

static void origin_free(struct http_origin *origin)
{
	list_remove(&origin->link);
	list_remove(&origin->recent);
	xfree(origin->host);
	xfree(origin->entry);
	xfree(origin);
}

void http_origins_free(struct http_origins *origins)
{
	char *entry;
	LIST_FOREACH (link, &origins->recent)
		origin_free(LIST_OWNER(link, struct http_origin, recent));
	while ((entry = http_origins_take_forgotten(origins)) != NULL)
		xfree(entry);
}

char *http_origins_take_forgotten(struct http_origins *origins)
{
	struct list *first = list_first(&origins->forgotten);
	if (first == NULL)
		return NULL;
	struct forgotten *forgotten = LIST_OWNER(first, struct forgotten, link);
	char *entry = forgotten->entry;
	list_remove(first);
	xfree(forgotten);
	return entry;
}

/* URLs from data may name any number of hosts. */
static void origins_shrink(struct http_origins *origins)
{
	LIST_FOREACH (link, &origins->recent) {
		struct http_origin *origin = LIST_OWNER(link, struct http_origin, recent);
		if (origins->count < ORIGINS_MAX)
			return;
		if (origin->users > 0)
			continue;
		if (origin->is_loaded) {
			struct forgotten *forgotten = xcalloc(1, sizeof *forgotten);
			forgotten->entry = xasprintf("-%s:%d", origin->host, origin->port);
			list_append(&origins->forgotten, &forgotten->link);
		}
		origin_free(origin);
		origins->count--;
	}
}

static bool is_address(const char *host)
{
	unsigned char bytes[16];
	return inet_pton(AF_INET, host, bytes) == 1 || strchr(host, ':') != NULL;
}

/* libcurl's own parser, so that we resolve exactly the host that it connects to: it also turns
 * 0x7f000001, 2130706433 and 127.1 into 127.0.0.1 and names with umlauts into xn--. */
static bool parse(const char *url, char **host, int *port)
{
	CURLU *parsed = curl_url();
	char *part = NULL;
	int64_t number = 0;
	must(parsed != NULL);
	*host = NULL;
	bool ok = curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
	          curl_url_get(parsed, CURLUPART_PORT, &part, CURLU_DEFAULT_PORT) == CURLUE_OK &&
	          str_to_int64(str_of(part), &number) && number > 0 && number < 65536;
	curl_free(part);
	part = NULL;
	ok = ok && curl_url_get(parsed, CURLUPART_HOST, &part, CURLU_PUNYCODE) == CURLUE_OK;
	size_t len = ok ? strlen(part) : 0;
	if (len > 2 && part[0] == '[')
		*host = xstrndup(part + 1, len - 2);
	else if (len > 0)
		*host = xstrndup(part, len);
	curl_free(part);
	curl_url_cleanup(parsed);
	*port = (int)number;
	return *host != NULL;
}

/* "https://host:port": everything before the path, or nothing when it is no http(s) URL. */
static struct str authority(const char *url)
{
	size_t scheme = strncasecmp(url, "http://", 7) == 0    ? 7
	                : strncasecmp(url, "https://", 8) == 0 ? 8
	                                                       : 0;
	return str_make(url, scheme ? scheme + strcspn(url + scheme, "/?#") : 0);
}

static struct http_origin *origin_new(struct http_origins *origins, struct str key, const char *url)
{
	char *host;
	int port;
	if (!parse(url, &host, &port))
		return NULL;
	origins_shrink(origins);
	struct http_origin *origin = xcalloc(1, sizeof *origin + key.len + 1);
	memcpy(origin->key, key.at, key.len);
	origin->host = host;
	origin->port = port;
	origin->is_literal = is_address(host);
	list_init(&origin->recent);
	list_append(
	    &origins->buckets[fnv1a64(key.at, key.len) % HTTP_ORIGINS_BUCKETS], &origin->link);
	origins->count++;
	return origin;
}

struct http_origin *http_origin_get(struct http_origins *origins, const char *url, struct err *err)
{
	struct str key = authority(url);
	struct http_origin *found = NULL;
	if (key.len == 0) { /* the URL itself may hold a token: it is not repeated */
		err_set(err, ERR_PERMANENT, "only http:// and https:// URLs are asked, not %.*s…",
		    (int)strcspn(url, "/?#"), url);
		return NULL;
	}
	LIST_FOREACH (link, &origins->buckets[fnv1a64(key.at, key.len) % HTTP_ORIGINS_BUCKETS])
		if (str_eq(key, LIST_OWNER(link, struct http_origin, link)->key))
			found = LIST_OWNER(link, struct http_origin, link);
	if (found == NULL)
		found = origin_new(origins, key, url);
	if (found == NULL) {
		const char *user_end = memrchr(key.at, '@', key.len);
		size_t skip = user_end ? (size_t)(user_end + 1 - key.at) : 0;
		err_set(err, ERR_PERMANENT, "%.*s: not a usable URL", (int)(key.len - skip),
		    key.at + skip);
		return NULL;
	}
	list_remove(&found->recent);
	list_append(&origins->recent, &found->recent);
	found->users++;
	return found;
}

void http_origin_release(struct http_origin *origin)
{
	must(origin->users > 0);
	origin->users--;
}

void http_origin_resolved(struct http_origin *origin, const struct resolved *resolved)
{
	struct buf entry = BUF_EMPTY(0);
	char text[INET6_ADDRSTRLEN];
	buf_printf(&entry, "%s:%d:", origin->host, origin->port);
	for (size_t i = 0; i < resolved->count; i++) {
		const struct sockaddr_storage *address = &resolved->addresses[i];
		bool v6 = address->ss_family == AF_INET6;
		const void *raw =
		    v6 ? (const void *)&((const struct sockaddr_in6 *)(const void *)address)
		             ->sin6_addr
		       : (const void *)&((const struct sockaddr_in *)(const void *)address)
		             ->sin_addr;
		if (inet_ntop(address->ss_family, raw, text, sizeof text) != NULL)
			buf_printf(&entry, v6 ? "%s[%s]" : "%s%s", i ? "," : "", text);
	}
	origin->expires_ms = resolved->expires_ms;
	if (text_eq(origin->entry, buf_text(&entry))) {
		buf_free(&entry);
		return;
	}
	xfree(origin->entry);
	origin->entry = buf_take(&entry);
	origin->is_loaded = false;
}
