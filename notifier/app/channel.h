/* A channel: how a rendered message leaves.  One `const struct channel_driver` each; classifies
 * how it ended, and the deliver flow decides what follows.
 */
#ifndef APP_CHANNEL_H
#define APP_CHANNEL_H
#include "notifier/app/world.h"

struct outgoing { /* one rendered message; borrowed until the await ends */
	const char *message_id;
	enum channel channel;
	const char *to; /* the bare address or number */
	const char *recipient_name;
	const struct account_config *account;
	struct account_runtime *runtime;
	const char *event, *language, *number;
	const char *subject, *text, *html, *sms;
	const char *thread_id; /* of all mails about this parcel: for References */
	int64_t now_ms;
};

struct channel_driver {
	const char *name; /* "email", "mailbox" */
	/* Outcomes are those of io/smtp.h's await.  `answer` (≥ 200 bytes) takes what the provider
	 * said. */
	struct await *(*send)(struct world *world, struct flow *flow,
	    const struct outgoing *outgoing, char *answer, size_t answer_bytes);
	/* Whether a message of an unknown outcome may be sent again: e-mail carries the same
	 * Message-ID, so a copy can be told. */
	bool may_repeat;
};

extern const struct channel_driver channel_email;
extern const struct channel_driver
    channel_mailbox; /* test mode and SMS: files in the data folder */

void mailbox_forget(const struct world *world, const char *message_id, struct arena *arena);

/* The driver that serves a channel of an account. */
const struct channel_driver *channel_for(
    const struct account_config *account, enum channel channel);
/* The finished RFC 5322 message. */
bool channel_compose(const struct outgoing *outgoing, struct buf *out, struct err *err);
#endif
