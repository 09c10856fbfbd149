/* notifier: argv to subcommand.  The list of them is notifier/app/command.def. */
#include "notifier/app/command.h"

int main(int argc, char **argv)
{
	return command_main(argc, argv);
}
