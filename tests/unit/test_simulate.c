#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "notifier/app/csv.h"
#include "notifier/app/simulate.h"
#include "notifier/base/map.h"
#include "notifier/base/mem.h"
#include "notifier/base/when.h"

#define START_S INT64_C(1704067200) /* Monday, 1 January 2024 */
#define DAYS    4
#define PARCELS 60
#define QUOTA   400
#define SHARED  "../shared/foresight/"

static char folder[] = "/tmp/notifier-simulate-XXXXXX";

/* Runs the command with stdout in a file, and gives what it printed. */
static char *run(int *code, const char *const *words)
{
	char *argv[16], *owned[16], *path = xasprintf("%s/out", folder);
	int argc = 0;
	for (; words[argc]; argc++)
		argv[argc] = owned[argc] = xstrdup(words[argc]); /* parsing moves argv */
	fflush(stdout);
	int saved = dup(STDOUT_FILENO);
	FILE *out = fopen(path, "w+");
	dup2(fileno(out), STDOUT_FILENO);
	*code = cmd_simulate(argc, argv);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	while (argc > 0)
		xfree(owned[--argc]);
	struct buf text = BUF_EMPTY(0);
	char piece[4096];
	rewind(out);
	for (size_t got; (got = fread(piece, 1, sizeof piece, out)) > 0;)
		buf_add(&text, piece, got);
	fclose(out);
	unlink(path);
	xfree(path);
	return buf_take(&text);
}

