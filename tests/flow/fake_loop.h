/* The manual clock behind io/loop.h: nothing happens until a test lets time pass.
 *
 * Wall and monotonic time move together (unless scaled).  Timers fire in the order of their due
 * times, and first come first served among equals.
 */
#ifndef TESTS_FAKE_LOOP_H
#define TESTS_FAKE_LOOP_H
#include "notifier/base/when.h"
#include "notifier/io/loop.h"

/* Forgets all timers; the wall clock shows start_ms; the random sequence begins anew. */
void fake_loop_reset(int64_t start_ms);
void fake_loop_settle(void); /* runs what is due now until nothing is */
/* Every timer at its own moment, to the millisecond. */
void fake_loop_advance(int64_t ms);
/* The same in strides, as on a machine that stalls: a timer that starts itself again fires once a
 * stride.  A day of 100 ms timers is then cheap. */
void fake_loop_stride(int64_t ms, int64_t stride_ms);
static inline void fake_loop_a_day_passes(void)
{
	fake_loop_stride(DAY_MS, 5 * SECOND_MS);
}
size_t fake_loop_timers(void); /* how many are running */
#endif
