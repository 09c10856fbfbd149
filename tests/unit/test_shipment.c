#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "notifier/base/mem.h"
#include "notifier/core/shipment.h"

static const struct zone home = {"Etc/Home", zone_fixed_offset_s, 2 * 3600};

static void names(void **state)
{
	(void)state;
	enum channel channel;
	assert_true(channel_parse(str_of("sms"), &channel));
	assert_int_equal(channel, CHANNEL_SMS);
	assert_true(channel_parse(str_of(channel_name(CHANNEL_EMAIL)), &channel));
	assert_int_equal(channel, CHANNEL_EMAIL);
	assert_false(channel_parse(str_of("fax"), &channel));
	assert_string_equal(channel_name(CHANNEL_COUNT), "unknown");
	assert_string_equal(source_name(SOURCE_WEBHOOK), "webhook");
	assert_string_equal(source_name(SOURCE_COUNT), "unknown");
}

static void wants(void **state)
{
	(void)state;
	static const struct {
		struct recipient recipient;
		bool email, sms;
	} rows[] = {
	    {{.email = "a@b.test", .phone = "+1234567"}, true, false}, /* SMS only if asked for */
	    {{.phone = "+1234567"}, false, false},
	    {{.email = ""}, false, false},
	    {{.email = "a@b.test", .channels_stated = true}, false, false},
	    {{.channels_stated = true, .channels = 1u << CHANNEL_EMAIL}, true, false},
	    {{.channels_stated = true, .channels = 1u << CHANNEL_SMS}, false, true},
	    {{.channels_stated = true, .channels = 3}, true, true},
	    {{.channels_stated = false, .channels = 3}, false, false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(recipient_wants(&rows[i].recipient, CHANNEL_EMAIL), rows[i].email);
		assert_int_equal(recipient_wants(&rows[i].recipient, CHANNEL_SMS), rows[i].sms);
		assert_false(recipient_wants(&rows[i].recipient, CHANNEL_COUNT));
	}
	assert_string_equal(recipient_contact(&rows[0].recipient, CHANNEL_SMS), "+1234567");
	assert_string_equal(recipient_contact(&rows[0].recipient, CHANNEL_EMAIL), "a@b.test");
	assert_null(recipient_contact(&rows[1].recipient, CHANNEL_EMAIL));
	assert_null(recipient_contact(&rows[2].recipient, CHANNEL_EMAIL));
	assert_null(recipient_contact(&rows[0].recipient, CHANNEL_COUNT));
}

/* Copies every text, so that the original may go, and keeps what is not text. */
static void copy_stands_alone(void **state)
{
	(void)state;
	struct arena *first = arena_new(), *second = arena_new();
	struct shipment *shipment = arena_alloc(first, sizeof *shipment);
	const char **const texts[] = {&shipment->id, &shipment->account, &shipment->number,
	    &shipment->carrier, &shipment->actual_carrier, &shipment->service,
	    &shipment->order_number, &shipment->zone, &shipment->origin.country,
	    &shipment->origin.region, &shipment->origin.postcode, &shipment->destination.country,
	    &shipment->destination.region, &shipment->destination.postcode,
	    &shipment->promised.from, &shipment->promised.to, &shipment->metadata,
	    &shipment->eta.from, &shipment->eta.to, &shipment->delivered_place,
	    &shipment->pickup.name, &shipment->pickup.address, &shipment->pickup.until,
	    &shipment->pickup.code, &shipment->duties.amount, &shipment->duties.currency,
	    &shipment->duties.due, &shipment->next_poll_why};
	const size_t count = sizeof texts / sizeof *texts;
	for (size_t i = 0; i < count; i++)
		*texts[i] = arena_printf(first, "text %zu", i);
	struct recipient *recipients = arena_array(first, 2, sizeof *recipients);
	recipients[1] = (struct recipient){.id = arena_strdup(first, "r2"),
	    .email = arena_strdup(first, "a@b.test"),
	    .channels = 2};
	shipment->recipients = recipients;
	shipment->recipient_count = 2;
	shipment->status = STATUS_DELIVERED;
	shipment->seen_count = 1;
	shipment->seen[0] = 42;
	struct shipment *copy = shipment_copy(shipment, second);
	const struct shipment original = *shipment;
	size_t offsets[sizeof texts / sizeof *texts];
	for (size_t i = 0; i < count; i++)
		offsets[i] = (size_t)((const char *)texts[i] - (const char *)shipment);
	arena_free(&first);
	for (size_t i = 0; i < count; i++) {
		const char *text, *old;
		char expected[32];
		memcpy(&text, (const char *)copy + offsets[i], sizeof text);
		memcpy(&old, (const char *)&original + offsets[i], sizeof old);
		snprintf(expected, sizeof expected, "text %zu", i);
		assert_string_equal(text, expected);
		assert_ptr_not_equal(text, old);
	}
	assert_int_equal(copy->recipient_count, 2);
	assert_null(copy->recipients[0].id);
	assert_string_equal(copy->recipients[1].email, "a@b.test");
	assert_int_equal(copy->recipients[1].channels, 2);
	assert_int_equal(copy->status, STATUS_DELIVERED);
	assert_int_equal(copy->seen[0], 42);
	const struct shipment empty = {0};
	assert_memory_equal(shipment_copy(&empty, second), &empty, sizeof empty);
	arena_free(&second);
}

static void moments(void **state)
{
	(void)state;
	static const struct {
		const char *text, *start, *end; /* in UTC; NULL: no time */
	} rows[] = {
	    {"2026-03-04", "2026-03-03T22:00:00Z", "2026-03-04T22:00:00Z"},
	    {"2026-03-04T10:00:00", "2026-03-04T08:00:00Z", "2026-03-04T08:00:00Z"},
	    {"2026-03-04T10:00:00+05:30", "2026-03-04T04:30:00Z", "2026-03-04T04:30:00Z"},
	    {"2026-03-04T00:00:00", "2026-03-03T22:00:00Z", "2026-03-03T22:00:00Z"},
	    {NULL, NULL, NULL},
	    {"", NULL, NULL},
	    {"tomorrow", NULL, NULL},
	    {"2026-02-29", NULL, NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t start = moment_instant(rows[i].text, &home, false);
		int64_t end = moment_instant(rows[i].text, &home, true);
		assert_int_equal(start, rows[i].start ? moment_instant(rows[i].start, NULL, 0) : 0);
		assert_int_equal(end, rows[i].end ? moment_instant(rows[i].end, NULL, 0) : 0);
	}
}

static void estimates(void **state)
{
	(void)state;
	int64_t end = moment_instant("2026-03-04T22:00:00Z", NULL, false);
	assert_int_equal(eta_end_ms(&(struct eta){NULL, "2026-03-04"}, &home), end);
	assert_int_equal(eta_end_ms(&(struct eta){"2026-03-04", NULL}, &home), end);
	assert_int_equal(eta_end_ms(&(struct eta){"2026-03-01", "2026-03-04"}, &home), end);
	assert_int_equal(eta_end_ms(&(struct eta){"2026-03-04", "soon"}, &home), end);
	assert_int_equal(eta_end_ms(&(struct eta){NULL, NULL}, &home), 0);
	assert_false(eta_is_set(&(struct eta){NULL, NULL}));
	assert_true(eta_is_set(&(struct eta){"2026-03-04", NULL}));
	assert_false(shipment_is_finished(&(struct shipment){0}));
	assert_true(shipment_is_finished(&(struct shipment){.finished_ms = 1}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names),
	    cmocka_unit_test(wants),
	    cmocka_unit_test(copy_stands_alone),
	    cmocka_unit_test(moments),
	    cmocka_unit_test(estimates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
