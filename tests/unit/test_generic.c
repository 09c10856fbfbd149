#include "tests/unit/carrier_kit.h"

static const struct carrier *generic;

static void test_event(void **state)
{
	(void)state;
	char *body = kit_read(FIXTURES "generic/event.json");
	struct kit kit = kit_hook(generic, str_of(body));
	assert_true(kit.done);
	assert_int_equal(kit.set.count, 1);
	const struct report *report = kit.set.reports;
	assert_string_equal(report->carrier, "generic");
	assert_string_equal(report->tracking_number, "PARCEL-1");
	assert_int_equal(report->status, STATUS_IN_TRANSIT);
	assert_int_equal(report->reason, REASON_CUSTOMS_HOLD);
	assert_string_equal(report->eta.from, "2026-03-08");
	assert_string_equal(report->eta.to, "2026-03-09");
	assert_int_equal(report->checkpoint_count, 1);
	assert_string_equal(report->checkpoints[0].time, "2026-03-06T14:05:09+01:00");
	assert_string_equal(report->checkpoints[0].description, "Waiting for customs");
	assert_string_equal(report->checkpoints[0].place, "Leipzig, DE");
	assert_string_equal(kit.reply.event_id, "evt-77");
	assert_int_equal(kit.reply.status, 0);
	kit_end(&kit);
	xfree(body);
}

#define EVENT(fields)                                                                              \
	"{\"tracking_number\":\"1\",\"status\":\"delivered\",\"time\":\"2026-03-06T10:00:"         \
	"00Z\"" fields "}"

