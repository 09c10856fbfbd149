/* FedEx's answer to a poll, and its webhooks. */
#include "tests/fuzz/fuzz_carrier.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	return fuzz_carrier("fedex", str_make((const char *)bytes, size));
}
