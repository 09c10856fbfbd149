/* `notifier simulate`: history replayed through the daemon's own core code with a virtual clock.
 * One pass, deterministic, and blind for the future: removing the rows after an instant does not
 * change what is printed for the time before it.
 */
#ifndef APP_SIMULATE_H
#define APP_SIMULATE_H

int cmd_simulate(int argc, char **argv); /* argv[0] is "simulate"; returns the exit code */

/* The two halves; argv[0] is "delays" or "polling". */
int simulate_delays(int argc, char **argv);
int simulate_polling(int argc, char **argv);

enum simulate_exit { SIMULATE_DONE = 0, SIMULATE_FAILED = 1, SIMULATE_USAGE = 2 };
/* Prints "notifier simulate: …" as one line on stderr; returns SIMULATE_USAGE. */
int simulate_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
int simulate_failed(const char *text); /* the same, returns SIMULATE_FAILED */
#endif
