/* Poll: one call to a carrier for one or more parcels that are due. */
#ifndef APP_POLL_H
#define APP_POLL_H
#include "notifier/app/world.h"

/* Collects parcels that are due (over partitions, up to the carrier's batch), asks the carrier,
 * commits what is new, plans the rest.  Counts in runtime->in_flight until it ends. */
void poll_start(struct world *world, struct carrier_runtime *runtime);
/* Starts as many as are due and may be under way at once.  Every poll that ends calls it again, so
 * that a backlog goes as fast as the carrier answers. */
void poll_more(struct world *world, struct carrier_runtime *runtime);
#endif
