/* Errors.  Three sorts: a programmer's (must: abort), out of memory (base/mem: abort), and the
 * world's: a function returns false and fills a struct err.  The kind carries the decision (try
 * again? when? tell whom?); the text names the thing, the place and the remedy for a person.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H
#include <stdbool.h>
#include <stdint.h>

enum err_kind {
	ERR_NONE,
	ERR_TRANSIENT, /* may work later: connection refused, 4xx of SMTP, 5xx of HTTP         */
	ERR_THROTTLED, /* works later, not before retry_after_ms                               */
	ERR_AUTH,      /* credentials refused: nothing works until an operator acts            */
	ERR_INPUT,     /* the bytes we were given are unusable                                 */
	ERR_PERMANENT, /* this one will never work                                             */
	ERR_AMBIGUOUS, /* it may have happened: the other side went silent after we handed over */
	ERR_CANCELLED, /* we stopped it ourselves                                              */
	ERR_KINDS
};

struct err {
	enum err_kind kind;
	int64_t retry_after_ms; /* with THROTTLED: how long to wait; 0 = not said */
	char text[320];
};

/* Fills err (NULL is fine: the text is dropped) and returns false, so that a function can
 * `return err_set(err, ERR_INPUT, "…")`.  The text is cut, never overrun. */
bool err_set(struct err *err, enum err_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "where: " in front of the text that err already holds; returns false. */
bool err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *err_kind_name(enum err_kind kind); /* "transient", "throttled", … */

/* A promise of the programmer.  Stays on in production: prints what failed and aborts. */
#define must(condition)                                                                            \
	((condition) ? (void)0 : must_failed(#condition, __FILE__, __LINE__, __func__))
_Noreturn void must_failed(const char *condition, const char *file, int line, const char *where);
/* What is running now, for the message of a failed must (a flow and its step); NULL clears. */
void must_context(const char *what, const char *step);

#define CHECK_RESULT __attribute__((warn_unused_result))
#endif
