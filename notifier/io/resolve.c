/* A lookup is one name: its askers while a query is open, its answer afterwards.  c-ares never
 * calls an asker: it only marks lookups as answered, and report() tells the askers when c-ares is
 * off the stack, so that they may ask again, cancel or connect. */
#include "notifier/io/resolve.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "notifier/base/mem.h"
#include "notifier/base/str.h"

#define TTL_MIN_MS     5000
#define TTL_MAX_MS     300000
#define FAILURE_MS     5000
#define ASK_TIMEOUT_MS 1500 /* first try of c-ares; the second waits twice as long */
#define ASK_TRIES      2
#define DEADLINE_MS    9000 /* whatever the number of dead name servers and search domains */
#define CACHE_MAX      4096
#define BUCKETS        256
#define HOST_MAX       253

struct lookup {
	struct list link;   /* in its bucket */
	struct list recent; /* in resolver.recent, oldest answer first */
	struct list answered;
	struct list askers;
	struct resolver *resolver;
	struct timer deadline;
	struct resolved answer;
	struct err err;     /* kind ERR_NONE: answer holds */
	int64_t expires_ms; /* monotonic; 0: never answered */
	bool is_open;       /* askers wait */
	bool is_asked;      /* c-ares holds a pointer to us */
	bool is_pinned;     /* report() is at work on it */
	char host[];
};

struct resolve_query {
	struct list link;
	resolve_done *done;
	void *context;
};

struct watch { /* one socket of c-ares */
	uv_poll_t poll;
	struct list link;
	struct resolver *resolver;
	int fd;
};

struct resolver {
	ares_channel channel; /* NULL: could not be made, tried again at the next question */
	char *servers;
	struct list watches;
	struct list buckets[BUCKETS];
	struct list recent, answered;
	size_t lookups, asked;
	struct timer timer;
	bool is_suspect; /* the name servers failed us: read /etc/resolv.conf again */
	bool is_closing, is_reporting;
};

/* --- sockets and timer of c-ares ------------------------------------------------------------- */

static void report(struct resolver *resolver);

static void arm_timer(struct resolver *resolver)
{
	struct timeval wait;
	if (resolver->channel == NULL || ares_timeout(resolver->channel, NULL, &wait) == NULL)
		timer_stop(&resolver->timer);
	else
		timer_start(&resolver->timer, wait.tv_sec * 1000 + wait.tv_usec / 1000 + 1);
}

static void on_timer(struct timer *timer)
{
	struct resolver *resolver = LIST_OWNER(timer, struct resolver, timer);
	ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	arm_timer(resolver);
	report(resolver);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = LIST_OWNER(poll, struct watch, poll);
	struct resolver *resolver = watch->resolver;
	int fd = watch->fd;
	bool readable = status < 0 || (events & UV_READABLE) != 0;
	bool writable = status < 0 || (events & UV_WRITABLE) != 0;
	ares_process_fd(
	    resolver->channel, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
	arm_timer(resolver);
	report(resolver);
}

static void on_watch_closed(uv_handle_t *handle)
{
	xfree(LIST_OWNER(handle, struct watch, poll));
}

static struct watch *watch_of(struct resolver *resolver, int fd)
{
	LIST_FOREACH (link, &resolver->watches) {
		struct watch *watch = LIST_OWNER(link, struct watch, link);
		if (watch->fd == fd)
			return watch;
	}
	return NULL;
}

/* c-ares says what it wants to know of a socket; neither means that it closes it next. */
static void on_socket_state(void *context, ares_socket_t fd, int readable, int writable)
{
	struct resolver *resolver = context;
	struct watch *watch = watch_of(resolver, fd);
	if (!readable && !writable) {
		if (watch == NULL)
			return;
		list_remove(&watch->link);
		uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
		return;
	}
	if (watch == NULL) {
		watch = xcalloc(1, sizeof *watch);
		watch->resolver = resolver;
		watch->fd = fd;
		must(uv_poll_init_socket(loop_uv(), &watch->poll, fd) == 0);
		list_append(&resolver->watches, &watch->link);
	}
	uv_poll_start(
	    &watch->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0), on_poll);
}

