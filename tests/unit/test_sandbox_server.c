/* The sandbox courier over real HTTP, asked by the adapters themselves: what they send it takes,
 * what it answers they read.  Its webhooks go to a server of the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "notifier/app/sandbox_push.h"
#include "notifier/app/sandbox_server.h"
#include "notifier/io/http_client.h"
#include "tests/unit/loop_until.h"

#define SECRET "of-the-test"

static struct world world;
static struct config config;
static struct arena *arena;
static const char *const secrets[] = {SECRET};

/* --- one request as a flow -------------------------------------------------------------------- */

static struct {
	bool is_done, failed;
	int status;
	char body[65536];
} got;

struct ask {
	struct flow flow;
	struct http_request request;
	struct http_response response;
};
#define ASK_STEPS(X) X(ask, go) X(ask, back)
ASK_STEPS(FLOW_STEP)

static next ask_go(struct ask *p)
{
	return AWAIT(p, back, http_ask(world.http, &p->flow, &p->request, &p->response), 5000);
}

static next ask_back(struct ask *p)
{
	got.failed = FAILED(p);
	got.status = p->response.status;
	snprintf(got.body, sizeof got.body, "%s", p->response.body.at ? p->response.body.at : "");
	got.is_done = true;
	return END;
}

static void ask_fini(struct flow *flow)
{
	xfree(flow);
}
static const struct flow_type ask_type = {"ask", ask_fini};

static void ask(const struct carrier_request *request)
{
	struct ask *p = xcalloc(1, sizeof *p);
	struct http_header headers[CARRIER_HEADERS_MAX];
	for (size_t i = 0; i < request->header_count; i++)
		headers[i] =
		    (struct http_header){request->headers[i].name, request->headers[i].value};
	p->request = (struct http_request){.method = request->method,
	    .url = request->url,
	    .headers = headers,
	    .header_count = request->header_count,
	    .body = str_of(request->body)};
	got.is_done = false;
	flow_start(&p->flow, &ask_type, do_go);
	LOOP_UNTIL(got.is_done, 5000);
	assert_false(got.failed);
}

static void get(const char *path)
{
	ask(&(struct carrier_request){.url = arena_printf(arena, "http://127.0.0.1:%d%s",
	                                  http_server_port(world.sandbox_server), path)});
}

static void post(const char *path, const char *body)
{
	ask(&(struct carrier_request){.method = "POST",
	    .body = body,
	    .url = arena_printf(
	        arena, "http://127.0.0.1:%d%s", http_server_port(world.sandbox_server), path)});
}

/* --- the adapters ask ------------------------------------------------------------------------- */

static struct carrier_settings settings_of(const struct carrier *carrier, const char *base_path)
{
	const char **values = arena_array(arena, carrier->option_count + 1, sizeof *values);
	for (size_t i = 0; i < carrier->option_count; i++)
		values[i] =
		    carrier->options[i].default_value ? carrier->options[i].default_value : "x";
	return (struct carrier_settings){.values = values,
	    .base_url = arena_printf(
	        arena, "http://127.0.0.1:%d%s", http_server_port(world.sandbox_server), base_path)};
}

static struct report poll(
    const char *name, const char *base_path, const char *token, const char *number)
{
	const struct carrier *carrier = carrier_find(name);
	struct carrier_settings settings = settings_of(carrier, base_path);
	struct carrier_poll poll = {.settings = &settings,
	    .numbers = &number,
	    .count = 1,
	    .token = token,
	    .language = "en"};
	struct carrier_request request = {0};
	struct report_set set;
	struct err err;
	assert_true(carrier->poll_request(&poll, &request, arena, &err));
	ask(&request);
	struct carrier_answer answer = {.status = got.status, .body = str_of(got.body)};
	report_set_init(&set, arena);
	assert_true(carrier->poll_read(&poll, &answer, &set, &err));
	assert_int_equal(set.count, 1);
	return set.reports[0];
}

static const char *fedex_token(void)
{
	const struct carrier *fedex = carrier_find("fedex");
	struct carrier_settings settings = settings_of(fedex, "/fedex");
	struct carrier_request request = {0};
	struct carrier_token token;
	struct err err;
	assert_true(fedex->token_request(&settings, &request, arena, &err));
	ask(&request);
	struct carrier_answer answer = {.status = got.status, .body = str_of(got.body)};
	assert_true(fedex->token_read(&answer, &token, arena, &err));
	assert_true(token.expires_in_s > 3000);
	return token.value;
}

