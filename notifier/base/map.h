/* A map from text to pointers that only grows: interned names, counters by key.
 * Invariant: a value, once put, stays; key copies live as long as the map, so that a key handed
 * out may be kept.  slots[0 … count - 1] are in the order of their first puts and keep their
 * numbers: a walk may be left off at a number and taken up again later, whatever was put since.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H
#include <stddef.h>
#include <stdint.h>

#include "notifier/base/str.h"

struct map_slot {
	char *key;
	void *value;
};

struct map { /* all zero = empty and ready */
	struct map_slot *slots;
	size_t count;
	uint32_t *places; /* where a key's hash leads: the number of its slot + 1; 0: free */
	size_t capacity;  /* of places: a power of two */
};

void *map_get(const struct map *map, struct str key); /* NULL: not there */
/* Puts or replaces; value is borrowed and may not be NULL.  Returns the map's copy of the key. */
const char *map_put(struct map *map, struct str key, void *value);
void map_free(struct map *map); /* the values are the owner's; leaves it empty and usable */

#define MAP_FOREACH(slot, map)                                                                     \
	for (struct map_slot *slot = (map)->slots; slot && slot != (map)->slots + (map)->count;    \
	     slot++)
#endif
