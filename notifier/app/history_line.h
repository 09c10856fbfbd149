/* One record of a shipment's history as it stands in Redis: a line of text, because a million
 * shipments pay for every letter, and because scripts, people and two versions of this program
 * read it too.
 *
 *     1KIND AT <tab> FIELD <tab> FIELD … <newline>      (no blanks) stands alone
 *     +FIELD <tab> FIELD … <newline>                    leans on the line before it
 *
 * "1" is the version of the form: lines of another one are passed over.  KIND is a letter, AT an
 * instant; numbers are base 36, 0 is the empty field, and empty fields at the end are left out.
 * A line that leans has the kind and the instant of the one before; an empty field is as it was
 * there, any other begins with how many bytes it shares with it ('0' + n), and goes on from there.
 * Lines that lean are written by the same commit as the line they lean on and never parted from it
 * (scripts/history.lua).  No field holds a control character.
 */
#ifndef APP_HISTORY_LINE_H
#define APP_HISTORY_LINE_H
#include <stdbool.h>
#include <stdint.h>

#include "notifier/base/mem.h"
#include "notifier/base/str.h"

struct history_line { /* everything belongs to the arena */
	struct arena *arena;
	char kind;
	int64_t at_ms;
	const char **fields;
	size_t count, capacity;
};

#define HISTORY_TEXT_MAX 200 /* bytes of one field: the rest of a long description helps nobody */

struct history_line history_line_new(struct arena *arena, char kind, int64_t at_ms);
void history_line_add(struct history_line *line, const char *text); /* cleaned and cut */
void history_line_add_int(struct history_line *line, int64_t number);
/* Enums of one line share a field: a letter each, by their number. */
void history_line_add_letters(struct history_line *line, const unsigned *values, size_t count);
/* before: the line written just before by the same commit, of the same kind, instant and number
 * of fields; NULL: it stands alone. */
void history_line_write(
    struct buf *out, const struct history_line *line, const struct history_line *before);

/* Reads the line without its newline; before: the last one, for a line that leans on it (NULL:
 * there is none that could be read).  False: damaged, or of another version. */
bool history_line_read(struct history_line *out, struct str text, const struct history_line *before,
    struct arena *arena);
const char *history_line_text(const struct history_line *line, size_t field); /* NULL: empty */
int64_t history_line_int(const struct history_line *line, size_t field); /* 0: empty, damaged */
/* The nth letter of a field as a number; 0 for what is not there or not below `below`. */
unsigned history_line_letter(
    const struct history_line *line, size_t field, size_t nth, unsigned below);
#endif
