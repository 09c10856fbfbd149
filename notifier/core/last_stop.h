/* Which scan is the last before the van?  Carriers have no code for it, or do not use it; but a
 * scan that was mostly followed by "out for delivery" will be again.  Learned per carrier from the
 * scan's code and place with the area that the parcel goes to, and from its code and words alone
 * ("arrived in the region of the recipient").
 *
 * Invariant: memory is bounded by LAST_STOP_SCANS_MAX counters; counts are halved when they are
 * full, so that what a depot does now outweighs what it did.
 */
#ifndef CORE_LAST_STOP_H
#define CORE_LAST_STOP_H
#include <stdbool.h>
#include <stdint.h>

#include "notifier/core/shipment.h"

#define LAST_STOP_SCANS_MAX 20000 /* about 150 bytes each; beyond, nothing new is learned */

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
#endif
