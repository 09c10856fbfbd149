/* Work off the loop: a pure function on a thread of libuv's pool, for what would keep the loop
 * waiting too long (a body of a megabyte).
 *
 * The job owns everything that the thread touches: a flow that gives up does not wait for it, and
 * the job is freed when the thread is done.
 */
#ifndef IO_WORK_H
#define IO_WORK_H
#include "notifier/io/flow.h"

struct work {
	struct await await;             /* first */
	void (*run)(struct work *work); /* on another thread: touches the job only */
	/* On the loop, once, after run; the await still knows whether the flow wants the result
	 * (await_is_wanted).  Frees the job. */
	void (*finish)(struct work *work);
	void *request; /* libuv's */
};
/* The caller allocated the job with `struct work` first and set run and finish. */
struct await *work_start(struct flow *flow, struct work *work);
#endif
