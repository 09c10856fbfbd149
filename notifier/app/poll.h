/* Poll: one call to a carrier for one or more parcels that are due. */
#ifndef APP_POLL_H
#define APP_POLL_H
#include "notifier/app/world.h"

/* Collects parcels that are due (over partitions, up to the carrier's batch), asks the carrier,
 * commits what is new, plans the rest.  Counts in runtime->in_flight until it ends. */
void poll_start(struct world *world, struct carrier_runtime *runtime);
/* Whether some owned partition may have a poll of this carrier due. */
bool poll_is_due(const struct world *world, const struct carrier_runtime *runtime, int64_t now_ms);
#endif
