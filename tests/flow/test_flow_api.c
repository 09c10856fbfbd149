/* The API: every answer exactly once, and what was acknowledged is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "notifier/app/api.h"
#include "tests/flow/fake_stage.h"

#define N "GN1"

static const char *url_of(const char *number, const char *rest)
{
	static char url[120];
	const struct shipment *s = stage_shipment(number);
	snprintf(url, sizeof url, "/v1/shipments/%s%s", s ? s->id : "shp_00aaaaaaaaaaaaaa", rest);
	return url;
}

static void expect(struct http_exchange *exchange, int status, const char *part)
{
	if (fake_server_status(exchange) != status ||
	    strstr(fake_server_body(exchange), part) == NULL)
		fail_msg("expected %d with %s: %d %s", status, part, fake_server_status(exchange),
		    fake_server_body(exchange));
}

/* --- a parcel's life through the API
 * --------------------------------------------------------------- */

static void test_life_of_a_shipment(void **state)
{
	(void)state;
	stage_open(N);
	expect(stage_register("generic", N, NULL), 201, "\"tracking_number\":\"" N "\"");
	expect(stage_register("generic", N, ",\"order_number\":\"A-7\""), 200,
	    "\"A-7\""); /* the same one */
	expect(stage_ask("GET", url_of(N, ""), NULL), 200, "\"status\":\"unknown\"");
	expect(stage_ask("GET", "/v1/shipments", NULL), 200, N);
	expect(stage_ask("GET", "/v1/shipments?status=delivered", NULL), 200, "\"data\":[]");
	expect(stage_ask("GET", "/v1/shipments?number=" N, NULL), 200, "\"A-7\"");
	expect(stage_ask("GET", "/v1/shipments?number=GN9", NULL), 200, "\"data\":[]");
	expect(stage_ask("PATCH", url_of(N, ""), "{\"order_number\":\"A-8\"}"), 200, "\"A-8\"");
	stage_hook(N, "in_transit", "2026-03-02T07:59:00Z");
	fake_loop_advance(3000);
	expect(stage_ask("GET", url_of(N, "/explain"), NULL), 200, "sent");
	expect(stage_ask("POST", url_of(N, "/refresh"), ""), 409, "push_only");
	assert_int_equal(stage_messages(NULL), 1);
	const char *url = url_of(N, "");
	expect(stage_ask("DELETE", url, NULL), 204, "");
	assert_int_equal(stage_messages(NULL), 0);
	expect(stage_ask("GET", url, NULL), 404, "shipment_not_found");
	expect(stage_ask("DELETE", url, NULL), 404, "shipment_not_found");
	expect(stage_register("generic", N, NULL), 201, N); /* as if it had never been */
	assert_int_equal(stage_rest(), 0);
}

static void test_refusals(void **state)
{
	(void)state;
	static const struct {
		const char *method, *url, *body;
		int status;
		const char *part;
	} cases[] = {
	    {"POST", "/v1/shipments", "{", 400, "invalid_json"},
	    {"POST", "/v1/shipments", "{}", 400, "tracking_number"},
	    {"POST", "/v1/shipments", "{\"tracking_number\":\"1\",\"carrier\":\"nobody\"}", 400,
	        "unknown_carrier"},
	    {"GET", "/v1/shipments/nonsense", NULL, 404, "shipment_not_found"},
	    {"GET", "/v1/shipments?cursor=x", NULL, 400, "invalid_cursor"},
	    {"PUT", "/v1/shipments", "{}", 405, "method_not_allowed"},
	    {"GET", "/v1/nothing", NULL, 404, "not_found"},
	    {"GET", "/v1/messages/msg_00aaaaaaaaaaaaaa", NULL, 404, "message_not_found"},
	    {"GET", "/v1/shipments?account=nobody", NULL, 404, "unknown_account"},
	};
	stage_open(N);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect(stage_ask(cases[i].method, cases[i].url, cases[i].body), cases[i].status,
		    cases[i].part);
}

