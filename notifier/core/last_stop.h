/* Which scan is the last before the van?  Carriers have no code for it, or do not use it; but a
 * scan that was mostly followed by "out for delivery" will be again.  Learned per carrier from the
 * scan's code and place with the area that the parcel goes to, and from its code and words alone
 * ("arrived in the region of the recipient").
 *
 * Invariant: memory is bounded by LAST_STOP_SCANS_MAX counters, where rare scans make room; counts
 * are halved when they are full, so that what a depot does now outweighs what it did.
 */
#ifndef CORE_LAST_STOP_H
#define CORE_LAST_STOP_H
#include <stdbool.h>
#include <stdint.h>

#include "notifier/base/err.h"
#include "notifier/core/shipment.h"

#define LAST_STOP_SCANS_MAX     20000 /* about 200 bytes each */
#define LAST_STOP_MODEL_VERSION 1

struct last_stop_model;
struct last_stop_model *last_stop_new(void);
void last_stop_free(struct last_stop_model **model);

/* What an in_transit scan is known by: in two ways, 31 bits each.  Never 0. */
int64_t last_stop_scan(const struct shipment *shipment, const struct checkpoint *checkpoint);
/* After that scan came another one on the road, or else the van (a counter, a recipient). */
void last_stop_learn(
    struct last_stop_model *model, const char *carrier, int64_t scan, bool was_last);
/* Whether it was the last often enough to believe it of the next parcel. */
bool last_stop_is(const struct last_stop_model *model, const char *carrier, int64_t scan);

/* Persistence; all as in core/delay. */
bool last_stop_export_next(const struct last_stop_model *model, size_t *at,
    void (*put)(void *arg, const char *key, const char *value), void *arg);
size_t last_stop_export_pending(struct last_stop_model *model, size_t most,
    void (*put)(void *arg, const char *key, const char *value), void *arg);
void last_stop_settle(struct last_stop_model *model, bool is_stored);
void last_stop_import_begin(struct last_stop_model *model);
CHECK_RESULT bool last_stop_import(
    struct last_stop_model *model, const char *key, const char *value, struct err *err);
void last_stop_import_end(struct last_stop_model *model, bool is_whole);
void last_stop_reset(struct last_stop_model *model, const char *carrier);
/* Every scan that is believed to be the last: its carrier. */
void last_stop_each(
    const struct last_stop_model *model, void (*visit)(void *arg, const char *carrier), void *arg);
size_t last_stop_entries(const struct last_stop_model *model);
#endif
