#include "notifier/core/detect_internal.h"

#include <string.h>

/* 1. Offset given: exact.  2. The carrier's zone, else the destination's.  3. UTC, and in doubt.
 * A date without an hour is in doubt as well: it may be any hour of that day. */
static void scan_locate(struct scan *scan, const struct detect_context *context)
{
	struct when when;
	if (scan->checkpoint->time == NULL || !when_parse(str_of(scan->checkpoint->time), &when))
		return;
	const struct zone *zone = context->carrier_zone ?: context->destination_zone;
	scan->approximate = !when.has_offset && (zone == NULL || !when.has_time);
	scan->at_ms = when.has_offset ? when_instant(&when, 0) : zone_instant(zone, &when.civil);
}

/* A step of splitmix64 over what was hashed so far and one value more. */
static uint64_t hash_add(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) + UINT64_C(0x9e3779b97f4a7c15);
	hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
	return hash ^ hash >> 31;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	return hash_add(hash, text ? fnv1a64(text, strlen(text)) : 0);
}

/* Of the 40 bits that are kept, the upper 24 tell the scan (together with its instant), the lower
 * 16 its words; so a translated description is seen to be no news.  Names, not enum values:
 * fingerprints outlive releases. */
static uint64_t scan_fingerprint(const struct scan *scan)
{
	const struct checkpoint *checkpoint = scan->checkpoint;
	uint64_t fact = hash_add(0, (uint64_t)scan->at_ms);
	fact = hash_text(fact, status_name(checkpoint->status));
	fact = hash_text(fact, reason_name(checkpoint->reason));
	fact = hash_text(fact, checkpoint->code);
	uint64_t words = hash_text(hash_text(0, checkpoint->place), checkpoint->description);
	return (fact >> 40 << 16 | words >> 48) & SHIPMENT_FINGERPRINT_MASK;
}

static bool is_same_fact(const struct scan *scan, uint64_t fingerprint, int64_t at_ms)
{
	return scan->at_ms == at_ms && scan->fingerprint >> 16 == fingerprint >> 16;
}

static enum novelty novelty_against(const struct scan *scan, uint64_t fingerprint, int64_t at_ms)
{
	if (!is_same_fact(scan, fingerprint, at_ms))
		return SCAN_NEW;
	return scan->fingerprint == fingerprint ? SCAN_KNOWN : SCAN_REWORDED;
}

static enum novelty lesser(enum novelty a, enum novelty b)
{
	return a < b ? a : b;
}

/* Against the memory, and against the scans of the same instant that stand before it. */
static enum novelty scan_novelty(const struct detection *detection, size_t i)
{
	const struct shipment *shipment = detection->shipment;
	const struct scan *scans = detection->scans, *scan = &scans[i];
	if (scan->at_ms == 0)
		return SCAN_KNOWN;
	enum novelty novelty = scan->at_ms <= shipment->seen_floor_ms ? SCAN_KNOWN : SCAN_NEW;
	for (size_t j = 0; j < shipment->seen_count; j++)
		novelty =
		    lesser(novelty, novelty_against(scan, shipment->seen[j], shipment->seen_ms[j]));
	for (size_t j = i; j-- > 0 && scans[j].at_ms == scan->at_ms;)
		novelty =
		    lesser(novelty, novelty_against(scan, scans[j].fingerprint, scans[j].at_ms));
	return novelty;
}

/* Stable; reports arrive sorted but for zones, so this is one pass nearly always. */
static void sort_scans(struct scan *scans, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct scan scan = scans[i];
		size_t j = i;
		for (; j > 0 && scans[j - 1].at_ms > scan.at_ms; j--)
			scans[j] = scans[j - 1];
		scans[j] = scan;
	}
}

void detect_scan_place(struct detection *detection)
{
	const struct report *report = detection->report;
	size_t count = report->checkpoint_count;
	detection->scans = arena_array(detection->arena, count, sizeof *detection->scans);
	detection->scan_count = count;
	for (size_t i = 0; i < count; i++) {
		struct scan *scan = &detection->scans[i];
		scan->checkpoint = &report->checkpoints[i];
		scan_locate(scan, detection->context);
		scan->fingerprint = scan_fingerprint(scan);
	}
	sort_scans(detection->scans, count);
	for (size_t i = 0; i < count; i++)
		detection->scans[i].novelty = scan_novelty(detection, i);
}

struct scan *detect_scan_newest(const struct detection *detection)
{
	size_t count = detection->scan_count;
	struct scan *last = count > 0 ? &detection->scans[count - 1] : NULL;
	return last != NULL && last->at_ms != 0 ? last : NULL;
}

static size_t oldest_seen(const struct shipment *shipment)
{
	size_t oldest = 0;
	for (size_t i = 1; i < shipment->seen_count; i++)
		if (shipment->seen_ms[i] < shipment->seen_ms[oldest])
			oldest = i;
	return oldest;
}

static void raise_floor(struct shipment *shipment, int64_t at_ms)
{
	if (at_ms > shipment->seen_floor_ms)
		shipment->seen_floor_ms = at_ms;
}

static void remember(struct shipment *shipment, const struct scan *scan)
{
	size_t slot = shipment->seen_count;
	if (slot < SHIPMENT_SEEN_MAX) {
		shipment->seen_count++;
	} else {
		slot = oldest_seen(shipment);
		if (scan->at_ms < shipment->seen_ms[slot]) {
			raise_floor(shipment, scan->at_ms);
			return;
		}
		raise_floor(shipment, shipment->seen_ms[slot]);
	}
	shipment->seen[slot] = scan->fingerprint;
	shipment->seen_ms[slot] = scan->at_ms;
}

void detect_scan_remember(struct detection *detection)
{
	for (size_t i = 0; i < detection->scan_count; i++)
		if (detection->scans[i].novelty != SCAN_KNOWN)
			remember(detection->shipment, &detection->scans[i]);
}