/* --- methods (RFC 9110, sections 9.3.2 and 15.5.6)
 * ----------------------------------------------------- */

static void test_methods(void **state)
{
	(void)state;
	static const struct {
		const char *method, *url, *allow; /* NULL: it is answered */
	} rows[] = {
	    {"HEAD", "/v1/shipments", NULL},
	    {"HEAD", "/v1/messages", NULL},
	    {"HEAD", "/healthz", NULL},
	    {"PUT", "/v1/shipments", "POST, GET, HEAD"},
	    {"OPTIONS", "/v1/shipments/shp_00aaaaaaaaaaaaaa", "GET, HEAD, PATCH, DELETE"},
	    {"GET", "/v1/shipments/shp_00aaaaaaaaaaaaaa/refresh", "POST"},
	    {"HEAD", "/v1/shipments/shp_00aaaaaaaaaaaaaa/refresh", "POST"},
	    {"POST", "/healthz", "GET, HEAD"},
	    {"DELETE", "/v1/openapi.json", "GET, HEAD"},
	};
	stage_open(N);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct http_exchange *exchange = stage_ask(rows[i].method, rows[i].url, NULL);
		const char *allow = fake_server_header(exchange, "Allow");
		expect(exchange, rows[i].allow ? 405 : 200, "");
		if (rows[i].allow != NULL)
			assert_string_equal(allow, rows[i].allow);
	}
}

/* --- Idempotency-Key
 * ------------------------------------------------------------------------------------ */

#define PARCEL(more)                                                                               \
	"{\"carrier\":\"generic\",\"tracking_number\":\"" N                                        \
	"\",\"recipients\":[{\"email\":\"ann@example.com\"}]" more "}"

static struct world *world_now;

static struct http_exchange *ask_keyed(const char *key, const char *body)
{
	struct request request = {
	    .method = "POST", .url = "/v1/shipments", .body = body, .idempotency_key = key};
	return fake_server_ask(api_handle_admin, world_now, &request);
}

static struct http_exchange *settle_keyed(const char *key, const char *body)
{
	struct http_exchange *exchange = ask_keyed(key, body);
	fake_loop_settle();
	return exchange;
}

static void fail_with_address(const char *key, void *context)
{
	const char *text = fake_redis_size(key) > 0 ? fake_redis_item(key, 0) : NULL;
	if (text != NULL && strstr(text, "ann@example.com") != NULL)
		++*(unsigned *)context;
}

static unsigned count_addresses(void)
{
	unsigned found = 0;
	fake_redis_each("n:", fail_with_address, &found);
	return found;
}

static void test_idempotency(void **state)
{
	(void)state;
	char url[120];
	world_now = stage_open(N);
	struct http_exchange *first = ask_keyed("k1", PARCEL("")),
	                     *second = ask_keyed("k1", PARCEL(""));
	struct http_exchange *other = ask_keyed("k1", PARCEL(",\"order_number\":\"A-7\""));
	fake_loop_settle();
	expect(first, 201, N);
	expect(second, 409, "idempotency_in_progress");
	assert_non_null(fake_server_header(second, "Retry-After"));
	expect(other, 422, "idempotency_mismatch");
	snprintf(url, sizeof url, "%s", url_of(N, ""));
	expect(settle_keyed("k1", PARCEL("")), 201,
	    strrchr(url, '/') + 1); /* not 200: the same answer */
	expect(settle_keyed("k1", PARCEL(",\"zone\":\"UTC\"")), 422, "idempotency_mismatch");
	assert_int_equal(fake_redis_runs("commit"), 1);
	assert_int_equal(count_addresses(), 1); /* in the shipment only */
	expect(stage_ask("DELETE", url, NULL), 204, "");
	assert_int_equal(count_addresses(), 0);
	expect(settle_keyed("k1", PARCEL("")), 404, "shipment_not_found");
	assert_int_equal(count_addresses(), 0);
	assert_int_equal(stage_rest(), 0);
}

