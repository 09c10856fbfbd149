#include "notifier/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *context_what, *context_step;

static const char *const kind_names[ERR_KINDS] = {
    [ERR_NONE] = "none",
    [ERR_TRANSIENT] = "transient",
    [ERR_THROTTLED] = "throttled",
    [ERR_AUTH] = "auth",
    [ERR_INPUT] = "input",
    [ERR_PERMANENT] = "permanent",
    [ERR_AMBIGUOUS] = "ambiguous",
    [ERR_CANCELLED] = "cancelled",
};

bool err_set(struct err *err, enum err_kind kind, const char *format, ...)
{
	if (err == NULL)
		return false;
	va_list args;
	va_start(args, format);
	err->kind = kind;
	err->retry_after_ms = 0;
	vsnprintf(err->text, sizeof err->text, format, args);
	va_end(args);
	return false;
}

bool err_prefix(struct err *err, const char *format, ...)
{
	if (err == NULL)
		return false;
	char old[sizeof err->text];
	memcpy(old, err->text, sizeof old);
	va_list args;
	va_start(args, format);
	int used = vsnprintf(err->text, sizeof err->text, format, args);
	va_end(args);
	if (used >= 0 && (size_t)used < sizeof err->text)
		snprintf(err->text + used, sizeof err->text - (size_t)used, ": %.*s",
		    (int)(sizeof err->text - (size_t)used - 3), old);
	return false;
}

const char *err_kind_name(enum err_kind kind)
{
	return kind < ERR_KINDS ? kind_names[kind] : "unknown";
}

void must_context(const char *what, const char *step)
{
	context_what = what;
	context_step = step;
}

void must_failed(const char *condition, const char *file, int line, const char *where)
{
	fprintf(stderr, "notifier: broken promise: %s (%s:%d, %s", condition, file, line, where);
	if (context_what != NULL)
		fprintf(
		    stderr, "; in %s, step %s", context_what, context_step ? context_step : "-");
	fprintf(stderr, ")\n");
	abort();
}
