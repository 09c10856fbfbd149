/* Log: one key=value line per happening, to stderr.
 *
 * Fields carry their type, and the type redacts: a contact is never written whole and a secret
 * never at all, at any level.  A text may quote somebody else ("550 <asha@shop.test>: no such
 * user"): what looks like a contact in it is redacted too, and secrets that log_hide knows.  The
 * time of a line comes from the callback that io/loop sets, so that tests with a manual clock stay
 * reproducible.
 *
 *     LOG(INFO, "message_sent", f_text("shipment", id), f_contact("to", email), f_int("ms", 12));
 *     → time=2026-03-05T09:05:00Z level=info event=message_sent shipment=shp_x to=a***@d***.test
 * ms=12
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
	const char *key;
	enum { FIELD_TEXT, FIELD_INT, FIELD_CONTACT, FIELD_SECRET, FIELD_END } type;
	const char *text;
	int64_t number;
};

static inline struct log_field f_text(const char *key, const char *text)
{
	return (struct log_field){key, FIELD_TEXT, text, 0};
}
static inline struct log_field f_int(const char *key, int64_t number)
{
	return (struct log_field){key, FIELD_INT, NULL, number};
}
static inline struct log_field f_contact(const char *key, const char *contact)
{
	return (struct log_field){key, FIELD_CONTACT, contact, 0};
}
static inline struct log_field f_secret(const char *key, const char *secret)
{
	return (struct log_field){key, FIELD_SECRET, secret, 0};
}

#define LOG(level, event, ...)                                                                     \
	log_write(LOG_##level, event,                                                              \
	    (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){NULL, FIELD_END, NULL, 0}})
void log_write(enum log_level level, const char *event, const struct log_field *fields);

void log_set_level(enum log_level least);
bool log_level_parse(const char *name, enum log_level *out); /* debug, info, warn, error */
void log_set_clock(int64_t (*now_ms)(void));                 /* NULL: lines carry no time */
/* A secret that must not appear in any text either; copied, kept for ever.  Short ones are not
 * hidden: they would tear ordinary words. */
void log_hide(const char *secret);
void log_set_sink(void (*sink)(const char *line, size_t len)); /* NULL: stderr */

/* "asha@shop.test" → "a***@s***.test"; "+919812345621" → "+9198…21".  out is always terminated. */
void contact_redact(char *out, size_t out_bytes, const char *contact);
#endif
