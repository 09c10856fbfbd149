/* A join lets one flow wait for several operations that are flows of their own.  It opens holding
 * one reference, so that a child which finishes at once cannot wake the parent before all children
 * were started; join_ready drops that reference and is what the parent awaits.
 */
#ifndef IO_JOIN_H
#define IO_JOIN_H
#include "notifier/io/flow.h"

struct join {
	struct await await; /* first: a join is awaited */
	unsigned open;
	unsigned failed; /* how many children said false */
};

void join_open(struct join *join, struct flow *parent); /* the parent's memory holds the join */
void join_add(struct join *join);
void join_done(struct join *join, bool ok);
struct join *join_ready(struct join *join);
#endif
