#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "notifier/app/json.h"
#include "notifier/app/ledger.h"

static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static const struct shipment parcel = {
    .id = "shp_05abcdefghijklmn", .account = "default", .number = "P1"};
static const struct event delayed = {.kind = EVENT_DELAYED,
    .sequence = 3,
    .status = STATUS_IN_TRANSIT,
    .reason = REASON_WEATHER,
    .at_ms = 1772000000000,
    .noticed_ms = 1772000001000,
    .approximate = true,
    .source = SOURCE_WEBHOOK,
    .eta_before = {"2026-03-05", "2026-03-06"},
    .quiet_days = 2,
    .low_day = 20650,
    .high_day = 20654,
    .withdrawn = STATUS_DELIVERED};

static struct history_decision decision(enum verdict verdict, int64_t until_ms)
{
	return (struct history_decision){.recipient_id = "rcp_1",
	    .channel = CHANNEL_SMS,
	    .decision = {.verdict = verdict, .why = WHY_NEWS, .until_ms = until_ms}};
}

/* As HGETALL would give it: the fields, and the state that the scripts put. */
static struct redis_value flat_of(
    const struct decided_message *message, const char *const *more, size_t more_count)
{
	struct redis_value flat = {.type = REDIS_ARRAY, .count = message->field_count + more_count};
	flat.items = arena_array(arena, flat.count, sizeof *flat.items);
	for (size_t i = 0; i < flat.count; i++) {
		const char *text =
		    i < message->field_count ? message->fields[i] : more[i - message->field_count];
		flat.items[i] = (struct redis_value){.type = REDIS_TEXT, .text = str_of(text)};
	}
	return flat;
}

static void test_round_trip(void **state)
{
	(void)state;
	static const char *const more[] = {"t", "failed", "a", "4", "fa", "3", "i", "att_1", "sa",
	    "1772000002000", "d", "1772000003000", "x", "550 no such user", "f", "1"};
	struct decided_message message;
	struct ledger ledger;
	struct history_decision d = decision(VERDICT_SEND, 5);
	const char *id = ledger_describe(&message, &parcel, &delayed, &d, arena);
	assert_string_equal(message.id, id);
	assert_int_equal(key_partition_of_id(id), 5);
	assert_int_equal(message.hold_until_ms, 0); /* only a held one waits */
	struct redis_value flat = flat_of(&message, more, sizeof more / sizeof *more);
	assert_true(ledger_read(&flat, &ledger, arena));
	assert_string_equal(ledger.state, "failed");
	assert_string_equal(ledger.shipment_id, parcel.id);
	assert_string_equal(ledger.recipient_id, "rcp_1");
	assert_int_equal(ledger.channel, CHANNEL_SMS);
	assert_int_equal(ledger.claims, 4);
	assert_int_equal(ledger.failures, 3);
	assert_string_equal(ledger.attempt_id, "att_1");
	assert_string_equal(ledger.why, "550 no such user");
	assert_true(ledger.claimed_ms == 1772000002000 && ledger.ended_ms == 1772000003000);
	assert_true(ledger.is_forced);
	const struct event *e = &ledger.event;
	assert_int_equal(e->kind, delayed.kind);
	assert_int_equal(e->sequence, delayed.sequence);
	assert_int_equal(e->status, delayed.status);
	assert_int_equal(e->reason, delayed.reason);
	assert_true(e->at_ms == delayed.at_ms && e->noticed_ms == delayed.noticed_ms);
	assert_true(e->approximate);
	assert_int_equal(e->source, delayed.source);
	assert_int_equal(e->withdrawn, delayed.withdrawn);
	assert_string_equal(e->eta_before.from, "2026-03-05");
	assert_string_equal(e->eta_before.to, "2026-03-06");
	assert_int_equal(e->quiet_days, 2);
	assert_int_equal(e->low_day, 20650);
	assert_int_equal(e->high_day, 20654);
}

/* The pipeline may describe a message again after a crash: it is the same message. */
static void test_same_decision_same_message(void **state)
{
	(void)state;
	struct decided_message one, two, held, other;
	struct history_decision send = decision(VERDICT_SEND, 0), hold = decision(VERDICT_HOLD, 77);
	struct event later = delayed;
	later.sequence++;
	ledger_describe(&one, &parcel, &delayed, &send, arena);
	ledger_describe(&two, &parcel, &delayed, &send, arena);
	ledger_describe(&held, &parcel, &delayed, &hold, arena);
	ledger_describe(&other, &parcel, &later, &send, arena);
	assert_string_equal(one.id, two.id);
	assert_string_equal(one.id, held.id);
	assert_int_equal(held.hold_until_ms, 77);
	assert_string_not_equal(one.id, other.id);
}

static void test_values_are_short(void **state)
{
	(void)state;
	struct decided_message message;
	struct event event = delayed;
	char huge[500];
	memset(huge, '9', sizeof huge - 1);
	huge[sizeof huge - 1] = '\0';
	event.eta_before.from = huge;
	struct history_decision d = decision(VERDICT_SEND, 0);
	ledger_describe(&message, &parcel, &event, &d, arena);
	for (size_t i = 0; i < message.field_count; i++)
		assert_in_range(strlen(message.fields[i]), 1, 64);
}

static void test_damaged(void **state)
{
	(void)state;
	static const struct {
		const char *items[10];
		size_t count;
		bool ok;
	} rows[] = {
	    {{0}, 0, false},
	    {{"t"}, 1, false},
	    {{"t", "sent", "s", "shp_1", "r", "rcp", "c", "email", "k", "delivered"}, 10, true},
	    {{"t", "sent", "s", "shp_1", "r", "rcp", "c", "email", "k", "nonsense"}, 10, false},
	    {{"t", "sent", "s", "shp_1", "r", "rcp", "c", "fax", "k", "delivered"}, 10, false},
	    {{"t", "sent", "s", "shp_1", "r", "rcp", "c", "email", "k"}, 9, false}, /* cut */
	    {{"s", "shp_1", "r", "rcp", "c", "email", "k", "delivered"}, 8, false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct decided_message none = {0};
		struct ledger ledger;
		struct redis_value flat = flat_of(&none, rows[i].items, rows[i].count);
		assert_int_equal(ledger_read(&flat, &ledger, arena), rows[i].ok);
	}
}

static void test_json(void **state)
{
	(void)state;
	struct ledger ledger = {.state = "sent",
	    .shipment_id = "shp_1",
	    .recipient_id = "rcp_1",
	    .claims = 1,
	    .event = delayed,
	    .ended_ms = 1772000003000};
	json_t *o = ledger_json("msg_1", &ledger);
	assert_string_equal(json_text(o, arena).at,
	    "{\"id\":\"msg_1\",\"state\":\"sent\",\"shipment\":\"shp_1\",\"event\":\"delayed\","
	    "\"recipient\":\"rcp_1\","
	    "\"channel\":\"email\",\"why\":null,\"attempts\":1,\"noticed_at\":\"2026-02-25T06:13:"
	    "21Z\","
	    "\"claimed_at\":null,\"ended_at\":\"2026-02-25T06:13:23Z\"}");
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_same_decision_same_message),
	    cmocka_unit_test(test_values_are_short),
	    cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_json),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
