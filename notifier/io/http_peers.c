#include <string.h>

#include "notifier/io/http_server_internal.h"

struct http_peer {
	struct list link;
	unsigned char key[16];
	unsigned count;
};

/* IPv4 as it is; of IPv6 the first 64 bits, which is what one subscriber gets (RFC 6177). */
static bool peer_key(unsigned char key[16], const struct sockaddr *address)
{
	memset(key, 0, 16);
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
		memcpy(key, &in->sin_addr, 4);
		return key[0] != 127;
	}
	if (address->sa_family != AF_INET6)
		return false;
	const struct in6_addr *in6 =
	    &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
	if (IN6_IS_ADDR_V4MAPPED(in6)) {
		memcpy(key, in6->s6_addr + 12, 4);
		return key[0] != 127;
	}
	memcpy(key, in6->s6_addr, 8);
	key[15] = 6;
	return !IN6_IS_ADDR_LOOPBACK(in6);
}

void http_peers_init(struct http_peers *peers)
{
	for (size_t i = 0; i < sizeof peers->buckets / sizeof *peers->buckets; i++)
		list_init(&peers->buckets[i]);
}

bool http_peer_is_limited(const struct sockaddr *address)
{
	unsigned char key[16];
	return peer_key(key, address);
}

struct http_peer *http_peer_add(
    struct http_peers *peers, const struct sockaddr *address, unsigned max)
{
	unsigned char key[16];
	peer_key(key, address);
	struct list *bucket = &peers->buckets[fnv1a64(key, sizeof key) % 256];
	LIST_FOREACH (link, bucket) {
		struct http_peer *peer = LIST_OWNER(link, struct http_peer, link);
		if (memcmp(peer->key, key, sizeof key) != 0)
			continue;
		if (peer->count >= max)
			return NULL;
		peer->count++;
		return peer;
	}
	struct http_peer *peer = xcalloc(1, sizeof *peer);
	memcpy(peer->key, key, sizeof key);
	peer->count = 1;
	list_append(bucket, &peer->link);
	return peer;
}

void http_peer_remove(struct http_peer *peer)
{
	if (peer == NULL || --peer->count > 0)
		return;
	list_remove(&peer->link);
	xfree(peer);
}
