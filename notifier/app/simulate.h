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
#endif
