#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "notifier/app/intake.h"

static struct arena *arena;
static struct config *config;

static int setup(void **state)
{
	(void)state;
	arena = arena_new();
	struct config_problems problems = {.arena = arena};
	config = config_parse("test.yaml", "carriers: { dhl: { api_key: k } }\n", &problems);
	return config == NULL;
}

static int teardown(void **state)
{
	(void)state;
	config_unref(&config);
	arena_free(&arena);
	return 0;
}

static struct intake *read_text(const char *text, bool is_patch)
{
	struct intake *intake = arena_alloc(arena, sizeof *intake);
	json_t *body = json_loads(text, JSON_DECODE_ANY, NULL);
	if (body == NULL)
		fail_msg("the test's own JSON is broken: %s", text);
	intake->arena = arena;
	intake->config = config;
	bool ok = intake_read(intake, body, is_patch);
	assert_int_equal(ok, intake->error_count == 0);
	json_decref(body); /* nothing of it may be borrowed */
	return intake;
}

/* "POINTER text" of each error, joined by " | ". */
static const char *errors_of(const struct intake *intake)
{
	const char *text = "";
	for (size_t i = 0; i < intake->error_count; i++)
		text = arena_printf(arena, "%s%s%s %s", text, i ? " | " : "",
		    intake->errors[i].pointer, intake->errors[i].detail);
	return text;
}

#define GOOD   "\"tracking_number\":\"P1\",\"carrier\":\"dhl\""
#define PARCEL GOOD ",\"recipients\":[]"

