/* Memory: allocation that cannot fail, and arenas that free a unit of work at once.
 *
 * Running out of memory ends the process: Redis holds the truth and a supervisor starts us
 * again, so no caller checks for NULL.  malloc and free are called in base/mem.c only.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H
#include <stdarg.h>
#include <stddef.h>

/* Never return NULL; a size of 0 is served as 1.  xcalloc and xrealloc_array refuse products
 * that overflow.  Release with xfree (NULL is fine). */
void *xmalloc(size_t bytes);
void *xcalloc(size_t count, size_t bytes);
void *xrealloc(void *old, size_t bytes);
void *xrealloc_array(void *old, size_t count, size_t bytes);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t bytes);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void xfree(void *memory);

/* An arena hands out memory that lives until arena_free: one per flow, per parse, per render. */
struct arena;
struct arena *arena_new(void);
void arena_free(struct arena **arena); /* accepts NULL inside; leaves NULL */
void arena_reset(struct arena *arena); /* forgets everything, keeps the first block */
void *arena_alloc(struct arena *arena, size_t bytes); /* zeroed, aligned for any type */
void *arena_array(struct arena *arena, size_t count, size_t bytes); /* zeroed */
char *arena_strdup(struct arena *arena, const char *text);          /* NULL gives NULL */
char *arena_strndup(struct arena *arena, const char *text, size_t bytes);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
size_t arena_bytes(const struct arena *arena); /* what it has taken from the system */
#endif