static FILE *create(const char *name)
{
	char *path = xasprintf("%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	xfree(path);
	return file;
}

static uint32_t noise(uint32_t seed)
{
	seed *= 2654435761u;
	seed ^= seed >> 15;
	seed *= 2246822519u;
	return seed ^ seed >> 13;
}

/* --- delays ----------------------------------------------------------------------------------- */

/* 40 parcels a day, most of them 5 days under way of 9 promised, every tenth 14. */
static void write_shipments(int days, int32_t known_until)
{
	FILE *file = create("shipments.csv");
	fputs("id,carrier_service,origin,destination,handed_over_at,promised_at,delivered_at\n",
	    file);
	for (int i = 0; i < days * 40; i++) {
		char handed[WHEN_BYTES], promised[WHEN_BYTES], delivered[WHEN_BYTES] = "";
		int32_t day = 17000 + i / 40;
		int32_t until = day + (noise((uint32_t)i) % 10 == 0 ? 14 : 5);
		when_format_utc(handed, day * DAY_MS + 9 * HOUR_MS);
		when_format_utc(promised, (day + 9) * DAY_MS);
		if (until < known_until)
			when_format_utc(delivered, until * DAY_MS + 15 * HOUR_MS);
		fprintf(file, "p%d,acme,SP,RJ,%s,%s,%s\n", i, handed, promised, delivered);
	}
	fclose(file);
}

static size_t count_of(const char *text, const char *what)
{
	size_t count = 0;
	for (; (text = strstr(text, what)); text++)
		count++;
	return count;
}

static void alerts_late_parcels(void **state)
{
	(void)state;
	int code;
	char *path = xasprintf("%s/shipments.csv", folder);
	const char *const words[] = {
	    "simulate", "delays", "--shipments", path, "--eta", "--ticks", NULL};
	write_shipments(40, INT32_MAX);
	char *full = run(&code, words);
	assert_int_equal(code, 0);
	assert_int_equal(count_of(full, "\"kind\":\"eta\""), 1600);
	size_t alerts = count_of(full, "alert_at");
	assert_true(alerts > 100 && alerts < 300);
	write_shipments(25, 17025); /* the future removed: the past of the output stays */
	char *past = run(&code, words);
	char *end = strstr(full, "\"day\":\"2016-08-12\",\"at_handover\":0");
	assert_non_null(end);
	while (end > full && end[-1] != '\n')
		end--;
	assert_true(end - full > 100000);
	assert_memory_equal(full, past, (size_t)(end - full));
	xfree(full);
	xfree(past);
	xfree(path);
}

static void matches_the_reference(void **state)
{
	(void)state;
	struct err err;
	int code, compared = 0;
	struct csv *csv = csv_open(SHARED "ref-p-late-dev.csv.gz", &err);
	if (!csv)
		skip(); /* the reference data is not part of the project */
	const char *const words[] = {
	    "simulate", "delays", "--shipments", SHARED "shipments-dev.csv.gz", "--ticks", NULL};
	char *out = run(&code, words);
	assert_int_equal(code, 0);
	struct map ticks = {0};
	for (char *line = out, *next; (next = strchr(line, '\n')); line = next + 1) {
		*next = 0;
		char *p = strstr(line, ",\"p_late\":");
		if (p && str_starts(str_of(line), "{\"kind\":\"tick\""))
			map_put(&ticks, str_make(line, (size_t)(p - line)), p + 10);
	}
	while (csv_next(csv, &err)) {
		struct str id = csv_field(csv, 0), day = csv_field(csv, 1), p = csv_field(csv, 3);
		char *key = xasprintf(
		    "{\"kind\":\"tick\",\"id\":\"%.*s\",\"day\":\"%.*s\",\"at_handover\":%c",
		    (int)id.len, id.at, (int)day.len, day.at, *csv_field(csv, 2).at);
		char *value = xstrndup(p.at, p.len);
		const char *ours = map_get(&ticks, str_of(key));
		assert_non_null(ours);
		assert_true(fabs(strtod(ours, NULL) - strtod(value, NULL)) < 1e-9);
		xfree(value);
		xfree(key);
		compared++;
	}
	assert_true(compared > 2000);
	map_free(&ticks);
	csv_close(&csv);
	xfree(out);
}

/* --- polling ---------------------------------------------------------------------------------- */

/* Parcels that go out at 8 h and arrive at 10 to 18 h, the day after they were scanned. */
static void write_traces(int64_t known_until_s)
{
	FILE *file = create("window.json");
	fprintf(file, "{\"start\": %" PRId64 ", \"stop\": %" PRId64 "}", START_S,
	    START_S + DAYS * 86400);
	fclose(file);
	file = create("quotas.csv");
	fprintf(file, "carrier,calls_per_day,calls_per_second\nacme,%d,2.0\n", QUOTA);
	fclose(file);
	file = create("shipments.csv");
	fputs("shipment_id,carrier,service,tracking_number,tz_offset_min,registered_at\n", file);
	for (int i = 0; i < PARCELS * DAYS; i++)
		fprintf(file, "s%d,acme,std,N%d,0,%" PRId64 "\n", i, i,
		    START_S + (i / PARCELS - 1) * 86400 + noise((uint32_t)i) % 80000);
	fclose(file);
	file = create("events.csv");
	fputs("shipment_id,seq,event_at,visible_at,status,kind,reason,value_per_min,eta_date,"
	      "window_start,window_end\n",
	    file);
	static const struct {
		const char *status_and_kind;
		int hour, spread_s;
	} rows[] = {{"in_transit,first_scan,,0.2", 18, 7200},
	    {"in_transit,dest_scan,,0.01", 28, 3600}, {"out_for_delivery,ofd,,1.0", 32, 3600},
	    {"delivered,delivered,,1.0", 34, 8 * 3600}};
	for (int i = 0; i < PARCELS * DAYS; i++) {
		for (size_t row = 0; row < 4; row++) {
			int64_t at =
			    START_S + (i / PARCELS - 1) * 86400 + rows[row].hour * 3600 +
			    noise((uint32_t)i * 4 + (uint32_t)row) % (uint32_t)rows[row].spread_s;
			if (at + 300 < known_until_s)
				fprintf(file, "s%d,%zu,%" PRId64 ",%" PRId64 ",%s,,,\n", i, row, at,
				    at + 300, rows[row].status_and_kind);
		}
	}
	fclose(file);
}

static char *poll_traces(const char *batch)
{
	int code;
	const char *const words[] = {
	    "simulate", "polling", "--traces", folder, "--batch", batch, NULL};
	char *out = run(&code, words);
	assert_int_equal(code, 0);
	return out;
}

static void keeps_the_quota(void **state)
{
	(void)state;
	static const char header[] = "at,carrier,shipment_ids\n";
	write_traces(INT64_MAX);
	for (int batched = 0; batched < 2; batched++) {
		char *out = poll_traces(batched ? "5" : "1");
		int calls[DAYS] = {0}, in_second = 0;
		int64_t second = 0;
		assert_true(str_starts(str_of(out), header));
		for (char *line = out + sizeof header - 1; *line; line = strchr(line, '\n') + 1) {
			int64_t at = strtoll(line, NULL, 10);
			assert_true(at >= START_S && at < START_S + DAYS * 86400 && at >= second);
			in_second = at == second ? in_second + 1 : 1;
			assert_true(in_second <= 2);
			second = at;
			calls[(at - START_S) / 86400]++;
		}
		for (int day = 0; day < DAYS; day++)
			assert_true(
			    calls[day] <= QUOTA && calls[day] > QUOTA * (batched ? 1 : 8) / 10);
		xfree(out);
	}
}

static void is_blind_for_the_future(void **state)
{
	(void)state;
	write_traces(INT64_MAX);
	char *full = poll_traces("1"), *again = poll_traces("1");
	assert_string_equal(full, again);
	int64_t cut_s = START_S + 2 * 86400 + 40000;
	write_traces(cut_s);
	char *past = poll_traces("1"), *end = strchr(full, '\n') + 1;
	while (strtoll(end, NULL, 10) < cut_s)
		end = strchr(end, '\n') + 1;
	assert_true(end - full > 5000);
	assert_memory_equal(full, past, (size_t)(end - full));
	xfree(full);
	xfree(again);
	xfree(past);
}

/* --- usage ------------------------------------------------------------------------------------ */

static void refuses_wrong_usage(void **state)
{
	(void)state;
	static const struct {
		const char *words[6];
		int code;
	} rows[] = {
	    {{"simulate"}, 2},
	    {{"simulate", "weather"}, 2},
	    {{"simulate", "delays"}, 2},
	    {{"simulate", "delays", "--shipments"}, 2},
	    {{"simulate", "delays", "--shipments", "x", "--rule=never"}, 2},
	    {{"simulate", "delays", "--shipments", "/nowhere.csv"}, 1},
	    {{"simulate", "polling"}, 2},
	    {{"simulate", "polling", "--traces", "/nowhere"}, 1},
	    {{"simulate", "polling", "--traces", "/nowhere", "--batch=0"}, 2},
	    {{"simulate", "polling", "--traces", "/nowhere", "more"}, 2},
	};
	int saved = dup(STDERR_FILENO);
	assert_non_null(freopen("/dev/null", "w", stderr));
	int codes[sizeof rows / sizeof *rows];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		xfree(run(&codes[i], rows[i].words));
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(codes[i], rows[i].code);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	static const char *const names[] = {
	    "window.json", "quotas.csv", "shipments.csv", "events.csv"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char *path = xasprintf("%s/%s", folder, names[i]);
		unlink(path);
		xfree(path);
	}
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(alerts_late_parcels),
	    cmocka_unit_test(matches_the_reference),
	    cmocka_unit_test(keeps_the_quota),
	    cmocka_unit_test(is_blind_for_the_future),
	    cmocka_unit_test(refuses_wrong_usage),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
