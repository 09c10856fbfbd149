/* A pause that a flow awaits: monotonic, unscaled. */
#ifndef IO_PAUSE_H
#define IO_PAUSE_H
#include "notifier/io/flow.h"

struct await *pause_start(struct flow *flow, int64_t ms);
#endif
