#include "tests/unit/carrier_kit.h"

#define DHL FIXTURES "dhl/"

static const struct carrier *dhl;

static void test_corpus(void **state)
{
	(void)state;
	kit_corpus(dhl);
}

static void test_request(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	const char *values[] = {"key-1", "express"}, *numbers[] = {"JD 1&x=ü"};
	struct carrier_settings settings = {.base_url = "https://dhl.test", .values = values};
	struct carrier_poll poll = {&settings, numbers, 1, NULL, "de"};
	struct carrier_request request = {0};
	struct err err = {0};
	assert_true(dhl->poll_request(&poll, &request, arena, &err));
	assert_string_equal(request.url,
	    "https://dhl.test/track/"
	    "shipments?trackingNumber=JD%201%26x%3D%C3%BC&language=de&service=express");
	assert_null(request.method);
	assert_string_equal(request.headers[0].name, "DHL-API-Key");
	assert_string_equal(request.headers[0].value, "key-1");

	const char *const bad_keys[] = {NULL, "", "key\n", "key\r\nX-Evil: 1"};
	for (size_t i = 0; i < 4; i++) {
		values[0] = bad_keys[i];
		assert_false(dhl->poll_request(&poll, &request, arena, &err));
		assert_int_equal(err.kind, ERR_AUTH);
		assert_non_null(strstr(err.text, "api_key"));
	}
	assert_int_equal(dhl->quota_per_day, 250);
	assert_true(dhl->quota_per_second == 1);
	assert_int_equal(dhl->batch_max, 1);
	arena_free(&arena);
}

static void test_express(void **state)
{
	(void)state;
	struct kit kit = kit_poll_file(dhl, "4000123456", 200, DHL "express.json");
	assert_true(kit.done);
	assert_int_equal(kit.set.count, 1);
	const struct report *report = &kit.set.reports[0];
	assert_string_equal(report->tracking_number, "4000123456");
	assert_int_equal(report->status, STATUS_OUT_FOR_DELIVERY); /* not last year's parcel */
	assert_string_equal(report->eta.from, "2026-03-06");
	assert_string_equal(report->eta.to, "2026-03-06");
	static const struct checkpoint wanted[] = {
	    {"2026-03-04", STATUS_PRE_TRANSIT, REASON_NONE, "pre-transit", "Announced", NULL},
	    {"2026-03-04T15:02:00-05:00", STATUS_UNKNOWN, REASON_NONE, "teleported", "Beamed up",
	        NULL},
	    {"2026-03-05T03:00:00Z", STATUS_IN_TRANSIT, REASON_NONE, "AF", "Arrived", NULL},
	    {"2026-03-05T17:20:00+01:00", STATUS_ATTEMPT_FAILED, REASON_RECIPIENT_UNAVAILABLE, "NH",
	        NULL, "BERLIN"},
	    {"2026-03-06T08:10:00+01:00", STATUS_OUT_FOR_DELIVERY, REASON_NONE, "WC",
	        "With the courier", "BERLIN, DE"},
	};
	assert_int_equal(report->checkpoint_count, sizeof wanted / sizeof *wanted);
	for (size_t i = 0; i < report->checkpoint_count; i++) {
		const struct checkpoint *got = &report->checkpoints[i];
		assert_string_equal(got->time, wanted[i].time);
		assert_int_equal(got->status, wanted[i].status);
		assert_int_equal(got->reason, wanted[i].reason);
		assert_string_equal(got->code, wanted[i].code);
		assert_true(text_eq(got->description, wanted[i].description));
		assert_true(text_eq(got->place, wanted[i].place));
	}
	const char *codes[4];
	assert_int_equal(carrier_unmapped(dhl, report, codes, 4), 1);
	assert_string_equal(codes[0], "teleported");
	kit_end(&kit);
}

