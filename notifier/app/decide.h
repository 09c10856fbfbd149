/* Decide: events of one partition become messages, held messages, or named reasons why not. */
#ifndef APP_DECIDE_H
#define APP_DECIDE_H
#include "notifier/app/world.h"

/* Reads the next batch of events of the partition (own pending entries of a former life first) and
 * records all decisions in one script.  Nothing to do ends the flow; a batch starts the next. */
void decide_start(struct world *world, unsigned partition);
#endif
