/* The files of one language: _language.yaml and the messages. */
#include <string.h>

#include "notifier/message/catalogue_internal.h"

const char *const field_names[FIELDS] = {
    [FIELD_SUBJECT] = "subject",
    [FIELD_PREHEADER] = "preheader",
    [FIELD_CTA] = "cta",
    [FIELD_SMS] = "sms",
    [FIELD_BODY] = "body",
};

static const struct liquid_place whole_file = {0, 0};

struct language *language_find(const struct catalogue *catalogue, struct str code)
{
	struct language *language = catalogue->languages;
	while (language != NULL && !str_eq_nocase(code, language->code))
		language = language->next;
	return language;
}

struct known_keys {
	const char *const *items;
	size_t count;
};

static void unknown_key(struct loader *loader, const char *path, const struct yaml_pair *pair,
    struct liquid_place place, const struct known_keys *known)
{
	const char *nearest = text_nearest(pair->key, known->items, known->count);
	loader_error(loader, "T01", path, place, "unknown key \"%s\"%s%s%s", pair->key,
	    nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

/* --- _language.yaml --- */

/* Where a plain key of the language goes. */
static const struct {
	const char *key;
	size_t offset; /* of a const char * in struct language */
} language_keys[] = {
    {"name", offsetof(struct language, name)},
    {"dir", offsetof(struct language, direction)},
    {"digits", offsetof(struct language, digits)},
    {"font", offsetof(struct language, font)},
    {"time.pattern", offsetof(struct language, phrases.time)},
    {"time.hour", offsetof(struct language, phrases.time_hour)},
    {"time.am", offsetof(struct language, phrases.am)},
    {"time.pm", offsetof(struct language, phrases.pm)},
};
#define LANGUAGE_KEYS (sizeof language_keys / sizeof *language_keys)

static bool language_set(struct language *language, const char *key, const char *value)
{
	for (size_t i = 0; i < LANGUAGE_KEYS; i++)
		if (strcmp(key, language_keys[i].key) == 0) {
			memcpy((char *)language + language_keys[i].offset, &value, sizeof value);
			return true;
		}
	for (int i = 0; i < L10N_PATTERNS; i++)
		if (strncmp(key, "when.", 5) == 0 && strcmp(key + 5, l10n_pattern_names[i]) == 0) {
			language->phrases.patterns[i] = value;
			return true;
		}
	return false;
}

static void add_word(
    struct loader *loader, struct language *language, const struct yaml_pair *pair, bool is_reason)
{
	struct catalogue *catalogue = loader->catalogue;
	struct word *word = arena_alloc(catalogue->arena, sizeof *word);
	struct word **list = is_reason ? &language->reasons : &language->words;
	word->key = strchr(pair->key, '.') + 1;
	word->plain = pair->value;
	if (!is_reason)
		word->text = contract_compile(loader, language->path, str_of(pair->value),
		    pair->place, catalogue->layout, catalogue->layout_count);
	word->next = *list;
	*list = word;
}

static void language_key(
    struct loader *loader, struct language *language, const struct yaml_pair *pair)
{
	const char *known[LANGUAGE_KEYS + L10N_PATTERNS];
	char when[L10N_PATTERNS][32];
	if (strncmp(pair->key, "words.", 6) == 0) {
		add_word(loader, language, pair, false);
		return;
	}
	if (strncmp(pair->key, "reasons.", 8) == 0) {
		add_word(loader, language, pair, true);
		return;
	}
	if (language_set(language, pair->key, pair->value))
		return;
	for (size_t i = 0; i < LANGUAGE_KEYS; i++)
		known[i] = language_keys[i].key;
	for (int i = 0; i < L10N_PATTERNS; i++) {
		text_clean(when[i], sizeof when[i], "when.");
		text_clean(when[i] + 5, sizeof when[i] - 5, l10n_pattern_names[i]);
		known[LANGUAGE_KEYS + (size_t)i] = when[i];
	}
	unknown_key(loader, language->path, pair, pair->place,
	    &(struct known_keys){known, LANGUAGE_KEYS + L10N_PATTERNS});
}

/* Every word of the contract must be there: a hole in a layout is not noticed by anybody. */
static void check_words(struct loader *loader, const struct language *language)
{
	const json_t *words = json_object_get(loader->catalogue->contract, "words");
	for (size_t i = 0; i < json_array_size(words); i++) {
		const char *wanted = json_string_value(json_array_get(words, i));
		const struct word *word = language->words;
		while (word != NULL && !text_eq(word->key, wanted))
			word = word->next;
		if (word == NULL)
			loader_error(loader, "T03", language->path, whole_file,
			    "words.%s is missing", wanted ? wanted : "?");
	}
}

void language_load(struct loader *loader, const struct catalogue_file *file)
{
	struct catalogue *catalogue = loader->catalogue;
	struct err err;
	struct liquid_place place;
	struct str code;
	str_cut(str_of(file->path), '/', &code);
	struct language *language = arena_alloc(catalogue->arena, sizeof *language);
	language->code = arena_strndup(catalogue->arena, code.at, code.len);
	language->path = arena_strdup(catalogue->arena, file->path);
	language->direction = "ltr";
	language->font = "Helvetica,Arial,sans-serif";
	language->next = catalogue->languages;
	catalogue->languages = language;
	struct yaml_pair *pairs = yaml_flat(catalogue->arena, file->bytes, &err, &place);
	if (pairs == NULL)
		loader_error(loader, "T01", file->path, place, "%s", err.text);
	for (const struct yaml_pair *pair = pairs; pair; pair = pair->next)
		language_key(loader, language, pair);
	if (language->name == NULL)
		loader_error(loader, "T03", file->path, whole_file, "name is missing");
	check_words(loader, language);
}

/* --- messages --- */

static bool is_reason(const struct catalogue *catalogue, const char *word)
{
	const json_t *reasons = json_object_get(catalogue->contract, "reasons");
	for (size_t i = 0; i < json_array_size(reasons); i++)
		if (text_eq(json_string_value(json_array_get(reasons, i)), word))
			return true;
	return false;
}

/* "exception_damaged" → its event; reason gets "damaged".  NULL: no such event. */
static const struct event_rule *event_of_name(
    const struct catalogue *catalogue, char *name, const char **reason)
{
	const struct event_rule *event = event_find(catalogue, name);
	*reason = NULL;
	for (char *cut = strchr(name, '_'); cut && event == NULL; cut = strchr(cut + 1, '_')) {
		*cut = '\0';
		event = event_find(catalogue, name);
		*cut = '_';
		if (event != NULL && is_reason(catalogue, cut + 1))
			*reason = cut + 1;
		else
			event = NULL;
	}
	return event;
}

static void unknown_event(struct loader *loader, const char *path, const char *name)
{
	const char *names[64];
	size_t count = 0;
	for (const struct event_rule *event = loader->catalogue->events; event && count < 64;
	     event = event->next)
		names[count++] = event->name;
	const char *nearest = count ? text_nearest(name, names, count) : NULL;
	loader_error(loader, "T02", path, whole_file, "\"%s\" is no event or event_reason%s%s%s",
	    name, nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

/* Cuts the front matter off; false: there is none. */
static bool front_matter(struct str file, struct str *yaml, struct str *body, int *body_line)
{
	struct str rest = file, line;
	rest = str_cut(rest, '\n', &line);
	if (!str_eq(str_trim(line), "---"))
		return false;
	*body_line = 2;
	yaml->at = rest.at;
	while (rest.at != NULL) {
		rest = str_cut(rest, '\n', &line);
		++*body_line;
		if (!str_eq(str_trim(line), "---"))
			continue;
		yaml->len = (size_t)(line.at - yaml->at);
		*body = rest.at ? rest : str_make("", 0);
		return true;
	}
	return false;
}

static void message_key(struct loader *loader, struct message *message,
    const struct event_rule *event, const struct yaml_pair *pair)
{
	static const char *const known[] = {
	    "subject", "preheader", "cta", "sms", "dlt.template_id"};
	struct liquid_place place = {pair->place.line + 1, pair->place.column}; /* after "---" */
	for (int field = 0; field < FIELD_BODY; field++)
		if (strcmp(pair->key, field_names[field]) == 0) {
			message->fields[field] = contract_compile(loader, message->is.path,
			    str_of(pair->value), place, event->variables, event->count);
			if (field == FIELD_SMS)
				message->is.sms_source = pair->value;
			return;
		}
	if (strcmp(pair->key, "dlt.template_id") == 0)
		message->is.dlt_template_id = pair->value;
	else if (strncmp(pair->key, "dlt.", 4) != 0)
		unknown_key(loader, message->is.path, pair, place,
		    &(struct known_keys){known, sizeof known / sizeof *known});
}

static void message_fields(
    struct loader *loader, struct message *message, const struct event_rule *event, struct str file)
{
	struct str yaml, body;
	struct err err;
	struct liquid_place place;
	int body_line = 1;
	int errors = loader->errors;
	if (!front_matter(file, &yaml, &body, &body_line)) {
		loader_error(loader, "T01", message->is.path, (struct liquid_place){1, 1},
		    "the file must begin with front matter between two lines of ---");
		return;
	}
	struct yaml_pair *pairs = yaml_flat(loader->catalogue->arena, yaml, &err, &place);
	if (pairs == NULL) {
		place.line++;
		loader_error(loader, "T01", message->is.path, place, "%s", err.text);
		return;
	}
	for (const struct yaml_pair *pair = pairs; pair; pair = pair->next)
		message_key(loader, message, event, pair);
	message->fields[FIELD_BODY] = contract_compile(loader, message->is.path, body,
	    (struct liquid_place){body_line, 1}, event->variables, event->count);
	if (str_trim(body).len == 0)
		loader_error(loader, "T06", message->is.path, whole_file, "the body is empty");
	for (int field = 0; field < FIELDS && loader->errors == errors; field++)
		if (message->fields[field] == NULL)
			loader_error(loader, "T03", message->is.path, whole_file, "%s is missing",
			    field_names[field]);
}

void message_load(struct loader *loader, const struct catalogue_file *file)
{
	struct catalogue *catalogue = loader->catalogue;
	struct str code, rest = str_cut(str_of(file->path), '/', &code);
	struct language *language = language_find(catalogue, code);
	char *name = arena_strndup(catalogue->arena, rest.at, rest.len - strlen(".md"));
	const char *reason;
	const struct event_rule *event = event_of_name(catalogue, name, &reason);
	if (language == NULL) {
		loader_error(loader, "T03", file->path, whole_file,
		    "%.*s/_language.yaml is missing", (int)code.len, code.at);
		return;
	}
	if (event == NULL) {
		unknown_event(loader, file->path, name);
		return;
	}
	struct message *message = arena_alloc(catalogue->arena, sizeof *message);
	message->is = (struct catalogue_message){.language = language->code,
	    .event = event->name,
	    .reason = reason,
	    .path = arena_strdup(catalogue->arena, file->path)};
	message->in = language;
	message->next = catalogue->messages;
	catalogue->messages = message;
	message_fields(loader, message, event, file->bytes);
}
