/* contract.json: which variables each event has, and what templates may say about them. */
#include <stdio.h>
#include <string.h>

#include "notifier/message/catalogue_internal.h"

/* Variables that the catalogue itself gives to the layouts. */
static const char *const layout_words[] = {
    "lang", "dir", "start", "font_stack", "subject", "preheader", "body", "cta", "cta_url"};

const json_t *json_at(const json_t *object, const char *dotted)
{
	struct str rest = str_of(dotted), step;
	while (rest.at != NULL && object != NULL) {
		rest = str_cut(rest, '.', &step);
		object = json_object_getn(object, step.at, step.len);
	}
	return object;
}

const struct event_rule *event_find(const struct catalogue *catalogue, const char *name)
{
	const struct event_rule *event = catalogue->events;
	while (event != NULL && !text_eq(event->name, name))
		event = event->next;
	return event;
}

/* --- loading --- */

static const struct liquid_place nowhere = {0, 0};

/* "recipient.name?" → a rule; its type, sample, … stand in contract.variables. */
static bool rule_read(
    struct loader *loader, const char *path, const json_t *entry, struct variable_rule *rule)
{
	const char *text = json_string_value(entry);
	size_t len = text ? strlen(text) : 0;
	if (len == 0) {
		loader_error(loader, "T01", path, nowhere, "a variable's name is missing");
		return false;
	}
	rule->optional = text[len - 1] == '?';
	rule->path = arena_strndup(loader->catalogue->arena, text, len - rule->optional);
	const json_t *variable =
	    json_object_get(json_object_get(loader->catalogue->contract, "variables"), rule->path);
	rule->sample = json_object_get(variable, "sample");
	if (variable == NULL) {
		loader_error(loader, "T02", path, nowhere,
		    "variable \"%s\" is not described under \"variables\"", rule->path);
		return false;
	}
	return true;
}

static void rules_add(struct loader *loader, const char *path, const json_t *list,
    struct variable_rule *rules, size_t *count)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (rule_read(loader, path, json_array_get(list, i), &rules[*count]))
			++*count;
}

static void event_read(struct loader *loader, const char *path, const char *name, json_t *json)
{
	struct catalogue *catalogue = loader->catalogue;
	const json_t *always = json_object_get(catalogue->contract, "always");
	const json_t *own = json_object_get(json, "variables");
	size_t room = json_array_size(always) + json_array_size(own);
	struct event_rule *event = arena_alloc(catalogue->arena, sizeof *event);
	event->name = arena_strdup(catalogue->arena, name);
	const char *link = json_string_value(json_object_get(json, "link"));
	event->link = arena_strdup(catalogue->arena, link ? link : "links.track");
	event->variables = arena_array(catalogue->arena, room + 1, sizeof *event->variables);
	rules_add(loader, path, always, event->variables, &event->count);
	rules_add(loader, path, own, event->variables, &event->count);
	event->next = catalogue->events;
	catalogue->events = event;
}

/* A layout sees what every event has, what the catalogue makes, and the language's words. */
static void layout_rules(struct loader *loader, const char *path)
{
	struct catalogue *catalogue = loader->catalogue;
	const json_t *always = json_object_get(catalogue->contract, "always");
	const json_t *words = json_object_get(catalogue->contract, "words");
	size_t ours = sizeof layout_words / sizeof *layout_words;
	size_t room = json_array_size(always) + json_array_size(words) + ours;
	struct variable_rule *rules = arena_array(catalogue->arena, room + 1, sizeof *rules);
	rules_add(loader, path, always, rules, &catalogue->layout_count);
	for (size_t i = 0; i < ours; i++)
		rules[catalogue->layout_count++] =
		    (struct variable_rule){.path = layout_words[i], .layout_only = true};
	for (size_t i = 0; i < json_array_size(words); i++) {
		const char *word = json_string_value(json_array_get(words, i));
		rules[catalogue->layout_count++] = (struct variable_rule){
		    .path = arena_strdup(catalogue->arena, word ? word : ""), .layout_only = true};
	}
	catalogue->layout = rules;
}

void contract_load(struct loader *loader, const struct catalogue_file *file)
{
	json_error_t error;
	struct catalogue *catalogue = loader->catalogue;
	catalogue->contract = json_loadb(
	    file->bytes.at ? file->bytes.at : "", file->bytes.len, JSON_REJECT_DUPLICATES, &error);
	if (catalogue->contract == NULL) {
		loader_error(loader, "T01", file->path,
		    (struct liquid_place){error.line, error.column}, "%s", error.text);
		return;
	}
	const char *name;
	json_t *event;
	json_object_foreach(json_object_get(catalogue->contract, "events"), name, event)
	{
		event_read(loader, file->path, name, event);
	}
	layout_rules(loader, file->path);
	if (catalogue->events == NULL)
		loader_error(loader, "T01", file->path, nowhere, "it describes no events");
}

