/* core/report.c, carriers/report_json.c, and the lines of `notifier parse` built from them. */
#include "notifier/app/cmd_parse.h"
#include "tests/unit/carrier_kit.h"

/* --- normal form ----------------------------------------------------------------------------- */

static const char *order_of(
    struct arena *arena, const char *const times[], size_t count, bool newest_first)
{
	struct checkpoint_list list;
	struct report report = {0};
	struct buf order = BUF_EMPTY(0);
	checkpoint_list_init(&list, arena);
	for (size_t i = 0; i < count; i++) {
		struct checkpoint *checkpoint = checkpoint_list_add(&list);
		checkpoint->time = times[i];
		checkpoint->code = arena_printf(arena, "%zu", i);
	}
	report_take_checkpoints(&report, &list, newest_first);
	for (size_t i = 0; i < report.checkpoint_count; i++)
		buf_add_text(&order, report.checkpoints[i].code);
	const char *text = arena_strdup(arena, buf_text(&order));
	buf_free(&order);
	return text;
}

static void test_order(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	static const char *const zones[] = {"2026-03-06T10:00:00+01:00", "2026-03-06T09:30:00Z",
	    "2026-03-06T09:00:00", "2026-03-06T04:15:00-05:00", "2026-03-06"};
	assert_string_equal(order_of(arena, zones, 5, false), "40231");
	static const char *const equal[] = {
	    "2026-03-06T09:00:00Z", "2026-03-06T10:00:00+01:00", "2026-03-06T09:00:00"};
	assert_string_equal(order_of(arena, equal, 3, false), "012"); /* stable */
	assert_string_equal(order_of(arena, equal, 3, true), "210");
	static const char *const odd[] = {"2026-03-06", NULL, "soon"};
	assert_string_equal(
	    order_of(arena, odd, 3, false), "120"); /* no time: in front, in order */
	assert_string_equal(order_of(arena, odd, 0, true), "");
	arena_free(&arena);
}

static void test_duplicates_and_bound(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct checkpoint_list list;
	struct report report = {0};
	checkpoint_list_init(&list, arena);
	for (int i = 0; i < 6; i++)
		*checkpoint_list_add(&list) = (struct checkpoint){.time = "2026-03-06T09:00:00Z",
		    .code = i % 2 ? "A" : "B",
		    .place = i == 5 ? "X" : NULL};
	report_take_checkpoints(&report, &list, false);
	assert_int_equal(report.checkpoint_count, 3); /* B, A, and A at X */

	checkpoint_list_init(&list, arena);
	for (int i = 0; i < 10000; i++)
		checkpoint_list_add(&list)->time = arena_printf(
		    arena, "2026-03-06T%02d:%02d:%02dZ", i / 3600, i / 60 % 60, i % 60);
	report_take_checkpoints(&report, &list, true);
	assert_int_equal(report.checkpoint_count, REPORT_MAX_CHECKPOINTS);
	assert_string_equal(
	    report.checkpoints[REPORT_MAX_CHECKPOINTS - 1].time, "2026-03-06T02:46:39Z");
	arena_free(&arena);
}

