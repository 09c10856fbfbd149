#include "notifier/app/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "notifier/base/str.h"

#define ROWS_MAX 32

/* The row of "--name" or "--name=value"; *value is what follows the "=", or NULL. */
static const struct options_row *find_row(
    const struct options_row *rows, size_t count, const char *argument, const char **value)
{
	size_t len = strcspn(argument, "=");
	*value = argument[len] == '=' ? argument + len + 1 : NULL;
	for (size_t i = 0; i < count; i++)
		if (strlen(rows[i].name) == len && strncmp(rows[i].name, argument, len) == 0)
			return &rows[i];
	return NULL;
}

static bool refuse_unknown(
    const struct options_row *rows, size_t count, const char *argument, struct err *err)
{
	const char *names[ROWS_MAX + 1] = {"--help"};
	must(count <= ROWS_MAX);
	for (size_t i = 0; i < count; i++)
		names[i + 1] = rows[i].name;
	char name[64];
	snprintf(name, sizeof name, "%.*s", (int)strcspn(argument, "="), argument);
	const char *nearest = text_nearest(name, names, count + 1);
	if (nearest == NULL)
		return err_set(err, ERR_INPUT, "unknown option %s", name);
	return err_set(err, ERR_INPUT, "unknown option %s; did you mean %s?", name, nearest);
}

/* Stores one option; *at is moved over a value that stands in its own argument. */
static bool take_option(const struct options_row *row, const char *value, int argc, char **argv,
    int *at, struct err *err)
{
	if (row->is_on != NULL) {
		*row->is_on = true;
		return value == NULL || err_set(err, ERR_INPUT, "%s takes no value", row->name);
	}
	if (value == NULL && *at + 1 < argc)
		value = argv[++*at];
	if (text_is_empty(value))
		return err_set(err, ERR_INPUT, "%s needs a value", row->name);
	*row->text = value;
	return true;
}

bool options_parse(const struct options_row *rows, size_t count, int argc, char **argv, int *words,
    struct err *err)
{
	bool is_over = false;
	*words = 0;
	for (int i = 1; i < argc; i++) {
		if (is_over || argv[i][0] != '-' || argv[i][1] == '\0') {
			argv[++*words] = argv[i];
			continue;
		}
		if (text_eq(argv[i], "--")) {
			is_over = true;
			continue;
		}
		const char *value;
		const struct options_row *row = find_row(rows, count, argv[i], &value);
		if (row == NULL)
			return refuse_unknown(rows, count, argv[i], err);
		if (!take_option(row, value, argc, argv, &i, err))
			return false;
	}
	return true;
}

bool options_ask_help(int argc, char **argv)
{
	for (int i = 1; i < argc && !text_eq(argv[i], "--"); i++)
		if (text_eq(argv[i], "--help") || text_eq(argv[i], "-h"))
			return true;
	return false;
}

int options_usage(const char *command, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "notifier %s: ", command);
	vfprintf(stderr, format, args);
	fprintf(stderr, " (notifier help %s explains)\n", command);
	va_end(args);
	return EXIT_USAGE;
}

int options_failed(const char *command, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "notifier %s: ", command);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return EXIT_FAILED;
}
