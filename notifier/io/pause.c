#include "notifier/io/pause.h"

struct pause {
	struct await await;
	struct timer timer;
};

static void pause_over(struct timer *timer)
{
	struct pause *pause = LIST_OWNER(timer, struct pause, timer);
	await_done(&pause->await);
	xfree(pause);
}

static void pause_cancel(struct await *await)
{
	struct pause *pause = (struct pause *)(void *)await;
	timer_stop(&pause->timer);
	xfree(pause);
}

struct await *pause_start(struct flow *flow, int64_t ms)
{
	struct pause *pause = xcalloc(1, sizeof *pause);
	timer_init(&pause->timer, pause_over);
	await_init(&pause->await, flow, pause_cancel);
	timer_start(&pause->timer, ms);
	return &pause->await;
}
