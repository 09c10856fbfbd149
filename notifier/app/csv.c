#include "notifier/app/csv.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "notifier/base/mem.h"

struct csv {
	char *path;
	gzFile file; /* reads plain files too */
	long line;
	char row[CSV_ROW_BYTES]; /* fields, unquoted in place */
	size_t count;
	struct str fields[CSV_COLUMNS_MAX];
	size_t column_count;
	char *names[CSV_COLUMNS_MAX];
};

/* Parts the row at commas; quoted fields lose their quotes, "" inside becomes ". */
static bool row_split(struct csv *csv, size_t length)
{
	char *at = csv->row, *end = csv->row + length;
	for (csv->count = 0; csv->count < CSV_COLUMNS_MAX; at++) {
		char *start = at, *out = at;
		bool quoted = false;
		for (; at < end && (quoted || *at != ','); at++) {
			if (*at != '"')
				*out++ = *at;
			else if (quoted && at + 1 < end && at[1] == '"')
				*out++ = *at++;
			else
				quoted = !quoted;
		}
		csv->fields[csv->count++] = str_make(start, (size_t)(out - start));
		if (at >= end)
			return !quoted;
	}
	return false;
}

static bool quotes_are_open(const char *text, size_t length)
{
	bool open = false;
	for (size_t i = 0; i < length; i++)
		open ^= text[i] == '"';
	return open;
}

/* Reads one row, which may span lines inside quotes; length 0 and true at the end. */
static bool row_read(struct csv *csv, size_t *length, struct err *err)
{
	long start = csv->line + 1;
	*length = 0;
	do {
		if (!gzgets(csv->file, csv->row + *length, (int)(CSV_ROW_BYTES - *length))) {
			int code;
			const char *why = gzerror(csv->file, &code);
			if (code != Z_OK && code != Z_STREAM_END)
				return err_set(err, ERR_INPUT, "%s: %s", csv->path, why);
			if (*length == 0)
				return true;
			return err_set(err, ERR_INPUT, "%s:%ld: a quote is left open until the end",
			    csv->path, start);
		}
		*length += strlen(csv->row + *length);
		csv->line++;
		if (*length + 1 >= CSV_ROW_BYTES)
			return err_set(err, ERR_INPUT, "%s:%ld: a row over %d bytes", csv->path,
			    csv->line, CSV_ROW_BYTES);
	} while (memchr(csv->row, '"', *length) && quotes_are_open(csv->row, *length));
	return true;
}

bool csv_next(struct csv *csv, struct err *err)
{
	size_t length;
	*err = (struct err){0};
	do {
		if (!row_read(csv, &length, err) || length == 0)
			return false;
		while (length > 0 && strchr("\r\n", csv->row[length - 1]))
			length--;
	} while (length == 0);
	if (!row_split(csv, length))
		return err_set(err, ERR_INPUT, "%s:%ld: more than %d columns, or an open quote",
		    csv->path, csv->line, CSV_COLUMNS_MAX);
	return true;
}

/* Spreadsheets put one in front of UTF-8. */
static void skip_byte_order_mark(struct str *field)
{
	if (str_starts(*field, "\xef\xbb\xbf"))
		*field = str_make(field->at + 3, field->len - 3);
}

struct csv *csv_open(const char *path, struct err *err)
{
	errno = 0;
	gzFile file = gzopen(path, "rb");
	if (!file) {
		err_set(err, ERR_INPUT, "%s: cannot open: %s", path, strerror(errno));
		return NULL;
	}
	gzbuffer(file, 1 << 17);
	struct csv *csv = xcalloc(1, sizeof *csv);
	csv->path = xstrdup(path);
	csv->file = file;
	if (!csv_next(csv, err)) {
		if (err->kind == ERR_NONE)
			err_set(err, ERR_INPUT, "%s: empty; a header row is expected", path);
		csv_close(&csv);
		return NULL;
	}
	skip_byte_order_mark(&csv->fields[0]);
	for (size_t i = 0; i < csv->count; i++)
		csv->names[i] = xstrndup(csv->fields[i].at, csv->fields[i].len);
	csv->column_count = csv->count;
	return csv;
}

void csv_close(struct csv **csv)
{
	if (!*csv)
		return;
	for (size_t i = 0; i < (*csv)->column_count; i++)
		xfree((*csv)->names[i]);
	gzclose((*csv)->file);
	xfree((*csv)->path);
	xfree(*csv);
	*csv = NULL;
}

size_t csv_column_count(const struct csv *csv)
{
	return csv->column_count;
}

const char *csv_column_name(const struct csv *csv, size_t column)
{
	return csv->names[column];
}

int csv_column(const struct csv *csv, const char *name)
{
	for (size_t i = 0; i < csv->column_count; i++)
		if (text_eq(csv->names[i], name))
			return (int)i;
	return -1;
}

bool csv_columns(
    const struct csv *csv, const char *const *names, size_t count, int *columns, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		columns[i] = csv_column(csv, names[i]);
		if (columns[i] < 0)
			return err_set(err, ERR_INPUT, "%s: no column \"%s\"", csv->path, names[i]);
	}
	return true;
}

struct str csv_field(const struct csv *csv, int column)
{
	if (column < 0 || (size_t)column >= csv->count)
		return (struct str){0};
	return csv->fields[column];
}

long csv_line(const struct csv *csv)
{
	return csv->line;
}
