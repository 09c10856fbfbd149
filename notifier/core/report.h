/* A report: a carrier's whole answer about one shipment, in normal form, as adapters produce it.
 *
 * Rules of the form (the public contract of `notifier parse`):
 * - times are texts: YYYY-MM-DDTHH:MM:SS, with an offset (Z or ±HH:MM) if and only if the carrier
 *   gave one; a date alone stays YYYY-MM-DD; fractions of seconds are cut; no zone is guessed;
 * - checkpoints are oldest first, stably sorted by instant (no offset: compared as if UTC), exact
 *   duplicates dropped;
 * - status comes from codes; the carrier's own current status wins over the newest checkpoint's;
 * - eta: the carrier's latest estimate; one at exactly 00:00:00 is cut to its date.
 * All memory belongs to the arena that the parser was given.  NULL means "not given".
 */
#ifndef CORE_REPORT_H
#define CORE_REPORT_H
#include <stdbool.h>
#include <stddef.h>

#include "notifier/base/mem.h"
#include "notifier/core/status.h"

struct checkpoint {
	const char *time;
	enum status status;
	enum reason reason;
	const char *code, *description, *place;
};

struct eta { /* both NULL: none */
	const char *from, *to;
};

enum report_error {
	REPORT_OK,
	REPORT_NOT_FOUND,
	REPORT_INVALID_NUMBER,
	REPORT_NOT_REGISTERED,
	REPORT_AUTH,
	REPORT_FORBIDDEN,
	REPORT_QUOTA,
	REPORT_BAD_REQUEST,
	REPORT_CARRIER_ERROR,
	REPORT_ERRORS
};
const char *report_error_name(enum report_error error); /* "not_found", …; NULL for REPORT_OK */

struct report {
	const char *carrier;         /* the adapter */
	const char *tracking_number; /* NULL only with an error about the whole request */
	enum report_error error;
	const char *error_message; /* the carrier's text, white space collapsed */

	const char *actual_carrier; /* aggregators: who moves it, verbatim */
	enum status status;
	enum reason reason;
	struct eta eta;
	struct checkpoint *checkpoints;
	size_t checkpoint_count;
	struct {
		const char *name, *address, *until, *code;
	} pickup;
	struct {
		const char *amount, *currency, *due;
	} duties;
	const char *delivered_place;
};

/* What one answer or webhook yields.  Grows in its arena. */
struct report_set {
	struct arena *arena;
	struct report *reports;
	size_t count, capacity;
};

void report_set_init(struct report_set *set, struct arena *arena);
/* Appends an empty report and returns it; the pointer is good until the next call. */
struct report *report_set_add(struct report_set *set);

/* Builder for the checkpoints of one report; memory from the arena. */
struct checkpoint_list {
	struct arena *arena;
	struct checkpoint *items;
	size_t count, capacity;
};
void checkpoint_list_init(struct checkpoint_list *list, struct arena *arena);
struct checkpoint *checkpoint_list_add(struct checkpoint_list *list);
/* Puts the list into normal form (reversed first where the carrier sends newest first, then
 * sorted, then exact duplicates dropped) and hands it to the report.  At most the newest
 * REPORT_MAX_CHECKPOINTS are kept: nobody needs a tenth thousandth scan. */
#define REPORT_MAX_CHECKPOINTS 500
void report_take_checkpoints(
    struct report *report, struct checkpoint_list *list, bool newest_first);
#endif
