/* Phrases about time, from a language's patterns and ICU's words. */
#include <stdio.h>
#include <string.h>

#include "notifier/message/l10n_internal.h"

const char *const l10n_pattern_names[L10N_PATTERNS] = {
    [L10N_DAY] = "day",
    [L10N_DAY_REL] = "day_rel",
    [L10N_AT] = "at",
    [L10N_WINDOW] = "window",
    [L10N_BY] = "by",
    [L10N_RANGE] = "range",
    [L10N_SHORT_AT] = "short_at",
    [L10N_SHORT_WINDOW] = "short_window",
    [L10N_SHORT_BY] = "short_by",
    [L10N_SHORT_RANGE] = "short_range",
};

const struct l10n_phrases l10n_english = {
    .patterns =
        {
            [L10N_DAY] = "{day}",
            [L10N_DAY_REL] = "{rel} ({date})",
            [L10N_AT] = "{rel_or_date} at {t}",
            [L10N_WINDOW] = "{day} between {from} and {to}",
            [L10N_BY] = "{day} by {to}",
            [L10N_RANGE] = "between {from_date} and {to_date}",
            [L10N_SHORT_AT] = "{rel_or_date} {t}",
            [L10N_SHORT_WINDOW] = "{rel_or_date} {from}-{to}",
            [L10N_SHORT_BY] = "{rel_or_date} by {to}",
            [L10N_SHORT_RANGE] = "{from_date}-{to_date}",
        },
    .time = "h:mm a",
    .time_hour = "h a",
    .am = "am",
    .pm = "pm",
};

/* One phrase being written. */
struct phrase {
	struct buf *out;
	const struct l10n *l10n;
	const struct l10n_phrases *phrases;
	int32_t today;
	bool is_short;
	const char *pattern; /* which one is being filled */
	struct l10n_time from, to;
};

static const char *pattern_of(const struct l10n_phrases *phrases, enum l10n_pattern which)
{
	return phrases->patterns[which] ? phrases->patterns[which] : l10n_english.patterns[which];
}

static int32_t day_of(const struct l10n *l10n, const struct l10n_time *time)
{
	return time->has_time ? zone_day(l10n->zone, time->instant_ms) : time->day;
}

static int64_t local_ms(const struct l10n *l10n, const struct l10n_time *time)
{
	if (!time->has_time)
		return time->day * DAY_MS;
	return time->instant_ms + zone_offset_s(l10n->zone, time->instant_ms) * SECOND_MS;
}

bool l10n_time_parse(struct l10n_time *out, struct str text, const struct l10n *l10n)
{
	struct when when;
	if (!when_parse(str_trim(text), &when))
		return false;
	*out = (struct l10n_time){.present = true, .has_time = when.has_time};
	if (!when.has_time)
		out->day = day_of_civil(when.civil.year, when.civil.month, when.civil.day);
	else if (when.has_offset)
		out->instant_ms = when_instant(&when, 0);
	else
		out->instant_ms = zone_instant(l10n_zone_of(l10n), &when.civil);
	return true;
}

/* --- the pieces --- */

static void add_date(struct phrase *phrase, const struct l10n_time *time)
{
	struct locale *locale = phrase->l10n->locale;
	l10n_format(phrase->out, locale, phrase->is_short ? locale->short_date : locale->long_date,
	    NULL, day_of(phrase->l10n, time) * DAY_MS);
}

/* "yesterday", "today", "tomorrow", or NULL. */
static const char *relative_word(const struct phrase *phrase, const struct l10n_time *time)
{
	int64_t away = (int64_t)day_of(phrase->l10n, time) - phrase->today;
	return away >= -1 && away <= 1 ? phrase->l10n->locale->relative[away + 1] : NULL;
}

static void add_relative_or_date(struct phrase *phrase, const struct l10n_time *time)
{
	const char *word = relative_word(phrase, time);
	if (word != NULL)
		buf_add_text(phrase->out, word);
	else
		add_date(phrase, time);
}

static void fill(struct phrase *phrase, const char *pattern);

