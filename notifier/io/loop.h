/* The event loop and the only clock.
 *
 * Wall time (loop_now_ms) is what the domain lives in: due polls, deadlines, retries.  It can be
 * scaled for a demonstration, so that a parcel's week passes in minutes.  Timers and deadlines of
 * I/O run on monotonic time and are never scaled.  One loop per process.
 *
 * Flow tests link another loop.c with a manual clock behind this header.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "notifier/base/list.h"

void loop_start(void); /* once, before anything else of io */
void loop_run(void);   /* until loop_stop */
void loop_stop(void);  /* from a callback: loop_run returns after this turn */
void loop_drain(void); /* after loop_run: runs close callbacks until nothing is left, bounded */
uv_loop_t *loop_uv(void);

int64_t loop_now_ms(void);       /* wall time, UTC ms, scaled; fresh at every call */
int64_t loop_monotonic_ms(void); /* for deadlines and durations of I/O */
/* factor > 1: wall time runs faster from now on. */
void loop_scale_wall(double factor);
double loop_wall_scale(void);
/* How long to wait on the monotonic clock until wall time has advanced by wall_ms (≥ 0). */
int64_t loop_wait_ms(int64_t wall_ms);

/* A timer that fires once.  Embeds no uv handle, so it may be freed as soon as it is stopped.
 * timer_init before first use; timer_stop is harmless when it is not running. */
struct timer {
	struct list link;
	int64_t due_ms; /* monotonic */
	size_t slot;    /* place in the heap, 0 = not running */
	void (*fire)(struct timer *timer);
};
void timer_init(struct timer *timer, void (*fire)(struct timer *timer));
void timer_start(struct timer *timer, int64_t after_ms);
void timer_stop(struct timer *timer);
bool timer_is_running(const struct timer *timer);

/* Runs fire in the next turn of the loop, before I/O is awaited: for completions that must not
 * nest.  The same rules as for timers. */
static inline void timer_soon(struct timer *timer)
{
	timer_start(timer, 0);
}

/* The longest time, since it was asked last, that one turn of the loop kept others waiting. */
int64_t loop_take_longest_gap_us(void);

/* Random bytes for ids and jitter (the system's generator; a fixed sequence in tests). */
void loop_random(void *bytes, size_t len);
double loop_random_unit(void); /* 0 ≤ x < 1 */

/* SIGTERM, SIGINT → stop(); SIGHUP → reload(). */
void loop_on_signals(void (*stop)(void), void (*reload)(void));
#endif
