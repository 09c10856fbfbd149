/* Tables in CSV files (RFC 4180; UTF-8), plain or gzipped: one row at a time, columns by name.
 * Invariant: fields are valid until the next csv_next.
 */
#ifndef APP_CSV_H
#define APP_CSV_H
#include <stdbool.h>
#include <stddef.h>

#include "notifier/base/err.h"
#include "notifier/base/str.h"

#define CSV_COLUMNS_MAX 64
#define CSV_ROW_BYTES   (1 << 16)

struct csv;
/* Opens and reads the header row.  NULL: err says why.  csv_close accepts NULL inside. */
struct csv *csv_open(const char *path, struct err *err);
void csv_close(struct csv **csv);
size_t csv_column_count(const struct csv *csv);
const char *csv_column_name(const struct csv *csv, size_t column);
/* The index of a column, or -1. */
int csv_column(const struct csv *csv, const char *name);
/* Fills columns[i] with the index of names[i]; false: one is missing, err names it. */
CHECK_RESULT bool csv_columns(
    const struct csv *csv, const char *const *names, size_t count, int *columns, struct err *err);
/* The next row.  False at the end (err->kind is ERR_NONE) or when the file is broken. */
bool csv_next(struct csv *csv, struct err *err);
/* The field of this row; empty where the row is short or the column is -1. */
struct str csv_field(const struct csv *csv, int column);
long csv_line(const struct csv *csv); /* of the file, from 1, for error messages */
#endif
