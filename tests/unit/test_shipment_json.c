#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "notifier/app/json.h"
#include "notifier/app/shipment_json.h"
#include "notifier/base/when.h"

static struct arena *arena;

static int open_arena(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int close_arena(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct recipient recipients[] = {
    {.id = "rcp_1",
        .name = "Asha ગુજરાતી",
        .email = "asha@shop.test",
        .language = "gu",
        .zone = "Asia/Kolkata"},
    {.id = "77", .phone = "+919812345621", .channels_stated = true, .channels = 1u << CHANNEL_SMS},
    {.id = "none", .email = "no@shop.test", .channels_stated = true, .channels = 0},
};

/* Everything that can be set is set, so that a forgotten field shows. */
static struct shipment full(void)
{
	return (struct shipment){.version = 7,
	    .id = "shp_00abcdefghijklmn",
	    .account = "blue",
	    .number = "PKG\"1",
	    .carrier = "dhl",
	    .actual_carrier = "dpd",
	    .service = "parcel-de",
	    .order_number = "1001",
	    .zone = "Europe/Berlin",
	    .origin = {"CN", "GD", "518000"},
	    .destination = {"DE", NULL, "10115"},
	    .promised = {"2026-03-05", "2026-03-06"},
	    .recipients = recipients,
	    .recipient_count = 3,
	    .metadata = "{\"a\":1}",
	    .created_ms = 1772000000000,
	    .status = STATUS_EXCEPTION,
	    .reason = REASON_DAMAGED,
	    .since_ms = 1772000001000,
	    .since_approximate = true,
	    .newest_ms = 1772500000000,
	    .heard_ms = 1772000003000,
	    .eta = {"2026-03-07", "2026-03-08T12:00:00"},
	    .expected_ms = 4,
	    .worst_ms = 5,
	    .out_ms = 6,
	    .attempted_ms = 7,
	    .stalled_ms = 8,
	    .delivered_ms = 9,
	    .delivered_place = "door",
	    .pickup = {"Kiosk", "Street 1", "2026-03-09", "1234"},
	    .duties = {"5.00", "EUR", "2026-03-10"},
	    .flags = SHIPMENT_MOVED | SHIPMENT_STALLED_AGAIN,
	    .finished_ms = 10,
	    .sequence = 11,
	    .superseding = 12,
	    .last_event = EVENT_EXCEPTION,
	    .last_reason = REASON_LOST,
	    .seen_floor_ms = 13,
	    .polled_ms = 14,
	    .poll_failures = 15,
	    .body_hash = UINT64_C(0xfedcba9876543210),
	    .next_poll_ms = 16,
	    .next_poll_why = "by its status",
	    .deadline_ms = 17};
}

static struct shipment *round_trip(const struct shipment *s)
{
	struct err err;
	struct str text = shipment_encode(s, arena);
	const char *stored = arena_printf(arena, "%lld %s", (long long)s->version, text.at);
	struct shipment *back = shipment_decode(str_of(stored), arena, &err);
	if (back == NULL)
		fail_msg("%s", err.text);
	return back;
}

static void test_round_trip_keeps_all(void **state)
{
	(void)state;
	struct shipment s = full();
	struct shipment *back = round_trip(&s);
	assert_int_equal(back->version, 7);
	assert_string_equal(shipment_encode(back, arena).at, shipment_encode(&s, arena).at);
	/* What the text could hide: fields that neither direction knows. */
	assert_int_equal(back->out_ms, 6);
	assert_int_equal(back->attempted_ms, 7);
	assert_int_equal(back->stalled_ms, 8);
	assert_int_equal(back->last_event, EVENT_EXCEPTION);
	assert_int_equal(back->last_reason, REASON_LOST);
	assert_int_equal(back->superseding, 12);
	assert_int_equal(back->seen_floor_ms, 13);
	assert_int_equal(back->poll_failures, 15);
	assert_true(back->body_hash == s.body_hash);
	assert_string_equal(back->account, "blue");
	assert_string_equal(back->recipients[0].name, recipients[0].name);
	assert_false(back->recipients[0].channels_stated);
	assert_true(back->recipients[2].channels_stated);
	assert_int_equal(back->recipients[2].channels, 0);
	assert_string_equal(back->pickup.code, "1234");
	assert_string_equal(back->duties.due, "2026-03-10");
	assert_null(back->destination.region);
}

static void test_empty_round_trip(void **state)
{
	(void)state;
	struct shipment s = {
	    .account = "default", .next_poll_ms = NEVER_MS, .deadline_ms = NEVER_MS};
	struct shipment *back = round_trip(&s);
	assert_string_equal(back->account, "default");
	assert_true(back->next_poll_ms == NEVER_MS);
	assert_true(back->deadline_ms == NEVER_MS);
	assert_int_equal(back->status, STATUS_UNKNOWN);
	assert_int_equal(back->seen_count, 0);
	assert_int_equal(back->recipient_count, 0);
}

static void test_fingerprints(void **state)
{
	(void)state;
	for (size_t count = 0; count <= SHIPMENT_SEEN_MAX; count++) {
		struct shipment s = full();
		for (size_t i = 0; i < count; i++) {
			s.seen[i] = UINT64_C(0xfedcba9876543210) * (i + 1);
			s.seen_ms[i] = s.newest_ms - (int64_t)(i * i) * DAY_MS;
		}
		s.seen_count = count;
		struct shipment *back = round_trip(&s);
		assert_int_equal(back->seen_count, count);
		for (size_t i = 0; i < count; i++) {
			assert_true(back->seen[i] == (s.seen[i] & SHIPMENT_FINGERPRINT_MASK));
			assert_true(back->seen_ms[i] == s.seen_ms[i]);
		}
	}
}

static const struct {
	const char *stored, *expected; /* part of the error; NULL: it is read */
} stored_cases[] = {
    {"1 {\"v\":1}", NULL}, {"0 {\"v\":1,\"unknown\":[{}]}", NULL},
    {"1 {\"v\":2}", "newer notifier"}, {"1 {\"v\":999999}", "newer notifier"}, {"", "no version"},
    {"x {\"v\":1}", "no version"}, {"{\"v\":1}", "no version"}, {"1", "damaged"}, {"1 ", "damaged"},
    {"1 {\"v\":1", "damaged"}, {"1 {\"v\":1} x", "damaged"},
    {"99999999999999999999 {\"v\":1}", "no version"},
    {"1 {\"v\":1,\"r\":5,\"fr\":[],\"st\":7,\"sn\":{},\"cr\":\"x\"}",
        NULL}, /* wrong types read as not there */
    {"1 {\"v\":1,\"st\":\"no such\",\"re\":\"x\",\"le\":\"y\"}", NULL},
    {"1 {\"v\":1,\"sn\":\"!!!!\"}", NULL},
    {"1 {\"v\":1,\"sn\":\"AAAA\"}", NULL}, /* less than one fingerprint */
};

static void test_stored_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof stored_cases / sizeof *stored_cases; i++) {
		struct err err = {0};
		struct shipment *s = shipment_decode(str_of(stored_cases[i].stored), arena, &err);
		if ((s == NULL) != (stored_cases[i].expected != NULL))
			fail_msg("%s: %s", stored_cases[i].stored, s ? "was read" : err.text);
		if (s == NULL && strstr(err.text, stored_cases[i].expected) == NULL)
			fail_msg("%s: \"%s\"", stored_cases[i].stored, err.text);
	}
}

