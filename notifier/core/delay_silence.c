#include "notifier/core/delay_silence.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "notifier/base/map.h"
#include "notifier/base/mem.h"
#include "notifier/base/when.h"
#include "notifier/core/histogram.h"

#define SILENCE_KEY_BYTES 160
#define LONGEST_DAYS      60 /* working days: no threshold is beyond */

/* 0.2 working days a bin: 40 days in all. */
static const struct histogram_shape gap_shape = {.least = 0, .step = 0.2, .half_life_days = 90};

struct silence_model {
	struct map kinds; /* key → struct histogram of gaps */
};

struct silence_model *silence_new(void)
{
	return xcalloc(1, sizeof(struct silence_model));
}

void silence_free(struct silence_model **model)
{
	if (!*model)
		return;
	MAP_FOREACH(slot, &(*model)->kinds)
	xfree(slot->value);
	map_free(&(*model)->kinds);
	xfree(*model);
	*model = NULL;
}

/* level 0: carrier, service, status; level 1: all carriers. */
static void subject_key(
    char out[SILENCE_KEY_BYTES], const struct silence_subject *subject, int level)
{
	char carrier[40], service[40], status[40];
	text_clean(
	    carrier, sizeof carrier, level == 0 && subject->carrier ? subject->carrier : "*");
	text_clean(
	    service, sizeof service, level == 0 && subject->service ? subject->service : "*");
	text_clean(status, sizeof status, subject->status ? subject->status : "");
	snprintf(out, SILENCE_KEY_BYTES, "%s|%s|%s|%s", carrier, service,
	    subject->handed_over ? status : "label", subject->cross_border ? "abroad" : "home");
}

static struct histogram *kind_get(const struct silence_model *model, const char *key)
{
	return map_get(&model->kinds, str_of(key));
}

static struct histogram *kind_make(struct silence_model *model, const char *key)
{
	struct histogram *gaps = kind_get(model, key);
	if (gaps || model->kinds.count >= SILENCE_KINDS_MAX)
		return gaps;
	gaps = xcalloc(1, sizeof *gaps);
	map_put(&model->kinds, str_of(key), gaps);
	return gaps;
}

static double day_fraction(const struct silence_subject *subject, int64_t at_ms)
{
	int32_t day = day_of_instant(at_ms, subject->offset_s);
	if (!calendar_is_working(subject->calendar, day))
		return 0;
	int64_t start = (int64_t)day * DAY_MS - (int64_t)subject->offset_s * SECOND_MS;
	return (double)(at_ms - start) / (double)DAY_MS;
}

double silence_days(const struct silence_subject *subject, int64_t from_ms, int64_t to_ms)
{
	if (to_ms <= from_ms)
		return 0;
	int32_t from = day_of_instant(from_ms, subject->offset_s);
	int32_t to = day_of_instant(to_ms, subject->offset_s);
	/* Whole days before `to`, and of both end days their parts. */
	double whole = calendar_working_days(subject->calendar, from - 1, to - 1);
	return fmax(0, whole - day_fraction(subject, from_ms) + day_fraction(subject, to_ms));
}

void silence_on_gap(struct silence_model *model, const struct silence_subject *subject,
    int64_t from_ms, int64_t to_ms)
{
	if (to_ms <= from_ms)
		return;
	double days = silence_days(subject, from_ms, to_ms);
	for (int level = 0; level < 2; level++) {
		char key[SILENCE_KEY_BYTES];
		subject_key(key, subject, level);
		struct histogram *gaps = kind_make(model, key);
		if (gaps)
			histogram_add(gaps, &gap_shape, days, day_of_instant(to_ms, 0));
	}
}

static double subject_floor(
    const struct silence_rules *rules, const struct silence_subject *subject)
{
	if (!subject->handed_over)
		return subject->cross_border ? rules->handover_cross_border_days
		                             : rules->handover_domestic_days;
	return subject->cross_border ? rules->cross_border_days : rules->domestic_days;
}

double silence_threshold(const struct silence_model *model, const struct silence_rules *rules,
    const struct silence_subject *subject)
{
	double least = subject_floor(rules, subject);
	for (int level = 0; level < 2; level++) {
		char key[SILENCE_KEY_BYTES];
		subject_key(key, subject, level);
		const struct histogram *gaps = kind_get(model, key);
		if (gaps && gaps->total >= rules->least_samples)
			return fmax(
			    least, histogram_quantile(gaps, &gap_shape, rules->quantile, least));
	}
	return least;
}

int64_t silence_deadline_ms(const struct silence_model *model, const struct silence_rules *rules,
    const struct silence_subject *subject, int64_t last_ms)
{
	double left = fmin(silence_threshold(model, rules, subject), LONGEST_DAYS);
	int64_t at_ms = last_ms;
	for (int days = 0; days < 1000; days++) {
		int32_t day = day_of_instant(at_ms, subject->offset_s);
		int64_t next = ((int64_t)day + 1) * DAY_MS - (int64_t)subject->offset_s * SECOND_MS;
		bool working = calendar_is_working(subject->calendar, day);
		double here = working ? (double)(next - at_ms) / (double)DAY_MS : 0;
		if (working && here >= left)
			return at_ms + (int64_t)ceil(left * (double)DAY_MS);
		left -= here;
		at_ms = next;
	}
	return at_ms;
}

void silence_export(const struct silence_model *model,
    void (*put)(void *arg, const char *key, const char *value), void *arg)
{
	struct buf text = BUF_EMPTY(0);
	MAP_FOREACH(slot, &model->kinds)
	{
		buf_clear(&text);
		buf_printf(&text, "%d:", SILENCE_MODEL_VERSION);
		histogram_write(slot->value, &text);
		put(arg, slot->key, buf_text(&text));
	}
	buf_free(&text);
}

bool silence_import(
    struct silence_model *model, const char *key, const char *value, struct err *err)
{
	char version[16];
	int length = snprintf(version, sizeof version, "%d:", SILENCE_MODEL_VERSION);
	if (!str_starts(str_of(value), version))
		return err_set(err, ERR_INPUT,
		    "silence model, %s: not of version %d; delete the stored model to learn anew",
		    key, SILENCE_MODEL_VERSION);
	struct histogram read;
	if (!*key || strlen(key) >= SILENCE_KEY_BYTES || !histogram_read(&read, value + length))
		return err_set(err, ERR_INPUT, "silence model, %s: damaged", key);
	struct histogram *gaps = kind_make(model, key);
	if (gaps)
		*gaps = read;
	return true;
}