/* What was not done may be done under the same key. */
static void test_a_refused_request_gives_its_key_up(void **state)
{
	(void)state;
	world_now = stage_open(N);
	expect(settle_keyed("k1", "{"), 400, "invalid_json");
	expect(settle_keyed("k1", PARCEL("")), 201, N);
	fake_redis_refuse("commit", 1);
	expect(settle_keyed("k2", PARCEL("")), 503, "not_writable");
	expect(settle_keyed("k2", PARCEL("")), 200, N);
}

static void test_the_claim_of_a_dead_daemon_runs_out(void **state)
{
	(void)state;
	world_now = stage_open(N);
	ask_keyed("k1", PARCEL(""));
	fake_redis_state(REDIS_CONNECTING);
	fake_loop_advance(100);
	fake_redis_state(REDIS_OK);
	expect(settle_keyed("k1", PARCEL("")), 409, "idempotency_in_progress");
	fake_loop_advance(15100);
	expect(settle_keyed("k1", PARCEL("")), 201, N);
}

/* --- lists of messages
 * ---------------------------------------------------------------------------------- */

static void put_failed(unsigned partition, unsigned number, int64_t at_ms, const char *account)
{
	char id[ID_BYTES], key[80],
	    digits[3] = {(char)('a' + number / 26), (char)('a' + number % 26)};
	snprintf(id, sizeof id, "msg_%02xaaaaaaaaaaaa%s", partition, digits);
	snprintf(key, sizeof key, "n:{p%02x}:m:%s", partition, id);
	const char *const fields[] = {"t", number % 2 ? "failed" : "unknown", "s",
	    "shp_00aaaaaaaaaaaaaa", "r", "rcp_1", "c", "email", "k", "shipped", "ac", account};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i += 2)
		fake_redis_set_field(key, fields[i], fields[i + 1]);
	snprintf(key, sizeof key, "n:{p%02x}:failed", partition);
	fake_redis_add_score(key, at_ms, id);
}

/* Follows the cursor; the number of messages, each seen once, and of pages. */
static size_t walk_messages(const char *query, unsigned *pages)
{
	char url[200], cursor[80] = "";
	json_t *seen = json_object();
	size_t rows = 0, i;
	*pages = 0;
	do {
		const json_t *row;
		snprintf(url, sizeof url, "/v1/messages?%s%s%s", query, *cursor ? "&cursor=" : "",
		    cursor);
		struct http_exchange *exchange = stage_ask("GET", url, NULL);
		expect(exchange, 200, "data");
		json_t *body = json_loads(fake_server_body(exchange), 0, NULL);
		json_array_foreach(json_object_get(body, "data"), i, row)
		{
			rows++;
			json_object_set(
			    seen, json_string_value(json_object_get(row, "id")), json_true());
		}
		const char *following = json_string_value(json_object_get(body, "next"));
		snprintf(cursor, sizeof cursor, "%s", following ? following : "");
		json_decref(body);
		assert_true(++*pages < 200);
	} while (*cursor != '\0');
	assert_int_equal(json_object_size(seen), rows);
	json_decref(seen);
	return rows;
}

static void test_failed_messages_come_in_pages(void **state)
{
	(void)state;
	unsigned pages;
	stage_open(N);
	for (unsigned i = 0; i < 300; i++) /* another account's, many in one millisecond */
		put_failed(7, i, 5000 + i / 250, "other");
	for (unsigned i = 0; i < 7; i++)
		put_failed(7 + i % 2 * 50, 400 + i, 4000 + i / 3, "default");
	assert_int_equal(walk_messages("limit=2", &pages), 7);
	assert_in_range(pages, 4, 6);
	assert_int_equal(walk_messages("limit=200", &pages), 7);
	assert_int_equal(pages, 1);
	assert_int_equal(walk_messages("limit=2&state=failed", &pages), 3);
	for (unsigned i = 0; i < 260; i++) /* more in one millisecond than are read at once */
		put_failed(9, i, 6000, "default");
	assert_int_equal(walk_messages("limit=50", &pages), 267);
	assert_int_equal(walk_messages("limit=200", &pages), 267);
	for (unsigned i = 0; i < 650; i++) /* more of others than one request looks at */
		put_failed(11, i, 7000 + i, "other");
	assert_int_equal(walk_messages("limit=200", &pages), 267);
	expect(stage_ask("GET", "/v1/messages?cursor=x", NULL), 400, "invalid_cursor");
	expect(stage_ask("GET", "/v1/messages?cursor=1.msg_zz", NULL), 400, "invalid_cursor");
}

