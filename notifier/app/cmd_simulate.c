#include <stdarg.h>
#include <stdio.h>

#include "notifier/app/simulate.h"
#include "notifier/base/str.h"

static const char help[] =
    "notifier simulate delays --shipments FILE.csv[.gz] [more…] [--rule two-zone|budget=0.05]\n"
    "                         [--eta] [--ticks]\n"
    "  Replays shipments through the delay model; one JSON line per early alert.\n"
    "  Columns: id, carrier_service, origin, destination, handed_over_at, promised_at,\n"
    "  delivered_at. Try: notifier simulate delays --shipments shipments.csv.gz > alerts.jsonl\n"
    "notifier simulate polling --traces DIR [--quotas FILE] [--batch M]\n"
    "  Replays traces (shipments.csv, events.csv, quotas.csv, window.json) through the cadence\n"
    "  rule; CSV at,carrier,shipment_ids, one line per call.\n"
    "  Try: notifier simulate polling --traces traces/ > polls.csv\n";

int simulate_usage(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("notifier simulate: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return SIMULATE_USAGE;
}

int simulate_failed(const char *text)
{
	fprintf(stderr, "notifier simulate: %s\n", text);
	return SIMULATE_FAILED;
}

int cmd_simulate(int argc, char **argv)
{
	if (argc < 2)
		return simulate_usage("say what: delays or polling (--help explains)");
	if (text_eq(argv[1], "delays"))
		return simulate_delays(argc - 1, argv + 1);
	if (text_eq(argv[1], "polling"))
		return simulate_polling(argc - 1, argv + 1);
	if (text_eq(argv[1], "--help") || text_eq(argv[1], "help")) {
		fputs(help, stdout);
		return SIMULATE_DONE;
	}
	return simulate_usage("unknown \"%s\": say delays or polling", argv[1]);
}
