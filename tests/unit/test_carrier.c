#include "tests/unit/carrier_kit.h"

static struct arena *arena;

static void test_list(void **state)
{
	(void)state;
	assert_null(carrier_find("nobody"));
	assert_null(carrier_find(NULL));
	assert_null(carrier_at(carrier_count()));
	for (size_t i = 0; i < carrier_count(); i++) {
		const struct carrier *carrier = carrier_at(i);
		assert_ptr_equal(carrier_find(carrier->name), carrier);
		assert_non_null(carrier->title);
		assert_true(carrier->batch_max >= 1);
		assert_true((carrier->poll_request == NULL) == (carrier->poll_read == NULL));
		assert_true((carrier->token_request == NULL) == (carrier->token_read == NULL));
		assert_true((carrier->hook_verify == NULL) == (carrier->hook_read == NULL));
		assert_true(carrier->poll_read != NULL || carrier->hook_read != NULL);
		if (carrier->tracking_page != NULL)
			assert_non_null(strstr(carrier->tracking_page, "%s"));
		for (size_t j = 0; j < carrier->option_count; j++)
			assert_true(
			    carrier->options[j].name != NULL && carrier->options[j].help != NULL);
	}
}

static void test_time(void **state)
{
	(void)state;
	static const struct {
		const char *text, *normal;
	} cases[] = {
	    {"2026-03-06T14:05:09Z", "2026-03-06T14:05:09Z"},
	    {" 2026-03-06t14:05:09.999z ", "2026-03-06T14:05:09Z"},
	    {"2026-03-06T14:05:09+0530", "2026-03-06T14:05:09+05:30"},
	    {"2026-03-06T14:05:09-03", "2026-03-06T14:05:09-03:00"},
	    {"2026-03-06T14:05:09+00:00", "2026-03-06T14:05:09+00:00"},
	    {"2026-03-06 14:05", "2026-03-06T14:05:00"},
	    {"2026-03-06", "2026-03-06"},
	    {"2024-02-29", "2024-02-29"},
	    {"2026-02-29", NULL},
	    {"2026-03-06T24:00:00", NULL},
	    {"06.03.2026", NULL},
	    {"", NULL},
	    {NULL, NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_true(text_eq(carrier_time(arena, cases[i].text), cases[i].normal));
}

static void test_eta(void **state)
{
	(void)state;
	static const struct {
		const char *from, *to, *wanted_from, *wanted_to;
	} cases[] = {
	    {NULL, NULL, NULL, NULL},
	    {"2026-03-06T00:00:00Z", "2026-03-06T22:00:00Z", "2026-03-06T00:00:00Z",
	        "2026-03-06T22:00:00Z"},
	    {"2026-03-06T00:00:00Z", "2026-03-07T00:00:00Z", "2026-03-06", "2026-03-07"},
	    {"2026-03-06T09:00:00Z", "2026-03-07T00:00:00Z", "2026-03-06T09:00:00Z", "2026-03-07"},
	    {NULL, "2026-03-07T00:00:00.5-06:00", NULL, "2026-03-07"},
	    {"2026-03-07T00:00:00", NULL, "2026-03-07", NULL},
	    {"2026-03-07", "2026-03-07", "2026-03-07", "2026-03-07"},
	    {"soon", "later", NULL, NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct eta eta = carrier_eta(arena, cases[i].from, cases[i].to);
		assert_true(text_eq(eta.from, cases[i].wanted_from));
		assert_true(text_eq(eta.to, cases[i].wanted_to));
	}
}

static void test_text(void **state)
{
	(void)state;
	assert_null(carrier_text(arena, NULL));
	assert_null(carrier_text(arena, " \t\r\n "));
	assert_string_equal(carrier_text(arena, "  a \n\n b\t"), "a b");
	assert_string_equal(
	    carrier_text(arena, "Zü\xe2\x80\xaerich"), "Zü rich"); /* no overrides */
	assert_string_equal(carrier_text(arena, "bad\xff bytes"), "bad bytes");
	assert_null(carrier_place(arena, NULL, "", " "));
	assert_string_equal(carrier_place(arena, " Omaha ", NULL, "US"), "Omaha, US");
	assert_string_equal(carrier_place(arena, "a", "b", "c"), "a, b, c");
	assert_string_equal(
	    carrier_url_escape(arena, "aZ9-._~/?&=%ä"), "aZ9-._~%2F%3F%26%3D%25%C3%A4");
	assert_string_equal(carrier_url_escape(arena, ""), "");
}

static void test_errors(void **state)
{
	(void)state;
	static const struct {
		int status;
		enum report_error error;
	} cases[] = {{200, REPORT_OK}, {204, REPORT_OK}, {0, REPORT_CARRIER_ERROR},
	    {301, REPORT_CARRIER_ERROR}, {400, REPORT_BAD_REQUEST}, {401, REPORT_AUTH},
	    {403, REPORT_FORBIDDEN}, {404, REPORT_NOT_FOUND}, {408, REPORT_CARRIER_ERROR},
	    {422, REPORT_BAD_REQUEST}, {429, REPORT_QUOTA}, {500, REPORT_CARRIER_ERROR},
	    {-7, REPORT_CARRIER_ERROR}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(carrier_status_error(cases[i].status), cases[i].error);
	static const struct carrier_fault faults[] = {{"NOT", REPORT_NOT_FOUND}, {NULL, REPORT_OK}};
	assert_int_equal(carrier_fault_find(faults, "X.NOT.Y", REPORT_AUTH), REPORT_NOT_FOUND);
	assert_int_equal(carrier_fault_find(faults, "Y", REPORT_AUTH), REPORT_AUTH);
	assert_int_equal(carrier_fault_find(faults, NULL, REPORT_AUTH), REPORT_AUTH);
}

static void test_json(void **state)
{
	(void)state;
	struct err err = {0};
	json_auto_t *good = carrier_json(
	    str_of(
	        "\xef\xbb\xbf {\"a\":{\"b\":\" x \",\"n\":12,\"r\":3.0,\"f\":3.5,\"z\":null}}\n"),
	    &err);
	assert_non_null(good);
	assert_string_equal(carrier_json_text(arena, good, "a.b"), "x");
	assert_string_equal(carrier_json_text(arena, good, "a.n"), "12");
	assert_string_equal(carrier_json_text(arena, good, "a.r"), "3");
	assert_null(carrier_json_text(arena, good, "a.f"));
	assert_null(carrier_json_text(arena, good, "a.z"));
	assert_null(carrier_json_text(arena, good, "a"));
	assert_null(carrier_json_text(arena, good, "a.b.c"));
	assert_null(carrier_json_text(arena, NULL, "a"));

	assert_false(carrier_json_is_deeper(str_of("[[\"]]]]]][[[[[\\\"[[[\"]]"), 2));
	assert_true(carrier_json_is_deeper(str_of("[[{"), 2));
	assert_false(carrier_json_is_deeper(str_of("]]]][{}{}{}]"), 2));
	assert_false(carrier_json_is_deeper(str_of("\"\\"), 1));

	char text[200];
	for (size_t depth = CARRIER_JSON_DEPTH_MAX; depth <= CARRIER_JSON_DEPTH_MAX + 1; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		json_auto_t *deep = carrier_json(str_make(text, 2 * depth), &err);
		assert_int_equal(deep != NULL, depth <= CARRIER_JSON_DEPTH_MAX);
	}
	static const struct {
		const char *body, *says;
	} bad[] = {{"", "empty"}, {"  ", "empty"}, {"<html>", "HTML"}, {"{\"a\":", "line 1"},
	    {"{\"a\":1,\"a\":2}", "uplicate"}, {"{} x", "line 1"}, {"\"t\"", "line 1"}};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_null(carrier_json(str_of(bad[i].body), &err));
		assert_int_equal(err.kind, ERR_INPUT);
		assert_non_null(strstr(err.text, bad[i].says));
	}
	assert_null(carrier_json(str_of("{\"name\": Asha}"), &err));
	assert_null(strstr(err.text, "Asha")); /* the carrier's bytes stay out of our messages */
	assert_null(carrier_json(str_make(NULL, 0), NULL));
}

static void test_hmac(void **state)
{
	(void)state;
	/* RFC 4231, test case 2 */
	static const char hex[] =
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
	struct str body = str_of("what do ya want for nothing?");
	unsigned char digest[32];
	char base64[BASE64_BYTES(32)], with_prefix[80], upper[65];
	assert_true(hex_decode(digest, 32, str_of(hex)));
	base64_encode(base64, digest, 32);
	snprintf(with_prefix, sizeof with_prefix, "v1=%s", hex);
	for (size_t i = 0; i < 65; i++)
		upper[i] = (char)(hex[i] >= 'a' ? hex[i] - 32 : hex[i]);

	const char *right[] = {"Jefe"}, *rotated[] = {"old", NULL, "", "Jefe"},
	           *wrong[] = {"jefe", ""};
	const struct {
		const char *signature, *prefix, *encoding;
		const char *const *secrets;
		size_t secret_count;
		bool matches;
	} cases[] = {
	    {hex, NULL, "hex", right, 1, true},
	    {upper, NULL, "hex", right, 1, true},
	    {hex, "", "hex", rotated, 4, true},
	    {with_prefix, "v1=", "hex", right, 1, true},
	    {base64, NULL, "base64", right, 1, true},
	    {hex, "v1=", "hex", right, 1, false},        /* the prefix is missing */
	    {with_prefix, NULL, "hex", right, 1, false}, /* the prefix is too much */
	    {"v1=", "v1=", "hex", right, 1, false},
	    {hex, NULL, "base64", right, 1, false},
	    {base64, NULL, "hex", right, 1, false},
	    {hex, NULL, "rot13", right, 1, false},
	    {hex, NULL, NULL, right, 1, false},
	    {hex, NULL, "hex", wrong, 2, false},
	    {hex, NULL, "hex", NULL, 0, false},
	    {"", NULL, "hex", right, 1, false},
	    {"  ", "", "hex", right, 1, false},
	    {NULL, "", "hex", right, 1, false},
	    {"5bdc", NULL, "hex", right, 1, false},
	    {"W9zB", NULL, "base64", right, 1, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct carrier_settings settings = {
		    .hook_secrets = cases[i].secrets, .hook_secret_count = cases[i].secret_count};
		assert_int_equal(carrier_hmac_sha256_matches(&settings, body, cases[i].signature,
		                     cases[i].prefix, cases[i].encoding),
		    cases[i].matches);
		/* the operator's settings win over the adapter's */
		settings.hook_prefix = cases[i].prefix;
		settings.hook_encoding = cases[i].encoding ? cases[i].encoding : "none";
		assert_int_equal(carrier_hmac_sha256_matches(&settings, body, cases[i].signature,
		                     cases[i].prefix ? "x" : NULL, "hex"),
		    cases[i].matches);
	}
	/* every single changed bit is seen */
	struct carrier_settings settings = {.hook_secrets = right, .hook_secret_count = 1};
	for (size_t bit = 0; bit < 256; bit++) {
		char changed[65];
		digest[bit / 8] ^= (unsigned char)(1 << bit % 8);
		hex_encode(changed, digest, 32);
		digest[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_false(carrier_hmac_sha256_matches(&settings, body, changed, NULL, "hex"));
	}
	/* an empty secret must not sign for anybody: HMAC("", "") */
	const char *empty[] = {""};
	settings.hook_secrets = empty;
	assert_false(carrier_hmac_sha256_matches(&settings, str_make(NULL, 0),
	    "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad", NULL, "hex"));
}

static void test_hook_header(void **state)
{
	(void)state;
	struct carrier_header headers[] = {{"A", "1"}, {"x-sig", "2"}, {"X-SIG", "3"}};
	struct carrier_hook hook = {.headers = headers, .header_count = 3};
	assert_string_equal(carrier_hook_header(&hook, "X-Sig"), "2");
	assert_null(carrier_hook_header(&hook, "X-Si"));
}

static void test_settle(void **state)
{
	(void)state;
	struct checkpoint checkpoints[] = {
	    {.time = "2026-01-01", .status = STATUS_IN_TRANSIT, .reason = REASON_WEATHER},
	    {.time = "garbage", .status = STATUS_UNKNOWN},
	};
	struct report report = {.checkpoints = checkpoints, .checkpoint_count = 2};
	carrier_settle_status(&report);
	assert_int_equal(report.status, STATUS_IN_TRANSIT);
	assert_int_equal(report.reason, REASON_WEATHER);
	assert_int_equal(carrier_newest_ms(&report), INT64_C(1767225600000));
	report = (struct report){
	    .status = STATUS_DELIVERED, .checkpoints = checkpoints, .checkpoint_count = 2};
	carrier_settle_status(&report);
	assert_int_equal(report.status, STATUS_DELIVERED);
	report.checkpoint_count = 0;
	assert_true(carrier_newest_ms(&report) == INT64_MIN);
}

static bool knows_a(const char *code)
{
	return code[0] == 'A';
}

static void test_unmapped(void **state)
{
	(void)state;
	static const struct carrier carrier = {.name = "x", .knows_code = knows_a},
	                            mute = {.name = "y"};
	struct checkpoint checkpoints[] = {{.code = "A"}, {.code = "B"}, {.code = NULL},
	    {.code = "C"}, {.code = "B"}, {.code = "D"}};
	struct report report = {.checkpoints = checkpoints, .checkpoint_count = 6};
	const char *codes[2];
	assert_int_equal(carrier_unmapped(&carrier, &report, codes, 2), 3);
	assert_string_equal(codes[0], "B");
	assert_string_equal(codes[1], "C");
	assert_int_equal(carrier_unmapped(&carrier, &report, NULL, 0), 3);
	assert_int_equal(carrier_unmapped(&mute, &report, codes, 2), 0);
}

int main(void)
{
	arena = arena_new();
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_list),
	    cmocka_unit_test(test_time),
	    cmocka_unit_test(test_eta),
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_hmac),
	    cmocka_unit_test(test_hook_header),
	    cmocka_unit_test(test_settle),
	    cmocka_unit_test(test_unmapped),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(&arena);
	return failed;
}
