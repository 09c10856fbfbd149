/* Command-line options as a small table: `--name VALUE`, `--name=VALUE`, `--switch`; "--" ends
 * them.  What is no option is a word; words and options may be mixed.  Nothing is printed here:
 * an error is a text that names the nearest known option.
 */
#ifndef APP_OPTIONS_H
#define APP_OPTIONS_H
#include <stdbool.h>
#include <stddef.h>

#include "notifier/base/err.h"

enum command_exit { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct options_row {       /* exactly one of text and is_on is set */
	const char *name;  /* "--config" */
	const char **text; /* takes a value, stored here (borrowed from argv) */
	bool *is_on;       /* a switch: becomes true */
};

/* Reads argv[1…] and moves the words to argv[1]…argv[*words], in order.  An option given twice
 * keeps the last value.  False: err says what is wrong in one line; argv is then of no use. */
bool options_parse(const struct options_row *rows, size_t count, int argc, char **argv, int *words,
    struct err *err) CHECK_RESULT;

/* Does --help or -h stand among the arguments (before "--")? */
bool options_ask_help(int argc, char **argv);

/* One line on stderr: "notifier COMMAND: text (notifier help COMMAND explains)".  Returns
 * EXIT_USAGE, EXIT_FAILED. */
int options_usage(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int options_failed(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#endif
