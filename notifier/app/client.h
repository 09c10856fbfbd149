/* A client of the running daemon, for the subcommands: one request after the other, blocking.
 *
 * Over the admin socket in the data folder (no key: who may read the folder may do everything), or
 * over HTTP with --url or --key.  Invariant: what went wrong has been said on stderr before a
 * function returns failure, and client->code is the exit code that fits.
 */
#ifndef APP_CLIENT_H
#define APP_CLIENT_H
#include <jansson.h>

#include "notifier/app/options.h"
#include "notifier/base/mem.h"

struct client {
	const char *command; /* "shipments": stands in front of what is said on stderr */
	/* The options that all of them take. */
	const char *config, *url, *key, *account;
	bool as_json;
	/* Made by client_open. */
	struct arena *arena;
	void *curl;              /* CURL * */
	const char *base;        /* "http://127.0.0.1:8080" */
	const char *socket_path; /* NULL: over TCP */
	int code;
};

#define CLIENT_OPTION_ROWS(client)                                                                 \
	{.name = "--config", .text = &(client).config}, {.name = "--url", .text = &(client).url},  \
	    {.name = "--key", .text = &(client).key},                                              \
	    {.name = "--account", .text = &(client).account},                                      \
	{                                                                                          \
		.name = "--json", .is_on = &(client).as_json                                       \
	}

/* One word behind the command: `notifier shipments LIST`; it stands before any option. */
struct client_verb {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the verb; returns the exit code */
};
int client_dispatch(
    const char *command, const struct client_verb *verbs, size_t count, int argc, char **argv);

struct client_usage {
	const struct options_row *rows;
	size_t row_count;
	const char *words; /* what must follow the verb: "ID"; NULL: nothing */
};
/* Reads the verb's arguments, of which argv[1] is the word afterwards, and finds the daemon (it is
 * not called yet). */
bool client_open(
    struct client *client, const struct client_usage *usage, int argc, char **argv) CHECK_RESULT;
int client_close(
    struct client *client); /* releases; returns client->code; fine after a failed open */

/* "/v1/shipments/%s" with the arguments escaped for a URL (RFC 3986); up to three %s. */
const char *client_path(
    struct client *client, const char *format, const char *a, const char *b, const char *c);

struct client_answer {
	int status;
	json_t *body; /* NULL: none; the caller's */
};
/* One request; the body is taken.  False: the daemon could not be asked at all. */
bool client_ask(struct client *client, const char *method, const char *path, json_t *take_body,
    struct client_answer *answer) CHECK_RESULT;
/* The same where only success will do: the answer's body (the caller's), or NULL. */
json_t *client_call(struct client *client, const char *method, const char *path, json_t *take_body);
/* The problem (RFC 9457) on stderr, one line per error: "WHERE: /carrier: is required". */
void client_print_problem(
    struct client *client, const char *where, const struct client_answer *answer);

/* "/v1/shipments" with "name=value" behind it, escaped; the path as it is when value is NULL. */
const char *client_filtered(
    struct client *client, const char *path, const char *name, const char *value);
/* `list`: follows the cursor until as many rows are there as limit says ("50"; NULL: 200), and
 * shows {"data":[…],"next":…} as JSON or by print. */
void client_list(struct client *client, const char *path, const char *limit_text,
    void (*print)(struct client *client, const json_t *list));
/* The id itself, or that of the shipment with this tracking number; NULL: there is none. */
const char *client_shipment_id(struct client *client, const char *id_or_number);

/* --- answers on the screen --- */
void client_print_json(const json_t *value); /* one line for machines, indented on a terminal */
const char *client_text(const json_t *object, const char *key); /* borrowed; NULL: no text there */
/* "2026-03-05 09:05" of an RFC 3339 text in UTC; NULL for anything else. */
const char *client_time(struct client *client, const json_t *object, const char *key);
/* "from … to", "to" or NULL of {"from","to"}. */
const char *client_span(struct client *client, const json_t *object, const char *key);
/* A line of a sheet; nothing for NULL. */
void client_print_line(const char *label, const char *text);
#endif
