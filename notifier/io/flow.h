/* A flow is one unit of asynchronous work told as a list of named steps.
 *
 * A step runs to completion and returns what happens next:
 *   THEN(step)                    continue there now
 *   AWAIT(p, step, op, after_ms)  park; continue there when op completes or the deadline passes
 *   END                           finished: the runner calls fini() exactly once, last
 * Only this file and the I/O modules know the parking protocol; steps contain no callbacks.
 *
 * An operation that completes inside the step that started it is remembered, not nested.  A flow
 * waits for one thing; for several use join.h.  After an await, f->failed tells and f->err says
 * why (ERR_TRANSIENT with "deadline" in the text when it passed, ERR_CANCELLED after flow_cancel).
 *
 *     #define POLL_STEPS(X) X(poll, load) X(poll, ask) X(poll, done)
 *     POLL_STEPS(FLOW_STEP)
 *     static next poll_load(struct poll *p) { return AWAIT(p, ask, store_load(…), 5000); }
 */
#ifndef IO_FLOW_H
#define IO_FLOW_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notifier/base/err.h"
#include "notifier/base/list.h"
#include "notifier/base/mem.h"
#include "notifier/io/loop.h"

struct flow;
struct step {
	const char *name;
	const struct step *(*run)(struct flow *flow);
};
typedef const struct step *next; /* what a step answers: what happens next */

struct flow_type {
	const char *name;                /* "poll" */
	void (*fini)(struct flow *flow); /* releases everything the flow owns, itself included */
};

/* What an I/O module embeds, as first member, in an operation that can be awaited.  The module
 * owns the operation.  It calls await_done exactly once, unless it was cancelled before; after
 * cancel() it must not touch the flow or its memory again (a late answer is dropped). */
struct await {
	struct flow *flow; /* NULL once completed, cancelled, or not yet awaited */
	void (*cancel)(struct await *await);
};

struct flow {
	const struct flow_type *type;
	struct list link;    /* in the list of all flows */
	struct arena *arena; /* lives as long as the flow: its memory, freed after fini */
	const struct step *next;
	struct await *awaiting;
	bool failed;        /* of the last await */
	struct err err;     /* why; kind ERR_NONE when it did not fail */
	bool has_timed_out; /* the last await failed because its deadline passed */
	bool running, parked, woken, cancelled;
	struct timer deadline;
};

extern const struct step step_end[1];
#define END     step_end
#define THEN(s) do_##s
#define AWAIT(p, s, op, after_ms)                                                                  \
	flow_await(&(p)->flow, do_##s, (struct await *)(void *)(op), after_ms)
#define FAILED(p) ((p)->flow.failed)
/* Declares the step function and its row; flow_type's struct must have `struct flow flow` first. */
#define FLOW_STEP(type, n)                                                                         \
	static next type##_##n(struct type *);                                                     \
	static next type##_##n##_step(struct flow *f)                                              \
	{                                                                                          \
		return type##_##n((struct type *)(void *)f);                                       \
	}                                                                                          \
	static const struct step do_##n[1] = {{#n, type##_##n##_step}};

/* Creates the flow's arena, so that a caller can put what the flow needs there before it starts. */
void flow_prepare(struct flow *flow);
/* Runs the first step (prepares if that was not done).  The caller allocated the struct, zeroed. */
void flow_start(struct flow *flow, const struct flow_type *type, const struct step *first);
/* Ends what it awaits with ERR_CANCELLED and lets its steps run to END. */
void flow_cancel(struct flow *flow);
size_t flow_count(void); /* how many are alive */
void flow_each(void (*visit)(struct flow *flow, void *context), void *context);

next flow_await(struct flow *flow, const struct step *then, struct await *op, int64_t after_ms);

/* --- for I/O modules ------------------------------------------------------------------------- */
/* Binds op to the flow that is about to await it.  Call it when the operation is created, before
 * anything can complete. */
void await_init(struct await *await, struct flow *flow, void (*cancel)(struct await *await));
void await_done(struct await *await); /* succeeded */
void await_failed(struct await *await, const struct err *err);
bool await_is_wanted(const struct await *await); /* false: cancelled, drop the answer */
/* An operation that is over before the flow waits: err says why it failed, NULL that it did not. */
struct await *await_over(struct flow *flow, const struct err *err);

/* --- debugging and tests ---------------------------------------------------------------------- */
extern bool flow_trace;   /* one log line per transition */
extern long flow_awaits;  /* how many awaits there were */
extern long flow_fail_at; /* fail the n-th await (1-based); 0 = off */
extern long flow_die_at;  /* _exit(99) at the n-th await; 0 = off */
#endif
