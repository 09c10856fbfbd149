#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/config_kit.h"

/* --- what is accepted ------------------------------------------------------------------------ */

static void test_defaults(void **state)
{
	(void)state;
	static const char *const nothing[] = {"", "\n", "# only a comment\n", "~", "{}", "---\n",
	    "accounts:\ncarriers:\n", "accounts: {}\nlog:\n"};
	for (size_t i = 0; i < COUNT(nothing); i++) {
		struct loaded loaded = load("x", nothing[i]);
		assert_string_equal(buf_text(&loaded.text), "");
		const struct config *config = loaded.config;
		assert_string_equal(config->listen, "127.0.0.1:8080");
		assert_string_equal(config->data_dir, "./data");
		assert_null(config->redis_url);
		assert_null(config->sandbox_listen);
		assert_int_equal(config->max_body_bytes, 256 * 1024);
		assert_int_equal(config->max_connections, 4096);
		assert_int_equal(config->max_per_address, 64);
		assert_true(config->sandbox_scale == 1.0);
		assert_string_equal(config->log_level, "info");
		assert_int_equal(config->account_count, 1);
		assert_true(config_account(config, "default")->is_test);
		assert_int_equal(config_account(config, "default")->policy.channels_available, 3);
		assert_null(config_account(config, "nobody"));
		assert_non_null(config_carrier(config, "generic"));
		assert_null(config_carrier(config, "sandbox"));
		unload(&loaded);
	}
}

/* The table and the domain agree about defaults. */
static void test_defaults_are_those_of_core(void **state)
{
	(void)state;
	struct loaded loaded = load("x", "");
	const struct account_config *account = loaded.config->accounts;
	struct policy policy;
	policy_defaults(&policy);
	assert_int_equal(account->policy.events_on, policy.events_on);
	assert_int_equal(account->policy.settle_ms, policy.settle_ms);
	assert_int_equal(account->policy.settle_lag_ms, policy.settle_lag_ms);
	assert_int_equal(account->policy.correction_hold_ms, policy.correction_hold_ms);
	for (int kind = EVENT_NONE + 1; kind < EVENT_COUNT; kind++)
		assert_int_equal(account->policy.lifetime_ms[kind],
		    event_lifetime_h((enum event_kind)kind) * HOUR_MS);
	assert_memory_equal(
	    &account->deadlines, &deadline_default_rules, sizeof account->deadlines);
	unload(&loaded);
}

static void note_path(const char *path, void *context)
{
	buf_printf(context, "%s ", path);
}

static void test_frozen_changes(void **state)
{
	(void)state;
	struct loaded before = load("x", "listen: 127.0.0.1:1\nlog: { level: debug }\n");
	struct loaded after = load("x", "listen: 127.0.0.1:2\nsandbox: { listen: 127.0.0.1:3 }\n"
	                                "limits: { body: 1M }\nredis: { allow_lossy: on }\n");
	struct buf paths = BUF_EMPTY(0);
	config_each_frozen_change(before.config, before.config, note_path, &paths);
	assert_string_equal(buf_text(&paths), "");
	config_each_frozen_change(before.config, after.config, note_path, &paths);
	assert_string_equal(
	    buf_text(&paths), "listen redis.allow_lossy sandbox.listen limits.body ");
	buf_free(&paths);
	unload(&before);
	unload(&after);
}

static void test_references(void **state)
{
	(void)state;
	struct loaded loaded = load("x", "");
	struct config *second = config_ref(loaded.config);
	config_unref(&loaded.config);
	assert_null(loaded.config);
	assert_string_equal(second->accounts[0].name, "default");
	config_unref(&second);
	config_unref(&second);
	assert_null(second);
	unload(&loaded);
}

