#include "notifier/app/options.h"
#include "notifier/app/simulate.h"
#include "notifier/base/str.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} simulations[] = {{"delays", simulate_delays}, {"polling", simulate_polling}};

int cmd_simulate(int argc, char **argv)
{
	if (argc < 2)
		return options_usage("simulate", "say what: delays or polling");
	for (size_t i = 0; i < sizeof simulations / sizeof *simulations; i++)
		if (text_eq(argv[1], simulations[i].name))
			return simulations[i].run(argc - 1, argv + 1);
	return options_usage("simulate", "unknown \"%s\": say delays or polling", argv[1]);
}
