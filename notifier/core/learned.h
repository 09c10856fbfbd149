/* What one of several workers has learned since its sums were last in step with the stored ones.
 *
 * A model is sums of what was observed.  Several workers add to one stored sum when each adds what
 * it has learned itself: sums - base, where base is the stored value that it began with.  Both are
 * kept only for entries that have something to tell.
 *
 * Invariant: base == NULL means that the stored sums are these (in step).  base and sent are in
 * the scale of the sums: who fades or shifts these does it to all three.
 */
#ifndef CORE_LEARNED_H
#define CORE_LEARNED_H
#include <stdbool.h>
#include <stddef.h>

#include "notifier/core/histogram.h"

struct learned { /* of one entry; all zero = in step */
	double *base;
	double *sent;  /* the sums as exported, until it is known whether they were stored */
	unsigned seen; /* the number of the load that last brought this entry */
};

/* Before the sums change. */
void learned_touch(struct learned *learned, const double *sums, size_t count);
/* Something to write, and not on its way already. */
bool learned_is_pending(const struct learned *learned, const double *sums, size_t count);
void learned_send(struct learned *learned, const double *sums, size_t count);
/* What was sent is stored, or it is known not to be.  What was learned since stays pending. */
void learned_settle(struct learned *learned, const double *sums, size_t count, bool is_stored);
/* Somebody else's sums are stored: sums = stored + what was learned here, never below 0.  Not
 * while something is on its way. */
void learned_merge(struct learned *learned, double *sums, const double *stored, size_t count);
void learned_scale(struct learned *learned, size_t count, double factor);
void learned_free(struct learned *learned); /* in step afterwards */

/* The same for a histogram that fades: both days become the later one first. */
void learned_histogram_add(struct learned *learned, struct histogram *histogram,
    const struct histogram_shape *shape, double value, int32_t day);
void learned_histogram_merge(struct learned *learned, struct histogram *histogram,
    const struct histogram_shape *shape, const struct histogram *stored);
#endif
