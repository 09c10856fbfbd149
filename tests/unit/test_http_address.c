#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cmocka.h>

#include "notifier/io/http_client.h"

static const struct {
	const char *address;
	bool is_public;
} rows[] = {
    {"0.0.0.0", false},
    {"0.255.255.255", false},
    {"1.0.0.0", true},
    {"8.8.8.8", true},
    {"9.255.255.255", true},
    {"10.0.0.0", false},
    {"10.255.255.255", false},
    {"11.0.0.0", true},
    {"100.63.255.255", true},
    {"100.64.0.0", false},
    {"100.100.100.200", false},
    {"100.127.255.255", false},
    {"100.128.0.0", true},
    {"126.255.255.255", true},
    {"127.0.0.1", false},
    {"127.255.255.255", false},
    {"128.0.0.0", true},
    {"169.253.255.255", true},
    {"169.254.169.254", false},
    {"169.255.0.0", true},
    {"172.15.255.255", true},
    {"172.16.0.1", false},
    {"172.31.255.255", false},
    {"172.32.0.0", true},
    {"192.0.0.0", false},
    {"192.0.1.0", true},
    {"192.0.2.1", false},
    {"192.88.99.1", false},
    {"192.167.255.255", true},
    {"192.168.0.1", false},
    {"192.169.0.0", true},
    {"198.17.255.255", true},
    {"198.18.0.0", false},
    {"198.19.255.255", false},
    {"198.20.0.0", true},
    {"198.51.100.7", false},
    {"203.0.113.7", false},
    {"203.0.114.0", true},
    {"223.255.255.255", true},
    {"224.0.0.1", false},
    {"239.255.255.255", false},
    {"240.0.0.1", false},
    {"255.255.255.255", false},
    {"::", false},
    {"::1", false},
    {"::7f00:1", false},
    {"::ffff:127.0.0.1", false},
    {"::ffff:8.8.8.8", false},
    {"64:ff9b::7f00:1", false},
    {"64:ff9b:1::1", false},
    {"100::1", false},
    {"1fff:ffff::1", false},
    {"2001::1", false},
    {"2001:1ff:ffff::1", false},
    {"2001:200::1", true},
    {"2001:db8::1", false},
    {"2001:db9::1", true},
    {"2001:4860:4860::8888", true},
    {"2002:7f00:1::1", false},
    {"2003::1", true},
    {"2606:4700::1111", true},
    {"3ffe::1", true},
    {"3fff::1", false},
    {"3fff:fff::1", false},
    {"3fff:1000::1", true},
    {"4000::1", false},
    {"5f00::1", false},
    {"fc00::1", false},
    {"fdff::1", false},
    {"fe80::1", false},
    {"fec0::1", false},
    {"ff02::1", false},
};

static void addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sockaddr_storage address = {0};
		struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
		bool is_v4 = inet_pton(AF_INET, rows[i].address, &v4->sin_addr) == 1;
		address.ss_family = is_v4 ? AF_INET : AF_INET6;
		if (!is_v4)
			assert_int_equal(inet_pton(AF_INET6, rows[i].address, &v6->sin6_addr), 1);
		if (http_address_is_public((struct sockaddr *)&address) != rows[i].is_public)
			fail_msg("%s judged wrongly", rows[i].address);
	}
}

static void other_families(void **state)
{
	(void)state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	assert_false(http_address_is_public((struct sockaddr *)&address));
}

static void retry_after(void **state)
{
	(void)state;
	static const struct {
		const char *value;
		int64_t wait_ms;
	} cases[] = {
	    {NULL, 0},
	    {"", 0},
	    {"soon", 0},
	    {"0", 1000},
	    {"1", 1000},
	    {"120", 120000},
	    {"3599", 3599000},
	    {"3600", 3600000},
	    {"3601", 3600000},
	    {"99999999999999999999999999", 3600000},
	    {"-5", 1000},
	    {"-99999999999999999999999999", 1000},
	    {"Thu, 05 Mar 2026 09:05:30 GMT", 30000},
	    {"Thursday, 05-Mar-26 09:05:30 GMT", 30000},
	    {"Thu Mar  5 09:05:30 2026", 30000},
	    {"Thu, 05 Mar 2026 09:00:00 GMT", 1000},
	    {"Thu, 05 Mar 2099 09:00:00 GMT", 3600000},
	};
	const int64_t now_ms = INT64_C(1772701500000); /* 2026-03-05T09:05:00Z */
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct http_header header = {"retry-after", cases[i].value};
		const struct http_response response = {
		    .headers = &header, .header_count = cases[i].value ? 1 : 0};
		assert_int_equal(http_retry_after_ms(&response, now_ms), cases[i].wait_ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses),
	    cmocka_unit_test(other_families),
	    cmocka_unit_test(retry_after),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
