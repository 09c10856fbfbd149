#include "notifier/core/last_stop.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/base/map.h"
#include "notifier/base/mem.h"
#include "notifier/core/learned.h"

#define KEY_BYTES    64
#define WORDS_BYTES  256
#define HASH_BITS    31
#define HASH_MASK    ((INT64_C(1) << HASH_BITS) - 1)
#define SEEN_NEEDED  8.0
#define SHARE_NEEDED 0.7
#define SEEN_STORED  3.0 /* scans seen less often are not stored */
#define SEEN_FULL    256.0
#define AREA_LETTERS 2 /* of a postcode: what one depot serves */

enum { SEEN, LAST, SUMS };

struct scan_count {
	double sums[SUMS];
	struct learned learned;
};

struct last_stop_model {
	struct map scans; /* "carrier|hash" → struct scan_count */
	unsigned load;    /* number of the load, for learned.seen */
	bool is_full;     /* of scans that are worth keeping */
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
	{
		struct scan_count *scan = slot->value;
		learned_free(&scan->learned);
		xfree(scan);
	}
	map_free(&(*model)->scans);
	xfree(*model);
	*model = NULL;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	uint64_t parts[2] = {hash, text ? fnv1a64(text, strlen(text)) : 0};
	return fnv1a64(parts, sizeof parts);
}

/* Without figures: a time or a van's number makes no other kind of scan. */
static uint64_t hash_words(uint64_t hash, const char *text)
{
	char words[WORDS_BYTES];
	size_t used = 0;
	for (; text && *text && used + 1 < sizeof words; text++)
		if (*text < '0' || *text > '9')
			words[used++] = *text;
	words[used] = 0;
	return hash_text(hash, words);
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
	uint64_t words = hash_words(code, checkpoint->description);
	return hash_end(place) << HASH_BITS | hash_end(words);
}

static const char *scan_key(char out[KEY_BYTES], const char *carrier, int64_t hash)
{
	char name[40];
	text_clean(name, sizeof name, carrier ? carrier : "");
	snprintf(out, KEY_BYTES, "%s|%08" PRIx64, name, (uint64_t)hash);
	return out;
}

static bool is_stored(const struct scan_count *scan)
{
	return scan->sums[SEEN] >= SEEN_STORED;
}

/* What was seen once or twice may never come again: it is not stored either.  A walk that is under
 * way may miss scans then. */
static void forget_rare(struct last_stop_model *model)
{
	struct map kept = {0};
	MAP_FOREACH(slot, &model->scans)
	{
		struct scan_count *scan = slot->value;
		if (is_stored(scan)) {
			map_put(&kept, str_of(slot->key), scan);
		} else {
			learned_free(&scan->learned);
			xfree(scan);
		}
	}
	map_free(&model->scans);
	model->scans = kept;
	model->is_full = kept.count >= LAST_STOP_SCANS_MAX;
}

static struct scan_count *scan_make(struct last_stop_model *model, const char *key)
{
	struct scan_count *scan = map_get(&model->scans, str_of(key));
	if (scan == NULL && model->scans.count >= LAST_STOP_SCANS_MAX && !model->is_full)
		forget_rare(model);
	if (scan != NULL || model->scans.count >= LAST_STOP_SCANS_MAX)
		return scan;
	scan = xcalloc(1, sizeof *scan);
	map_put(&model->scans, str_of(key), scan);
	return scan;
}

static void count(struct last_stop_model *model, const char *key, bool was_last)
{
	struct scan_count *scan = scan_make(model, key);
	if (scan == NULL)
		return;
	learned_touch(&scan->learned, scan->sums, SUMS);
	if (scan->sums[SEEN] >= SEEN_FULL) {
		scan->sums[SEEN] /= 2;
		scan->sums[LAST] /= 2;
		learned_scale(&scan->learned, SUMS, 0.5);
	}
	scan->sums[SEEN] += 1;
	scan->sums[LAST] += was_last ? 1 : 0;
}

void last_stop_learn(
    struct last_stop_model *model, const char *carrier, int64_t scan, bool was_last)
{
	char key[KEY_BYTES];
	count(model, scan_key(key, carrier, scan >> HASH_BITS), was_last);
	count(model, scan_key(key, carrier, scan & HASH_MASK), was_last);
}

static bool is_believed(const struct scan_count *scan)
{
	return scan->sums[SEEN] >= SEEN_NEEDED &&
	       scan->sums[LAST] >= SHARE_NEEDED * scan->sums[SEEN];
}

static bool is_known_last(const struct last_stop_model *model, const char *carrier, int64_t hash)
{
	char key[KEY_BYTES];
	const struct scan_count *scan =
	    map_get(&model->scans, str_of(scan_key(key, carrier, hash)));
	return scan != NULL && is_believed(scan);
}

