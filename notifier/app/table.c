#include "notifier/app/table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>
#include <unistd.h>

#include "notifier/base/err.h"
#include "notifier/base/str.h"

#define CELL_BYTES 512
#define COLUMN_MIN 6 /* narrower, a cut column says nothing */
#define GAP        2

struct table {
	struct arena *arena;
	const struct table_column *columns;
	size_t count;
	const char **cells; /* row by row */
	size_t rows, capacity;
};

/* --- width ------------------------------------------------------------------------------------ */

static size_t columns_of(UChar32 c)
{
	switch (u_charType(c)) {
	case U_NON_SPACING_MARK:
	case U_ENCLOSING_MARK:
	case U_FORMAT_CHAR:
	case U_CONTROL_CHAR: return 0;
	default: break;
	}
	int width = u_getIntPropertyValue(c, UCHAR_EAST_ASIAN_WIDTH);
	return width == U_EA_FULLWIDTH || width == U_EA_WIDE ? 2 : 1;
}

/* Bytes of the text's start that fit into so many columns; *used is how many they take.
 * NOLINTNEXTLINE(readability-function-size): U8_NEXT is a large macro */
static size_t bytes_within(const char *text, size_t columns, size_t *used)
{
	int32_t at = 0, len = (int32_t)strlen(text);
	*used = 0;
	while (at < len) {
		UChar32 c;
		int32_t next = at;
		U8_NEXT(text, next, len, c);
		size_t width = columns_of(c < 0 ? 0xfffd : c);
		if (*used + width > columns)
			break;
		*used += width;
		at = next;
	}
	return (size_t)at;
}

size_t table_text_columns(const char *text)
{
	size_t used;
	bytes_within(text, SIZE_MAX / 2, &used);
	return used;
}

const char *table_text_fit(struct arena *arena, const char *text, size_t columns)
{
	size_t used;
	if (table_text_columns(text) <= columns)
		return text;
	size_t bytes = bytes_within(text, columns > 0 ? columns - 1 : 0, &used);
	while (bytes > 0 && text[bytes - 1] == ' ')
		bytes--;
	return arena_printf(arena, "%.*s%s", (int)bytes, text, columns > 0 ? "…" : "");
}

size_t table_terminal_columns(FILE *out)
{
	struct winsize size = {0};
	if (!isatty(fileno(out)))
		return 0;
	return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

bool table_terminal_has_colour(FILE *out)
{
	const char *term = getenv("TERM");
	return isatty(fileno(out)) && text_is_empty(getenv("NO_COLOR")) && !text_eq(term, "dumb");
}

/* --- the table -------------------------------------------------------------------------------- */

struct table *table_new(struct arena *arena, const struct table_column *columns, size_t count)
{
	must(count > 0 && count <= TABLE_COLUMNS_MAX);
	struct table *table = arena_alloc(arena, sizeof *table);
	*table = (struct table){.arena = arena, .columns = columns, .count = count};
	return table;
}

void table_add(struct table *table, const char *const *cells)
{
	if (table->rows == table->capacity) {
		size_t capacity = table->capacity ? 2 * table->capacity : 64;
		const char **grown =
		    arena_array(table->arena, capacity * table->count, sizeof *grown);
		if (table->rows > 0)
			memcpy(grown, table->cells, table->rows * table->count * sizeof *grown);
		table->cells = grown;
		table->capacity = capacity;
	}
	const char **row = &table->cells[table->rows++ * table->count];
	for (size_t i = 0; i < table->count; i++) {
		char clean[CELL_BYTES];
		text_clean(clean, sizeof clean, text_is_empty(cells[i]) ? "-" : cells[i]);
		row[i] = arena_strdup(table->arena, clean);
	}
}

size_t table_rows(const struct table *table)
{
	return table->rows;
}

/* The widths of the columns and of the gaps before all but the first; 0: hidden. */
static size_t measure(const struct table *table, size_t *widths, bool hide_empty)
{
	size_t total = 0;
	for (size_t i = 0; i < table->count; i++) {
		bool is_empty = hide_empty;
		widths[i] = table_text_columns(table->columns[i].title);
		for (size_t row = 0; row < table->rows; row++) {
			const char *cell = table->cells[row * table->count + i];
			size_t width = table_text_columns(cell);
			is_empty = is_empty && text_eq(cell, "-");
			if (width > widths[i])
				widths[i] = width;
		}
		if (is_empty)
			widths[i] = 0;
		else
			total += widths[i] + (total > 0 ? GAP : 0);
	}
	return total;
}

/* Takes from the widest column that may be cut, one by one, until all fits or nothing gives. */
static void shrink(const struct table *table, size_t *widths, size_t total, size_t max_columns)
{
	while (total > max_columns) {
		size_t *widest = NULL;
		for (size_t i = 0; i < table->count; i++)
			if (!table->columns[i].is_whole && widths[i] > COLUMN_MIN &&
			    (widest == NULL || widths[i] > *widest))
				widest = &widths[i];
		if (widest == NULL)
			return;
		--*widest;
		total--;
	}
}

static void print_row(
    const struct table *table, FILE *out, const size_t *widths, const char *const *cells)
{
	size_t spaces = 0;
	for (size_t i = 0; i < table->count; i++) {
		if (widths[i] == 0)
			continue;
		const char *text = table_text_fit(table->arena, cells[i], widths[i]);
		fprintf(out, "%*s%s", (int)spaces, "", text);
		spaces = widths[i] - table_text_columns(text) + GAP;
	}
	fputc('\n', out);
}

void table_print(const struct table *table, FILE *out, size_t max_columns, bool is_bold)
{
	size_t widths[TABLE_COLUMNS_MAX];
	const char *titles[TABLE_COLUMNS_MAX];
	size_t total = measure(table, widths, false);
	if (max_columns > 0 && total > max_columns) /* columns with nothing in them go first */
		shrink(table, widths, measure(table, widths, table->rows > 0), max_columns);
	for (size_t i = 0; i < table->count; i++)
		titles[i] = table->columns[i].title;
	fputs(is_bold ? "\033[1m" : "", out);
	print_row(table, out, widths, titles);
	fputs(is_bold ? "\033[0m" : "", out);
	for (size_t row = 0; row < table->rows; row++)
		print_row(table, out, widths, &table->cells[row * table->count]);
}

void table_show(const struct table *table)
{
	table_print(
	    table, stdout, table_terminal_columns(stdout), table_terminal_has_colour(stdout));
}
