/* `notifier keys`: API keys of a running daemon. */
#include <unistd.h>

#include "notifier/app/client.h"
#include "notifier/app/command.h"
#include "notifier/app/json.h"
#include "notifier/app/table.h"

static int keys_create(int argc, char **argv)
{
	struct client client = {.command = "keys"};
	const char *scopes = NULL;
	const struct options_row rows[] = {
	    CLIENT_OPTION_ROWS(client), {.name = "--scopes", .text = &scopes}};
	struct client_usage usage = {rows, sizeof rows / sizeof *rows, NULL};
	if (!client_open(&client, &usage, argc, argv))
		return client_close(&client);
	json_t *body = json_object();
	json_put_text(body, "account", client.account);
	json_put_text(body, "scopes", scopes);
	client.account = NULL; /* the key's, not the one that asks */
	json_t *key = client_call(&client, "POST", "/v1/keys", body);
	if (key != NULL && client.as_json) {
		client_print_json(key);
	} else if (key != NULL) { /* the key alone on stdout, for KEY=$(notifier keys create) */
		puts(client_text(key, "key"));
		fprintf(stderr, "key %s of account %s may: %s.  It is shown this once; keep it.\n",
		    client_text(key, "id"), client_text(key, "account"),
		    client_text(key, "scopes"));
	}
	json_decref(key);
	return client_close(&client);
}

static void print_list(struct client *client, const json_t *list)
{
	static const struct table_column columns[] = {
	    {"ID", true}, {"ACCOUNT", false}, {"CREATED (UTC)", true}, {"SCOPES", false}};
	struct table *table = table_new(client->arena, columns, sizeof columns / sizeof *columns);
	size_t i;
	const json_t *key;
	json_array_foreach(json_object_get(list, "data"), i, key)
	{
		const char *cells[] = {client_text(key, "id"), client_text(key, "account"),
		    client_time(client, key, "created_at"), client_text(key, "scopes")};
		table_add(table, cells);
	}
	if (table_rows(table) > 0)
		table_show(table);
	else
		puts("no keys; notifier keys create makes one");
}

static int keys_list(int argc, char **argv)
{
	struct client client = {.command = "keys"};
	const struct options_row rows[] = {CLIENT_OPTION_ROWS(client)};
	struct client_usage usage = {rows, sizeof rows / sizeof *rows, NULL};
	if (!client_open(&client, &usage, argc, argv))
		return client_close(&client);
	json_t *list = client_call(&client, "GET", "/v1/keys", NULL);
	if (list != NULL && client.as_json)
		client_print_json(list);
	else if (list != NULL)
		print_list(&client, list);
	json_decref(list);
	return client_close(&client);
}

static int keys_revoke(int argc, char **argv)
{
	struct client client = {.command = "keys"};
	const struct options_row rows[] = {CLIENT_OPTION_ROWS(client)};
	struct client_usage usage = {rows, sizeof rows / sizeof *rows, "a key's ID"};
	if (!client_open(&client, &usage, argc, argv))
		return client_close(&client);
	json_t *done = client_call(
	    &client, "DELETE", client_path(&client, "/v1/keys/%s", argv[1], NULL, NULL), NULL);
	if (done != NULL && client.as_json)
		puts("{}");
	else if (done != NULL)
		printf("%s is revoked\n", argv[1]);
	json_decref(done);
	return client_close(&client);
}

int cmd_keys(int argc, char **argv)
{
	static const struct client_verb verbs[] = {
	    {"create", keys_create}, {"list", keys_list}, {"revoke", keys_revoke}};
	return client_dispatch("keys", verbs, sizeof verbs / sizeof *verbs, argc, argv);
}
