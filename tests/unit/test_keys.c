#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "notifier/app/keys.h"

static const struct message_identity base = {.account = "default",
    .shipment_id = "shp_05abcdefghijklmn",
    .event = "delivered",
    .sequence = 4,
    .recipient_id = "rcp_1",
    .channel = "email"};

static void test_message_id_is_deterministic(void **state)
{
	(void)state;
	char first[ID_BYTES], again[ID_BYTES];
	key_message_id(first, 5, &base);
	key_message_id(again, 5, &base);
	assert_string_equal(first, again);
	assert_int_equal(strncmp(first, "msg_05", 6), 0);
	assert_int_equal(key_partition_of_id(first), 5);
}

/* Each part of the identity makes another message. */
static void test_message_id_depends_on_all(void **state)
{
	(void)state;
	struct message_identity others[7];
	char ids[7][ID_BYTES];
	for (size_t i = 0; i < 7; i++)
		others[i] = base;
	others[1].account = "blue";
	others[2].shipment_id = "shp_05abcdefghijklmo";
	others[3].event = "delayed";
	others[4].sequence = 5;
	others[5].recipient_id = "rcp_2";
	others[6].channel = "sms";
	for (size_t i = 0; i < 7; i++) {
		key_message_id(ids[i], 5, &others[i]);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(ids[i], ids[j]);
	}
}

static void test_huge_identity(void **state)
{
	(void)state;
	static char huge[5000];
	char id[ID_BYTES];
	memset(huge, 'x', sizeof huge - 1);
	struct message_identity identity = base;
	identity.recipient_id = huge;
	key_message_id(id, 63, &identity);
	assert_int_equal(key_partition_of_id(id), 63);
}

static void test_shipment_ids(void **state)
{
	(void)state;
	for (unsigned partition = 0; partition < PARTITIONS; partition++) {
		char a[ID_BYTES], b[ID_BYTES];
		key_new_shipment_id(a, partition);
		key_new_shipment_id(b, partition);
		assert_string_not_equal(a, b);
		assert_int_equal(strlen(a), 20);
		assert_int_equal(key_partition_of_id(a), partition);
	}
}

static void test_partition_of_id(void **state)
{
	(void)state;
	static const struct {
		const char *id;
		int partition;
	} rows[] = {{"shp_00abcdefghijklmn", 0}, {"shp_3fabcdefghijklmn", 63},
	    {"msg_10abcdefghijklmn", 16}, {"shp_40abcdefghijklmn", -1}, /* there are 64 */
	    {"shp_ffabcdefghijklmn", -1}, {"shp_g0abcdefghijklmn", -1},
	    {"shp_00abcdefghijklm1", -1}, {"shp_00abcdefghijklmA", -1}, {"shp_00abcdefgh}:x", -1},
	    {"shp_00", -1}, {"shp_", -1}, {"", -1}, {"key_00abcdefghijklmn", -1},
	    {"shp_00abcdefghijklmnopqrst", -1}, {"SHP_00abcdefghijklmn", -1}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (key_partition_of_id(rows[i].id) != rows[i].partition)
			fail_msg("%s: %d", rows[i].id, key_partition_of_id(rows[i].id));
}

static void test_partition(void **state)
{
	(void)state;
	unsigned used[PARTITIONS] = {0};
	for (int i = 0; i < 6400; i++) {
		char number[20];
		snprintf(number, sizeof number, "PKG%d", i);
		unsigned partition = key_partition("default", number);
		assert_true(partition < PARTITIONS);
		assert_int_equal(partition, key_partition("default", number));
		used[partition]++;
	}
	for (unsigned i = 0; i < PARTITIONS; i++) /* 100 each, if fair */
		assert_in_range(used[i], 50, 150);
	/* "ab"+"c" is not "a"+"bc" */
	assert_int_not_equal(key_partition("ab", "c"), key_partition("a", "bc"));
}

static void test_names(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	assert_string_equal(key_of(arena, 31, "clock").at, "n:{p1f}:clock");
	assert_string_equal(key_with(arena, 0, "s", "shp_x").at, "n:{p00}:s:shp_x");
	assert_string_equal(
	    key_with2(arena, 63, "num", "default", "PKG1").at, "n:{p3f}:num:default:PKG1");
	arena_free(&arena);
}

static void test_sha256(void **state)
{
	(void)state;
	char hex[65];
	key_sha256_hex(hex, "abc", 3); /* FIPS 180-4, example B.1 */
	assert_string_equal(
	    hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	key_sha256_hex(hex, "", 0);
	assert_int_equal(strncmp(hex, "e3b0c44298fc1c14", 16), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_message_id_is_deterministic),
	    cmocka_unit_test(test_message_id_depends_on_all),
	    cmocka_unit_test(test_huge_identity),
	    cmocka_unit_test(test_shipment_ids),
	    cmocka_unit_test(test_partition_of_id),
	    cmocka_unit_test(test_partition),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_sha256),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