static void test_dhl(void **state)
{
	(void)state;
	assert_true(sandbox_start_script("SBD-LOST-1", loop_now_ms() - 9 * DAY_MS));
	struct report report = poll("dhl", "/dhl", NULL, "SBD-LOST-1");
	assert_int_equal(report.error, REPORT_OK);
	assert_int_equal(report.status, STATUS_EXCEPTION);
	report = poll("dhl", "/dhl", NULL, "SBD-DELIVERED-1"); /* begins when it is asked for */
	assert_int_equal(report.status, STATUS_PRE_TRANSIT);
	assert_int_equal(poll("dhl", "/dhl", NULL, "SBF-LOST-1").error, REPORT_NOT_FOUND);
	assert_int_equal(poll("dhl", "/dhl", NULL, "4711").error, REPORT_NOT_FOUND);
	get("/dhl/track/shipments?trackingNumber=SBD-LOST-1"); /* without the key */
	assert_int_equal(got.status, 401);
}

static void test_fedex(void **state)
{
	(void)state;
	const char *token = fedex_token();
	assert_string_equal(fedex_token(), token); /* the same until it runs out */
	assert_true(sandbox_start_script("SBF-DELIVERED-1", loop_now_ms() - 5 * DAY_MS));
	struct report report = poll("fedex", "/fedex", token, "SBF-DELIVERED-1");
	assert_int_equal(report.status, STATUS_DELIVERED);
	assert_int_equal(poll("fedex", "/fedex", token, "SBD-LOST-1").error, REPORT_NOT_FOUND);
	report = poll("fedex", "/fedex", "forged", "SBF-DELIVERED-1");
	assert_int_equal(report.error, REPORT_AUTH);
	assert_null(report.tracking_number); /* it is about the whole request */
}

static void test_native(void **state)
{
	(void)state;
	assert_true(sandbox_start_script("SANDBOX-RETURNED-1", loop_now_ms() - 9 * DAY_MS));
	assert_int_equal(poll("sandbox", "", NULL, "SANDBOX-RETURNED-1").status, STATUS_RETURNED);
	assert_int_equal(poll("sandbox", "", NULL, "nothing").error, REPORT_NOT_FOUND);
	/* A second start changes nothing. */
	assert_true(sandbox_start_script("SANDBOX-RETURNED-1", loop_now_ms()));
	assert_int_equal(poll("sandbox", "", NULL, "SANDBOX-RETURNED-1").status, STATUS_RETURNED);
	assert_false(sandbox_start_script("SANDBOX-NONSENSE-1", 0));
}

static void test_handed_over_by_http(void **state)
{
	(void)state;
	post("/v1/parcels",
	    "{\"tracking_number\":\"SANDBOX-EARLY-9\",\"started_at\":\"2020-01-01T00:00:00Z\"}");
	assert_int_equal(got.status, 201);
	assert_int_equal(poll("sandbox", "", NULL, "SANDBOX-EARLY-9").status, STATUS_DELIVERED);
}

static void test_what_makes_no_sense(void **state)
{
	(void)state;
	static const struct {
		const char *path, *body;
		int status;
	} rows[] = {
	    {"/v1/parcels", "", 400},
	    {"/v1/parcels", "[]", 400},
	    {"/v1/parcels", "{\"tracking_number\":7}", 400},
	    {"/v1/parcels", "{\"tracking_number\":\"4711\"}", 400},
	    {"/v1/parcels", "{\"tracking_number\":\"SANDBOX-LOST-1\",\"started_at\":\"soon\"}",
	        400},
	    {"/fedex/oauth/token", "", 401},
	    {"/fedex/oauth/token", "grant_type=password", 401},
	    {"/fedex/track/v1/trackingnumbers", "{\"trackingInfo\":[]}", 401},
	    {"/nowhere", "", 404},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		post(rows[i].path, rows[i].body);
		assert_int_equal(got.status, rows[i].status);
	}
	struct buf many = BUF_EMPTY(0);
	buf_add_text(&many, "/v1/track?numbers=a");
	for (int i = 0; i < 30; i++)
		buf_add_text(&many, ",b");
	get(buf_text(&many));
	buf_free(&many);
	assert_int_equal(got.status, 400);
	get("/v1/track");
	assert_int_equal(got.status, 200);
}

