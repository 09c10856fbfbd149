/* The lease on one partition: who may move its work.  The epoch goes into every script. */
#ifndef APP_LEASE_H
#define APP_LEASE_H
#include <stdint.h>

#define LEASE_MS 30000

struct lease {
	unsigned partition;
	const char *worker; /* stable over restarts of the same daemon */
	int64_t epoch;      /* 0: not held */
};
#endif
