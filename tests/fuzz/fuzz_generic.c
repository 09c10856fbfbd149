/* Webhooks of courier systems, the body and the signature. */
#include "carriers/carrier.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const struct carrier *carrier = carrier_find("generic");
	const char *secrets[] = {"one", "two"};
	struct carrier_settings settings = {.hook_secrets = secrets, .hook_secret_count = 2};
	struct arena *arena = arena_new();
	struct carrier_header header = {
	    "X-Signature", arena_strndup(arena, (const char *)bytes, size)};
	struct carrier_hook hook = {.method = "POST",
	    .url = "/",
	    .headers = &header,
	    .header_count = 1,
	    .body = str_make((const char *)bytes, size)};
	struct carrier_reply reply = {0};
	struct report_set set;
	struct err err;
	report_set_init(&set, arena);
	must(!carrier->hook_verify(&settings, &hook)); /* a body cannot sign itself */
	if (!carrier->hook_read(&hook, &set, &reply, &err))
		must(err.text[0] != '\0' && set.count == 0);
	for (size_t i = 0; i < set.count; i++)
		must(set.reports[i].tracking_number != NULL);
	arena_free(&arena);
	return 0;
}
