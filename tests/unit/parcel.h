/* A parcel under test: a shipment, what a carrier says about it, and which events came of that.
 * For the tests of detect; include it after cmocka.h.
 */
#ifndef TESTS_PARCEL_H
#define TESTS_PARCEL_H
#include <stdio.h>
#include <string.h>

#include "notifier/base/mem.h"
#include "notifier/core/detect.h"

/* Monday is 2 March 2026; the parcel lives in a zone of +02:00 and was promised for Thursday. */
static const struct zone home = {"Etc/Home", zone_fixed_offset_s, 2 * 3600};

struct parcel {
	struct arena *arena;
	struct shipment shipment;
	struct detect_context context;
	struct changes changes;
	char told[512]; /* names of the last events */
};

static inline int64_t at(const char *text)
{
	return moment_instant(text, &home, false);
}

static inline void parcel_open(struct parcel *parcel)
{
	memset(parcel, 0, sizeof *parcel);
	parcel->arena = arena_new();
	parcel->shipment.created_ms = at("2026-03-02T08:00:00");
	parcel->shipment.promised.to = "2026-03-05";
	parcel->context = (struct detect_context){.destination_zone = &home};
}

static inline void parcel_close(struct parcel *parcel)
{
	arena_free(&parcel->arena);
}

static inline void list_told(struct parcel *parcel)
{
	size_t used = 0;
	parcel->told[0] = '\0';
	for (size_t i = 0; i < parcel->changes.event_count; i++)
		used += (size_t)snprintf(parcel->told + used, sizeof parcel->told - used, "%s%s",
		    i > 0 ? " " : "", event_name(parcel->changes.events[i].kind));
}

static inline enum outcome hear(struct parcel *parcel, const char *now, const struct report *report)
{
	parcel->context.now_ms = at(now);
	detect(&parcel->shipment, report, &parcel->context, &parcel->changes, parcel->arena);
	list_told(parcel);
	assert_non_null(parcel->changes.why);
	return parcel->changes.outcome;
}

/* One checkpoint, as a webhook brings it; the carrier's field says the same. */
static inline enum outcome scan_at(struct parcel *parcel, const char *now, const char *time,
    enum status status, enum reason reason)
{
	struct checkpoint checkpoint = {.time = time, .status = status, .reason = reason};
	struct report report = {
	    .status = status, .reason = reason, .checkpoints = &checkpoint, .checkpoint_count = 1};
	return hear(parcel, now, &report);
}

static inline enum outcome scan(struct parcel *parcel, const char *time, enum status status)
{
	return scan_at(parcel, time, time, status, REASON_NONE);
}

static inline enum outcome estimate(struct parcel *parcel, const char *now, const char *to)
{
	struct report report = {.eta.to = to};
	return hear(parcel, now, &report);
}
#endif