static void test_optional(void **state)
{
	(void)state;
	static const struct {
		const char *body, *from, *to;
	} cases[] = {
	    {EVENT(""), NULL, NULL},
	    {EVENT(",\"eta\":null,\"reason\":null,\"description\":null,\"place\":null,\"event_id\":"
	           "null"),
	        NULL, NULL},
	    {EVENT(",\"reason\":\"\",\"description\":\"  \""), NULL, NULL},
	    {EVENT(",\"eta\":\"2026-03-08\""), "2026-03-08", "2026-03-08"},
	    {EVENT(",\"eta\":\"2026-03-08T12:00:00+01:00\""), "2026-03-08T12:00:00+01:00",
	        "2026-03-08T12:00:00+01:00"},
	    {EVENT(",\"eta\":{\"to\":\"2026-03-08\"}"), NULL, "2026-03-08"},
	    {EVENT(",\"eta\":{\"from\":null,\"to\":\"2026-03-08\"}"), NULL, "2026-03-08"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct kit kit = kit_hook(generic, str_of(cases[i].body));
		assert_true(kit.done);
		assert_int_equal(kit.set.reports[0].reason, REASON_NONE);
		assert_null(kit.set.reports[0].checkpoints[0].description);
		assert_true(text_eq(kit.set.reports[0].eta.from, cases[i].from));
		assert_true(text_eq(kit.set.reports[0].eta.to, cases[i].to));
		assert_null(kit.reply.event_id);
		kit_end(&kit);
	}
	struct kit kit = kit_hook(generic, /* numbers are fine where a text is meant */
	    str_of("{\"tracking_number\":123,\"event_id\":9,\"status\":\"in_transit\",\"time\":"
	           "\"2026-03-06\"}"));
	assert_true(kit.done);
	assert_string_equal(kit.set.reports[0].tracking_number, "123");
	assert_string_equal(kit.reply.event_id, "9");
	kit_end(&kit);
}

static void test_refused_by_name(void **state)
{
	(void)state;
	static const struct {
		const char *body, *says;
	} cases[] = {
	    {"{}", "\"tracking_number\" is missing"},
	    {"{\"tracking_number\":\" \"}", "\"tracking_number\" is missing"},
	    {"{\"tracking_number\":{}}", "\"tracking_number\" must be a text"},
	    {"{\"tracking_number\":\"1\"}", "\"status\" is missing"},
	    {"{\"tracking_number\":\"1\",\"status\":\"deliverd\"}",
	        "unknown status \"deliverd\"; did you mean \"delivered\"?"},
	    {"{\"tracking_number\":\"1\",\"status\":\"xyz\"}", "unknown status \"xyz\""},
	    {"{\"tracking_number\":\"1\",\"status\":true}", "\"status\" must be a text"},
	    {"{\"tracking_number\":\"1\",\"status\":\"delivered\"}", "\"time\" is missing"},
	    {"{\"tracking_number\":\"1\",\"status\":\"delivered\",\"time\":\"now\"}",
	        "\"time\" must be"},
	    {"{\"tracking_number\":\"1\",\"status\":\"delivered\",\"time\":1772000000}",
	        "\"time\" must be"},
	    {EVENT(",\"reason\":\"wether\""), "did you mean \"weather\"?"},
	    {EVENT(",\"reason\":[]"), "\"reason\" must be a text"},
	    {EVENT(",\"description\":[]"), "\"description\" must be a text"},
	    {EVENT(",\"place\":{}"), "\"place\" must be a text"},
	    {EVENT(",\"event_id\":false"), "\"event_id\" must be a text"},
	    {EVENT(",\"eta\":\"tomorrow\""), "\"eta\" must be"},
	    {EVENT(",\"eta\":17"), "\"eta\" must be"},
	    {EVENT(",\"eta\":{}"), "\"eta\" must be"},
	    {EVENT(",\"eta\":{\"from\":\"2026-03-08\"}"), "\"eta\" must be"},
	    {EVENT(",\"eta\":{\"from\":7,\"to\":\"2026-03-08\"}"), "\"eta\" must be"},
	    {"[]", "one JSON object"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct kit kit = kit_hook(generic, str_of(cases[i].body));
		assert_false(kit.done);
		assert_int_equal(kit.err.kind, ERR_INPUT);
		if (strstr(kit.err.text, cases[i].says) == NULL)
			fail_msg("%s: %s", cases[i].body, kit.err.text);
		assert_int_equal(kit.set.count, 0);
		kit_end(&kit);
	}
}

static void test_signature(void **state)
{
	(void)state;
	/* echo -n '{}' | openssl dgst -sha256 -hmac s3 */
	static const char hex[] =
	    "5356d278f9946a1085dd7caa23dfcece9d564599852683bb1d3f7d78f28ecb8b";
	char signature[80];
	const char *secrets[] = {"s3"};
	struct carrier_settings settings = {.hook_secrets = secrets, .hook_secret_count = 1};
	snprintf(signature, sizeof signature, "sha256=%s", hex);
	assert_true(kit_verify(generic, "x-signature", signature, "{}", settings));
	assert_false(kit_verify(generic, "x-signature", hex, "{}", settings));
	assert_false(kit_verify(generic, "x-signature", NULL, "{}", settings));
	assert_false(kit_verify(generic, "x-signature", "sha256=", "{}", settings));
	assert_false(kit_verify(generic, "x-signature", signature, "{} ", settings));
	settings.hook_prefix = "";
	settings.hook_header = "X-Hub";
	assert_true(kit_verify(generic, "X-Hub", hex, "{}", settings));
	settings.hook_secret_count = 0;
	assert_false(kit_verify(generic, "X-Hub", hex, "{}", settings));
}

static void test_garbage(void **state)
{
	(void)state;
	kit_garbage(generic);
	kit_prefixes(generic, FIXTURES "generic/*.json");
	char *word = xcalloc(1, 100001);
	memset(word, 'x', 100000);
	char *body = xasprintf(
	    "{\"tracking_number\":\"1\",\"status\":\"%s\",\"time\":\"2026-03-06\"}", word);
	struct kit kit = kit_hook(generic, str_of(body));
	assert_false(kit.done);
	kit_end(&kit);
	xfree(body);
	xfree(word);
}

int main(void)
{
	generic = carrier_find("generic");
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_event),
	    cmocka_unit_test(test_optional),
	    cmocka_unit_test(test_refused_by_name),
	    cmocka_unit_test(test_signature),
	    cmocka_unit_test(test_garbage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
