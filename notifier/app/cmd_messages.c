/* `notifier messages`: what was sent, what was not, and another try. */
#include "notifier/app/client.h"
#include "notifier/app/command.h"
#include "notifier/app/table.h"
#include "notifier/base/str.h"

static void print_list(struct client *client, const json_t *list, const char *if_empty)
{
	static const struct table_column columns[] = {{"ID", true}, {"STATE", true},
	    {"EVENT", true}, {"CHANNEL", true}, {"TRIES", true}, {"NOTICED (UTC)", true},
	    {"ENDED (UTC)", true}, {"WHY", false}};
	struct table *table = table_new(client->arena, columns, sizeof columns / sizeof *columns);
	size_t i;
	const json_t *m;
	json_array_foreach(json_object_get(list, "data"), i, m)
	{
		const char *tries = arena_printf(client->arena, "%lld",
		    (long long)json_integer_value(json_object_get(m, "attempts")));
		const char *cells[] = {client_text(m, "id"), client_text(m, "state"),
		    client_text(m, "event"), client_text(m, "channel"), tries,
		    client_time(client, m, "noticed_at"), client_time(client, m, "ended_at"),
		    client_text(m, "why")};
		table_add(table, cells);
	}
	if (table_rows(table) > 0)
		table_show(table);
	else
		puts(if_empty);
}

static void print_failed(struct client *client, const json_t *list)
{
	print_list(client, list, "no failed messages (--shipment ID lists all of one parcel)");
}

static void print_of_shipment(struct client *client, const json_t *list)
{
	print_list(client, list, "no messages about this parcel");
}

static int messages_list(int argc, char **argv)
{
	struct client client = {.command = "messages"};
	const char *shipment = NULL, *state = NULL, *limit = NULL;
	const struct options_row rows[] = {CLIENT_OPTION_ROWS(client),
	    {.name = "--shipment", .text = &shipment}, {.name = "--state", .text = &state},
	    {.name = "--limit", .text = &limit}};
	struct client_usage usage = {rows, sizeof rows / sizeof *rows, NULL};
	if (!client_open(&client, &usage, argc, argv))
		return client_close(&client);
	const char *id = shipment ? client_shipment_id(&client, shipment) : NULL;
	if (shipment != NULL && id == NULL)
		return client_close(&client);
	const char *path = client_filtered(&client, "/v1/messages", "shipment", id);
	client_list(&client, client_filtered(&client, path, "state", state), limit,
	    id ? print_of_shipment : print_failed);
	return client_close(&client);
}

/* The text as the customer reads it, line by line, without what could steer a terminal. */
static void print_text(const char *text)
{
	struct str line, rest = str_of(text);
	char clean[1000], raw[1000];
	while (rest.len > 0) {
		rest = str_cut(rest, '\n', &line);
		snprintf(raw, sizeof raw, "%.*s", (int)line.len, line.at);
		text_clean(clean, sizeof clean, raw);
		printf("  %s\n", clean);
	}
}

static void print_sheet(struct client *client, const json_t *m)
{
	const json_t *content = json_object_get(m, "content");
	const char *text = client_text(content, "text");
	client_print_line("message", client_text(m, "id"));
	client_print_line("state", client_text(m, "state"));
	client_print_line("why", client_text(m, "why"));
	client_print_line("shipment", client_text(m, "shipment"));
	client_print_line("event", client_text(m, "event"));
	client_print_line("channel", client_text(m, "channel"));
	client_print_line("recipient", client_text(m, "recipient"));
	client_print_line(
	    "tries", arena_printf(client->arena, "%lld",
	                 (long long)json_integer_value(json_object_get(m, "attempts"))));
	client_print_line("noticed", client_time(client, m, "noticed_at"));
	client_print_line("last try", client_time(client, m, "claimed_at"));
	client_print_line("ended", client_time(client, m, "ended_at"));
	client_print_line("to", client_text(content, "to"));
	client_print_line("language", client_text(content, "language"));
	client_print_line("subject", client_text(content, "subject"));
	if (text != NULL) {
		putchar('\n');
		print_text(text);
	}
}

static void print_state(struct client *client, const json_t *m)
{
	(void)client;
	printf("%s is %s\n", client_text(m, "id"), client_text(m, "state"));
}

static int one(int argc, char **argv, const char *method, const char *path_format,
    void (*print)(struct client *, const json_t *))
{
	struct client client = {.command = "messages"};
	const struct options_row rows[] = {CLIENT_OPTION_ROWS(client)};
	struct client_usage usage = {rows, sizeof rows / sizeof *rows, "a message's ID"};
	if (!client_open(&client, &usage, argc, argv))
		return client_close(&client);
	json_t *body = client_call(
	    &client, method, client_path(&client, path_format, argv[1], NULL, NULL), NULL);
	if (body != NULL && client.as_json)
		client_print_json(body);
	else if (body != NULL)
		print(&client, body);
	json_decref(body);
	return client_close(&client);
}

static int messages_show(int argc, char **argv)
{
	return one(argc, argv, "GET", "/v1/messages/%s", print_sheet);
}

static int messages_retry(int argc, char **argv)
{
	return one(argc, argv, "POST", "/v1/messages/%s/retry", print_state);
}

static int messages_drop(int argc, char **argv)
{
	return one(argc, argv, "POST", "/v1/messages/%s/drop", print_state);
}

int cmd_messages(int argc, char **argv)
{
	static const struct client_verb verbs[] = {{"list", messages_list}, {"show", messages_show},
	    {"retry", messages_retry}, {"drop", messages_drop}};
	return client_dispatch("messages", verbs, sizeof verbs / sizeof *verbs, argc, argv);
}
