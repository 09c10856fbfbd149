/* notifier.yaml.example stays complete and loadable: the test follows the option rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/app/config.h"
#include "notifier/app/config_yaml.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct str read_example(struct arena *arena)
{
	char *text = arena_alloc(arena, 64 * 1024);
	FILE *file = fopen("notifier.yaml.example", "r");
	assert_non_null(file);
	size_t size = fread(text, 1, 64 * 1024 - 1, file);
	fclose(file);
	return str_make(text, size);
}

/* "#name: value" becomes "name: value"; "# text" stays a comment. */
static void uncomment(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		bool starts = text.at[i] == '#' && i + 1 < text.len && text.at[i + 1] >= 'a' &&
		              text.at[i + 1] <= 'z';
		bool first = out->size == 0 || strchr(" \n", out->data[out->size - 1]) != NULL;
		if (!(starts && first))
			buf_add_char(out, text.at[i]);
	}
}

static void collect_paths(const struct config_node *node, const char *prefix, struct buf *out)
{
	for (size_t i = 0; i < node->count; i++) {
		char path[300];
		const struct config_entry *entry = &node->entries[i];
		snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "." : "", entry->key);
		buf_printf(out, "%s\n", path);
		if (entry->value->kind == CONFIG_NODE_MAP)
			collect_paths(entry->value, path, out);
	}
}

struct example {
	struct buf paths; /* one a line, after a line end */
	struct buf missing;
};

static bool has_path(const struct example *example, const char *path)
{
	char line[320];
	snprintf(line, sizeof line, "\n%s\n", path);
	return strstr(buf_text(&example->paths), line) != NULL;
}

/* "carriers.*.zone" stands in the example when any carrier shows it; for accounts it is default. */
static bool shows(const struct example *example, const char *path)
{
	const char *star = strchr(path, '*');
	char written[300];
	if (star == NULL)
		return has_path(example, path);
	bool in_accounts = path[0] == 'a';
	for (size_t i = 0; i < (in_accounts ? 1 : carrier_count()); i++) {
		snprintf(written, sizeof written, "%.*s%s%s", (int)(star - path), path,
		    in_accounts ? "default" : carrier_at(i)->name, star + 1);
		if (has_path(example, written))
			return true;
	}
	return false;
}

static void look_for(
    const char *path, const char *type, const char *default_value, const char *help, void *context)
{
	struct example *example = context;
	char file[320];
	(void)default_value;
	assert_true(strlen(help) > 5);
	snprintf(file, sizeof file, "%s_file", path);
	bool secret = strcmp(type, "secret") == 0;
	if (!shows(example, path) && !(secret && shows(example, file)))
		buf_printf(&example->missing, "%s\n", path);
}

static void test_example_is_complete(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct example example = {BUF_EMPTY(0), BUF_EMPTY(0)};
	struct buf text = BUF_EMPTY(0);
	struct err err;
	int line;
	uncomment(&text, read_example(arena));
	const struct config_node *root =
	    config_yaml_parse(str_make(buf_text(&text), text.size), arena, &line, &err);
	assert_non_null(root);
	buf_add_text(&example.paths, "\n");
	collect_paths(root, "", &example.paths);
	config_each_option(look_for, &example);
	assert_string_equal(buf_text(&example.missing), "");
	buf_free(&example.paths);
	buf_free(&example.missing);
	buf_free(&text);
	arena_free(&arena);
}

/* The problems that the text has, without those about secret files (which are not there). */
static void list_problems(const char *yaml, struct buf *out)
{
	struct config_problems problems = {.arena = arena_new()};
	struct config *config = config_parse("/nonexistent/notifier.yaml", yaml, &problems);
	for (size_t i = 0; i < problems.count; i++)
		if (strstr(problems.items[i].text, "there is no file /nonexistent/") == NULL)
			buf_printf(out, "%d: %s: %s\n", problems.items[i].line,
			    problems.items[i].path ? problems.items[i].path : "",
			    problems.items[i].text);
	config_unref(&config);
	arena_free(&problems.arena);
}

/* Nobody's copy of the example may greet them with problems. */
static void test_example_as_it_is(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct config_problems problems = {.arena = arena};
	struct config *config = config_parse("notifier.yaml", read_example(arena).at, &problems);
	assert_int_equal(problems.count, 0);
	assert_true(config_account(config, "default")->is_test);
	config_unref(&config);
	arena_free(&arena);
}

static void test_example_without_comments(void **state)
{
	(void)state;
	static const char *const variables[] = {
	    "TWILIO_SID", "FEDEX_ID", "HOOK_SECRET", "HOOK_SECRET_OLD", "HOOK_SECRET_NEW"};
	struct arena *arena = arena_new();
	struct buf text = BUF_EMPTY(0), problems = BUF_EMPTY(0);
	for (size_t i = 0; i < COUNT(variables); i++)
		setenv(variables[i], "x", 1);
	uncomment(&text, read_example(arena));
	list_problems(buf_text(&text), &problems);
	assert_string_equal(buf_text(&problems), "");
	buf_free(&problems);
	buf_free(&text);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_example_is_complete),
	    cmocka_unit_test(test_example_as_it_is),
	    cmocka_unit_test(test_example_without_comments),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
