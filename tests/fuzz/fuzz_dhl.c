/* DHL's answer to a poll. */
#include "tests/fuzz/fuzz_carrier.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	return fuzz_carrier("dhl", str_make((const char *)bytes, size));
}
