/* What foresight has learned on the stage, as texts that two tellings can be compared by. */
#ifndef TESTS_FORESIGHT_KIT_H
#define TESTS_FORESIGHT_KIT_H
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/app/foresight_internal.h"
#include "tests/flow/fake_stage.h"

/* The machine sleeps, and is awake for some seconds: few awaits, and the leases come back. */
static inline void sleep_for(int64_t ms)
{
	fake_loop_stride(ms, ms);
	fake_loop_stride(15 * SECOND_MS, 5 * SECOND_MS);
}

/* Until what was claimed and given up (3 minutes) is free again, and done. */
static inline void wait_for_claims(void)
{
	fake_loop_stride(200 * SECOND_MS, 25 * SECOND_MS);
}

/* --- days and gaps: equal to the last bit ------------------------------------------------------
 */

struct entries {
	uint64_t hash; /* whatever their order */
	size_t count;
};

static inline void entry_add(void *arg, const char *key, const char *value)
{
	struct entries *entries = arg;
	uint64_t hash = fnv1a64(key, strlen(key));
	entries->hash += (hash ^ hash >> 29) * fnv1a64(value, strlen(value));
	entries->count++;
}

static inline const char *learned_of_days(void)
{
	static const enum model models[] = {
	    MODEL_DELAY, MODEL_SILENCE, MODEL_LAST_STOP, MODEL_ALERT};
	static char text[400];
	size_t used = 0;
	for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
		const struct model_type *type = &model_types[models[i]];
		struct entries entries = {0};
		for (size_t at = 0; type->next(stage_world()->foresight, &at, entry_add, &entries);)
			;
		used += (size_t)snprintf(text + used, sizeof text - used, " %s %zu %016llx",
		    type->name, entries.count, (unsigned long long)entries.hash);
	}
	return text;
}

/* --- looks: their moments differ a little where something failed --------------------------------
 */

#define ROW_CELLS (3 * 24) /* of an entry: kinds of day x hours; values, then exposures */

struct seen {
	double news, watched_min; /* sums of the hazard model */
};

static inline void seen_add(void *arg, const char *key, const char *value)
{
	struct seen *seen = arg;
	if (strncmp(key, "~lag|", 5) == 0)
		return;
	char *at;
	strtol(value, &at, 10); /* the version */
	strtol(at, &at, 10);    /* the day */
	for (int i = 0; i < ROW_CELLS; i++)
		seen->news += strtod(at, &at);
	for (int i = 0; i < ROW_CELLS; i++)
		seen->watched_min += strtod(at, &at);
}

static inline struct seen learned_by_looks(void)
{
	struct seen seen = {0};
	for (size_t at = 0;
	     hazard_export_next(stage_world()->foresight->hazard, &at, seen_add, &seen);)
		;
	return seen;
}

/* --- what was told ------------------------------------------------------------------------------
 */

struct telling {
	const char *event;
	size_t count;
};

static inline void telling_count(const char *key, void *context)
{
	struct telling *telling = context;
	telling->count +=
	    strstr(key, "}:m:msg_") != NULL && text_eq(fake_redis_field(key, "k"), telling->event);
}

/* How many messages there are about such an event, whatever became of them. */
static inline size_t told(const char *event)
{
	struct telling telling = {.event = event};
	fake_redis_each("n:{p", telling_count, &telling);
	return telling.count;
}
#endif
