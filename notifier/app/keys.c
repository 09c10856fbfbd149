#include "notifier/app/keys.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "notifier/io/loop.h"

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

unsigned key_partition(const char *account, const char *number)
{
	uint64_t hash = fnv1a64(account, strlen(account) + 1); /* the NUL separates the two */
	for (const char *p = number; *p != '\0'; p++)
		if (*p != ' ')
			hash = (hash ^ (unsigned char)upper(*p)) * 1099511628211ULL;
	return (unsigned)((hash ^ hash >> 32) % PARTITIONS);
}

int key_partition_of_id(const char *id)
{
	unsigned char partition;
	if (strncmp(id, "shp_", 4) != 0 && strncmp(id, "msg_", 4) != 0)
		return -1;
	size_t len = strlen(id);
	if (len < 10 || len >= ID_BYTES || !hex_decode(&partition, 1, str_make(id + 4, 2)))
		return -1;
	for (const char *p = id + 6; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= '2' && *p <= '7')))
			return -1;
	return partition < PARTITIONS ? partition : -1;
}

static void id_print(char out[ID_BYTES], const char *prefix, unsigned partition, const void *bytes)
{
	char digits[24];
	base32_encode(digits, sizeof digits, bytes, 9);
	snprintf(out, ID_BYTES, "%s%02x%.14s", prefix, partition, digits);
}

void key_new_shipment_id(char out[ID_BYTES], unsigned partition)
{
	unsigned char random[9];
	loop_random(random, sizeof random);
	id_print(out, "shp_", partition, random);
}

void key_message_id(char out[ID_BYTES], unsigned partition, const struct message_identity *identity)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char text[1024];
	int len = snprintf(text, sizeof text, "v1|%s|%s|%s|%lld|%s|%s", identity->account,
	    identity->shipment_id, identity->event, (long long)identity->sequence,
	    identity->recipient_id, identity->channel);
	size_t used = len < 0 ? 0 : (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
	SHA256((const unsigned char *)text, used, digest);
	id_print(out, "msg_", partition, digest);
}

void key_sha256_hex(char out[65], const void *bytes, size_t len)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	SHA256(bytes, len, digest);
	hex_encode(out, digest, sizeof digest);
}

struct str key_of(struct arena *arena, unsigned partition, const char *name)
{
	return str_of(arena_printf(arena, "n:{p%02x}:%s", partition, name));
}

struct str key_with(struct arena *arena, unsigned partition, const char *name, const char *rest)
{
	return str_of(arena_printf(arena, "n:{p%02x}:%s:%s", partition, name, rest));
}

struct str key_of_number(struct arena *arena, unsigned partition, const char *name,
    const char *account, const char *number)
{
	char *plain = arena_alloc(arena, strlen(number) + 1);
	size_t used = 0;
	for (const char *p = number; *p != '\0'; p++)
		if (*p != ' ')
			plain[used++] = upper(*p);
	return key_with2(arena, partition, name, account, plain);
}

struct str key_with2(struct arena *arena, unsigned partition, const char *name, const char *account,
    const char *number)
{
	return str_of(arena_printf(arena, "n:{p%02x}:%s:%s:%s", partition, name, account, number));
}
