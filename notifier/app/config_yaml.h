/* A YAML file as a small tree that remembers its lines.
 *
 * Invariant: a tree is finite and small, whatever the file says.  An alias shares the node of its
 * anchor, so a tree may be a DAG, but every node knows what it amounts to when written out in
 * full; the limits below hold for that, and a node can never contain itself.
 */
#ifndef APP_CONFIG_YAML_H
#define APP_CONFIG_YAML_H
#include <stdbool.h>
#include <stddef.h>

#include "notifier/base/err.h"
#include "notifier/base/mem.h"
#include "notifier/base/str.h"

#define CONFIG_YAML_BYTES     (1024 * 1024)
#define CONFIG_YAML_NODES     20000 /* aliases written out */
#define CONFIG_YAML_DEPTH     16
#define CONFIG_YAML_KEY_BYTES 100

enum config_node_kind { CONFIG_NODE_TEXT, CONFIG_NODE_LIST, CONFIG_NODE_MAP };

struct config_entry {
	const char *key; /* NULL in a list */
	int line;
	const struct config_node *value;
};

struct config_node {
	enum config_node_kind kind;
	int line;                     /* from 1 */
	const char *text;             /* of TEXT: never NULL, no control characters but TAB */
	bool is_null;                 /* TEXT written as nothing, ~ or null */
	struct config_entry *entries; /* of LIST and MAP */
	size_t count;
	size_t nodes; /* this one and all below */
	int depth;    /* 1 for a text */
};

/* Reads one document (YAML 1.1, libyaml) into the arena.  An empty document is an empty map.
 * NULL: err says what, *line says where (0: nowhere in particular). */
const struct config_node *config_yaml_parse(
    struct str text, struct arena *arena, int *line, struct err *err) CHECK_RESULT;
const char *config_node_kind_name(enum config_node_kind kind); /* "a list", … */
#endif
