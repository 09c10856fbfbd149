/* History of shipments through core/delay, day by day: predictions at 00:00, handovers during the
 * day, and the close of the day when its deliveries are known. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/app/csv.h"
#include "notifier/app/options.h"
#include "notifier/app/simulate.h"
#include "notifier/base/mem.h"
#include "notifier/base/when.h"
#include "notifier/core/delay.h"
#include "notifier/core/delay_alert.h"

struct parcel {
	const char *id, *handed_over_at; /* in the arena */
	int64_t handed_over_ms, promised_ms,
	    delivered_ms;      /* delivered: NEVER_MS = not in the data */
	int32_t delivered_day; /* INT32_MAX = never */
	struct delay_trip trip;
	struct delay_watch watch;
	struct delay_eta eta; /* at handover; mass 0: its outcome is known */
};

struct replay {
	struct arena *arena;
	struct delay_model *model;
	struct delay_tuner tuner;
	struct delay_rule rule;
	bool want_eta, want_ticks;
	struct parcel *parcels;
	size_t count, capacity;
	size_t unusable; /* rows */
	struct buf line;
};

enum { ID, CARRIER_SERVICE, ORIGIN, DESTINATION, HANDED_OVER, PROMISED, DELIVERED, COLUMNS };
static const char *const column_names[COLUMNS] = {"id", "carrier_service", "origin", "destination",
    "handed_over_at", "promised_at", "delivered_at"};

/* --- reading ---------------------------------------------------------------------------------- */

static bool time_read(struct str text, int64_t *ms)
{
	struct when when;
	if (!when_parse(text, &when))
		return false;
	*ms = when_instant(&when, 0);
	return true;
}

static char *field_copy(struct replay *replay, struct str field)
{
	return arena_strndup(replay->arena, field.at ? field.at : "", field.len);
}

static bool parcel_read(
    struct replay *replay, const struct csv *csv, const int *columns, struct parcel *parcel)
{
	struct str delivered = csv_field(csv, columns[DELIVERED]);
	struct str handed_over = csv_field(csv, columns[HANDED_OVER]);
	if (!time_read(handed_over, &parcel->handed_over_ms) ||
	    !time_read(csv_field(csv, columns[PROMISED]), &parcel->promised_ms))
		return false;
	parcel->delivered_ms = NEVER_MS;
	parcel->delivered_day = INT32_MAX;
	if (delivered.len) {
		if (!time_read(delivered, &parcel->delivered_ms))
			return false;
		parcel->delivered_day = day_of_instant(parcel->delivered_ms, 0);
	}
	parcel->id = field_copy(replay, csv_field(csv, columns[ID]));
	parcel->handed_over_at = field_copy(replay, handed_over);
	parcel->trip = (struct delay_trip){
	    .place = delay_place(replay->model,
	        field_copy(replay, csv_field(csv, columns[CARRIER_SERVICE])), NULL,
	        field_copy(replay, csv_field(csv, columns[ORIGIN])),
	        field_copy(replay, csv_field(csv, columns[DESTINATION]))),
	    .handover_day = day_of_instant(parcel->handed_over_ms, 0),
	    .promised_day = day_of_instant(parcel->promised_ms, 0) - 1,
	};
	return parcel->delivered_ms >= parcel->handed_over_ms;
}

static bool file_read(struct replay *replay, const char *path, struct err *err)
{
	int columns[COLUMNS];
	struct csv *csv = csv_open(path, err);
	if (!csv)
		return false;
	bool done = csv_columns(csv, column_names, COLUMNS, columns, err);
	while (done && csv_next(csv, err)) {
		if (replay->count == replay->capacity) {
			replay->capacity = replay->capacity ? replay->capacity * 2 : 4096;
			replay->parcels = xrealloc_array(
			    replay->parcels, replay->capacity, sizeof *replay->parcels);
		}
		struct parcel *parcel = &replay->parcels[replay->count];
		memset(parcel, 0, sizeof *parcel);
		if (parcel_read(replay, csv, columns, parcel))
			replay->count++;
		else if (replay->unusable++ == 0)
			fprintf(stderr, "notifier simulate: %s:%ld: unusable times, row skipped\n",
			    path, csv_line(csv));
	}
	done = done && err->kind == ERR_NONE;
	csv_close(&csv);
	return done;
}

