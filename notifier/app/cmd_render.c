/* `notifier render`: templates to text, line by line. */
#include <stdio.h>
#include <unistd.h>

#include "notifier/app/command.h"
#include "notifier/app/jsonl.h"
#include "notifier/base/when.h"
#include "notifier/io/loop.h"
#include "notifier/message/l10n.h"
#include "notifier/message/liquid.h"

static bool read_escape(struct jsonl_line *line, enum liquid_escape *out)
{
	static const char *const names[] = {[LIQUID_ESCAPE_NONE] = "none",
	    [LIQUID_ESCAPE_HTML] = "html",
	    [LIQUID_ESCAPE_MARKDOWN] = "markdown"};
	struct str name = str_of("none");
	if (!jsonl_get_text(line, "escape", &name))
		return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_eq(name, names[i])) {
			*out = (enum liquid_escape)i;
			return true;
		}
	return err_set(&line->err, ERR_INPUT, "\"escape\" is none, html or markdown");
}

static bool read_now(struct jsonl_line *line, int64_t *now_ms)
{
	struct str text = {NULL, 0};
	struct when when;
	*now_ms = loop_now_ms();
	if (!jsonl_get_text(line, "now", &text))
		return false;
	if (text.at == NULL)
		return true;
	if (!when_parse(text, &when))
		return err_set(&line->err, ERR_INPUT, "\"now\" must be a time as in RFC 3339");
	*now_ms = when_instant(&when, 0);
	return true;
}

static bool read_l10n(struct jsonl_line *line, const struct l10n **out)
{
	struct str locale = str_of("en"), zone = str_of("UTC");
	if (!jsonl_get_text(line, "locale", &locale) || !jsonl_get_text(line, "zone", &zone))
		return false;
	if (!l10n_zone_is_known(zone.at))
		return err_set(&line->err, ERR_INPUT, "unknown time zone \"%.60s\"", zone.at);
	*out = l10n_for(locale.at, zone.at);
	return true;
}

static bool read_options(struct jsonl_line *line, struct liquid_options *options)
{
	options->arena = line->arena;
	return read_escape(line, &options->escape) && read_now(line, &options->now_ms) &&
	       read_l10n(line, &options->l10n) && jsonl_get_bool(line, "strict", &options->strict);
}

static bool read_partials(struct jsonl_line *line, struct liquid_partials *out)
{
	json_t *object = NULL;
	if (!jsonl_get_object(line, "partials", &object))
		return false;
	size_t size = json_object_size(object);
	struct liquid_partial *items = arena_array(line->arena, size, sizeof *items);
	*out = (struct liquid_partials){items, size};
	for (void *at = json_object_iter(object); at != NULL;
	     at = json_object_iter_next(object, at)) {
		const json_t *source = json_object_iter_value(at);
		items->name = json_object_iter_key(at);
		items->source = str_make(json_string_value(source), json_string_length(source));
		if (!json_is_string(source))
			return err_set(&line->err, ERR_INPUT,
			    "the partial \"%.60s\" must be a text", items->name);
		items++;
	}
	return true;
}

static bool render(struct jsonl_line *line, const struct liquid_source *source, const json_t *data,
    const struct liquid_options *options)
{
	struct liquid_place place = {0, 0};
	struct buf out = BUF_EMPTY(LIQUID_OUTPUT_BYTES);
	struct liquid *template = liquid_compile(source, &line->err, &place);
	bool ok =
	    template != NULL && liquid_render(template, data, options, &out, &line->err, &place);
	if (ok)
		json_object_set_new(line->out, "output", json_stringn(buf_text(&out), out.size));
	line->line = place.line;
	line->column = place.column;
	liquid_free(&template);
	buf_free(&out);
	return ok;
}

static bool render_line(struct jsonl_line *line, void *context)
{
	(void)context;
	struct liquid_options options = {.escape = LIQUID_ESCAPE_NONE};
	struct liquid_partials partials;
	struct str text = {NULL, 0};
	json_t *data = NULL;
	if (!jsonl_get_text(line, "template", &text) || !jsonl_get_object(line, "data", &data) ||
	    !read_options(line, &options) || !read_partials(line, &partials))
		return false;
	if (text.at == NULL)
		return err_set(&line->err, ERR_INPUT, "\"template\" is missing");
	struct liquid_source source = {text, &partials, options.strict};
	return render(line, &source, data, &options);
}

int cmd_render(int argc, char **argv)
{
	struct err err;
	int words;
	if (!options_parse(NULL, 0, argc, argv, &words, &err))
		return options_usage("render", "%s", err.text);
	if (words > 0)
		return options_usage(
		    "render", "unexpected \"%s\": templates come as JSON Lines", argv[1]);
	return jsonl_run("render", STDIN_FILENO, stdout, render_line, NULL);
}
