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

static int close_stage(void **state)
{
	(void)state;
	stage_close();
	return 0;
}

static int end(void **state)
{
	(void)state;
	stage_end();
	return 0;
}

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
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_teardown(test, close_stage)
	const struct CMUnitTest tests[] = {
	    ON_STAGE(test_life_of_a_shipment),
	    ON_STAGE(test_refusals),
	    ON_STAGE(test_keys),
	    cmocka_unit_test(test_each_await_fails),
	};
	return cmocka_run_group_tests(tests, NULL, end);
}
