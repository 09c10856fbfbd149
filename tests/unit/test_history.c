#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "notifier/app/history.h"
#include "notifier/app/json.h"

#define NOON 1772000000000 /* 2026-02-25T06:13:20Z */

static struct arena *arena;
static struct buf stored;

static int setup(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_free(&stored);
	arena_free(&arena);
	return 0;
}

static void record(const char *lines)
{
	buf_add_text(&stored, lines);
}

static const struct redis_value *records(void)
{
	static struct redis_value value;
	value = (struct redis_value){.type = stored.size ? REDIS_TEXT : REDIS_NIL,
	    .text = str_make(buf_text(&stored), stored.size)};
	return &value;
}

/* "kind|what|why" of each line. */
static const char *story(void)
{
	const char *text = "";
	size_t i;
	json_t *line, *lines = history_explain(records());
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
	const struct checkpoint *const fresh[] = {&c};
	const int64_t instants_ms[] = {NOON - 1000};
	history_add_checkpoints(&stored, fresh, instants_ms, 1, &delivered, arena);
	history_add_event(&stored, &delivered, arena);
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
	json_t *lines = history_explain(records());
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
	assert_string_equal(dump(history_message_ids(records())), "[\"msg_1\",\"msg_2\"]");
	assert_string_equal(dump(history_checkpoints(records())),
	    "[{\"at\":\"2026-02-25T06:13:19Z\",\"time\":\"2026-02-25T07:13:19+01:00\",\"status\":"
	    "\"delivered\",\"reason\":null,"
	    "\"code\":\"OK\",\"description\":\"Handed over "
	    "[31m\",\"place\":\"Berlin\",\"heard_at\":\"2026-02-25T06:13:20Z\",\"source\":\"poll\"}"
	    "]");
	assert_string_equal(dump(history_events(records())),
	    "[{\"event\":\"delivered\",\"sequence\":4,\"status\":\"delivered\",\"reason\":null,"
	    "\"at\":\"2026-02-25T06:13:19Z\","
	    "\"noticed_at\":\"2026-02-25T06:13:20Z\",\"source\":\"poll\"}]");
}

static void test_nothing_has_happened(void **state)
{
	(void)state;
	assert_string_equal(story(), "");
	assert_string_equal(dump(history_checkpoints(records())), "[]");
	assert_string_equal(dump(history_message_ids(records())), "[]");
}

static void scan(const struct checkpoint *checkpoint, int64_t instant_ms)
{
	history_add_checkpoints(&stored, &checkpoint, &instant_ms, 1, &delivered, arena);
}

