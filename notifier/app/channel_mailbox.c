/* The local mailbox: messages as files in the data folder, as the customer would see them.  For
 * test mode, the demo, and SMS.  The file's name is the message id: a retry writes the same file,
 * and erasing a shipment removes it.
 */
#include <stdio.h>
#include <string.h>

#include "notifier/app/channel.h"
#include "notifier/app/json.h"
#include "notifier/io/files.h"
#include "notifier/message/sms.h"

static json_t *summary(const struct outgoing *o)
{
	json_t *file = json_object();
	json_put_text(file, "id", o->message_id);
	json_put_text(file, "shipment", o->thread_id);
	json_put_text(file, "tracking_number", o->number);
	json_put_text(file, "event", o->event);
	json_put_text(file, "channel", channel_name(o->channel));
	json_put_text(file, "language", o->language);
	json_put_text(file, "to", o->to);
	json_put_time(file, "sent_at", o->now_ms);
	if (o->channel == CHANNEL_SMS) {
		json_put_text(file, "text", o->sms);
		return file;
	}
	json_put_text(file, "subject", o->subject);
	json_put_text(file, "text", o->text);
	json_put_text(file, "html", o->html);
	return file;
}

static bool write_files(
    struct world *world, struct flow *flow, const struct outgoing *o, struct err *err)
{
	json_t *file = summary(o);
	const char *path =
	    arena_printf(flow->arena, "%s/%s.json", world->mailbox_dir, o->message_id);
	bool ok = files_put(path, json_text(file, flow->arena), 0600, err);
	json_decref(file);
	if (!ok || o->channel == CHANNEL_SMS)
		return ok;
	struct buf mail = BUF_EMPTY(1 << 20);
	path = arena_printf(flow->arena, "%s/%s.eml", world->mailbox_dir, o->message_id);
	ok = channel_compose(o, &mail, err) &&
	     files_put(path, str_make(mail.data, mail.size), 0600, err);
	buf_free(&mail);
	return ok;
}

static struct await *mailbox_send(struct world *world, struct flow *flow, const struct outgoing *o,
    char *answer, size_t answer_bytes)
{
	struct err err;
	if (!write_files(world, flow, o, &err))
		return await_over(flow, &err);
	snprintf(answer, answer_bytes, "written to the local mailbox");
	return await_over(flow, NULL);
}

void mailbox_forget(const struct world *world, const char *message_id, struct arena *arena)
{
	files_remove(arena_printf(arena, "%s/%s.json", world->mailbox_dir, message_id));
	files_remove(arena_printf(arena, "%s/%s.eml", world->mailbox_dir, message_id));
}

const struct channel_driver channel_mailbox = {
    .name = "mailbox", .send = mailbox_send, .may_repeat = true};
