#include "notifier/core/learned.h"

#include <math.h>
#include <string.h>

#include "notifier/base/err.h"
#include "notifier/base/mem.h"

static double *copy_of(const double *sums, size_t count)
{
	double *copy = xcalloc(count, sizeof *copy);
	memcpy(copy, sums, count * sizeof *copy);
	return copy;
}

static bool are_equal(const double *a, const double *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

void learned_touch(struct learned *learned, const double *sums, size_t count)
{
	if (learned->base == NULL)
		learned->base = copy_of(sums, count);
}

bool learned_is_pending(const struct learned *learned, const double *sums, size_t count)
{
	bool differs = learned->base != NULL && !are_equal(learned->base, sums, count);
	return learned->sent == NULL && differs;
}

void learned_send(struct learned *learned, const double *sums, size_t count)
{
	must(learned->sent == NULL);
	learned->sent = copy_of(sums, count);
}

static void drop_base_in_step(struct learned *learned, const double *sums, size_t count)
{
	if (learned->base == NULL || !are_equal(learned->base, sums, count))
		return;
	xfree(learned->base);
	learned->base = NULL;
}

void learned_settle(struct learned *learned, const double *sums, size_t count, bool is_stored)
{
	if (learned->sent == NULL)
		return;
	if (is_stored) {
		xfree(learned->base);
		learned->base = learned->sent;
		drop_base_in_step(learned, sums, count);
	} else {
		xfree(learned->sent);
	}
	learned->sent = NULL;
}

void learned_merge(struct learned *learned, double *sums, const double *stored, size_t count)
{
	must(learned->sent == NULL);
	if (learned->base == NULL) {
		memcpy(sums, stored, count * sizeof *sums);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		/* Not sums + (stored - base): equal values must cancel without a rest. */
		double own = sums[i] - learned->base[i];
		sums[i] = fmax(0, stored[i] + own);
		learned->base[i] = stored[i];
	}
	drop_base_in_step(learned, sums, count);
}

void learned_scale(struct learned *learned, size_t count, double factor)
{
	for (size_t i = 0; i < count && learned->base != NULL; i++)
		learned->base[i] *= factor;
	for (size_t i = 0; i < count && learned->sent != NULL; i++)
		learned->sent[i] *= factor;
}

void learned_free(struct learned *learned)
{
	xfree(learned->base);
	xfree(learned->sent);
	*learned = (struct learned){.seen = learned->seen};
}

/* --- histograms --------------------------------------------------------------------------------
 */

static void fade(struct learned *learned, struct histogram *histogram,
    const struct histogram_shape *shape, int32_t day)
{
	learned_scale(learned, HISTOGRAM_BINS, histogram_fade(histogram, shape, day));
}

void learned_histogram_add(struct learned *learned, struct histogram *histogram,
    const struct histogram_shape *shape, double value, int32_t day)
{
	if (!isfinite(value))
		return;
	fade(learned, histogram, shape, day);
	learned_touch(learned, histogram->bins, HISTOGRAM_BINS);
	histogram_add(histogram, shape, value, day);
}

void learned_histogram_merge(struct learned *learned, struct histogram *histogram,
    const struct histogram_shape *shape, const struct histogram *stored)
{
	struct histogram theirs = *stored;
	fade(learned, histogram, shape, theirs.day);
	histogram_fade(&theirs, shape, histogram->day);
	learned_merge(learned, histogram->bins, theirs.bins, HISTOGRAM_BINS);
	histogram->total = 0;
	for (int i = 0; i < HISTOGRAM_BINS; i++)
		histogram->total += histogram->bins[i];
}