static void test_too_many_fingerprints(void **state)
{
	(void)state;
	char huge[4000], stored[4100];
	struct err err;
	memset(huge, 'A', sizeof huge - 1);
	huge[sizeof huge - 1] = '\0';
	snprintf(stored, sizeof stored, "1 {\"v\":1,\"sn\":\"%s\"}", huge);
	struct shipment *s = shipment_decode(str_of(stored), arena, &err);
	assert_non_null(s);
	assert_int_equal(s->seen_count, 0);
}

static void test_events(void **state)
{
	(void)state;
	for (int kind = EVENT_NONE + 1; kind < EVENT_COUNT; kind++) {
		struct event back, event = {.kind = (enum event_kind)kind,
		                       .sequence = 5,
		                       .status = STATUS_DELIVERED,
		                       .reason = REASON_WEATHER,
		                       .at_ms = 1,
		                       .noticed_ms = 2,
		                       .approximate = true,
		                       .source = SOURCE_CLOCK,
		                       .withdrawn = STATUS_RETURNING,
		                       .eta_before = {"a", "b"},
		                       .quiet_days = 3};
		struct err err;
		const char *text = event_encode(&event, arena);
		assert_true(event_decode(str_of(text), &back, arena, &err));
		assert_string_equal(event_encode(&back, arena), text);
		assert_int_equal(back.kind, kind);
		assert_int_equal(back.source, SOURCE_CLOCK);
		assert_int_equal(back.withdrawn, STATUS_RETURNING);
		assert_true(back.approximate);
		assert_int_equal(back.quiet_days, 3);
		assert_string_equal(back.eta_before.to, "b");
	}
}

static void test_bad_events(void **state)
{
	(void)state;
	static const char *const texts[] = {
	    "", "{", "[]", "null", "{}", "{\"k\":\"nonsense\"}", "{\"k\":7}"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct event event;
		struct err err;
		assert_false(event_decode(str_of(texts[i]), &event, arena, &err));
		assert_non_null(strstr(err.text, "damaged"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip_keeps_all),
	    cmocka_unit_test(test_empty_round_trip),
	    cmocka_unit_test(test_fingerprints),
	    cmocka_unit_test(test_stored_texts),
	    cmocka_unit_test(test_too_many_fingerprints),
	    cmocka_unit_test(test_events),
	    cmocka_unit_test(test_bad_events),
	};
	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