static void test_holidays(void **state)
{
	(void)state;
	struct loaded loaded = load("x", "holidays:\n  IN: [2026-10-02, 2026-08-15]\n  DE: []\n");
	assert_string_equal(buf_text(&loaded.text), "");
	assert_int_equal(loaded.config->holidays_count, 2);
	assert_string_equal(loaded.config->holidays[0].country, "IN");
	assert_int_equal(loaded.config->holidays[0].count, 2);
	assert_int_equal(loaded.config->holidays[0].days[0], 20680); /* in ascending order */
	assert_int_equal(loaded.config->holidays[0].days[1], 20728);
	unload(&loaded);
	expect_problem_with(
	    "holidays: {IN: [Diwali]}", ":1: holidays.IN[0]: expected a day, as 2026-12-25");
	expect_problem_with("holidays: {IN: [2026-02-30]}", "expected a day");
	expect_problem_with("holidays: {India: [2026-08-15]}", "two capital letters");
	expect_problem_with("holidays: {IN: 2026-08-15}", "expected a list");
	expect_problem_with("holidays: {IN: [[2026-08-15]]}", "expected a day");
}

/* --- what is refused, and in which words ------------------------------------------------------ */

static const struct {
	const char *yaml, *problems;
} refused[] = {
    {"listen: 127.0.0.1:80\n\ncarriers:\n  dhl:\n    api_kye: x\n",
        "notifier.yaml:5: carriers.dhl.api_kye: unknown option; did you mean \"api_key\"?\n"},
    {"carriers:\n  dhl: { api_key: \"${DHL_KEY}\", quota: { per_day: 1 } }\n",
        "notifier.yaml:2: carriers.dhl.api_key: environment variable DHL_KEY is not set\n"},
    {"carriers:\n  dhll: {}\n",
        "notifier.yaml:2: carriers.dhll: unknown carrier; did you mean \"dhl\"?\n"},
    {"carriers:\n  zebra: {}\n", "notifier.yaml:2: carriers.zebra: unknown carrier\n"},
    {"lisen: x\n", "notifier.yaml:1: lisen: unknown option; did you mean \"listen\"?\n"},
    {"acounts: {}\n", "notifier.yaml:1: acounts: unknown option; did you mean \"accounts\"?\n"},
    {"redis: { urll: x }\n",
        "notifier.yaml:1: redis.urll: unknown option; did you mean \"url\"?\n"},
    {"redis.url: redis://h\n", "notifier.yaml:1: redis.url: unknown option\n"},
    {"carriers: { fedex: { client_secret_fiel: x, webhook: { secret: \"${NOTIFIER_TEST_KEY}\" } } "
     "}\n",
        "notifier.yaml:1: carriers.fedex.client_secret_fiel: unknown option; did you mean "
        "\"client_secret_file\"?\n"},
    {"accounts: { default: { events: { delivred: on } } }\n",
        "notifier.yaml:1: accounts.default.events.delivred: unknown event; did you mean "
        "\"delivered\"?\n"},
    {"accounts: { default: { lifetimes: { sent: 1h } } }\n",
        "notifier.yaml:1: accounts.default.lifetimes.sent: unknown event\n"},
    {"accounts: { default: { email: { form: x } } }\n",
        "notifier.yaml:1: accounts.default.email.form: unknown option; did you mean \"from\"?\n"},
    {"accounts:\n  default: {}\n  default: {}\n",
        "notifier.yaml:3: accounts.default: given twice; the first is on line 2\n"},
    {"listen: 1.2.3.4:5\nlog: {level: info}\nlisten: 1.2.3.4:5\n",
        "notifier.yaml:3: listen: given twice; the first is on line 1\n"},
    {"carriers: { generic: {}, generic: {} }\n",
        "notifier.yaml:1: carriers.generic: given twice; the first is on line 1\n"},
    {"accounts: { \"Blue Shop\": {} }\n",
        "notifier.yaml:1: accounts.Blue Shop: the name of an account has up to 32 of a-z, 0-9, - "
        "and _\n"},
    {"accounts: [default]\n",
        "notifier.yaml:1: accounts: expected a group of options, found a list\n"},
    {"accounts: { default: live }\n",
        "notifier.yaml:1: accounts.default: expected a group of options, found a single value\n"},
    {"accounts: { default: { email: news@shop.example } }\n",
        "notifier.yaml:1: accounts.default.email: expected a group of options, found a single "
        "value\n"},
    {"listen: [1]\n", "notifier.yaml:1: listen: expected a single value, found a list\n"},
    {"log: { level: { a: b } }\n",
        "notifier.yaml:1: log.level: expected a single value, found a group of options\n"},
    {"carriers: { generic: { webhook: { secrets: x } } }\n",
        "notifier.yaml:1: carriers.generic.webhook.secrets: expected a list, found a single "
        "value\n"},
    {"carriers: { generic: { webhook: { secrets: [[x]] } } }\n",
        "notifier.yaml:1: carriers.generic.webhook.secrets[0]: expected a single value, found a "
        "list\n"},
    {"listen: 8080\n",
        "notifier.yaml:1: listen: expected host:port such as 127.0.0.1:8080, found \"8080\"\n"},
    {"listen: \"::1:8080\"\n",
        "notifier.yaml:1: listen: expected host:port such as 127.0.0.1:8080, found \"::1:8080\"\n"},
    {"listen: 127.0.0.1:70000\n",
        "notifier.yaml:1: listen: port 70000 is out of range 0 to 65535\n"},
    {"accounts: { default: { email: { smtp: { port: 0 } } } }\n",
        "notifier.yaml:1: accounts.default.email.smtp.port: 0 is out of range 1 to 65535\n"},
    {"accounts: { default: { email: { smtp: { port: ssl } } } }\n",
        "notifier.yaml:1: accounts.default.email.smtp.port: expected a whole number, found "
        "\"ssl\"\n"},
    {"accounts: { default: { email: { smtp: { tls: startls } } } }\n",
        "notifier.yaml:1: accounts.default.email.smtp.tls: expected none, starttls or implicit, "
        "found \"startls\"; did you mean \"starttls\"?\n"},
    {"accounts: { default: { mode: maybe } }\n",
        "notifier.yaml:1: accounts.default.mode: expected live or test, found \"maybe\"\n"},
    {"accounts: { default: { email: { from: \"Shop <news@>\" } } }\n",
        "notifier.yaml:1: accounts.default.email.from: e-mail address: nothing after the @ "
        "(\"Shop <news@>\")\n"},
    {"accounts: { default: { email: { from: \"Shop <news@shop.example\" } } }\n",
        "notifier.yaml:1: accounts.default.email.from: expected \"Name <name@host>\", found \"Shop "
        "<news@shop.example\"\n"},
    {"accounts: { default: { events: { shipped: maybe } } }\n",
        "notifier.yaml:1: accounts.default.events.shipped: expected on or off, found \"maybe\"\n"},
    {"accounts: { default: { rules: { settle: soon } } }\n",
        "notifier.yaml:1: accounts.default.rules.settle: expected a time such as 90s, 15m, 6h or "
        "14d, found \"soon\"\n"},
    {"accounts: { default: { rules: { settle: 2d } } }\n",
        "notifier.yaml:1: accounts.default.rules.settle: 2d is out of range 0 s to 1 d 0 h\n"},
    {"limits: { body: many }\n", "notifier.yaml:1: limits.body: expected a size such as 65536, "
                                 "256k or 1M, found \"many\"\n"},
    {"limits: { body: 1 }\n", "notifier.yaml:1: limits.body: 1 is out of range 1024 to 16777216\n"},
    {"limits: { body: 9223372036854775807M }\n",
        "notifier.yaml:1: limits.body: 9223372036854775807M is out of range 1024 to 16777216\n"},
    {"limits: { connections: 99999999999999999999 }\n",
        "notifier.yaml:1: limits.connections: expected a whole number, found "
        "\"99999999999999999999\"\n"},
    {"sandbox: { scale: fast }\n",
        "notifier.yaml:1: sandbox.scale: expected a number, found \"fast\"\n"},
    {"sandbox: { scale: nan }\n",
        "notifier.yaml:1: sandbox.scale: expected a number, found \"nan\"\n"},
    {"sandbox: { scale: 0x10 }\n",
        "notifier.yaml:1: sandbox.scale: expected a number, found \"0x10\"\n"},
    {"sandbox: { scale: 1e999 }\n",
        "notifier.yaml:1: sandbox.scale: expected a number, found \"1e999\"\n"},
    {"sandbox: { scale: \"\" }\n",
        "notifier.yaml:1: sandbox.scale: expected a number, found \"\"\n"},
    {"redis: { url: \"http://:password@host\" }\n", /* not shown: it may hold a password */
        "notifier.yaml:1: redis.url: expected an address that starts with redis://\n"},
    {"carriers: { generic: { base_url: \"ftp://x\" } }\n",
        "notifier.yaml:1: carriers.generic.base_url: expected an address that starts with "
        "https://\n"},
    {"carriers: { generic: { webhook: { header: \"X-A: b\" } } }\n",
        "notifier.yaml:1: carriers.generic.webhook.header: \"X-A: b\" may hold letters, digits, - "
        "and _ only\n"},
    {"accounts: { a: { language: \"????\" } }\n",
        "notifier.yaml:1: accounts.a.language: language: it must look like \"en\" or \"pt-BR\"\n"},
    {"accounts: { a: { mode: live, email: { from: a@b.example } } }\n",
        "notifier.yaml:1: accounts.a: e-mail needs both email.from and email.smtp.host; "
        "email.smtp.host is not set\n"},
    {"accounts: { a: { mode: live, sms: { provider: twilio, sender: x } } }\n",
        "notifier.yaml:1: accounts.a: text messages need sms.token or sms.token_file\n"},
    {"accounts: { a: { mode: live } }\n",
        "notifier.yaml:1: warning: accounts.a: mode is live but neither e-mail nor SMS is set up: "
        "nothing can be sent\n"},
    {"carriers:\n  dhl: {}\n",
        "notifier.yaml:2: warning: carriers.dhl: cannot be polled: api_key is not set\n"},
    {"<<: { listen: x }\n", "notifier.yaml:1: <<: unknown option\n"},
    {"log: { level: \"${lower-case}\" }\n",
        "notifier.yaml:1: log.level: expected ${NAME} of letters, digits and _ (a literal ${ is "
        "written $${)\n"},
    {"log: { level: \"${NOTIFIER_TEST_KEY\" }\n",
        "notifier.yaml:1: log.level: expected ${NAME} of letters, digits and _ (a literal ${ is "
        "written $${)\n"},
    {"data_dir: \"${NOTIFIER_TEST_UNSET}/x\"\n",
        "notifier.yaml:1: data_dir: environment variable NOTIFIER_TEST_UNSET is not set\n"},
    {"accounts: { a: { store: { name: \"${NOTIFIER_TEST_LINES}\" } } }\n",
        "notifier.yaml:1: accounts.a.store.name: environment variable NOTIFIER_TEST_LINES holds a "
        "control character\n"},
    {"accounts: { a: { sms: { token: \"${NOTIFIER_TEST_EMPTY}\" } } }\n",
        "notifier.yaml:1: accounts.a.sms.token: the environment variable is empty\n"},
    {"accounts: { a: { sms: { token: literal } } }\n",
        "notifier.yaml:1: warning: accounts.a.sms.token: a secret stands in the configuration; "
        "better \"${NAME}\" from the environment, or token_file\n"},
    {"carriers: { generic: { webhook: { secrets: [literal] } } }\n",
        "notifier.yaml:1: warning: carriers.generic.webhook.secrets[0]: a secret stands in the "
        "configuration; better \"${NAME}\" from the environment, or secret_file\n"},
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++)
		expect_problems(refused[i].yaml, refused[i].problems);
}

