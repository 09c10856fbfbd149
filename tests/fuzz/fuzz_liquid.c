/* Templates.  Rendering is bounded, whatever the operator wrote. */
#include "notifier/message/liquid.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static json_t *data;
	if (data == NULL)
		data = json_loads(
		    "{\"n\":12,\"s\":\"a b\",\"l\":[1,\"x\",{\"k\":[2]}],\"o\":{\"k\":null},"
		    "\"eta\":{\"from\":\"2026-03-06T14:00:00Z\",\"to\":\"2026-03-07\"}}",
		    0, NULL);
	struct liquid_source source = {.text = str_make((const char *)bytes, size)};
	struct liquid_options options = {
	    .escape = (enum liquid_escape)(size % 3), .now_ms = 1772786400000};
	struct err err;
	struct liquid_place place;
	struct liquid *template = liquid_compile(&source, &err, &place);
	struct buf out = BUF_EMPTY(0);
	if (template != NULL && !liquid_render(template, data, &options, &out, &err, &place))
		must(err.text[0] != '\0');
	must(out.size <= LIQUID_OUTPUT_BYTES);
	buf_free(&out);
	liquid_free(&template);
	return 0;
}
