/* Text: views that borrow, buffers that grow up to a bound.
 * Invariant of a buffer: data is NUL-terminated after every call, and size never passes max.
 */
#ifndef BASE_STR_H
#define BASE_STR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str { /* a view; not NUL-terminated; borrows */
	const char *at;
	size_t len;
};

struct str str_of(const char *text); /* NULL gives the empty view */
struct str str_make(const char *at, size_t len);
bool str_eq(struct str a, const char *b);
bool str_eq_nocase(struct str a, const char *b); /* ASCII only */
bool str_starts(struct str text, const char *prefix);
struct str str_trim(struct str text); /* ASCII white space, both ends */
/* Cuts at the first `separator`: head gets what stands before it, the rest comes back.  Where it
 * does not occur, head gets everything and the rest is empty with at == NULL. */
struct str str_cut(struct str text, char separator, struct str *head);
bool str_to_int64(struct str text, int64_t *out); /* decimal, whole view, range checked */

bool text_eq(const char *a, const char *b);        /* NULL equals only NULL */
bool text_eq_nocase(const char *a, const char *b); /* ASCII only */
bool text_is_empty(const char *text);              /* NULL or "" */
/* The candidate that is nearest to word by edit distance, or NULL when none is near (at most a
 * third of its letters wrong).  For "unknown option X; did you mean Y?". */
const char *text_nearest(const char *word, const char *const *candidates, size_t count);
bool utf8_is_valid(const char *bytes, size_t len); /* RFC 3629: no surrogates, no overlong */
/* Copies text into out (always terminated), without C0/C1 controls (a space stands for each run
 * of them) and without bidirectional overrides; never cuts inside a character. */
void text_clean(char *out, size_t out_bytes, const char *text);

struct buf {
	char *data; /* NULL while empty and never used */
	size_t size, capacity;
	size_t max;      /* bytes; 0 = no bound */
	bool overflowed; /* something did not fit and was dropped: check once at the end */
};

#define BUF_EMPTY(bound) ((struct buf){.max = (bound)})
void buf_free(struct buf *buf); /* leaves it empty and usable */
void buf_clear(struct buf *buf);
void buf_add(struct buf *buf, const void *bytes, size_t len);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_str(struct buf *buf, struct str text);
void buf_add_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_consume(struct buf *buf, size_t len); /* drops len bytes at the front */
const char *buf_text(const struct buf *buf);   /* never NULL */
char *buf_take(struct buf *buf);               /* xfree it; the buffer is empty afterwards */

/* Encodings.  Output buffers are terminated; sizes as stated. */
void hex_encode(char *out, const void *bytes, size_t len);     /* out: 2 * len + 1 */
bool hex_decode(void *out, size_t out_bytes, struct str text); /* exactly 2 * out_bytes digits */
void base32_encode(char *out, size_t out_bytes, const void *bytes, size_t len);
/* base32_encode: RFC 4648 alphabet in lower case, no padding; out_bytes ≥ (8 * len + 4) / 5 + 1 */
#define BASE64_BYTES(len) (((len) + 2) / 3 * 4 + 1)
void base64_encode(char *out, const void *bytes, size_t len); /* out: BASE64_BYTES(len) */
/* Returns the number of bytes or -1; out needs 3 * (len / 4) + 3.  Accepts missing padding and
 * the URL alphabet. */
long base64_decode(void *out, struct str text);
uint64_t fnv1a64(const void *bytes, size_t len); /* not for anything secret */
#endif
