#include "notifier/app/client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "carriers/carrier.h"
#include "notifier/app/config.h"
#include "notifier/app/config_yaml.h"
#include "notifier/app/intake.h"
#include "notifier/app/json.h"
#include "notifier/io/files.h"

#define ANSWER_BYTES (64 << 20)
#define CONNECT_MS   5000L
#define TOTAL_MS     60000L
#define DEFAULT_URL  "http://127.0.0.1:8080"
#define DEFAULT_FILE "notifier.yaml"
#define DEFAULT_DATA "./data" /* as config.def has it */
#define LIST_ROUNDS  10000
#define LIST_LIMIT   200

/* --- which daemon ------------------------------------------------------------------------------
 */

static const char *beside(struct arena *arena, const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');
	if (*path == '/' || slash == NULL)
		return path;
	return arena_printf(arena, "%.*s/%s", (int)(slash - file), file, path);
}

/* Of a file that cannot be loaded here (the daemon's environment has the secrets, ours has not),
 * one line is enough. */
static const char *data_dir_line(struct arena *arena, const char *file)
{
	struct str text;
	struct err err;
	int line;
	if (!files_read(file, CONFIG_YAML_BYTES, arena, &text, &err))
		return NULL;
	const struct config_node *root = config_yaml_parse(text, arena, &line, &err);
	if (root == NULL || root->kind != CONFIG_NODE_MAP)
		return NULL;
	for (size_t i = 0; i < root->count; i++) {
		const struct config_node *value = root->entries[i].value;
		if (text_eq(root->entries[i].key, "data_dir"))
			return value->kind == CONFIG_NODE_TEXT && strstr(value->text, "${") == NULL
			           ? beside(arena, file, value->text)
			           : NULL;
	}
	return beside(arena, file, DEFAULT_DATA);
}

static const char *data_dir_of_file(struct client *client, const char *file)
{
	struct config_problems problems = {.arena = client->arena};
	struct config *config = config_load(file, &problems);
	if (config != NULL) {
		const char *data_dir = arena_strdup(client->arena, config->data_dir);
		config_unref(&config);
		return data_dir;
	}
	const char *data_dir = data_dir_line(client->arena, file);
	if (data_dir == NULL) {
		config_print_problems(file, &problems);
		client->code = options_failed(client->command,
		    "%s does not tell the data folder; mend it, or set NOTIFIER_DATA_DIR", file);
	}
	return data_dir;
}

static const char *find_data_dir(struct client *client)
{
	const char *environment = getenv("NOTIFIER_DATA_DIR");
	if (client->config != NULL)
		return data_dir_of_file(client, client->config);
	if (!text_is_empty(environment))
		return environment;
	return files_exists(DEFAULT_FILE) ? data_dir_of_file(client, DEFAULT_FILE) : DEFAULT_DATA;
}

static bool find_daemon(struct client *client)
{
	if (client->url != NULL || client->key != NULL) {
		const char *url = client->url ? client->url : DEFAULT_URL;
		size_t len = strlen(url);
		while (len > 0 && url[len - 1] == '/')
			len--;
		client->base = arena_strndup(client->arena, url, len);
		client->key = client->key ? client->key : getenv("NOTIFIER_KEY");
		return true;
	}
	const char *data_dir = find_data_dir(client);
	if (data_dir == NULL)
		return false;
	client->base = "http://localhost";
	client->socket_path = arena_printf(client->arena, "%s/admin.sock", data_dir);
	return true;
}

/* --- arguments ---------------------------------------------------------------------------------
 */

static void add_verbs(struct buf *list, const struct client_verb *verbs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_printf(list, "%s%s", i ? i + 1 == count ? " or " : ", " : "", verbs[i].name);
}