/* A message is read later than it is written: "tomorrow" gets its date too. */
static void add_day(struct phrase *phrase, const struct l10n_time *time)
{
	bool is_today = day_of(phrase->l10n, time) == phrase->today;
	if (phrase->is_short || is_today || relative_word(phrase, time) == NULL) {
		add_relative_or_date(phrase, time);
		return;
	}
	struct phrase inner = *phrase;
	inner.from = *time;
	fill(&inner, pattern_of(phrase->phrases, L10N_DAY_REL));
}

static const char *time_pattern(const struct phrase *phrase, const struct l10n_time *time)
{
	const struct l10n_phrases *phrases = phrase->phrases;
	const char *plain = phrases->time ? phrases->time : l10n_english.time;
	const char *hour = phrases->time_hour;
	if (phrases->time == NULL && hour == NULL)
		hour = l10n_english.time_hour;
	return hour != NULL && local_ms(phrase->l10n, time) % HOUR_MS == 0 ? hour : plain;
}

static bool same_half_day(const struct phrase *phrase)
{
	int64_t from = local_ms(phrase->l10n, &phrase->from);
	int64_t to = local_ms(phrase->l10n, &phrase->to);
	return from / (DAY_MS / 2) == to / (DAY_MS / 2);
}

/* "2-4 pm": in a short window the first time leaves out the am or pm that both share. */
static void add_time(struct phrase *phrase, const struct l10n_time *time)
{
	char pattern[40];
	if (!time->has_time)
		return;
	snprintf(pattern, sizeof pattern, "%s", time_pattern(phrase, time));
	size_t len = strlen(pattern);
	bool shared = phrase->is_short && time == &phrase->from && phrase->to.has_time &&
	              same_half_day(phrase);
	if (shared && len > 2 && strcmp(pattern + len - 2, " a") == 0)
		pattern[len - 2] = '\0';
	l10n_format(phrase->out, phrase->l10n->locale, pattern, phrase->phrases,
	    local_ms(phrase->l10n, time));
}

static void add_period(struct phrase *phrase, const struct l10n_time *time)
{
	if (time->has_time)
		l10n_format(
		    phrase->out, phrase->l10n->locale, "B", NULL, local_ms(phrase->l10n, time));
}

/* "in the morning from 9 to 11": a second period that repeats the first is left out. */
static void add_to_period(struct phrase *phrase, const struct l10n_time *time)
{
	struct buf from = BUF_EMPTY(0), to = BUF_EMPTY(0);
	struct phrase one = *phrase, other = *phrase;
	one.out = &from;
	other.out = &to;
	if (strstr(phrase->pattern, "{from_period}") != NULL)
		add_period(&one, &phrase->from);
	add_period(&other, time);
	if (strcmp(buf_text(&from), buf_text(&to)) != 0)
		buf_add(phrase->out, buf_text(&to), to.size);
	buf_free(&from);
	buf_free(&to);
}

static void add_relative(struct phrase *phrase, const struct l10n_time *time)
{
	const char *word = relative_word(phrase, time);
	buf_add_text(phrase->out, word ? word : "");
}

static const struct {
	const char *name;
	void (*add)(struct phrase *phrase, const struct l10n_time *time);
	enum { USE_FIRST, USE_FROM, USE_TO } use; /* FIRST: from, or to where from is absent */
} placeholders[] = {
    {"day", add_day, USE_FIRST},
    {"rel", add_relative, USE_FIRST},
    {"date", add_date, USE_FIRST},
    {"rel_or_date", add_relative_or_date, USE_FIRST},
    {"t", add_time, USE_FIRST},
    {"period", add_period, USE_FIRST},
    {"from", add_time, USE_FROM},
    {"from_period", add_period, USE_FROM},
    {"from_date", add_date, USE_FROM},
    {"to", add_time, USE_TO},
    {"to_period", add_to_period, USE_TO},
    {"to_date", add_date, USE_TO},
};

