#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "notifier/core/histogram.h"

static const struct histogram_shape shape = {.least = 0, .step = 1, .half_life_days = 10};

static void quantiles(void **state)
{
	(void)state;
	struct histogram histogram = {0};
	assert_true(histogram_quantile(&histogram, &shape, 0.5, -1) == -1);
	for (int i = 0; i < 100; i++)
		histogram_add(&histogram, &shape, i + 0.5, 0);
	assert_float_equal(histogram_quantile(&histogram, &shape, 0.5, 0), 50, 1e-9);
	assert_float_equal(histogram_quantile(&histogram, &shape, 0.995, 0), 99.5, 1e-9);
	assert_float_equal(histogram_quantile(&histogram, &shape, 0, 0), 0, 1e-9);
	assert_float_equal(histogram_quantile(&histogram, &shape, 1, 0), 100, 1e-9);
	histogram_add(&histogram, &shape, 1e300, 0);
	histogram_add(&histogram, &shape, -1e300, 0);
	histogram_add(&histogram, &shape, NAN, 0);
	histogram_add(&histogram, &shape, INFINITY, 0);
	assert_float_equal(histogram.total, 102, 1e-9);
	assert_float_equal(histogram_quantile(&histogram, &shape, 1, 0), HISTOGRAM_BINS, 1e-9);
}

static void fades(void **state)
{
	(void)state;
	struct histogram histogram = {0};
	for (int i = 0; i < 100; i++)
		histogram_add(&histogram, &shape, 5, 0);
	histogram_add(&histogram, &shape, 50, 20); /* two half-lives later */
	assert_float_equal(histogram.total, 26, 1e-9);
	histogram_add(&histogram, &shape, 50, 10); /* late: counts in full, fades nothing */
	assert_float_equal(histogram.total, 27, 1e-9);
}

static void stores(void **state)
{
	(void)state;
	struct histogram histogram = {0}, read = {0};
	for (int i = 0; i < 50; i++)
		histogram_add(&histogram, &shape, i * 3, i);
	struct buf text = BUF_EMPTY(0);
	histogram_write(&histogram, &text);
	assert_true(histogram_read(&read, buf_text(&text)));
	assert_int_equal(read.day, histogram.day);
	for (double q = 0; q <= 1; q += 0.1)
		assert_float_equal(histogram_quantile(&read, &shape, q, 0),
		    histogram_quantile(&histogram, &shape, q, 0), 1e-9);
	static const char *const bad[] = {"", "x", "1", "1 2 3", "1e99 0"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(histogram_read(&read, bad[i]));
	buf_add_text(&text, " 1");
	assert_false(histogram_read(&read, buf_text(&text)));
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(quantiles), cmocka_unit_test(fades), cmocka_unit_test(stores)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
