#include "notifier/app/channel.h"

#include "notifier/message/mail.h"

const struct channel_driver *channel_for(const struct account_config *account, enum channel channel)
{
	/* SMS providers come as drivers of their own; until an account has one, SMS stays local. */
	if (channel == CHANNEL_EMAIL && !account->is_test)
		return &channel_email;
	return &channel_mailbox;
}

bool channel_compose(const struct outgoing *o, struct buf *out, struct err *err)
{
	struct mail mail = {.subject = o->subject,
	    .text = o->text,
	    .html = o->html,
	    .language = o->language,
	    .date_ms = o->now_ms,
	    .auto_submitted = true};
	if (!mail_address_parse(&mail.from,
	        o->account->email.from ? o->account->email.from : "notifier@localhost.localdomain",
	        err))
		return err_prefix(err, "accounts.%s.email.from", o->account->name);
	if (o->account->email.reply_to != NULL &&
	    !mail_address_parse(&mail.reply_to, o->account->email.reply_to, err))
		return err_prefix(err, "accounts.%s.email.reply_to", o->account->name);
	if (!mail_address_parse(&mail.to, o->to, err))
		return false;
	if (o->recipient_name != NULL)
		text_clean(mail.to.name, sizeof mail.to.name, o->recipient_name);
	const char *at = mail.from.address;
	while (*at != '\0' && *at != '@')
		at++;
	/* A retry is the same message: its Message-ID comes from the message id.  All mails about
	 * one parcel refer to one id, so that mail programs show them as one thread. */
	char *message_id = xasprintf("%s%s", o->message_id, at);
	char *references = xasprintf("%s%s", o->thread_id, at);
	mail.message_id = message_id;
	mail.references = references;
	bool ok = mail_build(&mail, out, err);
	xfree(message_id);
	xfree(references);
	return ok;
}
