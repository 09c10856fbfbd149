/* `notifier carriers`: the adapters, what each supports and how it is configured. */
#include <stdio.h>
#include <string.h>

#include "carriers/carrier.h"
#include "notifier/app/command.h"
#include "notifier/app/json.h"

static bool can_poll(const struct carrier *carrier)
{
	return carrier->poll_request != NULL;
}

static bool takes_webhooks(const struct carrier *carrier)
{
	return carrier->hook_verify != NULL && carrier->hook_read != NULL;
}

static json_t *option_json(const struct carrier_option *option)
{
	json_t *json = json_object();
	json_put_text(json, "name", option->name);
	json_put_text(json, "help", option->help);
	json_put_null_text(json, "default", option->default_value);
	json_object_set_new(json, "secret", json_boolean(option->is_secret));
	json_object_set_new(json, "required", json_boolean(option->is_required));
	return json;
}

static json_t *carrier_json(const struct carrier *carrier)
{
	json_t *json = json_object(), *options = json_array();
	json_put_text(json, "name", carrier->name);
	json_put_text(json, "title", carrier->title);
	json_object_set_new(json, "poll", json_boolean(can_poll(carrier)));
	json_object_set_new(json, "webhook", json_boolean(takes_webhooks(carrier)));
	json_object_set_new(json, "batch", json_integer((json_int_t)carrier->batch_max));
	json_put_null_text(json, "base_url", carrier->default_base_url);
	json_put_null_text(json, "tracking_page", carrier->tracking_page);
	for (size_t i = 0; i < carrier->option_count; i++)
		json_array_append_new(options, option_json(&carrier->options[i]));
	json_object_set_new(json, "options", options);
	return json;
}

/* One array for machines, as {"data":[…]} of the HTTP lists. */
static int print_json(void)
{
	struct arena *arena = arena_new();
	json_t *list = json_object(), *data = json_array();
	for (size_t i = 0; i < carrier_count(); i++)
		json_array_append_new(data, carrier_json(carrier_at(i)));
	json_object_set_new(list, "data", data);
	puts(json_text(list, arena).at);
	json_decref(list);
	arena_free(&arena);
	return EXIT_DONE;
}

static void print_row(const struct carrier *carrier)
{
	printf("%-14s %-24s %-5s %-8s ", carrier->name, carrier->title,
	    can_poll(carrier) ? "yes" : "-", takes_webhooks(carrier) ? "yes" : "-");
	if (can_poll(carrier))
		printf("%5zu ", carrier->batch_max);
	else
		printf("%5s ", "-");
	if (carrier->option_count == 0)
		fputs(" -", stdout);
	for (size_t i = 0; i < carrier->option_count; i++)
		printf(
		    " %s%s", carrier->options[i].name, carrier->options[i].is_required ? "*" : "");
	putchar('\n');
}

static int print_table(void)
{
	printf("%-14s %-24s %-5s %-8s %5s  %s\n", "NAME", "TITLE", "POLL", "WEBHOOK", "BATCH",
	    "OPTIONS (* needed to poll)");
	for (size_t i = 0; i < carrier_count(); i++)
		print_row(carrier_at(i));
	return EXIT_DONE;
}

int cmd_carriers(int argc, char **argv)
{
	bool as_json = false;
	const struct options_row rows[] = {{.name = "--json", .is_on = &as_json}};
	struct err err;
	int words;
	if (!options_parse(rows, 1, argc, argv, &words, &err))
		return options_usage("carriers", "%s", err.text);
	if (words > 1 || (words == 1 && !text_eq(argv[1], "list")))
		return options_usage(
		    "carriers", "unknown \"%s\"; did you mean \"list\"?", argv[words]);
	return as_json ? print_json() : print_table();
}
