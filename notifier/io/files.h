/* Small files: configuration, templates, secrets, the mailbox.  Synchronous on purpose and only
 * for use at start, at reload and for the local mailbox; every read is bounded.
 */
#ifndef IO_FILES_H
#define IO_FILES_H
#include <stdbool.h>
#include <stddef.h>

#include "notifier/base/err.h"
#include "notifier/base/mem.h"
#include "notifier/base/str.h"

/* Whole file into the arena (NUL-terminated).  Errors name the path and the remedy. */
bool files_read(
    const char *path, size_t max_bytes, struct arena *arena, struct str *out, struct err *err);
/* Writes path.tmp, fsyncs, renames: a reader sees the old or the new file, never half of one. */
bool files_write(const char *path, struct str content, int mode, struct err *err);
/* The same without waiting for the disk: for what may be lost with the machine, on the loop. */
bool files_put(const char *path, struct str content, int mode, struct err *err);
void files_remove(const char *path); /* no error when it is not there */
bool files_make_dir(const char *path, int mode, struct err *err); /* with its parents */
bool files_exists(const char *path);
bool files_is_private(const char *path); /* no permission for group and others */
/* Calls visit for every regular file below dir whose name ends with suffix (NULL: all), sorted by
 * path, path relative to dir; follows no symbolic links; stops and returns false when visit does.
 */
bool files_walk(const char *dir, const char *suffix,
    bool (*visit)(const char *relative_path, void *context, struct err *err), void *context,
    struct err *err);
/* $XDG_DATA_HOME/notifier, ~/.local/share/notifier or ./data, in that order (XDG Base Directory).
 */
const char *files_default_data_dir(struct arena *arena);
#endif
