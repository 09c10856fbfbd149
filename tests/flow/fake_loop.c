#include "tests/flow/fake_loop.h"

#include "notifier/base/err.h"

#define FIRES_MAX 1000000 /* at one instant: more is a loop without end */

static struct list timers = {&timers, &timers}; /* by due time */
static size_t running;
static int64_t monotonic_ms = 1000000; /* never goes back, not even between tests */
static int64_t anchor_ms, anchor_wall_ms;
static double factor;
static uint64_t random_state;
static bool is_stopped;

void fake_loop_reset(int64_t start_ms)
{
	while (!list_is_empty(&timers))
		timer_stop(LIST_OWNER(list_first(&timers), struct timer, link));
	anchor_ms = monotonic_ms;
	anchor_wall_ms = start_ms;
	factor = 1;
	random_state = 88172645463325252U;
	is_stopped = false;
}

/* --- clock ----------------------------------------------------------------------------------- */

int64_t loop_monotonic_ms(void)
{
	return monotonic_ms;
}

int64_t loop_now_ms(void)
{
	return anchor_wall_ms + (int64_t)((double)(monotonic_ms - anchor_ms) * factor);
}

void loop_scale_wall(double new_factor)
{
	anchor_wall_ms = loop_now_ms();
	anchor_ms = monotonic_ms;
	factor = new_factor;
}

double loop_wall_scale(void)
{
	return factor;
}

int64_t loop_wait_ms(int64_t wall_ms)
{
	return wall_ms <= 0 ? 0 : (int64_t)((double)wall_ms / factor);
}

/* --- timers ---------------------------------------------------------------------------------- */

void timer_init(struct timer *timer, void (*fire)(struct timer *timer))
{
	*timer = (struct timer){.fire = fire};
	list_init(&timer->link);
}

bool timer_is_running(const struct timer *timer)
{
	return timer->slot != 0;
}

void timer_stop(struct timer *timer)
{
	if (timer->slot == 0)
		return;
	timer->slot = 0;
	list_remove(&timer->link);
	running--;
}

void timer_start(struct timer *timer, int64_t after_ms)
{
	timer_stop(timer);
	timer->due_ms = monotonic_ms + (after_ms > 0 ? after_ms : 0);
	timer->slot = 1;
	running++;
	struct list *before = timers.prev;
	while (before != &timers && LIST_OWNER(before, struct timer, link)->due_ms > timer->due_ms)
		before = before->prev;
	list_append(before->next, &timer->link);
}

static struct timer *next_timer(void)
{
	struct list *first = list_first(&timers);
	return first ? LIST_OWNER(first, struct timer, link) : NULL;
}

static void fire(struct timer *timer)
{
	timer_stop(timer);
	timer->fire(timer);
}

void fake_loop_settle(void)
{
	struct timer *timer;
	for (long fires = 0; (timer = next_timer()) != NULL && timer->due_ms <= monotonic_ms;
	     fires++) {
		must(fires < FIRES_MAX);
		fire(timer);
	}
}

void fake_loop_advance(int64_t ms)
{
	int64_t until_ms = monotonic_ms + ms;
	struct timer *timer;
	fake_loop_settle();
	while ((timer = next_timer()) != NULL && timer->due_ms <= until_ms) {
		monotonic_ms = timer->due_ms;
		fake_loop_settle();
	}
	monotonic_ms = until_ms;
}

void fake_loop_stride(int64_t ms, int64_t stride_ms)
{
	for (; ms > 0; ms -= stride_ms) {
		monotonic_ms += ms < stride_ms ? ms : stride_ms;
		fake_loop_settle();
	}
}

size_t fake_loop_timers(void)
{
	return running;
}

/* --- the rest of the loop -------------------------------------------------------------------- */

void loop_start(void)
{
}

void loop_run(void)
{
	struct timer *timer;
	while (!is_stopped && (timer = next_timer()) != NULL) {
		if (timer->due_ms > monotonic_ms)
			monotonic_ms = timer->due_ms;
		fire(timer);
	}
}

void loop_stop(void)
{
	is_stopped = true;
}

void loop_drain(void)
{
}

uv_loop_t *loop_uv(void)
{
	must(!"a flow test has no libuv");
	return NULL;
}

int64_t loop_take_longest_gap_us(void)
{
	return 0;
}

void loop_on_signals(void (*stop)(void), void (*reload)(void))
{
	(void)stop;
	(void)reload;
}

/* xorshift64 (Marsaglia): the same in every run. */
static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

void loop_random(void *bytes, size_t len)
{
	unsigned char *at = bytes;
	for (size_t i = 0; i < len; i++)
		at[i] = (unsigned char)(random_next() >> 32);
}

double loop_random_unit(void)
{
	return (double)(random_next() >> 11) / 9007199254740992.0;
}
