/* A whole configuration with its secrets, and what is refused about secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/config_kit.h"

/* --- a folder with secrets ------------------------------------------------------------------- */

static char folder[] = "/tmp/notifier-test-XXXXXX";
static const char *const secret_names[] = {"dhl.key", "fedex.secret", "twilio.token",
    "smtp.password", "open.key", "empty.key", "two.key", "crlf.key"};

static const char *in_folder(char out[200], const char *name)
{
	snprintf(out, 200, "%s/%s", folder, name);
	return out;
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	char path[200];
	FILE *file = fopen(in_folder(path, name), "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static int make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	for (size_t i = 0; i < COUNT(secret_names); i++)
		write_file(secret_names[i], "s3cret\n", 0600);
	write_file("open.key", "s3cret\n", 0644);
	write_file("empty.key", "\n", 0600);
	write_file("two.key", "one\n\n", 0600);
	write_file("crlf.key", "s3cret\r\n", 0400);
	setenv("NOTIFIER_TEST_KEY", "from-env", 1);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	char path[200];
	for (size_t i = 0; i < COUNT(secret_names); i++)
		unlink(in_folder(path, secret_names[i]));
	return rmdir(folder);
}

/* --- a whole configuration ------------------------------------------------------------------ */

static const char full[] =
    "listen: 127.0.0.1:0\n"
    "data_dir: ./data\n"
    "redis: { url: \"redis://127.0.0.1:6379/0\", allow_lossy: yes }\n"
    "templates: { dir: /srv/templates }\n"
    "accounts:\n"
    "  default:\n"
    "    mode: live\n"
    "    store: { name: \"Blue Shop\" }\n"
    "    links: { track: \"https://shop.example/t/{{ parcel.number }}\", help: "
    "\"https://s.example\" }\n"
    "    language: PT_br\n"
    "    email: { from: \"Blue Shop <news@shop.example>\", concurrency: 3,\n"
    "             smtp: { host: 127.0.0.1, port: 2525, tls: none, user: \"\", password_file: \"\" "
    "} }\n"
    "    sms: { provider: twilio, base_url: \"http://127.0.0.1:9000/\", sender: \"+15005550006\",\n"
    "           account_sid: \"${NOTIFIER_TEST_KEY}\", token_file: ./twilio.token }\n"
    "    events: { shipped: off, closed: on }\n"
    "    lifetimes: { delivered: 90m }\n"
    "    rules: { settle: 500ms, silent_days_domestic: 4 }\n"
    "  second: { email: { smtp: { password: \"pre-${NOTIFIER_TEST_KEY}-$${post}\" } } }\n"
    "carriers:\n"
    "  dhl: { base_url: \"https://api-eu.dhl.com\", api_key_file: ./dhl.key,\n"
    "         quota: { per_second: 0.5, per_day: 250 } }\n"
    "  fedex: { client_id: \"${NOTIFIER_TEST_KEY}\", client_secret_file: crlf.key }\n"
    "  generic: { webhook: { header: X-Signature, prefix: \"sha256=\", encoding: hex,\n"
    "             secret_file: dhl.key, secrets: [\"${NOTIFIER_TEST_KEY}\"] } }\n"
    "sandbox: { listen: 127.0.0.1:8091, scale: 2.5 }\n"
    "log: { level: debug }\n"
    "limits: { body: 1M, connections: 100, per_address: 10 }\n";

static void check_full_account(const struct account_config *account)
{
	assert_false(account->is_test);
	assert_string_equal(account->store_name, "Blue Shop");
	assert_string_equal(account->links.track, "https://shop.example/t/{{ parcel.number }}");
	assert_null(account->links.address);
	assert_string_equal(account->language, "pt-BR");
	assert_string_equal(account->zone, "UTC");
	assert_string_equal(account->email.from, "Blue Shop <news@shop.example>");
	assert_int_equal(account->email.concurrency, 3);
	assert_string_equal(account->email.smtp.host, "127.0.0.1");
	assert_int_equal(account->email.smtp.port, 2525);
	assert_int_equal(account->email.smtp.tls, SMTP_TLS_NONE);
	assert_null(account->email.smtp.user);
	assert_null(account->email.smtp.password);
	assert_string_equal(account->sms.base_url, "http://127.0.0.1:9000");
	assert_string_equal(account->sms.account_sid, "from-env");
	assert_string_equal(account->sms.token, "s3cret");
	assert_false(account->policy.events_on & 1u << EVENT_SHIPPED);
	assert_true(account->policy.events_on & 1u << EVENT_CLOSED);
	assert_true(account->policy.events_on & 1u << EVENT_DELIVERED);
	assert_int_equal(account->policy.lifetime_ms[EVENT_DELIVERED], 90 * MINUTE_MS);
	assert_int_equal(account->policy.settle_ms, 500);
	assert_int_equal(account->deadlines.silent_days_domestic, 4);
	assert_int_equal(account->deadlines.silent_days_cross_border, 5);
}

static void check_full_carriers(const struct config *config)
{
	const struct carrier_config *dhl = config_carrier(config, "dhl");
	assert_string_equal(dhl->settings.base_url, "https://api-eu.dhl.com");
	assert_string_equal(carrier_value(dhl->carrier, &dhl->settings, "api_key"), "s3cret");
	assert_true(dhl->per_second == 0.5);
	assert_int_equal(dhl->per_day, 250);
	assert_int_equal(dhl->concurrency, 4);
	const struct carrier_config *fedex = config_carrier(config, "fedex");
	assert_string_equal(
	    carrier_value(fedex->carrier, &fedex->settings, "client_id"), "from-env");
	assert_string_equal(
	    carrier_value(fedex->carrier, &fedex->settings, "client_secret"), "s3cret");
	assert_string_equal(fedex->settings.base_url, fedex->carrier->default_base_url);
	const struct carrier_settings *hook = &config_carrier(config, "generic")->settings;
	assert_string_equal(hook->hook_header, "X-Signature");
	assert_string_equal(hook->hook_prefix, "sha256=");
	assert_string_equal(hook->hook_encoding, "hex");
	assert_int_equal(hook->hook_secret_count, 2);
	assert_string_equal(hook->hook_secrets[0], "s3cret");
	assert_string_equal(hook->hook_secrets[1], "from-env");
	assert_string_equal(
	    config_carrier(config, "sandbox")->settings.base_url, "http://127.0.0.1:8091");
	assert_int_equal(config->carrier_count, 4);
}

static void test_full(void **state)
{
	(void)state;
	char path[200];
	struct loaded loaded = load(in_folder(path, "notifier.yaml"), full);
	assert_string_equal(buf_text(&loaded.text), "");
	const struct config *config = loaded.config;
	assert_string_equal(config->path, path);
	assert_string_equal(config->redis_url, "redis://127.0.0.1:6379/0");
	assert_true(config->redis_allow_lossy);
	assert_string_equal(config->templates_dir, "/srv/templates");
	assert_int_equal(strncmp(config->data_dir, folder, strlen(folder)), 0);
	assert_string_equal(config->log_level, "debug");
	assert_true(config->sandbox_scale == 2.5);
	assert_int_equal(config->max_body_bytes, 1024 * 1024);
	assert_int_equal(config->account_count, 2);
	check_full_account(config_account(config, "default"));
	assert_string_equal(
	    config_account(config, "second")->email.smtp.password, "pre-from-env-${post}");
	check_full_carriers(config);
	unload(&loaded);
}

/* --- secrets in files --------------------------------------------------------------------------
 */

static void expect_secret_problem(const char *value, const char *format)
{
	char path[200], yaml[300], expected[700], prefix[300];
	in_folder(path, "notifier.yaml");
	snprintf(yaml, sizeof yaml, "carriers:\n  dhl: { %s }\n", value);
	struct loaded loaded = load(path, yaml);
	snprintf(prefix, sizeof prefix, "%s:2: carriers.dhl.", path);
	assert_int_equal(strncmp(buf_text(&loaded.text), prefix, strlen(prefix)), 0);
	snprintf(expected, sizeof expected, "%s\n", format);
	for (char *at; (at = strstr(expected, "DIR")) != NULL;) {
		char rest[700];
		snprintf(rest, sizeof rest, "%s", at + 3);
		snprintf(at, sizeof expected - (size_t)(at - expected), "%s%s", folder, rest);
	}
	if (strstr(buf_text(&loaded.text), expected) == NULL)
		fail_msg("expected \"%s\" among: %s", expected, buf_text(&loaded.text));
	unload(&loaded);
}

static void test_secret_files(void **state)
{
	(void)state;
	expect_secret_problem("api_key_file: open.key",
	    "others can read DIR/open.key; close it with: chmod 600 DIR/open.key");
	expect_secret_problem("api_key_file: ./none.key", "there is no file DIR/./none.key");
	expect_secret_problem("api_key_file: empty.key", "the file is empty");
	expect_secret_problem(
	    "api_key_file: two.key", "the file holds more than one line, or a control character");
	expect_secret_problem("api_key: \"${NOTIFIER_TEST_KEY}\", api_key_file: dhl.key",
	    "given twice: keep api_key or api_key_file");
	expect_secret_problem("api_key_file: dhl.key, api_key: \"${NOTIFIER_TEST_KEY}\"",
	    "given twice: keep api_key or api_key_file");
}

/* No secret may stand in any message. */
static void test_secrets_are_not_shown(void **state)
{
	(void)state;
	struct loaded loaded = load("x", "carriers: { generic: { webhook: { secrets: [canary1] } "
	                                 "}, dhl: { api_key: canary2 } }\n"
	                                 "redis: { url: \"reddis://:canary3@h\" }\naccounts: { a: "
	                                 "{ sms: { token: canary4 } } }\n");
	assert_true(loaded.problems.count >= 4);
	assert_null(strstr(buf_text(&loaded.text), "canary"));
	unload(&loaded);
}

/* Every prefix and every one-byte change of a good file either loads or is refused. */
static void test_mutations(void **state)
{
	(void)state;
	static const char bytes[] = "\n:{}[]\"'&*#\t\x01\xff";
	char text[sizeof full];
	for (size_t len = 0; len < sizeof full; len += 7) {
		memcpy(text, full, sizeof full);
		text[len] = '\0';
		struct loaded loaded = load("x", text);
		unload(&loaded);
		memcpy(text, full, sizeof full);
		text[len] = bytes[len % (sizeof bytes - 1)];
		text[sizeof full - 1] = '\0';
		loaded = load("x", text);
		unload(&loaded);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_secret_files),
	    cmocka_unit_test(test_secrets_are_not_shown),
	    cmocka_unit_test(test_mutations),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
