/* The scripts that sandbox parcels play: pure tables and the function that reads them at a time.
 *
 * A number chooses its script and the shape of the answer: SANDBOX-DELAYED-7 (our own normal form),
 * SBD-DELAYED-7 (as DHL would tell it), SBF-DELAYED-7 (as FedEx would).  Everything follows from
 * the number, the instant at which its script started, the time and the zone, so any number of
 * servers and restarts tell the same story.
 *
 * Rows of the first day (under 24) count hours from the start; later rows are hours on the wall
 * clock since the midnight before it, so that vans leave in the morning whenever one begins.
 */
#ifndef CARRIERS_SANDBOX_SCRIPT_H
#define CARRIERS_SANDBOX_SCRIPT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notifier/base/mem.h"
#include "notifier/core/report.h"

/* What the sandbox courier says, and how the two big ones say it. */
struct sandbox_code {
	const char *code; /* "OUT" */
	enum status status;
	enum reason reason;
	const char *description;
	const char *dhl_word, *dhl_scan;           /* statusCode; DHL Express scan code or NULL */
	const char *fedex_event;                   /* eventType */
	const char *fedex_exception, *fedex_delay; /* exceptionCode; delayDetail.type; NULL: none */
};
const struct sandbox_code *sandbox_code_find(const char *code); /* NULL: none */

struct sandbox_row {
	double at_h;
	const char *code; /* a sandbox_code */
	const char *place;
	double eta_from_h, eta_to_h; /* the new promise; both 0: the old one stands */
	const char *description;     /* NULL: the code's own */
};

struct sandbox_script {
	const char *name; /* "DELAYED" */
	const char *help; /* one sentence for people */
	const struct sandbox_row *rows;
	size_t row_count;
	double hidden_h; /* until then the courier does not know the number */
	const char *delivered_place;
	struct {
		const char *name, *address, *code;
		double until_h;
	} pickup;
	struct {
		const char *amount, *currency;
		double due_h;
	} duties;
};

size_t sandbox_script_count(void);
const struct sandbox_script *sandbox_script_at(size_t index);

enum sandbox_shape { SANDBOX_NATIVE, SANDBOX_DHL, SANDBOX_FEDEX };
/* The script of a number (in any case, with or without something after the name), or NULL; shape
 * may be NULL. */
const struct sandbox_script *sandbox_script_find(const char *number, enum sandbox_shape *shape);

/* What the courier knows of a number at now_ms.  A number without a script, and one that is still
 * hidden, is a report with REPORT_NOT_FOUND.  Texts live in the arena or for ever. */
void sandbox_report(const char *number, int64_t started_at_ms, int64_t now_ms, int offset_s,
    struct report *out, struct arena *arena);
/* The instant of the next row after now_ms (when to push a webhook), or NEVER_MS. */
int64_t sandbox_next_ms(const char *number, int64_t started_at_ms, int64_t now_ms, int offset_s);
#endif
