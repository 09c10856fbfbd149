/* Traces for `notifier simulate polling`: what carriers knew and when they showed it.
 * Invariant: a parcel's events are in the order in which they became visible.
 */
#ifndef APP_SIMULATE_TRACES_H
#define APP_SIMULATE_TRACES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notifier/base/err.h"
#include "notifier/core/hazard.h"
#include "notifier/core/status.h"

struct trace_event {
	int64_t event_ms, visible_ms;
	enum status status;
	enum hazard_news news;
	bool at_destination; /* this scan was made at the last facility */
	int32_t eta_day;     /* HAZARD_DAY_NONE: this event states none */
	int64_t window_ms;   /* 0: none */
};

struct trace_parcel {
	const char *id, *service;
	size_t carrier;
	int offset_s;
	int64_t registered_ms;
	struct trace_event *events;
	size_t count, capacity;
};

struct trace_carrier {
	const char *name;
	double calls_per_day;
	int calls_per_second;
};

struct traces {
	struct arena *arena; /* owns the names */
	struct trace_carrier *carriers;
	size_t carrier_count;
	struct trace_parcel *parcels; /* by registration */
	size_t parcel_count;
	int64_t start_ms, stop_ms;
};

/* Reads DIR/shipments.csv, events.csv (or .csv.gz), window.json and the quotas (NULL:
 * DIR/quotas.csv).  On failure traces is still to be freed. */
CHECK_RESULT bool traces_read(
    struct traces *traces, const char *directory, const char *quotas, struct err *err);
void traces_free(struct traces *traces);
#endif
