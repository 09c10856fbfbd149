/* What stands in Redis.  What can be read is written so that it reads the same again. */
#include "notifier/app/shipment_json.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct arena *arena = arena_new();
	struct err err;
	struct str stored = str_make((const char *)bytes, size);
	struct shipment *s = shipment_decode(stored, arena, &err);
	if (s != NULL) {
		struct str once = shipment_encode(s, arena);
		char *again = arena_printf(arena, "%lld %s", (long long)s->version, once.at);
		struct shipment *same = shipment_decode(str_of(again), arena, &err);
		must(same != NULL && str_eq(shipment_encode(same, arena), once.at));
	}
	struct event event;
	(void)event_decode(stored, &event, arena, &err);
	arena_free(&arena);
	return 0;
}
