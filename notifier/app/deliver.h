/* Deliver: claimed messages are looked at once more, rendered from the state now, sent, and the
 * receipt recorded.  One message, one flow; messages about one shipment go one after the other.
 */
#ifndef APP_DELIVER_H
#define APP_DELIVER_H
#include "notifier/app/world.h"

/* Claims as many messages of the partition as may be under way, and starts a flow for each. */
void claim_start(struct world *world, unsigned partition);
unsigned deliver_slots(const struct world *world); /* how many more may be under way */
#endif
