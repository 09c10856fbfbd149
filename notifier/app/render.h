/* From the state now to the words of a message: builds the template's context and renders it. */
#ifndef APP_RENDER_H
#define APP_RENDER_H
#include "notifier/app/channel.h"

struct render_query {
	struct catalogue *catalogue;
	const struct config *config;
	const struct account_config *account;
	const struct shipment *shipment;
	const struct recipient *recipient;
	const struct event *event;
	int64_t now_ms;
};
/* Fills the texts, addresses and ids of *out (message_id and channel are given). */
bool render_message(
    const struct render_query *query, struct outgoing *out, struct arena *arena, struct err *err);
/* Whether any language has a message for the event. */
bool render_has_template(const struct catalogue *catalogue, const char *event);
#endif
