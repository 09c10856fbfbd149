/* The runner of flows: parking, completion inside the step, deadline, cancel, torture, joins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "notifier/io/flow.h"
#include "notifier/io/join.h"
#include "tests/unit/loop_until.h"

/* An operation that completes inside the call, after a while, or never. */
struct op {
	struct await await;
	struct timer timer;
	bool fails;
};
static int cancels;

static void op_cancel(struct await *await)
{
	struct op *op = (struct op *)(void *)await;
	timer_stop(&op->timer);
	cancels++;
}

static void op_finish(struct timer *timer)
{
	struct op *op = LIST_OWNER(timer, struct op, timer);
	struct err err;
	if (!op->fails) {
		await_done(&op->await);
		return;
	}
	err_set(&err, ERR_AUTH, "op failed");
	await_failed(&op->await, &err);
}

enum op_when { AT_ONCE, SOON, NEVER, OVER };

static struct op *op_start(struct op *op, struct flow *flow, enum op_when when, bool fails)
{
	timer_init(&op->timer, op_finish);
	op->fails = fails;
	await_init(&op->await, flow, op_cancel);
	if (when == AT_ONCE)
		op_finish(&op->timer);
	if (when == SOON)
		timer_soon(&op->timer);
	return op;
}

struct walk {
	struct flow flow;
	struct op op;
	enum op_when when;
	bool fails;
	int64_t deadline_ms;
	int left; /* awaits still to come */
};
static struct {
	int fini, awaits, failed;
	struct err err;
	bool parked_at_first;
} seen;

#define WALK_STEPS(X) X(walk, go) X(walk, on)
WALK_STEPS(FLOW_STEP)

static struct await *walk_over(struct walk *w)
{
	struct err err;
	err_set(&err, ERR_AUTH, "over");
	return await_over(&w->flow, w->fails ? &err : NULL);
}

static next walk_go(struct walk *w)
{
	if (w->when == OVER)
		return AWAIT(w, on, walk_over(w), w->deadline_ms);
	void *memory = arena_alloc(w->flow.arena, 100);
	assert_non_null(memory);
	return AWAIT(w, on, op_start(&w->op, &w->flow, w->when, w->fails), w->deadline_ms);
}

static next walk_on(struct walk *w)
{
	seen.awaits++;
	seen.failed += FAILED(w);
	if (FAILED(w))
		seen.err = w->flow.err;
	return --w->left > 0 ? THEN(go) : END;
}

static void walk_fini(struct flow *flow)
{
	seen.fini++;
	xfree(flow);
}
static const struct flow_type walk_type = {"walk", walk_fini};

static struct walk *walk_start(enum op_when when, bool fails, int64_t deadline_ms, int awaits)
{
	struct walk *walk = xcalloc(1, sizeof *walk);
	walk->when = when;
	walk->fails = fails;
	walk->deadline_ms = deadline_ms;
	walk->left = awaits;
	flow_start(&walk->flow, &walk_type, do_go);
	return walk;
}

static int reset(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof seen);
	cancels = 0;
	flow_fail_at = flow_awaits = 0;
	return 0;
}

static void test_completion_inside_the_step(void **state)
{
	(void)state;
	walk_start(AT_ONCE, false, 1000, 10000); /* would overflow the stack if it nested */
	assert_int_equal(seen.awaits, 10000);
	assert_int_equal(seen.fini, 1);
	assert_int_equal(seen.failed, 0);
	assert_int_equal(flow_count(), 0);
}

static void test_what_is_over_already(void **state)
{
	(void)state;
	walk_start(OVER, false, 1000, 10000);
	assert_int_equal(seen.awaits, 10000);
	assert_int_equal(seen.failed, 0);
	walk_start(OVER, true, 1000, 3);
	assert_int_equal(seen.failed, 3);
	assert_int_equal(seen.err.kind, ERR_AUTH);
	assert_int_equal(seen.fini, 2);
	flow_fail_at = flow_awaits + 2;
	walk_start(OVER, false, 1000, 3);
	assert_int_equal(seen.failed, 4);
	assert_int_equal(seen.err.kind, ERR_TRANSIENT);
}

static void test_later_completion(void **state)
{
	(void)state;
	walk_start(SOON, false, 1000, 3);
	assert_int_equal(seen.awaits, 0);
	assert_int_equal(flow_count(), 1);
	LOOP_UNTIL(seen.fini == 1, 1000);
	assert_int_equal(seen.awaits, 3);
	assert_int_equal(cancels, 0);
}

