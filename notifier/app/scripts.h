/* The Lua scripts, compiled into the program from app/scripts/NAME.lua. */
#ifndef APP_SCRIPTS_H
#define APP_SCRIPTS_H
#include "notifier/io/redis.h"

#define SCRIPT_ROWS(X)                                                                             \
	X(find)                                                                                    \
	X(commit)                                                                                  \
	X(unmatched)                                                                               \
	X(lease)                                                                                   \
	X(release)                                                                                 \
	X(events)                                                                                  \
	X(decide)                                                                                  \
	X(claim)                                                                                   \
	X(receipt)                                                                                 \
	X(requeue)                                                                                 \
	X(due) X(plan) X(clock) X(quota) X(block) X(erase) X(quarantine) X(model) X(settle)

enum script_name {
#define X(name) SCRIPT_##name,
	SCRIPT_ROWS(X)
#undef X
	    SCRIPT_COUNT
};
struct redis_script *script(enum script_name name);
#endif