/* --- its webhooks ----------------------------------------------------------------------------- */

static struct {
	unsigned requests, refused, forged;
	unsigned taken[16]; /* by the number at the end of the event's id */
	unsigned refuse;    /* so many first */
} hooks;

static void take_hook(
    struct http_exchange *exchange, const struct http_incoming *incoming, void *context)
{
	(void)context;
	const char *signature = http_incoming_header(incoming, "X-Signature");
	struct carrier_header header = {"X-Signature", signature};
	struct carrier_hook hook = {
	    .method = "POST", .headers = &header, .header_count = 1, .body = incoming->body};
	struct carrier_settings settings = config.carriers[0].settings;
	struct http_reply reply = {.status = 200};
	hooks.requests++;
	assert_string_equal(incoming->path, "/hooks/generic/default");
	if (signature == NULL || !carrier_find("generic")->hook_verify(&settings, &hook))
		hooks.forged++;
	if (hooks.refused < hooks.refuse) {
		hooks.refused++;
		reply.status = 503;
	} else {
		const char *id =
		    memmem(incoming->body.at, incoming->body.len, "SANDBOX-DELIVERED-5-", 20);
		assert_non_null(id);
		hooks.taken[(id[20] - '0') & 15]++;
	}
	http_reply_send(exchange, &reply);
}

static void test_webhooks(void **state)
{
	(void)state;
	hooks.refuse = 1; /* tried again after a second */
	assert_true(sandbox_start_script("SANDBOX-DELIVERED-5", loop_now_ms() - 5 * DAY_MS));
	assert_true(sandbox_push_start("SANDBOX-DELIVERED-5"));
	assert_true(sandbox_push_start("SANDBOX-DELIVERED-5")); /* once is enough */
	LOOP_UNTIL(hooks.taken[6] > 0, 5000);
	assert_int_equal(hooks.forged, 0);
	assert_int_equal(hooks.refused, 1);
	unsigned twice = 0;
	for (int i = 0; i < 7; i++) {
		assert_in_range(hooks.taken[i], 1, 2);
		twice += hooks.taken[i] == 2;
	}
	assert_in_range(twice, 1, 6); /* couriers repeat themselves */
	assert_false(sandbox_push_start("4711"));
}

static void test_signature(void **state)
{
	(void)state;
	/* RFC 4231, test case 2 */
	static const char *const jefe[] = {"Jefe"};
	struct carrier_settings settings = {.hook_secrets = jefe, .hook_secret_count = 1};
	assert_string_equal(
	    sandbox_push_sign(&settings, str_of("what do ya want for nothing?"), arena),
	    "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	settings.hook_prefix = "";
	assert_int_equal(strlen(sandbox_push_sign(&settings, str_of(""), arena)), 64);
}

/* --- the set-up ------------------------------------------------------------------------------- */

static int open_all(void **state)
{
	(void)state;
	struct err err;
	static struct carrier_config carriers[1];
	struct http_server_options options = {.listen = "127.0.0.1:0", .handle = take_hook};
	loop_start();
	arena = arena_new();
	carriers[0] = (struct carrier_config){.carrier = carrier_find("generic"),
	    .settings = {.hook_secrets = secrets, .hook_secret_count = 1}};
	config = (struct config){.listen = "127.0.0.1:0", .carriers = carriers, .carrier_count = 1};
	world.config = &config;
	world.http = http_client_new();
	world.server = http_server_open(&options, &err);
	world.sandbox_server = sandbox_server_open(&world, "127.0.0.1:0", &err);
	return world.server && world.sandbox_server ? 0 : -1;
}

static int close_all(void **state)
{
	(void)state;
	world.is_stopping = true;
	LOOP_UNTIL(flow_count() == 0, 5000);
	http_server_close(&world.sandbox_server);
	http_server_close(&world.server);
	http_client_free(&world.http);
	sandbox_server_forget();
	sandbox_server_forget(); /* twice is harmless */
	arena_free(&arena);
	loop_drain();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_dhl),
	    cmocka_unit_test(test_fedex),
	    cmocka_unit_test(test_native),
	    cmocka_unit_test(test_handed_over_by_http),
	    cmocka_unit_test(test_what_makes_no_sense),
	    cmocka_unit_test(test_webhooks),
	    cmocka_unit_test(test_signature),
	};
	return cmocka_run_group_tests(tests, open_all, close_all);
}