int client_dispatch(
    const char *command, const struct client_verb *verbs, size_t count, int argc, char **argv)
{
	const char *names[16];
	struct buf list = BUF_EMPTY(200);
	must(count <= 16);
	for (size_t i = 0; i < count; i++) {
		names[i] = verbs[i].name;
		if (argc > 1 && text_eq(argv[1], verbs[i].name))
			return verbs[i].run(argc - 1, argv + 1);
	}
	add_verbs(&list, verbs, count);
	const char *nearest = argc > 1 ? text_nearest(argv[1], names, count) : NULL;
	int code =
	    argc < 2 ? options_usage(command, "say what to do first: %s", buf_text(&list))
	    : nearest != NULL
	        ? options_usage(command, "unknown \"%s\"; did you mean \"%s\"?", argv[1], nearest)
	        : options_usage(command, "unknown \"%s\"; it takes %s", argv[1], buf_text(&list));
	buf_free(&list);
	return code;
}

bool client_open(struct client *client, const struct client_usage *usage, int argc, char **argv)
{
	int words, wanted = usage->words ? 1 : 0;
	struct err err;
	client->arena = arena_new();
	if (!options_parse(usage->rows, usage->row_count, argc, argv, &words, &err)) {
		client->code = options_usage(client->command, "%s", err.text);
		return false;
	}
	if (words < wanted) {
		client->code = options_usage(client->command, "%s needs %s", argv[0], usage->words);
		return false;
	}
	if (words > wanted) {
		client->code =
		    options_usage(client->command, "unexpected \"%s\"", argv[wanted + 1]);
		return false;
	}
	if (!find_daemon(client))
		return false;
	client->curl = curl_easy_init();
	must(client->curl != NULL);
	return true;
}

int client_close(struct client *client)
{
	if (client->curl != NULL)
		curl_easy_cleanup(client->curl);
	client->curl = NULL;
	arena_free(&client->arena);
	return client->code;
}

/* --- one request -------------------------------------------------------------------------------
 */

const char *client_path(
    struct client *client, const char *format, const char *a, const char *b, const char *c)
{
	const char *const arguments[] = {a, b, c};
	struct buf path = BUF_EMPTY(0);
	size_t used = 0;
	for (const char *p = format; *p; p++) {
		if (p[0] != '%' || p[1] != 's') {
			buf_add_char(&path, *p);
			continue;
		}
		must(used < 3 && arguments[used] != NULL);
		buf_add_text(&path, carrier_url_escape(client->arena, arguments[used++]));
		p++;
	}
	const char *text = arena_strdup(client->arena, buf_text(&path));
	buf_free(&path);
	return text;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *context)
{
	struct buf *answer = context;
	buf_add(answer, bytes, size * count);
	return answer->overflowed ? 0 : size * count;
}

static const char *url_of(const struct client *client, const char *path, struct arena *scratch)
{
	if (client->account == NULL)
		return arena_printf(scratch, "%s%s", client->base, path);
	return arena_printf(scratch, "%s%s%caccount=%s", client->base, path,
	    strchr(path, '?') ? '&' : '?', carrier_url_escape(scratch, client->account));
}

static bool complain_unreachable(struct client *client, CURLcode code, const char *details)
{
	const char *why = *details ? details : curl_easy_strerror(code);
	if (client->socket_path == NULL)
		client->code =
		    options_failed(client->command, "cannot reach %s: %s", client->base, why);
	else if (code == CURLE_COULDNT_CONNECT && files_exists(client->socket_path) &&
	         access(client->socket_path, W_OK) != 0)
		client->code = options_failed(client->command,
		    "may not open %s: only the user that `notifier serve` runs as may",
		    client->socket_path);
	else if (code == CURLE_COULDNT_CONNECT)
		client->code = options_failed(client->command,
		    "cannot reach %s: is `notifier serve` running with this data folder?",
		    client->socket_path);
	else
		client->code = options_failed(client->command, "%s: %s", client->socket_path, why);
	return false;
}

static struct curl_slist *headers_of(const struct client *client, bool has_body)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");
	if (has_body)
		headers = curl_slist_append(headers, "Content-Type: application/json");
	if (!text_is_empty(client->key) && client->socket_path == NULL) {
		char *bearer = xasprintf("Authorization: Bearer %s", client->key);
		headers = curl_slist_append(headers, bearer);
		xfree(bearer);
	}
	return headers;
}

