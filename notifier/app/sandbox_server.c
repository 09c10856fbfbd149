#include "notifier/app/sandbox_server.h"

#include <jansson.h>
#include <string.h>

#include "carriers/sandbox_render.h"
#include "carriers/sandbox_script.h"
#include "notifier/app/json.h"
#include "notifier/app/sandbox_push.h"
#include "notifier/base/map.h"

#define PARCELS_MAX  100000
#define NUMBERS_MAX  30 /* FedEx's own limit for one call */
#define TOKEN_LIFE_S 3600
#define ZONE         "Europe/Berlin" /* where its depots are */

struct parcel {
	int64_t started_ms;
	struct sandbox_push *push; /* NULL: nobody asked for it */
};

static struct sandbox {
	struct world *world;
	struct map parcels; /* by number */
	char token[41];
	int64_t token_until_ms; /* monotonic */
} sandbox;

/* --- the parcels ------------------------------------------------------------------------------ */

static struct parcel *parcel_of(const char *number, int64_t started_ms)
{
	struct str key = str_of(number);
	struct parcel *parcel = map_get(&sandbox.parcels, key);
	if (parcel != NULL || sandbox_script_find(number, NULL) == NULL)
		return parcel;
	if (sandbox.parcels.count >= PARCELS_MAX)
		return NULL;
	parcel = xcalloc(1, sizeof *parcel);
	parcel->started_ms = started_ms;
	map_put(&sandbox.parcels, key, parcel);
	return parcel;
}

bool sandbox_start_script(const char *number, int64_t started_at_ms)
{
	return parcel_of(number, started_at_ms) != NULL;
}

static int offset_s(int64_t started_ms)
{
	return zone_offset_s(world_zone(ZONE, NULL), started_ms);
}

bool sandbox_push_start(const char *number)
{
	struct parcel *parcel = parcel_of(number, loop_now_ms());
	if (parcel == NULL)
		return false;
	if (parcel->push == NULL)
		parcel->push = sandbox_push_new(
		    sandbox.world, number, parcel->started_ms, offset_s(parcel->started_ms));
	return true;
}

void sandbox_server_forget(void)
{
	MAP_FOREACH(slot, &sandbox.parcels)
	{
		struct parcel *parcel = slot->value;
		sandbox_push_free(&parcel->push);
		xfree(parcel);
	}
	map_free(&sandbox.parcels);
	sandbox = (struct sandbox){0};
}

/* What the courier with this shape of numbers knows; it has never heard of the others'. */
static void report_of(
    const char *number, enum sandbox_shape shape, struct report *out, struct arena *arena)
{
	enum sandbox_shape own = SANDBOX_NATIVE;
	int64_t now_ms = loop_now_ms();
	bool is_ours = sandbox_script_find(number, &own) != NULL && own == shape;
	const struct parcel *parcel = is_ours ? parcel_of(number, now_ms) : NULL;
	if (parcel != NULL) {
		sandbox_report(
		    number, parcel->started_ms, now_ms, offset_s(parcel->started_ms), out, arena);
		return;
	}
	*out = (struct report){.carrier = "sandbox",
	    .tracking_number = arena_strdup(arena, number),
	    .error = REPORT_NOT_FOUND,
	    .error_message = "No parcel has this number."};
}

/* --- answers ---------------------------------------------------------------------------------- */

struct call { /* one request while it is answered */
	struct http_exchange *exchange;
	const struct http_incoming *incoming;
	struct arena *arena;
};

static void answer(const struct call *call, int status, struct buf *body)
{
	struct http_reply reply = {.status = status,
	    .content_type = "application/json",
	    .body = str_make(body->data, body->size)};
	http_reply_send(call->exchange, &reply);
	buf_free(body);
}

static void answer_text(const struct call *call, int status, const char *json)
{
	struct buf body = BUF_EMPTY(0);
	buf_add_text(&body, json);
	answer(call, status, &body);
}

/* --- DHL -------------------------------------------------------------------------------------- */

static void handle_dhl(const struct call *call)
{
	const char *number = http_incoming_query(call->incoming, "trackingNumber");
	struct buf body = BUF_EMPTY(0);
	struct report report;
	if (text_is_empty(http_incoming_header(call->incoming, "DHL-API-Key"))) {
		answer_text(call, 401,
		    "{\"status\":401,\"title\":\"Unauthorized\",\"detail\":\"The header "
		    "DHL-API-Key is missing.\"}");
		return;
	}
	if (text_is_empty(number)) {
		answer_text(call, 400,
		    "{\"status\":400,\"title\":\"Bad request\",\"detail\":\"trackingNumber is "
		    "missing.\"}");
		return;
	}
	report_of(number, SANDBOX_DHL, &report, call->arena);
	int status = sandbox_render_dhl(&report, &body);
	answer(call, status, &body);
}

/* --- FedEx ------------------------------------------------------------------------------------ */

#define FEDEX_ERROR(code, message)                                                                 \
	"{\"transactionId\":\"sandbox\",\"errors\":[{\"code\":\"" code "\",\"message\":\"" message \
	"\"}]}"

static void handle_fedex_token(const struct call *call)
{
	const char *form =
	    call->incoming->body.len > 0
	        ? arena_strndup(call->arena, call->incoming->body.at, call->incoming->body.len)
	        : "";
	unsigned char random[20];
	struct buf body = BUF_EMPTY(0);
	if (strstr(form, "grant_type=client_credentials") == NULL ||
	    strstr(form, "client_id=") == NULL || strstr(form, "client_secret=") == NULL) {
		answer_text(call, 401,
		    FEDEX_ERROR("NOT.AUTHORIZED.ERROR", "The client credentials are missing."));
		return;
	}
	if (loop_monotonic_ms() >= sandbox.token_until_ms) {
		loop_random(random, sizeof random);
		hex_encode(sandbox.token, random, sizeof random);
		sandbox.token_until_ms = loop_monotonic_ms() + TOKEN_LIFE_S * SECOND_MS;
	}
	int left_s = (int)((sandbox.token_until_ms - loop_monotonic_ms()) / SECOND_MS);
	int status = sandbox_render_fedex_token(sandbox.token, left_s, &body);
	answer(call, status, &body);
}

