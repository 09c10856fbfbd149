#include "notifier/io/flow.h"

#include <string.h>
#include <unistd.h>

#include "notifier/base/log.h"

const struct step step_end[1] = {{"end", NULL}};
bool flow_trace;
long flow_awaits, flow_fail_at, flow_die_at;

static struct list flows = {&flows, &flows};
static size_t alive;
/* Where flow_each goes on: a visit may end other flows than its own (those that waited for it). */
static struct list *visit_next;

static void flow_finish(struct flow *flow)
{
	struct arena *arena = flow->arena;
	timer_stop(&flow->deadline);
	if (visit_next == &flow->link)
		visit_next = flow->link.next;
	list_remove(&flow->link);
	alive--;
	flow->type->fini(flow); /* the flow's memory is gone after this */
	arena_free(&arena);
}

static void trace(const struct flow *flow, const struct step *from)
{
	LOG(INFO, "flow", f_text("type", flow->type->name), f_text("step", from->name),
	    f_text("next", flow->next->name), f_text("await", flow->parked ? "yes" : "no"));
}

static void flow_run(struct flow *flow)
{
	flow->running = true;
	while (!flow->parked && flow->next != END) {
		const struct step *here = flow->next;
		must_context(flow->type->name, here->name);
		flow->next = here->run(flow);
		must(flow->next != NULL);
		must(flow->parked || !flow->woken);
		if (flow_trace)
			trace(flow, here);
		if (flow->parked && flow->woken) { /* completed within the step */
			flow->parked = flow->woken = false;
			timer_stop(&flow->deadline);
		}
	}
	must_context(NULL, NULL);
	flow->running = false;
	if (!flow->parked)
		flow_finish(flow);
}

static void flow_wake(struct flow *flow, const struct err *err)
{
	flow->awaiting = NULL;
	flow->failed = err != NULL;
	if (err != NULL)
		flow->err = *err;
	else
		flow->err.kind = ERR_NONE;
	if (flow->running) {
		flow->woken = true;
		return;
	}
	timer_stop(&flow->deadline);
	flow->parked = false;
	flow_run(flow);
}

/* Takes the flow off what it awaits; the module drops the late answer. */
static void flow_let_go(struct flow *flow)
{
	struct await *await = flow->awaiting;
	flow->awaiting = NULL;
	if (await == NULL)
		return;
	await->flow = NULL;
	if (await->cancel != NULL)
		await->cancel(await);
}

static void on_deadline(struct timer *timer)
{
	struct flow *flow = LIST_OWNER(timer, struct flow, deadline);
	struct err err;
	flow_let_go(flow);
	err_set(&err, ERR_TRANSIENT, "deadline passed before step %s", flow->next->name);
	flow->has_timed_out = true;
	flow_wake(flow, &err);
}

void flow_prepare(struct flow *flow)
{
	if (flow->arena == NULL)
		flow->arena = arena_new();
}

void flow_start(struct flow *flow, const struct flow_type *type, const struct step *first)
{
	flow->type = type;
	flow->next = first;
	flow_prepare(flow);
	flow->awaiting = NULL;
	flow->failed = flow->running = flow->parked = flow->woken = flow->cancelled = false;
	flow->err.kind = ERR_NONE;
	timer_init(&flow->deadline, on_deadline);
	list_append(&flows, &flow->link);
	alive++;
	flow_run(flow);
}

void flow_cancel(struct flow *flow)
{
	flow->cancelled = true;
	if (!flow->parked)
		return;
	struct err err;
	flow_let_go(flow);
	err_set(&err, ERR_CANCELLED, "cancelled before step %s", flow->next->name);
	flow_wake(flow, &err);
}

/* `op` may be gone already when it completed at once: only flow->awaiting is looked at. */
static bool is_tortured(struct flow *flow)
{
	flow_awaits++;
	if (flow_awaits == flow_die_at)
		_exit(99);
	if (flow_awaits != flow_fail_at)
		return false;
	struct err err;
	flow_let_go(flow);
	flow->woken = false;
	err_set(&err, ERR_TRANSIENT, "tortured");
	flow_wake(flow, &err);
	return true;
}

/* `op` completed already when it no longer points at its flow; then flow->woken is set.  A NULL op
 * that has not woken the flow would wait for its deadline only. */
next flow_await(struct flow *flow, const struct step *then, struct await *op, int64_t after_ms)
{
	must(flow->running && !flow->parked);
	flow->has_timed_out = false;
	flow->parked = true;
	if (is_tortured(flow) || flow->woken)
		return then;
	must(op != NULL && flow->awaiting == op);
	if (flow->cancelled) {
		struct err err;
		flow_let_go(flow);
		err_set(&err, ERR_CANCELLED, "cancelled");
		flow_wake(flow, &err);
		return then;
	}
	timer_start(&flow->deadline, after_ms);
	return then;
}

size_t flow_count(void)
{
	return alive;
}

void flow_each(void (*visit)(struct flow *flow, void *context), void *context)
{
	for (struct list *link = flows.next; link != &flows; link = visit_next) {
		visit_next = link->next;
		visit(LIST_OWNER(link, struct flow, link), context);
	}
	visit_next = NULL;
}

void await_init(struct await *await, struct flow *flow, void (*cancel)(struct await *await))
{
	must(flow->awaiting == NULL);
	await->flow = flow;
	await->cancel = cancel;
	flow->awaiting = await;
}

void await_done(struct await *await)
{
	struct flow *flow = await->flow;
	await->flow = NULL;
	if (flow != NULL)
		flow_wake(flow, NULL);
}

void await_failed(struct await *await, const struct err *err)
{
	struct flow *flow = await->flow;
	await->flow = NULL;
	if (flow != NULL)
		flow_wake(flow, err);
}

bool await_is_wanted(const struct await *await)
{
	return await->flow != NULL;
}

struct await *await_over(struct flow *flow, const struct err *err)
{
	struct await *await = arena_alloc(flow->arena, sizeof *await);
	await_init(await, flow, NULL);
	if (err == NULL)
		await_done(await);
	else
		await_failed(await, err);
	return await;
}
