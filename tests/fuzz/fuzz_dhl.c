/* The answer of DHL to a poll.  Reports say who they are about, or what is wrong. */
#include "carriers/carrier.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const struct carrier *carrier = carrier_find("dhl");
	const char *numbers[] = {"7777777770", "794843185271"};
	struct carrier_settings settings = {.base_url = "http://carrier.test"};
	struct carrier_poll poll = {
	    .settings = &settings, .numbers = numbers, .count = carrier->batch_max > 1 ? 2 : 1};
	struct carrier_answer answer = {size % 5 ? 200 : 404, str_make((const char *)bytes, size)};
	struct carrier_hook hook = {.method = "POST", .url = "/", .body = answer.body};
	struct carrier_reply reply = {0};
	struct arena *arena = arena_new();
	struct report_set set;
	struct err err;
	report_set_init(&set, arena);
	if (!carrier->poll_read(&poll, &answer, &set, &err))
		must(err.text[0] != '\0');
	if (carrier->hook_read != NULL && !carrier->hook_read(&hook, &set, &reply, &err))
		must(err.text[0] != '\0');
	for (size_t i = 0; i < set.count; i++)
		must(set.reports[i].tracking_number != NULL || set.reports[i].error != REPORT_OK);
	arena_free(&arena);
	return 0;
}
