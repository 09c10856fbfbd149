/* Connections are counted by address; one IPv6 subscriber is one address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <arpa/inet.h>

#include <cmocka.h>

#include "notifier/io/http_server_internal.h"

static void test_counts_by_address(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		bool is_same, is_limited;
	} rows[] = {
	    {"10.0.0.1", "10.0.0.1", true, true},
	    {"10.0.0.1", "10.0.0.2", false, true},
	    {"127.0.0.1", "127.0.0.1", true, false},
	    {"2001:db8::1", "2001:db8::2", true, true}, /* one subscriber */
	    {"2001:db8::1", "2001:db8:0:1::1", false, true},
	    {"::ffff:10.0.0.1", "::ffff:10.0.0.1", true, true},
	    {"::1", "::1", true, false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct http_peers peers;
		struct sockaddr_storage at[2] = {{0}};
		const char *const texts[] = {rows[i].a, rows[i].b};
		http_peers_init(&peers);
		for (int j = 0; j < 2; j++) {
			struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&at[j];
			struct sockaddr_in *in = (struct sockaddr_in *)&at[j];
			at[j].ss_family = strchr(texts[j], ':') ? AF_INET6 : AF_INET;
			void *to =
			    strchr(texts[j], ':') ? (void *)&in6->sin6_addr : (void *)&in->sin_addr;
			assert_int_equal(inet_pton(at[j].ss_family, texts[j], to), 1);
		}
		assert_int_equal(
		    http_peer_is_limited((struct sockaddr *)&at[0]), rows[i].is_limited);
		struct http_peer *a = http_peer_add(&peers, (struct sockaddr *)&at[0], 1);
		struct http_peer *b = http_peer_add(&peers, (struct sockaddr *)&at[1], 1);
		assert_non_null(a);
		assert_int_equal(b == NULL, rows[i].is_same);
		http_peer_remove(a);
		http_peer_remove(b);
		a = http_peer_add(&peers, (struct sockaddr *)&at[0], 1);
		assert_non_null(a);
		http_peer_remove(a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_counts_by_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
