/* What the sandbox courier's server answers: reports of sandbox_script as the bodies that each
 * carrier would send.  Invariant: the carrier's own adapter reads them back to the same status (a
 * reason that its language has no word for becomes `other`, "returned" stays "returning").
 */
#ifndef CARRIERS_SANDBOX_RENDER_H
#define CARRIERS_SANDBOX_RENDER_H
#include <stddef.h>

#include "notifier/base/str.h"
#include "notifier/core/report.h"

/* All append one JSON text to out and return the HTTP status that goes with it. */

/* GET /v1/track?numbers=…: {"trackings": [TRACKING…]} */
int sandbox_render_native(const struct report *reports, size_t count, struct buf *out);
/* GET /track/shipments?trackingNumber=…; an unknown number is a problem with 404 */
int sandbox_render_dhl(const struct report *report, struct buf *out);
/* POST /track/v1/trackingnumbers; an unknown number is an error inside a 200 */
int sandbox_render_fedex(const struct report *reports, size_t count, struct buf *out);
/* POST /oauth/token */
int sandbox_render_fedex_token(const char *token, int expires_in_s, struct buf *out);
/* The body of a webhook to the carrier `generic`: the report's checkpoint number `index`, with the
 * estimate that the report has.  Its event_id is stable: <number>-<index>. */
int sandbox_render_generic_hook(const struct report *report, size_t index, struct buf *out);
#endif