static void channel_open(struct resolver *resolver)
{
	char files_then_dns[] = "fb";
	struct ares_options options = {
	    .timeout = ASK_TIMEOUT_MS,
	    .tries = ASK_TRIES,
	    .lookups = files_then_dns,
	    .sock_state_cb = on_socket_state,
	    .sock_state_cb_data = resolver,
	};
	int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
	resolver->is_suspect = false;
	if (ares_init_options(&resolver->channel, &options, mask) != ARES_SUCCESS)
		resolver->channel = NULL;
	else if (resolver->servers != NULL)
		ares_set_servers_ports_csv(resolver->channel, resolver->servers);
}

/* c-ares 1.18 reads /etc/resolv.conf once; a machine may come up before its network does. */
static void channel_refresh(struct resolver *resolver)
{
	if (resolver->channel != NULL && (!resolver->is_suspect || resolver->asked > 0))
		return;
	if (resolver->channel != NULL)
		ares_destroy(resolver->channel);
	channel_open(resolver);
}

/* --- lookups --------------------------------------------------------------------------------- */

static void lookup_free(struct lookup *lookup)
{
	timer_stop(&lookup->deadline);
	list_remove(&lookup->link);
	list_remove(&lookup->recent);
	list_remove(&lookup->answered);
	lookup->resolver->lookups--;
	xfree(lookup);
}

static void lookup_answer(struct lookup *lookup)
{
	timer_stop(&lookup->deadline);
	list_remove(&lookup->recent);
	list_append(&lookup->resolver->recent, &lookup->recent);
	lookup->is_open = false;
	if (!list_is_empty(&lookup->askers) && list_is_empty(&lookup->answered))
		list_append(&lookup->resolver->answered, &lookup->answered);
}

static void lookup_fail(struct lookup *lookup, enum err_kind kind, const char *why)
{
	err_set(&lookup->err, kind, "%s: %s", lookup->host, why);
	lookup->expires_ms = loop_monotonic_ms() + FAILURE_MS;
	lookup_answer(lookup);
}

static void on_deadline(struct timer *timer)
{
	struct lookup *lookup = LIST_OWNER(timer, struct lookup, deadline);
	struct resolver *resolver = lookup->resolver;
	resolver->is_suspect = true;
	lookup_fail(
	    lookup, ERR_TRANSIENT, "no name server answered in time; check /etc/resolv.conf");
	report(resolver);
}

/* The n-th address of one family, or NULL. */
static const struct ares_addrinfo_node *node_at(
    const struct ares_addrinfo *info, int family, size_t n)
{
	for (const struct ares_addrinfo_node *node = info->nodes; node != NULL;
	     node = node->ai_next)
		if (node->ai_family == family &&
		    node->ai_addrlen <= sizeof(struct sockaddr_storage) && n-- == 0)
			return node;
	return NULL;
}

/* Both families by turns, so that both survive the cut to RESOLVE_MAX.  IPv4 leads: containers
 * often have an IPv6 address and no way out with it. */
static void take_addresses(struct resolved *out, const struct ares_addrinfo *info)
{
	out->count = 0;
	for (size_t n = 0; out->count < RESOLVE_MAX; n++) {
		const struct ares_addrinfo_node *pair[] = {
		    node_at(info, AF_INET, n), node_at(info, AF_INET6, n)};
		if (pair[0] == NULL && pair[1] == NULL)
			break;
		for (size_t i = 0; i < 2 && out->count < RESOLVE_MAX; i++)
			if (pair[i] != NULL)
				memcpy(&out->addresses[out->count++], pair[i]->ai_addr,
				    pair[i]->ai_addrlen);
	}
}

static int64_t ttl_ms(const struct ares_addrinfo *info)
{
	int64_t ttl = TTL_MAX_MS;
	for (const struct ares_addrinfo_node *node = info->nodes; node != NULL;
	     node = node->ai_next)
		if (node->ai_ttl * INT64_C(1000) < ttl)
			ttl = node->ai_ttl * INT64_C(1000);
	for (const struct ares_addrinfo_cname *name = info->cnames; name != NULL; name = name->next)
		if (name->ttl * INT64_C(1000) < ttl)
			ttl = name->ttl * INT64_C(1000);
	return ttl < TTL_MIN_MS ? TTL_MIN_MS : ttl;
}

static enum err_kind failure_kind(int status)
{
	switch (status) {
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
	case ARES_EBADNAME: return ERR_PERMANENT;
	case ARES_EDESTRUCTION:
	case ARES_ECANCELLED: return ERR_CANCELLED;
	default: return ERR_TRANSIENT;
	}
}

