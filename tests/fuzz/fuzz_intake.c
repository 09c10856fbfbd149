/* Shipments as the API takes them: all of it is valid, or the mistakes are named. */
#include "notifier/app/intake.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct config *config;
	struct arena *arena = arena_new();
	struct config_problems problems = {.arena = arena};
	if (config == NULL)
		config =
		    config_parse("fuzz.yaml", "carriers: { dhl: { api_key: k } }\n", &problems);
	json_t *body =
	    json_loadb((const char *)bytes, size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
	for (int is_patch = 0; is_patch < 2 && body != NULL; is_patch++) {
		struct intake *intake = arena_alloc(arena, sizeof *intake);
		intake->arena = arena;
		intake->config = config;
		must(intake_read(intake, body, is_patch) == (intake->error_count == 0));
	}
	json_decref(body);
	arena_free(&arena);
	return 0;
}
