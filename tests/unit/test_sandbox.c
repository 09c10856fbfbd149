#include "carriers/sandbox_render.h"
#include "carriers/sandbox_script.h"
#include "notifier/base/when.h"
#include "tests/unit/carrier_kit.h"

static const struct carrier *sandbox;

#define CET_S 3600
/* Wednesday 2026-03-04, 09:00 at +01:00 */
static const int64_t start_ms = INT64_C(1772611200000);

static const char *number_of(struct arena *arena, const char *prefix, size_t script)
{
	return arena_printf(arena, "%s-%s-1", prefix, sandbox_script_at(script)->name);
}

/* --- the scripts ----------------------------------------------------------------------------- */

static void test_every_script_is_sound(void **state)
{
	(void)state;
	for (size_t i = 0; i < sandbox_script_count(); i++) {
		const struct sandbox_script *script = sandbox_script_at(i);
		assert_true(strlen(script->help) > 10);
		assert_true(script->row_count >= 2);
		for (size_t j = 0; j < script->row_count; j++) {
			const struct sandbox_row *row = &script->rows[j];
			assert_non_null(sandbox_code_find(row->code));
			assert_true(row->eta_from_h <= row->eta_to_h);
			assert_true(row->eta_to_h == 0 || row->eta_to_h > row->at_h);
			assert_true(row->at_h <= 7 * 24);
			/* whenever one begins, the first day's rows end before the next morning's
			 */
			assert_true(row->at_h < 4.5 || row->at_h >= 24 + 2);
		}
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(script->name, sandbox_script_at(j)->name);
	}
	assert_null(sandbox_script_at(sandbox_script_count()));
	assert_null(sandbox_code_find("NO"));
}

static void test_numbers(void **state)
{
	(void)state;
	static const struct {
		const char *number, *script;
		enum sandbox_shape shape;
	} cases[] = {
	    {"SANDBOX-DELIVERED-1", "DELIVERED", SANDBOX_NATIVE},
	    {"sandbox-lost-abc-9", "LOST", SANDBOX_NATIVE},
	    {"SBD-DELAYED-7", "DELAYED", SANDBOX_DHL},
	    {"SBF-LOST-3", "LOST", SANDBOX_FEDEX},
	    {"SBF-LOST", "LOST", SANDBOX_FEDEX},
	    {"SBX-LOST-3", NULL, SANDBOX_NATIVE},
	    {"SANDBOX-NONSENSE-1", NULL, SANDBOX_NATIVE},
	    {"SANDBOX", NULL, SANDBOX_NATIVE},
	    {"SANDBOX-", NULL, SANDBOX_NATIVE},
	    {"", NULL, SANDBOX_NATIVE},
	    {NULL, NULL, SANDBOX_NATIVE},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		enum sandbox_shape shape = SANDBOX_NATIVE;
		const struct sandbox_script *script = sandbox_script_find(cases[i].number, &shape);
		assert_true(text_eq(script ? script->name : NULL, cases[i].script));
		if (script != NULL)
			assert_int_equal(shape, cases[i].shape);
	}
}

