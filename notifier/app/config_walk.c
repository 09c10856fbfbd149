/* Walks a group of the tree by its table: each entry is a row, a group, or unknown. */
#include <string.h>

#include "notifier/app/config_table.h"

static const char *noun_of(const char *path)
{
	return strncmp(path, "events.", 7) == 0 || strncmp(path, "lifetimes.", 10) == 0 ? "event"
	                                                                                : "option";
}

void config_walk_refuse(const struct config_value *value, const char *noun, const char *nearest)
{
	if (nearest != NULL)
		config_error(value, "unknown %s; did you mean \"%s\"?", noun, nearest);
	else
		config_error(value, "unknown %s", noun);
}

bool config_walk_is_first(
    struct map *seen, const struct config_value *value, struct config_entry *entry)
{
	const struct config_entry *first = map_get(seen, str_of(entry->key));
	if (first != NULL)
		return config_error(value, "given twice; the first is on line %d", first->line);
	map_put(seen, str_of(entry->key), entry);
	return true;
}

static void walk_group(
    const struct config_walk *walk, const char *group, const struct config_node *node);

void config_walk_value(
    const struct config_walk *walk, const char *group, const struct config_value *value)
{
	if (value->node->kind == CONFIG_NODE_MAP)
		walk_group(walk, group, value->node);
	else if (!value->node->is_null) /* "email:" with nothing below it is no slip */
		config_error(value, "expected %s, found %s", config_node_kind_name(CONFIG_NODE_MAP),
		    config_node_kind_name(value->node->kind));
}

static void walk_entry(const struct config_walk *walk, const char *name, struct config_value *value)
{
	if (!config_scope_find(walk->scope, name, &value->place)) {
		config_walk_refuse(value, noun_of(name),
		    config_scope_nearest(walk->scope, name, walk->loader->scratch));
		return;
	}
	if (value->place.row != NULL)
		config_types_set(value);
	else
		config_walk_value(walk, name, value);
}

/* group: "" or "email.smtp" */
static void walk_group(
    const struct config_walk *walk, const char *group, const struct config_node *node)
{
	struct arena *scratch = walk->loader->scratch;
	struct map seen = {0};
	for (size_t i = 0; i < node->count; i++) {
		struct config_entry *entry = &node->entries[i];
		const char *name =
		    arena_printf(scratch, "%s%s%s", group, *group ? "." : "", entry->key);
		struct config_value value = {.loader = walk->loader,
		    .path = arena_printf(scratch, "%s%s", walk->prefix, name),
		    .node = entry->value,
		    .line = entry->line};
		if (config_walk_is_first(&seen, &value, entry))
			walk_entry(walk, strchr(entry->key, '.') ? "" : name, &value);
	}
	map_free(&seen);
}

void config_walk_defaults(struct config_loader *loader, struct config_rows rows)
{
	for (size_t i = 0; i < rows.count; i++) {
		const struct config_option *row = &rows.rows[i];
		if (row->default_value == NULL)
			continue;
		struct config_node node = {.kind = CONFIG_NODE_TEXT, .text = row->default_value};
		struct config_value value = {.loader = loader,
		    .place = {row, (char *)rows.target + row->offset, false},
		    .path = row->path,
		    .node = &node};
		config_types_set(&value);
	}
}
