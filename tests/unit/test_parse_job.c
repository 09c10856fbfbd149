/* Small bodies are read on the loop, big ones off it; either way the same comes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "notifier/app/parse_job.h"
#include "tests/unit/loop_until.h"

/* --- a carrier that notes who reads ----------------------------------------------------------- */

static struct {
	pthread_t reader;
	size_t body_bytes, header_count;
	const char *body;
} seen;

static bool note_read(struct str body, struct report_set *out, struct err *err)
{
	seen.reader = pthread_self();
	seen.body = body.at;
	seen.body_bytes = body.len;
	if (body.at[0] != '{')
		return err_set(err, ERR_INPUT, "this is no object");
	report_set_add(out)->tracking_number = "P-1";
	return true;
}

static bool hook_read(const struct carrier_hook *hook, struct report_set *out,
    struct carrier_reply *reply, struct err *err)
{
	reply->status = 204;
	seen.header_count = hook->header_count;
	assert_string_equal(carrier_hook_header(hook, "x-a"), "b");
	return note_read(hook->body, out, err);
}

static bool poll_read(const struct carrier_poll *poll, const struct carrier_answer *answer,
    struct report_set *out, struct err *err)
{
	assert_string_equal(poll->numbers[0], "P-1");
	return note_read(answer->body, out, err);
}

static const struct carrier carrier = {
    .name = "stub", .hook_read = hook_read, .poll_read = poll_read};

/* --- a flow that reads one body --------------------------------------------------------------- */

struct reading {
	struct flow flow;
	struct str body;
	bool is_hook;
	struct parse_result result;
};
static struct {
	unsigned ended;
	bool failed, ok;
	size_t reports;
	int reply_status;
	struct err err;
} end;

#define READING_STEPS(X) X(reading, go) X(reading, over)
READING_STEPS(FLOW_STEP)

static next reading_go(struct reading *p)
{
	static const char *numbers[] = {"P-1"};
	static const struct carrier_header headers[] = {{"X-A", "b"}};
	struct carrier_poll poll = {.numbers = numbers, .count = 1};
	struct carrier_answer answer = {.status = 200, .body = p->body};
	struct carrier_hook hook = {
	    .method = "POST", .url = "/", .headers = headers, .header_count = 1, .body = p->body};
	return AWAIT(p, over,
	    p->is_hook ? parse_hook(&p->flow, &carrier, &hook, &p->result)
	               : parse_answer(&p->flow, &carrier, &poll, &answer, &p->result),
	    PARSE_WAIT_MS);
}

static next reading_over(struct reading *p)
{
	end.failed = FAILED(p);
	end.ok = p->result.ok;
	end.reports = p->result.set.count;
	end.reply_status = p->result.reply.status;
	if (!end.ok && !end.failed)
		end.err = p->result.err;
	return END;
}

static void reading_fini(struct flow *flow)
{
	struct reading *p = (struct reading *)(void *)flow;
	arena_free(&p->result.arena);
	xfree(p);
	end.ended++;
}

static const struct flow_type reading_type = {"reading", reading_fini};

static struct reading *reading_start(struct str body, bool is_hook)
{
	struct reading *p = xcalloc(1, sizeof *p);
	memset(&seen, 0, sizeof seen);
	memset(&end, 0, sizeof end);
	p->body = body;
	p->is_hook = is_hook;
	flow_start(&p->flow, &reading_type, do_go);
	return p;
}

static struct str body_of(size_t bytes, char first)
{
	static char text[PARSE_ON_LOOP_BYTES + 2];
	memset(text, ' ', sizeof text);
	text[0] = first;
	return str_make(text, bytes);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_where_it_is_read(void **state)
{
	(void)state;
	for (int is_hook = 0; is_hook < 2; is_hook++) {
		for (size_t more = 0; more < 2; more++) {
			struct str body = body_of(PARSE_ON_LOOP_BYTES + more, '{');
			reading_start(body, is_hook);
			LOOP_UNTIL(end.ended == 1, 5000);
			assert_true(end.ok && !end.failed);
			assert_int_equal(end.reports, 1);
			assert_int_equal(end.reply_status, is_hook ? 204 : 0);
			assert_int_equal(seen.body_bytes, body.len);
			bool was_here = pthread_equal(seen.reader, pthread_self());
			assert_int_equal(was_here, more == 0);
			assert_int_equal(seen.body == body.at, more == 0); /* a copy */
		}
	}
}

static void test_what_cannot_be_read(void **state)
{
	(void)state;
	for (size_t more = 0; more < 2; more++) {
		reading_start(body_of(PARSE_ON_LOOP_BYTES + more, '<'), true);
		LOOP_UNTIL(end.ended == 1, 5000);
		assert_false(end.ok || end.failed);
		assert_string_equal(end.err.text, "this is no object");
	}
}

/* The flow is gone while the thread still reads: nobody's memory is touched, nothing leaks. */
static void test_nobody_wants_it_any_more(void **state)
{
	(void)state;
	struct reading *p = reading_start(body_of(PARSE_ON_LOOP_BYTES + 1, '{'), true);
	assert_int_equal(end.ended, 0);
	flow_cancel(&p->flow);
	assert_int_equal(end.ended, 1);
	assert_true(end.failed);
	LOOP_UNTIL(seen.body_bytes != 0, 5000);
	loop_drain();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_where_it_is_read),
	    cmocka_unit_test(test_what_cannot_be_read),
	    cmocka_unit_test(test_nobody_wants_it_any_more),
	};
	loop_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
