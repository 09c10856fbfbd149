#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "notifier/app/history.h"
#include "notifier/app/json.h"

#define RECORDS_MAX 16
#define NOON        1772000000000 /* 2026-02-25T06:13:20Z */

static struct arena *arena;
static struct redis_value items[RECORDS_MAX], records;

static int setup(void **state)
{
	(void)state;
	arena = arena_new();
	records = (struct redis_value){.type = REDIS_ARRAY, .items = items};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void record(const char *json)
{
	items[records.count++] = (struct redis_value){.type = REDIS_TEXT, .text = str_of(json)};
}

/* "kind|what|why" of each line. */
static const char *story(void)
{
	const char *text = "";
	size_t i;
	json_t *line, *lines = history_explain(&records);
	json_array_foreach(lines, i, line) text = arena_printf(arena, "%s%s|%s|%s\n", text,
	    json_string_value(json_object_get(line, "kind")),
	    json_string_value(json_object_get(line, "what")),
	    json_string_value(json_object_get(line, "why")));
	json_decref(lines);
	return text;
}

static const char *dump(json_t *value)
{
	const char *text = json_text(value, arena).at;
	json_decref(value);
	return text;
}

static const struct event delivered = {.kind = EVENT_DELIVERED,
    .sequence = 4,
    .status = STATUS_DELIVERED,
    .at_ms = NOON - 1000,
    .noticed_ms = NOON,
    .source = SOURCE_POLL};

static void tell_the_story(void)
{
	struct checkpoint c = {.time = "2026-02-25T07:13:19+01:00",
	    .status = STATUS_DELIVERED,
	    .code = "OK",
	    .description = "Handed\nover\033[31m",
	    .place = "Berlin"};
	struct history_decision decisions[] = {{.message_id = "msg_1",
	                                           .recipient_id = "rcp_1",
	                                           .channel = CHANNEL_EMAIL,
	                                           .decision = {VERDICT_SEND, WHY_NEWS, 0}},
	    {.message_id = "msg_2",
	        .recipient_id = "rcp_1",
	        .channel = CHANNEL_SMS,
	        .decision = {VERDICT_HOLD, WHY_SETTLING, NOON + 5000}},
	    {.recipient_id = "rcp_2",
	        .channel = CHANNEL_SMS,
	        .decision = {VERDICT_DROP, WHY_NO_CONSENT, 0}}};
	record(history_note(NOON, "poll", "asked dhl", "it was due", arena));
	record(history_checkpoint(&c, NOON - 1000, &delivered, arena));
	record(history_event(&delivered, arena));
	record(history_decisions(&delivered, decisions, 3, NOON, arena));
	record(history_receipt(NOON, "msg_1", "retry", "451 try later", 1, arena));
	record(history_receipt(NOON, "msg_1", "sent", "250 ok", 2, arena));
}

static void test_explain(void **state)
{
	(void)state;
	tell_the_story();
	assert_string_equal(story(),
	    "poll|asked dhl|it was due\n"
	    "report|delivered: Handed over [31m (Berlin)|the carrier's time is "
	    "2026-02-25T07:13:19+01:00; heard by poll\n"
	    "event|delivered|the status is delivered; noticed by poll\n"
	    "decision|delivered: send by email to rcp_1|it is news for this recipient\n"
	    "decision|delivered: hold by sms to rcp_1|late news waits a moment for what may "
	    "replace it\n"
	    "decision|delivered: drop by sms to rcp_2|the recipient is not signed up for this "
	    "channel\n"
	    "attempt|retry|451 try later\n"
	    "receipt|sent|250 ok\n");
}

static void test_lines_carry_ids(void **state)
{
	(void)state;
	tell_the_story();
	json_t *lines = history_explain(&records);
	const json_t *held = json_array_get(lines, 4), *sent = json_array_get(lines, 7);
	assert_string_equal(json_string_value(json_object_get(held, "message")), "msg_2");
	assert_string_equal(json_string_value(json_object_get(held, "reason")), "settling");
	assert_string_equal(
	    json_string_value(json_object_get(held, "until")), "2026-02-25T06:13:25Z");
	assert_int_equal(json_get_int(sent, "attempt"), 2);
	assert_string_equal(json_string_value(json_object_get(sent, "at")), "2026-02-25T06:13:20Z");
	json_decref(lines);
}

static void test_parts(void **state)
{
	(void)state;
	tell_the_story();
	assert_string_equal(dump(history_message_ids(&records)), "[\"msg_1\",\"msg_2\"]");
	assert_string_equal(dump(history_checkpoints(&records)),
	    "[{\"at\":\"2026-02-25T06:13:19Z\",\"time\":\"2026-02-25T07:13:19+01:00\",\"status\":"
	    "\"delivered\",\"reason\":null,"
	    "\"code\":\"OK\",\"description\":\"Handed over "
	    "[31m\",\"place\":\"Berlin\",\"heard_at\":\"2026-02-25T06:13:20Z\",\"source\":\"poll\"}"
	    "]");
	assert_string_equal(dump(history_events(&records)),
	    "[{\"event\":\"delivered\",\"sequence\":4,\"status\":\"delivered\",\"reason\":null,"
	    "\"at\":\"2026-02-25T06:13:19Z\","
	    "\"noticed_at\":\"2026-02-25T06:13:20Z\",\"source\":\"poll\"}]");
}

static void test_nothing_has_happened(void **state)
{
	(void)state;
	assert_string_equal(story(), "");
	assert_string_equal(dump(history_checkpoints(&records)), "[]");
	assert_string_equal(dump(history_message_ids(&records)), "[]");
}

/* A record that a newer or a broken program wrote is passed over; the rest is told. */
static void test_damaged_records(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "{", "null", "[]", "7", "{}", "{\"k\":5}",
	    "{\"k\":\"future\",\"t\":1}", "{\"k\":\"d\",\"m\":7}",
	    "{\"k\":\"d\",\"m\":[{\"id\":9}]}", "{\"k\":\"c\"}", "{\"k\":\"e\"}",
	    "{\"k\":\"c\",\"so\":99}", "{\"k\":\"e\",\"e\":{\"so\":-1}}"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		record(texts[i]);
	record(history_note(NOON, "poll", "asked", "due", arena));
	assert_non_null(strstr(story(), "poll|asked|due\n"));
	assert_string_equal(dump(history_message_ids(&records)), "[]");
	json_decref(history_checkpoints(&records));
	json_decref(history_events(&records));
}

static void test_huge_description(void **state)
{
	(void)state;
	static char huge[100000];
	memset(huge, 'x', sizeof huge - 1);
	struct checkpoint c = {
	    .status = STATUS_IN_TRANSIT, .description = huge, .place = huge, .code = huge};
	assert_true(strlen(history_checkpoint(&c, NOON, &delivered, arena)) < 800);
	assert_true(strlen(history_receipt(NOON, "msg_1", "retry", huge, 1, arena)) < 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_explain, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_lines_carry_ids, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_parts, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_nothing_has_happened, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_damaged_records, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_huge_description, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
