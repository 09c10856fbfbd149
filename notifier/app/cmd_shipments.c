/* `notifier shipments`: parcels of a running daemon. */
#include <string.h>

#include "notifier/app/cmd_import.h"
#include "notifier/app/command.h"
#include "notifier/app/table.h"

/* --- add, import -------------------------------------------------------------------------------
 */

/* The client's own rows, then one per field of a parcel that is an option. */
static size_t add_rows(struct options_row *rows, struct client *client, const char **values)
{
	static const char *const options[] = {
#define X(enumerator, column, option) option,
	    PARCEL_FIELDS(X)
#undef X
	};
	const struct options_row common[] = {CLIENT_OPTION_ROWS(*client)};
	size_t count = sizeof common / sizeof *common;
	memcpy(rows, common, sizeof common);
	for (size_t i = 0; i < PARCEL_FIELD_COUNT; i++)
		if (options[i] != NULL)
			rows[count++] =
			    (struct options_row){.name = options[i], .text = &values[i]};
	return count;
}

static void print_added(const json_t *shipment)
{
	printf("%s  %s with %s: %s\n", client_text(shipment, "id"),
	    client_text(shipment, "tracking_number"), client_text(shipment, "carrier"),
	    client_text(shipment, "status"));
}

static int shipments_add(int argc, char **argv)
{
	struct client client = {.command = "shipments"};
	const char *texts[PARCEL_FIELD_COUNT] = {0};
	struct str values[PARCEL_FIELD_COUNT];
	struct options_row rows[5 + PARCEL_FIELD_COUNT];
	struct client_usage usage = {rows, add_rows(rows, &client, texts), "the tracking NUMBER"};
	if (!client_open(&client, &usage, argc, argv))
		return client_close(&client);
	if (texts[PARCEL_CARRIER] == NULL) {
		client.code = options_usage(
		    "shipments", "add needs --carrier NAME; `notifier carriers` lists them");
		return client_close(&client);
	}
	texts[PARCEL_NUMBER] = argv[1];
	for (size_t i = 0; i < PARCEL_FIELD_COUNT; i++)
		values[i] = str_of(texts[i]);
	json_t *shipment = client_call(&client, "POST", "/v1/shipments", parcel_json(values));
	if (shipment != NULL && client.as_json)
		client_print_json(shipment);
	else if (shipment != NULL)
		print_added(shipment);
	json_decref(shipment);
	return client_close(&client);
}

static int shipments_import(int argc, char **argv)
{
	struct client client = {.command = "shipments"};
	const struct options_row rows[] = {CLIENT_OPTION_ROWS(client)};
	struct client_usage usage = {
	    rows, sizeof rows / sizeof *rows, "a FILE.csv, or - for stdin"};
	if (client_open(&client, &usage, argc, argv))
		import_run(&client, argv[1]);
	return client_close(&client);
}

/* --- list --------------------------------------------------------------------------------------
 */

static void print_list(struct client *client, const json_t *list)
{
	static const struct table_column columns[] = {{"ID", true}, {"NUMBER", true},
	    {"CARRIER", false}, {"STATUS", true}, {"REASON", false}, {"SINCE (UTC)", false},
	    {"EXPECTED", false}, {"ORDER", false}};
	struct table *table = table_new(client->arena, columns, sizeof columns / sizeof *columns);
	size_t i;
	const json_t *s;
	json_array_foreach(json_object_get(list, "data"), i, s)
	{
		const char *eta = client_span(client, s, "eta");
		const char *cells[] = {client_text(s, "id"), client_text(s, "tracking_number"),
		    client_text(s, "carrier"), client_text(s, "status"), client_text(s, "reason"),
		    client_time(client, s, "since"), eta ? eta : client_span(client, s, "promised"),
		    client_text(s, "order_number")};
		table_add(table, cells);
	}
	if (table_rows(table) == 0)
		puts("no shipments");
	else
		table_show(table);
}

static int shipments_list(int argc, char **argv)
{
	struct client client = {.command = "shipments"};
	const char *status = NULL, *order = NULL, *number = NULL, *limit = NULL;
	const struct options_row rows[] = {CLIENT_OPTION_ROWS(client),
	    {.name = "--status", .text = &status}, {.name = "--order", .text = &order},
	    {.name = "--number", .text = &number}, {.name = "--limit", .text = &limit}};
	struct client_usage usage = {rows, sizeof rows / sizeof *rows, NULL};
	if (!client_open(&client, &usage, argc, argv))
		return client_close(&client);
	const char *path = client_filtered(&client, "/v1/shipments", "status", status);
	path = client_filtered(&client, path, "order_number", order);
	path = client_filtered(&client, path, "number", number);
	client_list(&client, path, limit, print_list);
	return client_close(&client);
}

/* --- show --------------------------------------------------------------------------------------
 */

static const char *joined(struct client *client, const json_t *list)
{
	const char *text = NULL;
	size_t i;
	const json_t *item;
	json_array_foreach(list, i, item) text = arena_printf(
	    client->arena, "%s%s%s", text ? text : "", text ? ", " : "", json_string_value(item));
	return text;
}

static void print_recipients(struct client *client, const json_t *shipment)
{
	size_t i;
	const json_t *r;
	json_array_foreach(json_object_get(shipment, "recipients"), i, r)
	{
		const char *parts[] = {client_text(r, "name"), client_text(r, "email"),
		    client_text(r, "phone"), client_text(r, "language"), client_text(r, "zone")};
		const char *line = NULL, *channels = joined(client, json_object_get(r, "channels"));
		for (size_t j = 0; j < sizeof parts / sizeof *parts; j++)
			if (parts[j] != NULL)
				line = arena_printf(client->arena, "%s%s%s", line ? line : "",
				    line ? ", " : "", parts[j]);
		client_print_line(i == 0 ? "recipients" : "",
		    arena_printf(client->arena, "%s (%s)", line ? line : client_text(r, "id"),
		        channels ? channels : "wants no messages"));
	}
}

