/* Statuses, reasons and events: enums and the tables behind them (status.def is the source).
 * Invariant: every name round-trips, and 0 is always the harmless value (unknown, none).
 */
#ifndef CORE_STATUS_H
#define CORE_STATUS_H
#include <stdbool.h>

#include "notifier/base/str.h"
#include "notifier/core/status.def"

enum status {
#define X(enumerator, ...) STATUS_##enumerator,
	STATUS_ROWS(X)
#undef X
	    STATUS_COUNT
};

enum reason {
	REASON_NONE,
#define X(enumerator, ...) REASON_##enumerator,
	REASON_ROWS(X)
#undef X
	    REASON_COUNT
};

enum event_kind {
	EVENT_NONE,
#define X(enumerator, ...) EVENT_##enumerator,
	EVENT_ROWS(X)
#undef X
	    EVENT_COUNT
};

const char *status_name(enum status status);
const char *reason_name(enum reason reason);  /* NULL for REASON_NONE */
const char *event_name(enum event_kind kind); /* "none" for EVENT_NONE */
bool status_parse(struct str name, enum status *out);
bool reason_parse(struct str name, enum reason *out);
bool event_parse(struct str name, enum event_kind *out);

bool status_is_final(enum status status); /* delivered, returned, cancelled, expired */
int status_rank(enum status status);
/* The carrier has the parcel in its hands (first real scan has happened). */
bool status_is_moving(enum status status);
bool reason_is_delay(enum reason reason);
bool event_is_on_by_default(enum event_kind kind);
int event_lifetime_h(enum event_kind kind);
bool event_lasts(enum event_kind kind);
#endif
