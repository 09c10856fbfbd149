/* What the targets of carriers share: bytes as the answer to a poll, and as a webhook.  Reports say
 * who they are about, or what is wrong; a refusal says why. */
#ifndef TESTS_FUZZ_CARRIER_H
#define TESTS_FUZZ_CARRIER_H
#include "carriers/carrier.h"
#include "tests/fuzz/fuzz.h"

static inline void fuzz_poll_read(
    const struct carrier *carrier, struct str body, struct report_set *out)
{
	const char *const numbers[] = {"7777777770", "794843185271"};
	struct carrier_settings settings = {.base_url = "http://carrier.test"};
	struct carrier_poll poll = {
	    .settings = &settings, .numbers = numbers, .count = carrier->batch_max > 1 ? 2 : 1};
	struct carrier_answer answer = {body.len % 5 ? 200 : 404, body};
	struct err err;
	if (!carrier->poll_read(&poll, &answer, out, &err))
		must(err.text[0] != '\0');
}

static inline void fuzz_hook_read(
    const struct carrier *carrier, struct str body, struct report_set *out)
{
	struct carrier_hook hook = {.method = "POST", .url = "/", .body = body};
	struct carrier_reply reply = {0};
	struct err err;
	if (!carrier->hook_read(&hook, out, &reply, &err))
		must(err.text[0] != '\0');
}

static inline int fuzz_carrier(const char *name, struct str body)
{
	const struct carrier *carrier = carrier_find(name);
	struct arena *arena = arena_new();
	struct report_set set;
	report_set_init(&set, arena);
	if (carrier->poll_read != NULL)
		fuzz_poll_read(carrier, body, &set);
	if (carrier->hook_read != NULL)
		fuzz_hook_read(carrier, body, &set);
	for (size_t i = 0; i < set.count; i++)
		must(set.reports[i].tracking_number != NULL || set.reports[i].error != REPORT_OK);
	arena_free(&arena);
	return 0;
}
#endif
