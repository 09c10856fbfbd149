#include "notifier/core/delay_silence.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "notifier/base/map.h"
#include "notifier/base/mem.h"
#include "notifier/base/when.h"
#include "notifier/core/learned.h"

#define SILENCE_KEY_BYTES 160
#define LONGEST_DAYS      60 /* working days: no threshold is beyond */

/* 0.2 working days a bin: 40 days in all. */
static const struct histogram_shape gap_shape = {.least = 0, .step = 0.2, .half_life_days = 90};

struct kind {
	struct histogram gaps;
	struct learned learned;
};

struct silence_model {
	struct map kinds;    /* key → struct kind */
	unsigned load;       /* number of the load, for learned.seen */
	int32_t trusted_day; /* silence_trust_until; 0: not set */
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
	{
		struct kind *kind = slot->value;
		learned_free(&kind->learned);
		xfree(kind);
	}
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

static struct kind *kind_get(const struct silence_model *model, const char *key)
{
	return map_get(&model->kinds, str_of(key));
}

static struct kind *kind_make(struct silence_model *model, const char *key)
{
	struct kind *kind = kind_get(model, key);
	if (kind || model->kinds.count >= SILENCE_KINDS_MAX)
		return kind;
	kind = xcalloc(1, sizeof *kind);
	map_put(&model->kinds, str_of(key), kind);
	return kind;
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
		struct kind *kind = kind_make(model, key);
		if (kind)
			learned_histogram_add(&kind->learned, &kind->gaps, &gap_shape, days,
			    day_of_instant(to_ms, 0));
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
		const struct kind *kind = kind_get(model, key);
		if (kind && kind->gaps.total >= rules->least_samples)
			return fmax(least,
			    histogram_quantile(&kind->gaps, &gap_shape, rules->quantile, least));
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

/* --- storing ---------------------------------------------------------------------------------- */

static void kind_put(const char *key, const struct kind *kind,
    void (*put)(void *arg, const char *key, const char *value), void *arg)
{
	struct buf text = BUF_EMPTY(0);
	buf_printf(&text, "%d:", SILENCE_MODEL_VERSION);
	histogram_write(&kind->gaps, &text);
	put(arg, key, buf_text(&text));
	buf_free(&text);
}

bool silence_export_next(const struct silence_model *model, size_t *at,
    void (*put)(void *arg, const char *key, const char *value), void *arg)
{
	if (*at >= model->kinds.count)
		return false;
	const struct map_slot *slot = &model->kinds.slots[(*at)++];
	const struct kind *kind = slot->value;
	if (kind->gaps.total > 0)
		kind_put(slot->key, kind, put, arg);
	return true;
}

size_t silence_entries(const struct silence_model *model)
{
	size_t count = 0;
	MAP_FOREACH(slot, &model->kinds)
	{
		const struct kind *kind = slot->value;
		count += kind->gaps.total > 0;
	}
	return count;
}

size_t silence_export_pending(struct silence_model *model, size_t most,
    void (*put)(void *arg, const char *key, const char *value), void *arg)
{
	size_t count = 0;
	MAP_FOREACH(slot, &model->kinds)
	{
		struct kind *kind = slot->value;
		if (count == most ||
		    !learned_is_pending(&kind->learned, kind->gaps.bins, HISTOGRAM_BINS))
			continue;
		learned_send(&kind->learned, kind->gaps.bins, HISTOGRAM_BINS);
		kind_put(slot->key, kind, put, arg);
		count++;
	}
	return count;
}

void silence_settle(struct silence_model *model, bool is_stored)
{
	MAP_FOREACH(slot, &model->kinds)
	{
		struct kind *kind = slot->value;
		learned_settle(&kind->learned, kind->gaps.bins, HISTOGRAM_BINS, is_stored);
	}
}

void silence_trust_until(struct silence_model *model, int32_t day)
{
	model->trusted_day = day;
}

void silence_import_begin(struct silence_model *model)
{
	model->load++;
}

bool silence_import(
    struct silence_model *model, const char *key, const char *value, struct err *err)
{
	char version[16];
	int length = snprintf(version, sizeof version, "%d:", SILENCE_MODEL_VERSION);
	if (!str_starts(str_of(value), version))
		return err_set(err, ERR_INPUT,
		    "silence model, %s: not of version %d; reset it to learn anew", key,
		    SILENCE_MODEL_VERSION);
	struct histogram read;
	if (!*key || strlen(key) >= SILENCE_KEY_BYTES || !histogram_read(&read, value + length))
		return err_set(err, ERR_INPUT, "silence model, %s: damaged", key);
	if (model->trusted_day != 0 && read.day > model->trusted_day)
		return err_set(err, ERR_INPUT, "silence model, %s: of another time than ours", key);
	struct kind *kind = kind_make(model, key);
	if (!kind)
		return true; /* several workers know more kinds than one keeps */
	learned_histogram_merge(&kind->learned, &kind->gaps, &gap_shape, &read);
	kind->learned.seen = model->load;
	return true;
}

void silence_import_end(struct silence_model *model, bool is_whole)
{
	MAP_FOREACH(slot, &model->kinds)
	{
		struct kind *kind = slot->value;
		const struct histogram none = {.day = kind->gaps.day};
		if (is_whole && kind->learned.seen != model->load)
			learned_histogram_merge(&kind->learned, &kind->gaps, &gap_shape, &none);
	}
}

void silence_reset(struct silence_model *model, const char *carrier)
{
	size_t len = carrier ? strlen(carrier) : 0;
	MAP_FOREACH(slot, &model->kinds)
	{
		struct kind *kind = slot->value;
		if (carrier && (strncmp(slot->key, carrier, len) != 0 || slot->key[len] != '|'))
			continue;
		learned_free(&kind->learned);
		kind->gaps = (struct histogram){0};
	}
}
