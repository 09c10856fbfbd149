/* What the catalogue_*.c files share. */
#ifndef MESSAGE_CATALOGUE_INTERNAL_H
#define MESSAGE_CATALOGUE_INTERNAL_H
#include "notifier/message/catalogue.h"
#include "notifier/message/liquid.h"

enum field { FIELD_SUBJECT, FIELD_PREHEADER, FIELD_CTA, FIELD_SMS, FIELD_BODY, FIELDS };
extern const char *const field_names[FIELDS];

struct message {
	struct catalogue_message is;
	struct language *in;
	struct liquid *fields[FIELDS];
	struct message *next;
};

struct word { /* a common word or a reason's text */
	const char *key;
	struct liquid *text; /* words */
	bool is_used;        /* words: by a layout */
	const char *plain;   /* reasons */
	struct word *next;
};

struct language {
	const char *code, *path;
	const char *name, *direction, *digits, *font;
	struct l10n_phrases phrases;
	struct word *words, *reasons;
	struct language *next;
};

struct variable_rule {
	const char *path;
	bool optional;
	bool layout_only;
	const json_t *sample;
};

struct event_rule {
	const char *name, *link; /* link: the variable behind the button */
	struct variable_rule *variables;
	size_t count;
	struct event_rule *next;
};

struct sample {
	const char *name;
	json_t *data;
	struct sample *next;
};

struct catalogue {
	int references;
	struct arena *arena;
	json_t *contract;
	struct event_rule *events;
	struct variable_rule *layout; /* what a layout may use */
	size_t layout_count;
	struct language *languages;
	struct message *messages;
	struct sample *samples;
	struct liquid *layout_html, *layout_text;
};

struct loader { /* one catalogue_load */
	struct catalogue *catalogue;
	const struct catalogue_file *files;
	size_t count;
	const struct catalogue_report *report;
	struct liquid_partials partials;
	int errors;
};

/* catalogue.c */
void finding(
    const struct catalogue_report *report, int *errors, const struct catalogue_finding *what);
void loader_error(struct loader *loader, const char *id, const char *path,
    struct liquid_place place, const char *format, ...) __attribute__((format(printf, 5, 6)));
void loader_warn(struct loader *loader, const char *id, const char *path, struct liquid_place place,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* catalogue_contract.c */
void contract_load(struct loader *loader, const struct catalogue_file *file);
const struct event_rule *event_find(const struct catalogue *catalogue, const char *name);
/* Compiles Liquid that stands at `place` of `path`, and checks its variables against the rules. */
struct liquid *contract_compile(struct loader *loader, const char *path, struct str source,
    struct liquid_place place, const struct variable_rule *rules, size_t count);
json_t *contract_sample(
    const struct catalogue *catalogue, const struct event_rule *event, bool optional);
/* The first required variable that the data lacks, or NULL. */
const char *contract_missing(const struct event_rule *event, const json_t *data);
const json_t *json_at(const json_t *object, const char *dotted);

/* catalogue_yaml.c */
struct yaml_pair { /* a scalar of a mapping; nested keys are joined by dots */
	const char *key, *value;
	struct liquid_place place; /* of the value */
	struct yaml_pair *next;
};
/* A mapping of scalars and mappings (lists: a.0, a.1); NULL with err and place on an error. */
struct yaml_pair *yaml_flat(
    struct arena *arena, struct str text, struct err *err, struct liquid_place *place);
const char *yaml_find(const struct yaml_pair *pairs, const char *key);

/* catalogue_file.c */
void language_load(struct loader *loader, const struct catalogue_file *file);
void message_load(struct loader *loader, const struct catalogue_file *file);
struct language *language_find(const struct catalogue *catalogue, struct str code);
#endif
