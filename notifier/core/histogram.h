/* A histogram that fades: quantiles of what happened lately, in constant memory.
 * Invariant: total is the sum of the bins.  Values beyond the ends count in the end bins.
 */
#ifndef CORE_HISTOGRAM_H
#define CORE_HISTOGRAM_H
#include <stdbool.h>
#include <stdint.h>

#include "notifier/base/str.h"

#define HISTOGRAM_BINS 200

struct histogram { /* all zero = empty */
	double bins[HISTOGRAM_BINS];
	double total;
	int32_t day; /* the bins are as of this day */
};

struct histogram_shape {       /* constant for one use */
	double least, step;    /* bin i holds [least + i * step, least + (i + 1) * step) */
	double half_life_days; /* 0: never fades */
};

void histogram_add(
    struct histogram *histogram, const struct histogram_shape *shape, double value, int32_t day);
/* Brings the bins to a later day (an earlier one changes nothing); what they were multiplied by. */
double histogram_fade(
    struct histogram *histogram, const struct histogram_shape *shape, int32_t day);
/* Linear inside a bin; `otherwise` where nothing was added. */
double histogram_quantile(const struct histogram *histogram, const struct histogram_shape *shape,
    double quantile, double otherwise);
/* "DAY n n n …" and back; false: damaged, the histogram is unchanged. */
void histogram_write(const struct histogram *histogram, struct buf *out);
bool histogram_read(struct histogram *histogram, const char *text);
#endif
