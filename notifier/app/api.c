#include "notifier/app/api.h"

#include <openssl/crypto.h>
#include <string.h>

#include "notifier/app/assets.h"
#include "notifier/app/foresight_model.h"
#include "notifier/app/ingest.h"
#include "notifier/app/json.h"
#include "notifier/app/memory.h"
#include "notifier/app/metrics.h"
#include "notifier/base/log.h"

/* --- scopes
 * --------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	enum scope scope;
} scope_names[] = {{"shipments:read", SCOPE_READ}, {"shipments:write", SCOPE_WRITE},
    {"templates", SCOPE_TEMPLATES}, {"admin", SCOPE_ADMIN}};
#define SCOPE_COUNT (sizeof scope_names / sizeof *scope_names)

bool scopes_parse(const char *text, unsigned *out, struct err *err)
{
	struct str rest = str_of(text), word;
	*out = 0;
	while (rest.len > 0) {
		rest = str_cut(rest, ',', &word);
		word = str_trim(word);
		size_t i = 0;
		while (i < SCOPE_COUNT && !str_eq(word, scope_names[i].name))
			i++;
		if (i == SCOPE_COUNT)
			return err_set(err, ERR_INPUT,
			    "\"%.*s\" is no scope; known: shipments:read, shipments:write, "
			    "templates, admin",
			    (int)word.len, word.at);
		*out |= scope_names[i].scope;
	}
	return true;
}

const char *scopes_print(unsigned scopes, struct arena *arena)
{
	const char *text = "";
	for (size_t i = 0; i < SCOPE_COUNT; i++)
		if (scopes & scope_names[i].scope)
			text = arena_printf(
			    arena, "%s%s%s", text, *text ? "," : "", scope_names[i].name);
	return text;
}

/* --- routes
 * --------------------------------------------------------------------------------------- */

static const struct route routes[] = {
    {"POST", "/v1/shipments", SCOPE_WRITE, api_shipments_post},
    {"GET", "/v1/shipments", SCOPE_READ, api_shipments_list},
    {"GET", "/v1/shipments/{}", SCOPE_READ, api_shipment_get},
    {"GET", "/v1/shipments/{}/explain", SCOPE_READ, api_shipment_explain},
    {"PATCH", "/v1/shipments/{}", SCOPE_WRITE, api_shipment_patch},
    {"DELETE", "/v1/shipments/{}", SCOPE_WRITE, api_shipment_delete},
    {"POST", "/v1/shipments/{}/refresh", SCOPE_WRITE, api_shipment_refresh},
    {"GET", "/v1/messages", SCOPE_READ, api_messages_list},
    {"GET", "/v1/messages/{}", SCOPE_READ, api_message_get},
    {"POST", "/v1/messages/{}/retry", SCOPE_WRITE, api_message_retry},
    {"POST", "/v1/messages/{}/drop", SCOPE_WRITE, api_message_drop},
    {"POST", "/v1/keys", SCOPE_ADMIN, api_keys_post},
    {"GET", "/v1/keys", SCOPE_ADMIN, api_keys_list},
    {"DELETE", "/v1/keys/{}", SCOPE_ADMIN, api_key_delete},
    {"GET", "/v1/model", SCOPE_ADMIN, api_model_show},
    {"DELETE", "/v1/model", SCOPE_ADMIN, api_model_reset},
    {"GET", "/v1/model/export", SCOPE_ADMIN, api_model_export},
    {"PUT", "/v1/model/import", SCOPE_ADMIN, api_model_import},
};
#define ROUTE_COUNT (sizeof routes / sizeof *routes)

size_t api_route_count(void)
{
	return ROUTE_COUNT;
}

void api_route_at(size_t index, const char **method, const char **pattern)
{
	must(index < ROUTE_COUNT);
	*method = routes[index].method;
	*pattern = routes[index].pattern;
}

/* Matches path against a pattern with at most one {}; what stands for it goes to *argument. */
static bool route_matches(const char *pattern, const char *path, struct str *argument)
{
	const char *hole = strstr(pattern, "{}");
	*argument = str_of("");
	if (hole == NULL)
		return strcmp(pattern, path) == 0;
	size_t head = (size_t)(hole - pattern), tail = strlen(hole + 2), len = strlen(path);
	if (len <= head + tail || strncmp(path, pattern, head) != 0 ||
	    strcmp(path + len - tail, hole + 2) != 0)
		return false;
	*argument = str_make(path + head, len - head - tail);
	return memchr(argument->at, '/', argument->len) == NULL;
}

