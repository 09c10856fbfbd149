#include "notifier/base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "notifier/base/str.h"
#include "notifier/base/when.h"

static enum log_level least_level = LOG_INFO;
static int64_t (*clock_now_ms)(void);
static void (*line_sink)(const char *line, size_t len);

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};

void log_set_level(enum log_level least)
{
	least_level = least;
}

bool log_level_parse(const char *name, enum log_level *out)
{
	for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++)
		if (strcmp(name, level_names[i]) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	return false;
}

void log_set_clock(int64_t (*now_ms)(void))
{
	clock_now_ms = now_ms;
}

void log_set_sink(void (*sink)(const char *line, size_t len))
{
	line_sink = sink;
}

static void redact_email(char *out, size_t out_bytes, const char *email, const char *at)
{
	const char *dot = strrchr(at, '.');
	snprintf(out, out_bytes, "%.1s***@%.1s***%s", email, at + 1, dot ? dot : "");
}

void contact_redact(char *out, size_t out_bytes, const char *contact)
{
	if (text_is_empty(contact)) {
		snprintf(out, out_bytes, "-");
		return;
	}
	const char *at = strrchr(contact, '@');
	size_t len = strlen(contact);
	if (at != NULL)
		redact_email(out, out_bytes, contact, at);
	else if (len >= 9)
		snprintf(out, out_bytes, "%.5s…%s", contact, contact + len - 2);
	else
		snprintf(out, out_bytes, "***");
}

/* Quotes only where a reader or a parser would stumble (the logfmt habit). */
static void add_value(struct buf *line, const char *text)
{
	if (text == NULL) {
		buf_add_char(line, '-');
		return;
	}
	bool plain = *text != '\0' && strpbrk(text, " =\"\\") == NULL;
	for (const char *p = text; plain && *p; p++)
		plain = (unsigned char)*p >= 0x20 && *p != 0x7f;
	if (plain) {
		buf_add_text(line, text);
		return;
	}
	buf_add_char(line, '"');
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_add_char(line, '\\');
		if (*p == '\n')
			buf_add_text(line, "\\n");
		else if ((unsigned char)*p >= 0x20)
			buf_add_char(line, *p);
	}
	buf_add_char(line, '"');
}

static void add_field(struct buf *line, const struct log_field *field)
{
	char redacted[96];
	buf_printf(line, " %s=", field->key);
	switch (field->type) {
	case FIELD_INT: buf_printf(line, "%lld", (long long)field->number); break;
	case FIELD_CONTACT:
		contact_redact(redacted, sizeof redacted, field->text);
		add_value(line, redacted);
		break;
	case FIELD_SECRET: buf_add_text(line, "***"); break;
	case FIELD_TEXT:
	case FIELD_END: add_value(line, field->text); break;
	}
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
	if (level < least_level)
		return;
	struct buf line = BUF_EMPTY(8192);
	if (clock_now_ms != NULL) {
		char time[WHEN_BYTES];
		when_format_utc(time, clock_now_ms());
		buf_printf(&line, "time=%s ", time);
	}
	buf_printf(&line, "level=%s event=%s", level_names[level], event);
	for (; fields->type != FIELD_END; fields++)
		add_field(&line, fields);
	if (line_sink != NULL) {
		line_sink(buf_text(&line), line.size);
	} else {
		buf_add_char(&line, '\n');
		ssize_t written = write(STDERR_FILENO, buf_text(&line), line.size);
		(void)written; /* nobody left to tell */
	}
	buf_free(&line);
}
