/* Bodies of messages.  Whatever stands in a variable: no script, no attribute of its own. */
#include "notifier/message/markdown.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct buf html = BUF_EMPTY(1 << 20), text = BUF_EMPTY(1 << 20);
	markdown_render(str_make((const char *)bytes, size), &html, &text);
	must(strcasestr(buf_text(&html), "<script") == NULL);
	must(strcasestr(buf_text(&html), "href=\"javascript") == NULL);
	buf_free(&html);
	buf_free(&text);
	return 0;
}
