/* What a mail server answers.  A reply is made of bytes that are there, and comes out the same
 * however the bytes are cut. */
#include "notifier/io/smtp_reply.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct str input = str_make((const char *)bytes, size);
	struct smtp_reply reply, again;
	while (smtp_reply_parse(input, &reply) == SMTP_PARSED_REPLY) {
		must(reply.raw.len > 0 && reply.raw.len <= input.len);
		must(reply.code >= 200 && reply.code <= 599);
		must(smtp_reply_parse(reply.raw, &again) == SMTP_PARSED_REPLY);
		must(again.raw.len == reply.raw.len);
		(void)smtp_reply_kind(&reply);
		(void)smtp_reply_features(reply.raw);
		input = str_make(input.at + reply.raw.len, input.len - reply.raw.len);
	}
	return 0;
}
