/* Delays foreseen and silences that are unusual: the shipment's side of core/foretell and
 * core/delay_silence. */
#include "notifier/app/foresight_internal.h"

#include <math.h>

#include "notifier/app/calendars.h"
#include "notifier/app/metrics.h"

#define SILENT_MOST_DAYS 20 /* whatever a carrier usually does: by then a person wants to know */
/* A local day is over everywhere, and judged everywhere, at this UTC time of the next. */
#define DAY_OVER_MS (18 * HOUR_MS)

static const struct zone *zone_of(const struct account_config *account, const struct shipment *s)
{
	return world_zone(s->zone, account ? account->zone : NULL);
}

/* --- delays --------------------------------------------------------------------------------------
 */

static struct delay_rule rule_of(const struct account_config *account)
{
	struct err err;
	struct delay_rule rule = DELAY_RULE_DEFAULT;
	/* "off": days are judged and taught all the same, but no P(late) is above this. */
	if (account == NULL || !delay_rule_parse(&rule, account->delay_rule, &err))
		rule.far_threshold = rule.near_threshold = rule.countdown_precision = 2;
	return rule;
}

void foresight_day(struct foresight *f, const struct account_config *account, struct shipment *s,
    enum source source, struct changes *changes, struct foretell_result *result)
{
	*result = (struct foretell_result){0};
	if (f == NULL)
		return;
	struct delay_rule rule = rule_of(account);
	struct foretell foretell = {.model = f->delay,
	    .rule = &rule,
	    .tuner = &f->tuner,
	    .zone = zone_of(account, s),
	    .calendar = calendars_of(s->destination.country),
	    .now_ms = loop_now_ms(),
	    .source = source};
	foretell_day(s, &foretell, changes, result);
}

/* Was it right, was it early, and did what we call 70 % come true seven times in ten? */
static void count_outcome(const struct foretell_lesson *lesson)
{
	static const char *const tenths[FORECAST_BINS] = {
	    "0.0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9"};
	static const char *const leads[] = {"0", "1", "2", "3", "4", "5", "6", "7+"};
	const int32_t longest = (int32_t)(sizeof leads / sizeof *leads) - 1;
	if (lesson->eta_mass > 0)
		metric_count(METRIC_INTERVALS, lesson->eta_held ? "held" : "failed", NULL, NULL);
	if (lesson->outcome == FORETELL_OPEN)
		return;
	const char *outcome = lesson->outcome == FORETELL_LATE ? "late" : "in_time";
	metric_count(METRIC_FORECASTS, lesson->was_alerted ? "alert" : "none", outcome, NULL);
	if (lesson->was_alerted && lesson->outcome == FORETELL_LATE) {
		int32_t days = lesson->lead_days < 0 ? 0 : lesson->lead_days;
		metric_count(METRIC_LEAD, leads[days < longest ? days : longest], NULL, NULL);
	}
	for (size_t i = 0; i < FORECAST_BINS; i++)
		if (lesson->said[i] > 0)
			metric_add(METRIC_CALIBRATION, lesson->said[i], tenths[i], outcome, NULL);
}

void foresight_learn_day(struct foresight *f, const struct foretell_result *result)
{
	const struct foretell_lesson *lesson = &result->lesson;
	if (f == NULL || lesson->trip.place == NULL)
		return;
	foretell_learn(f->delay, &f->tuner, lesson);
	count_outcome(lesson);
}

void delay_days_close(struct foresight *f, int64_t now_ms)
{
	delay_close_day(f->delay, day_of_instant(now_ms - DAY_OVER_MS, 0) - 1);
}

/* --- silence -------------------------------------------------------------------------------------
 */

static struct silence_subject subject_of(
    const struct shipment *s, enum status status, const struct zone *zone)
{
	const char *from = s->origin.country, *to = s->destination.country;
	return (struct silence_subject){
	    .carrier = s->carrier,
	    .service = s->service,
	    .status = status_name(status),
	    .cross_border = !text_is_empty(from) && !text_is_empty(to) && !text_eq_nocase(from, to),
	    .handed_over = status != STATUS_PRE_TRANSIT && status != STATUS_UNKNOWN,
	    .calendar = calendars_of(to),
	    .offset_s = zone_offset_s(zone, s->newest_ms),
	};
}

void silence_learn(struct foresight *f, const struct shipment *s, const struct sight *before,
    const struct changes *changes)
{
	int64_t from_ms = before->newest_ms;
	if (from_ms == 0)
		return;
	struct silence_subject subject = subject_of(s, before->status, world_zone(s->zone, NULL));
	for (size_t i = 0; i < changes->fresh_count; i++) { /* oldest first */
		if (changes->fresh_ms[i] <= from_ms)
			continue;
		silence_on_gap(f->silence, &subject, from_ms, changes->fresh_ms[i]);
		from_ms = changes->fresh_ms[i];
		subject = subject_of(s, changes->fresh[i]->status, world_zone(s->zone, NULL));
	}
}

struct deadline_rules foresight_rules(
    struct foresight *f, const struct account_config *account, const struct shipment *s)
{
	struct deadline_rules rules = account ? account->deadlines : deadline_default_rules;
	rules.calendar = calendars_of(s->destination.country);
	if (f == NULL)
		return rules;
	struct silence_rules floors = SILENCE_RULES_DEFAULT;
	floors.domestic_days = rules.silent_days_domestic;
	floors.cross_border_days = rules.silent_days_cross_border;
	/* A label goes abroad slower; where somebody waits longer anyway, that holds. */
	floors.handover_cross_border_days =
	    fmax(rules.label_days, floors.handover_cross_border_days);
	floors.handover_domestic_days = rules.label_days;
	/* In the zone in which gaps are taught. */
	struct silence_subject subject = subject_of(s, s->status, world_zone(s->zone, NULL));
	double learned = ceil(silence_threshold(f->silence, &floors, &subject));
	int *days = !subject.handed_over   ? &rules.label_days
	            : subject.cross_border ? &rules.silent_days_cross_border
	                                   : &rules.silent_days_domestic;
	if (learned > *days) /* never below what is configured */
		*days = learned < SILENT_MOST_DAYS || *days > SILENT_MOST_DAYS ? (int)learned
		                                                               : SILENT_MOST_DAYS;
	return rules;
}
