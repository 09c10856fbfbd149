/* Text messages.  Segments add up, and better typography never makes a text longer. */
#include "notifier/message/sms.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	size = size < 1600 ? size : 1600; /* segments are counted from the start each time */
	struct str text = str_make((const char *)bytes, size);
	struct sms_size before = sms_measure(text);
	size_t units = 0;
	for (size_t i = 0; i < before.segments; i++)
		units += sms_segment_units(text, i);
	must(units == before.units && sms_segment_units(text, before.segments) == 0);
	struct buf out = BUF_EMPTY(0);
	bool fits = sms_smart(&out, text);
	struct sms_size after = sms_measure(str_make(out.data, out.size));
	must(!fits || after.encoding == SMS_GSM7);
	must(fits || out.size == size);
	buf_free(&out);
	return 0;
}
