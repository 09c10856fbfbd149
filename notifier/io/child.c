#include "notifier/io/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "notifier/base/list.h"
#include "notifier/base/mem.h"
#include "notifier/base/str.h"
#include "notifier/io/loop.h"

/* uv_spawn has no place between fork and exec for PR_SET_PDEATHSIG, so this forks itself.  What
 * runs between fork and exec is async-signal-safe: other threads may have held any lock. */

struct child {
	struct list link;
	pid_t pid;
	bool is_over, is_forgotten;
	void (*on_exit)(int64_t status, int signal, void *context);
	void *context;
};

static struct list children = {&children, &children}; /* alive, forgotten ones too */
static uv_signal_t watcher;
static bool is_watching;

static bool is_program(const char *path)
{
	struct stat file;
	return stat(path, &file) == 0 && S_ISREG(file.st_mode) && access(path, X_OK) == 0;
}

/* The search of execvp(3), done before the fork.  NULL: not found; xfree it. */
static char *program_find(const char *name)
{
	if (strchr(name, '/') != NULL)
		return is_program(name) ? xstrdup(name) : NULL;
	const char *path = getenv("PATH");
	struct str rest = str_of(path ? path : "/usr/local/bin:/usr/bin:/bin");
	while (rest.at != NULL) {
		struct str folder;
		rest = str_cut(rest, ':', &folder);
		char *candidate = xasprintf("%.*s/%s", folder.len ? (int)folder.len : 1,
		    folder.len ? folder.at : ".", name);
		if (is_program(candidate))
			return candidate;
		xfree(candidate);
	}
	return NULL;
}

bool child_program_exists(const char *name)
{
	char *found = program_find(name);
	xfree(found);
	return found != NULL;
}

static void child_over(struct child *child, int wait_status)
{
	list_remove(&child->link);
	child->is_over = true;
	if (child->is_forgotten) {
		xfree(child);
		return;
	}
	int64_t status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
	int number = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
	if (child->on_exit != NULL)
		child->on_exit(status, number, child->context); /* may free it */
}

static void on_child_signal(uv_signal_t *handle, int number)
{
	(void)handle;
	(void)number;
	/* A callback may free any child, so the walk starts again after each. */
	for (bool again = true; again;) {
		again = false;
		LIST_FOREACH (link, &children) {
			struct child *child = LIST_OWNER(link, struct child, link);
			int status;
			if (waitpid(child->pid, &status, WNOHANG) != child->pid)
				continue;
			child_over(child, status);
			again = true;
			break;
		}
	}
}

static void watch(void)
{
	if (is_watching)
		return;
	is_watching = true;
	uv_signal_init(loop_uv(), &watcher);
	uv_signal_start(&watcher, on_child_signal, SIGCHLD);
	uv_unref((uv_handle_t *)&watcher);
}

struct start { /* all that the forked process needs */
	const char *program, *working_dir;
	char **argv;
	int log, errors, kept_fd;
	pid_t parent;
};

static _Noreturn void child_become(const struct start *start)
{
	sigset_t none;
	sigemptyset(&none);
	setpgid(0, 0);
	/* SIGKILL, because it must be gone when our successor starts its own.  Redis with
	 * appendfsync always has every answered write on disk. */
	bool ok = prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == start->parent;
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL); /* ignored signals would stay ignored */
	ok = ok && sigprocmask(SIG_SETMASK, &none, NULL) == 0;
	ok = ok && (start->working_dir == NULL || chdir(start->working_dir) == 0);
	int nothing = open("/dev/null", O_RDONLY);
	ok = ok && nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0;
	ok = ok && dup2(start->log, STDOUT_FILENO) >= 0 && dup2(start->log, STDERR_FILENO) >= 0;
	/* hiredis opens its sockets without close-on-exec. */
	ok = ok && close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
	if (start->kept_fd > 0)
		ok = ok && fcntl(start->kept_fd, F_SETFD, 0) == 0;
	if (ok)
		execv(start->program, start->argv);
	int why = errno;
	ssize_t written = write(start->errors, &why, sizeof why);
	_exit(written == sizeof why ? 126 : 127);
}

/* Returns 0 or the errno with which the new process failed before it became the program. */
static int start_process(struct start *start, pid_t *pid)
{
	int ends[2], why = 0;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return errno;
	start->errors = ends[1];
	start->parent = getpid();
	/* libuv's signal handler writes into a pipe that a fork shares: no signal may come before
	 * the new process has put the handlers away. */
	sigset_t all, before;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	*pid = fork();
	if (*pid == 0)
		child_become(start);
	if (*pid < 0)
		why = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(ends[1]);
	ssize_t got;
	do /* ends at once: exec closes the other end */
		got = *pid < 0 ? 0 : read(ends[0], &why, sizeof why);
	while (got < 0 && errno == EINTR);
	close(ends[0]);
	if (why != 0 && *pid > 0)
		waitpid(*pid, NULL, 0);
	return why;
}

static int log_open(const char *path)
{
	if (path == NULL)
		return open("/dev/null", O_WRONLY | O_CLOEXEC);
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

struct child *child_start(const struct child_options *options, struct err *err)
{
	const char *name = options->argv[0];
	char *program = program_find(name);
	if (program == NULL) {
		err_set(err, ERR_PERMANENT, "%s: no such program in PATH; install it", name);
		return NULL;
	}
	size_t count = 1;
	while (options->argv[count - 1] != NULL)
		count++;
	struct start start = {.program = program,
	    .working_dir = options->working_dir,
	    .argv = xcalloc(count, sizeof(char *)),
	    .kept_fd = options->kept_fd,
	    .log = log_open(options->log_path)};
	memcpy(start.argv, options->argv, count * sizeof(char *)); /* execv forgot a const */
	if (start.log < 0) {
		err_set(err, ERR_PERMANENT, "%s: cannot be written: %s", options->log_path,
		    strerror(errno));
		xfree(start.argv);
		xfree(program);
		return NULL;
	}
	watch();
	struct child *child = xcalloc(1, sizeof *child);
	int why = start_process(&start, &child->pid);
	close(start.log);
	xfree(start.argv);
	xfree(program);
	if (why != 0) {
		err_set(err, ERR_PERMANENT, "%s: cannot be started: %s", name, strerror(why));
		xfree(child);
		return NULL;
	}
	child->on_exit = options->on_exit;
	child->context = options->context;
	list_append(&children, &child->link);
	return child;
}

int child_pid(const struct child *child)
{
	return (int)child->pid;
}

void child_signal(struct child *child, int signal)
{
	if (!child->is_over) /* else the number may be somebody else's by now */
		kill(child->pid, signal);
}

void child_free(struct child **child)
{
	if (*child == NULL)
		return;
	(*child)->is_forgotten = true;
	if ((*child)->is_over)
		xfree(*child);
	*child = NULL;
}