static void test_story(void **state)
{
	(void)state;
	static const struct {
		const char *number;
		double hours; /* since the start */
		enum status status;
		size_t checkpoints;
		const char *newest, *eta_to;
	} cases[] = {
	    {"SANDBOX-DELIVERED-1", 0, STATUS_PRE_TRANSIT, 1, "2026-03-04T09:00:00+01:00",
	        "2026-03-06T13:00:00+01:00"},
	    {"SANDBOX-DELIVERED-1", 2, STATUS_IN_TRANSIT, 2, "2026-03-04T10:30:00+01:00",
	        "2026-03-06T13:00:00+01:00"},
	    {"SANDBOX-DELIVERED-1", 47, STATUS_OUT_FOR_DELIVERY, 6, "2026-03-06T07:36:00+01:00",
	        "2026-03-06T12:30:00+01:00"},
	    {"SANDBOX-DELIVERED-1", 999, STATUS_DELIVERED, 7, "2026-03-06T11:18:00+01:00",
	        "2026-03-06T12:30:00+01:00"},
	    {"SANDBOX-DELAYED-1", 40, STATUS_IN_TRANSIT, 4, "2026-03-05T14:12:00+01:00",
	        "2026-03-07T13:00:00+01:00"},
	    {"SANDBOX-SILENT-1", 9999, STATUS_IN_TRANSIT, 3, "2026-03-05T05:48:00+01:00",
	        "2026-03-06T17:00:00+01:00"},
	    {"SANDBOX-TAKENBACK-1", 49, STATUS_DELIVERED, 5, "2026-03-06T09:48:00+01:00",
	        "2026-03-06T11:00:00+01:00"},
	    {"SANDBOX-TAKENBACK-1", 55, STATUS_IN_TRANSIT, 6, "2026-03-06T14:06:00+01:00",
	        "2026-03-07T12:00:00+01:00"},
	    {"SANDBOX-TAKENBACK-1", 99, STATUS_DELIVERED, 8, "2026-03-07T10:30:00+01:00",
	        "2026-03-07T12:00:00+01:00"},
	    {"SANDBOX-UNMAPPED-1", 30, STATUS_IN_TRANSIT, 3, "2026-03-05T12:00:00+01:00",
	        "2026-03-06T13:00:00+01:00"},
	    {"SANDBOX-HIDDEN-1", 4, STATUS_IN_TRANSIT, 3, "2026-03-04T12:30:00+01:00",
	        "2026-03-06T13:00:00+01:00"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena *arena = arena_new();
		struct report report;
		int64_t now_ms = start_ms + (int64_t)(cases[i].hours * (double)HOUR_MS);
		sandbox_report(cases[i].number, start_ms, now_ms, CET_S, &report, arena);
		assert_int_equal(report.error, REPORT_OK);
		assert_int_equal(report.status, cases[i].status);
		assert_int_equal(report.checkpoint_count, cases[i].checkpoints);
		assert_string_equal(
		    report.checkpoints[report.checkpoint_count - 1].time, cases[i].newest);
		assert_string_equal(report.eta.to, cases[i].eta_to);
		arena_free(&arena);
	}
}

static void test_not_found(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	static const char *const numbers[] = {"SANDBOX-NONSENSE-1", "1Z999", "SANDBOX-HIDDEN-1"};
	for (size_t i = 0; i < 3; i++) {
		struct report report;
		sandbox_report(numbers[i], start_ms, start_ms + 3 * HOUR_MS, CET_S, &report, arena);
		assert_int_equal(report.error, REPORT_NOT_FOUND);
		assert_string_equal(report.tracking_number, numbers[i]);
	}
	struct report before;
	sandbox_report("SANDBOX-LOST-1", start_ms, start_ms - 1, CET_S, &before, arena);
	assert_int_equal(before.error, REPORT_NOT_FOUND);
	arena_free(&arena);
}

static void test_details(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct report report;
	sandbox_report(
	    "SANDBOX-PICKUP-1", start_ms, start_ms + 60 * HOUR_MS, CET_S, &report, arena);
	assert_int_equal(report.status, STATUS_AVAILABLE_FOR_PICKUP);
	assert_string_equal(report.pickup.code, "4711");
	assert_string_equal(report.pickup.until, "2026-03-13T18:00:00+01:00");
	sandbox_report(
	    "SANDBOX-DUTIES-1", start_ms, start_ms + 40 * HOUR_MS, CET_S, &report, arena);
	assert_int_equal(report.reason, REASON_DUTIES_DUE);
	assert_string_equal(report.duties.amount, "23.40");
	sandbox_report(
	    "SANDBOX-TAKENBACK-1", start_ms, start_ms + 99 * HOUR_MS, CET_S, &report, arena);
	assert_string_equal(report.delivered_place, "Front door");
	assert_null(report.pickup.name);
	arena_free(&arena);
}

/* Stepping from row to row, at any hour of the day and in any zone, each step adds just one scan
 * that is not in the future; nothing told before changes. */
static void test_next_row(void **state)
{
	(void)state;
	static const int offsets_s[] = {0, CET_S, -5 * CET_S, 19800, 14 * CET_S};
	struct arena *arena = arena_new();
	for (size_t i = 0; i < sandbox_script_count(); i++)
		for (int hour = 0; hour < 24; hour += 5) {
			int64_t started_ms = start_ms + hour * HOUR_MS + 123, now_ms = started_ms;
			const char *number = number_of(arena, "SBF", i);
			int offset_s = offsets_s[hour % 5];
			if (sandbox_script_at(i)->hidden_h > 0)
				continue;
			for (size_t rows = 1;; rows++) {
				struct report report;
				struct when when;
				sandbox_report(
				    number, started_ms, now_ms, offset_s, &report, arena);
				assert_int_equal(report.checkpoint_count, rows);
				assert_true(
				    when_parse(str_of(report.checkpoints[rows - 1].time), &when));
				int64_t told_ms = when_instant(&when, 0);
				assert_true(told_ms <= now_ms && told_ms > now_ms - SECOND_MS);
				int64_t next_ms =
				    sandbox_next_ms(number, started_ms, now_ms, offset_s);
				if (next_ms == NEVER_MS)
					break;
				assert_true(next_ms > now_ms);
				now_ms = next_ms;
			}
			arena_reset(arena);
		}
	assert_true(
	    sandbox_next_ms("SANDBOX-HIDDEN-1", start_ms, start_ms, 0) == start_ms + 4 * HOUR_MS);
	assert_true(sandbox_next_ms("NOPE", start_ms, start_ms, 0) == NEVER_MS);
	arena_free(&arena);
}

/* --- the shapes: what is rendered, the adapters read back ------------------------------------- */

typedef void (*check_shape)(struct arena *arena, const char *number, const struct report *report);

static void for_every_moment(const char *prefix, check_shape check)
{
	for (size_t i = 0; i < sandbox_script_count(); i++)
		for (int hour = 0; hour < 24 * 9; hour += 7) {
			struct arena *arena = arena_new();
			struct report report;
			const char *number = number_of(arena, prefix, i);
			sandbox_report(
			    number, start_ms, start_ms + hour * HOUR_MS, CET_S, &report, arena);
			check(arena, number, &report);
			arena_free(&arena);
		}
}

static void check_native(struct arena *arena, const char *number, const struct report *report)
{
	(void)arena;
	struct buf body = BUF_EMPTY(0);
	assert_int_equal(sandbox_render_native(report, 1, &body), 200);
	struct kit kit = kit_poll_text(sandbox, number, 200, buf_text(&body));
	assert_true(kit.done);
	assert_int_equal(kit.set.count, 1);
	json_auto_t *sent = report_to_json(report), *got = report_to_json(kit.set.reports);
	assert_true(json_equal(sent, got));
	kit_end(&kit);
	buf_free(&body);
}

static void check_same_story(const struct report *sent, const struct report *got)
{
	assert_string_equal(got->tracking_number, sent->tracking_number);
	assert_int_equal(got->error, sent->error);
	if (sent->error != REPORT_OK)
		return;
	enum status wanted = sent->status == STATUS_RETURNED ? STATUS_RETURNING : sent->status;
	if (wanted == STATUS_CANCELLED && text_eq(got->carrier, "dhl"))
		wanted = STATUS_EXCEPTION; /* DHL has no word for it */
	assert_int_equal(got->status, wanted);
	assert_int_equal(got->checkpoint_count, sent->checkpoint_count);
	assert_true(text_eq(got->eta.from, sent->eta.from));
	assert_true(text_eq(got->eta.to, sent->eta.to));
	for (size_t i = 0; i < sent->checkpoint_count; i++) {
		assert_string_equal(got->checkpoints[i].time, sent->checkpoints[i].time);
		assert_string_equal(
		    got->checkpoints[i].description, sent->checkpoints[i].description);
		assert_true(text_eq(got->checkpoints[i].place, sent->checkpoints[i].place));
	}
}

static void check_dhl(struct arena *arena, const char *number, const struct report *report)
{
	(void)arena;
	struct buf body = BUF_EMPTY(0);
	int status = sandbox_render_dhl(report, &body);
	struct kit kit = kit_poll_text(carrier_find("dhl"), number, status, buf_text(&body));
	assert_true(kit.done);
	check_same_story(report, kit.set.reports);
	kit_end(&kit);
	buf_free(&body);
}

static void check_fedex(struct arena *arena, const char *number, const struct report *report)
{
	(void)arena;
	struct buf body = BUF_EMPTY(0);
	struct report two[] = {*report, {.tracking_number = "other", .error = REPORT_NOT_FOUND}};
	char asked[80];
	snprintf(asked, sizeof asked, "%s,other", number);
	assert_int_equal(sandbox_render_fedex(two, 2, &body), 200);
	struct kit kit = kit_poll_text(carrier_find("fedex"), asked, 200, buf_text(&body));
	assert_true(kit.done);
	assert_int_equal(kit.set.count, 2);
	check_same_story(report, kit.set.reports);
	assert_int_equal(kit.set.reports[1].error, REPORT_NOT_FOUND);
	bool has_word = report->reason != REASON_LOST && report->reason != REASON_DUTIES_DUE;
	if (report->error == REPORT_OK && has_word)
		assert_int_equal(kit.set.reports[0].reason, report->reason);
	kit_end(&kit);
	buf_free(&body);
}

static void check_hook(struct arena *arena, const char *number, const struct report *report)
{
	(void)arena;
	for (size_t i = 0; i < report->checkpoint_count; i++) {
		struct buf body = BUF_EMPTY(0);
		char event_id[80];
		snprintf(event_id, sizeof event_id, "%s-%zu", number, i);
		sandbox_render_generic_hook(report, i, &body);
		struct kit kit =
		    kit_hook(carrier_find("generic"), str_make(buf_text(&body), body.size));
		assert_true(kit.done);
		assert_int_equal(kit.set.reports[0].status, report->checkpoints[i].status);
		assert_int_equal(kit.set.reports[0].reason, report->checkpoints[i].reason);
		assert_true(text_eq(kit.set.reports[0].eta.to, report->eta.to));
		assert_string_equal(kit.reply.event_id, event_id);
		kit_end(&kit);
		buf_free(&body);
	}
}

static void test_native(void **state)
{
	(void)state;
	for_every_moment("SANDBOX", check_native);
}

static void test_as_dhl(void **state)
{
	(void)state;
	for_every_moment("SBD", check_dhl);
}

static void test_as_fedex(void **state)
{
	(void)state;
	for_every_moment("SBF", check_fedex);
	struct buf body = BUF_EMPTY(0);
	struct arena *arena = arena_new();
	struct carrier_token token;
	sandbox_render_fedex_token("tok-1", 3600, &body);
	struct carrier_answer answer = {200, str_of(buf_text(&body))};
	assert_true(carrier_find("fedex")->token_read(&answer, &token, arena, NULL));
	assert_string_equal(token.value, "tok-1");
	arena_free(&arena);
	buf_free(&body);
}

static void test_as_webhook(void **state)
{
	(void)state;
	for_every_moment("SANDBOX", check_hook);
}

static void test_unmapped_shows(void **state)
{
	(void)state;
	static const struct {
		const char *carrier, *number, *code;
	} cases[] = {{"dhl", "SBD-UNMAPPED-1", "zigzag"}, {"fedex", "SBF-UNMAPPED-1", "Z9"}};
	for (size_t i = 0; i < 2; i++) {
		const struct carrier *carrier = carrier_find(cases[i].carrier);
		struct arena *arena = arena_new();
		struct buf body = BUF_EMPTY(0);
		struct report report;
		const char *codes[4] = {NULL};
		sandbox_report(
		    cases[i].number, start_ms, start_ms + 99 * HOUR_MS, 0, &report, arena);
		if (i == 0)
			sandbox_render_dhl(&report, &body);
		else
			sandbox_render_fedex(&report, 1, &body);
		struct kit kit = kit_poll_text(carrier, cases[i].number, 200, buf_text(&body));
		assert_int_equal(carrier_unmapped(carrier, kit.set.reports, codes, 4), 1);
		assert_string_equal(codes[0], cases[i].code);
		kit_end(&kit);
		buf_free(&body);
		arena_free(&arena);
	}
}

/* --- the adapter ----------------------------------------------------------------------------- */

static void test_request(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	const char *numbers[] = {"SANDBOX-LOST-1", "a b,c"};
	struct carrier_settings settings = {.base_url = "http://s:1"};
	struct carrier_poll poll = {&settings, numbers, 2, NULL, "en"};
	struct carrier_request request = {0};
	assert_true(sandbox->poll_request(&poll, &request, arena, NULL));
	assert_string_equal(request.url, "http://s:1/v1/track?numbers=SANDBOX-LOST-1,a%20b%2Cc");
	assert_int_equal(sandbox->batch_max, 30);
	arena_free(&arena);
}

static void test_answers(void **state)
{
	(void)state;
	struct kit kit = kit_poll_file(sandbox, "a,b", 200, FIXTURES "sandbox/batch.json");
	assert_true(kit.done);
	assert_int_equal(kit.set.count, 3);
	const struct report *shop = &kit.set.reports[0];
	assert_string_equal(shop->carrier, "sandbox");
	assert_string_equal(shop->pickup.until, "2026-03-15T18:00:00+01:00");
	assert_string_equal(shop->duties.amount, "23.40");
	assert_string_equal(shop->actual_carrier, "Somebody");
	assert_int_equal(shop->checkpoint_count, 2);
	assert_int_equal(kit.set.reports[1].error, REPORT_NOT_FOUND);
	assert_int_equal(kit.set.reports[2].status, STATUS_UNKNOWN);
	kit_end(&kit);
	kit = kit_poll_text(sandbox, "a", 429, "{\"error\":{\"message\":\"slow down\"}}");
	assert_int_equal(kit.set.reports[0].error, REPORT_QUOTA);
	assert_null(kit.set.reports[0].tracking_number);
	assert_string_equal(kit.set.reports[0].error_message, "slow down");
	kit_end(&kit);
	kit_garbage(sandbox);
	kit_prefixes(sandbox, FIXTURES "sandbox/*.json");
}

int main(void)
{
	sandbox = carrier_find("sandbox");
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_script_is_sound),
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_story),
	    cmocka_unit_test(test_not_found),
	    cmocka_unit_test(test_details),
	    cmocka_unit_test(test_next_row),
	    cmocka_unit_test(test_native),
	    cmocka_unit_test(test_as_dhl),
	    cmocka_unit_test(test_as_fedex),
	    cmocka_unit_test(test_as_webhook),
	    cmocka_unit_test(test_unmapped_shows),
	    cmocka_unit_test(test_request),
	    cmocka_unit_test(test_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
