#include "notifier/app/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "notifier/app/config_table.h"
#include "notifier/io/files.h"

#define PROBLEMS_MAX 100 /* nobody mends more at once */

/* --- problems -------------------------------------------------------------------------------- */

void config_problem_add(struct config_problems *problems, const struct config_problem *problem)
{
	if (!problem->is_warning)
		problems->errors++;
	if (problems->count == PROBLEMS_MAX)
		return;
	if (problems->count == problems->capacity) {
		size_t capacity = problems->capacity ? 2 * problems->capacity : 8;
		struct config_problem *grown =
		    arena_array(problems->arena, capacity, sizeof *grown);
		if (problems->count > 0)
			memcpy(grown, problems->items, problems->count * sizeof *grown);
		problems->items = grown;
		problems->capacity = capacity;
	}
	struct config_problem *kept = &problems->items[problems->count++];
	*kept = *problem;
	kept->path = arena_strdup(problems->arena, problem->path);
}

__attribute__((format(printf, 3, 0))) static void add_about_value(
    const struct config_value *value, bool is_warning, const char *format, va_list args)
{
	struct config_problems *problems = value->loader->problems;
	const char *text = arena_vprintf(problems->arena, format, args);
	config_problem_add(
	    problems, &(struct config_problem){value->line, value->path, text, is_warning});
}

bool config_error(const struct config_value *value, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	add_about_value(value, false, format, args);
	va_end(args);
	return false;
}

void config_warning(const struct config_value *value, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	add_about_value(value, true, format, args);
	va_end(args);
}

void config_print_problems(const char *file, const struct config_problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		const struct config_problem *problem = &problems->items[i];
		fputs(file, stderr);
		if (problem->line > 0)
			fprintf(stderr, ":%d", problem->line);
		fprintf(stderr, ": %s%s%s%s\n", problem->is_warning ? "warning: " : "",
		    problem->path ? problem->path : "", problem->path ? ": " : "", problem->text);
	}
	if (problems->count == PROBLEMS_MAX)
		fprintf(stderr, "%s: there may be more; only %d problems are shown\n", file,
		    PROBLEMS_MAX);
}

/* --- a whole file ---------------------------------------------------------------------------- */

static struct config *config_new(const char *path)
{
	struct arena *arena = arena_new();
	struct config *config = arena_alloc(arena, sizeof *config);
	config->arena = arena;
	config->references = 1;
	config->path = arena_strdup(arena, path);
	config->carriers = arena_array(arena, carrier_count(), sizeof *config->carriers);
	return config;
}

static const char *dir_of(struct arena *arena, const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	if (slash == NULL)
		return NULL;
	return slash == path ? "/" : arena_strndup(arena, path, (size_t)(slash - path));
}

static void load_text(struct config_loader *loader, struct str text)
{
	struct config_scope scope = {{config_table_file(loader->config)}};
	struct config_walk walk = {loader, &scope, ""};
	struct config_problem problem = {0};
	struct err err;
	config_walk_defaults(loader, scope.parts[0]);
	const struct config_node *root =
	    config_yaml_parse(text, loader->scratch, &problem.line, &err);
	if (root == NULL) {
		problem.text = arena_strdup(loader->problems->arena, err.text);
		config_problem_add(loader->problems, &problem);
		return;
	}
	config_walk_value(&walk, "", &(struct config_value){.loader = loader, .node = root});
	config_add_default_account(loader);
	config_add_standing_carriers(loader);
}

static struct config *load(const char *path, struct str text, struct config_problems *problems)
{
	struct arena *scratch = arena_new();
	struct config_loader loader = {.config = config_new(path),
	    .problems = problems,
	    .scratch = scratch,
	    .dir = dir_of(scratch, path)};
	size_t errors = problems->errors;
	load_text(&loader, text);
	if (problems->errors > errors)
		config_unref(&loader.config);
	arena_free(&scratch);
	return loader.config;
}

struct config *config_parse(const char *name, const char *yaml, struct config_problems *problems)
{
	return load(name, str_of(yaml), problems);
}

static const char *after_path(const char *text, const char *path)
{
	size_t len = strlen(path);
	return strncmp(text, path, len) == 0 && strncmp(text + len, ": ", 2) == 0 ? text + len + 2
	                                                                          : text;
}

struct config *config_load(const char *path, struct config_problems *problems)
{
	struct arena *arena = arena_new();
	struct config *config = NULL;
	struct str text;
	struct err err;
	if (files_read(path, CONFIG_YAML_BYTES, arena, &text, &err))
		config = load(path, text, problems);
	else /* the path is printed in front of every problem */
		config_problem_add(problems,
		    &(struct config_problem){
		        .text = arena_strdup(problems->arena, after_path(err.text, path))});
	arena_free(&arena);
	return config;
}

struct config *config_ref(struct config *config)
{
	config->references++;
	return config;
}

void config_unref(struct config **config)
{
	if (*config != NULL && --(*config)->references == 0) {
		struct arena *arena = (*config)->arena; /* the configuration itself lives in it */
		arena_free(&arena);
	}
	*config = NULL;
}

const struct account_config *config_account(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->account_count; i++)
		if (text_eq(config->accounts[i].name, name))
			return &config->accounts[i];
	return NULL;
}

const struct carrier_config *config_carrier(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->carrier_count; i++)
		if (text_eq(config->carriers[i].carrier->name, name))
			return &config->carriers[i];
	return NULL;
}
