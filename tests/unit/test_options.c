#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "notifier/app/options.h"
#include "notifier/base/str.h"

#define ARGUMENTS_MAX 12

/* config=…, json=…, then the words, joined; or the error. */
static const struct {
	const char *arguments; /* split at spaces; _ stands for an empty one */
	const char *expected;
} cases[] = {
    {"", "config=- json=0"},
    {"list", "config=- json=0 list"},
    {"--json", "config=- json=1"},
    {"--config a.yaml", "config=a.yaml json=0"},
    {"--config=a.yaml --json list", "config=a.yaml json=1 list"},
    {"list --json show", "config=- json=1 list show"},
    {"--config=a=b", "config=a=b json=0"},
    {"--config a --config b", "config=b json=0"},
    {"--config --json", "config=--json json=0"}, /* a value may look like an option */
    {"-- --json", "config=- json=0 --json"},
    {"-", "config=- json=0 -"}, /* stdin, by custom */
    {"-- -- x", "config=- json=0 -- x"},
    {"--cofnig x", "! unknown option --cofnig; did you mean --config?"},
    {"--jsno", "! unknown option --jsno; did you mean --json?"},
    {"--jsno=1", "! unknown option --jsno; did you mean --json?"},
    {"--hepl", "! unknown option --hepl; did you mean --help?"},
    {"--zebra-crossing", "! unknown option --zebra-crossing"},
    {"-x", "! unknown option -x"},
    {"--config", "! --config needs a value"},
    {"--config=", "! --config needs a value"},
    {"--config _", "! --config needs a value"},
    {"--json=1", "! --json takes no value"},
};

static int split(char *text, char **argv)
{
	static char empty[] = "", program[] = "test";
	int argc = 0;
	argv[argc++] = program;
	for (char *at = text; *at != '\0' && argc < ARGUMENTS_MAX;) {
		char *end = at + strcspn(at, " ");
		bool last = *end == '\0';
		*end = '\0';
		argv[argc++] = text_eq(at, "_") ? empty : at;
		at = end + (last ? 0 : 1);
	}
	return argc;
}

static void describe(struct buf *out, int argc, char **argv)
{
	const char *config = NULL;
	bool json = false;
	const struct options_row rows[] = {
	    {.name = "--config", .text = &config}, {.name = "--json", .is_on = &json}};
	struct err err;
	int words;
	if (!options_parse(rows, 2, argc, argv, &words, &err)) {
		buf_printf(out, "! %s", err.text);
		return;
	}
	buf_printf(out, "config=%s json=%d", config ? config : "-", json);
	for (int i = 1; i <= words; i++)
		buf_printf(out, " %s", argv[i]);
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[200], *argv[ARGUMENTS_MAX];
		struct buf out = BUF_EMPTY(0);
		snprintf(text, sizeof text, "%s", cases[i].arguments);
		describe(&out, split(text, argv), argv);
		assert_string_equal(buf_text(&out), cases[i].expected);
		buf_free(&out);
	}
}

static void test_huge_argument(void **state)
{
	(void)state;
	static char huge[100000], program[] = "test";
	memset(huge, '-', sizeof huge - 1);
	char *argv[] = {program, huge};
	struct err err;
	int words;
	assert_false(options_parse(NULL, 0, 2, argv, &words, &err));
	assert_true(strlen(err.text) < 120);
}

static void test_no_arguments_at_all(void **state)
{
	(void)state;
	struct err err;
	int words;
	assert_true(options_parse(NULL, 0, 0, NULL, &words, &err));
	assert_int_equal(words, 0);
}

static void test_ask_help(void **state)
{
	(void)state;
	static const struct {
		const char *arguments;
		bool asks;
	} rows[] = {{"", false}, {"--help", true}, {"-h", true}, {"list --json -h", true},
	    {"-- --help", false}, {"help", false}, {"--helpful", false}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[100], *argv[ARGUMENTS_MAX];
		snprintf(text, sizeof text, "%s", rows[i].arguments);
		int argc = split(text, argv);
		assert_int_equal(options_ask_help(argc, argv), rows[i].asks);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_huge_argument),
	    cmocka_unit_test(test_no_arguments_at_all),
	    cmocka_unit_test(test_ask_help),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
