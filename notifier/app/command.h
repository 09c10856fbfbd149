/* The subcommands: one table (command.def) gives the dispatch, `notifier help` and the nearest
 * name of a misspelt one.  A command reads its own arguments; --help and -h anywhere among them
 * never reach it.
 *
 * Exit codes: 0 done; 1 the work failed, or a check found something; 2 wrong usage, with one line
 * on stderr.
 */
#ifndef APP_COMMAND_H
#define APP_COMMAND_H
#include <stddef.h>

#include "notifier/app/options.h" /* enum command_exit, options_usage */

struct command {
	const char *name, *summary;
	const char *help;                  /* usage, what it does, an example */
	int (*run)(int argc, char **argv); /* argv[0] is the command's name */
};
extern const struct command commands[];
extern const size_t command_count;

/* What main does: argv[0] is the program. */
int command_main(int argc, char **argv);

int cmd_serve(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_shipments(int argc, char **argv);
int cmd_messages(int argc, char **argv);
int cmd_keys(int argc, char **argv);
int cmd_model(int argc, char **argv);
int cmd_carriers(int argc, char **argv);
int cmd_render(int argc, char **argv);
int cmd_sms(int argc, char **argv);
#endif
