#include "notifier/base/map.h"

#include <stdint.h>
#include <string.h>

#include "notifier/base/err.h"
#include "notifier/base/mem.h"

#define MAP_FIRST_CAPACITY 32 /* a power of two, as every capacity */

/* The slot that holds key, or the free one where it belongs. */
static struct map_slot *map_slot_of(const struct map *map, struct str key)
{
	size_t at = (size_t)fnv1a64(key.at, key.len) & (map->capacity - 1);
	while (map->slots[at].key) {
		const char *have = map->slots[at].key;
		if (strlen(have) == key.len && memcmp(have, key.at, key.len) == 0)
			break;
		at = (at + 1) & (map->capacity - 1);
	}
	return &map->slots[at];
}

static void map_grow(struct map *map)
{
	struct map old = *map;
	map->capacity = old.capacity ? old.capacity * 2 : MAP_FIRST_CAPACITY;
	map->slots = xcalloc(map->capacity, sizeof *map->slots);
	MAP_FOREACH(slot, &old)
	*map_slot_of(map, str_of(slot->key)) = *slot;
	xfree(old.slots);
}

void *map_get(const struct map *map, struct str key)
{
	if (map->count == 0 || key.len == 0)
		return NULL;
	return map_slot_of(map, key)->value;
}

const char *map_put(struct map *map, struct str key, void *value)
{
	must(value && key.len > 0 && !memchr(key.at, 0, key.len));
	if ((map->count + 1) * 4 > map->capacity * 3)
		map_grow(map);
	struct map_slot *slot = map_slot_of(map, key);
	if (!slot->key) {
		slot->key = xstrndup(key.at, key.len);
		map->count++;
	}
	slot->value = value;
	return slot->key;
}

void map_free(struct map *map)
{
	MAP_FOREACH(slot, map)
	xfree(slot->key);
	xfree(map->slots);
	*map = (struct map){0};
}
