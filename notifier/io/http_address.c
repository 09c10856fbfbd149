/* Which addresses are on the public Internet.  RFC 6890's special purpose registries (IANA, read
 * 2024) and what is worse: prefixes that smuggle an IPv4 address inside an IPv6 one are refused
 * whole, because where the packet ends is then decided by a gateway that we do not know. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "notifier/io/http_client.h"

struct prefix {
	unsigned char bytes[16];
	unsigned bits;
};

static const struct prefix special4[] = {
    {{0}, 8},             /* this network; 0.0.0.0 reaches loopback on Linux */
    {{10}, 8},            /* private (RFC 1918) */
    {{100, 64}, 10},      /* carrier-grade NAT (RFC 6598); cloud metadata of some */
    {{127}, 8},           /* loopback */
    {{169, 254}, 16},     /* link-local; cloud metadata */
    {{172, 16}, 12},      /* private */
    {{192, 0, 0}, 24},    /* protocol assignments */
    {{192, 0, 2}, 24},    /* documentation */
    {{192, 88, 99}, 24},  /* 6to4 relay anycast */
    {{192, 168}, 16},     /* private */
    {{198, 18}, 15},      /* benchmarks */
    {{198, 51, 100}, 24}, /* documentation */
    {{203, 0, 113}, 24},  /* documentation */
    {{224}, 4},           /* multicast */
    {{240}, 4},           /* reserved, broadcast */
};

/* Only 2000::/3 is global unicast: ::1, ::ffff:0:0/96 (mapped IPv4), 64:ff9b::/96 (NAT64),
 * 100::/64, 5f00::/16, fc00::/7, fe80::/10 and ff00::/8 lie outside of it.  These are the
 * exceptions inside. */
static const struct prefix special6[] = {
    {{0x20, 0x01}, 23},             /* protocol assignments: Teredo, ORCHID, benchmarks */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x20, 0x02}, 16},             /* 6to4 carries an IPv4 address */
    {{0x3f, 0xff}, 20},             /* documentation (RFC 9637) */
};
static const struct prefix global6 = {{0x20}, 3};

static bool prefix_holds(const struct prefix *prefix, const unsigned char *address)
{
	unsigned whole = prefix->bits / 8, rest = prefix->bits % 8;
	if (memcmp(prefix->bytes, address, whole) != 0)
		return false;
	unsigned char mask = (unsigned char)(0xff00u >> rest);
	return rest == 0 || ((prefix->bytes[whole] ^ address[whole]) & mask) == 0;
}

static bool is_listed(const struct prefix *table, size_t count, const unsigned char *address)
{
	for (size_t i = 0; i < count; i++)
		if (prefix_holds(&table[i], address))
			return true;
	return false;
}

bool http_address_is_public(const struct sockaddr *address)
{
	unsigned char bytes[16];
	if (address->sa_family == AF_INET) {
		memcpy(bytes, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
		return !is_listed(special4, sizeof special4 / sizeof *special4, bytes);
	}
	if (address->sa_family == AF_INET6) {
		memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
		return prefix_holds(&global6, bytes) &&
		       !is_listed(special6, sizeof special6 / sizeof *special6, bytes);
	}
	return false;
}