/* NULL: *allowed lists the methods that the path takes, and is empty where nothing is. */
static const struct route *route_find(
    const char *method, const char *path, struct str *argument, struct buf *allowed)
{
	for (size_t i = 0; i < ROUTE_COUNT; i++) {
		if (!route_matches(routes[i].pattern, path, argument))
			continue;
		if (strcmp(routes[i].method, method) == 0)
			return &routes[i];
		buf_printf(allowed, "%s%s", allowed->size > 0 ? ", " : "", routes[i].method);
		if (strcmp(routes[i].method, "GET") == 0)
			buf_add_text(allowed, ", HEAD");
	}
	return NULL;
}

/* --- the frame of a request
 * --------------------------------------------------------------------------- */

#define API_STEPS(X)                                                                               \
	X(api, admit)                                                                              \
	X(api, authenticate)
API_STEPS(FLOW_STEP)
API_ROUTE(api_then_dispatch, dispatch)

static void api_fini(struct flow *flow)
{
	struct api *api = (struct api *)(void *)flow;
	api_give_up_claim(api);
	json_decref(api->json);
	foresight_copy_free(&api->copy);
	foresight_order_end(api->world->foresight, api);
	config_unref(&api->config);
	xfree(api);
}

static const struct flow_type api_type = {"api", api_fini};

next api_problem(struct api *api, int status, const char *code, const char *detail)
{
	problem_send(api->exchange, status, code, detail);
	return END;
}

void api_send_text(struct api *api, int status, struct str body)
{
	struct http_reply reply = {
	    .status = status, .content_type = "application/json", .body = body};
	http_reply_send(api->exchange, &reply);
}

next api_store_failed(struct api *api)
{
	LOG(WARN, "api_store_failed", f_text("request_id", http_exchange_id(api->exchange)),
	    f_text("path", api->path), f_text("why", api->flow.err.text));
	problem_send_retry(
	    api->exchange, "not_writable", "The storage does not answer or take writes now.");
	return END;
}

const char *api_query(const struct api *api, const char *name)
{
	for (size_t i = 0; i < api->query_count; i++)
		if (strcmp(api->query[i].name, name) == 0)
			return api->query[i].value;
	return NULL;
}

bool api_body(struct api *api)
{
	json_error_t problem;
	json_decref(api->json);
	api->json = json_loadb(api->body.at, api->body.len, JSON_REJECT_DUPLICATES, &problem);
	if (api->json != NULL)
		return true;
	api_problem(api, 400, "invalid_json",
	    arena_printf(api->flow.arena, "The body is not JSON: line %d, column %d: %s",
	        problem.line, problem.column, problem.text));
	return false;
}

static bool is_public_read(const struct api *api)
{
	return api->config->allow_public_page && api->key == NULL &&
	       api->route->scope == SCOPE_READ;
}

static next api_admit(struct api *api) /* who asks? */
{
	if (api->is_local || is_public_read(api)) {
		const char *account = api_query(api, "account");
		api->scopes = api->is_local ? ~0u : (unsigned)SCOPE_READ;
		api->account = account ? account : "default";
		return api_then_recall;
	}
	if (api->key == NULL)
		return api_problem(api, 401, "key_required",
		    "Send an API key: Authorization: Bearer ntk_…  (notifier keys create makes "
		    "one)");
	char hash[65];
	key_sha256_hex(hash, api->key, strlen(api->key));
	struct str command[] = {redis_arg("HGET"), redis_arg(KEY_API_KEYS),
	    str_of(arena_strdup(api->flow.arena, hash))};
	return AWAIT(api, authenticate,
	    redis_call(api->world->redis, &api->flow, command, 3, &api->value), STORE_SOON_MS);
}

/* The key is looked up by its hash: nothing here compares secrets byte by byte. */
static next api_authenticate(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	json_t *row = api->value.type == REDIS_TEXT
	                  ? json_loadb(api->value.text.at, api->value.text.len, 0, NULL)
	                  : NULL;
	if (row == NULL)
		return api_problem(
		    api, 401, "key_unknown", "This API key does not exist or was revoked.");
	api->scopes = (unsigned)json_get_int(row, "scopes");
	api->account = json_get_text(row, "account", api->flow.arena);
	json_decref(row);
	if ((api->scopes & (unsigned)api->route->scope) == 0)
		return api_problem(api, 403, "scope_missing",
		    arena_printf(api->flow.arena,
		        "This key may not do that; it lacks the scope %s.",
		        scopes_print((unsigned)api->route->scope, api->flow.arena)));
	return api_then_recall;
}