static bool has_bearer(const struct call *call)
{
	const char *given = http_incoming_header(call->incoming, "Authorization");
	return given != NULL && strncmp(given, "Bearer ", 7) == 0 && sandbox.token[0] != '\0' &&
	       text_eq(given + 7, sandbox.token) && loop_monotonic_ms() < sandbox.token_until_ms;
}

static void handle_fedex_track(const struct call *call)
{
	struct buf body = BUF_EMPTY(0);
	if (!has_bearer(call)) {
		answer_text(call, 401,
		    FEDEX_ERROR("NOT.AUTHORIZED.ERROR", "The access token is invalid or expired."));
		return;
	}
	json_auto_t *root = json_loadb(call->incoming->body.at, call->incoming->body.len, 0, NULL);
	const json_t *wanted = json_object_get(root, "trackingInfo"), *item;
	size_t count = json_array_size(wanted), i;
	if (count == 0 || count > NUMBERS_MAX) {
		answer_text(call, 400,
		    FEDEX_ERROR("TRACKING.TRACKINGNUMBER.INVALID",
		        "trackingInfo must hold 1 to 30 numbers."));
		return;
	}
	struct report *reports = arena_array(call->arena, count, sizeof *reports);
	json_array_foreach(wanted, i, item)
	{
		const json_t *info = json_object_get(item, "trackingNumberInfo");
		const char *number = json_string_value(json_object_get(info, "trackingNumber"));
		report_of(number ? number : "", SANDBOX_FEDEX, &reports[i], call->arena);
	}
	int status = sandbox_render_fedex(reports, count, &body);
	answer(call, status, &body);
}

/* --- our own ---------------------------------------------------------------------------------- */

static void handle_native(const struct call *call)
{
	struct report reports[NUMBERS_MAX];
	struct str number, rest = str_of(http_incoming_query(call->incoming, "numbers"));
	struct buf body = BUF_EMPTY(0);
	size_t count = 0;
	while (rest.len > 0 && count < NUMBERS_MAX) {
		rest = str_cut(rest, ',', &number);
		report_of(arena_strndup(call->arena, number.at, number.len), SANDBOX_NATIVE,
		    &reports[count++], call->arena);
	}
	if (rest.len > 0) {
		answer_text(call, 400,
		    "{\"error\":{\"code\":\"bad_request\",\"message\":\"More than 30 numbers.\"}}");
		return;
	}
	int status = sandbox_render_native(reports, count, &body);
	answer(call, status, &body);
}

static void handle_parcel(const struct call *call)
{
	struct when when;
	json_auto_t *root = json_loadb(call->incoming->body.at, call->incoming->body.len, 0, NULL);
	const char *number = json_string_value(json_object_get(root, "tracking_number"));
	const char *started_at = json_string_value(json_object_get(root, "started_at"));
	int64_t started_ms = loop_now_ms();
	if (started_at != NULL && !when_parse(str_of(started_at), &when)) {
		answer_text(call, 400,
		    "{\"error\":{\"code\":\"bad_request\",\"message\":\"started_at is no "
		    "time.\"}}");
		return;
	}
	if (started_at != NULL)
		started_ms = when_instant(&when, 0);
	if (number == NULL || !sandbox_start_script(number, started_ms)) {
		answer_text(call, 400,
		    "{\"error\":{\"code\":\"invalid_number\",\"message\":\"tracking_number must "
		    "name a script, "
		    "such as SANDBOX-DELAYED-1, SBD-LOST-2 or SBF-ATTEMPT-3.\"}}");
		return;
	}
	if (json_is_true(json_object_get(root, "push")))
		sandbox_push_start(number);
	answer_text(call, 201, "{\"handed_over\":true}");
}

/* --- routes ----------------------------------------------------------------------------------- */

static const struct {
	const char *method, *path;
	void (*handle)(const struct call *call);
} routes[] = {
    {"GET", "/dhl/track/shipments", handle_dhl},
    {"POST", "/fedex/oauth/token", handle_fedex_token},
    {"POST", "/fedex/track/v1/trackingnumbers", handle_fedex_track},
    {"GET", "/v1/track", handle_native},
    {"POST", "/v1/parcels", handle_parcel},
};

static void handle(
    struct http_exchange *exchange, const struct http_incoming *incoming, void *context)
{
	(void)context;
	struct call call = {exchange, incoming, arena_new()};
	size_t i = 0, count = sizeof routes / sizeof *routes;
	while (i < count && (strcmp(incoming->method, routes[i].method) != 0 ||
	                        strcmp(incoming->path, routes[i].path) != 0))
		i++;
	if (i < count)
		routes[i].handle(&call);
	else
		answer_text(&call, 404,
		    "{\"error\":{\"code\":\"bad_request\",\"message\":\"The sandbox courier has no "
		    "such path.\"}}");
	arena_free(&call.arena);
}

struct http_server *sandbox_server_open(struct world *world, const char *listen, struct err *err)
{
	struct http_server_options options = {.listen = listen, .handle = handle};
	sandbox.world = world;
	struct http_server *server = http_server_open(&options, err);
	if (server == NULL)
		err_prefix(err, "sandbox.listen");
	return server;
}
