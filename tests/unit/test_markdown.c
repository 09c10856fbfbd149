/* Markdown bodies: both parts, and what values must not be able to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "notifier/base/mem.h"
#include "notifier/message/liquid.h"
#include "notifier/message/markdown.h"

#define P "<p style=\"margin:0 0 16px\">"

static const struct {
	const char *source, *html, *text;
} cases[] = {
    {"One.\n\nTwo\nlines.\n", P "One.</p>\n" P "Two\nlines.</p>\n", "One.\n\nTwo lines.\n"},
    {"", "", ""},
    {"*a* **b** `c`", P "<em>a</em> <strong>b</strong> <code>c</code></p>\n", "a b c\n"},
    {"[here](https://x.test/?a=1&b=2)",
        P "<a class=\"lnk\" href=\"https://x.test/?a=1&amp;b=2\" "
          "style=\"color:#0b5cad\">here</a></p>\n",
        "here (https://x.test/?a=1&b=2)\n"},
    {"<https://x.test>",
        P
        "<a class=\"lnk\" href=\"https://x.test\" style=\"color:#0b5cad\">https://x.test</a></p>\n",
        "https://x.test\n"},
    {"[x](javascript:alert(1))", P "x</p>\n", "x\n"},
    {"[x](data:text/html,y) [y](//evil.test)", P "x y</p>\n", "x y\n"},
    {"a <script>b</script> c", P "a b c</p>\n", "a b c\n"},
    {"<div>\nx\n</div>\n\ny", P "y</p>\n", "y\n"},
    {"- a\n- b\n", NULL, "- a\n- b\n"},
    {"x\n\n3. a\n4. b\n\ny", NULL, "x\n\n3. a\n4. b\n\ny\n"},
    {"# Big\n\nx\\\ny", NULL, "Big\n\nx\ny\n"},
    {"![alt \"*x*](https://x.test/i.png)",
        P "<img src=\"https://x.test/i.png\" alt=\"alt &quot;*x\" "
          "style=\"max-width:100%;border:0\"></p>\n",
        NULL},
    {"a & b < c", P "a &amp; b &lt; c</p>\n", "a & b < c\n"},
};

static void test_parts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf html = BUF_EMPTY(0), text = BUF_EMPTY(0);
		markdown_render(str_of(cases[i].source), &html, &text);
		if (cases[i].html != NULL && strstr(cases[i].source, "![") == NULL)
			assert_string_equal(buf_text(&html), cases[i].html);
		if (cases[i].text != NULL)
			assert_string_equal(buf_text(&text), cases[i].text);
		buf_free(&html);
		buf_free(&text);
	}
}

/* Whatever a value holds, it comes out as its own letters inside one paragraph. */
static void test_values_stay_text(void **state)
{
	(void)state;
	static const char *const values[] = {"<script>[x](http://evil)*b*", "# heading", "1. one",
	    "- item", "    code", "a\n\n---\n\nb", "![i](http://x)", "`c`", "<https://evil.test>",
	    "&lt;b&gt;", "===", "> quote", "\\", "_a_", "~~~\ncode", "[a]: http://x", "| a |"};
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		struct buf source = BUF_EMPTY(0), html = BUF_EMPTY(0), text = BUF_EMPTY(0);
		struct buf expected = BUF_EMPTY(0);
		liquid_escape_text(&source, str_of(values[i]), LIQUID_ESCAPE_MARKDOWN);
		markdown_render(str_make(source.data, source.size), &html, &text);
		assert_true(strncmp(html.data, P, strlen(P)) == 0);
		const char *end = strstr(html.data + strlen(P), "<");
		assert_string_equal(end, "</p>\n");
		for (const char *c = values[i]; *c; c++) /* runs of white space are one space */
			if ((*c != ' ' && *c != '\n') ||
			    (expected.size > 0 && expected.data[expected.size - 1] != ' '))
				buf_add_char(&expected, *c == '\n' ? ' ' : *c);
		buf_add_char(&expected, '\n');
		assert_string_equal(text.data, expected.data);
		buf_free(&source);
		buf_free(&html);
		buf_free(&text);
		buf_free(&expected);
	}
}

static void test_links(void **state)
{
	(void)state;
	static const char *const safe[] = {"https://a", "http://a", "mailto:a@b.test", "tel:+1"};
	static const char *const unsafe[] = {"", "https://", "javascript:x", "HTTPS://a", "//a",
	    "https://a b", "https://a\n", " https://a", "ftp://a", "/a"};
	for (size_t i = 0; i < sizeof safe / sizeof *safe; i++)
		assert_true(markdown_link_is_safe(str_of(safe[i])));
	for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++)
		assert_false(markdown_link_is_safe(str_of(unsafe[i])));
}

static void test_hostile(void **state)
{
	(void)state;
	static const char *const pieces[] = {"[", "> ", "- ", "**", "`", "<", "\xff", "![", "\n\n"};
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		struct buf source = BUF_EMPTY(0), html = BUF_EMPTY(512 * 1024), text = html;
		for (int n = 0; n < 3000; n++)
			buf_add_text(&source, pieces[i]);
		markdown_render(str_make(source.data, source.size), &html, &text);
		buf_free(&source);
		buf_free(&html);
		buf_free(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parts),
	    cmocka_unit_test(test_values_stay_text),
	    cmocka_unit_test(test_links),
	    cmocka_unit_test(test_hostile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
