#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "notifier/app/config_yaml.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Refused, with this in "line: text". */
static void expect_refused(struct str yaml, const char *part)
{
	struct arena *arena = arena_new();
	struct err err = {.text = ""};
	struct buf text = BUF_EMPTY(0);
	int line;
	assert_null(config_yaml_parse(yaml, arena, &line, &err));
	buf_printf(&text, "%d: %s", line, err.text);
	if (strstr(buf_text(&text), part) == NULL)
		fail_msg("expected \"%s\" in: %s", part, buf_text(&text));
	buf_free(&text);
	arena_free(&arena);
}

/* [a, b] and {key: value}, with the line of each value behind it where it is not 1. */
static void describe(struct buf *out, const struct config_node *node)
{
	bool is_map = node->kind == CONFIG_NODE_MAP;
	if (node->kind == CONFIG_NODE_TEXT) {
		buf_add_text(out, node->is_null ? "~" : node->text);
		if (node->line > 1)
			buf_printf(out, "@%d", node->line);
		return;
	}
	buf_add_char(out, is_map ? '{' : '[');
	for (size_t i = 0; i < node->count; i++) {
		buf_add_text(out, i > 0 ? ", " : "");
		if (is_map)
			buf_printf(out, "%s: ", node->entries[i].key);
		describe(out, node->entries[i].value);
	}
	buf_add_char(out, is_map ? '}' : ']');
}

static void test_trees(void **state)
{
	(void)state;
	static const struct {
		const char *yaml, *tree;
	} rows[] = {
	    {"", "{}"}, {"~\n", "{}"}, {"# nothing\n", "{}"},
	    {"a: 1\nb: [x, ~, \"~\", '', null]\n", "{a: 1, b: [x@2, ~@2, ~@2, @2, ~@2]}"},
	    {"a:\n  b:\n  c: d\n", "{a: {b: ~@2, c: d@3}}"},
	    {"a: &x [1]\nb: *x\n", "{a: [1], b: [1]}"}, {"&k a: 1\nb: *k\n", "{a: 1, b: a}"},
	    {"a: >-\n  folded\n  text\n", "{a: folded text}"},
	    {"a: 1\na: 2\n", "{a: 1, a: 2@2}"}, /* what to make of it is for config.c to say */
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena *arena = arena_new();
		struct buf out = BUF_EMPTY(0);
		struct err err;
		int line;
		const struct config_node *root =
		    config_yaml_parse(str_of(rows[i].yaml), arena, &line, &err);
		assert_non_null(root);
		describe(&out, root);
		assert_string_equal(buf_text(&out), rows[i].tree);
		buf_free(&out);
		arena_free(&arena);
	}
}

static const struct {
	const char *yaml, *part;
} broken[] = {
    {"a: b: c\n", "1: mapping values are not allowed"},
    {"listen: [1\n", "2: did not find expected"},
    {"listen: \"x\n", "unexpected end of stream"},
    {"\tlisten: x\n", "1: "},
    {"[]\n", "1: expected options such as \"listen: 127.0.0.1:8080\", found a list"},
    {"hello\n", "found a single value"},
    {"a: 1\n---\nb: 2\n", "2: a second document"},
    {"listen: *x\n", "1: the alias *x has no anchor before it"},
    {"a: &a [*a]\n", "the alias *a has no anchor before it"}, /* inside itself */
    {"? [a]\n: b\n", "1: the name of an option must be a word"},
    {"? {a: b}\n: b\n", "the name of an option must be a word"},
    {"\"\": x\n", "the name of an option has 1 to 100 bytes"},
    {"listen: \"a\\nb\"\n", "1: this value holds a line break"},
    {"listen: \"a\\0b\"\n", "control character"},
    {"\"a\\rb\": 1\n", "control character"},
    {"listen: |\n  a\n", "1: this value holds a line break"},
    {"listen: \xff\xfe\n", "invalid"},
    {"%YAML 9.9\n---\na: 1\n", "1: found incompatible YAML document"},
    {"a: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\n", "1: nested deeper than 16 levels"},
};

static void test_broken(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(broken); i++)
		expect_refused(str_of(broken[i].yaml), broken[i].part);
}

/* The "billion laughs": nine levels of nine references each. */
static void test_alias_bomb(void **state)
{
	(void)state;
	struct buf yaml = BUF_EMPTY(0);
	buf_add_text(&yaml, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 9; i++) {
		buf_printf(&yaml, "a%d: &a%d [*a%d", i, i, i - 1);
		for (int k = 0; k < 8; k++)
			buf_printf(&yaml, ", *a%d", i - 1);
		buf_add_text(&yaml, "]\n");
	}
	expect_refused(str_make(buf_text(&yaml), yaml.size), "more than 20000 values");
	buf_free(&yaml);
}

/* Depth by aliases: each level is shallow where it is written. */
static void test_alias_depth(void **state)
{
	(void)state;
	struct buf yaml = BUF_EMPTY(0);
	buf_add_text(&yaml, "a0: &a0 [x]\n");
	for (int i = 1; i < 40; i++)
		buf_printf(&yaml, "a%d: &a%d [*a%d]\n", i, i, i - 1);
	expect_refused(str_make(buf_text(&yaml), yaml.size), "nested deeper than 16 levels");
	buf_free(&yaml);
}

/* One mebibyte of one character ends, one way or the other, and one byte more is not looked at. */
static void test_huge(void **state)
{
	(void)state;
	static const char fillings[] = "[{-&*\"x\n #!|";
	char *text = xmalloc(CONFIG_YAML_BYTES + 1);
	for (size_t i = 0; i < sizeof fillings - 1; i++) {
		struct arena *arena = arena_new();
		struct err err;
		int line;
		memset(text, fillings[i], CONFIG_YAML_BYTES + 1);
		const struct config_node *root =
		    config_yaml_parse(str_make(text, CONFIG_YAML_BYTES), arena, &line, &err);
		assert_true(root == NULL || root->count == 0);
		expect_refused(
		    str_make(text, CONFIG_YAML_BYTES + 1), "0: larger than 1048576 bytes");
		arena_free(&arena);
	}
	xfree(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_trees),
	    cmocka_unit_test(test_broken),
	    cmocka_unit_test(test_alias_bomb),
	    cmocka_unit_test(test_alias_depth),
	    cmocka_unit_test(test_huge),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
