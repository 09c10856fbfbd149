#include "notifier/app/scripts.h"

#include <string.h>

#include "notifier/app/assets.h"
#include "notifier/base/err.h"
#include "notifier/base/mem.h"

static struct redis_script scripts[SCRIPT_COUNT] = {
#define X(script) [SCRIPT_##script] = {.name = #script},
    SCRIPT_ROWS(X)
#undef X
};

static const char *const paths[SCRIPT_COUNT] = {
#define X(script) [SCRIPT_##script] = "notifier/app/scripts/" #script ".lua",
    SCRIPT_ROWS(X)
#undef X
};

static const char *text_of(const char *path)
{
	const struct asset *asset = asset_find(path);
	must(asset != NULL);
	return (const char *)asset->bytes;
}

/* Redis has no include: what several scripts have in common takes the place of the line that names
 * it, and stays for the life of the program. */
static const char *with_history(const char *source)
{
	static const char line[] = "\n-- history.lua\n";
	const char *found = strstr(source, line);
	if (found == NULL)
		return source;
	return xasprintf("%.*s%s%s", (int)(found + 1 - source), source,
	    text_of("notifier/app/scripts/history.lua"), found + sizeof line - 1);
}

struct redis_script *script(enum script_name name)
{
	must(name < SCRIPT_COUNT);
	if (scripts[name].source == NULL)
		scripts[name].source = with_history(text_of(paths[name]));
	return &scripts[name];
}