static const char *failure_text(int status)
{
	switch (status) {
	case ARES_ENOTFOUND: return "no such host name";
	case ARES_ENODATA: return "the name exists but has no address";
	case ARES_ETIMEOUT: return "no name server answered; check /etc/resolv.conf";
	case ARES_ECONNREFUSED:
		return "the name server refuses connections; check /etc/resolv.conf";
	case ARES_ESERVFAIL: return "the name server failed (SERVFAIL)";
	default: return ares_strerror(status);
	}
}

static void on_answer(void *context, int status, int timeouts, struct ares_addrinfo *info)
{
	struct lookup *lookup = context;
	struct resolved answer = {.count = 0};
	(void)timeouts;
	lookup->is_asked = false;
	lookup->resolver->asked--;
	if (status == ARES_SUCCESS && info != NULL)
		take_addresses(&answer, info);
	if (answer.count > 0) {
		answer.expires_ms = loop_monotonic_ms() + ttl_ms(info);
		lookup->answer = answer;
		lookup->expires_ms = answer.expires_ms;
		lookup->err.kind = ERR_NONE;
		lookup_answer(lookup);
	} else if (lookup->is_open) { /* a late failure changes nothing */
		enum err_kind kind = failure_kind(status == ARES_SUCCESS ? ARES_ENODATA : status);
		if (kind == ERR_TRANSIENT && !lookup->resolver->is_closing)
			lookup->resolver->is_suspect = true;
		lookup_fail(
		    lookup, kind, failure_text(status == ARES_SUCCESS ? ARES_ENODATA : status));
	}
	if (info != NULL)
		ares_freeaddrinfo(info);
}

/* Tells everybody who waited.  They may do anything but free the resolver. */
static void report(struct resolver *resolver)
{
	if (resolver->is_reporting)
		return;
	resolver->is_reporting = true;
	struct list *link;
	while ((link = list_first(&resolver->answered)) != NULL) {
		struct lookup *lookup = LIST_OWNER(link, struct lookup, answered);
		struct list *asker;
		list_remove(&lookup->answered);
		lookup->is_pinned = true;
		while ((asker = list_first(&lookup->askers)) != NULL) {
			struct resolve_query *query = LIST_OWNER(asker, struct resolve_query, link);
			resolve_done *done = query->done;
			void *context = query->context;
			bool worked = lookup->err.kind == ERR_NONE;
			list_remove(&query->link);
			xfree(query);
			done(
			    context, worked ? &lookup->answer : NULL, worked ? NULL : &lookup->err);
		}
		lookup->is_pinned = false;
	}
	resolver->is_reporting = false;
}

static bool is_idle(const struct lookup *lookup)
{
	return !lookup->is_open && !lookup->is_asked && !lookup->is_pinned &&
	       list_is_empty(&lookup->answered);
}

static void cache_shrink(struct resolver *resolver)
{
	LIST_FOREACH (link, &resolver->recent) {
		if (resolver->lookups < CACHE_MAX)
			return;
		struct lookup *lookup = LIST_OWNER(link, struct lookup, recent);
		if (is_idle(lookup))
			lookup_free(lookup);
	}
}

static struct lookup *lookup_get(struct resolver *resolver, const char *host)
{
	char key[HOST_MAX + 1];
	size_t len = strlen(host);
	must(len <= HOST_MAX);
	for (size_t i = 0; i <= len; i++)
		key[i] = (char)(host[i] >= 'A' && host[i] <= 'Z' ? host[i] | 0x20 : host[i]);
	struct list *bucket = &resolver->buckets[fnv1a64(key, len) % BUCKETS];
	LIST_FOREACH (link, bucket) {
		struct lookup *lookup = LIST_OWNER(link, struct lookup, link);
		if (text_eq(lookup->host, key))
			return lookup;
	}
	cache_shrink(resolver);
	struct lookup *lookup = xcalloc(1, sizeof *lookup + len + 1);
	memcpy(lookup->host, key, len + 1);
	lookup->resolver = resolver;
	timer_init(&lookup->deadline, on_deadline);
	list_init(&lookup->askers);
	list_init(&lookup->answered);
	list_init(&lookup->recent);
	list_append(bucket, &lookup->link);
	resolver->lookups++;
	return lookup;
}

