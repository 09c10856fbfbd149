/* Liquid: our own rules, limits and hostile input; and the public conformance cases where they
 * lie beside the checkout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "notifier/message/liquid.h"

#define CASES "../shared/messages/liquid_core.json"

struct outcome {
	bool ok;
	struct buf out;
	struct err err;
	struct liquid_place place;
};

static struct outcome render(const char *source, const json_t *data,
    const struct liquid_partials *partials, const struct liquid_options *options)
{
	static const struct liquid_options plain;
	struct outcome result = {.out = BUF_EMPTY(0)};
	struct liquid_source input = {str_of(source), partials, options && options->strict};
	struct liquid *template = liquid_compile(&input, &result.err, &result.place);
	if (template == NULL)
		return result;
	result.ok = liquid_render(
	    template, data, options ? options : &plain, &result.out, &result.err, &result.place);
	liquid_free(&template);
	assert_null(template);
	return result;
}

/* --- the public cases --- */

static bool one_of(const json_t *test, const char *text)
{
	const json_t *many = json_object_get(test, "results");
	if (many == NULL)
		return text_eq(json_string_value(json_object_get(test, "result")), text);
	for (size_t i = 0; i < json_array_size(many); i++)
		if (text_eq(json_string_value(json_array_get(many, i)), text))
			return true;
	return false;
}

static bool run_case(json_t *test)
{
	struct liquid_partial items[8];
	struct liquid_partials partials = {items, 0};
	const char *name;
	json_t *source;
	json_object_foreach(json_object_get(test, "templates"), name, source)
	{
		assert_true(partials.count < 8);
		items[partials.count++] =
		    (struct liquid_partial){name, str_of(json_string_value(source))};
	}
	struct outcome result = render(json_string_value(json_object_get(test, "template")),
	    json_object_get(test, "data"), &partials, NULL);
	bool passed = json_is_true(json_object_get(test, "invalid"))
	                  ? !result.ok && result.place.line > 0 && result.place.column > 0
	                  : result.ok && one_of(test, buf_text(&result.out));
	if (!passed)
		print_message("FAILED %s: \"%s\" %s\n",
		    json_string_value(json_object_get(test, "name")), buf_text(&result.out),
		    result.ok ? "" : result.err.text);
	buf_free(&result.out);
	return passed;
}

static void test_public_cases(void **state)
{
	(void)state;
	json_t *cases = json_load_file(CASES, 0, NULL);
	if (cases == NULL) {
		print_message("SKIPPED: %s is not here\n", CASES);
		skip();
	}
	json_t *tests = json_object_get(cases, "tests");
	size_t passed = 0, total = json_array_size(tests);
	for (size_t i = 0; i < total; i++)
		passed += run_case(json_array_get(tests, i));
	print_message("%zu of %zu public Liquid cases pass\n", passed, total);
	assert_int_equal(passed, total);
	json_decref(cases);
}

/* --- our own --- */

static const struct {
	const char *template, *data, *expected;
	enum liquid_escape escape;
} outputs[] = {
    {"{{ a }}", "{\"a\":\"<b>&'\\\"\"}", "&lt;b&gt;&amp;&#39;&quot;", LIQUID_ESCAPE_HTML},
    {"{{ a | raw }}", "{\"a\":\"<b>\"}", "<b>", LIQUID_ESCAPE_HTML},
    {"{{ a | escape }}", "{\"a\":\"<\"}", "&lt;", LIQUID_ESCAPE_HTML},
    {"{{ a | escape | append: '>' }}", "{\"a\":\"<\"}", "&amp;lt;&gt;", LIQUID_ESCAPE_HTML},
    {"{{ a | newline_to_br }}", "{\"a\":\"<\\n>\"}", "&lt;<br />\n&gt;", LIQUID_ESCAPE_HTML},
    {"{{ a }}", "{\"a\":\"1. *x*\\n\\n# y\"}", "1\\. \\*x\\* \\# y", LIQUID_ESCAPE_MARKDOWN},
    {"{{ a }}", "{\"a\":\"    code\"}", " code", LIQUID_ESCAPE_MARKDOWN},
    {"{{ a | json }}", "{\"a\":{\"b\":\"</script>\"}}", "{\"b\":\"\\u003c/script\\u003e\"}",
        LIQUID_ESCAPE_HTML},
    {"{{ n | plural: one: '# day', other: '# days' }}", "{\"n\":1}", "1 day", 0},
    {"{{ n | plural: one: '# day', other: '# days' }}", "{\"n\":1200}", "1,200 days", 0},
    {"{{ l | list }}", "{\"l\":[\"a b\",\"c\",\"d\"]}", "a b, c, and d", 0},
    {"{{ m | money }}", "{\"m\":{\"amount\":\"1499.5\",\"currency\":\"INR\"}}", "\u20b91,499.50",
        0},
    {"{{ m | money }}", "{\"m\":\"12.5 EUR\"}", "\u20ac12.50", 0},
    {"{{ m | money: 'USD' }}", "{\"m\":3}", "$3.00", 0},
    {"{{ m | money }}", "{\"m\":\"lots\"}", "lots", 0},
    {"{{ d | when }}", "{\"d\":null}", "", 0},
    {"{{ d | day: 'short' }}", "{\"d\":\"2026-03-08\"}", "Mar 8", 0},
    {"{{ d | time }}", "{\"d\":\"2026-03-08T09:05:00Z\"}", "9:05 am", 0},
    {"{{ 'stra\u00dfe' | upcase }}", "{}", "STRASSE", 0},
    {"{{ '\u00e9t\u00e9' | capitalize | size }}", "{}", "3", 0},
    {"{% for i in (1..3) reversed %}{{ i }}{% endfor %}", "{}", "321", 0},
    {"{{ a.b.c.d }}", "{\"a\":5}", "", 0},
    {"{{ a | sms }}", "{\"a\":\"\u201chi\u201d\u2026\"}", "\"hi\"...", 0},
};

