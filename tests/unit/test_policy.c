#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "notifier/core/policy.h"

#define NOW INT64_C(1772500000000)

struct scene {
	struct event event;
	struct shipment shipment;
	struct recipient recipient;
	struct policy policy;
	struct decision_query query;
};

/* An event of this kind that just happened, and a recipient who wants e-mail and SMS. */
static void scene_set(struct scene *scene, enum event_kind kind)
{
	*scene =
	    (struct scene){.event = {.kind = kind, .sequence = 5, .at_ms = NOW, .noticed_ms = NOW},
	        .shipment = {.status = STATUS_IN_TRANSIT,
	            .sequence = 5,
	            .superseding = 5,
	            .last_event = kind},
	        .recipient = {.email = "asha@shop.test",
	            .phone = "+919812345621",
	            .channels_stated = true,
	            .channels = 1u << CHANNEL_EMAIL | 1u << CHANNEL_SMS}};
	policy_defaults(&scene->policy);
	scene->query = (struct decision_query){.event = &scene->event,
	    .shipment = &scene->shipment,
	    .recipient = &scene->recipient,
	    .channel = CHANNEL_EMAIL,
	    .policy = &scene->policy,
	    .now_ms = NOW};
}

static void expect_at(
    const struct scene *scene, int line, enum verdict verdict, enum decision_why why)
{
	struct decision decision = policy_decide(&scene->query);
	if (decision.verdict != verdict || decision.why != why)
		fail_msg("line %d: %s because %s, expected %s because %s", line,
		    verdict_name(decision.verdict), decision_why_name(decision.why),
		    verdict_name(verdict), decision_why_name(why));
}
#define expect(scene, verdict, why) expect_at(scene, __LINE__, VERDICT_##verdict, WHY_##why)

static void names_round_trip(void **state)
{
	(void)state;
	for (int i = 0; i < WHY_COUNT; i++) {
		enum decision_why why = WHY_COUNT;
		assert_true(
		    decision_why_parse(str_of(decision_why_name((enum decision_why)i)), &why));
		assert_int_equal(why, i);
		assert_true(decision_why_text((enum decision_why)i)[0] != '\0');
	}
	enum decision_why why;
	assert_false(decision_why_parse(str_of("because"), &why));
	assert_string_equal(decision_why_name(WHY_COUNT), "unknown");
	assert_string_equal(verdict_name(VERDICT_DROP), "drop");
}

static void defaults(void **state)
{
	(void)state;
	struct policy policy;
	policy_defaults(&policy);
	assert_true(policy.events_on & 1u << EVENT_SHIPPED);
	assert_false(policy.events_on & 1u << EVENT_CLOSED);
	assert_false(policy.events_on & 1u << EVENT_FEEDBACK_REQUEST);
	assert_false(policy.events_on & 1u << EVENT_NONE);
	assert_int_equal(policy.settle_lag_ms, 10 * MINUTE_MS);
	assert_int_equal(policy.settle_ms, 8 * SECOND_MS);
	assert_int_equal(policy.correction_hold_ms, 0);
}

/* Each obstacle, in the order in which they are looked at: the earlier one is named. */
static void obstacles_in_order(void **state)
{
	(void)state;
	struct scene scene;
	scene_set(&scene, EVENT_SHIPPED);
	expect(&scene, SEND, NEWS);
	scene.query.now_ms = NOW + 49 * HOUR_MS;
	expect(&scene, DROP, TOO_OLD);
	scene.shipment.superseding = 6;
	expect(&scene, DROP, SUPERSEDED);
	scene.recipient.email = "nobody@";
	expect(&scene, DROP, BAD_CONTACT);
	scene.recipient.email = "";
	expect(&scene, DROP, NO_CONTACT);
	scene.recipient.channels = 0;
	expect(&scene, DROP, NO_CONSENT);
	scene.policy.channels_available = 1u << CHANNEL_SMS;
	expect(&scene, DROP, NO_CHANNEL);
	scene.policy.events_on = 0;
	expect(&scene, DROP, EVENT_OFF);
	scene.query.recipient = NULL;
	expect(&scene, DROP, ERASED);
	scene_set(&scene, EVENT_SHIPPED);
	scene.query.shipment = NULL;
	expect(&scene, DROP, ERASED);
}