static void test_refusals(void **state)
{
	(void)state;
	static const struct {
		int status;
		const char *body;
		enum report_error error;
		bool about_number;
		const char *message;
	} cases[] = {
	    {401, "{\"title\":\"Unauthorized\",\"detail\":\"\"}", REPORT_AUTH, false,
	        "Unauthorized"},
	    {403, "", REPORT_FORBIDDEN, false, NULL},
	    {429, "{\"title\":\"Too many requests\",\"detail\":[1]}", REPORT_QUOTA, false,
	        "Too many requests"},
	    {503, "<html>", REPORT_CARRIER_ERROR, false, NULL},
	    {302, "<html>", REPORT_CARRIER_ERROR, false, NULL},
	    {404, "not json", REPORT_NOT_FOUND, true, NULL},
	    {400, "{\"detail\":\"bad number\"}", REPORT_BAD_REQUEST, true, "bad number"},
	    {200, "{\"status\":404,\"detail\":\"none\"}", REPORT_NOT_FOUND, true, "none"},
	    {200, "{\"status\":429,\"title\":\"slow\"}", REPORT_QUOTA, false, "slow"},
	    {200, "{\"shipments\":[]}", REPORT_NOT_FOUND, true, NULL},
	    {200, "{\"shipments\":[null,1]}", REPORT_NOT_FOUND, true, NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct kit kit = kit_poll_text(dhl, "77", cases[i].status, cases[i].body);
		assert_true(kit.done);
		assert_int_equal(kit.set.count, 1);
		const struct report *report = kit.set.reports;
		assert_int_equal(report->error, cases[i].error);
		assert_true(text_eq(report->tracking_number, cases[i].about_number ? "77" : NULL));
		assert_true(text_eq(report->error_message, cases[i].message));
		assert_string_equal(report->carrier, "dhl");
		kit_end(&kit);
	}
	struct kit kit = kit_poll_file(dhl, "1", 404, DHL "not-found.json");
	assert_string_equal(kit.set.reports[0].error_message, "Nothing known under this number.");
	kit_end(&kit);
}

static void test_codes(void **state)
{
	(void)state;
	static const struct {
		const char *word, *scan;
		enum status status;
		enum reason reason;
	} cases[] = {
	    {"pre-transit", "DELIVERED", STATUS_PRE_TRANSIT, REASON_NONE},
	    {"transit", "PU", STATUS_IN_TRANSIT, REASON_NONE},
	    {"failure", "some sentence", STATUS_EXCEPTION, REASON_OTHER},
	    {"failure", "BA", STATUS_EXCEPTION, REASON_ADDRESS_ISSUE},
	    {"failure", "RD", STATUS_EXCEPTION, REASON_REFUSED},
	    {"transit", "RT", STATUS_RETURNING, REASON_NONE},
	    {"transit", "CC", STATUS_AVAILABLE_FOR_PICKUP, REASON_NONE},
	    {"transit", "OH", STATUS_EXCEPTION, REASON_OTHER},
	    {"transit", "CD", STATUS_IN_TRANSIT, REASON_CUSTOMS_HOLD},
	    {"Transit", "x", STATUS_UNKNOWN, REASON_NONE}, /* codes are exact */
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char body[256];
		snprintf(body, sizeof body,
		    "{\"shipments\":[{\"status\":{\"statusCode\":\"%s\",\"status\":\"%s\"}}]}",
		    cases[i].word, cases[i].scan);
		struct kit kit = kit_poll_text(dhl, "1", 200, body);
		assert_int_equal(kit.set.reports[0].status, cases[i].status);
		assert_int_equal(kit.set.reports[0].reason, cases[i].reason);
		kit_end(&kit);
	}
}

static void test_unknown_falls_back(void **state)
{
	(void)state;
	struct kit kit = kit_poll_text(dhl, "1", 200,
	    "{\"shipments\":[{\"id\":\"1\",\"status\":{\"statusCode\":\"unknown\"},\"events\":["
	    "{\"timestamp\":\"2026-01-03T10:00:00\",\"statusCode\":\"unknown\"},"
	    "{\"timestamp\":\"2026-01-02T10:00:00\",\"statusCode\":\"transit\"}]}]}");
	assert_int_equal(kit.set.reports[0].status, STATUS_IN_TRANSIT);
	kit_end(&kit);
}

static void test_wrong_types(void **state)
{
	(void)state;
	struct kit kit = kit_poll_file(dhl, "42", 200, DHL "wrong-types.json");
	assert_true(kit.done);
	assert_int_equal(kit.set.count, 1);
	assert_string_equal(kit.set.reports[0].tracking_number, "42");
	kit_end(&kit);
	kit = kit_poll_file(dhl, NULL, 200, DHL "wrong-types.json"); /* asked nothing: no crash */
	kit_end(&kit);
	kit_garbage(dhl);
}

static void test_ten_thousand_events(void **state)
{
	(void)state;
	struct buf body = BUF_EMPTY(0);
	buf_add_text(&body, "{\"shipments\":[{\"id\":\"1\",\"events\":[");
	for (int i = 0; i < 10000; i++)
		buf_printf(&body,
		    "%s{\"timestamp\":\"2026-01-%02dT10:00:00\",\"statusCode\":\"transit\","
		    "\"description\":\"%d\"}",
		    i ? "," : "", 28 - i % 28, i / 2);
	buf_add_text(&body, "]}]}");
	struct kit kit = kit_poll_text(dhl, "1", 200, buf_text(&body));
	assert_true(kit.done);
	assert_true(kit.set.reports[0].checkpoint_count <= REPORT_MAX_CHECKPOINTS);
	assert_true(kit.set.reports[0].checkpoint_count > 100);
	kit_end(&kit);
	buf_free(&body);
}

static void test_prefixes(void **state)
{
	(void)state;
	kit_prefixes(dhl, DHL "*.json");
	kit_prefixes(dhl, FIXTURES "login.html");
}

int main(void)
{
	dhl = carrier_find("dhl");
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_corpus),
	    cmocka_unit_test(test_request),
	    cmocka_unit_test(test_express),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_codes),
	    cmocka_unit_test(test_unknown_falls_back),
	    cmocka_unit_test(test_wrong_types),
	    cmocka_unit_test(test_ten_thousand_events),
	    cmocka_unit_test(test_prefixes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