static void test_outputs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
		json_t *data = json_loads(outputs[i].data, 0, NULL);
		assert_non_null(data);
		struct liquid_options options = {.escape = outputs[i].escape};
		struct outcome result = render(outputs[i].template, data, NULL, &options);
		if (!result.ok)
			fail_msg("%s: %s", outputs[i].template, result.err.text);
		assert_string_equal(buf_text(&result.out), outputs[i].expected);
		buf_free(&result.out);
		json_decref(data);
	}
}

static const struct {
	const char *template, *says;
	int line, column;
} refusals[] = {
    {"a\n  {{ x | upcsae }}", "did you mean \"upcase\"", 2, 10},
    {"\u00e9\u00e9{% asign x = y %}", "did you mean \"assign\"", 1, 3},
    {"{% if x %}\n{% if y %}{% endif %}", "never closed by {% endif %}", 1, 10},
    {"{% endif %}", "does not belong here", 1, 1},
    {"{{ x", "never closed", 1, 1},
    {"{% raw %}", "never closed", 1, 10},
    {"{{ 'x }}", "never closed", 1, 4},
    {"{% render 'nosuch' %}", "unknown snippet \"nosuch\"", 1, 1},
    {"{{ a b }}", "unexpected \"b\"", 1, 6},
    {"{{ a | plural: ones: 'x' }}", "does not know \"ones:\"", 1, 8},
    {"{{ x | when: 'shrot' }}", NULL, 0, 0}, /* runs, as x is nil: see below */
    {"{{ '2026' | when }}", "no date", 1, 13},
    {"{% for i in (1..101) %}{% endfor %}", "at most 100", 1, 1},
    {"{% for i in (1..100) %}{% for j in (1..100) %}x{% endfor %}{% endfor %}", "steps", 1, 0},
    {"{% assign x = 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' %}{% for i in (1..30) %}"
     "{% assign x = x | append: x %}{% endfor %}",
        "larger than 256 KiB", 1, 0},
    {"{% for i in (1..30) %}{% assign x = x | append: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' | "
     "replace: 'x', 'xxxxxx' %}{{ x }}{% endfor %}",
        "256 KiB", 1, 0},
};

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		if (refusals[i].says == NULL)
			continue;
		struct outcome result = render(refusals[i].template, NULL, NULL, NULL);
		if (result.ok || strstr(result.err.text, refusals[i].says) == NULL)
			fail_msg("%s: \"%s\"", refusals[i].template, result.err.text);
		assert_int_equal(result.err.kind, ERR_INPUT);
		assert_int_equal(result.place.line, refusals[i].line);
		if (refusals[i].column > 0)
			assert_int_equal(result.place.column, refusals[i].column);
		buf_free(&result.out);
	}
}

static void test_strict(void **state)
{
	(void)state;
	static const char *const bad[] = {"{{ }}", "{% if x %}{% else y %}{% endif %}",
	    "{% if x %}{% else %}{% else %}{% endif %}", "{{ nosuch }}",
	    "{% case 1 %}{% when 1 and 2 %}{% endcase %}"};
	static const char *const good[] = {"{{ nosuch | default: 'x' }}",
	    "{% if nosuch %}{{ nosuch }}{% endif %}", "{% for i in nosuch %}{{ i }}{% endfor %}"};
	struct liquid_options options = {.strict = true};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct outcome result = render(bad[i], NULL, NULL, &options);
		assert_false(result.ok);
		buf_free(&result.out);
	}
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct outcome result = render(good[i], NULL, NULL, &options);
		assert_true(result.ok);
		buf_free(&result.out);
	}
}

