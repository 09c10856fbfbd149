#include "notifier/app/command.h"

#include <stdio.h>
#include <string.h>

#include "notifier/app/cmd_parse.h"
#include "notifier/app/command.def"
#include "notifier/app/config.h"
#include "notifier/app/simulate.h"
#include "notifier/base/str.h"

#ifndef NOTIFIER_VERSION
#define NOTIFIER_VERSION "dev"
#endif

const struct command commands[] = {
#define X(name, function, summary, help) {#name, summary, help, function},
    COMMAND_ROWS(X)
#undef X
};
const size_t command_count = sizeof commands / sizeof *commands;

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < command_count; i++)
		if (text_eq(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static const char *nearest_command(const char *name)
{
	const char *names[sizeof commands / sizeof *commands];
	for (size_t i = 0; i < command_count; i++)
		names[i] = commands[i].name;
	return text_nearest(name, names, command_count);
}

static int refuse_unknown(const char *name)
{
	const char *nearest = nearest_command(name);
	if (nearest != NULL)
		fprintf(stderr, "notifier: unknown command \"%s\"; did you mean \"%s\"?\n", name,
		    nearest);
	else
		fprintf(
		    stderr, "notifier: unknown command \"%s\"; notifier help lists them\n", name);
	return EXIT_USAGE;
}

static void print_list(FILE *out)
{
	fputs("notifier tells people what happens to their parcel before they have to ask.\n\n"
	      "usage: notifier COMMAND [ARGUMENTS]\n\n",
	    out);
	for (size_t i = 0; i < command_count; i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fputs("\nnotifier help COMMAND explains one, notifier help config every option;\n"
	      "notifier --version says which one this is.\n",
	    out);
}

static void print_option(
    const char *path, const char *type, const char *default_value, const char *help, void *context)
{
	fprintf(context, "%s\n    %s%s%s: %s\n", path, type, default_value ? ", default " : "",
	    default_value ? default_value : "", help);
}

int cmd_help(int argc, char **argv)
{
	if (argc < 2) {
		print_list(stdout);
		return EXIT_DONE;
	}
	if (text_eq(argv[1], "config")) {
		config_each_option(print_option, stdout);
		return EXIT_DONE;
	}
	const struct command *command = find_command(argv[1]);
	if (command == NULL)
		return refuse_unknown(argv[1]);
	fputs(command->help, stdout);
	return EXIT_DONE;
}

static int finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	if (code != EXIT_DONE) /* the command has said why */
		return code;
	fputs("notifier: cannot write the output\n", stderr);
	return EXIT_FAILED;
}

static int run(int argc, char **argv)
{
	if (argc < 2) {
		print_list(stderr);
		return EXIT_USAGE;
	}
	if (text_eq(argv[1], "--version")) {
		puts("notifier " NOTIFIER_VERSION);
		return EXIT_DONE;
	}
	if (text_eq(argv[1], "--help") || text_eq(argv[1], "-h"))
		return cmd_help(argc - 1, argv + 1);
	const struct command *command = find_command(argv[1]);
	if (command == NULL)
		return refuse_unknown(argv[1]);
	if (options_ask_help(argc - 1, argv + 1)) {
		fputs(command->help, stdout);
		return EXIT_DONE;
	}
	return command->run(argc - 1, argv + 1);
}

int command_main(int argc, char **argv)
{
	return finish(run(argc, argv));
}