static next api_dispatch(struct api *api)
{
	if (config_account(api->config, api->account) == NULL)
		return api_problem(api, 404, "unknown_account", "No such account is configured.");
	api->apply =
	    (struct apply){.world = api->world, .config = api->config, .arena = api->flow.arena};
	return api->route->first;
}

static const char *bearer(const struct http_incoming *incoming, struct arena *arena)
{
	const char *value = http_incoming_header(incoming, "Authorization");
	if (value == NULL || strncasecmp(value, "Bearer ", 7) != 0)
		return NULL;
	return arena_strdup(arena, value + 7);
}

static void copy_query(struct api *api, const struct http_incoming *incoming)
{
	struct http_header *query =
	    arena_array(api->flow.arena, incoming->query_count, sizeof *query);
	for (size_t i = 0; i < incoming->query_count; i++)
		query[i] =
		    (struct http_header){arena_strdup(api->flow.arena, incoming->query[i].name),
		        arena_strdup(api->flow.arena, incoming->query[i].value)};
	api->query = query;
	api->query_count = incoming->query_count;
}

static void api_start(struct world *world, struct http_exchange *exchange,
    const struct http_incoming *incoming, const struct route *route, struct str argument,
    bool is_local)
{
	struct api *api = xcalloc(1, sizeof *api);
	flow_prepare(&api->flow);
	struct arena *arena = api->flow.arena;
	api->world = world;
	api->config = config_ref(world->config);
	api->exchange = exchange;
	api->route = route;
	api->is_local = is_local;
	api->method = arena_strdup(arena, incoming->method);
	api->path = arena_strdup(arena, incoming->path);
	api->argument = arena_strndup(arena, argument.at, argument.len);
	api->key = bearer(incoming, arena);
	api->idempotency_key =
	    arena_strdup(arena, http_incoming_header(incoming, "Idempotency-Key"));
	char *body = arena_alloc(arena, incoming->body.len + 1);
	if (incoming->body.len > 0)
		memcpy(body, incoming->body.at, incoming->body.len);
	api->body = str_make(body, incoming->body.len);
	copy_query(api, incoming);
	flow_start(&api->flow, &api_type, do_admit);
}

/* --- what needs no key
 * --------------------------------------------------------------------------------- */

static void send_text(struct http_exchange *exchange, int status, const char *type, struct str body)
{
	struct http_reply reply = {.status = status, .content_type = type, .body = body};
	http_reply_send(exchange, &reply);
}

static void send_metrics(struct world *world, struct http_exchange *exchange)
{
	unsigned owned = 0;
	for (unsigned i = 0; i < PARTITIONS; i++)
		owned += world_owns(world, i);
	metric_set(METRIC_PARTITIONS, owned, NULL, NULL, NULL);
	metric_set(METRIC_IN_FLIGHT, world->messages_in_flight, NULL, NULL, NULL);
	metric_set(METRIC_FLOWS, (double)flow_count(), NULL, NULL, NULL);
	metric_set(METRIC_LOOP_GAP, (double)loop_take_longest_gap_us() / 1e6, NULL, NULL, NULL);
	for (size_t i = 0; i < world->carrier_count; i++)
		metric_set(METRIC_BREAKER, world->carriers[i].breaker.state != BREAKER_CLOSED,
		    world->carriers[i].carrier->name, NULL, NULL);
	for (size_t i = 0; i < world->account_count; i++)
		metric_set(METRIC_BREAKER, world->accounts[i].breaker.state != BREAKER_CLOSED,
		    world->accounts[i].smtp ? "smtp" : "mailbox", NULL, NULL);
	for (int state = 0; state < REDIS_STATES; state++)
		metric_set(METRIC_REDIS_STATE,
		    redis_state_now(world->redis) == (enum redis_state)state,
		    redis_state_name((enum redis_state)state), NULL, NULL);
	struct buf text = BUF_EMPTY(0);
	metrics_print(&text);
	send_text(exchange, 200, "text/plain; version=0.0.4; charset=utf-8",
	    str_make(text.data, text.size));
	buf_free(&text);
}

