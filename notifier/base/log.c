#include "notifier/base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "notifier/base/mem.h"
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

/* --- texts that quote others ------------------------------------------------------------------ */

#define SECRETS_MAX  64
#define SECRET_LEAST 6
#define PHONE_LEAST  8 /* digits after the + */

static char *secrets[SECRETS_MAX];
static size_t secret_count;

void log_hide(const char *secret)
{
	if (text_is_empty(secret) || strlen(secret) < SECRET_LEAST || secret_count == SECRETS_MAX)
		return;
	for (size_t i = 0; i < secret_count; i++)
		if (strcmp(secrets[i], secret) == 0)
			return;
	secrets[secret_count++] = xstrdup(secret);
}

static size_t secret_length(const char *text)
{
	for (size_t i = 0; i < secret_count; i++) {
		size_t len = strlen(secrets[i]);
		if (strncmp(text, secrets[i], len) == 0)
			return len;
	}
	return 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_of_contact(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr("@._%+-", c) != NULL);
}

static bool is_contact(const char *run, size_t len)
{
	const char *at = memchr(run, '@', len);
	if (at != NULL)
		return at > run && at + 1 < run + len;
	size_t digits = 1;
	while (digits < len && is_digit(run[digits]))
		digits++;
	return *run == '+' && digits > PHONE_LEAST;
}

static void add_run(struct buf *out, const char *run, size_t len)
{
	char contact[256], redacted[96];
	if (!is_contact(run, len)) {
		buf_add(out, run, len);
		return;
	}
	while (run[len - 1] == '.' || run[len - 1] == '-')
		len--;
	snprintf(contact, sizeof contact, "%.*s", len < 255 ? (int)len : 255, run);
	contact_redact(redacted, sizeof redacted, contact);
	buf_add_text(out, redacted);
}

static void hide_secrets(struct buf *out, const char *text)
{
	while (*text != '\0') {
		size_t len = secret_length(text);
		if (len > 0)
			buf_add_text(out, "***");
		else
			buf_add_char(out, *text);
		text += len > 0 ? len : 1;
	}
}

static void hide_contacts(struct buf *out, const char *text)
{
	while (*text != '\0') {
		size_t len = 0;
		while (is_of_contact(text[len]))
			len++;
		if (len > 0)
			add_run(out, text, len);
		else
			buf_add_char(out, *text);
		text += len > 0 ? len : 1;
	}
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

static void add_text(struct buf *line, const char *text)
{
	struct buf open = BUF_EMPTY(8192), hidden = BUF_EMPTY(8192);
	if (text != NULL) {
		hide_secrets(&open, text);
		hide_contacts(&hidden, buf_text(&open));
	}
	add_value(line, text ? buf_text(&hidden) : NULL);
	buf_free(&open);
	buf_free(&hidden);
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
	case FIELD_END: add_text(line, field->text); break;
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