static const struct {
	const char *body, *code, *errors; /* each begins so; "" none */
} cases[] = {
    {"{" PARCEL "}", "", ""},
    {"[]", "invalid_shipment", " the body must be a JSON object"},
    {"7", "invalid_shipment", " the body must be a JSON object"},
    {"{}", "carrier_required",
        "/tracking_number is required | /carrier is required: carriers are not detected from "
        "the number yet | /recipients is required: a list of who wants the news (it may be empty)"},
    {"{" PARCEL ",\"tracking_nubmer\":1}", "invalid_shipment",
        "/tracking_nubmer unknown field; did you mean \"tracking_number\"?"},
    {"{" PARCEL ",\"a/b~c\":1}", "invalid_shipment", "/a~1b~0c unknown field"},
    {"{\"tracking_number\":7,\"carrier\":\"dhl\",\"recipients\":[]}", "invalid_shipment",
        "/tracking_number must be a text | /tracking_number is required"},
    {"{\"tracking_number\":\"   \",\"carrier\":\"dhl\",\"recipients\":[]}", "invalid_shipment",
        "/tracking_number is required"},
    {"{\"tracking_number\":\"a:b\",\"carrier\":\"dhl\",\"recipients\":[]}", "invalid_shipment",
        "/tracking_number has a character that no tracking number has"},
    {"{\"tracking_number\":\"a}b\",\"carrier\":\"dhl\",\"recipients\":[]}", "invalid_shipment",
        "/tracking_number has a character"},
    {"{\"tracking_number\":\"ä\",\"carrier\":\"dhl\",\"recipients\":[]}", "invalid_shipment",
        "/tracking_number has a character"},
    {"{\"tracking_number\":\"P1\",\"carrier\":\"genric\",\"recipients\":[]}", "unknown_carrier",
        "/carrier \"genric\" is not configured; did you mean \"generic\"?"},
    {"{\"tracking_number\":\"P1\",\"carrier\":\"fedex\",\"recipients\":[]}", "unknown_carrier",
        "/carrier \"fedex\" is not configured (carriers.fedex in notifier.yaml)"},
    {"{" GOOD ",\"recipients\":{}}", "invalid_shipment", "/recipients is required"},
    {"{" GOOD ",\"recipients\":[7]}", "invalid_shipment", "/recipients/0 must be an object"},
    {"{" GOOD ",\"recipients\":[{\"emial\":\"a@b.test\"}]}", "invalid_shipment",
        "/recipients/0/emial unknown field; did you mean \"email\"?"},
    {"{" GOOD ",\"recipients\":[{\"email\":\"a@b.test\"},{\"email\":\"nobody\"}]}",
        "invalid_shipment", "/recipients/1/email "},
    {"{" GOOD ",\"recipients\":[{\"phone\":\"12\"}]}", "invalid_shipment", "/recipients/0/phone "},
    {"{" GOOD ",\"recipients\":[{\"email\":\"a@b.test\",\"language\":\"!!\"}]}", "invalid_shipment",
        "/recipients/0/language "},
    {"{" GOOD ",\"recipients\":[{\"email\":\"a@b.test\",\"zone\":\"Mars/Base\"}]}",
        "invalid_shipment", "/recipients/0/zone \"Mars/Base\" is no known time zone"},
    {"{" GOOD ",\"recipients\":[{\"email\":\"a@b.test\",\"channels\":[\"fax\",5]}]}",
        "invalid_shipment",
        "/recipients/0/channels \"fax\" is no channel; known: email, sms | /recipients/0/channels "
        "\"?\" is no channel"},
    {"{" GOOD ",\"recipients\":[{\"email\":\"a@b.test\",\"channels\":\"email\"}]}",
        "invalid_shipment", "/recipients/0/channels must be a list"},
    {"{" GOOD ",\"recipients\":[{\"email\":\"a@b.test\"},{\"email\":\"a@b.test\"}]}",
        "invalid_shipment", "/recipients/1 is the same recipient as /recipients/0"},
    {"{" PARCEL ",\"promised\":\"soon\"}", "invalid_shipment",
        "/promised \"soon\" is neither a date"},
    {"{" PARCEL ",\"promised\":\"2026-02-30\"}", "invalid_shipment",
        "/promised \"2026-02-30\" is neither"},
    {"{" PARCEL ",\"promised\":5}", "invalid_shipment", "/promised must be a text"},
    {"{" PARCEL ",\"promised\":{\"from\":\"2026-03-01\"}}", "invalid_shipment",
        "/promised/to is required"},
    {"{" PARCEL ",\"promised\":{\"from\":\"x\",\"to\":\"y\",\"by\":1}}", "invalid_shipment",
        "/promised/by unknown field | /promised/from \"x\" is neither a date (2026-03-06) nor an "
        "instant (RFC 3339) | /promised/to \"y\" is neither"},
    {"{" PARCEL ",\"promised\":null}", "", ""},
    {"{" PARCEL ",\"destination\":\"DE\"}", "invalid_shipment",
        "/destination must be an object with country, region, postcode"},
    {"{" PARCEL ",\"destination\":{\"country\":\"Germany\"}}", "invalid_shipment",
        "/destination/country must be two letters"},
    {"{" PARCEL ",\"zone\":\"Nowhere\"}", "invalid_shipment",
        "/zone \"Nowhere\" is no known time zone"},
    {"{" PARCEL ",\"metadata\":[1]}", "invalid_shipment", "/metadata must be an object"},
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct intake *intake = read_text(cases[i].body, false);
		const char *errors = errors_of(intake);
		bool fits = *cases[i].errors
		                ? strncmp(errors, cases[i].errors, strlen(cases[i].errors)) == 0
		                : *errors == '\0';
		if (!fits)
			fail_msg(
			    "%s\ngave     %s\nexpected %s", cases[i].body, errors, cases[i].errors);
		if (*cases[i].code)
			assert_string_equal(intake->code, cases[i].code);
	}
}

static void test_everything_is_taken(void **state)
{
	(void)state;
	const struct shipment *s =
	    read_text("{\"tracking_number\":\" 0034 0434 "
	              "\",\"carrier\":\"dhl\",\"service\":\"express\",\"order_number\":\"1001\","
	              "\"promised\":{\"from\":\"2026-03-05\",\"to\":\"2026-03-06T18:00:00+01:00\"},"
	              "\"origin\":{\"country\":\"CN\"},"
	              "\"destination\":{\"country\":\"DE\",\"region\":\"BE\",\"postcode\":"
	              "\"10115\"},\"zone\":\"Europe/Berlin\","
	              "\"recipients\":[{\"id\":\"c7\",\"name\":\"Asha\\u0007\\nX\",\"email\":"
	              "\"asha@shop.test\",\"phone\":\"+49 151 12345678\","
	              "\"language\":\"DE\",\"zone\":\"Asia/"
	              "Kolkata\",\"channels\":[\"sms\",\"email\"]}],\"metadata\":{\"a\":[1]}}",
	        false)
	        ->shipment;
	assert_string_equal(s->number, "00340434");
	assert_string_equal(s->service, "express");
	assert_string_equal(s->promised.from, "2026-03-05");
	assert_string_equal(s->promised.to, "2026-03-06T18:00:00+01:00");
	assert_string_equal(s->origin.country, "CN");
	assert_string_equal(s->destination.postcode, "10115");
	assert_string_equal(s->zone, "Europe/Berlin");
	assert_string_equal(s->metadata, "{\"a\":[1]}");
	assert_int_equal(s->recipient_count, 1);
	const struct recipient *r = &s->recipients[0];
	assert_string_equal(r->id, "c7");
	assert_string_equal(
	    r->name, "Asha X"); /* no controls: it stands in mails and on terminals */
	assert_string_equal(r->phone, "+4915112345678");
	assert_string_equal(r->language, "de");
	assert_true(r->channels_stated);
	assert_int_equal(r->channels, 1u << CHANNEL_EMAIL | 1u << CHANNEL_SMS);
}

