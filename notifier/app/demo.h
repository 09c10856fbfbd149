/* The demo: a configuration that needs nothing, parcels that register themselves, and a terminal
 * that tells what happens.  It is a client of the daemon like any other: it registers over HTTP
 * with a key and learns everything by asking the API.
 *
 * demo_feed.c registers parcels, demo_watch.c tells.  One demo per process.
 */
#ifndef APP_DEMO_H
#define APP_DEMO_H
#include "notifier/app/world.h"

/* The built-in configuration, with a fresh private data folder below $XDG_RUNTIME_DIR or /tmp.
 * NULL: the reason stands on stderr.  The caller owns one reference. */
struct config *demo_config(void);
/* The same, listening elsewhere; NULL is 127.0.0.1:8080.  Off loopback the page wants a key. */
struct config *demo_config_at(const char *listen);
/* After the servers are open, before the loop runs: greets and starts the flows. */
void demo_begin(struct world *world);
/* After the world is closed: forgets everything and removes the data folder. */
void demo_cleanup(void);
#endif