static void contacts_by_channel(void **state)
{
	(void)state;
	static const char *const evil[] = {"a@b.test\r\nBcc: x@y.test", "a b@c.test", "@", "a@b"};
	struct scene scene;
	scene_set(&scene, EVENT_SHIPPED);
	for (size_t i = 0; i < sizeof evil / sizeof *evil; i++) {
		scene.recipient.email = evil[i];
		expect(&scene, DROP, BAD_CONTACT);
	}
	scene.query.channel = CHANNEL_SMS;
	expect(&scene, SEND, NEWS);
	scene.recipient.phone = "0123";
	expect(&scene, DROP, BAD_CONTACT);
	scene.recipient.phone = NULL;
	expect(&scene, DROP, NO_CONTACT);
	/* Not stated: e-mail only. */
	scene_set(&scene, EVENT_SHIPPED);
	scene.recipient.channels_stated = false;
	scene.recipient.channels = 0;
	expect(&scene, SEND, NEWS);
	scene.query.channel = CHANNEL_SMS;
	expect(&scene, DROP, NO_CONSENT);
	scene.query.channel = CHANNEL_COUNT;
	expect(&scene, DROP, NO_CHANNEL);
}

static void superseding(void **state)
{
	(void)state;
	static const struct {
		enum event_kind kind, later; /* later: NONE = nothing came after it */
		enum status now;
		enum status withdrawn;
		bool is_superseded;
	} rows[] = {
	    {EVENT_SHIPPED, EVENT_NONE, STATUS_IN_TRANSIT, 0, false},
	    {EVENT_SHIPPED, EVENT_DELIVERED, STATUS_DELIVERED, 0, true},
	    {EVENT_OUT_FOR_DELIVERY, EVENT_DELAYED, STATUS_OUT_FOR_DELIVERY, 0, true},
	    {EVENT_DELIVERED, EVENT_NONE, STATUS_DELIVERED, 0, false},
	    {EVENT_DELIVERED, EVENT_DELAY_OVER, STATUS_DELIVERED, 0, false},
	    {EVENT_DELIVERED, EVENT_CORRECTED, STATUS_IN_TRANSIT, 0, true},
	    {EVENT_DELIVERED, EVENT_RETURNING, STATUS_RETURNING, 0, true},
	    {EVENT_DELIVERED, EVENT_RETURNED, STATUS_RETURNED, 0, true},
	    {EVENT_DELIVERED, EVENT_NONE, STATUS_IN_TRANSIT, 0, true},
	    {EVENT_DELIVERED, EVENT_DELIVERED, STATUS_DELIVERED, 0, true},
	    {EVENT_CORRECTED, EVENT_NONE, STATUS_IN_TRANSIT, STATUS_DELIVERED, false},
	    {EVENT_CORRECTED, EVENT_NONE, STATUS_DELIVERED, STATUS_DELIVERED, true},
	    {EVENT_CORRECTED, EVENT_NONE, STATUS_OUT_FOR_DELIVERY, STATUS_OUT_FOR_DELIVERY, true},
	    {EVENT_STALLED, EVENT_NONE, STATUS_IN_TRANSIT, 0, false},
	    {EVENT_STALLED, EVENT_NONE, STATUS_DELIVERED, 0, true},
	    {EVENT_DELAYED, EVENT_NONE, STATUS_DELIVERED, 0, true},
	    {EVENT_DELAY_PREDICTED, EVENT_NONE, STATUS_RETURNED, 0, true},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct scene scene;
		scene_set(&scene, rows[i].kind);
		scene.event.withdrawn = rows[i].withdrawn;
		scene.shipment.status = rows[i].now;
		if (rows[i].later != EVENT_NONE) {
			scene.shipment.superseding = 6;
			scene.shipment.last_event = rows[i].later;
		}
		struct decision decision = policy_decide(&scene.query);
		if ((decision.why == WHY_SUPERSEDED) != rows[i].is_superseded)
			fail_msg("row %zu: %s", i, decision_why_name(decision.why));
	}
}

