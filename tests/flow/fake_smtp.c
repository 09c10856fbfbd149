#include "tests/flow/fake_smtp.h"

#include <string.h>

#define MAILS_MAX 512
#define ROWS_MAX  16

struct smtp {
	int unused;
};

struct session {
	struct await await;
	struct timer timer;
	struct mailed *mailed;
};

static struct {
	struct smtp smtp;
	struct {
		unsigned times, used;
		enum err_kind outcome;
		int64_t delay_ms;
	} rows[ROWS_MAX];
	size_t row_count;
	struct mailed mails[MAILS_MAX];
	size_t count;
} fake;

void fake_smtp_reset(void)
{
	for (size_t i = 0; i < fake.count; i++) {
		xfree(fake.mails[i].to);
		xfree(fake.mails[i].subject);
		xfree(fake.mails[i].message_id);
	}
	memset(&fake, 0, sizeof fake);
}

void fake_smtp_says(unsigned times, enum err_kind outcome, int64_t delay_ms)
{
	must(fake.row_count < ROWS_MAX);
	fake.rows[fake.row_count].times = times;
	fake.rows[fake.row_count].outcome = outcome;
	fake.rows[fake.row_count++].delay_ms = delay_ms;
}

size_t fake_smtp_count(void)
{
	return fake.count;
}

const struct mailed *fake_smtp_mail(size_t index)
{
	return index < fake.count ? &fake.mails[index] : NULL;
}

size_t fake_smtp_accepted(void)
{
	size_t count = 0;
	for (size_t i = 0; i < fake.count; i++)
		count += fake.mails[i].is_over && fake.mails[i].outcome == ERR_NONE;
	return count;
}

size_t fake_smtp_most_copies(void)
{
	size_t most = 0;
	for (size_t i = 0; i < fake.count; i++) {
		size_t copies = 0;
		for (size_t j = 0; j < fake.count; j++) {
			enum err_kind outcome = fake.mails[j].outcome;
			copies += strcmp(fake.mails[i].message_id, fake.mails[j].message_id) == 0 &&
			          (outcome == ERR_NONE || outcome == ERR_AMBIGUOUS);
		}
		most = copies > most ? copies : most;
	}
	return most;
}

/* --- one mail -------------------------------------------------------------------------------- */

static char *header(struct str content, const char *name)
{
	struct str line;
	for (struct str rest = content; rest.at != NULL;) {
		rest = str_cut(rest, '\n', &line);
		line = str_trim(line);
		if (line.len == 0)
			break;
		if (str_starts(line, name)) {
			line = str_trim(str_make(line.at + strlen(name), line.len - strlen(name)));
			return xstrndup(line.at, line.len);
		}
	}
	return xstrdup("");
}

static void session_end(struct session *session)
{
	timer_stop(&session->timer);
	xfree(session);
}

/* Before the dot nothing was handed over; what was to be accepted counts as if it was not. */
static void on_cancel(struct await *await)
{
	struct session *session = (struct session *)(void *)await;
	session->mailed->outcome = ERR_CANCELLED;
	session_end(session);
}

static void on_reply(struct timer *timer)
{
	struct session *session = LIST_OWNER(timer, struct session, timer);
	struct err err;
	session->mailed->is_over = true;
	err_set(&err, session->mailed->outcome, "smtp: as the test said");
	if (err.kind == ERR_NONE)
		await_done(&session->await);
	else
		await_failed(&session->await, &err);
	session_end(session);
}

static void choose(struct session *session)
{
	int64_t delay_ms = 0;
	for (size_t i = fake.row_count; i-- > 0;) {
		if (fake.rows[i].times > 0 && fake.rows[i].used >= fake.rows[i].times)
			continue;
		fake.rows[i].used++;
		session->mailed->outcome = fake.rows[i].outcome;
		delay_ms = fake.rows[i].delay_ms;
		break;
	}
	timer_start(&session->timer, delay_ms);
}

struct await *smtp_send(
    struct smtp *smtp, struct flow *flow, const struct smtp_mail *mail, struct smtp_result *out)
{
	must(smtp == &fake.smtp && fake.count < MAILS_MAX);
	struct session *session = xcalloc(1, sizeof *session);
	struct mailed *mailed = session->mailed = &fake.mails[fake.count++];
	*out = (struct smtp_result){.code = 250};
	mailed->to = xstrdup(mail->to);
	mailed->subject = header(mail->content, "Subject:");
	mailed->message_id = header(mail->content, "Message-ID:");
	mailed->at_ms = loop_now_ms();
	timer_init(&session->timer, on_reply);
	await_init(&session->await, flow, on_cancel);
	choose(session);
	return &session->await;
}

/* --- the rest of io/smtp.h ------------------------------------------------------------------- */

struct smtp *smtp_new(const struct smtp_options *options, struct resolver *resolver)
{
	(void)options;
	(void)resolver;
	return &fake.smtp;
}

void smtp_free(struct smtp **smtp)
{
	*smtp = NULL;
}

unsigned smtp_in_flight(const struct smtp *smtp)
{
	(void)smtp;
	unsigned count = 0;
	for (size_t i = 0; i < fake.count; i++)
		count += !fake.mails[i].is_over && fake.mails[i].outcome != ERR_CANCELLED;
	return count;
}

bool smtp_is_handed_over(const struct await *await)
{
	(void)await;
	return false;
}