/* --- checking templates --- */

/* Is it the variable itself, an object that holds it, or a part of it (eta.from)? */
static bool rule_covers(const struct variable_rule *rule, const char *path)
{
	size_t known = strlen(rule->path), used = strlen(path);
	size_t shorter = known < used ? known : used;
	if (strncmp(rule->path, path, shorter) != 0)
		return false;
	return known == used || (known < used ? path[known] : rule->path[used]) == '.';
}

static void unknown_variable(struct loader *loader, const char *path, struct liquid_place place,
    const char *name, const struct variable_rule *rules, size_t count)
{
	const char **names = xcalloc(count + 1, sizeof *names);
	for (size_t i = 0; i < count; i++)
		names[i] = rules[i].path;
	const char *nearest = text_nearest(name, names, count);
	loader_error(loader, "T02", path, place, "unknown variable \"%s\"%s%s%s", name,
	    nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
	xfree(names);
}

static void check_use(struct loader *loader, const char *path, struct liquid_place place,
    const struct liquid_use *use, const struct variable_rule *rules, size_t count)
{
	const struct variable_rule *rule = NULL;
	for (size_t i = 0; i < count && rule == NULL; i++)
		if (rule_covers(&rules[i], use->path))
			rule = &rules[i];
	if (rule == NULL)
		unknown_variable(loader, path, place, use->path, rules, count);
	else if (rule->optional && use->printed && !use->guarded)
		loader_warn(loader, "T20", path, place,
		    "\"%s\" may be absent: put it in an if or give it a default", use->path);
}

/* A place inside a value, as a place of the file that the value begins at `start`. */
static struct liquid_place place_in_file(struct liquid_place start, struct liquid_place inside)
{
	return (struct liquid_place){start.line + inside.line - 1,
	    inside.line == 1 ? start.column + inside.column - 1 : inside.column};
}

struct liquid *contract_compile(struct loader *loader, const char *path, struct str source,
    struct liquid_place place, const struct variable_rule *rules, size_t count)
{
	struct err err;
	struct liquid_place at;
	struct liquid_source input = {source, &loader->partials, true};
	struct liquid *template = liquid_compile(&input, &err, &at);
	if (template == NULL) {
		loader_error(loader, "T01", path, place_in_file(place, at), "%s", err.text);
		return NULL;
	}
	size_t uses_count;
	const struct liquid_use *uses = liquid_uses(template, &uses_count);
	for (size_t i = 0; i < uses_count; i++)
		if (!uses[i].snippet)
			check_use(loader, path, place_in_file(place, uses[i].place), &uses[i],
			    rules, count);
	bool is_layout = rules == loader->catalogue->layout; /* there, body comes ready-made */
	if (!is_layout && liquid_uses_filter(template, "raw"))
		loader_warn(
		    loader, "T32", path, place, "\"| raw\" lets a value format the message");
	return template;
}

/* --- data --- */

static void set_at(json_t *object, const char *dotted, json_t *take_value)
{
	struct str rest = str_of(dotted), step;
	for (rest = str_cut(rest, '.', &step); rest.at != NULL; rest = str_cut(rest, '.', &step)) {
		json_t *inner = json_object_getn(object, step.at, step.len);
		if (inner == NULL) {
			inner = json_object();
			json_object_setn_new(object, step.at, step.len, inner);
		}
		object = inner;
	}
	json_object_setn_new(object, step.at, step.len, take_value);
}

json_t *contract_sample(
    const struct catalogue *catalogue, const struct event_rule *event, bool optional)
{
	(void)catalogue;
	json_t *data = json_object();
	for (size_t i = 0; i < event->count; i++) {
		const struct variable_rule *rule = &event->variables[i];
		if (rule->sample != NULL && (optional || !rule->optional))
			set_at(data, rule->path, json_deep_copy(rule->sample));
	}
	return data;
}

const char *contract_missing(const struct event_rule *event, const json_t *data)
{
	for (size_t i = 0; i < event->count; i++) {
		const json_t *value = json_at(data, event->variables[i].path);
		if (!event->variables[i].optional && (value == NULL || json_is_null(value)))
			return event->variables[i].path;
	}
	return NULL;
}
