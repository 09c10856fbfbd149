#include "notifier/core/last_stop.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "notifier/base/map.h"
#include "notifier/base/mem.h"

#define KEY_BYTES    64
#define HASH_BITS    31
#define HASH_MASK    ((INT64_C(1) << HASH_BITS) - 1)
#define SEEN_NEEDED  8.0
#define SHARE_NEEDED 0.7
#define SEEN_FULL    256.0
#define AREA_LETTERS 2 /* of a postcode: what one depot serves */

struct scan_count {
	double seen, last;
};

struct last_stop_model {
	struct map scans; /* "carrier|hash" → struct scan_count */
};

struct last_stop_model *last_stop_new(void)
{
	return xcalloc(1, sizeof(struct last_stop_model));
}

void last_stop_free(struct last_stop_model **model)
{
	if (!*model)
		return;
	MAP_FOREACH(slot, &(*model)->scans)
	xfree(slot->value);
	map_free(&(*model)->scans);
	xfree(*model);
	*model = NULL;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	uint64_t parts[2] = {hash, text ? fnv1a64(text, strlen(text)) : 0};
	return fnv1a64(parts, sizeof parts);
}

static int64_t hash_end(uint64_t hash)
{
	int64_t bits = (int64_t)((hash ^ hash >> HASH_BITS) & HASH_MASK);
	return bits ? bits : 1;
}

int64_t last_stop_scan(const struct shipment *shipment, const struct checkpoint *checkpoint)
{
	const struct address *to = &shipment->destination;
	char area[AREA_LETTERS + 1];
	snprintf(area, sizeof area, "%s", to->postcode ? to->postcode : "");
	uint64_t code = hash_text(0, checkpoint->code);
	uint64_t place = hash_text(hash_text(code, checkpoint->place), to->country);
	place = hash_text(hash_text(place, to->region), area);
	uint64_t words = hash_text(code, checkpoint->description);
	return hash_end(place) << HASH_BITS | hash_end(words);
}

static const char *scan_key(char out[KEY_BYTES], const char *carrier, int64_t hash)
{
	char name[40];
	text_clean(name, sizeof name, carrier ? carrier : "");
	snprintf(out, KEY_BYTES, "%s|%08" PRIx64, name, (uint64_t)hash);
	return out;
}

static void count(struct last_stop_model *model, const char *key, bool was_last)
{
	struct scan_count *scan = map_get(&model->scans, str_of(key));
	if (scan == NULL) {
		if (model->scans.count >= LAST_STOP_SCANS_MAX)
			return;
		scan = xcalloc(1, sizeof *scan);
		map_put(&model->scans, str_of(key), scan);
	}
	if (scan->seen >= SEEN_FULL) {
		scan->seen /= 2;
		scan->last /= 2;
	}
	scan->seen += 1;
	scan->last += was_last ? 1 : 0;
}

void last_stop_learn(
    struct last_stop_model *model, const char *carrier, int64_t scan, bool was_last)
{
	char key[KEY_BYTES];
	count(model, scan_key(key, carrier, scan >> HASH_BITS), was_last);
	count(model, scan_key(key, carrier, scan & HASH_MASK), was_last);
}

static bool is_known_last(const struct last_stop_model *model, const char *carrier, int64_t hash)
{
	char key[KEY_BYTES];
	const struct scan_count *scan =
	    map_get(&model->scans, str_of(scan_key(key, carrier, hash)));
	return scan != NULL && scan->seen >= SEEN_NEEDED && scan->last >= SHARE_NEEDED * scan->seen;
}

bool last_stop_is(const struct last_stop_model *model, const char *carrier, int64_t scan)
{
	return is_known_last(model, carrier, scan >> HASH_BITS) ||
	       is_known_last(model, carrier, scan & HASH_MASK);
}
