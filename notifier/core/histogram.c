#include "notifier/core/histogram.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

double histogram_fade(struct histogram *histogram, const struct histogram_shape *shape, int32_t day)
{
	int64_t days = (int64_t)day - histogram->day;
	if (days <= 0)
		return 1;
	histogram->day = day;
	if (shape->half_life_days <= 0)
		return 1;
	double factor = exp2(-(double)days / shape->half_life_days);
	for (int i = 0; i < HISTOGRAM_BINS; i++)
		histogram->bins[i] *= factor;
	histogram->total *= factor;
	return factor;
}

void histogram_add(
    struct histogram *histogram, const struct histogram_shape *shape, double value, int32_t day)
{
	if (!isfinite(value))
		return;
	histogram_fade(histogram, shape, day);
	double at = floor((value - shape->least) / shape->step);
	int bin = at < 0 ? 0 : at >= HISTOGRAM_BINS ? HISTOGRAM_BINS - 1 : (int)at;
	histogram->bins[bin] += 1;
	histogram->total += 1;
}

double histogram_quantile(const struct histogram *histogram, const struct histogram_shape *shape,
    double quantile, double otherwise)
{
	if (histogram->total <= 0)
		return otherwise;
	double wanted = quantile * histogram->total, before = 0;
	for (int i = 0; i < HISTOGRAM_BINS; i++) {
		double here = histogram->bins[i];
		if (here > 0 && before + here >= wanted)
			return shape->least + shape->step * (i + fmax(0, wanted - before) / here);
		before += here;
	}
	return shape->least + shape->step * HISTOGRAM_BINS;
}

void histogram_write(const struct histogram *histogram, struct buf *out)
{
	buf_printf(out, "%" PRId32, histogram->day);
	for (int i = 0; i < HISTOGRAM_BINS; i++) {
		if (histogram->bins[i] == 0)
			buf_add_text(out, " 0");
		else
			buf_printf(out, " %.17g", histogram->bins[i]);
	}
}

bool histogram_read(struct histogram *histogram, const char *text)
{
	struct histogram read = {0};
	char *end;
	double day = strtod(text, &end);
	if (end == text || !(day >= INT32_MIN && day <= INT32_MAX))
		return false;
	read.day = (int32_t)day;
	for (int i = 0; i < HISTOGRAM_BINS; i++) {
		text = end;
		read.bins[i] = strtod(text, &end);
		if (end == text || !(read.bins[i] >= 0 && read.bins[i] < 1e15))
			return false;
		read.total += read.bins[i];
	}
	if (*end)
		return false;
	*histogram = read;
	return true;
}