/* Ready: Redis takes writes and the templates are loaded. */
static void send_ready(struct world *world, struct http_exchange *exchange)
{
	enum redis_state state = redis_state_now(world->redis);
	bool ready = state == REDIS_OK && world->catalogue != NULL && !world->is_stopping;
	char text[200];
	int len = snprintf(text, sizeof text,
	    "{\"ready\":%s,\"redis\":\"%s\",\"stopping\":%s,\"intake\":\"%s\",\"memory\":%.3f}",
	    ready ? "true" : "false", redis_state_name(state),
	    world->is_stopping ? "true" : "false", memory_is_short(world) ? "paused" : "open",
	    world->memory_used);
	send_text(exchange, ready ? 200 : 503, "application/json", str_make(text, (size_t)len));
}

static void send_alive(struct world *world, struct http_exchange *exchange)
{
	(void)world;
	send_text(exchange, 200, "application/json", str_of("{\"alive\":true}"));
}

static void send_openapi(struct world *world, struct http_exchange *exchange)
{
	(void)world;
	send_text(exchange, 200, "application/json",
	    str_of((const char *)asset_find("notifier/app/openapi.json")->bytes));
}

static bool handle_open(
    struct world *world, struct http_exchange *exchange, const struct http_incoming *incoming)
{
	static const struct {
		const char *path;
		void (*send)(struct world *world, struct http_exchange *exchange);
	} pages[] = {{"/healthz", send_alive}, {"/readyz", send_ready}, {"/metrics", send_metrics},
	    {"/v1/openapi.json", send_openapi}};
	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
		if (strcmp(incoming->path, pages[i].path) != 0)
			continue;
		if (strcmp(incoming->method, "GET") == 0)
			pages[i].send(world, exchange);
		else
			problem_send_allowed(exchange, "GET, HEAD");
		return true;
	}
	return false;
}

/* /hooks/{carrier}/{account} */
static bool handle_hook(
    struct world *world, struct http_exchange *exchange, const struct http_incoming *incoming)
{
	struct str carrier, account, rest = str_of(incoming->path);
	if (!str_starts(rest, "/hooks/"))
		return false;
	if (strcmp(incoming->method, "POST") != 0 && strcmp(incoming->method, "GET") != 0) {
		problem_send_allowed(exchange, "GET, HEAD, POST");
		return true;
	}
	rest = str_cut(str_make(rest.at + 7, rest.len - 7), '/', &carrier);
	account = rest.len > 0 ? rest : str_of("default");
	struct arena *arena = arena_new();
	ingest_start(world, exchange, incoming, arena_strndup(arena, carrier.at, carrier.len),
	    arena_strndup(arena, account.at, account.len));
	arena_free(&arena);
	return true;
}

static void handle_route(struct world *world, struct http_exchange *exchange,
    const struct http_incoming *incoming, bool is_local)
{
	struct str argument;
	struct buf allowed = BUF_EMPTY(80);
	const struct route *route =
	    route_find(incoming->method, incoming->path, &argument, &allowed);
	if (route != NULL)
		api_start(world, exchange, incoming, route, argument, is_local);
	else if (allowed.size > 0)
		problem_send_allowed(exchange, buf_text(&allowed));
	else if (!console_handle(world, exchange, incoming))
		problem_send(exchange, 404, "not_found",
		    "There is nothing here; /v1/openapi.json lists what is.");
	buf_free(&allowed);
}

static void handle(struct world *world, struct http_exchange *exchange,
    const struct http_incoming *incoming, bool is_local)
{
	struct http_incoming asked = *incoming;
	/* HEAD is a GET whose answer has no body (RFC 9110, 9.3.2): the server leaves it out. */
	if (strcmp(asked.method, "HEAD") == 0)
		asked.method = "GET";
	if (handle_open(world, exchange, &asked) ||
	    (!is_local && handle_hook(world, exchange, &asked)))
		return;
	handle_route(world, exchange, &asked, is_local);
}

void api_handle(struct http_exchange *exchange, const struct http_incoming *incoming, void *context)
{
	handle(context, exchange, incoming, false);
}

void api_handle_admin(
    struct http_exchange *exchange, const struct http_incoming *incoming, void *context)
{
	handle(context, exchange, incoming, true);
}
