#include "notifier/app/simulate_traces.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "notifier/app/csv.h"
#include "notifier/base/map.h"
#include "notifier/base/mem.h"
#include "notifier/base/when.h"

/* The trace's kinds, and what each is worth to know. */
static const struct {
	const char *name;
	enum hazard_news news;
} kind_rows[] = {
    {"first_scan", HAZARD_NEWS_FIRST_SCAN},
    {"scan", HAZARD_NEWS_SCAN},
    {"dest_scan", HAZARD_NEWS_SCAN},
    {"ofd", HAZARD_NEWS_OUT_FOR_DELIVERY},
    {"delivered", HAZARD_NEWS_DELIVERED},
    {"attempt_failed", HAZARD_NEWS_ATTEMPT_FAILED},
    {"pickup_ready", HAZARD_NEWS_PICKUP_READY},
    {"exception", HAZARD_NEWS_EXCEPTION},
    {"cleared", HAZARD_NEWS_CLEARED},
    {"collected", HAZARD_NEWS_COLLECTED},
    {"returning", HAZARD_NEWS_RETURNING},
    {"returned", HAZARD_NEWS_RETURNED},
};

struct reader {
	struct traces *traces;
	struct map carriers, parcels; /* name → trace_carrier, id → index + 1 (as a pointer) */
	size_t capacity;
	struct err *err;
};

static char *copy(const struct reader *reader, struct str text)
{
	return arena_strndup(reader->traces->arena, text.at ? text.at : "", text.len);
}

static bool unusable(const struct reader *reader, const struct csv *csv, const char *what)
{
	return err_set(
	    reader->err, ERR_INPUT, "traces, line %ld: unusable %s", csv_line(csv), what);
}

static bool seconds_read(struct str text, int64_t *ms)
{
	int64_t seconds;
	if (!str_to_int64(text, &seconds) || llabs(seconds) > INT64_MAX / 4000)
		return false;
	*ms = seconds * SECOND_MS;
	return true;
}

/* --- quotas ----------------------------------------------------------------------------------- */

static bool quota_row(struct reader *reader, const struct csv *csv, const int *columns)
{
	struct traces *traces = reader->traces;
	if (traces->carrier_count == HAZARD_CLASSES_MAX)
		return unusable(reader, csv, "carrier: too many of them");
	char *per_day = copy(reader, csv_field(csv, columns[1]));
	char *per_second = copy(reader, csv_field(csv, columns[2]));
	double rate = strtod(per_second, NULL);
	struct trace_carrier *carrier = &traces->carriers[traces->carrier_count++];
	*carrier = (struct trace_carrier){
	    .name = copy(reader, csv_field(csv, columns[0])),
	    .calls_per_day = strtod(per_day, NULL),
	    .calls_per_second = rate >= 1000 ? 1000
	                        : rate >= 1  ? (int)rate
	                                     : 1,
	};
	if (!*carrier->name || !(carrier->calls_per_day >= 0 && carrier->calls_per_day < 1e12))
		return unusable(reader, csv, "carrier or quota");
	map_put(&reader->carriers, str_of(carrier->name), carrier);
	return true;
}

/* --- parcels ---------------------------------------------------------------------------------- */

static bool parcel_row(struct reader *reader, const struct csv *csv, const int *columns)
{
	struct traces *traces = reader->traces;
	struct trace_carrier *carrier = map_get(&reader->carriers, csv_field(csv, columns[1]));
	int64_t offset_min;
	struct trace_parcel parcel = {.id = copy(reader, csv_field(csv, columns[0])),
	    .service = copy(reader, csv_field(csv, columns[2]))};
	if (!carrier || !*parcel.id)
		return unusable(reader, csv, "carrier (no quota for it) or id");
	if (!str_to_int64(csv_field(csv, columns[3]), &offset_min) || llabs(offset_min) > 24 * 60)
		return unusable(reader, csv, "tz_offset_min");
	if (!seconds_read(csv_field(csv, columns[4]), &parcel.registered_ms))
		return unusable(reader, csv, "registered_at");
	parcel.carrier = (size_t)(carrier - traces->carriers);
	parcel.offset_s = (int)offset_min * 60;
	if (traces->parcel_count == reader->capacity) {
		reader->capacity = reader->capacity ? reader->capacity * 2 : 1024;
		traces->parcels =
		    xrealloc_array(traces->parcels, reader->capacity, sizeof *traces->parcels);
	}
	traces->parcels[traces->parcel_count++] = parcel;
	return true;
}

static int parcel_compare(const void *a, const void *b)
{
	const struct trace_parcel *one = a, *two = b;
	if (one->registered_ms != two->registered_ms)
		return one->registered_ms < two->registered_ms ? -1 : 1;
	return strcmp(one->id, two->id);
}

static void parcels_index(struct reader *reader)
{
	struct traces *traces = reader->traces;
	if (traces->parcel_count)
		qsort(
		    traces->parcels, traces->parcel_count, sizeof *traces->parcels, parcel_compare);
	for (size_t i = 0; i < traces->parcel_count; i++)
		map_put(&reader->parcels, str_of(traces->parcels[i].id), &traces->parcels[i]);
}

/* --- events ----------------------------------------------------------------------------------- */