static void describe(struct client *client, const char *method, struct str body, struct buf *answer)
{
	CURL *curl = client->curl;
	curl_easy_reset(curl); /* keeps the connection */
	if (client->socket_path != NULL)
		curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->socket_path);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TOTAL_MS);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	if (body.at != NULL) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.at);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body.len);
	}
}

/* An answer that is no JSON comes from somebody else: a proxy, another program on the port. */
static bool read_answer(struct client *client, const struct buf *text, struct client_answer *answer)
{
	json_error_t problem;
	if (text->size == 0)
		return true;
	answer->body = json_loadb(text->data, text->size, 0, &problem);
	if (answer->body != NULL)
		return true;
	client->code = options_failed(client->command,
	    "%s answered %d with something that is not JSON: is it a notifier?",
	    client->socket_path ? client->socket_path : client->base, answer->status);
	return false;
}

bool client_ask(struct client *client, const char *method, const char *path, json_t *take_body,
    struct client_answer *answer)
{
	CURL *curl = client->curl;
	struct arena *scratch = arena_new(); /* of this request: an import makes many */
	char details[CURL_ERROR_SIZE] = "";
	long status = 0;
	struct buf text = BUF_EMPTY(ANSWER_BYTES);
	struct str body = take_body ? json_text(take_body, scratch) : str_of(NULL);
	struct curl_slist *headers = headers_of(client, take_body != NULL);
	json_decref(take_body);
	*answer = (struct client_answer){0};
	describe(client, method, body, &text);
	curl_easy_setopt(curl, CURLOPT_URL, url_of(client, path, scratch));
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, details);
	CURLcode code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
	curl_slist_free_all(headers);
	answer->status = (int)status;
	bool ok = code == CURLE_OK ? read_answer(client, &text, answer)
	                           : complain_unreachable(client, code, details);
	buf_free(&text);
	arena_free(&scratch);
	return ok;
}

void client_print_problem(
    struct client *client, const char *where, const struct client_answer *answer)
{
	size_t i;
	const json_t *place;
	char clean[400];
	const char *detail = client_text(answer->body, "detail");
	const char *prefix =
	    where ? where : arena_printf(client->arena, "notifier %s", client->command);
	const json_t *errors = json_object_get(answer->body, "errors");
	client->code = EXIT_FAILED;
	json_array_foreach(errors, i, place)
	{
		const char *pointer = client_text(place, "pointer");
		text_clean(clean, sizeof clean,
		    client_text(place, "detail") ? client_text(place, "detail") : "?");
		fprintf(stderr, "%s: %s%s%s\n", prefix, text_is_empty(pointer) ? "" : pointer,
		    text_is_empty(pointer) ? "" : ": ", clean);
	}
	if (json_array_size(errors) > 0)
		return;
	text_clean(clean, sizeof clean, detail ? detail : "no explanation was given");
	fprintf(stderr, "%s: %s (%d)\n", prefix, clean, answer->status);
	if (answer->status == 401 && text_is_empty(client->key))
		fprintf(stderr, "%s: give it with --key or in NOTIFIER_KEY\n", prefix);
}

json_t *client_call(struct client *client, const char *method, const char *path, json_t *take_body)
{
	struct client_answer answer;
	if (!client_ask(client, method, path, take_body, &answer)) {
		json_decref(answer.body);
		return NULL;
	}
	if (answer.status >= 200 && answer.status < 300)
		return answer.body ? answer.body : json_object();
	client_print_problem(client, NULL, &answer);
	json_decref(answer.body);
	return NULL;
}

const char *client_filtered(
    struct client *client, const char *path, const char *name, const char *value)
{
	if (value == NULL)
		return path;
	const char *filter = client_path(client, "%s=%s", name, value, NULL);
	return arena_printf(client->arena, "%s%c%s", path, strchr(path, '?') ? '&' : '?', filter);
}

