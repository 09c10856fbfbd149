/* How many parcels of a carrier share its daily quota: counted now and then from the due lists. */
#ifndef APP_LIVE_H
#define APP_LIVE_H
#include "notifier/app/world.h"

void live_count_start(struct world *world); /* one round over all carriers with a daily quota */
#endif
