#include "notifier/io/loop.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "notifier/base/err.h"
#include "notifier/base/mem.h"

static uv_loop_t loop;
static uv_timer_t alarm_clock; /* stands at the earliest timer of the heap */
static uv_idle_t overdue;      /* timers that are due again at once wait a turn here */
static uv_prepare_t before_wait;
static uv_signal_t signals[3];
static void (*on_stop)(void), (*on_reload)(void);

/* Wall time = anchor + (monotonic - anchor) × factor, or the plain clock while factor is 1. */
static struct {
	double factor;
	int64_t wall_ms, monotonic_ms;
} scale = {1, 0, 0};

/* Timers: a binary heap of pointers, slot 0 unused so that 0 can mean "not running". */
static struct {
	struct timer **at;
	size_t count, capacity;
} heap;

static uint64_t turn_began_ns, idle_before_ns;
static int64_t longest_gap_us;

static int64_t clock_ms(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t loop_monotonic_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

int64_t loop_now_ms(void)
{
	if (scale.factor == 1)
		return clock_ms(CLOCK_REALTIME);
	return scale.wall_ms +
	       (int64_t)((double)(loop_monotonic_ms() - scale.monotonic_ms) * scale.factor);
}

void loop_scale_wall(double factor)
{
	must(factor >= 1);
	scale.wall_ms = loop_now_ms();
	scale.monotonic_ms = loop_monotonic_ms();
	scale.factor = factor;
}

double loop_wall_scale(void)
{
	return scale.factor;
}

int64_t loop_wait_ms(int64_t wall_ms)
{
	if (wall_ms <= 0)
		return 0;
	return scale.factor == 1 ? wall_ms : (int64_t)((double)wall_ms / scale.factor) + 1;
}

/* --- the heap -------------------------------------------------------------------------------- */

static void heap_place(size_t slot, struct timer *timer)
{
	heap.at[slot] = timer;
	timer->slot = slot;
}

static void heap_up(size_t slot, struct timer *timer)
{
	for (; slot > 1 && heap.at[slot / 2]->due_ms > timer->due_ms; slot /= 2)
		heap_place(slot, heap.at[slot / 2]);
	heap_place(slot, timer);
}

static void heap_down(size_t slot, struct timer *timer)
{
	for (;;) {
		size_t child = slot * 2;
		if (child > heap.count)
			break;
		if (child < heap.count && heap.at[child + 1]->due_ms < heap.at[child]->due_ms)
			child++;
		if (heap.at[child]->due_ms >= timer->due_ms)
			break;
		heap_place(slot, heap.at[child]);
		slot = child;
	}
	heap_place(slot, timer);
}

static void on_alarm(uv_timer_t *handle);
static void on_overdue(uv_idle_t *handle);

static void alarm_set(void)
{
	if (heap.count == 0) {
		uv_timer_stop(&alarm_clock);
		return;
	}
	int64_t wait = heap.at[1]->due_ms - loop_monotonic_ms();
	uv_update_time(&loop);
	uv_timer_start(&alarm_clock, on_alarm, wait > 0 ? (uint64_t)wait : 0, 0);
}

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
	size_t slot = timer->slot;
	struct timer *last = heap.at[heap.count--];
	timer->slot = 0;
	if (last == timer)
		return;
	heap_place(slot, last);
	if (slot > 1 && heap.at[slot / 2]->due_ms > last->due_ms)
		heap_up(slot, last);
	else
		heap_down(slot, last);
}

void timer_start(struct timer *timer, int64_t after_ms)
{
	timer_stop(timer);
	if (heap.count + 2 > heap.capacity) {
		heap.capacity = heap.capacity ? heap.capacity * 2 : 64;
		heap.at = xrealloc_array(heap.at, heap.capacity, sizeof *heap.at);
	}
	timer->due_ms = loop_monotonic_ms() + (after_ms > 0 ? after_ms : 0);
	heap_up(++heap.count, timer);
	if (timer->slot == 1)
		alarm_set();
}

