/* A pause that a flow awaits: monotonic, unscaled. */
#ifndef IO_PAUSE_H
#define IO_PAUSE_H
#include "notifier/io/flow.h"

struct await *pause_start(struct flow *flow, int64_t ms);

/* Long work on the loop goes in slices: when a step that began at since_ms (monotonic) has had its
 * share, it awaits pause_start(flow, 0) and goes on after everybody else's turn. */
#define PAUSE_SLICE_MS 5
static inline bool pause_is_due(int64_t since_ms)
{
	return loop_monotonic_ms() - since_ms >= PAUSE_SLICE_MS;
}
#endif
