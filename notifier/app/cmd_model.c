/* `notifier model`: what was learned, kept, put back, forgotten. */
#include <stdio.h>

#include "notifier/app/client.h"
#include "notifier/app/command.h"
#include "notifier/app/foresight_model.h"
#include "notifier/app/table.h"
#include "notifier/base/str.h"
#include "notifier/io/files.h"

static const char *number(struct client *client, const json_t *row, const char *key, int decimals)
{
	const json_t *value = json_object_get(row, key);
	return json_is_number(value)
	           ? arena_printf(client->arena, "%.*f", decimals, json_number_value(value))
	           : NULL;
}

static void print_models(struct client *client, const json_t *models)
{
	static const struct table_column columns[] = {
	    {"MODEL", true}, {"ENTRIES", true}, {"SAVED (UTC)", true}, {"STATE", false}};
	struct table *table = table_new(client->arena, columns, sizeof columns / sizeof *columns);
	size_t i;
	const json_t *row;
	json_array_foreach(models, i, row)
	{
		bool is_refused = json_is_true(json_object_get(row, "refused"));
		const char *cells[] = {client_text(row, "model"), number(client, row, "entries", 0),
		    client_time(client, row, "saved_at"),
		    is_refused ? "refused: stored by another version; not saved until it is reset"
		               : "ok"};
		table_add(table, cells);
	}
	table_show(table);
}

/* "79 % of 120": of the intervals of late, how many held. */
static const char *record(struct client *client, const json_t *row)
{
	const json_t *share = json_object_get(row, "intervals_held");
	return json_is_number(share)
	           ? arena_printf(client->arena, "%.0f %% of %s", 100 * json_number_value(share),
	                 number(client, row, "intervals", 0))
	           : NULL;
}

static void print_carriers(struct client *client, const json_t *body)
{
	static const struct table_column columns[] = {{"CARRIER", true}, {"SERVICE", false},
	    {"STATE", true}, {"DELIVERIES", true}, {"ETA HELD", true}, {"NEWS", true},
	    {"LAST STOPS", true}, {"LAG MIN", true}, {"PRICE", true}};
	struct table *table = table_new(client->arena, columns, sizeof columns / sizeof *columns);
	size_t i;
	const json_t *row;
	json_array_foreach(json_object_get(body, "carriers"), i, row)
	{
		const json_t *lag = json_object_get(row, "lag_s");
		const char *minutes = json_is_integer(lag) ? arena_printf(client->arena, "%.0f",
		                                                 json_number_value(lag) / 60)
		                                           : NULL;
		const char *cells[] = {client_text(row, "carrier"), client_text(row, "service"),
		    json_is_true(json_object_get(row, "is_warm")) ? "warm" : "cold",
		    number(client, row, "deliveries", 1), record(client, row),
		    number(client, row, "news", 1), number(client, row, "last_stops", 0), minutes,
		    number(client, row, "price", 2)};
		table_add(table, cells);
	}
	if (table_rows(table) > 0)
		table_show(table);
	else
		puts("nothing learned yet");
	json_int_t left_out = json_integer_value(json_object_get(body, "carriers_left_out"));
	if (left_out > 0)
		printf("… and %lld more\n", (long long)left_out);
}

static void print_alerts(struct client *client, const json_t *alerts)
{
	static const struct table_column columns[] = {
	    {"ACCOUNT", true}, {"ALERTS BY", false}, {"ABOVE P(LATE)", true}};
	struct table *table = table_new(client->arena, columns, sizeof columns / sizeof *columns);
	size_t i;
	const json_t *row;
	json_array_foreach(alerts, i, row)
	{
		const char *cells[] = {client_text(row, "account"), client_text(row, "rule"),
		    number(client, row, "threshold", 2)};
		table_add(table, cells);
	}
	table_show(table);
}