/* All problems at once, in the order of the file. */
static void test_collects_all(void **state)
{
	(void)state;
	expect_problems("lisen: x\nlog: { level: loud }\naccounts:\n  default:\n    mode: maybe\n",
	    "notifier.yaml:1: lisen: unknown option; did you mean \"listen\"?\n"
	    "notifier.yaml:2: log.level: expected debug, info, warn or error, found \"loud\"\n"
	    "notifier.yaml:5: accounts.default.mode: expected live or test, found \"maybe\"\n");
}

static void test_too_many_problems(void **state)
{
	(void)state;
	struct buf yaml = BUF_EMPTY(0);
	for (int i = 0; i < 9000; i++)
		buf_printf(&yaml, "k%d: 1\n", i);
	struct loaded loaded = load("x", buf_text(&yaml));
	assert_int_equal(loaded.problems.count, 100);
	assert_int_equal(loaded.problems.errors, 9000);
	unload(&loaded);
	buf_free(&yaml);
}

/* --- hooks -------------------------------------------------------------------------------------
 */

static bool only_berlin(const char *zone)
{
	return strcmp(zone, "Europe/Berlin") == 0;
}

static bool no_filters(const char *source, struct err *err)
{
	return strchr(source, '|') == NULL || err_set(err, ERR_INPUT, "line 1: no filters here");
}