static int parcel_compare(const void *a, const void *b)
{
	const struct parcel *one = a, *two = b;
	if (one->handed_over_ms != two->handed_over_ms)
		return one->handed_over_ms < two->handed_over_ms ? -1 : 1;
	return strcmp(one->id, two->id);
}

/* --- printing --------------------------------------------------------------------------------- */

/* RFC 8259 string; the bytes above 0x7f pass as they came. */
static void add_json_text(struct buf *out, const char *text)
{
	buf_add_char(out, '"');
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20)
			buf_printf(out, "\\u%04x", (unsigned)*text);
		else
			buf_printf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	}
	buf_add_char(out, '"');
}

static void line_end(struct buf *line)
{
	buf_add_text(line, "}\n");
	fwrite(line->data, 1, line->size, stdout);
	buf_clear(line);
}

static void print_alert(struct buf *line, const struct parcel *parcel, const char *at, double p)
{
	buf_add_text(line, "{\"id\":");
	add_json_text(line, parcel->id);
	buf_add_text(line, ",\"alert_at\":");
	add_json_text(line, at);
	buf_printf(line, ",\"p_late\":%.6f", p);
	line_end(line);
}

static void print_tick(
    struct buf *line, const struct parcel *parcel, int32_t day, bool at_handover, double p)
{
	char date[WHEN_BYTES];
	day_format(date, day);
	buf_add_text(line, "{\"kind\":\"tick\",\"id\":");
	add_json_text(line, parcel->id);
	buf_printf(
	    line, ",\"day\":\"%s\",\"at_handover\":%d,\"p_late\":%.12f", date, at_handover, p);
	line_end(line);
}

static void print_eta(struct replay *replay, const struct parcel *parcel)
{
	char low[WHEN_BYTES], high[WHEN_BYTES], median[WHEN_BYTES];
	day_format(low, parcel->eta.low_day);
	day_format(high, parcel->eta.high_day);
	day_format(median, parcel->eta.median_day);
	buf_add_text(&replay->line, "{\"kind\":\"eta\",\"id\":");
	add_json_text(&replay->line, parcel->id);
	buf_add_text(&replay->line, ",\"at\":");
	add_json_text(&replay->line, parcel->handed_over_at);
	buf_printf(&replay->line, ",\"eta_lo\":\"%s\",\"eta_hi\":\"%s\",\"eta\":\"%s\"", low, high,
	    median);
	line_end(&replay->line);
}

/* --- replaying -------------------------------------------------------------------------------- */

static void parcel_tick(struct replay *replay, struct parcel *parcel, int32_t day, bool at_handover)
{
	if (day > parcel->trip.promised_day)
		return;
	double p = delay_p_late(replay->model, &parcel->trip, day);
	if (replay->want_ticks)
		print_tick(&replay->line, parcel, day, at_handover, p);
	struct delay_signs signs = {
	    .p_late = p,
	    .experience = delay_experience(replay->model, parcel->trip.place),
	    .day = day,
	    .handover_day = parcel->trip.handover_day,
	    .countdown_precision = delay_countdown_precision(replay->model, parcel->trip.place),
	    .promised_day = parcel->trip.promised_day,
	};
	if (delay_judge(&replay->rule, &replay->tuner, &parcel->watch, &signs) != DELAY_ALERT)
		return;
	char midnight[WHEN_BYTES];
	when_format_utc(midnight, day * DAY_MS);
	print_alert(&replay->line, parcel, at_handover ? parcel->handed_over_at : midnight, p);
}

static void eta_close(struct replay *replay, struct parcel *parcel, int32_t day)
{
	struct delay_eta *eta = &parcel->eta;
	bool is_delivered = parcel->delivered_day == day, has_failed = day > eta->high_day;
	if (eta->mass == 0 || !(is_delivered || has_failed))
		return;
	delay_on_eta(
	    replay->model, parcel->trip.place, day, eta->mass, !has_failed && day >= eta->low_day);
	eta->mass = 0;
}

