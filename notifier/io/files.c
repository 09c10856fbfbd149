#include "notifier/io/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DEPTH 32
#define MAX_FILES 20000

static const char *remedy(int number)
{
	switch (number) {
	case ENOENT: return "no such file or folder";
	case EACCES: return "permission denied; give this user access";
	case EISDIR: return "is a folder; name a file";
	case ENOTDIR: return "a part of the path is no folder";
	case ENOSPC: return "the disk is full";
	case EROFS: return "the file system is read-only";
	default: return strerror(number);
	}
}

static bool fail(struct err *err, const char *path, int number)
{
	return err_set(err, ERR_INPUT, "%s: %s", path, remedy(number));
}

/* Returns 0 or errno; one byte more than allowed shows that there is more. */
static int read_up_to(int fd, struct buf *content)
{
	char piece[16384];
	for (;;) {
		ssize_t got = read(fd, piece, sizeof piece);
		if (got == 0)
			return 0;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		buf_add(content, piece, (size_t)got);
		if (content->overflowed)
			return 0;
	}
}

bool files_read(
    const char *path, size_t max_bytes, struct arena *arena, struct str *out, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return fail(err, path, errno);
	struct buf content = BUF_EMPTY(max_bytes);
	int why = read_up_to(fd, &content);
	bool is_fit = !content.overflowed;
	close(fd);
	if (why == 0 && is_fit) {
		char *copy = arena_alloc(arena, content.size + 1);
		memcpy(copy, buf_text(&content), content.size);
		*out = str_make(copy, content.size);
	}
	buf_free(&content);
	if (why != 0)
		return fail(err, path, why);
	return is_fit ||
	       err_set(err, ERR_INPUT, "%s: larger than the allowed %zu bytes", path, max_bytes);
}

static int write_all(int fd, struct str content)
{
	while (content.len > 0) {
		ssize_t written = write(fd, content.at, content.len);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return errno;
		content = str_make(content.at + written, content.len - (size_t)written);
	}
	return 0;
}

static int file_fill(const char *path, struct str content, int mode, bool is_durable)
{
	unlink(path); /* of an earlier crash; never write through somebody's link */
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno;
	int why = write_all(fd, content);
	if (why == 0 && (fchmod(fd, (mode_t)mode) != 0 || (is_durable && fsync(fd) != 0)))
		why = errno;
	if (close(fd) != 0 && why == 0)
		why = errno;
	return why;
}

/* The new name is on disk only when its folder is. */
static int folder_sync(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL ? xstrdup(".") : xstrndup(path, (size_t)(slash - path) + 1);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	xfree(folder);
	if (fd < 0)
		return errno;
	int why = fsync(fd) != 0 ? errno : 0;
	close(fd);
	return why;
}

static bool replace(
    const char *path, struct str content, int mode, bool is_durable, struct err *err)
{
	char *fresh = xasprintf("%s.tmp", path);
	int why = file_fill(fresh, content, mode, is_durable);
	if (why == 0 && rename(fresh, path) != 0)
		why = errno;
	if (why != 0)
		unlink(fresh);
	else if (is_durable)
		why = folder_sync(path);
	xfree(fresh);
	return why == 0 || fail(err, path, why);
}

bool files_write(const char *path, struct str content, int mode, struct err *err)
{
	return replace(path, content, mode, true, err);
}

bool files_put(const char *path, struct str content, int mode, struct err *err)
{
	return replace(path, content, mode, false, err);
}

void files_remove(const char *path)
{
	unlink(path);
}

static bool is_folder(const char *path)
{
	struct stat file;
	return stat(path, &file) == 0 && S_ISDIR(file.st_mode);
}

bool files_make_dir(const char *path, int mode, struct err *err)
{
	char *part = xstrdup(path);
	bool ok = *path != '\0';
	int why = ok ? 0 : ENOENT;
	for (size_t i = 1; ok && i <= strlen(path); i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		part[i] = '\0';
		if (mkdir(part, (mode_t)mode) != 0 && !(errno == EEXIST && is_folder(part))) {
			why = errno == EEXIST ? ENOTDIR : errno;
			ok = false;
		}
		part[i] = path[i];
	}
	xfree(part);
	return ok || fail(err, path, why);
}

bool files_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

bool files_is_private(const char *path)
{
	struct stat file;
	return stat(path, &file) == 0 && (file.st_mode & 077) == 0;
}

/* --- walking ---------------------------------------------------------------------------------- */

struct walk {
	struct arena *arena;
	const char *suffix;
	const char **paths;
	size_t count, capacity;
};

static bool has_suffix(const char *name, const char *suffix)
{
	if (suffix == NULL)
		return true;
	size_t len = strlen(name), end = strlen(suffix);
	return len >= end && strcmp(name + len - end, suffix) == 0;
}

static bool walk_add(struct walk *walk, const char *path, struct err *err)
{
	if (walk->count == MAX_FILES)
		return err_set(err, ERR_INPUT, "%s: more than %d files", path, MAX_FILES);
	if (walk->count == walk->capacity) {
		walk->capacity = walk->capacity ? walk->capacity * 2 : 64;
		walk->paths = xrealloc_array(walk->paths, walk->capacity, sizeof *walk->paths);
	}
	walk->paths[walk->count++] = path;
	return true;
}

static bool walk_folder(
    struct walk *walk, int folder, const char *prefix, int depth, struct err *err);

static bool walk_entry(
    struct walk *walk, DIR *dir, const char *name, const char *prefix, int depth, struct err *err)
{
	struct stat file;
	const char *path = arena_printf(walk->arena, "%s%s%s", prefix, *prefix ? "/" : "", name);
	if (fstatat(dirfd(dir), name, &file, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT || fail(err, path, errno); /* gone meanwhile is fine */
	if (S_ISREG(file.st_mode))
		return !has_suffix(name, walk->suffix) || walk_add(walk, path, err);
	if (!S_ISDIR(file.st_mode))
		return true;
	int below = openat(dirfd(dir), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return below < 0 ? fail(err, path, errno) : walk_folder(walk, below, path, depth + 1, err);
}

/* Takes the descriptor. */
static bool walk_folder(
    struct walk *walk, int folder, const char *prefix, int depth, struct err *err)
{
	DIR *dir = depth < MAX_DEPTH ? fdopendir(folder) : NULL;
	if (dir == NULL) {
		int why = depth < MAX_DEPTH ? errno : ELOOP;
		close(folder);
		return fail(err, prefix, why);
	}
	bool ok = true;
	const struct dirent *entry;
	while (ok && (entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			ok = walk_entry(walk, dir, entry->d_name, prefix, depth, err);
	closedir(dir);
	return ok;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool files_walk(const char *dir, const char *suffix,
    bool (*visit)(const char *relative_path, void *context, struct err *err), void *context,
    struct err *err)
{
	int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return fail(err, dir, errno);
	struct walk walk = {.arena = arena_new(), .suffix = suffix};
	bool ok = walk_folder(&walk, folder, "", 0, err);
	if (ok && walk.count > 1)
		qsort(walk.paths, walk.count, sizeof *walk.paths, by_text);
	for (size_t i = 0; ok && i < walk.count; i++)
		ok = visit(walk.paths[i], context, err);
	xfree(walk.paths);
	arena_free(&walk.arena);
	return ok;
}

/* The specification tells to ignore a relative XDG_DATA_HOME. */
const char *files_default_data_dir(struct arena *arena)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	if (data != NULL && *data == '/')
		return arena_printf(arena, "%s/notifier", data);
	if (home != NULL && *home == '/')
		return arena_printf(arena, "%s/.local/share/notifier", home);
	return "./data";
}
