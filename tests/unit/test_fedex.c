#include "tests/unit/carrier_kit.h"

#define FEDEX FIXTURES "fedex/"

static const struct carrier *fedex;

static void test_corpus(void **state)
{
	(void)state;
	kit_corpus(fedex);
}

static void test_token(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	const char *values[] = {"id&1", "s3cr=t", NULL};
	struct carrier_settings settings = {.values = values};
	struct carrier_request request = {0};
	struct err err = {0};
	assert_true(fedex->token_request(&settings, &request, arena, &err));
	assert_string_equal(request.url, "https://apis.fedex.com/oauth/token");
	assert_string_equal(request.method, "POST");
	assert_string_equal(
	    request.body, "grant_type=client_credentials&client_id=id%261&client_secret=s3cr%3Dt");

	static const struct {
		int status;
		const char *body;
		enum err_kind kind; /* ERR_NONE: a token */
		int64_t expires_in_s;
	} cases[] = {
	    {200, "{\"access_token\":\"abc.def\",\"expires_in\":3599}", ERR_NONE, 3599},
	    {200, "{\"access_token\":\"abc\",\"expires_in\":\"60\"}", ERR_NONE, 60},
	    {200, "{\"access_token\":\"abc\",\"expires_in\":-4}", ERR_NONE, 3600},
	    {200, "{\"access_token\":\"abc\",\"expires_in\":99999999}", ERR_NONE, 86400},
	    {200, "{\"access_token\":\"a\\r\\nX: 1\"}", ERR_INPUT, 0},
	    {200, "{\"access_token\":7}", ERR_INPUT, 0},
	    {200, "<html>", ERR_INPUT, 0},
	    {401, "{\"errors\":[]}", ERR_AUTH, 0},
	    {400, "", ERR_AUTH, 0},
	    {429, "", ERR_THROTTLED, 0},
	    {503, "", ERR_TRANSIENT, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct carrier_answer answer = {cases[i].status, str_of(cases[i].body)};
		struct carrier_token token = {0};
		err = (struct err){0};
		assert_int_equal(
		    fedex->token_read(&answer, &token, arena, &err), cases[i].kind == ERR_NONE);
		assert_int_equal(err.kind, cases[i].kind);
		assert_int_equal(token.expires_in_s, cases[i].expires_in_s);
	}
	values[1] = NULL;
	assert_false(fedex->token_request(&settings, &request, arena, &err));
	assert_non_null(strstr(err.text, "client_secret"));
	arena_free(&arena);
}

static void test_request(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	const char *values[] = {NULL, NULL, NULL}, *numbers[] = {"1", "2\"3"};
	struct carrier_settings settings = {.base_url = "http://f", .values = values};
	struct carrier_poll poll = {&settings, numbers, 2, "tok", "en"};
	struct carrier_request request = {0};
	assert_true(fedex->poll_request(&poll, &request, arena, NULL));
	assert_string_equal(request.url, "http://f/track/v1/trackingnumbers");
	assert_string_equal(request.headers[0].value, "Bearer tok");
	json_auto_t *body = json_loads(request.body, 0, NULL);
	assert_true(json_is_true(json_object_get(body, "includeDetailedScans")));
	const json_t *second = json_array_get(json_object_get(body, "trackingInfo"), 1);
	assert_string_equal("2\"3",
	    json_string_value(carrier_json_at(second, "trackingNumberInfo.trackingNumber")));
	assert_int_equal(fedex->batch_max, 30);
	arena_free(&arena);
}

static const struct report *find(const struct report_set *set, const char *number)
{
	for (size_t i = 0; i < set->count; i++)
		if (text_eq(set->reports[i].tracking_number, number))
			return &set->reports[i];
	fail_msg("no report about %s", number);
	return NULL;
}

static void test_batch(void **state)
{
	(void)state;
	struct kit kit = kit_poll_file(fedex, "100000000001,100000000002", 200, FEDEX "batch.json");
	assert_true(kit.done);
	assert_int_equal(kit.set.count, 5);

	const struct report *late = find(&kit.set, "100000000001"); /* recycled: the newer parcel */
	assert_int_equal(late->status, STATUS_IN_TRANSIT);
	assert_int_equal(late->reason, REASON_WEATHER);
	assert_string_equal(late->eta.from, "2026-03-07T09:00:00-06:00");
	assert_string_equal(late->eta.to, "2026-03-07T13:00:00-06:00");
	assert_int_equal(late->checkpoint_count, 3);
	assert_string_equal(late->checkpoints[0].time, "2026-03-04T22:00:00"); /* as if UTC */
	assert_int_equal(late->checkpoints[0].status, STATUS_UNKNOWN);
	assert_string_equal(late->checkpoints[1].place, "US");
	assert_int_equal(late->checkpoints[2].reason, REASON_WEATHER);
	assert_string_equal(late->checkpoints[2].description, "Ice on the roads");
	assert_string_equal(late->checkpoints[2].place, "OMAHA, NE, US");
	const char *codes[2];
	assert_int_equal(carrier_unmapped(fedex, late, codes, 2), 1);
	assert_string_equal(codes[0], "QQ");

	const struct report *missing = find(&kit.set, "100000000002");
	assert_int_equal(missing->error, REPORT_NOT_FOUND);
	assert_string_equal(missing->error_message, "Not found.");
	assert_int_equal(find(&kit.set, "100000000003")->error, REPORT_INVALID_NUMBER);

	const struct report *attempt = find(&kit.set, "100000000004"); /* a JSON number */
	assert_int_equal(attempt->status, STATUS_ATTEMPT_FAILED);
	assert_int_equal(attempt->reason, REASON_RECIPIENT_UNAVAILABLE);
	assert_null(attempt->eta.from);
	assert_string_equal(attempt->eta.to, "2026-03-05"); /* midnight at -06:00 is a date */

	const struct report *shop = find(&kit.set, "100000000005");
	assert_int_equal(shop->status, STATUS_AVAILABLE_FOR_PICKUP);
	assert_string_equal(shop->pickup.name, "Corner Shop");
	assert_string_equal(shop->pickup.address, "1 Main St, OMAHA");
	kit_end(&kit);
}

static void test_refusals(void **state)
{
	(void)state;
	static const struct {
		const char *asked;
		int status;
		const char *body;
		enum report_error error;
		const char *number, *message;
	} cases[] = {
	    {"1,2", 401,
	        "{\"errors\":[{\"code\":\"NOT.AUTHORIZED.ERROR\",\"message\":\"expired\"}]}",
	        REPORT_AUTH, NULL, "expired"},
	    {"1", 403, "{\"errors\":[{\"code\":\"FORBIDDEN.ERROR\"}]}", REPORT_FORBIDDEN, NULL,
	        NULL},
	    {"1", 429, "", REPORT_QUOTA, NULL, NULL},
	    {"1", 503, "<html>", REPORT_CARRIER_ERROR, NULL, NULL},
	    {"1", 500, "{\"output\":{\"completeTrackResults\":[]}}", REPORT_CARRIER_ERROR, NULL,
	        NULL},
	    {"1", 404, "{\"errors\":[{\"code\":\"NOT.FOUND.ERROR\"}]}", REPORT_NOT_FOUND, NULL,
	        NULL},
	    {"1", 400,
	        "{\"errors\":[{\"code\":\"TRACKING.TRACKINGNUMBER.INVALID\",\"message\":\"m\"}]}",
	        REPORT_INVALID_NUMBER, "1", "m"},
	    {"1,2", 400,
	        "{\"errors\":[{\"code\":\"TRACKING.TRACKINGNUMBER.INVALID\",\"message\":\"m\"}]}",
	        REPORT_BAD_REQUEST, NULL, "m"},
	    {"1,2", 200,
	        "{\"errors\":[{\"code\":\"SERVICE.UNAVAILABLE.ERROR\",\"message\":\"m\"}]}",
	        REPORT_CARRIER_ERROR, NULL, "m"},
	    {"1,2", 200, "{\"errors\":[7]}", REPORT_CARRIER_ERROR, NULL, NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct kit kit =
		    kit_poll_text(fedex, cases[i].asked, cases[i].status, cases[i].body);
		assert_true(kit.done);
		assert_int_equal(kit.set.count, 1);
		assert_int_equal(kit.set.reports[0].error, cases[i].error);
		assert_true(text_eq(kit.set.reports[0].tracking_number, cases[i].number));
		assert_true(text_eq(kit.set.reports[0].error_message, cases[i].message));
		kit_end(&kit);
	}
}

static void test_recycled(void **state)
{
	(void)state;
	/* an error never hides a parcel, wherever it stands; ties keep the first */
	static const char *const bodies[] = {
	    "{\"trackResults\":[{\"trackingNumberInfo\":{\"trackingNumber\":\"1\"},\"error\":{}},"
	    "{\"trackingNumberInfo\":{\"trackingNumber\":\"1\"},\"latestStatusDetail\":{\"code\":"
	    "\"OD\"}}]}",
	    "{\"trackResults\":[{\"trackingNumberInfo\":{\"trackingNumber\":\"1\"},"
	    "\"latestStatusDetail\":{\"code\":\"OD\"}},"
	    "{\"trackingNumberInfo\":{\"trackingNumber\":\"1\"},\"error\":{}},"
	    "{\"trackingNumberInfo\":{\"trackingNumber\":\"1\"},\"latestStatusDetail\":{\"code\":"
	    "\"DL\"}}]}",
	};
	for (size_t i = 0; i < 2; i++) {
		struct kit kit = kit_hook(fedex, str_of(bodies[i]));
		assert_int_equal(kit.set.count, 1);
		assert_int_equal(kit.set.reports[0].error, REPORT_OK);
		assert_int_equal(kit.set.reports[0].status, STATUS_OUT_FOR_DELIVERY);
		kit_end(&kit);
	}
}

static void test_hook(void **state)
{
	(void)state;
	/* echo -n '{"trackResults":[]}' | openssl dgst -sha256 -hmac key [-binary | base64] */
	static const char body[] = "{\"trackResults\":[]}";
	static const char base64[] = "UbanXEbYFel8Fd9Z1+jFZBlU6D3JdEdUO3zIuenQhZQ=";
	const char *secrets[] = {"old", "key"};
	struct carrier_settings settings = {.hook_secrets = secrets, .hook_secret_count = 2};
	unsigned char digest[33];
	char hex[65];
	assert_int_equal(base64_decode(digest, str_of(base64)), 32);
	hex_encode(hex, digest, 32);

	assert_true(kit_verify(fedex, "FDX-Signature", base64, body, settings));
	assert_true(kit_verify(fedex, "x-fedex-signature", base64, body, settings));
	assert_false(kit_verify(fedex, "fdx-signature", hex, body, settings));
	assert_false(
	    kit_verify(fedex, "fdx-signature", base64, "{\"trackResults\":[ ]}", settings));
	assert_false(kit_verify(fedex, "x-other", base64, body, settings));
	settings.hook_encoding = "hex";
	assert_true(kit_verify(fedex, "fdx-signature", hex, body, settings));
	settings.hook_header = "X-Mine";
	assert_true(kit_verify(fedex, "x-mine", hex, body, settings));
	assert_false(kit_verify(fedex, "fdx-signature", hex, body, settings));

	char *text = kit_read(FEDEX "hook.json");
	struct kit kit = kit_hook(fedex, str_of(text));
	assert_int_equal(kit.set.count, 1); /* the second has no number */
	assert_int_equal(kit.set.reports[0].status, STATUS_OUT_FOR_DELIVERY);
	kit_end(&kit);
	xfree(text);
	kit = kit_hook(fedex, str_of(body));
	assert_true(kit.done);
	assert_int_equal(kit.set.count, 0);
	kit_end(&kit);
}

static void test_wrong_types(void **state)
{
	(void)state;
	struct kit kit = kit_poll_file(fedex, "1,2", 200, FEDEX "wrong-types.json");
	assert_true(kit.done);
	assert_int_equal(kit.set.count, 2);
	assert_int_equal(kit.set.reports[1].checkpoint_count, 1);
	kit_end(&kit);
	kit_garbage(fedex);
}

static void test_too_much(void **state)
{
	(void)state;
	struct buf body = BUF_EMPTY(0);
	buf_add_text(&body, "{\"output\":{\"completeTrackResults\":[{\"trackingNumber\":\"1\","
	                    "\"trackResults\":[{\"scanEvents\":[");
	for (int i = 0; i < 10000; i++)
		buf_printf(&body,
		    "%s{\"date\":\"2026-01-01T10:%02d:00Z\",\"eventType\":\"IT\","
		    "\"eventDescription\":\"%d\"}",
		    i ? "," : "", i % 60, i);
	buf_add_text(&body, "]}]}");
	for (int i = 2; i < 20000; i++)
		buf_printf(&body, ",{\"trackingNumber\":\"%d\",\"trackResults\":[{}]}", i);
	buf_add_text(&body, "]}}");
	struct kit kit = kit_poll_text(fedex, "1", 200, buf_text(&body));
	assert_true(kit.done);
	assert_int_equal(kit.set.reports[0].checkpoint_count, REPORT_MAX_CHECKPOINTS);
	assert_true(kit.set.count <= 600);
	kit_end(&kit);
	buf_free(&body);
}

static void test_prefixes(void **state)
{
	(void)state;
	kit_prefixes(fedex, FEDEX "*.json");
}

int main(void)
{
	fedex = carrier_find("fedex");
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_corpus),
	    cmocka_unit_test(test_token),
	    cmocka_unit_test(test_request),
	    cmocka_unit_test(test_batch),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_recycled),
	    cmocka_unit_test(test_hook),
	    cmocka_unit_test(test_wrong_types),
	    cmocka_unit_test(test_too_much),
	    cmocka_unit_test(test_prefixes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
