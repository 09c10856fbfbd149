/* Is this Redis safe to keep our promises on?  Pure: facts in, findings out.  The daemon asks at
 * start, `notifier check` asks too. */
#ifndef APP_SAFETY_H
#define APP_SAFETY_H
#include <stdbool.h>
#include <stddef.h>

struct safety_facts { /* from CONFIG GET and INFO; NULL: not known (a hosted Redis may hide them) */
	const char *appendonly, *appendfsync, *maxmemory_policy, *no_appendfsync_on_rewrite;
	const char *info; /* the whole text of INFO */
};
struct safety_finding {
	bool is_error; /* else a warning */
	const char *text; /* what is wrong and how to mend it; static */
};
#define SAFETY_FINDINGS_MAX 12
void safety_judge(const struct safety_facts *facts, struct safety_finding *out, size_t *count);
#endif
