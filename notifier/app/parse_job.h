/* Parsing of carriers' bodies, answers and webhooks: on the loop when they are small, off it when
 * they are big.  The adapters are pure, which is what makes this possible.
 */
#ifndef APP_PARSE_JOB_H
#define APP_PARSE_JOB_H
#include "carriers/carrier.h"
#include "notifier/io/flow.h"

#define PARSE_ON_LOOP_BYTES (64 * 1024)
#define PARSE_WAIT_MS       30000 /* the deadline of an await on it */

struct parse_result { /* memory in the flow's arena, or kept until the flow ends */
	struct report_set set;
	struct carrier_reply reply; /* of a webhook */
	bool ok;
	struct err err;
	struct arena *arena; /* of a big body: the flow frees it in fini (arena_free) */
};
/* Reads a poll's answer, or a webhook whose signature is good.  The await never fails; result.ok
 * tells. */
struct await *parse_answer(struct flow *flow, const struct carrier *carrier,
    const struct carrier_poll *poll, const struct carrier_answer *answer, struct parse_result *out);
struct await *parse_hook(struct flow *flow, const struct carrier *carrier,
    const struct carrier_hook *hook, struct parse_result *out);
#endif
