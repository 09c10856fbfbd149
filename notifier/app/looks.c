#include "notifier/app/looks.h"

#include <string.h>

#include "notifier/base/mem.h"
#include "notifier/base/str.h"
#include "notifier/base/when.h"

struct look {
	uint32_t tag;    /* of the parcel: the part of its hash that is not the slot */
	uint32_t unix_s; /* 0: free */
};

struct looks {
	struct look slots[LOOKS_SLOTS];
};

struct looks *looks_new(void)
{
	return xcalloc(1, sizeof(struct looks));
}

void looks_free(struct looks **looks)
{
	xfree(*looks);
	*looks = NULL;
}

static uint64_t hash_of(const char *id)
{
	uint64_t hash = fnv1a64(id, strlen(id));
	return (hash ^ hash >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
}

void looks_put(struct looks *looks, const char *id, int64_t now_ms)
{
	uint64_t hash = hash_of(id);
	looks->slots[hash % LOOKS_SLOTS] =
	    (struct look){(uint32_t)(hash >> 32), (uint32_t)(now_ms / SECOND_MS)};
}

int64_t looks_get(const struct looks *looks, const char *id)
{
	uint64_t hash = hash_of(id);
	const struct look *look = &looks->slots[hash % LOOKS_SLOTS];
	return look->tag == (uint32_t)(hash >> 32) ? (int64_t)look->unix_s * SECOND_MS : 0;
}
