/* Leases: which of the 64 partitions are ours.
 *
 * Every worker shows that it lives, counts the others, and holds its fair share: 64 / workers,
 * rounded up.  One daemon holds all; a second one takes over what the first gives back, and what
 * runs out when the first dies.
 */
#ifndef APP_LEASES_H
#define APP_LEASES_H
#include "notifier/app/world.h"

#define LEASES_EVERY_MS 5000 /* between renewals; a lease lives LEASE_MS */

void leases_renew(
    struct world *world); /* renews, takes what is free, gives back what is too much */
void leases_release(struct world *world); /* gives all back, for an orderly stop */
#endif
