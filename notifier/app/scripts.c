#include "notifier/app/scripts.h"

#include "notifier/app/assets.h"
#include "notifier/base/err.h"

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

struct redis_script *script(enum script_name name)
{
	must(name < SCRIPT_COUNT);
	if (scripts[name].source == NULL) {
		const struct asset *asset = asset_find(paths[name]);
		must(asset != NULL);
		scripts[name].source = (const char *)asset->bytes;
	}
	return &scripts[name];
}
