/* The configuration: a snapshot, or errors that say where. */
#include "notifier/app/config.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct config_problems problems = {.arena = arena_new()};
	char *yaml = arena_strndup(problems.arena, (const char *)bytes, size);
	struct config *config = config_parse("fuzz.yaml", yaml, &problems);
	must(config != NULL || problems.errors > 0);
	config_unref(&config);
	arena_free(&problems.arena);
	return 0;
}
