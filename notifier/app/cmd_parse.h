/* `notifier parse`: carriers' answers and webhooks as JSON Lines in, trackings as JSON Lines out.
 * Invariant: nothing is sent and no configuration is read; a line alone decides its answer.
 */
#ifndef APP_CMD_PARSE_H
#define APP_CMD_PARSE_H
#include "notifier/app/jsonl.h"

int cmd_parse(int argc, char **argv); /* argv[0] is "parse"; returns the exit code */

/* One line, for jsonl_run; context is not used. */
bool cmd_parse_line(struct jsonl_line *line, void *context);
#endif
