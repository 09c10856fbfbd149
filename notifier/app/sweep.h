/* Sweep: everything that happens because time passed.  Due polls, deadlines of shipments, held
 * messages and retries, leases. */
#ifndef APP_SWEEP_H
#define APP_SWEEP_H
#include "notifier/app/world.h"

void sweep_begin(struct world *world); /* starts the timers */
void sweep_end(struct world *world);
#endif