static void test_messages_of_a_shipment_come_in_pages(void **state)
{
	(void)state;
	unsigned pages;
	char query[80];
	stage_open(N);
	stage_register("generic", N, NULL);
	stage_hook(N, "in_transit", "2026-03-02T07:59:00Z");
	fake_loop_advance(3000);
	stage_hook(N, "delivered", "2026-03-02T08:00:00Z");
	fake_loop_advance(3000);
	snprintf(query, sizeof query, "shipment=%s&limit=1", stage_shipment(N)->id);
	assert_int_equal(walk_messages(query, &pages), 2);
	assert_int_equal(pages, 2);
}

/* --- Redis's memory is short
 * ---------------------------------------------------------------------------- */

static void test_short_memory(void **state)
{
	(void)state;
	stage_open(N);
	stage_register("generic", N, NULL);
	stage_hook(N, "in_transit", "2026-03-02T07:59:00Z");
	fake_redis_set("INFO", "used_memory:81\r\nmaxmemory:100\r\n");
	fake_loop_advance(1500);
	assert_int_equal(stage_messages("sent"), 1); /* messages go on */
	expect(stage_hook(N, "delivered", "2026-03-02T08:00:00Z"), 503, "memory_short");
	struct http_exchange *refused = stage_register("generic", "GN2", NULL);
	expect(refused, 503, "memory_short");
	assert_non_null(fake_server_header(refused, "Retry-After"));
	expect(stage_ask("GET", url_of(N, ""), NULL), 200, "in_transit");
	expect(stage_ask("GET", "/readyz", NULL), 200, "\"intake\":\"paused\",\"memory\":0.810");
	expect(stage_ask("GET", "/metrics", NULL), 200, "notifier_intake_open 0");
	fake_redis_set("INFO", "used_memory:80\r\nmaxmemory:100\r\n");
	fake_loop_advance(1500);
	expect(stage_hook(N, "delivered", "2026-03-02T08:00:00Z"), 200, "applied");
	expect(stage_ask("GET", "/readyz", NULL), 200, "\"intake\":\"open\"");
}

/* --- keys
 * ---------------------------------------------------------------------------------------------- */

static struct http_exchange *ask_with(struct world *world, const char *key, const char *method)
{
	static char bearer[160];
	snprintf(bearer, sizeof bearer, "Bearer %s", key ? key : "");
	struct request request = {
	    .method = method, .url = "/v1/shipments", .authorization = key ? bearer : NULL};
	struct http_exchange *exchange = fake_server_ask(api_handle, world, &request);
	fake_loop_settle();
	return exchange;
}

static void test_keys(void **state)
{
	(void)state;
	char key[120], url[60];
	struct world *world = stage_open(N);
	struct http_exchange *made =
	    stage_ask("POST", "/v1/keys", "{\"scopes\":\"shipments:read\"}");
	expect(made, 201, "\"key\":\"ntk_");
	json_t *body = json_loads(fake_server_body(made), 0, NULL);
	snprintf(key, sizeof key, "%s", json_string_value(json_object_get(body, "key")));
	snprintf(url, sizeof url, "/v1/keys/%s", json_string_value(json_object_get(body, "id")));
	json_decref(body);
	expect(ask_with(world, NULL, "GET"), 401, "key_required");
	expect(ask_with(world, "ntk_guess", "GET"), 401, "key_unknown");
	expect(ask_with(world, key, "GET"), 200, "\"data\":[]");
	expect(ask_with(world, key, "POST"), 403, "scope_missing");
	expect(stage_ask("DELETE", url, NULL), 204, "");
	expect(ask_with(world, key, "GET"), 401, "key_unknown");
}

