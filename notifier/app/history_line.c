#include "notifier/app/history_line.h"

#include <string.h>

#include "notifier/base/err.h"

#define VERSION   '1'
#define LEANS     '+'
#define SHARE_MAX ('~' - '0') /* bytes: what one printable character can say */
#define INT_BYTES 16          /* sign, 13 digits, NUL */

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

static const char *int_format(char out[INT_BYTES], int64_t number)
{
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	char *at = out + INT_BYTES - 1;
	*at = '\0';
	for (; rest > 0; rest /= 36)
		*--at = digits[rest % 36];
	if (number < 0)
		*--at = '-';
	return at;
}

static bool int_parse(struct str text, int64_t *out)
{
	bool is_negative = text.len > 0 && text.at[0] == '-';
	int64_t number = 0; /* counted downwards: there is one more below 0 than above */
	for (size_t i = is_negative; i < text.len; i++) {
		const char *digit = memchr(digits, text.at[i], sizeof digits - 1);
		if (digit == NULL || __builtin_mul_overflow(number, 36, &number) ||
		    __builtin_sub_overflow(number, digit - digits, &number))
			return false;
	}
	*out = number;
	return is_negative || !__builtin_sub_overflow(0, number, out);
}

static void push(struct history_line *line, const char *text)
{
	if (line->count == line->capacity) {
		size_t capacity = line->capacity ? line->capacity * 2 : 8;
		const char **fields = arena_array(line->arena, capacity, sizeof *fields);
		if (line->count > 0)
			memcpy(fields, line->fields, line->count * sizeof *fields);
		line->fields = fields;
		line->capacity = capacity;
	}
	line->fields[line->count++] = text;
}

struct history_line history_line_new(struct arena *arena, char kind, int64_t at_ms)
{
	return (struct history_line){.arena = arena, .kind = kind, .at_ms = at_ms};
}

void history_line_add(struct history_line *line, const char *text)
{
	char clean[HISTORY_TEXT_MAX];
	text_clean(clean, sizeof clean, text);
	push(line, *clean ? arena_strdup(line->arena, clean) : "");
}

void history_line_add_int(struct history_line *line, int64_t number)
{
	char text[INT_BYTES];
	push(line, number ? arena_strdup(line->arena, int_format(text, number)) : "");
}

void history_line_add_letters(struct history_line *line, const unsigned *values, size_t count)
{
	char *text = arena_alloc(line->arena, count + 1);
	for (size_t i = 0; i < count; i++) {
		must(values[i] <= 'z' - 'a');
		text[i] = (char)('a' + values[i]);
	}
	push(line, text);
}

/* --- out -------------------------------------------------------------------------------------- */

static void write_shared(struct buf *out, const char *text, const char *before)
{
	size_t shared = 0;
	if (strcmp(text, before) == 0)
		return;
	while (shared < SHARE_MAX && text[shared] != '\0' && text[shared] == before[shared])
		shared++;
	buf_add_char(out, (char)('0' + shared));
	buf_add_text(out, text + shared);
}

void history_line_write(
    struct buf *out, const struct history_line *line, const struct history_line *before)
{
	char at[INT_BYTES];
	must(before == NULL || (before->kind == line->kind && before->at_ms == line->at_ms &&
	                           before->count == line->count));
	buf_add_char(out, before ? LEANS : VERSION);
	if (before == NULL) {
		buf_add_char(out, line->kind);
		buf_add_text(out, int_format(at, line->at_ms));
	}
	size_t end = out->size;
	for (size_t i = 0; i < line->count; i++) {
		if (i > 0 || before == NULL)
			buf_add_char(out, '\t');
		size_t start = out->size;
		if (before != NULL)
			write_shared(out, line->fields[i], before->fields[i]);
		else
			buf_add_text(out, line->fields[i]);
		if (out->size > start)
			end = out->size;
	}
	out->size = end; /* without the empty ones at the end */
	buf_add_char(out, '\n');
}

/* --- in --------------------------------------------------------------------------------------- */

static bool read_head(struct str head, struct history_line *out)
{
	if (head.len < 2 || head.at[0] != VERSION)
		return false;
	out->kind = head.at[1];
	return int_parse(str_make(head.at + 2, head.len - 2), &out->at_ms);
}

/* NULL: it says that it shares what is not there. */
static const char *read_shared(struct str text, const char *before, struct arena *arena)
{
	if (text.len == 0)
		return before;
	size_t shared = (size_t)((unsigned char)text.at[0] - (unsigned char)'0');
	if (shared > SHARE_MAX || shared > strlen(before))
		return NULL;
	char *whole = arena_alloc(arena, shared + text.len);
	memcpy(whole, before, shared);
	memcpy(whole + shared, text.at + 1, text.len - 1);
	return whole;
}

static bool read_leaning(
    struct history_line *out, struct str text, const struct history_line *before)
{
	if (before == NULL)
		return false;
	out->kind = before->kind;
	out->at_ms = before->at_ms;
	for (size_t i = 0; i < before->count || text.at != NULL; i++) {
		struct str field;
		text = str_cut(text, '\t', &field);
		const char *was = i < before->count ? before->fields[i] : "";
		const char *whole = read_shared(field, was, out->arena);
		if (whole == NULL || (whole != was && !utf8_is_valid(whole, strlen(whole))))
			return false;
		push(out, whole);
	}
	return true;
}

bool history_line_read(struct history_line *out, struct str text, const struct history_line *before,
    struct arena *arena)
{
	struct str head;
	*out = history_line_new(arena, '\0', 0);
	if (text.len > 0 && text.at[0] == LEANS)
		return read_leaning(out, str_make(text.at + 1, text.len - 1), before);
	text = str_cut(text, '\t', &head);
	if (!read_head(head, out) || !utf8_is_valid(text.at, text.len))
		return false;
	while (text.at != NULL) {
		struct str field;
		text = str_cut(text, '\t', &field);
		push(out, arena_strndup(arena, field.at, field.len));
	}
	return true;
}

const char *history_line_text(const struct history_line *line, size_t field)
{
	return field < line->count && *line->fields[field] ? line->fields[field] : NULL;
}

int64_t history_line_int(const struct history_line *line, size_t field)
{
	int64_t number = 0;
	return int_parse(str_of(history_line_text(line, field)), &number) ? number : 0;
}

unsigned history_line_letter(
    const struct history_line *line, size_t field, size_t nth, unsigned below)
{
	struct str text = str_of(history_line_text(line, field));
	unsigned value = nth < text.len ? (unsigned)(unsigned char)text.at[nth] - 'a' : 0;
	return value < below ? value : 0;
}
