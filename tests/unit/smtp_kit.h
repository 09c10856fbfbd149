/* For the tests of the SMTP client: a flow per mail, a client and a server per test.  Include after
 * cmocka.h.
 */
#ifndef TESTS_SMTP_KIT_H
#define TESTS_SMTP_KIT_H
#include "notifier/io/smtp.h"
#include "tests/unit/fake_smtp.h"
#include "tests/unit/loop_until.h"

#define DEADLINE_MS 3000

static struct resolver *resolver;
static struct fake_smtp fake;
static const char hello[] = "Subject: hello\r\n\r\nDear you\r\n";

/* --- one flow per mail ----------------------------------------------------------------------- */

struct outcome { /* outlives the flow */
	int done;
	bool failed;
	struct err err;
	struct smtp_result result;
	struct flow *flow;
	struct await *await;
};

struct post {
	struct flow flow;
	struct smtp *smtp;
	struct smtp_mail mail;
	struct smtp_result result;
	struct outcome *outcome;
	int64_t after_ms;
};
#define POST_STEPS(X) X(post, send) X(post, sent)
POST_STEPS(FLOW_STEP)

static next post_send(struct post *p)
{
	p->outcome->await = smtp_send(p->smtp, &p->flow, &p->mail, &p->result);
	return AWAIT(p, sent, p->outcome->await, p->after_ms);
}

static next post_sent(struct post *p)
{
	p->outcome->done++;
	p->outcome->failed = FAILED(p);
	p->outcome->err = p->flow.err;
	p->outcome->result = p->result;
	p->outcome->flow = NULL;
	return END;
}

static inline void post_fini(struct flow *flow)
{
	xfree(flow);
}
static const struct flow_type post_type = {"post", post_fini};

static inline void post_start(
    struct smtp *smtp, const struct smtp_mail *mail, struct outcome *outcome)
{
	struct post *p = xcalloc(1, sizeof *p);
	*outcome = (struct outcome){.flow = &p->flow};
	p->smtp = smtp;
	p->mail = *mail;
	p->outcome = outcome;
	p->after_ms = 60000;
	flow_start(&p->flow, &post_type, do_send);
}

static inline struct smtp_mail mail_to(const char *to)
{
	return (struct smtp_mail){
	    .from = "shop@a.test", .to = to, .content = str_make(hello, sizeof hello - 1)};
}

static inline void post_to(struct smtp *smtp, const char *to, struct outcome *outcome)
{
	struct smtp_mail mail = mail_to(to);
	post_start(smtp, &mail, outcome);
}

static inline struct outcome send_mail(struct smtp *smtp, const struct smtp_mail *mail)
{
	struct outcome outcome;
	post_start(smtp, mail, &outcome);
	LOOP_UNTIL(outcome.done, DEADLINE_MS);
	assert_int_equal(outcome.done, 1);
	return outcome;
}

static inline struct outcome send_to(struct smtp *smtp, const char *to)
{
	struct smtp_mail mail = mail_to(to);
	return send_mail(smtp, &mail);
}

static inline struct smtp_options options_of(void)
{
	return (struct smtp_options){
	    .host = "127.0.0.1",
	    .port = fake.server.port,
	    .helo = "client.test",
	    .connect_ms = 200,
	    .command_ms = 100,
	    .final_ms = 150,
	    .idle_ms = 2000,
	};
}

static inline struct smtp *client(void)
{
	struct smtp_options options = options_of();
	return smtp_new(&options, resolver);
}

static inline int start(void **state)
{
	(void)state;
	fake = (struct fake_smtp){.ehlo = NULL};
	fake_smtp_start(&fake);
	resolver = resolver_new();
	return 0;
}

static inline int stop(void **state)
{
	(void)state;
	assert_int_equal(flow_count(), 0);
	resolver_free(&resolver);
	fake_smtp_stop(&fake);
	loop_drain();
	return 0;
}

static inline void again(void **state)
{
	stop(state);
	start(state);
}

#define NO_PIPELINING "250-fake\r\n250 8BITMIME\r\n"
#endif
