/* Inside of the configuration: the option rows as data, and what the setters of a type share.
 * Only config*.c include this.  Invariant: a row never changes, and its offset and size describe
 * the field of the struct of its group (config, account_config, carrier_config, or an adapter's
 * array of values).
 */
#ifndef APP_CONFIG_TABLE_H
#define APP_CONFIG_TABLE_H
#include <stdint.h>

#include "notifier/app/config.h"
#include "notifier/app/config_yaml.h"
#include "notifier/base/map.h"

enum config_type {
	OPTION_TEXT,
	OPTION_WORD,
	OPTION_BOOL,
	OPTION_INT,
	OPTION_UNSIGNED,
	OPTION_SIZE,
	OPTION_DOUBLE,
	OPTION_DURATION,
	OPTION_CHOICE,      /* an index: an enum or a bool */
	OPTION_CHOICE_TEXT, /* the word itself */
	OPTION_TEMPLATE,
	OPTION_PATH,
	OPTION_SECRET,
	OPTION_ADDRESS,
	OPTION_URL,
	OPTION_MAILBOX,
	OPTION_LANGUAGE,
	OPTION_ZONE,
	OPTION_BIT,
	OPTION_HOOK_SECRET,
	OPTION_HOOK_SECRETS,
	OPTION_HOLIDAYS,
	OPTION_ACCOUNTS,
	OPTION_CARRIERS,
	OPTION_TYPES
};

struct config_option {
	const char *path, *default_value, *help;
	const char *choices; /* "a|b" */
	size_t offset, bytes;
	double min, max; /* of numbers; a missing min is 0 */
	enum config_type type;
	uint32_t bit;
	bool is_reloadable;
};

/* A group of options as one table and the struct that they fill. */
struct config_rows {
	const struct config_option *rows;
	size_t count;
	void *target;
};
/* What may stand under one prefix: the group's own rows, then an adapter's. */
struct config_scope {
	struct config_rows parts[2];
};

struct config_rows config_table_file(struct config *target);
struct config_rows config_table_account(struct account_config *target);
struct config_rows config_table_carrier(struct carrier_config *target);
/* An adapter's options as rows over its array of values. */
struct config_rows config_table_adapter(
    const struct carrier *carrier, const char **values, struct arena *arena);

/* A row with its target. */
struct config_place {
	const struct config_option *row;
	void *at;
	bool is_file; /* "<secret>_file" was written */
};
/* False: there is no such option.  row NULL and true: path is a group ("email.smtp"). */
bool config_scope_find(
    const struct config_scope *scope, const char *path, struct config_place *out);
/* The name nearest to the last part of path among what may stand there, or NULL. */
const char *config_scope_nearest(
    const struct config_scope *scope, const char *path, struct arena *arena);

/* --- loading --------------------------------------------------------------------------------- */
struct config_loader {
	struct config *config;
	struct config_problems *problems;
	struct arena *scratch; /* the tree and paths; freed after loading */
	const char *dir;       /* of the file, for relative paths; NULL: the working directory */
};

/* A value on its way into a field. */
struct config_value {
	struct config_loader *loader;
	struct config_place place;
	const char *path; /* in full: "carriers.dhl.api_key" */
	const struct config_node *node;
	int line;         /* of the key; 0: a default */
	const char *text; /* of a TEXT node, after ${ENV} */
};

/* Records a problem; both return false, so that a setter can return them. */
bool config_error(const struct config_value *value, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void config_warning(const struct config_value *value, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void config_problem_add(struct config_problems *problems, const struct config_problem *problem);

/* Converts and stores; a problem is recorded where it cannot. */
bool config_types_set(struct config_value *value);
const char *config_types_name(enum config_type type); /* for people: "duration" */
bool config_type_is_secret(enum config_type type);

/* --- config_walk.c --- */
struct config_walk {
	struct config_loader *loader;
	const struct config_scope *scope;
	const char *prefix; /* of full paths: "carriers.dhl." */
};
/* Takes in all that stands below the value; group is its place in the scope ("": the top). */
void config_walk_value(
    const struct config_walk *walk, const char *group, const struct config_value *value);
/* Every row's default goes the way of a written value, so that there is one truth. */
void config_walk_defaults(struct config_loader *loader, struct config_rows rows);
/* Two entries of one name: the second is refused.  seen keeps the first. */
bool config_walk_is_first(
    struct map *seen, const struct config_value *value, struct config_entry *entry);
void config_walk_refuse(const struct config_value *value, const char *noun, const char *nearest);

/* --- config_groups.c --- */
bool config_set_accounts(struct config_value *value);
bool config_set_carriers(struct config_value *value);
bool config_set_holidays(struct config_value *value);
/* `default` exists from the first start. */
void config_add_default_account(struct config_loader *loader);
/* Courier systems may always push; the sandbox courier is asked where it listens. */
void config_add_standing_carriers(struct config_loader *loader);

/* --- config_secret.c --- */
/* ${NAME} in text, into the configuration's arena; "$${" is a literal "${".
 * NULL: a problem was recorded. */
const char *config_secret_expand(const struct config_value *value, const char *text);
/* The secret that the value stands for: written, from the environment, or from the file it names.
 * *out NULL for an empty one. */
bool config_secret_get(struct config_value *value, const char **out);
const char *config_path_resolve(const struct config_loader *loader, const char *path);
#endif
