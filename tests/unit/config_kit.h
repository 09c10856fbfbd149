/* Loads a configuration from text and compares its problems as they are printed.  Include after
 * cmocka. */
#ifndef TESTS_CONFIG_KIT_H
#define TESTS_CONFIG_KIT_H
#include <string.h>

#include "notifier/app/config.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* --- loading one text ------------------------------------------------------------------------ */

struct loaded {
	struct config *config;
	struct config_problems problems;
	struct buf text; /* the problems, one a line, as they are printed */
};

static inline struct loaded load(const char *name, const char *yaml)
{
	struct loaded loaded = {.problems = {.arena = arena_new()}, .text = BUF_EMPTY(0)};
	loaded.config = config_parse(name, yaml, &loaded.problems);
	for (size_t i = 0; i < loaded.problems.count; i++) {
		const struct config_problem *problem = &loaded.problems.items[i];
		buf_printf(&loaded.text, "%s:%d: %s%s%s%s\n", name, problem->line,
		    problem->is_warning ? "warning: " : "", problem->path ? problem->path : "",
		    problem->path ? ": " : "", problem->text);
	}
	assert_int_equal(loaded.config == NULL, loaded.problems.errors > 0);
	return loaded;
}

static inline void unload(struct loaded *loaded)
{
	config_unref(&loaded->config);
	arena_free(&loaded->problems.arena);
	buf_free(&loaded->text);
}

static inline void expect_problems(const char *yaml, const char *expected)
{
	struct loaded loaded = load("notifier.yaml", yaml);
	assert_string_equal(buf_text(&loaded.text), expected);
	unload(&loaded);
}

static inline void expect_problem_with(const char *yaml, const char *part)
{
	struct loaded loaded = load("notifier.yaml", yaml);
	if (strstr(buf_text(&loaded.text), part) == NULL)
		fail_msg("expected \"%s\" among: %s", part, buf_text(&loaded.text));
	unload(&loaded);
}
#endif
