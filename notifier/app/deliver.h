/* Deliver: claimed messages are looked at once more, rendered from the state now, sent, and the
 * receipt recorded.  One message, one flow; messages about one shipment go one after the other.
 */
#ifndef APP_DELIVER_H
#define APP_DELIVER_H
#include "notifier/app/world.h"

/* Gives free slots to the partitions that have messages waiting, in turn: claims some of each, and
 * starts a flow for every message. */
void claim_all(struct world *world);
unsigned deliver_slots(const struct world *world); /* how many more may be under way */
#endif