static void age(void **state)
{
	(void)state;
	struct scene scene;
	scene_set(&scene, EVENT_OUT_FOR_DELIVERY);
	scene.query.is_claimed = true;
	scene.event.at_ms = NOW - 10 * HOUR_MS;
	expect(&scene, SEND, NEWS);
	scene.event.at_ms--;
	expect(&scene, DROP, TOO_OLD);
	/* Its hour is not known: up to 14 h more. */
	scene.event.approximate = true;
	expect(&scene, SEND, NEWS);
	scene.event.at_ms = NOW - 24 * HOUR_MS - 1;
	expect(&scene, DROP, TOO_OLD);
	/* What the clock found is counted from our finding it. */
	scene_set(&scene, EVENT_STALLED);
	scene.event.source = SOURCE_CLOCK;
	scene.event.at_ms = NOW - 90 * DAY_MS;
	assert_int_equal(policy_not_after(&scene.event, &scene.policy), NOW + 48 * HOUR_MS);
	/* The operator's own lifetime. */
	scene_set(&scene, EVENT_DELIVERED);
	scene.shipment.status = STATUS_DELIVERED;
	scene.policy.lifetime_ms[EVENT_DELIVERED] = HOUR_MS;
	scene.event.at_ms = NOW - HOUR_MS - 1;
	expect(&scene, DROP, TOO_OLD);
}

static void late_news_settles(void **state)
{
	(void)state;
	struct scene scene;
	scene_set(&scene, EVENT_OUT_FOR_DELIVERY);
	scene.event.at_ms = NOW - 10 * MINUTE_MS;
	expect(&scene, SEND, NEWS);
	scene.event.at_ms--;
	expect(&scene, HOLD, SETTLING);
	assert_int_equal(policy_decide(&scene.query).until_ms, NOW + 8 * SECOND_MS);
	scene.query.now_ms = NOW + 8 * SECOND_MS;
	expect(&scene, SEND, NEWS);
	scene.query.now_ms = NOW;
	scene.query.is_claimed = true;
	expect(&scene, SEND, NEWS);
	scene.query.is_claimed = false;
	scene.event.approximate = true; /* it may have happened just now */
	expect(&scene, SEND, NEWS);
	scene.event.at_ms = NOW - 15 * HOUR_MS;
	expect(&scene, HOLD, SETTLING);
	/* Lasting news does not wait. */
	scene_set(&scene, EVENT_DELIVERED);
	scene.shipment.status = STATUS_DELIVERED;
	scene.event.at_ms = NOW - 5 * HOUR_MS;
	expect(&scene, SEND, NEWS);
}

static void corrections_may_wait(void **state)
{
	(void)state;
	struct scene scene;
	scene_set(&scene, EVENT_CORRECTED);
	scene.event.withdrawn = STATUS_DELIVERED;
	expect(&scene, SEND, NEWS);
	scene.policy.correction_hold_ms = 30 * MINUTE_MS;
	expect(&scene, HOLD, CORRECTION_HOLD);
	assert_int_equal(policy_decide(&scene.query).until_ms, NOW + 30 * MINUTE_MS);
	scene.query.now_ms = NOW + 30 * MINUTE_MS;
	expect(&scene, SEND, NEWS);
	scene.shipment.status = STATUS_DELIVERED; /* the other turn has come */
	expect(&scene, DROP, SUPERSEDED);
}

static void events_that_are_none(void **state)
{
	(void)state;
	struct scene scene;
	scene_set(&scene, EVENT_NONE);
	scene.policy.events_on = UINT32_MAX;
	expect(&scene, DROP, EVENT_OFF);
	scene_set(&scene, EVENT_COUNT);
	expect(&scene, DROP, EVENT_OFF);
	assert_int_equal(policy_not_after(&scene.event, &scene.policy), NOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_round_trip),
	    cmocka_unit_test(defaults),
	    cmocka_unit_test(obstacles_in_order),
	    cmocka_unit_test(contacts_by_channel),
	    cmocka_unit_test(superseding),
	    cmocka_unit_test(age),
	    cmocka_unit_test(late_news_settles),
	    cmocka_unit_test(corrections_may_wait),
	    cmocka_unit_test(events_that_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
