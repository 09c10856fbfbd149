/* E-mail over SMTP (io/smtp). */
#include <stdio.h>
#include <string.h>

#include "notifier/app/channel.h"
#include "notifier/message/mail.h"

static struct await *email_send(struct world *world, struct flow *flow, const struct outgoing *o,
    char *answer, size_t answer_bytes)
{
	struct err err;
	(void)world;
	struct buf content = BUF_EMPTY(1 << 20);
	struct smtp_result *result = arena_alloc(flow->arena, sizeof *result);
	struct mail_address from;
	bool ok = mail_address_parse(&from, o->account->email.from, &err) &&
	          channel_compose(o, &content, &err);
	if (ok && o->runtime->smtp == NULL)
		ok = err_set(
		    &err, ERR_AUTH, "accounts.%s.email.smtp.host is not set", o->account->name);
	if (!ok) {
		buf_free(&content);
		return await_over(flow, &err);
	}
	struct smtp_mail mail = {.from = arena_strdup(flow->arena, from.address),
	    .to = o->to,
	    .content =
	        str_make(arena_strndup(flow->arena, content.data, content.size), content.size)};
	buf_free(&content);
	snprintf(answer, answer_bytes, "accepted by %s", o->account->email.smtp.host);
	return smtp_send(o->runtime->smtp, flow, &mail, result);
}

const struct channel_driver channel_email = {
    .name = "email", .send = email_send, .may_repeat = true};
