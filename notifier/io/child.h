/* A child process that belongs to us: started, watched, restarted by the caller, stopped at exit.
 * It gets its own process group and dies with us (PR_SET_PDEATHSIG).
 */
#ifndef IO_CHILD_H
#define IO_CHILD_H
#include <stdbool.h>
#include <stdint.h>

#include "notifier/base/err.h"

struct child;
struct child_options {
	const char *const *argv; /* argv[0] is searched in PATH; ends with NULL */
	const char *working_dir; /* NULL: ours */
	const char *log_path;    /* stdout and stderr are appended there; NULL: /dev/null */
	int kept_fd;             /* a descriptor that the child inherits (a lock); 0: none */
	void (*on_exit)(int64_t status, int signal, void *context);
	void *context;
};
struct child *child_start(const struct child_options *options, struct err *err); /* NULL: err */
int child_pid(const struct child *child);
void child_signal(struct child *child, int signal);
/* Forgets it without on_exit; it goes on living until its signal arrives. */
void child_free(struct child **child);
bool child_program_exists(const char *name); /* in PATH */
#endif