static bool kind_read(struct str kind, struct trace_event *event)
{
	for (size_t i = 0; i < sizeof kind_rows / sizeof kind_rows[0]; i++) {
		if (str_eq(kind, kind_rows[i].name)) {
			event->news = kind_rows[i].news;
			event->at_destination = str_eq(kind, "dest_scan");
			return true;
		}
	}
	return false;
}

static bool event_row(struct reader *reader, const struct csv *csv, const int *columns)
{
	struct trace_parcel *parcel = map_get(&reader->parcels, csv_field(csv, columns[0]));
	struct trace_event event = {.eta_day = HAZARD_DAY_NONE};
	struct str eta = csv_field(csv, columns[5]), window = csv_field(csv, columns[6]);
	if (!parcel)
		return true; /* of a parcel that nobody registered */
	if (!seconds_read(csv_field(csv, columns[1]), &event.event_ms) ||
	    !seconds_read(csv_field(csv, columns[2]), &event.visible_ms))
		return unusable(reader, csv, "event_at or visible_at");
	if (!status_parse(csv_field(csv, columns[3]), &event.status) ||
	    !kind_read(csv_field(csv, columns[4]), &event))
		return unusable(reader, csv, "status or kind");
	if ((eta.len && !day_parse(eta, &event.eta_day)) ||
	    (window.len && !seconds_read(window, &event.window_ms)))
		return unusable(reader, csv, "eta_date or window_start");
	if (event.visible_ms >= reader->traces->stop_ms)
		return true; /* the future */
	if (parcel->count == parcel->capacity) {
		parcel->capacity = parcel->capacity ? parcel->capacity * 2 : 8;
		parcel->events =
		    xrealloc_array(parcel->events, parcel->capacity, sizeof *parcel->events);
	}
	size_t at = parcel->count++; /* in order, but for carriers that show events out of order */
	for (; at > 0 && parcel->events[at - 1].visible_ms > event.visible_ms; at--)
		parcel->events[at] = parcel->events[at - 1];
	parcel->events[at] = event;
	return true;
}

/* --- files ------------------------------------------------------------------------------------ */

static char *table_path(const char *directory, const char *name)
{
	char *path = xasprintf("%s/%s", directory, name);
	if (access(path, R_OK) == 0)
		return path;
	xfree(path);
	return xasprintf("%s/%s.gz", directory, name);
}

static bool table_read(struct reader *reader, const char *path, const char *const *names,
    size_t count, bool (*row)(struct reader *, const struct csv *, const int *))
{
	int columns[8];
	must(count <= sizeof columns / sizeof columns[0]);
	struct csv *csv = csv_open(path, reader->err);
	if (!csv)
		return false;
	bool done = csv_columns(csv, names, count, columns, reader->err);
	while (done && csv_next(csv, reader->err))
		done = row(reader, csv, columns);
	done = done && reader->err->kind == ERR_NONE;
	if (!done)
		err_prefix(reader->err, "%s", path);
	csv_close(&csv);
	return done;
}

static bool window_read(struct reader *reader, const char *path)
{
	json_error_t error;
	json_t *window = json_load_file(path, 0, &error);
	if (!window)
		return err_set(reader->err, ERR_INPUT, "%s: %s", path, error.text);
	json_int_t start = 0, stop = 0;
	int bad = json_unpack(window, "{s:I, s:I}", "start", &start, "stop", &stop);
	json_decref(window);
	if (bad || start < 0 || stop < start || stop > INT64_MAX / 4000)
		return err_set(reader->err, ERR_INPUT, "%s: start and stop expected", path);
	reader->traces->start_ms = start * SECOND_MS;
	reader->traces->stop_ms = stop * SECOND_MS;
	return true;
}

bool traces_read(struct traces *traces, const char *directory, const char *quotas, struct err *err)
{
	static const char *const quota_columns[] = {"carrier", "calls_per_day", "calls_per_second"};
	static const char *const parcel_columns[] = {
	    "shipment_id", "carrier", "service", "tz_offset_min", "registered_at"};
	static const char *const event_columns[] = {
	    "shipment_id", "event_at", "visible_at", "status", "kind", "eta_date", "window_start"};
	struct reader reader = {.traces = traces, .err = err};
	*traces = (struct traces){.arena = arena_new()};
	traces->carriers = xcalloc(HAZARD_CLASSES_MAX, sizeof *traces->carriers);
	char *window = xasprintf("%s/window.json", directory);
	char *quota_path = quotas ? xstrdup(quotas) : table_path(directory, "quotas.csv");
	char *parcel_path = table_path(directory, "shipments.csv");
	char *event_path = table_path(directory, "events.csv");
	bool done = window_read(&reader, window) &&
	            table_read(&reader, quota_path, quota_columns, 3, quota_row) &&
	            table_read(&reader, parcel_path, parcel_columns, 5, parcel_row);
	if (done) {
		parcels_index(&reader);
		done = table_read(&reader, event_path, event_columns, 7, event_row);
	}
	map_free(&reader.carriers);
	map_free(&reader.parcels);
	xfree(window);
	xfree(quota_path);
	xfree(parcel_path);
	xfree(event_path);
	return done;
}

void traces_free(struct traces *traces)
{
	for (size_t i = 0; i < traces->parcel_count; i++)
		xfree(traces->parcels[i].events);
	xfree(traces->parcels);
	xfree(traces->carriers);
	arena_free(&traces->arena);
}
