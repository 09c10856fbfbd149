#include "notifier/app/metrics.h"

#include <string.h>

#include "notifier/base/err.h"
#include "notifier/base/mem.h"

enum metric_type { COUNTER, GAUGE, HISTOGRAM };

static const double bounds[] = {
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 60, 300, 1800, 7200, 86400};
#define BOUND_COUNT (sizeof bounds / sizeof *bounds)
#define LABELS_MAX  3

struct series {
	char *labels[LABELS_MAX];
	double value, sum;
	uint64_t buckets[BOUND_COUNT + 1];
};

static struct {
	struct series *series;
	size_t count, capacity;
} families[METRIC_COUNT];

static const struct {
	const char *name, *labels, *help;
	enum metric_type type;
} rows[METRIC_COUNT] = {
#define X(enumerator, name, type, labels, help) [METRIC_##enumerator] = {name, labels, help, type},
    METRIC_ROWS(X)
#undef X
};

static bool series_matches(const struct series *series, const char *const labels[LABELS_MAX])
{
	for (size_t i = 0; i < LABELS_MAX; i++)
		if (!text_eq(series->labels[i], labels[i]))
			return false;
	return true;
}

static struct series *series_find(enum metric metric, const char *const labels[LABELS_MAX])
{
	for (size_t i = 0; i < families[metric].count; i++)
		if (series_matches(&families[metric].series[i], labels))
			return &families[metric].series[i];
	return NULL;
}

static struct series *series_of(enum metric metric, const char *a, const char *b, const char *c)
{
	const char *const labels[LABELS_MAX] = {a, b, c};
	struct series *found = series_find(metric, labels);
	if (found != NULL)
		return found;
	if (families[metric].count == families[metric].capacity) {
		families[metric].capacity =
		    families[metric].capacity ? families[metric].capacity * 2 : 4;
		families[metric].series = xrealloc_array(
		    families[metric].series, families[metric].capacity, sizeof(struct series));
	}
	found = &families[metric].series[families[metric].count++];
	memset(found, 0, sizeof *found);
	for (size_t i = 0; i < LABELS_MAX; i++)
		found->labels[i] = labels[i] ? xstrdup(labels[i]) : NULL;
	return found;
}

void metric_add(enum metric metric, double delta, const char *a, const char *b, const char *c)
{
	series_of(metric, a, b, c)->value += delta;
}

void metric_set(enum metric metric, double value, const char *a, const char *b, const char *c)
{
	series_of(metric, a, b, c)->value = value;
}

void metric_observe(enum metric metric, double seconds, const char *a)
{
	struct series *series = series_of(metric, a, NULL, NULL);
	size_t bucket = 0;
	while (bucket < BOUND_COUNT && seconds > bounds[bucket])
		bucket++;
	series->buckets[bucket]++;
	series->value++;
	series->sum += seconds;
}

double metric_value(enum metric metric, const char *a, const char *b, const char *c)
{
	const char *const labels[LABELS_MAX] = {a, b, c};
	const struct series *series = series_find(metric, labels);
	return series ? series->value : 0;
}

/* The text format's escapes: backslash, quote, newline. */
static void print_label(struct buf *out, struct str name, const char *value, bool first)
{
	buf_printf(out, "%s%.*s=\"", first ? "" : ",", (int)name.len, name.at);
	for (const char *p = value; *p; p++) {
		if (*p == '\\' || *p == '"')
			buf_add_char(out, '\\');
		if (*p == '\n')
			buf_add_text(out, "\\n");
		else
			buf_add_char(out, *p);
	}
	buf_add_char(out, '"');
}

static void print_series(struct buf *out, enum metric metric, const struct series *series,
    const char *suffix, const char *bound)
{
	buf_printf(out, "%s%s", rows[metric].name, suffix);
	struct str names = str_of(rows[metric].labels), name;
	bool first = true;
	for (size_t i = 0; i < LABELS_MAX && names.len > 0; i++) {
		names = str_cut(names, ',', &name);
		if (series->labels[i] == NULL)
			continue;
		if (first)
			buf_add_char(out, '{');
		print_label(out, name, series->labels[i], first);
		first = false;
	}
	if (bound != NULL) {
		if (first)
			buf_add_char(out, '{');
		print_label(out, str_of("le"), bound, first);
		first = false;
	}
	buf_add_text(out, first ? " " : "} ");
}

static void print_histogram(struct buf *out, enum metric metric, const struct series *series)
{
	uint64_t cumulated = 0;
	for (size_t i = 0; i <= BOUND_COUNT; i++) {
		struct buf bound = BUF_EMPTY(32);
		cumulated += series->buckets[i];
		if (i < BOUND_COUNT)
			buf_printf(&bound, "%g", bounds[i]);
		else
			buf_add_text(&bound, "+Inf");
		print_series(out, metric, series, "_bucket", buf_text(&bound));
		buf_printf(out, "%llu\n", (unsigned long long)cumulated);
		buf_free(&bound);
	}
	print_series(out, metric, series, "_sum", NULL);
	buf_printf(out, "%.6f\n", series->sum);
	print_series(out, metric, series, "_count", NULL);
	buf_printf(out, "%llu\n", (unsigned long long)cumulated);
}

void metrics_print(struct buf *out)
{
	static const char *const types[] = {
	    [COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram"};
	for (int metric = 0; metric < METRIC_COUNT; metric++) {
		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", rows[metric].name,
		    rows[metric].help, rows[metric].name, types[rows[metric].type]);
		for (size_t i = 0; i < families[metric].count; i++) {
			const struct series *series = &families[metric].series[i];
			if (rows[metric].type == HISTOGRAM) {
				print_histogram(out, (enum metric)metric, series);
				continue;
			}
			print_series(out, (enum metric)metric, series, "", NULL);
			buf_printf(out, "%.15g\n", series->value);
		}
	}
}

void metrics_free(void)
{
	for (int metric = 0; metric < METRIC_COUNT; metric++) {
		for (size_t i = 0; i < families[metric].count; i++)
			for (size_t j = 0; j < LABELS_MAX; j++)
				xfree(families[metric].series[i].labels[j]);
		xfree(families[metric].series);
	}
	memset(families, 0, sizeof families);
}