/* --- whatever fails
 * ---------------------------------------------------------------------------------------- */

/* Asks until it is answered with something else than 503, as clients do. */
static struct http_exchange *insist(const char *method, const char *url, const char *body)
{
	for (int i = 0; i < 3; i++) {
		struct http_exchange *exchange = stage_ask(method, url, body);
		fake_loop_advance(500);
		if (fake_server_status(exchange) != 503)
			return exchange;
		assert_non_null(fake_server_header(exchange, "Retry-After"));
	}
	fail_msg("%s %s is never answered", method, url);
	return NULL;
}

static void a_life(void)
{
	static const char parcel[] = "{\"carrier\":\"generic\",\"tracking_number\":\"" N
	                             "\",\"recipients\":[{\"email\":\"ann@example.com\"}]}";
	assert_in_range(fake_server_status(insist("POST", "/v1/shipments", parcel)), 200, 201);
	expect(insist("GET", url_of(N, ""), NULL), 200, N);
	expect(insist("GET", "/v1/shipments?number=" N, NULL), 200, N);
	expect(insist("GET", "/v1/shipments", NULL), 200, N);
	expect(insist("PATCH", url_of(N, ""), "{\"order_number\":\"A-8\"}"), 200, "\"A-8\"");
	expect(insist("GET", url_of(N, "/explain"), NULL), 200, "data");
	expect(insist("GET", "/v1/messages", NULL), 200, "data");
	expect(insist("GET", "/v1/keys", NULL), 200, "data");
}

/* As a client does that wants it registered: 409 and 503 are asked again. */
static void a_keyed_life(void)
{
	struct http_exchange *exchange = NULL;
	for (int i = 0; i < 40; i++) {
		exchange = ask_keyed("k1", PARCEL(""));
		fake_loop_advance(500);
		if (fake_server_status(exchange) != 503 && fake_server_status(exchange) != 409)
			break;
		assert_non_null(fake_server_header(exchange, "Retry-After"));
	}
	assert_in_range(fake_server_status(exchange), 200, 201);
}

static void a_short_life(void)
{
	char url[120];
	stage_register("generic", N, NULL);
	snprintf(url, sizeof url, "%s", url_of(N, ""));
	int status = fake_server_status(insist("DELETE", url, NULL));
	assert_true(status == 204 || status == 404);
}

static void test_each_await_fails(void **state)
{
	(void)state;
	static const struct story life = {.numbers = N, .tell = a_life, .until_ms = 10 * SECOND_MS};
	assert_true(stage_torture(&life) > 20);
	stage_lose_replies(&life, "commit");
	static const struct story end_of_life = {
	    .numbers = N, .tell = a_short_life, .until_ms = 10 * SECOND_MS};
	stage_lose_replies(&end_of_life, "erase");
	static const struct story keyed = {
	    .numbers = N, .tell = a_keyed_life, .until_ms = 10 * SECOND_MS};
	assert_true(stage_torture(&keyed) > 3);
	stage_lose_replies(&keyed, "settle");
	stage_lose_replies(&keyed, "SET");
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_teardown(test, stage_teardown)
	const struct CMUnitTest tests[] = {
	    ON_STAGE(test_life_of_a_shipment),
	    ON_STAGE(test_refusals),
	    ON_STAGE(test_methods),
	    ON_STAGE(test_idempotency),
	    ON_STAGE(test_a_refused_request_gives_its_key_up),
	    ON_STAGE(test_the_claim_of_a_dead_daemon_runs_out),
	    ON_STAGE(test_failed_messages_come_in_pages),
	    ON_STAGE(test_messages_of_a_shipment_come_in_pages),
	    ON_STAGE(test_short_memory),
	    ON_STAGE(test_keys),
	    cmocka_unit_test(test_each_await_fails),
	};
	return cmocka_run_group_tests(tests, NULL, stage_group_teardown);
}
