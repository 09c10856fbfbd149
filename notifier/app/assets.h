/* Files compiled into the program: Lua scripts, the built-in templates, the console.  Each is
 * followed by a NUL that is not counted.  app/assets.sh makes the table from the Makefile's list.
 */
#ifndef APP_ASSETS_H
#define APP_ASSETS_H
#include <stddef.h>

struct asset {
	const char *path; /* "templates/en/delivered.md" */
	const unsigned char *bytes, *end;
};
extern const struct asset assets[];
extern const unsigned long asset_count;

const struct asset *asset_find(const char *path); /* NULL: no such file */
static inline size_t asset_size(const struct asset *asset)
{
	return (size_t)(asset->end - asset->bytes);
}
#endif