/* "--limit 50"; false: said. */
static bool limit_read(struct client *client, const char *text, size_t *limit)
{
	int64_t number;
	if (text == NULL)
		return true;
	if (!str_to_int64(str_of(text), &number) || number < 1 || number > 10000000) {
		client->code = options_usage(
		    client->command, "--limit takes a number from 1, not \"%s\"", text);
		return false;
	}
	*limit = (size_t)number;
	return true;
}

static json_t *list_ask(struct client *client, const char *path, size_t limit)
{
	json_t *all = json_object(), *data = json_array();
	const char *cursor = NULL,
	           *size = arena_printf(client->arena, "%zu", limit < 200 ? limit : 200);
	json_object_set_new(all, "data", data);
	for (int round = 0; round < LIST_ROUNDS; round++) {
		const char *page_path = client_filtered(client, path, "limit", size);
		page_path = client_filtered(client, page_path, "cursor", cursor);
		json_t *page = client_call(client, "GET", page_path, NULL);
		if (page == NULL) {
			json_decref(all);
			return NULL;
		}
		json_array_extend(data, json_object_get(page, "data"));
		cursor = arena_strdup(client->arena, client_text(page, "next"));
		json_decref(page);
		if (cursor == NULL || json_array_size(data) >= limit)
			break;
	}
	json_put_null_text(all, "next", cursor);
	return all;
}

void client_list(struct client *client, const char *path, const char *limit_text,
    void (*print)(struct client *client, const json_t *list))
{
	size_t limit = LIST_LIMIT;
	if (!limit_read(client, limit_text, &limit))
		return;
	json_t *list = list_ask(client, path, limit);
	size_t count = json_array_size(json_object_get(list, "data"));
	if (list != NULL && client->as_json) {
		client_print_json(list);
	} else if (list != NULL) {
		print(client, list);
		if (client_text(list, "next") != NULL)
			fprintf(stderr, "there are more; --limit %zu shows more\n", count * 10);
	}
	json_decref(list);
}

const char *client_shipment_id(struct client *client, const char *id_or_number)
{
	struct client_answer answer;
	if (strncmp(id_or_number, "shp_", 4) == 0)
		return id_or_number;
	const char *id = NULL, *number = intake_number(id_or_number, client->arena);
	const char *path = client_path(client, "/v1/shipments?number=%s", number, NULL, NULL);
	if (client_ask(client, "GET", path, NULL, &answer)) {
		const json_t *first = json_array_get(json_object_get(answer.body, "data"), 0);
		id = arena_strdup(client->arena, client_text(first, "id"));
		if (id == NULL && (answer.status == 200 || answer.status == 404))
			client->code = options_failed(
			    client->command, "no shipment has the number \"%s\"", number);
		else if (id == NULL)
			client_print_problem(client, NULL, &answer);
	}
	json_decref(answer.body);
	return id;
}

/* --- answers on the screen ---------------------------------------------------------------------
 */

void client_print_json(const json_t *value)
{
	size_t flags = isatty(STDOUT_FILENO) ? JSON_INDENT(2) : JSON_COMPACT;
	json_dumpf(value, stdout, flags | JSON_ENCODE_ANY);
	putchar('\n');
}

const char *client_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

const char *client_time(struct client *client, const json_t *object, const char *key)
{
	struct when when;
	const char *text = client_text(object, key);
	if (text == NULL || !when_parse(str_of(text), &when) || !when.has_time)
		return text;
	struct civil civil = civil_of_instant(when_instant(&when, 0), 0);
	return arena_printf(client->arena, "%04d-%02d-%02d %02d:%02d", civil.year, civil.month,
	    civil.day, civil.hour, civil.minute);
}

const char *client_span(struct client *client, const json_t *object, const char *key)
{
	const json_t *span = json_object_get(object, key);
	const char *from = client_time(client, span, "from"), *to = client_time(client, span, "to");
	if (from == NULL || to == NULL || text_eq(from, to))
		return to ? to : from;
	return arena_printf(client->arena, "%s … %s", from, to);
}

void client_print_line(const char *label, const char *text)
{
	char clean[1024];
	if (text == NULL)
		return;
	text_clean(clean, sizeof clean, text);
	printf("%-16s %s\n", label, clean);
}