/* The carrier's time comes back as it was written, and the instant whatever it is. */
static void test_times(void **state)
{
	(void)state;
	static const struct {
		const char *time;
		int64_t instant_ms;
		const char *at;
	} rows[] = {
	    {"2026-02-25T07:13:19+01:00", NOON - 1000, "2026-02-25T06:13:19Z"},
	    {"2026-02-25T06:13:19Z", NOON - 1000, "2026-02-25T06:13:19Z"},
	    {"2026-02-25T06:13:19Z", NOON - 999, "2026-02-25T06:13:19.001Z"},
	    {"2026-02-25T07:13:19", NOON - 1000, "2026-02-25T06:13:19Z"},
	    {"2026-02-25T00:13:19-06:00", NOON - 1000, "2026-02-25T06:13:19Z"},
	    {"2026-02-25 06:13:19", NOON - 1000, "2026-02-25T06:13:19Z"},
	    {"2026-02-25T06:13Z", NOON - 20000, "2026-02-25T06:13:00Z"},
	    {"2026-02-25T06:13:19.5Z", NOON - 500, "2026-02-25T06:13:19.500Z"},
	    {"2026-02-25", NOON, "2026-02-25T06:13:20Z"},
	    {"1969-12-31T23:59:59Z", -1000, "1969-12-31T23:59:59Z"},
	    {"1970-01-01T00:00:00Z", NOON, "2026-02-25T06:13:20Z"},
	    {"9999-12-31T23:59:59Z", NOON, "2026-02-25T06:13:20Z"},
	    {"2026-02-25T06:13:19Z", 0, NULL},
	    {"soon", NOON, "2026-02-25T06:13:20Z"},
	    {NULL, NOON, "2026-02-25T06:13:20Z"},
	    {NULL, 0, NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct checkpoint c = {.time = rows[i].time};
		buf_clear(&stored);
		scan(&c, rows[i].instant_ms);
		json_t *list = history_checkpoints(records());
		const json_t *o = json_array_get(list, 0);
		const char *time = json_string_value(json_object_get(o, "time")),
		           *at = json_string_value(json_object_get(o, "at"));
		if (!text_eq(time, rows[i].time) || !text_eq(at, rows[i].at))
			fail_msg("%zu %s: %s, %s", i, rows[i].time, time, at);
		json_decref(list);
	}
}

/* Every word of every enum comes back; their numbers are in Redis for 90 days. */
static void test_enums_keep_their_numbers(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int number;
	} rows[] = {{"unknown", STATUS_UNKNOWN}, {"pre_transit", STATUS_PRE_TRANSIT},
	    {"in_transit", STATUS_IN_TRANSIT}, {"out_for_delivery", STATUS_OUT_FOR_DELIVERY},
	    {"available_for_pickup", STATUS_AVAILABLE_FOR_PICKUP},
	    {"attempt_failed", STATUS_ATTEMPT_FAILED}, {"delivered", STATUS_DELIVERED},
	    {"exception", STATUS_EXCEPTION}, {"returning", STATUS_RETURNING},
	    {"returned", STATUS_RETURNED}, {"cancelled", STATUS_CANCELLED},
	    {"expired", STATUS_EXPIRED}};
	assert_int_equal(sizeof rows / sizeof *rows, STATUS_COUNT);
	for (int i = 0; i < STATUS_COUNT; i++) {
		assert_int_equal(rows[i].number, i);
		const struct checkpoint c = {
		    .status = (enum status)i, .reason = (enum reason)(i + 1)};
		buf_clear(&stored);
		scan(&c, NOON);
		json_t *list = history_checkpoints(records());
		const json_t *o = json_array_get(list, 0);
		assert_string_equal(json_string_value(json_object_get(o, "status")), rows[i].name);
		assert_string_equal(json_string_value(json_object_get(o, "reason")),
		    reason_name((enum reason)(i + 1)));
		json_decref(list);
	}
	assert_int_equal(REASON_OTHER, 12);
	assert_int_equal(EVENT_FEEDBACK_REQUEST, 17);
	assert_int_equal(WHY_ERASED, 12);
	assert_int_equal(SOURCE_API, 3);
	assert_int_equal(CHANNEL_SMS, 1);
	assert_int_equal(VERDICT_DROP, 2);
}

/* Ten scans of one answer lean on each other: each tells what it told alone. */
static void test_scans_of_one_answer(void **state)
{
	(void)state;
	static const struct checkpoint scans[] = {
	    {"2026-02-25T01:00:00Z", STATUS_PRE_TRANSIT, REASON_NONE, "MP", "Label made", NULL},
	    {"2026-02-25T02:00:00Z", STATUS_IN_TRANSIT, REASON_NONE, "AR", "Arrived in Köln",
	        "Köln, DE"},
	    {"2026-02-25T02:00:00Z", STATUS_IN_TRANSIT, REASON_NONE, "AR", "Arrived in Kömn",
	        "Köln, DE"},
	    {"2026-02-25T03:00:00", STATUS_EXCEPTION, REASON_WEATHER, NULL, NULL, NULL},
	    {NULL, STATUS_EXCEPTION, REASON_WEATHER, NULL, NULL, NULL},
	    {NULL, STATUS_EXCEPTION, REASON_WEATHER, NULL, NULL, NULL},
	    {"2026-02-25", STATUS_DELIVERED, REASON_NONE, "OK", "Köln", "Köln"}};
	enum { COUNT = sizeof scans / sizeof *scans };
	const struct checkpoint *fresh[COUNT];
	int64_t instants_ms[COUNT];
	for (size_t i = 0; i < COUNT; i++) {
		fresh[i] = &scans[i];
		instants_ms[i] = NOON + (int64_t)i;
		scan(&scans[i], instants_ms[i]);
	}
	const char *alone = dump(history_checkpoints(records()));
	const char *story_alone = story();
	size_t alone_bytes = stored.size;
	buf_clear(&stored);
	history_add_checkpoints(&stored, fresh, instants_ms, COUNT, &delivered, arena);
	assert_string_equal(dump(history_checkpoints(records())), alone);
	assert_string_equal(story(), story_alone);
	assert_true(stored.size < alone_bytes);
}

