/* Dates and times.  What can be read and written is read as the same instant again. */
#include "notifier/base/when.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct str text = str_make((const char *)bytes, size);
	struct when when, again;
	int64_t ms;
	char written[WHEN_BYTES];
	if (when_parse(text, &when)) {
		int64_t instant = when_instant(&when, 0);
		when_format(written, instant, when.has_offset ? when.offset_s : 0);
		bool in_four_digits = written[4] == '-' && written[0] != '-';
		must(!in_four_digits ||
		     (when_parse(str_of(written), &again) && when_instant(&again, 0) == instant));
	}
	if (duration_parse(text, &ms))
		duration_format(written, ms);
	return 0;
}