/* Fires what was due when the turn began: a timer that starts itself again waits a turn. */
static void on_alarm(uv_timer_t *handle)
{
	(void)handle;
	int64_t now = loop_monotonic_ms();
	for (size_t budget = heap.count; budget > 0 && heap.count > 0 && heap.at[1]->due_ms <= now;
	     budget--) {
		struct timer *timer = heap.at[1];
		timer_stop(timer);
		timer->fire(timer);
	}
	/* libuv runs a timer that is due again within the same turn: I/O would starve. */
	uv_timer_stop(&alarm_clock);
	if (heap.count > 0 && heap.at[1]->due_ms <= loop_monotonic_ms())
		uv_idle_start(&overdue, on_overdue);
	else
		alarm_set();
}

static void on_overdue(uv_idle_t *handle)
{
	uv_idle_stop(handle);
	alarm_set();
}

/* --- the loop -------------------------------------------------------------------------------- */

/* Between two waits lie the I/O of one turn, whose callbacks libuv runs as a part of its wait, and
 * the timers of the next: all of the time but that in which the kernel had nothing for us. */
static void on_before_wait(uv_prepare_t *handle)
{
	(void)handle;
	uint64_t now_ns = uv_hrtime(), idle_ns = uv_metrics_idle_time(&loop);
	if (turn_began_ns != 0) {
		uint64_t busy_ns = now_ns - turn_began_ns - (idle_ns - idle_before_ns);
		int64_t gap_us = (int64_t)busy_ns / 1000;
		if (gap_us > longest_gap_us)
			longest_gap_us = gap_us;
	}
	turn_began_ns = now_ns;
	idle_before_ns = idle_ns;
}

void loop_start(void)
{
	must(uv_loop_init(&loop) == 0);
	must(uv_loop_configure(&loop, UV_METRICS_IDLE_TIME) == 0);
	uv_timer_init(&loop, &alarm_clock);
	uv_idle_init(&loop, &overdue);
	uv_prepare_init(&loop, &before_wait);
	uv_prepare_start(&before_wait, on_before_wait);
	uv_unref((uv_handle_t *)&before_wait);
	signal(SIGPIPE, SIG_IGN);
}

int64_t loop_take_longest_gap_us(void)
{
	int64_t gap = longest_gap_us;
	longest_gap_us = 0;
	return gap;
}

void loop_run(void)
{
	uv_run(&loop, UV_RUN_DEFAULT);
}

void loop_stop(void)
{
	uv_stop(&loop);
}

void loop_drain(void)
{
	for (int turn = 0; turn < 100 && uv_run(&loop, UV_RUN_NOWAIT) != 0; turn++)
		continue;
}

uv_loop_t *loop_uv(void)
{
	return &loop;
}

static void on_signal(uv_signal_t *handle, int number)
{
	(void)handle;
	if (number == SIGHUP) {
		if (on_reload != NULL)
			on_reload();
	} else if (on_stop != NULL) {
		on_stop();
	}
}

void loop_on_signals(void (*stop)(void), void (*reload)(void))
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	on_stop = stop;
	on_reload = reload;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		uv_signal_init(&loop, &signals[i]);
		uv_signal_start(&signals[i], on_signal, numbers[i]);
		uv_unref((uv_handle_t *)&signals[i]);
	}
}

void loop_random(void *bytes, size_t len)
{
	unsigned char *p = bytes;
	while (len > 0) {
		ssize_t got = getrandom(p, len > 256 ? 256 : len, 0);
		must(got > 0);
		p += got;
		len -= (size_t)got;
	}
}

/* Jitter needs no secrets: one system call seeds a xorshift64* (Vigna 2016). */
double loop_random_unit(void)
{
	static uint64_t state;
	while (state == 0)
		loop_random(&state, sizeof state);
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (double)(state * UINT64_C(2685821657736338717) >> 11) / 9007199254740992.0;
}