/* More than 64 lines may stand there, because a cut must not part what leans: 64 are told. */
static void test_newest_64(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		record(history_note(NOON, "poll", arena_printf(arena, "%d", i), "due", arena));
	const char *told = story();
	assert_int_equal(strncmp(told, "poll|36|due\n", 12), 0);
	assert_non_null(strstr(told, "poll|99|due\n"));
}

/* A record that a newer or a broken program wrote is passed over; the rest is told. */
static void test_damaged_records(void **state)
{
	(void)state;
	static const char *const lines[] = {"", "1", "+", "1c", "1e", "1d", "1r", "1n", "1c!",
	    "2c1", "1zzz", "+0x", "1c1\t\xff", "1c1\tzzz\t-zzzzzzzzzzzz\t\t-1y2p0ij32e8e8",
	    "1c1\t\tzzzzzzz\t+99", "1e1\tzzzz\tx!\t-1y2p0ij32e8e8", "1d1\tb\t1\tzzz",
	    "1d1\tb\t1\tzzz\t\t\t1y2p0ij32e8e7", "1n1\tpoll\twhat\twhy", "+~\t~", "+0\xc3",
	    "{\"k\":\"c\"}"};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		record(arena_printf(arena, "%s\n", lines[i]));
	record(history_note(NOON, "poll", "asked", "due", arena));
	record("1n1\tpoll\tcut");
	const char *told = story();
	assert_non_null(strstr(told, "poll|what|why\n"));
	assert_non_null(strstr(told, "poll|asked|due\n"));
	assert_string_equal(dump(history_message_ids(records())), "[]");
	assert_non_null(dump(history_checkpoints(records())));
	assert_non_null(dump(history_events(records())));
	const struct redis_value list = {.type = REDIS_ARRAY};
	assert_string_equal(dump(history_explain(&list)), "[]");
}

/* Nothing that people, carriers or mail servers write starts a line or a field. */
static void test_hostile_texts(void **state)
{
	(void)state;
	const char *bad = "x\n1d1\tb\t1\tacd\tr\tmsg_stolen\n+\t";
	const struct checkpoint c = {.time = bad, .code = bad, .description = bad, .place = bad};
	struct history_decision d = {.recipient_id = bad, .decision = {.why = WHY_NEWS}};
	scan(&c, NOON);
	record(history_decisions(&delivered, &d, 1, NOON, arena));
	record(history_receipt(NOON, "msg_1", "retry", bad, 1, arena));
	record(history_note(NOON, "poll", bad, bad, arena));
	assert_string_equal(dump(history_message_ids(records())), "[]");
	json_t *lines = history_explain(records());
	assert_int_equal(json_array_size(lines), 4);
	json_decref(lines);
}

static void test_huge_description(void **state)
{
	(void)state;
	static char huge[100000];
	memset(huge, 'x', sizeof huge - 1);
	struct checkpoint c = {
	    .status = STATUS_IN_TRANSIT, .description = huge, .place = huge, .code = huge};
	scan(&c, NOON);
	assert_true(stored.size < 800);
	assert_true(strlen(history_receipt(NOON, "msg_1", "retry", huge, 1, arena)) < 300);
}

/* What ten scans cost: one by one, and in one answer. */
static void test_bytes(void **state)
{
	(void)state;
	struct checkpoint scans[10];
	const struct checkpoint *fresh[10];
	int64_t instants_ms[10];
	for (int i = 0; i < 10; i++) {
		scans[i] =
		    (struct checkpoint){.time = arena_printf(arena, "2026-02-25T%02d:13:19Z", i),
		        .status = STATUS_IN_TRANSIT,
		        .code = "AR",
		        .description = "Arrived at a sort facility",
		        .place = arena_printf(arena, "Town %d, DE", i * i)};
		fresh[i] = &scans[i];
		instants_ms[i] = NOON - 22000 + (i - 6) * HOUR_MS;
		scan(&scans[i], instants_ms[i]);
	}
	assert_in_range(stored.size, 1, 720);
	buf_clear(&stored);
	history_add_checkpoints(&stored, fresh, instants_ms, 10, &delivered, arena);
	assert_in_range(stored.size, 1, 280);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_explain, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_lines_carry_ids, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_parts, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_nothing_has_happened, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_times, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_enums_keep_their_numbers, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_scans_of_one_answer, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_newest_64, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_damaged_records, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hostile_texts, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_huge_description, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