bool last_stop_is(const struct last_stop_model *model, const char *carrier, int64_t scan)
{
	return is_known_last(model, carrier, scan >> HASH_BITS) ||
	       is_known_last(model, carrier, scan & HASH_MASK);
}

/* --- storing ---------------------------------------------------------------------------------- */

static void scan_put(const char *key, const struct scan_count *scan,
    void (*put)(void *arg, const char *key, const char *value), void *arg)
{
	char text[80];
	snprintf(text, sizeof text, "%d %.17g %.17g", LAST_STOP_MODEL_VERSION, scan->sums[SEEN],
	    scan->sums[LAST]);
	put(arg, key, text);
}

bool last_stop_export_next(const struct last_stop_model *model, size_t *at,
    void (*put)(void *arg, const char *key, const char *value), void *arg)
{
	if (*at >= model->scans.count)
		return false;
	const struct map_slot *slot = &model->scans.slots[(*at)++];
	const struct scan_count *scan = slot->value;
	if (is_stored(scan))
		scan_put(slot->key, scan, put, arg);
	return true;
}

size_t last_stop_export_pending(struct last_stop_model *model, size_t most,
    void (*put)(void *arg, const char *key, const char *value), void *arg)
{
	size_t sent = 0;
	MAP_FOREACH(slot, &model->scans)
	{
		struct scan_count *scan = slot->value;
		if (sent == most || !is_stored(scan) ||
		    !learned_is_pending(&scan->learned, scan->sums, SUMS))
			continue;
		learned_send(&scan->learned, scan->sums, SUMS);
		scan_put(slot->key, scan, put, arg);
		sent++;
	}
	return sent;
}

void last_stop_settle(struct last_stop_model *model, bool is_stored)
{
	MAP_FOREACH(slot, &model->scans)
	{
		struct scan_count *scan = slot->value;
		learned_settle(&scan->learned, scan->sums, SUMS, is_stored);
	}
}

void last_stop_import_begin(struct last_stop_model *model)
{
	model->load++;
}

static bool sums_read(const char *at, double sums[SUMS])
{
	char *end;
	for (int i = 0; i < SUMS; i++, at = end) {
		sums[i] = strtod(at, &end);
		if (end == at || !(sums[i] >= 0 && sums[i] < 1e9))
			return false;
	}
	return *at == 0 && sums[LAST] <= sums[SEEN];
}

bool last_stop_import(
    struct last_stop_model *model, const char *key, const char *value, struct err *err)
{
	char *at;
	double read[SUMS];
	long version = strtol(value, &at, 10);
	if (at == value || version != LAST_STOP_MODEL_VERSION)
		return err_set(err, ERR_INPUT,
		    "last stop model, %s: not of version %d; reset it to learn anew", key,
		    LAST_STOP_MODEL_VERSION);
	if (strchr(key, '|') == NULL || strlen(key) >= KEY_BYTES || !sums_read(at, read))
		return err_set(err, ERR_INPUT, "last stop model, %s: damaged", key);
	struct scan_count *scan = scan_make(model, key);
	if (scan == NULL)
		return true; /* several workers know more scans than one keeps */
	learned_merge(&scan->learned, scan->sums, read, SUMS);
	scan->learned.seen = model->load;
	return true;
}

void last_stop_import_end(struct last_stop_model *model, bool is_whole)
{
	static const double none[SUMS];
	MAP_FOREACH(slot, &model->scans)
	{
		struct scan_count *scan = slot->value;
		if (is_whole && scan->learned.seen != model->load)
			learned_merge(&scan->learned, scan->sums, none, SUMS);
	}
}

void last_stop_reset(struct last_stop_model *model, const char *carrier)
{
	model->is_full = false;
	size_t len = carrier ? strlen(carrier) : 0;
	MAP_FOREACH(slot, &model->scans)
	{
		struct scan_count *scan = slot->value;
		if (carrier && (strncmp(slot->key, carrier, len) != 0 || slot->key[len] != '|'))
			continue;
		learned_free(&scan->learned);
		memset(scan->sums, 0, sizeof scan->sums);
	}
}

size_t last_stop_entries(const struct last_stop_model *model)
{
	size_t entries = 0;
	MAP_FOREACH(slot, &model->scans)
	{
		const struct scan_count *scan = slot->value;
		entries += scan->sums[SEEN] > 0;
	}
	return entries;
}

void last_stop_each(
    const struct last_stop_model *model, void (*visit)(void *arg, const char *carrier), void *arg)
{
	char carrier[KEY_BYTES];
	MAP_FOREACH(slot, &model->scans)
	{
		if (!is_believed(slot->value))
			continue;
		snprintf(carrier, sizeof carrier, "%.*s", (int)strcspn(slot->key, "|"), slot->key);
		visit(arg, carrier);
	}
}
