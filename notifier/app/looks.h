/* Looks: when each parcel was last looked at, in a fixed piece of memory.
 *
 * A look that found nothing changes nothing in Redis, so its time would be lost; but hazards learn
 * from the time between looks, and a parcel that comes due is judged from its last one.
 * Invariant: a table of LOOKS_SLOTS times.  Of two parcels that share a slot the later one is
 * known.  0 is always a possible answer ("not known"): then nothing is learned and due is due.
 */
#ifndef APP_LOOKS_H
#define APP_LOOKS_H
#include <stdint.h>

#define LOOKS_SLOTS (1u << 20) /* 8 MB of address space, used as parcels come */

struct looks;
struct looks *looks_new(void);
void looks_free(struct looks **looks);
void looks_put(struct looks *looks, const char *id, int64_t now_ms);
/* In whole seconds, rounded down; 0: not known. */
int64_t looks_get(const struct looks *looks, const char *id);
#endif