static void print_checkpoints(struct client *client, const json_t *shipment)
{
	static const struct table_column columns[] = {{"TIME (carrier's)", true}, {"STATUS", true},
	    {"DESCRIPTION", false}, {"PLACE", false}, {"HEARD BY", true}};
	struct table *table = table_new(client->arena, columns, sizeof columns / sizeof *columns);
	size_t i;
	const json_t *c;
	json_array_foreach(json_object_get(shipment, "checkpoints"), i, c)
	{
		const char *description = client_text(c, "description");
		const char *cells[] = {client_text(c, "time"), client_text(c, "status"),
		    description ? description : client_text(c, "code"), client_text(c, "place"),
		    client_text(c, "source")};
		table_add(table, cells);
	}
	if (table_rows(table) == 0)
		return;
	putchar('\n');
	table_show(table);
}

static void print_events(struct client *client, const json_t *shipment)
{
	static const struct table_column columns[] = {{"AT (UTC)", true}, {"EVENT", true},
	    {"REASON", false}, {"NOTICED (UTC)", true}, {"BY", true}};
	struct table *table = table_new(client->arena, columns, sizeof columns / sizeof *columns);
	size_t i;
	const json_t *e;
	json_array_foreach(json_object_get(shipment, "events"), i, e)
	{
		const char *cells[] = {client_time(client, e, "at"), client_text(e, "event"),
		    client_text(e, "reason"), client_time(client, e, "noticed_at"),
		    client_text(e, "source")};
		table_add(table, cells);
	}
	if (table_rows(table) == 0)
		return;
	putchar('\n');
	table_show(table);
}

static void print_sheet(struct client *client, const json_t *s)
{
	const json_t *poll = json_object_get(s, "next_poll");
	const char *reason = client_text(s, "reason"), *poll_at = client_time(client, poll, "at");
	const char *poll_why = client_text(poll, "why");
	client_print_line("shipment", client_text(s, "id"));
	client_print_line("number", client_text(s, "tracking_number"));
	client_print_line("carrier", client_text(s, "carrier"));
	client_print_line("moved by", client_text(s, "actual_carrier"));
	client_print_line("service", client_text(s, "service"));
	client_print_line("order", client_text(s, "order_number"));
	client_print_line("status",
	    reason ? arena_printf(client->arena, "%s (%s)", client_text(s, "status"), reason)
	           : client_text(s, "status"));
	client_print_line("since", client_time(client, s, "since"));
	client_print_line("expected", client_span(client, s, "eta"));
	client_print_line("promised", client_span(client, s, "promised"));
	client_print_line("last news", client_time(client, s, "heard_at"));
	client_print_line("next look",
	    poll_at && poll_why ? arena_printf(client->arena, "%s, %s", poll_at, poll_why)
	    : poll_at           ? poll_at
	                        : poll_why);
	client_print_line("next deadline", client_time(client, s, "next_deadline"));
	client_print_line("registered", client_time(client, s, "created_at"));
	print_recipients(client, s);
	client_print_line("messages", joined(client, json_object_get(s, "messages")));
	print_checkpoints(client, s);
	print_events(client, s);
}

/* GETs something of one shipment and prints it. */
static int show(
    int argc, char **argv, const char *path_format, void (*print)(struct client *, const json_t *))
{
	struct client client = {.command = "shipments"};
	const struct options_row rows[] = {CLIENT_OPTION_ROWS(client)};
	struct client_usage usage = {rows, sizeof rows / sizeof *rows, "an ID or tracking number"};
	if (!client_open(&client, &usage, argc, argv))
		return client_close(&client);
	const char *id = client_shipment_id(&client, argv[1]);
	json_t *body = id ? client_call(&client, "GET",
	                        client_path(&client, path_format, id, NULL, NULL), NULL)
	                  : NULL;
	if (body != NULL && client.as_json)
		client_print_json(body);
	else if (body != NULL)
		print(&client, body);
	json_decref(body);
	return client_close(&client);
}

static int shipments_show(int argc, char **argv)
{
	return show(argc, argv, "/v1/shipments/%s", print_sheet);
}

/* --- explain -----------------------------------------------------------------------------------
 */

static void print_story(struct client *client, const json_t *body)
{
	bool has_colour = table_terminal_has_colour(stdout);
	size_t i;
	const json_t *line;
	char what[512], why[512];
	json_array_foreach(json_object_get(body, "data"), i, line)
	{
		const char *at = client_time(client, line, "at"), *kind = client_text(line, "kind");
		const char *what_text = client_text(line, "what"),
		           *why_text = client_text(line, "why");
		text_clean(what, sizeof what, what_text ? what_text : "?");
		text_clean(why, sizeof why, why_text ? why_text : "");
		printf("%-16s  %-8s  %s\n", at ? at : "", kind ? kind : "", what);
		if (*why != '\0')
			printf("%28s%s%s%s\n", "", has_colour ? "\033[2m" : "", why,
			    has_colour ? "\033[0m" : "");
	}
	if (json_array_size(json_object_get(body, "data")) == 0)
		puts("nothing has happened yet");
}

static int shipments_explain(int argc, char **argv)
{
	return show(argc, argv, "/v1/shipments/%s/explain", print_story);
}

int cmd_shipments(int argc, char **argv)
{
	static const struct client_verb verbs[] = {{"add", shipments_add}, {"list", shipments_list},
	    {"show", shipments_show}, {"explain", shipments_explain}, {"import", shipments_import}};
	return client_dispatch("shipments", verbs, sizeof verbs / sizeof *verbs, argc, argv);
}