static int model_show(int argc, char **argv)
{
	struct client client = {.command = "model"};
	const struct options_row rows[] = {CLIENT_OPTION_ROWS(client)};
	struct client_usage usage = {rows, sizeof rows / sizeof *rows, NULL};
	if (!client_open(&client, &usage, argc, argv))
		return client_close(&client);
	json_t *body = client_call(&client, "GET", "/v1/model", NULL);
	if (body != NULL && client.as_json) {
		client_print_json(body);
	} else if (body != NULL) {
		print_models(&client, json_object_get(body, "models"));
		putchar('\n');
		print_carriers(&client, body);
		putchar('\n');
		print_alerts(&client, json_object_get(body, "alerts"));
	}
	json_decref(body);
	return client_close(&client);
}

static const char *scoped(struct client *client, const char *path, const char *carrier)
{
	if (carrier == NULL)
		return path;
	return client_path(
	    client, arena_printf(client->arena, "%s?carrier=%%s", path), carrier, NULL, NULL);
}

static int model_reset(int argc, char **argv)
{
	struct client client = {.command = "model"};
	const char *carrier = NULL;
	bool is_all = false;
	const struct options_row rows[] = {CLIENT_OPTION_ROWS(client),
	    {.name = "--carrier", .text = &carrier}, {.name = "--all", .is_on = &is_all}};
	struct client_usage usage = {rows, sizeof rows / sizeof *rows, NULL};
	if (!client_open(&client, &usage, argc, argv))
		return client_close(&client);
	if ((carrier != NULL) == is_all) {
		client.code = options_usage(
		    "model", "reset what: --carrier NAME, or --all?  It cannot be taken back");
		return client_close(&client);
	}
	json_t *done = client_call(&client, "DELETE", scoped(&client, "/v1/model", carrier), NULL);
	if (done != NULL && client.as_json)
		client_print_json(done);
	else if (done != NULL)
		printf("%s is forgotten\n", carrier ? carrier : "everything");
	json_decref(done);
	return client_close(&client);
}

static int model_export(int argc, char **argv)
{
	struct client client = {.command = "model"};
	const char *carrier = NULL;
	const struct options_row rows[] = {
	    CLIENT_OPTION_ROWS(client), {.name = "--carrier", .text = &carrier}};
	struct client_usage usage = {rows, sizeof rows / sizeof *rows, NULL};
	if (!client_open(&client, &usage, argc, argv))
		return client_close(&client);
	json_t *document =
	    client_call(&client, "GET", scoped(&client, "/v1/model/export", carrier), NULL);
	if (document != NULL)
		client_print_json(document);
	json_decref(document);
	return client_close(&client);
}

static json_t *read_document(struct client *client, const char *path)
{
	struct str text;
	struct err err;
	json_error_t problem;
	bool is_stdin = text_eq(path, "-");
	const char *name = is_stdin ? "stdin" : path;
	if (!files_read(
	        is_stdin ? "/dev/stdin" : path, MODEL_DOCUMENT_BYTES, client->arena, &text, &err)) {
		client->code = options_failed(client->command, "%s", err.text);
		return NULL;
	}
	json_t *document = json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES, &problem);
	if (document == NULL)
		client->code = options_failed(client->command, "%s:%d:%d: not JSON: %s", name,
		    problem.line, problem.column, problem.text);
	return document;
}

static int model_import(int argc, char **argv)
{
	struct client client = {.command = "model"};
	const struct options_row rows[] = {CLIENT_OPTION_ROWS(client)};
	struct client_usage usage = {
	    rows, sizeof rows / sizeof *rows, "a FILE that export has written (- is stdin)"};
	if (!client_open(&client, &usage, argc, argv))
		return client_close(&client);
	json_t *document = read_document(&client, argv[1]);
	json_t *done = document ? client_call(&client, "PUT", "/v1/model/import", document) : NULL;
	if (done != NULL && client.as_json)
		client_print_json(done);
	else if (done != NULL)
		printf("%s entries imported\n", number(&client, done, "entries", 0));
	json_decref(done);
	return client_close(&client);
}

int cmd_model(int argc, char **argv)
{
	static const struct client_verb verbs[] = {{"show", model_show}, {"reset", model_reset},
	    {"export", model_export}, {"import", model_import}};
	return client_dispatch("model", verbs, sizeof verbs / sizeof *verbs, argc, argv);
}
