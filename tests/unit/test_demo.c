/* The demo's built-in configuration: it parses, it is private, and it says what to do when it
 * cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "notifier/app/demo.h"
#include "notifier/io/files.h"
#include "notifier/message/l10n.h"

/* A socket that listens on a free port of loopback; the address goes to `listen`. */
static int occupy(char *listen_at, size_t bytes)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	snprintf(listen_at, bytes, "127.0.0.1:%d", ntohs(address.sin_port));
	return fd;
}

static void free_address(char *listen_at, size_t bytes)
{
	close(occupy(listen_at, bytes));
}

static void test_it_parses_and_needs_nothing(void **state)
{
	(void)state;
	static const char *const polled[] = {"dhl", "fedex", "sandbox"};
	char address[32];
	free_address(address, sizeof address);
	struct config *config = demo_config_at(address);
	assert_non_null(config);
	assert_string_equal(config->listen, address);
	assert_true(config->allow_public_page);
	assert_true(config->sandbox_scale == 4320); /* a day in 20 s */
	assert_non_null(config->sandbox_listen);
	assert_true(config_account(config, "default")->is_test);
	assert_string_equal(config_account(config, "default")->store_name, "Blue Shop");
	for (size_t i = 0; i < 3; i++) {
		const struct carrier_config *carrier = config_carrier(config, polled[i]);
		assert_non_null(carrier);
		assert_non_null(strstr(carrier->settings.base_url, config->sandbox_listen));
	}
	assert_int_equal(config_carrier(config, "generic")->settings.hook_secret_count, 1);
	config_unref(&config);
	demo_cleanup();
}

static void test_its_folder_is_private_and_goes(void **state)
{
	(void)state;
	char address[32], folder[256], inside[300];
	struct stat status;
	struct err err;
	free_address(address, sizeof address);
	struct config *config = demo_config_at(address);
	assert_non_null(config);
	snprintf(folder, sizeof folder, "%s", config->data_dir);
	assert_int_equal(stat(folder, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	snprintf(inside, sizeof inside, "%s/mailbox", folder);
	assert_true(files_make_dir(inside, 0700, &err));
	config_unref(&config);
	demo_cleanup();
	assert_int_equal(stat(folder, &status), -1);
	demo_cleanup(); /* twice is harmless */
}

static void test_two_demos_do_not_share(void **state)
{
	(void)state;
	char address[32];
	free_address(address, sizeof address);
	struct config *first = demo_config_at(address);
	assert_non_null(first);
	char *folder = strdup(first->data_dir);
	config_unref(&first);
	demo_cleanup();
	struct config *second = demo_config_at(address);
	assert_non_null(second);
	assert_string_not_equal(second->data_dir, folder);
	free(folder);
	config_unref(&second);
	demo_cleanup();
}

/* The texts are on stderr; that there is no configuration and nothing left over is checked here. */
static void test_a_taken_or_senseless_address(void **state)
{
	(void)state;
	static const char *const senseless[] = {
	    "", "8080", ":", "nonsense", "300.1.1.1:80", "127.0.0.1:x"};
	char taken[32];
	int fd = occupy(taken, sizeof taken);
	assert_null(demo_config_at(taken));
	close(fd);
	for (size_t i = 0; i < sizeof senseless / sizeof *senseless; i++)
		assert_null(demo_config_at(senseless[i]));
}

static void test_off_loopback_the_page_wants_a_key(void **state)
{
	(void)state;
	char address[32], everywhere[48];
	free_address(address, sizeof address);
	snprintf(everywhere, sizeof everywhere, "0.0.0.0%s", strchr(address, ':'));
	struct config *config = demo_config_at(everywhere);
	assert_non_null(config);
	assert_false(config->allow_public_page);
	config_unref(&config);
	demo_cleanup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_it_parses_and_needs_nothing),
	    cmocka_unit_test(test_its_folder_is_private_and_goes),
	    cmocka_unit_test(test_two_demos_do_not_share),
	    cmocka_unit_test(test_a_taken_or_senseless_address),
	    cmocka_unit_test(test_off_loopback_the_page_wants_a_key),
	};
	config_zone_is_known = l10n_zone_is_known;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