/* The evening of day: teaches the model, and drops from `flight` what arrived or is too old. */
static size_t flight_close(struct replay *replay, struct parcel **flight, size_t count, int32_t day)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		struct parcel *parcel = flight[i];
		bool delivered = parcel->delivered_day == day;
		delay_on_day(replay->model, &parcel->trip, day, delivered);
		eta_close(replay, parcel, day);
		if (delivered && parcel->delivered_ms < parcel->promised_ms)
			delay_tuner_on_time(&replay->tuner, parcel->watch.highest_p, day);
		if (!delivered && day - parcel->trip.handover_day < DELAY_EXPIRE_DAYS)
			flight[kept++] = parcel;
	}
	delay_close_day(replay->model, day);
	return kept;
}

/* Runs until nothing is in flight: the days after the last row print the same as in a replay
 * that knows more shipments, as far as both go. */
static void replay_run(struct replay *replay)
{
	struct parcel **flight = xcalloc(replay->count, sizeof(struct parcel *));
	size_t in_flight = 0, next = 0;
	int32_t day = replay->count ? replay->parcels[0].trip.handover_day : 0;
	while (next < replay->count || in_flight > 0) {
		if (in_flight == 0 && replay->parcels[next].trip.handover_day > day) {
			day = replay->parcels[next].trip.handover_day;
			delay_close_day(replay->model, day - 1);
		}
		for (size_t i = 0; i < in_flight; i++)
			parcel_tick(replay, flight[i], day, false);
		for (; next < replay->count && replay->parcels[next].trip.handover_day == day;
		     next++) {
			struct parcel *parcel = &replay->parcels[next];
			flight[in_flight++] = parcel;
			delay_eta(replay->model, &parcel->trip, day, &parcel->eta);
			if (replay->want_eta)
				print_eta(replay, parcel);
			parcel_tick(replay, parcel, day, true);
		}
		in_flight = flight_close(replay, flight, in_flight, day);
		day++;
	}
	xfree(flight);
}

static int replay_files(struct replay *replay, char **paths, int files)
{
	struct err err = {0};
	for (int i = 0; i < files; i++)
		if (!file_read(replay, paths[i], &err))
			return options_failed("simulate delays", "%s", err.text);
	if (replay->count)
		qsort(replay->parcels, replay->count, sizeof *replay->parcels, parcel_compare);
	replay_run(replay);
	if (fflush(stdout) != 0 || ferror(stdout))
		return options_failed("simulate delays", "cannot write the output");
	return replay->unusable ? EXIT_FAILED : EXIT_DONE;
}

static void replay_free(struct replay *replay)
{
	xfree(replay->parcels);
	buf_free(&replay->line);
	delay_free(&replay->model);
	delay_tuner_free(&replay->tuner);
	arena_free(&replay->arena);
}

int simulate_delays(int argc, char **argv)
{
	struct replay replay = {.rule = DELAY_RULE_DEFAULT, .line = BUF_EMPTY(0)};
	const char *shipments = NULL, *rule = "two-zone";
	const struct options_row rows[] = {
	    {"--shipments", &shipments, NULL},
	    {"--rule", &rule, NULL},
	    {"--eta", NULL, &replay.want_eta},
	    {"--ticks", NULL, &replay.want_ticks},
	};
	struct err err = {0};
	int words;
	if (!options_parse(rows, sizeof rows / sizeof *rows, argc, argv, &words, &err) ||
	    !delay_rule_parse(&replay.rule, rule, &err))
		return options_usage("simulate", "delays: %s", err.text);
	if (!shipments)
		return options_usage("simulate", "delays: --shipments FILE.csv[.gz] is missing");
	replay.arena = arena_new();
	replay.model = delay_new();
	char **paths = xcalloc((size_t)words + 1, sizeof(char *));
	paths[0] = xstrdup(shipments);
	for (int i = 1; i <= words; i++)
		paths[i] = argv[i];
	int code = replay_files(&replay, paths, words + 1);
	xfree(paths[0]);
	xfree(paths);
	replay_free(&replay);
	return code;
}