static void test_failure(void **state)
{
	(void)state;
	walk_start(AT_ONCE, true, 1000, 1);
	walk_start(SOON, true, 1000, 1);
	LOOP_UNTIL(seen.fini == 2, 1000);
	assert_int_equal(seen.failed, 2);
	assert_int_equal(seen.err.kind, ERR_AUTH);
	assert_string_equal(seen.err.text, "op failed");
}

static void test_deadline(void **state)
{
	(void)state;
	int64_t before = loop_monotonic_ms();
	walk_start(NEVER, false, 30, 1);
	LOOP_UNTIL(seen.fini == 1, 2000);
	assert_true(loop_monotonic_ms() - before >= 29);
	assert_int_equal(seen.err.kind, ERR_TRANSIENT);
	assert_non_null(strstr(seen.err.text, "deadline"));
	assert_int_equal(cancels, 1);
}

static void test_cancel(void **state)
{
	(void)state;
	struct walk *walk = walk_start(NEVER, false, 60000, 3);
	flow_cancel(&walk->flow); /* the later awaits fail at once */
	assert_int_equal(seen.fini, 1);
	assert_int_equal(seen.failed, 3);
	assert_int_equal(seen.err.kind, ERR_CANCELLED);
	assert_int_equal(cancels, 3);
}

static void test_fail_at_each_await(void **state)
{
	(void)state;
	for (int when = AT_ONCE; when <= SOON; when++)
		for (long n = 1; n <= 5; n++) {
			reset(NULL);
			flow_fail_at = n;
			walk_start((enum op_when)when, false, 1000, 5);
			LOOP_UNTIL(seen.fini == 1, 1000);
			assert_int_equal(seen.awaits, 5);
			assert_int_equal(seen.failed, 1);
			assert_string_equal(seen.err.text, "tortured");
			assert_int_equal(cancels, when == SOON);
		}
}

/* --- joins ------------------------------------------------------------------------------------ */

struct part {
	struct flow flow;
	struct op op;
	struct join *join;
	enum op_when when;
	bool fails;
};
#define PART_STEPS(X) X(part, work) X(part, worked)
PART_STEPS(FLOW_STEP)

static next part_work(struct part *p)
{
	return AWAIT(p, worked, op_start(&p->op, &p->flow, p->when, p->fails), 1000);
}
static next part_worked(struct part *p)
{
	(void)p;
	return END;
}
static void part_fini(struct flow *flow)
{
	struct part *part = (struct part *)(void *)flow;
	struct join *join = part->join;
	bool ok = !flow->failed;
	xfree(part);
	join_done(join, ok);
}
static const struct flow_type part_type = {"part", part_fini};

struct whole {
	struct flow flow;
	struct join join;
	int children;
	enum op_when when;
};
#define WHOLE_STEPS(X) X(whole, split) X(whole, joined)
WHOLE_STEPS(FLOW_STEP)

static next whole_split(struct whole *w)
{
	join_open(&w->join, &w->flow);
	for (int i = 0; i < w->children; i++) {
		struct part *part = xcalloc(1, sizeof *part);
		part->join = &w->join;
		part->when = i % 2 ? w->when : AT_ONCE;
		part->fails = i % 3 == 0;
		join_add(&w->join);
		flow_start(&part->flow, &part_type, do_work);
	}
	return AWAIT(w, joined, join_ready(&w->join), 1000);
}

static next whole_joined(struct whole *w)
{
	seen.awaits++;
	seen.failed = (int)w->join.failed;
	return END;
}
static const struct flow_type whole_type = {"whole", walk_fini};

static void test_join(void **state)
{
	(void)state;
	static const struct {
		int children, failed;
		enum op_when when;
	} rows[] = {{0, 0, SOON}, {1, 1, SOON}, {7, 3, SOON}, {7, 3, AT_ONCE}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		reset(NULL);
		struct whole *whole = xcalloc(1, sizeof *whole);
		whole->children = rows[i].children;
		whole->when = rows[i].when;
		flow_start(&whole->flow, &whole_type, do_split);
		LOOP_UNTIL(seen.fini == 1, 1000);
		assert_int_equal(seen.awaits, 1);
		assert_int_equal(seen.failed, rows[i].failed);
		assert_int_equal(flow_count(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_completion_inside_the_step, reset),
	    cmocka_unit_test_setup(test_what_is_over_already, reset),
	    cmocka_unit_test_setup(test_later_completion, reset),
	    cmocka_unit_test_setup(test_failure, reset),
	    cmocka_unit_test_setup(test_deadline, reset),
	    cmocka_unit_test_setup(test_cancel, reset),
	    cmocka_unit_test_setup(test_fail_at_each_await, reset),
	    cmocka_unit_test_setup(test_join, reset),
	};
	loop_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
