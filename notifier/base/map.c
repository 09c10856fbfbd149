#include "notifier/base/map.h"

#include <string.h>

#include "notifier/base/err.h"
#include "notifier/base/mem.h"

#define MAP_FIRST_CAPACITY 32 /* a power of two, as every capacity */

/* Three quarters of the places are ever taken. */
static size_t room(size_t capacity)
{
	return capacity / 4 * 3;
}

/* The place that leads to key, or the free one where it belongs. */
static uint32_t *place_of(const struct map *map, struct str key)
{
	size_t at = (size_t)fnv1a64(key.at, key.len) & (map->capacity - 1);
	for (; map->places[at] != 0; at = (at + 1) & (map->capacity - 1)) {
		const char *have = map->slots[map->places[at] - 1].key;
		if (strlen(have) == key.len && memcmp(have, key.at, key.len) == 0)
			break;
	}
	return &map->places[at];
}

static void map_grow(struct map *map)
{
	map->capacity = map->capacity ? map->capacity * 2 : MAP_FIRST_CAPACITY;
	must(map->capacity <= UINT32_MAX);
	map->slots = xrealloc(map->slots, room(map->capacity) * sizeof *map->slots);
	xfree(map->places);
	map->places = xcalloc(map->capacity, sizeof *map->places);
	for (size_t i = 0; i < map->count; i++)
		*place_of(map, str_of(map->slots[i].key)) = (uint32_t)i + 1;
}

void *map_get(const struct map *map, struct str key)
{
	if (map->count == 0 || key.len == 0)
		return NULL;
	uint32_t number = *place_of(map, key);
	return number != 0 ? map->slots[number - 1].value : NULL;
}

const char *map_put(struct map *map, struct str key, void *value)
{
	must(value && key.len > 0 && !memchr(key.at, 0, key.len));
	if (map->count == room(map->capacity))
		map_grow(map);
	uint32_t *place = place_of(map, key);
	if (*place == 0) {
		map->slots[map->count].key = xstrndup(key.at, key.len);
		*place = (uint32_t)++map->count;
	}
	struct map_slot *slot = &map->slots[*place - 1];
	slot->value = value;
	return slot->key;
}

void map_free(struct map *map)
{
	MAP_FOREACH(slot, map)
	xfree(slot->key);
	xfree(map->slots);
	xfree(map->places);
	*map = (struct map){0};
}