static void test_hooks(void **state)
{
	(void)state;
	const char *yaml =
	    "accounts: { a: { zone: Europe/Berlin, links: { help: \"{{ x | y }}\" } } }\n"
	    "carriers: { generic: { zone: Berlin } }\n";
	expect_problems(yaml, "");
	config_template_check = no_filters;
	expect_problems(yaml, "notifier.yaml:1: accounts.a.links.help: line 1: no filters here\n");
	config_template_check = NULL;
	config_zone_is_known = only_berlin;
	expect_problem_with(yaml,
	    "notifier.yaml:2: carriers.generic.zone: unknown time zone \"Berlin\"; write it as "
	    "Europe/Berlin or Asia/Kolkata\n");
	config_zone_is_known = NULL;
}

/* --- odds and ends -----------------------------------------------------------------------------
 */

static void test_aliases_are_shared(void **state)
{
	(void)state;
	struct loaded loaded = load(
	    "x", "accounts:\n  one: &base { store: { name: One }, language: de }\n  two: *base\n");
	assert_string_equal(buf_text(&loaded.text), "");
	assert_string_equal(config_account(loaded.config, "two")->store_name, "One");
	assert_string_equal(config_account(loaded.config, "two")->language, "de");
	unload(&loaded);
}

static void test_missing_file(void **state)
{
	(void)state;
	struct config_problems problems = {.arena = arena_new()};
	assert_null(config_load("/nonexistent/notifier.yaml", &problems));
	assert_int_equal(problems.errors, 1);
	assert_null(strstr(problems.items[0].text, "/nonexistent")); /* it is printed in front */
	arena_free(&problems.arena);
}

static int set_environment(void **state)
{
	(void)state;
	setenv("NOTIFIER_TEST_KEY", "from-env", 1);
	setenv("NOTIFIER_TEST_EMPTY", "", 1);
	setenv("NOTIFIER_TEST_LINES", "a\nBcc: b", 1);
	unsetenv("NOTIFIER_TEST_UNSET");
	unsetenv("DHL_KEY");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_defaults_are_those_of_core),
	    cmocka_unit_test(test_frozen_changes),
	    cmocka_unit_test(test_references),
	    cmocka_unit_test(test_holidays),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_collects_all),
	    cmocka_unit_test(test_too_many_problems),
	    cmocka_unit_test(test_hooks),
	    cmocka_unit_test(test_aliases_are_shared),
	    cmocka_unit_test(test_missing_file),
	};
	return cmocka_run_group_tests(tests, set_environment, NULL);
}
