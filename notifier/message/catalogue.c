/* Loading a tree, and looking into what was loaded. */
#include "notifier/message/catalogue.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "notifier/message/catalogue_internal.h"

/* --- findings --- */

void finding(
    const struct catalogue_report *report, int *errors, const struct catalogue_finding *what)
{
	*errors += what->is_error;
	if (report != NULL && report->found != NULL)
		report->found(report->context, what);
}

__attribute__((format(printf, 3, 0))) static void loader_find(
    struct loader *loader, struct catalogue_finding what, const char *format, va_list args)
{
	char text[400];
	vsnprintf(text, sizeof text, format, args);
	what.text = text;
	finding(loader->report, &loader->errors, &what);
}

void loader_error(struct loader *loader, const char *id, const char *path,
    struct liquid_place place, const char *format, ...)
{
	struct catalogue_finding what = {true, id, path, place.line, place.column, NULL};
	va_list args;
	va_start(args, format);
	loader_find(loader, what, format, args);
	va_end(args);
}

void loader_warn(struct loader *loader, const char *id, const char *path, struct liquid_place place,
    const char *format, ...)
{
	struct catalogue_finding what = {false, id, path, place.line, place.column, NULL};
	va_list args;
	va_start(args, format);
	loader_find(loader, what, format, args);
	va_end(args);
}

/* --- loading --- */

static const struct liquid_place whole_file = {0, 0};

static bool ends_with(const char *path, const char *end)
{
	size_t len = strlen(path), end_len = strlen(end);
	return len >= end_len && strcmp(path + len - end_len, end) == 0;
}

/* Is it laid over by a later file of the same path? */
static bool is_replaced(const struct loader *loader, size_t index)
{
	for (size_t i = index + 1; i < loader->count; i++)
		if (strcmp(loader->files[i].path, loader->files[index].path) == 0)
			return true;
	return false;
}

static void snippets_find(struct loader *loader)
{
	struct arena *arena = loader->catalogue->arena;
	struct liquid_partial *items = arena_array(arena, loader->count + 1, sizeof *items);
	for (size_t i = 0; i < loader->count; i++) {
		const char *path = loader->files[i].path;
		if (strncmp(path, "snippets/", 9) != 0 || !ends_with(path, ".liquid") ||
		    is_replaced(loader, i))
			continue;
		items[loader->partials.count++] = (struct liquid_partial){
		    arena_strndup(arena, path + 9, strlen(path) - 9 - strlen(".liquid")),
		    loader->files[i].bytes};
	}
	loader->partials.items = items;
}

static void sample_load(struct loader *loader, const struct catalogue_file *file)
{
	struct catalogue *catalogue = loader->catalogue;
	json_error_t error;
	struct sample *sample = arena_alloc(catalogue->arena, sizeof *sample);
	const char *name = file->path + strlen("samples/");
	sample->name = arena_strndup(catalogue->arena, name, strlen(name) - strlen(".json"));
	sample->data = json_loadb(file->bytes.at, file->bytes.len, JSON_REJECT_DUPLICATES, &error);
	if (sample->data == NULL)
		loader_error(loader, "T01", file->path,
		    (struct liquid_place){error.line, error.column}, "%s", error.text);
	sample->next = catalogue->samples;
	catalogue->samples = sample;
}

static void layout_load(struct loader *loader, const struct catalogue_file *file)
{
	struct catalogue *catalogue = loader->catalogue;
	struct liquid **layout = strcmp(file->path, "layout.html") == 0 ? &catalogue->layout_html
	                                                                : &catalogue->layout_text;
	*layout = contract_compile(loader, file->path, file->bytes, (struct liquid_place){1, 1},
	    catalogue->layout, catalogue->layout_count);
}

static bool is_contract(const char *path)
{
	return strcmp(path, "contract.json") == 0;
}

static bool is_language(const char *path)
{
	return ends_with(path, "/_language.yaml");
}

static bool is_layout(const char *path)
{
	return strcmp(path, "layout.html") == 0 || strcmp(path, "layout.txt") == 0;
}

static bool is_message(const char *path)
{
	return strchr(path, '/') != NULL && ends_with(path, ".md");
}

static bool is_sample(const char *path)
{
	return strncmp(path, "samples/", 8) == 0 && ends_with(path, ".json");
}

/* In this order: the contract checks the words, the words' languages hold the messages. */
static const struct {
	bool (*is)(const char *path);
	void (*load)(struct loader *loader, const struct catalogue_file *file);
} kinds[] = {
    {is_contract, contract_load},
    {is_language, language_load},
    {is_layout, layout_load},
    {is_message, message_load},
    {is_sample, sample_load},
};

