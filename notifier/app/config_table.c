#include "notifier/app/config_table.h"

#include <string.h>

#include "notifier/app/config.def"
#include "notifier/core/status.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { START = 0, LIVE = 1 };
#define ROW(scope, name, kind, field, default_text, when, help_text, ...)                          \
	{.path = (name),                                                                           \
	    .type = OPTION_##kind,                                                                 \
	    .offset = offsetof(scope, field),                                                      \
	    .bytes = sizeof(((scope *)NULL)->field),                                               \
	    .default_value = (default_text),                                                       \
	    .is_reloadable = (when) == LIVE,                                                       \
	    .help = (help_text),                                                                   \
	    __VA_ARGS__},

static const struct config_option file_rows[] = {
#define X(...) ROW(struct config, __VA_ARGS__)
    CONFIG_ROWS(X) /* NOLINT(bugprone-sizeof-expression): of a pointer, and that is meant */
#undef X
};

/* The events' rows come from the events' own table. */
static const struct config_option account_rows[] = {
#define X(...) ROW(struct account_config, __VA_ARGS__)
    ACCOUNT_ROWS(X)
#undef X
#define X(event, name, by_default, lifetime_h, lasts)                                              \
	ROW(struct account_config, "events." name, BIT, policy.events_on,                          \
	    (by_default) ? "on" : "off", LIVE, "messages for this event",                          \
	    .bit = UINT32_C(1) << EVENT_##event)
        EVENT_ROWS(X)
#undef X
#define X(event, name, by_default, lifetime_h, lasts)                                              \
	ROW(struct account_config, "lifetimes." name, DURATION, policy.lifetime_ms[EVENT_##event], \
	    #lifetime_h "h", LIVE, "a message is worth nothing so long after the event",           \
	    .min = 60, .max = 2592000)
            EVENT_ROWS(X)
#undef X
};

static const struct config_option carrier_rows[] = {
#define X(...) ROW(struct carrier_config, __VA_ARGS__)
    CARRIER_ROWS(X)
#undef X
};

struct config_rows config_table_file(struct config *target)
{
	return (struct config_rows){file_rows, COUNT(file_rows), target};
}

struct config_rows config_table_account(struct account_config *target)
{
	return (struct config_rows){account_rows, COUNT(account_rows), target};
}

struct config_rows config_table_carrier(struct carrier_config *target)
{
	return (struct config_rows){carrier_rows, COUNT(carrier_rows), target};
}

struct config_rows config_table_adapter(
    const struct carrier *carrier, const char **values, struct arena *arena)
{
	struct config_option *rows = arena_array(arena, carrier->option_count, sizeof *rows);
	for (size_t i = 0; i < carrier->option_count; i++) {
		const struct carrier_option *option = &carrier->options[i];
		rows[i] = (struct config_option){.path = option->name,
		    .type = option->is_secret ? OPTION_SECRET : OPTION_TEXT,
		    .offset = i * sizeof *values,
		    .bytes = sizeof *values,
		    .default_value = option->default_value,
		    .help = option->help,
		    .is_reloadable = true};
	}
	return (struct config_rows){rows, carrier->option_count, values};
}

/* 0: something else; 1: a group above the row; 2: the row; 3: the row's "_file". */
static int row_match(const struct config_option *row, const char *path)
{
	size_t len = strlen(row->path);
	if (strncmp(path, row->path, len) != 0) {
		size_t group = strlen(path);
		return strncmp(row->path, path, group) == 0 && row->path[group] == '.';
	}
	if (path[len] == '\0')
		return 2;
	return config_type_is_secret(row->type) && text_eq(path + len, "_file") ? 3 : 0;
}

bool config_scope_find(const struct config_scope *scope, const char *path, struct config_place *out)
{
	bool is_group = false;
	*out = (struct config_place){0};
	for (size_t p = 0; p < COUNT(scope->parts); p++)
		for (size_t i = 0; i < scope->parts[p].count; i++) {
			const struct config_option *row = &scope->parts[p].rows[i];
			int match = row_match(row, path);
			is_group = is_group || match == 1;
			if (match < 2)
				continue;
			*out = (struct config_place){
			    row, (char *)scope->parts[p].target + row->offset, match == 3};
			return true;
		}
	return is_group;
}

const char *config_scope_nearest(
    const struct config_scope *scope, const char *path, struct arena *arena)
{
	const char *dot = strrchr(path, '.');
	size_t group = dot ? (size_t)(dot - path) + 1 : 0;
	size_t count = 0;
	const char **names = arena_array(
	    arena, 2 * (scope->parts[0].count + scope->parts[1].count) + 1, sizeof *names);
	for (size_t p = 0; p < COUNT(scope->parts); p++)
		for (size_t i = 0; i < scope->parts[p].count; i++) {
			const struct config_option *row = &scope->parts[p].rows[i];
			if (strncmp(row->path, path, group) != 0)
				continue;
			struct str name;
			bool is_row = str_cut(str_of(row->path + group), '.', &name).at == NULL;
			names[count++] = arena_strndup(arena, name.at, name.len);
			if (is_row && config_type_is_secret(row->type))
				names[count++] =
				    arena_printf(arena, "%.*s_file", (int)name.len, name.at);
		}
	return text_nearest(path + group, names, count);
}

static void visit_rows(const char *prefix, struct config_rows rows,
    void (*visit)(const char *, const char *, const char *, const char *, void *), void *context)
{
	struct arena *arena = arena_new();
	for (size_t i = 0; i < rows.count; i++) {
		const struct config_option *row = &rows.rows[i];
		visit(arena_printf(arena, "%s%s", prefix, row->path), config_types_name(row->type),
		    row->default_value, row->help, context);
	}
	arena_free(&arena);
}

static bool row_is_group(const struct config_option *row)
{
	return row->type == OPTION_ACCOUNTS || row->type == OPTION_CARRIERS;
}

void config_each_option(void (*visit)(const char *path, const char *type, const char *default_value,
                            const char *help, void *context),
    void *context)
{
	struct arena *arena = arena_new();
	for (size_t i = 0; i < COUNT(file_rows); i++)
		if (!row_is_group(&file_rows[i]))
			visit_rows(
			    "", (struct config_rows){&file_rows[i], 1, NULL}, visit, context);
	visit_rows("accounts.*.", config_table_account(NULL), visit, context);
	visit_rows("carriers.*.", config_table_carrier(NULL), visit, context);
	for (size_t i = 0; i < carrier_count(); i++) {
		const struct carrier *carrier = carrier_at(i);
		visit_rows(arena_printf(arena, "carriers.%s.", carrier->name),
		    config_table_adapter(carrier, NULL, arena), visit, context);
	}
	arena_free(&arena);
}

static bool row_is_text(const struct config_option *row)
{
	return row->type == OPTION_ADDRESS || row->type == OPTION_PATH || row->type == OPTION_URL;
}

static bool row_differs(const struct config_option *row, const void *before, const void *after)
{
	const char *a, *b;
	if (!row_is_text(row))
		return memcmp(before, after, row->bytes) != 0;
	memcpy(&a, before, sizeof a);
	memcpy(&b, after, sizeof b);
	return !text_eq(a, b);
}

void config_each_frozen_change(const struct config *before, const struct config *after,
    void (*visit)(const char *path, void *context), void *context)
{
	for (size_t i = 0; i < COUNT(file_rows); i++) {
		const struct config_option *row = &file_rows[i];
		if (!row->is_reloadable && row_differs(row, (const char *)before + row->offset,
		                               (const char *)after + row->offset))
			visit(row->path, context);
	}
}