static void test_ids_without_a_name(void **state)
{
	(void)state;
	static const char body[] =
	    "{" GOOD ",\"recipients\":[{\"email\":\"a@b.test\"},{\"phone\":\"+4915112345678\"}]}";
	const struct shipment *one = read_text(body, false)->shipment,
	                      *two = read_text(body, false)->shipment;
	assert_string_equal(one->recipients[0].id, two->recipients[0].id);
	assert_string_not_equal(one->recipients[0].id, one->recipients[1].id);
	assert_int_equal(strncmp(one->recipients[0].id, "rcp_", 4), 0);
}

static void test_limits(void **state)
{
	(void)state;
	static const struct {
		const char *format, *filler;
		int times;
		const char *errors;
	} rows[] = {
	    {"{\"tracking_number\":\"%s\",\"carrier\":\"dhl\",\"recipients\":[]}", "1", 51,
	        "/tracking_number longer than 50 characters"},
	    {"{\"tracking_number\":\"%s\",\"carrier\":\"dhl\",\"recipients\":[]}", "1", 5000,
	        "/tracking_number longer than 200 bytes"},
	    {"{" PARCEL ",\"service\":\"%s\"}", "x", 201, "/service longer than 200 bytes"},
	    {"{" PARCEL ",\"metadata\":{\"a\":\"%s\"}}", "x", 2100,
	        "/metadata longer than 2048 bytes"},
	    {"{" GOOD ",\"recipients\":[{\"id\":\"%s\"}]}", "x", 65,
	        "/recipients/0/id longer than 64 bytes"},
	    {"{" GOOD ",\"recipients\":[{\"id\":\"a\"}%s]}", ",{\"email\":\"a@b.test\"}", 10,
	        "/recipients more than 10"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf filler = BUF_EMPTY(0), body = BUF_EMPTY(0);
		for (int j = 0; j < rows[i].times; j++)
			buf_add_text(&filler, rows[i].filler);
		const char *hole = strstr(rows[i].format, "%s");
		buf_add(&body, rows[i].format, (size_t)(hole - rows[i].format));
		buf_add_text(&body, buf_text(&filler));
		buf_add_text(&body, hole + 2);
		const char *errors = errors_of(read_text(buf_text(&body), false));
		if (strncmp(errors, rows[i].errors, strlen(rows[i].errors)) != 0)
			fail_msg("%s\nis not %s", errors, rows[i].errors);
		buf_free(&filler);
		buf_free(&body);
	}
}

static void test_many_errors_are_bounded(void **state)
{
	(void)state;
	struct buf body = BUF_EMPTY(0);
	for (int i = 0; i < 1000; i++)
		buf_printf(&body, "%c\"nonsense%d\":1", i ? ',' : '{', i);
	buf_add_char(&body, '}');
	assert_int_equal(read_text(buf_text(&body), false)->error_count, INTAKE_ERRORS_MAX);
	buf_free(&body);
}

/* --- merge ---------------------------------------------------------------------------------------
 */

static struct shipment existing(void)
{
	struct recipient *r = arena_array(arena, 1, sizeof *r);
	r[0] = (struct recipient){
	    .id = "rcp_old", .email = "Asha@shop.test", .phone = "+4915112345678"};
	return (struct shipment){.number = "P1",
	    .carrier = "dhl",
	    .order_number = "1",
	    .service = "s",
	    .promised = {NULL, "2026-03-05"},
	    .recipients = r,
	    .recipient_count = 1,
	    .metadata = "{}",
	    .zone = "UTC",
	    .body_hash = 5,
	    .poll_failures = 3};
}

static void test_patch(void **state)
{
	(void)state;
	static const struct {
		const char *body, *errors;
	} rows[] = {{"{}", ""}, {"{\"carrier\":\"dhl\"}", ""}, {"{\"recipients\":[]}", ""},
	    {"{\"tracking_number\":\"P2\"}", "/tracking_number cannot be changed"},
	    {"{\"recipients\":7}", "/recipients is required"},
	    {"{\"carrier\":\"dlh\"}", "/carrier "}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *errors = errors_of(read_text(rows[i].body, true));
		if (strncmp(errors, rows[i].errors, strlen(rows[i].errors)) != 0 ||
		    (*errors && !*rows[i].errors))
			fail_msg("%s: %s", rows[i].body, errors);
	}
}

static void test_merge_changes_what_was_given(void **state)
{
	(void)state;
	struct shipment s = existing();
	intake_merge(read_text("{}", true), &s);
	assert_string_equal(s.order_number, "1");
	assert_string_equal(s.promised.to, "2026-03-05");
	assert_int_equal(s.recipient_count, 1);
	intake_merge(
	    read_text("{\"order_number\":\"2\",\"promised\":null,\"metadata\":{\"x\":1}}", true),
	    &s);
	assert_string_equal(s.order_number, "2");
	assert_null(s.promised.to);
	assert_string_equal(s.metadata, "{\"x\":1}");
	assert_string_equal(s.service, "s");
	assert_int_equal(s.body_hash, 5);
}

/* Another carrier has another body and another chance. */
static void test_merge_carrier(void **state)
{
	(void)state;
	struct shipment s = existing();
	s.carrier = "fedex";
	intake_merge(read_text("{\"carrier\":\"dhl\"}", true), &s);
	assert_string_equal(s.carrier, "dhl");
	assert_int_equal(s.body_hash, 0);
	assert_int_equal(s.poll_failures, 0);
}

static void test_merge_recipients(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		bool is_patch;
		size_t count;
		const char *first_id; /* NULL: a fresh hash */
	} rows[] = {
	    {"{\"recipients\":[{\"email\":\"asha@SHOP.test\"}]}", true, 1, "rcp_old"},
	    {"{\"recipients\":[{\"email\":\"new@shop.test\",\"phone\":\"+4915112345678\"}]}", true,
	        1, "rcp_old"},
	    {"{\"recipients\":[{\"email\":\"new@shop.test\"}]}", true, 1, NULL},
	    {"{\"recipients\":[{\"id\":\"mine\",\"email\":\"asha@shop.test\"}]}", true, 1, "mine"},
	    {"{\"recipients\":[]}", true, 0, NULL},
	    {"{" PARCEL "}", false, 1, "rcp_old"}, /* registered again without: nobody is dropped */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct shipment s = existing();
		intake_merge(read_text(rows[i].body, rows[i].is_patch), &s);
		assert_int_equal(s.recipient_count, rows[i].count);
		if (rows[i].first_id != NULL)
			assert_string_equal(s.recipients[0].id, rows[i].first_id);
		else if (rows[i].count > 0)
			assert_string_not_equal(s.recipients[0].id, "rcp_old");
	}
}

static void test_numbers(void **state)
{
	(void)state;
	static const char *const rows[][2] = {{"P1", "P1"}, {" P 1 ", "P1"}, {"-P-1-", "P-1"},
	    {"- P1 -", "P1"}, {"", ""}, {"---", ""}, {"pkg1", "pkg1"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(intake_number(rows[i][0], arena), rows[i][1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_everything_is_taken),
	    cmocka_unit_test(test_ids_without_a_name),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_many_errors_are_bounded),
	    cmocka_unit_test(test_patch),
	    cmocka_unit_test(test_merge_changes_what_was_given),
	    cmocka_unit_test(test_merge_carrier),
	    cmocka_unit_test(test_merge_recipients),
	    cmocka_unit_test(test_numbers),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
