/* Secrets and the environment: ${NAME} inside values, and files that only we can read. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/app/config_table.h"
#include "notifier/base/log.h"
#include "notifier/io/files.h"

#define SECRET_BYTES (64 * 1024)

const char *config_path_resolve(const struct config_loader *loader, const char *path)
{
	if (path[0] == '/' || loader->dir == NULL)
		return path;
	return arena_printf(loader->scratch, "%s/%s", loader->dir, path);
}

/* The length of "NAME" in "NAME}…", or 0. */
static size_t variable_len(const char *text)
{
	size_t len = 0;
	while (isalnum((unsigned char)text[len]) || text[len] == '_')
		len++;
	return text[len] == '}' && !isdigit((unsigned char)text[0]) ? len : 0;
}

/* Adds the value of the variable that text begins with; returns what follows, or NULL. */
static const char *add_variable(const struct config_value *value, const char *text, struct buf *out)
{
	size_t len = variable_len(text);
	if (len == 0) {
		config_error(value, "expected ${NAME} of letters, digits and _ (a literal ${ is "
		                    "written $${)");
		return NULL;
	}
	const char *name = arena_strndup(value->loader->scratch, text, len);
	const char *found = getenv(name);
	if (found == NULL) {
		config_error(value, "environment variable %s is not set", name);
		return NULL;
	}
	for (const char *p = found; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f) {
			config_error(
			    value, "environment variable %s holds a control character", name);
			return NULL;
		}
	buf_add_text(out, found);
	return text + len + 1;
}

static bool expand_into(const struct config_value *value, const char *text, struct buf *out)
{
	const char *dollar;
	while ((dollar = strstr(text, "${")) != NULL) {
		bool escaped = dollar > text && dollar[-1] == '$';
		buf_add(out, text, (size_t)(dollar - text) - (escaped ? 1 : 0));
		if (escaped) {
			buf_add_text(out, "${");
			text = dollar + 2;
			continue;
		}
		text = add_variable(value, dollar + 2, out);
		if (text == NULL)
			return false;
	}
	buf_add_text(out, text);
	return !out->overflowed || config_error(value, "longer than %d bytes", SECRET_BYTES);
}

const char *config_secret_expand(const struct config_value *value, const char *text)
{
	if (strstr(text, "${") == NULL)
		return text;
	struct buf out = BUF_EMPTY(SECRET_BYTES);
	const char *expanded = expand_into(value, text, &out)
	                           ? arena_strdup(value->loader->config->arena, buf_text(&out))
	                           : NULL;
	buf_free(&out);
	return expanded;
}

static bool check_secret_text(const struct config_value *value, struct str text)
{
	if (text.len == 0)
		return config_error(value, "the file is empty");
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
			return config_error(
			    value, "the file holds more than one line, or a control character");
	return true;
}

static bool read_secret_file(const struct config_value *value, const char *path, const char **out)
{
	struct err err;
	struct str text;
	if (!files_exists(path))
		return config_error(value, "there is no file %s", path);
	if (!files_is_private(path))
		return config_error(
		    value, "others can read %s; close it with: chmod 600 %s", path, path);
	if (!files_read(path, SECRET_BYTES, value->loader->scratch, &text, &err))
		return config_error(value, "%s", err.text);
	if (text.len > 0 && text.at[text.len - 1] == '\n')
		text.len -= text.len > 1 && text.at[text.len - 2] == '\r' ? 2 : 1;
	if (!check_secret_text(value, text))
		return false;
	*out = arena_strndup(value->loader->config->arena, text.at, text.len);
	return true;
}

/* The name to which "_file" can be added; an item of `secrets` has none of its own. */
static const char *file_option(const struct config_option *row)
{
	const char *dot = strrchr(row->path, '.');
	if (row->type == OPTION_HOOK_SECRETS)
		return "secret";
	return dot ? dot + 1 : row->path;
}

bool config_secret_get(struct config_value *value, const char **out)
{
	const char *text = config_secret_expand(value, value->node->text);
	*out = NULL;
	if (text == NULL)
		return false;
	if (value->place.is_file) {
		bool ok = *text == '\0' ||
		          read_secret_file(value, config_path_resolve(value->loader, text), out);
		log_hide(*out); /* providers quote it in their refusals */
		return ok;
	}
	bool from_outside = text != value->node->text;
	if (from_outside && *text == '\0')
		return config_error(value, "the environment variable is empty");
	if (!from_outside && *text != '\0')
		config_warning(value,
		    "a secret stands in the configuration; better \"${NAME}\" from the "
		    "environment, "
		    "or %s_file",
		    file_option(value->place.row));
	*out = *text == '\0' ? NULL : text;
	log_hide(*out);
	return true;
}
