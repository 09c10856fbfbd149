/* Tables and sheets for people: aligned by what a terminal shows (wide and combining characters of
 * UTF-8), cut to its width.  Invariant: no control character of a cell reaches the terminal.
 */
#ifndef APP_TABLE_H
#define APP_TABLE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "notifier/base/mem.h"

#define TABLE_COLUMNS_MAX 12

struct table_column {
	const char *title;
	bool is_whole; /* never cut: ids and what else is copied from the screen */
};
struct table;
/* The table and its cells belong to the arena; the columns are borrowed. */
struct table *table_new(struct arena *arena, const struct table_column *columns, size_t count);
/* One row: as many cells as columns, copied; NULL and "" show as "-". */
void table_add(struct table *table, const char *const *cells);
size_t table_rows(const struct table *table);
/* max_columns 0: not cut.  is_bold: the titles in bold (a terminal that takes colour). */
void table_print(const struct table *table, FILE *out, size_t max_columns, bool is_bold);
void table_show(const struct table *table); /* on stdout, as it fits there */

/* How many columns of a terminal the text takes (UAX #11; combining marks take none). */
size_t table_text_columns(const char *text);
/* Cuts to so many columns, with "…" where something is gone; memory from the arena. */
const char *table_text_fit(struct arena *arena, const char *text, size_t columns);
/* The width of the terminal that out is; 0: it is none. */
size_t table_terminal_columns(FILE *out);
bool table_terminal_has_colour(FILE *out); /* a terminal, and NO_COLOR is not set (no-color.org) */
#endif
