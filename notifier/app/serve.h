/* The daemon's life: start, ready, reload, orderly stop in ≤ 10 s. */
#ifndef APP_SERVE_H
#define APP_SERVE_H
#include "notifier/app/world.h"

struct serve_options {
	struct config *config; /* taken over */
	bool is_demo;
};
/* Runs until SIGTERM or SIGINT.  Returns the exit code. */
int serve_run(const struct serve_options *options);
#endif