static void test_depth(void **state)
{
	(void)state;
	struct buf source = BUF_EMPTY(0);
	for (int i = 0; i < 17; i++)
		buf_add_text(&source, "{% if true %}");
	struct outcome result = render(source.data, NULL, NULL, NULL);
	assert_non_null(strstr(result.err.text, "deeper than 16"));
	buf_clear(&source);
	buf_add_text(&source, "{{ ");
	for (int i = 0; i < 5000; i++)
		buf_add_text(&source, "a[");
	buf_add_text(&source, " }}");
	result = render(source.data, NULL, NULL, NULL);
	assert_non_null(strstr(result.err.text, "deeper than 16"));
	buf_free(&source);

	struct liquid_partial self = {"self", str_of("{% render 'self' %}")};
	struct liquid_partials partials = {&self, 1};
	result = render("{% render 'self' %}", NULL, &partials, NULL);
	assert_false(result.ok);
	assert_non_null(strstr(result.err.text, "snippet \"self\""));
	buf_free(&result.out);

	char *huge = xmalloc(LIQUID_TEMPLATE_BYTES + 2);
	memset(huge, 'x', LIQUID_TEMPLATE_BYTES + 1);
	huge[LIQUID_TEMPLATE_BYTES + 1] = '\0';
	result = render(huge, NULL, NULL, NULL);
	assert_non_null(strstr(result.err.text, "64 KiB"));
	xfree(huge);
}

/* Any cut and any single broken byte of a template: an error or an output, never a crash. */
static void test_hostile(void **state)
{
	(void)state;
	static const char whole[] =
	    "{%- if a.b['c'] == (1..3) and x contains 'y' -%}{{ a | default: \"z\", "
	    "allow_false: true }}{% elsif d[0] %}{% for i in l limit: 2, offset: continue %}"
	    "{{ forloop.index | plural: one: '#', other: '##' }}{% endfor %}{% endif %}"
	    "{% case q %}{% when 1, 'x' or nil %}{% raw %}{{{% endraw %}{% endcase %}"
	    "{% comment %}{% endcomment %}{% # x %}{% assign v = 1 | plus: 2.5 %}{{ v }}";
	char text[sizeof whole];
	json_t *data = json_loads("{\"a\":{\"b\":{}},\"d\":[1],\"l\":[1,2,3]}", 0, NULL);
	for (size_t i = 0; i < sizeof whole; i++) {
		memcpy(text, whole, sizeof whole);
		text[i] = '\0';
		struct outcome cut = render(text, data, NULL, NULL);
		assert_true(cut.ok || cut.place.line > 0);
		buf_free(&cut.out);
		for (const char *with = "{}%|'\xff-("; *with; with++) {
			memcpy(text, whole, sizeof whole);
			text[i] = i + 1 < sizeof whole ? *with : '\0';
			struct outcome broken = render(text, data, NULL, NULL);
			buf_free(&broken.out);
		}
	}
	json_decref(data);
	struct liquid_source nul = {str_make("a\0{{ b }}", 9), NULL, false};
	struct err err;
	struct liquid *template = liquid_compile(&nul, &err, NULL);
	assert_null(template);
}

static void test_uses(void **state)
{
	(void)state;
	struct liquid_source source = {
	    str_of("{% if eta %}{{ eta.from | when }}{% endif %}\n{{ store.name }}"
	           "{% assign x = order.number %}{{ x }}{{ nick | default: 'you' }}"
	           "{% for i in list %}{{ i.a }}{% endfor %}{{ a['b'].c[0].d }}"),
	    NULL, true};
	static const struct liquid_use expected[] = {{"eta", {1, 7}, false, false, false},
	    {"eta.from", {1, 16}, true, true, false}, {"store.name", {2, 4}, true, false, false},
	    {"order.number", {2, 31}, false, false, false}, {"nick", {2, 62}, true, true, false},
	    {"list", {2, 97}, false, false, false}, {"a.b.c", {2, 129}, true, false, false}};
	struct liquid *template = liquid_compile(&source, NULL, NULL);
	size_t count;
	const struct liquid_use *uses = liquid_uses(template, &count);
	assert_int_equal(count, sizeof expected / sizeof *expected);
	for (size_t i = 0; i < count; i++) {
		assert_string_equal(uses[i].path, expected[i].path);
		assert_int_equal(uses[i].place.line, expected[i].place.line);
		assert_int_equal(uses[i].printed, expected[i].printed);
		assert_int_equal(uses[i].guarded, expected[i].guarded);
	}
	assert_int_equal(uses[1].place.column, 16);
	assert_true(liquid_uses_filter(template, "when"));
	assert_false(liquid_uses_filter(template, "money"));
	liquid_free(&template);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_public_cases),
	    cmocka_unit_test(test_outputs),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_strict),
	    cmocka_unit_test(test_depth),
	    cmocka_unit_test(test_hostile),
	    cmocka_unit_test(test_uses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
