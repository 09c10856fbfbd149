/* Webhooks of courier systems: the body, and the signature: no bytes sign themselves. */
#include "tests/fuzz/fuzz_carrier.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const char *const secrets[] = {"one", "two"};
	struct carrier_settings settings = {.hook_secrets = secrets, .hook_secret_count = 2};
	struct str body = str_make((const char *)bytes, size);
	char *signature = xstrndup(body.at, size);
	struct carrier_header header = {"X-Signature", signature};
	struct carrier_hook hook = {.headers = &header, .header_count = 1, .body = body};
	must(!carrier_find("generic")->hook_verify(&settings, &hook));
	xfree(signature);
	return fuzz_carrier("generic", body);
}