static void lookup_open(struct lookup *lookup)
{
	struct resolver *resolver = lookup->resolver;
	/* Unsorted: sorting (RFC 6724) opens a socket per address, which a hostile answer can make
	 * many. */
	struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_flags = ARES_AI_NOSORT};
	lookup->is_open = true;
	timer_start(&lookup->deadline, DEADLINE_MS);
	if (lookup->is_asked)
		return; /* c-ares is still at the last question; its late answer serves us */
	channel_refresh(resolver);
	if (resolver->channel == NULL) {
		lookup_fail(lookup, ERR_TRANSIENT, "c-ares cannot start; check /etc/resolv.conf");
		return;
	}
	lookup->is_asked = true;
	resolver->asked++;
	ares_getaddrinfo(resolver->channel, lookup->host, NULL, &hints, on_answer, lookup);
	arm_timer(resolver);
}

/* --- the public side ------------------------------------------------------------------------- */

struct resolver *resolver_new_with_servers(const char *servers)
{
	must(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
	struct resolver *resolver = xcalloc(1, sizeof *resolver);
	resolver->servers = servers ? xstrdup(servers) : NULL;
	list_init(&resolver->watches);
	list_init(&resolver->recent);
	list_init(&resolver->answered);
	for (size_t i = 0; i < BUCKETS; i++)
		list_init(&resolver->buckets[i]);
	timer_init(&resolver->timer, on_timer);
	channel_open(resolver);
	return resolver;
}

struct resolver *resolver_new(void)
{
	return resolver_new_with_servers(NULL);
}

void resolver_free(struct resolver **resolver)
{
	struct resolver *gone = *resolver;
	if (gone == NULL)
		return;
	*resolver = NULL;
	must(!gone->is_reporting);
	gone->is_closing = true;
	if (gone->channel != NULL)
		ares_destroy(gone->channel); /* answers every open question with EDESTRUCTION */
	gone->channel = NULL;
	report(gone);
	timer_stop(&gone->timer);
	for (size_t i = 0; i < BUCKETS; i++)
		LIST_FOREACH (link, &gone->buckets[i])
			lookup_free(LIST_OWNER(link, struct lookup, link));
	xfree(gone->servers);
	xfree(gone);
	ares_library_cleanup();
}

/* inet_pton only: "127.1" and "0x7f000001" are not addresses here, and no name either. */
static bool is_literal(const char *host, struct resolved *out)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	*out = (struct resolved){.count = 1, .expires_ms = INT64_MAX};
	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
		memcpy(&out->addresses[0], &v4, sizeof v4);
	else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1)
		memcpy(&out->addresses[0], &v6, sizeof v6);
	else
		out->count = 0;
	return out->count == 1;
}

bool resolve_is_host_name(const char *host)
{
	size_t len = strlen(host);
	return len > 0 && len <= HOST_MAX &&
	       strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
	           len;
}

struct resolve_query *resolve_start(
    struct resolver *resolver, const char *host, resolve_done *done, void *context)
{
	struct resolved literal;
	struct err err;
	if (is_literal(host, &literal)) {
		done(context, &literal, NULL);
		return NULL;
	}
	if (!resolve_is_host_name(host) || resolver->is_closing) {
		if (resolver->is_closing)
			err_set(&err, ERR_CANCELLED, "%s: the resolver is closing", host);
		else
			err_set(&err, ERR_PERMANENT,
			    "\"%.80s\": not a host name (international names: write xn--…)", host);
		done(context, NULL, &err);
		return NULL;
	}
	struct lookup *lookup = lookup_get(resolver, host);
	if (!lookup->is_open && lookup->expires_ms <= loop_monotonic_ms())
		lookup_open(lookup);
	if (!lookup->is_open) { /* known, or /etc/hosts knew at once */
		struct resolved answer = lookup->answer;
		err = lookup->err;
		done(context, err.kind == ERR_NONE ? &answer : NULL,
		    err.kind == ERR_NONE ? NULL : &err);
		return NULL;
	}
	struct resolve_query *query = xcalloc(1, sizeof *query);
	query->done = done;
	query->context = context;
	list_append(&lookup->askers, &query->link);
	return query;
}

void resolve_cancel(struct resolve_query **query)
{
	if (*query == NULL)
		return;
	list_remove(&(*query)->link);
	xfree(*query);
	*query = NULL;
}
