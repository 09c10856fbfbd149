/* How full Redis's memory is.  Over 80 % of its maxmemory nothing new is taken in (registrations,
 * webhooks, polls), so that what was accepted can still be worked off: messages go on.
 */
#ifndef APP_MEMORY_H
#define APP_MEMORY_H
#include "notifier/app/world.h"

/* Asks Redis, for world->memory_used; now and then, by the sweep. */
void memory_look(struct world *world);
/* False as well while Redis is in a worse state, or does not say: then its own words count. */
bool memory_is_short(const struct world *world);
/* 503 with Retry-After, code memory_short. */
void memory_refuse(struct http_exchange *exchange);
/* used_memory / maxmemory of INFO's text; 0 where there is no limit or nothing is said. */
double memory_share(const char *info);
#endif
