#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "notifier/app/metrics.h"

static struct buf page;

static const char *print(void)
{
	buf_clear(&page);
	metrics_print(&page);
	return buf_text(&page);
}

static int clean(void **state)
{
	(void)state;
	metrics_free();
	buf_free(&page);
	return 0;
}

static void assert_has(const char *line)
{
	if (strstr(print(), line) == NULL)
		fail_msg("%s\nis not in\n%s", line, buf_text(&page));
}

static void test_counters(void **state)
{
	(void)state;
	assert_true(metric_value(METRIC_POLLS, "dhl", "ok", NULL) == 0);
	metric_count(METRIC_POLLS, "dhl", "ok", NULL);
	metric_add(METRIC_POLLS, 2, "dhl", "ok", NULL);
	metric_count(METRIC_POLLS, "fedex", "ok", NULL);
	assert_true(metric_value(METRIC_POLLS, "dhl", "ok", NULL) == 3);
	assert_has("# TYPE notifier_polls_total counter\n");
	assert_has("\nnotifier_polls_total{carrier=\"dhl\",result=\"ok\"} 3\n");
	assert_has("\nnotifier_polls_total{carrier=\"fedex\",result=\"ok\"} 1\n");
}

static void test_gauges(void **state)
{
	(void)state;
	metric_set(METRIC_FLOWS, 7, NULL, NULL, NULL);
	metric_set(METRIC_FLOWS, 2.5, NULL, NULL, NULL);
	assert_has("# TYPE notifier_flows gauge\nnotifier_flows 2.5\n");
}

/* Labels come from outside (carriers' words): they cannot break out of their quotes or lines. */
static void test_hostile_labels(void **state)
{
	(void)state;
	metric_count(METRIC_UNKNOWN_CODES, "a\"b\\c\nd", NULL, NULL);
	assert_has("{carrier=\"a\\\"b\\\\c\\nd\"} 1\n");
}

static void test_labels_are_copied(void **state)
{
	(void)state;
	char name[] = "dhl";
	metric_count(METRIC_UNKNOWN_CODES, name, NULL, NULL);
	name[0] = 'x';
	assert_has("notifier_unknown_codes_total{carrier=\"dhl\"} 1\n");
}

/* Buckets are cumulative, the last is +Inf and equals the count (Prometheus text format 0.0.4). */
static void test_histogram(void **state)
{
	(void)state;
	static const double seconds[] = {0.001, 0.005, 0.3, 1e9};
	for (size_t i = 0; i < 4; i++)
		metric_observe(METRIC_DELIVERY, seconds[i], "email");
	assert_has("# TYPE notifier_delivery_seconds histogram\n");
	assert_has("notifier_delivery_seconds_bucket{channel=\"email\",le=\"0.005\"} 2\n");
	assert_has("notifier_delivery_seconds_bucket{channel=\"email\",le=\"0.25\"} 2\n");
	assert_has("notifier_delivery_seconds_bucket{channel=\"email\",le=\"1\"} 3\n");
	assert_has("notifier_delivery_seconds_bucket{channel=\"email\",le=\"86400\"} 3\n");
	assert_has("notifier_delivery_seconds_bucket{channel=\"email\",le=\"+Inf\"} 4\n");
	assert_has("notifier_delivery_seconds_count{channel=\"email\"} 4\n");
	assert_has("notifier_delivery_seconds_sum{channel=\"email\"} 1000000000.306000\n");
}

static void test_many_series(void **state)
{
	(void)state;
	for (int i = 0; i < 300; i++) {
		char name[3] = {(char)('a' + i % 26), (char)('a' + i / 26), '\0'};
		metric_count(METRIC_UNKNOWN_CODES, name, NULL, NULL);
		metric_count(METRIC_UNKNOWN_CODES, name, NULL, NULL);
	}
	assert_true(metric_value(METRIC_UNKNOWN_CODES, "al", NULL, NULL) == 2);
}

/* Every line is a comment or NAME[{…}] VALUE. */
static void test_page_is_well_formed(void **state)
{
	(void)state;
	metric_count(METRIC_POLLS, "dhl", NULL, NULL);
	metric_observe(METRIC_LAG, 5, "poll");
	struct str line, rest = str_of(print());
	size_t lines = 0;
	while (rest.len > 0) {
		rest = str_cut(rest, '\n', &line);
		assert_true(line.len > 0);
		if (line.at[0] != '#') {
			assert_true(str_starts(line, "notifier_"));
			assert_non_null(memchr(line.at, ' ', line.len));
		}
		lines++;
	}
	assert_true(lines > 2 * METRIC_COUNT);
	assert_int_equal(buf_text(&page)[page.size - 1], '\n');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_counters, clean),
	    cmocka_unit_test_teardown(test_gauges, clean),
	    cmocka_unit_test_teardown(test_hostile_labels, clean),
	    cmocka_unit_test_teardown(test_labels_are_copied, clean),
	    cmocka_unit_test_teardown(test_histogram, clean),
	    cmocka_unit_test_teardown(test_many_series, clean),
	    cmocka_unit_test_teardown(test_page_is_well_formed, clean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
