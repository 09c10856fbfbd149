/* Is this Redis safe to keep our promises on?  Pure: facts in, findings out.  The daemon asks at
 * start, `notifier check` asks too. */
#ifndef APP_SAFETY_H
#define APP_SAFETY_H
#include <stdbool.h>
#include <stddef.h>

#include "notifier/io/redis.h"

struct safety_facts { /* from CONFIG GET and INFO; NULL: not known (a hosted Redis may hide them) */
	const char *appendonly, *appendfsync, *maxmemory_policy, *no_appendfsync_on_rewrite;
	const char *info; /* the whole text of INFO */
};
struct safety_finding {
	bool is_error;    /* else a warning */
	const char *text; /* what is wrong and how to mend it; static */
};
#define SAFETY_FINDINGS_MAX 12
/* One pattern, because CONFIG GET takes only one before Redis 7: …appe… and maxme…, so that no
 * password comes along. */
#define SAFETY_SETTINGS "*[px][pm]e*"
/* From the replies to CONFIG GET SAFETY_SETTINGS and INFO; what the first hides, the second may
 * tell.  Texts are copied into the arena. */
void safety_read(const struct redis_value *settings, const struct redis_value *info,
    struct safety_facts *facts, struct arena *arena);
/* The value of "name:value" in INFO's text, which may be NULL; NULL when there is no such line. */
const char *safety_info_line(const char *info, const char *name, struct arena *arena);
/* Fills up to SAFETY_FINDINGS_MAX. */
void safety_judge(const struct safety_facts *facts, struct safety_finding *out, size_t *count);
#endif
