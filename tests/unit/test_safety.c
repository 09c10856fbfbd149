#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "notifier/app/safety.h"

#define GOOD_INFO                                                                                  \
	"# Server\r\nredis_version:7.0.15\r\n# "                                                   \
	"Replication\r\nrole:master\r\ncluster_enabled:0\r\n"

/* Expected: "E:word" or "W:word" of each finding in order; the word is part of its text. */
static const struct {
	struct safety_facts facts;
	const char *expected;
} cases[] = {
    {{"yes", "always", "noeviction", "no", GOOD_INFO}, ""},
    {{NULL, NULL, NULL, NULL, NULL}, ""}, /* nothing known: nothing to say */
    {{"no", "always", "noeviction", "no", GOOD_INFO}, "E:appendonly yes "},
    {{"yes", "everysec", "noeviction", "no", GOOD_INFO}, "W:everysec "},
    {{"yes", "no", "noeviction", "no", GOOD_INFO}, "E:appendfsync always "},
    {{"yes", "always", "allkeys-lru", "no", GOOD_INFO}, "E:noeviction "},
    {{"yes", "always", "volatile-ttl", "no", GOOD_INFO}, "E:noeviction "},
    {{"yes", "always", "noeviction", "yes", GOOD_INFO}, "W:no-appendfsync-on-rewrite "},
    {{"yes", "always", "noeviction", "no", "redis_version:6.0.16\r\n"}, "E:7.0 "},
    {{"yes", "always", "noeviction", "no", "redis_version:5.0.14\r\n"}, "E:7.0 "},
    {{"yes", "always", "noeviction", "no", "redis_version:6.2.0\r\n"}, "E:7.0 "},
    {{"yes", "always", "noeviction", "no", "redis_version:10.1.0\r\n"}, ""},
    {{"yes", "always", "noeviction", "no", "redis_version:7.0.1\r\nrole:slave\r\n"}, "E:replica "},
    {{"yes", "always", "noeviction", "no", "redis_version:7.0.1\r\ncluster_enabled:1\r\n"},
        "E:cluster "},
    {{"no", "no", "allkeys-lru", "yes",
         "redis_version:4.0.1\r\nrole:slave\r\ncluster_enabled:1\r\n"},
        "E:appendonly yes E:noeviction E:appendfsync always W:no-appendfsync-on-rewrite E:replica "
        "E:cluster E:7.0 "},
};

/* Every finding must hold the words that the row expects of it. */
static void compare(const char *expected, const struct safety_finding *findings, size_t count)
{
	const char *at = expected;
	for (size_t i = 0; i < count; i++) {
		char level, words[64];
		const char *end = strstr(at, " E:"), *other = strstr(at, " W:");
		end = other != NULL && (end == NULL || other < end) ? other : end;
		size_t len = end ? (size_t)(end - at) : strlen(at) - (*at ? 1 : 0);
		assert_true(len > 2);
		level = at[0];
		snprintf(words, sizeof words, "%.*s", (int)len - 2, at + 2);
		assert_int_equal(findings[i].is_error, level == 'E');
		if (strstr(findings[i].text, words) == NULL)
			fail_msg("\"%s\" does not speak of \"%s\"", findings[i].text, words);
		at += len + 1;
	}
	assert_string_equal(at, "");
}

static void test_judge(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct safety_finding findings[SAFETY_FINDINGS_MAX];
		size_t count = 99;
		safety_judge(&cases[i].facts, findings, &count);
		compare(cases[i].expected, findings, count);
	}
}

static struct redis_value text(const char *value)
{
	return (struct redis_value){.type = REDIS_TEXT, .text = str_of(value)};
}

static void test_read_settings(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct redis_value items[] = {text("appendfsync"), text("always"), text("appendonly"),
	    text("yes"), text("maxmemory-policy"), text("noeviction"), text("odd one out")};
	struct redis_value settings = {.type = REDIS_ARRAY, .items = items, .count = 7};
	struct redis_value info = text("a:1\r\nredis_version:7.0.1\r\n");
	struct safety_facts facts;
	safety_read(&settings, &info, &facts, arena);
	assert_string_equal(facts.appendonly, "yes");
	assert_string_equal(facts.appendfsync, "always");
	assert_string_equal(facts.maxmemory_policy, "noeviction");
	assert_null(facts.no_appendfsync_on_rewrite);
	assert_string_equal(facts.info, "a:1\r\nredis_version:7.0.1\r\n");
	arena_free(&arena);
}

/* A hosted Redis refuses CONFIG; INFO tells the most important of it. */
static void test_read_info_only(void **state)
{
	(void)state;
	static const struct {
		const char *info, *appendonly, *policy;
	} rows[] = {
	    {"x:1\r\naof_enabled:0\r\nmaxmemory_policy:allkeys-lru\r\n", "no", "allkeys-lru"},
	    {"aof_enabled:1\r\nmaxmemory_policy:noeviction", "yes", "noeviction"},
	    {"not_aof_enabled:1\nmaxmemory_policyx:y\n", NULL, NULL}, {"", NULL, NULL},
	    {"\n\n\n", NULL, NULL}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *arena = arena_new();
		struct redis_value refused = {.type = REDIS_ERROR, .text = str_of("NOPERM")},
		                   info = text(rows[i].info);
		struct safety_facts facts;
		safety_read(&refused, &info, &facts, arena);
		assert_true(text_eq(facts.appendonly, rows[i].appendonly));
		assert_true(text_eq(facts.maxmemory_policy, rows[i].policy));
		assert_null(facts.appendfsync);
		arena_free(&arena);
	}
}

static void test_read_nothing(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct redis_value nil = {.type = REDIS_NIL};
	struct safety_facts facts;
	safety_read(&nil, &nil, &facts, arena);
	assert_null(facts.appendonly);
	assert_null(facts.info);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_judge),
	    cmocka_unit_test(test_read_settings),
	    cmocka_unit_test(test_read_info_only),
	    cmocka_unit_test(test_read_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