static void add_placeholder(struct phrase *phrase, struct str name)
{
	for (size_t i = 0; i < sizeof placeholders / sizeof *placeholders; i++) {
		if (!str_eq(name, placeholders[i].name))
			continue;
		bool to = placeholders[i].use == USE_TO ||
		          (placeholders[i].use == USE_FIRST && !phrase->from.present);
		placeholders[i].add(phrase, to ? &phrase->to : &phrase->from);
	}
}

/* An empty placeholder leaves no second space behind. */
static void fill(struct phrase *phrase, const char *pattern)
{
	phrase->pattern = pattern;
	for (const char *at = pattern; *at != '\0';) {
		const char *close = *at == '{' ? strchr(at, '}') : NULL;
		if (close != NULL) {
			add_placeholder(phrase, str_make(at + 1, (size_t)(close - at - 1)));
			at = close + 1;
			continue;
		}
		bool second_space = *at == ' ' && phrase->out->size > 0 &&
		                    phrase->out->data[phrase->out->size - 1] == ' ';
		if (!second_space)
			buf_add_char(phrase->out, *at);
		at++;
	}
}

/* --- which pattern --- */

static enum l10n_pattern choose(const struct phrase *phrase)
{
	const struct l10n_time *from = &phrase->from, *to = &phrase->to;
	bool is_short = phrase->is_short;
	if (!from->present && to->present)
		return !to->has_time ? L10N_DAY : is_short ? L10N_SHORT_BY : L10N_BY;
	if (!to->present)
		return !from->has_time ? L10N_DAY : is_short ? L10N_SHORT_AT : L10N_AT;
	if (day_of(phrase->l10n, from) != day_of(phrase->l10n, to))
		return is_short ? L10N_SHORT_RANGE : L10N_RANGE;
	if (!to->has_time)
		return L10N_DAY;
	if (!from->has_time)
		return is_short ? L10N_SHORT_BY : L10N_BY;
	if (from->instant_ms == to->instant_ms)
		return is_short ? L10N_SHORT_AT : L10N_AT;
	return is_short ? L10N_SHORT_WINDOW : L10N_WINDOW;
}

static struct phrase phrase_of(struct buf *out, const struct l10n *l10n,
    const struct l10n_phrases *phrases, int64_t now_ms, bool is_short)
{
	if (l10n == NULL)
		l10n = l10n_default();
	return (struct phrase){
	    .out = out,
	    .l10n = l10n,
	    .phrases = phrases ? phrases : &l10n_english,
	    .today = zone_day(l10n->zone, now_ms),
	    .is_short = is_short,
	    .pattern = "",
	};
}

void l10n_when(struct buf *out, const struct l10n *l10n, const struct l10n_phrases *phrases,
    const struct l10n_span *span, int64_t now_ms, bool is_short)
{
	struct phrase phrase = phrase_of(out, l10n, phrases, now_ms, is_short);
	if (!span->from.present && !span->to.present)
		return;
	phrase.from = span->from;
	phrase.to = span->to;
	fill(&phrase, pattern_of(phrase.phrases, choose(&phrase)));
}

void l10n_day(struct buf *out, const struct l10n *l10n, const struct l10n_phrases *phrases,
    const struct l10n_time *time, int64_t now_ms, bool is_short)
{
	struct phrase phrase = phrase_of(out, l10n, phrases, now_ms, is_short);
	struct l10n_time day = *time;
	if (day.has_time)
		day = (struct l10n_time){.present = true, .day = day_of(phrase.l10n, time)};
	struct l10n_span span = {.from = day};
	l10n_when(out, l10n, phrases, &span, now_ms, is_short);
}

void l10n_time_of_day(struct buf *out, const struct l10n *l10n, const struct l10n_phrases *phrases,
    const struct l10n_time *time)
{
	struct phrase phrase = phrase_of(out, l10n, phrases, 0, false);
	bool with_period = strstr(pattern_of(phrase.phrases, L10N_AT), "{period}") != NULL;
	phrase.from = *time;
	fill(&phrase, with_period ? "{period} {t}" : "{t}");
}