static void test_error_names(void **state)
{
	(void)state;
	assert_null(report_error_name(REPORT_OK));
	assert_null(report_error_name(REPORT_ERRORS));
	for (int i = 1; i < REPORT_ERRORS; i++)
		assert_non_null(report_error_name((enum report_error)i));
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void assert_json(const struct report *report, const char *wanted)
{
	json_auto_t *got = report_to_json(report);
	char *text = json_dumps(got, JSON_COMPACT);
	assert_string_equal(text, wanted);
	free(text);
}

static void test_to_json(void **state)
{
	(void)state;
	struct checkpoint checkpoint = {
	    "2026-03-06", STATUS_IN_TRANSIT, REASON_WEATHER, "DY", NULL, "Oslo, NO"};
	assert_json(&(struct report){.carrier = "x", .error = REPORT_QUOTA},
	    "{\"carrier\":\"x\",\"tracking_number\":null,\"error\":{\"code\":\"quota\",\"message\":"
	    "null}}");
	assert_json(&(struct report){.carrier = "x", .tracking_number = "1"},
	    "{\"carrier\":\"x\",\"tracking_number\":\"1\",\"status\":\"unknown\",\"reason\":null,"
	    "\"eta\":null,\"events\":[]}");
	assert_json(&(struct report){.carrier = "x",
	                .tracking_number = "1",
	                .status = STATUS_DELIVERED,
	                .eta = {NULL, "2026-03-07"},
	                .checkpoints = &checkpoint,
	                .checkpoint_count = 1,
	                .actual_carrier = "y",
	                .delivered_place = "door",
	                .pickup = {.code = "7"},
	                .duties = {.amount = "1.50"}},
	    "{\"carrier\":\"x\",\"tracking_number\":\"1\",\"status\":\"delivered\",\"reason\":null,"
	    "\"eta\":{\"from\":null,\"to\":\"2026-03-07\"},\"events\":[{\"time\":\"2026-03-06\","
	    "\"status\":\"in_transit\",\"reason\":\"weather\",\"code\":\"DY\",\"description\":null,"
	    "\"place\":\"Oslo, "
	    "NO\"}],\"actual_carrier\":\"y\",\"pickup\":{\"name\":null,\"address\":null,"
	    "\"until\":null,\"code\":\"7\"},\"duties\":{\"amount\":\"1.50\",\"currency\":null,"
	    "\"due\":null},"
	    "\"delivered_place\":\"door\"}");
	assert_json(&(struct report){.carrier = "x", .tracking_number = "\xff"},
	    "{\"carrier\":\"x\",\"tracking_number\":null,\"status\":\"unknown\",\"reason\":null,"
	    "\"eta\":null,\"events\":[]}"); /* no UTF-8: never half a line */
}

static void test_every_word_returns(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	for (int i = 0; i < STATUS_COUNT * REASON_COUNT + REPORT_ERRORS; i++) {
		int word = i - REPORT_ERRORS;
		struct report back, report = {.carrier = "x", .tracking_number = "1"};
		if (i < REPORT_ERRORS) {
			report.error = (enum report_error)i;
		} else {
			report.status = (enum status)(word % STATUS_COUNT);
			report.reason = (enum reason)(word / STATUS_COUNT);
		}
		json_auto_t *json = report_to_json(&report);
		report_from_json(&back, json, "x", arena);
		assert_int_equal(back.error, report.error);
		assert_int_equal(back.status, report.status);
		assert_int_equal(back.reason, report.reason);
	}
	struct report odd;
	report_from_json(&odd, NULL, "x", arena);
	assert_null(odd.tracking_number);
	arena_free(&arena);
}

/* --- lines of `notifier parse` ---------------------------------------------------------------- */

/* wanted: a part of the answer, or of the error's text */
static void assert_line(const char *text, bool usable, const char *wanted)
{
	json_auto_t *in = json_loads(text, 0, NULL), *out = json_object();
	assert_non_null(in);
	struct jsonl_line line = {.in = in, .out = out, .arena = arena_new()};
	assert_int_equal(cmd_parse_line(&line, NULL), usable);
	char *answer = json_dumps(out, JSON_COMPACT);
	if (strstr(usable ? answer : line.err.text, wanted) == NULL)
		fail_msg("%s: %s, %s", text, answer, line.err.text);
	free(answer);
	arena_free(&line.arena);
}

#define POLL(rest) "{\"id\":7,\"carrier\":\"dhl\",\"kind\":\"poll\"," rest "}"
#define HOOK(rest) "{\"id\":\"h\",\"carrier\":\"generic\",\"kind\":\"webhook\"," rest "}"

/* echo -n '{}' | openssl dgst -sha256 -hmac s3 */
#define SIGNED    "\"headers\":{\"x-signature\":\"sha256=" SIGNATURE "\"},\"body\":\"{}\""
#define SIGNATURE "5356d278f9946a1085dd7caa23dfcece9d564599852683bb1d3f7d78f28ecb8b"

static void test_lines(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		bool usable;
		const char *wanted;
	} cases[] = {
	    {POLL("\"asked\":[\"1\"],\"status\":404,\"body\":\"{}\""), true,
	        "{\"trackings\":[{\"carrier\":\"dhl\",\"tracking_number\":\"1\","
	        "\"error\":{\"code\":\"not_found\",\"message\":null}}]}"},
	    {POLL("\"asked\":[\"1\"],\"body_base64\":\"eyJzaGlwbWVudHMiOltdfQ==\""), true,
	        "not_found"},
	    {POLL("\"asked\":null,\"status\":500,\"body\":\"<h1>\""), true,
	        "{\"trackings\":[{\"carrier\":\"dhl\",\"tracking_number\":null,\"error\":{\"code\":"
	        "\"carrier_error\""},
	    {POLL("\"status\":200,\"body\":\"<h1>\""), false, "dhl: HTML"},
	    {POLL("\"body\":7"), false, "\"body\" (a text)"},
	    {POLL("\"body_base64\":\"%%\""), false, "no base64"},
	    {POLL("\"asked\":\"1\",\"body\":\"{}\""), false, "\"asked\" must be"},
	    {POLL("\"asked\":[1],\"body\":\"{}\""), false, "\"asked\" must be"},
	    {"{\"carrier\":\"dhl\"}", false, "\"kind\" must be"},
	    {"{\"id\":1}", false, "\"carrier\" is missing"},
	    {"{\"carrier\":[]}", false, "\"carrier\" is missing"},
	    {"{\"carrier\":\"nobody\"}", false, "no adapter \"nobody\""},
	    {"{\"carrier\":\"generic\",\"kind\":\"poll\",\"body\":\"\"}", false,
	        "generic cannot be polled"},
	    {"{\"carrier\":\"dhl\",\"kind\":\"webhook\",\"request\":{\"body\":\"\"}}", false,
	        "dhl sends no webhooks"},
	    {HOOK("\"secret\":\"s3\",\"request\":{" SIGNED "}"), false,
	        "generic: \"tracking_number\" is missing"},
	    {HOOK("\"secret\":\"\",\"request\":{" SIGNED "}"), true,
	        "{\"signature_valid\":false,\"trackings\":[]}"},
	    {HOOK("\"request\":{" SIGNED "}"), true, "\"signature_valid\":false"},
	    {HOOK("\"secret\":\"s3\",\"request\":{\"body\":\"{}\"}"), true,
	        "\"signature_valid\":false"},
	    {HOOK("\"secret\":\"s3\",\"request\":{\"headers\":{\"a\":1},\"body\":\"{}\"}"), false,
	        "header \"a\""},
	    {HOOK("\"secret\":\"s3\",\"now\":\"later\",\"request\":{\"body\":\"{}\"}"), false,
	        "\"now\" must be"},
	    {HOOK("\"secret\":\"s3\",\"now\":\"2026-03-06T10:00:00Z\",\"request\":{\"body\":\"{}"
	          "\"}"),
	        true, "false"},
	    {HOOK("\"secret\":\"s3\",\"request\":[]"), false, "\"request\" must be an object"},
	    {HOOK("\"secret\":\"s3\""), false, "\"request\" is missing"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_line(cases[i].line, cases[i].usable, cases[i].wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_duplicates_and_bound),
	    cmocka_unit_test(test_error_names),
	    cmocka_unit_test(test_to_json),
	    cmocka_unit_test(test_every_word_returns),
	    cmocka_unit_test(test_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