static void load_kind(struct loader *loader, size_t kind)
{
	for (size_t i = 0; i < loader->count; i++)
		if (kinds[kind].is(loader->files[i].path) && !is_replaced(loader, i))
			kinds[kind].load(loader, &loader->files[i]);
}

static bool uses_word(const struct liquid *layout, const char *key)
{
	size_t count = 0;
	const struct liquid_use *uses = layout ? liquid_uses(layout, &count) : NULL;
	for (size_t i = 0; i < count; i++)
		if (strcmp(uses[i].path, key) == 0)
			return true;
	return false;
}

/* Words that no layout prints need not be rendered for every message. */
static void mark_words(struct catalogue *catalogue)
{
	for (struct language *language = catalogue->languages; language; language = language->next)
		for (struct word *word = language->words; word; word = word->next)
			word->is_used = uses_word(catalogue->layout_html, word->key) ||
			                uses_word(catalogue->layout_text, word->key);
}

static void check_whole(struct loader *loader)
{
	struct catalogue *catalogue = loader->catalogue;
	if (catalogue->layout_html == NULL && loader->errors == 0)
		loader_error(loader, "T03", "layout.html", whole_file, "it is missing");
	if (catalogue->layout_text == NULL && loader->errors == 0)
		loader_error(loader, "T03", "layout.txt", whole_file, "it is missing");
	if (catalogue->messages == NULL && loader->errors == 0)
		loader_error(loader, "T03", "en", whole_file, "the tree holds no messages");
}

struct catalogue *catalogue_load(
    const struct catalogue_file *files, size_t count, const struct catalogue_report *report)
{
	struct catalogue *catalogue = xcalloc(1, sizeof *catalogue);
	catalogue->references = 1;
	catalogue->arena = arena_new();
	struct loader loader = {
	    .catalogue = catalogue, .files = files, .count = count, .report = report};
	snippets_find(&loader);
	load_kind(&loader, 0);
	if (catalogue->contract == NULL && loader.errors == 0)
		loader_error(&loader, "T03", "contract.json", whole_file, "it is missing");
	/* without a contract every further finding would be a false one */
	bool has_contract = loader.errors == 0;
	for (size_t kind = 1; has_contract && kind < sizeof kinds / sizeof *kinds; kind++)
		load_kind(&loader, kind);
	check_whole(&loader);
	mark_words(catalogue);
	if (loader.errors > 0)
		catalogue_unref(&catalogue);
	return catalogue;
}

/* --- end --- */

struct catalogue *catalogue_ref(struct catalogue *catalogue)
{
	must(catalogue->references > 0);
	catalogue->references++;
	return catalogue;
}

static void free_templates(struct catalogue *catalogue)
{
	for (struct message *message = catalogue->messages; message; message = message->next)
		for (int field = 0; field < FIELDS; field++)
			liquid_free(&message->fields[field]);
	for (struct language *language = catalogue->languages; language; language = language->next)
		for (struct word *word = language->words; word; word = word->next)
			liquid_free(&word->text);
	for (struct sample *sample = catalogue->samples; sample; sample = sample->next)
		json_decref(sample->data);
	liquid_free(&catalogue->layout_html);
	liquid_free(&catalogue->layout_text);
}

void catalogue_unref(struct catalogue **catalogue)
{
	struct catalogue *gone = *catalogue;
	*catalogue = NULL;
	if (gone == NULL)
		return;
	must(gone->references > 0);
	if (--gone->references > 0)
		return;
	free_templates(gone);
	json_decref(gone->contract);
	arena_free(&gone->arena);
	xfree(gone);
}

/* --- looking into it --- */

size_t catalogue_count(const struct catalogue *catalogue)
{
	size_t count = 0;
	for (const struct message *message = catalogue->messages; message; message = message->next)
		count++;
	return count;
}

struct catalogue_message catalogue_message(const struct catalogue *catalogue, size_t index)
{
	const struct message *message = catalogue->messages;
	while (message != NULL && index-- > 0)
		message = message->next;
	must(message != NULL);
	return message->is;
}

const struct l10n_phrases *catalogue_phrases(
    const struct catalogue *catalogue, const char *language)
{
	struct str code = str_of(language), base;
	const struct language *found = language_find(catalogue, code);
	base = str_make(code.at, code.len ? strcspn(code.at, "-_") : 0);
	if (found == NULL)
		found = language_find(catalogue, base);
	return found ? &found->phrases : NULL;
}

json_t *catalogue_sample(const struct catalogue *catalogue, const char *name, bool optional)
{
	for (const struct sample *sample = catalogue->samples; sample; sample = sample->next)
		if (text_eq(sample->name, name))
			return json_incref(sample->data);
	const struct event_rule *event = event_find(catalogue, name);
	return event ? contract_sample(catalogue, event, optional) : NULL;
}
