/* Setting up and taking down a world: runtimes of carriers and accounts, templates, the worker's
 * identity, reload. */
#ifndef APP_SETUP_H
#define APP_SETUP_H
#include "notifier/app/world.h"

/* Before any config_load: what zones and templates are, the loader cannot know by itself. */
void setup_config_hooks(void);
/* The templates of the configuration: the built-in ones, with the operator's folder laid over.
 * NULL with findings logged and err set. */
struct catalogue *setup_catalogue(const struct config *config, struct err *err);
/* The same with every finding, warnings too, given to the report; err is set where the folder
 * cannot be read. */
struct catalogue *setup_catalogue_report(
    const struct config *config, const struct catalogue_report *report, struct err *err);
/* Reads or makes DATA_DIR/worker.id and takes the folder's lock: one daemon per data folder. */
bool setup_identity(struct world *world, struct err *err);
void setup_runtimes(struct world *world); /* from world->config */
/* SIGHUP: new configuration and templates, or an error and everything stays as it was. */
bool setup_reload(struct world *world, struct err *err);
void setup_free(struct world *world);
#endif
