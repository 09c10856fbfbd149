#include "notifier/app/cmd_import.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "notifier/app/csv.h"
#include "notifier/app/json.h"

#define PROGRESS_ROWS 25 /* a new line of progress every so many */
#define TRIES_MAX     10 /* while Redis does not take writes: a second apart */

static const char *const column_names[] = {
#define X(enumerator, column, option) column,
    PARCEL_FIELDS(X)
#undef X
};

/* --- one parcel --------------------------------------------------------------------------------
 */

static void put(json_t *object, const char *key, struct str value)
{
	value = str_trim(value);
	if (value.len == 0)
		return;
	/* What is no UTF-8 is refused by the daemon, not dropped here. */
	json_t *text = json_stringn_nocheck(value.at, value.len);
	json_object_set_new(object, key, text);
}

static json_t *channels_json(struct str text)
{
	json_t *list = json_array();
	for (size_t i = 0; i < text.len;) {
		while (i < text.len && strchr(", ;", text.at[i]) != NULL)
			i++;
		size_t start = i;
		while (i < text.len && strchr(", ;", text.at[i]) == NULL)
			i++;
		if (i > start)
			json_array_append_new(
			    list, json_stringn_nocheck(text.at + start, i - start));
	}
	return list;
}

json_t *parcel_json(const struct str values[PARCEL_FIELD_COUNT])
{
	json_t *body = json_object(), *recipient = json_object(), *recipients = json_array();
	for (size_t i = 0; i < PARCEL_FIELD_COUNT; i++)
		if (i != PARCEL_CHANNELS)
			put(i >= PARCEL_NAME ? recipient : body, column_names[i], values[i]);
	struct str channels = str_trim(values[PARCEL_CHANNELS]);
	if (channels.len > 0)
		json_object_set_new(recipient, "channels", channels_json(channels));
	if (json_object_size(recipient) > 0)
		json_array_append(recipients, recipient);
	json_decref(recipient);
	json_object_set_new(body, "recipients", recipients);
	return body;
}

/* --- a file of them ----------------------------------------------------------------------------
 */

struct import {
	struct client *client;
	struct csv *csv;
	const char *name; /* of the file, for people */
	int columns[PARCEL_FIELD_COUNT];
	size_t fresh, known, refused;
	bool shows_progress, is_gone;
};

static void show_progress(const struct import *import, bool is_end)
{
	size_t rows = import->fresh + import->known + import->refused;
	if (import->shows_progress && (is_end || rows % PROGRESS_ROWS == 0))
		fprintf(stderr, "\r\033[K%zu rows, %zu refused%s", rows, import->refused,
		    is_end ? "\r\033[K" : "");
}

/* A line of progress makes room for a complaint. */
static void clear_progress(const struct import *import)
{
	if (import->shows_progress)
		fputs("\r\033[K", stderr);
}

/* All columns must be ours, or somebody's "emial" would silently send nothing to anybody. */
static bool find_columns(struct import *import)
{
	for (size_t i = 0; i < PARCEL_FIELD_COUNT; i++)
		import->columns[i] = csv_column(import->csv, column_names[i]);
	for (size_t i = 0; i < csv_column_count(import->csv); i++) {
		const char *name = csv_column_name(import->csv, i);
		bool is_known = false;
		for (size_t j = 0; j < PARCEL_FIELD_COUNT; j++)
			is_known = is_known || text_eq(name, column_names[j]);
		const char *nearest = text_nearest(name, column_names, PARCEL_FIELD_COUNT);
		if (!is_known)
			fprintf(stderr,
			    nearest ? "%s:1: unknown column \"%s\"; did you mean \"%s\"?\n"
			            : "%s:1: the column \"%s\" is not used\n",
			    import->name, name, nearest ? nearest : "");
		if (!is_known && nearest != NULL)
			return false;
	}
	if (import->columns[PARCEL_NUMBER] >= 0 && import->columns[PARCEL_CARRIER] >= 0)
		return true;
	fprintf(stderr,
	    "%s:1: no column \"%s\"; the first row names the columns, separated by commas\n",
	    import->name, import->columns[PARCEL_NUMBER] < 0 ? "tracking_number" : "carrier");
	return false;
}

static bool ask(struct import *import, const struct str *values, struct client_answer *answer)
{
	for (int tries = 0; tries < TRIES_MAX; tries++) {
		if (!client_ask(
		        import->client, "POST", "/v1/shipments", parcel_json(values), answer)) {
			json_decref(answer->body);
			return false;
		}
		if (answer->status != 503 && answer->status != 429)
			return true;
		if (tries + 1 < TRIES_MAX) {
			json_decref(answer->body);
			nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
		}
	}
	return true; /* the last refusal is shown */
}

static void take_row(struct import *import)
{
	struct str values[PARCEL_FIELD_COUNT];
	struct client_answer answer;
	char where[300];
	for (size_t i = 0; i < PARCEL_FIELD_COUNT; i++)
		values[i] = csv_field(import->csv, import->columns[i]);
	snprintf(where, sizeof where, "%s:%ld", import->name, csv_line(import->csv));
	if (!ask(import, values, &answer)) {
		fprintf(stderr,
		    "%s: stopped here; once the daemon answers, import the whole file again: "
		    "what is known is not doubled\n",
		    where);
		import->is_gone = true;
		return;
	}
	if (answer.status == 201) {
		import->fresh++;
	} else if (answer.status == 200) {
		import->known++;
	} else {
		import->refused++;
		clear_progress(import);
		client_print_problem(import->client, where, &answer);
		import->is_gone =
		    answer.status == 401 || answer.status == 403; /* so would all others be */
	}
	json_decref(answer.body);
}

/* A broken row is named and left out; a broken file ends it. */
static void take_rows(struct import *import)
{
	struct err err;
	while (!import->is_gone) {
		long before = csv_line(import->csv);
		if (csv_next(import->csv, &err)) {
			take_row(import);
			show_progress(import, false);
			continue;
		}
		if (err.kind == ERR_NONE)
			break;
		import->refused++;
		clear_progress(import);
		fprintf(stderr, "%s\n", err.text);
		if (csv_line(import->csv) == before)
			break;
	}
	show_progress(import, true);
}

static void print_result(const struct import *import)
{
	if (!import->client->as_json) {
		printf("%zu new, %zu known already, %zu refused\n", import->fresh, import->known,
		    import->refused);
		return;
	}
	json_t *result = json_object();
	json_object_set_new(result, "new", json_integer((json_int_t)import->fresh));
	json_object_set_new(result, "known", json_integer((json_int_t)import->known));
	json_object_set_new(result, "refused", json_integer((json_int_t)import->refused));
	client_print_json(result);
	json_decref(result);
}

bool import_run(struct client *client, const char *path)
{
	struct err err;
	bool is_stdin = text_eq(path, "-");
	struct import import = {.client = client,
	    .name = is_stdin ? "stdin" : path,
	    .shows_progress = isatty(STDERR_FILENO) != 0};
	import.csv = csv_open(is_stdin ? "/dev/stdin" : path, &err);
	if (import.csv == NULL) {
		client->code = options_failed(client->command, "%s", err.text);
		return false;
	}
	bool ok = find_columns(&import);
	if (ok) {
		take_rows(&import);
		print_result(&import);
	}
	csv_close(&import.csv);
	if (!ok || import.refused > 0)
		client->code = EXIT_FAILED;
	return ok && !import.is_gone;
}
