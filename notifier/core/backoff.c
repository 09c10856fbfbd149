#include "notifier/core/backoff.h"

#include <stddef.h>

#include "notifier/base/when.h"

#define POLL_FIRST_MS      (30 * SECOND_MS)
#define POLL_MAX_MS        HOUR_MS
#define THROTTLED_LEAST_MS MINUTE_MS

#define BREAKER_WINDOW_MS    (30 * SECOND_MS)
#define BREAKER_CALLS_MIN    20 /* fewer say nothing about a share */
#define BREAKER_IN_A_ROW_MAX 5
#define BREAKER_WAIT_MS      (30 * SECOND_MS)
#define BREAKER_WAIT_MAX_MS  (300 * SECOND_MS)

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
	return value < least ? least : value > most ? most : value;
}

/* ± 20 %, so that what failed together does not come back together. */
static int64_t spread(int64_t wait_ms, double unit)
{
	if (!(unit >= 0))
		unit = 0; /* NaN too */
	if (unit > 1)
		unit = 1;
	return (int64_t)((double)wait_ms * (0.8 + 0.4 * unit));
}

int64_t backoff_message_ms(unsigned attempt, bool throttled, int64_t retry_after_ms, double unit)
{
	static const int64_t waits[] = {5 * SECOND_MS, 30 * SECOND_MS, 2 * MINUTE_MS,
	    10 * MINUTE_MS, 30 * MINUTE_MS, HOUR_MS, 2 * HOUR_MS, 4 * HOUR_MS, 8 * HOUR_MS};
	const unsigned last = sizeof waits / sizeof *waits - 1;
	unsigned row = attempt > 0 ? attempt - 1 : 0;
	int64_t wait_ms = spread(waits[row < last ? row : last], unit), least_ms = 0;
	if (retry_after_ms > 0)
		least_ms = clamp(retry_after_ms, SECOND_MS, HOUR_MS);
	else if (throttled)
		least_ms = THROTTLED_LEAST_MS;
	return wait_ms > least_ms ? wait_ms : least_ms;
}

int64_t backoff_poll_ms(unsigned failures, double unit)
{
	if (failures == 0)
		return 0;
	int64_t wait_ms = POLL_FIRST_MS;
	for (unsigned i = 1; i < failures && wait_ms < POLL_MAX_MS; i++)
		wait_ms *= 2;
	return spread(wait_ms < POLL_MAX_MS ? wait_ms : POLL_MAX_MS, unit);
}

/* --- breaker --------------------------------------------------------------------------------- */

static void breaker_close(struct breaker *breaker)
{
	*breaker = (struct breaker){.state = BREAKER_CLOSED};
}

static void breaker_open(struct breaker *breaker, int64_t now_ms)
{
	bool again = breaker->state == BREAKER_HALF_OPEN;
	int64_t wait_ms = again ? breaker->wait_ms * 2 : BREAKER_WAIT_MS;
	breaker_close(breaker);
	breaker->state = BREAKER_OPEN;
	breaker->wait_ms = clamp(wait_ms, BREAKER_WAIT_MS, BREAKER_WAIT_MAX_MS);
	breaker->probe_ms = now_ms + breaker->wait_ms;
}

/* A probe that never came back is given up when the next one would be due. */
bool breaker_allows(struct breaker *breaker, int64_t now_ms)
{
	if (breaker->state == BREAKER_CLOSED)
		return true;
	if (now_ms < breaker->probe_ms)
		return false;
	breaker->state = BREAKER_HALF_OPEN;
	breaker->is_probing = true;
	breaker->probe_ms = now_ms + breaker->wait_ms;
	return true;
}

static void breaker_count(struct breaker *breaker, int64_t now_ms, bool failed)
{
	if (now_ms - breaker->window_ms >= BREAKER_WINDOW_MS) {
		breaker->window_ms = now_ms;
		breaker->calls = breaker->failures = 0;
	}
	breaker->calls++;
	breaker->failures += failed;
	breaker->in_a_row = failed ? breaker->in_a_row + 1 : 0;
}

/* While it is open only stragglers report: calls that began before it opened. */
void breaker_succeeded(struct breaker *breaker, int64_t now_ms)
{
	if (breaker->state == BREAKER_HALF_OPEN)
		breaker_close(breaker);
	else if (breaker->state == BREAKER_CLOSED)
		breaker_count(breaker, now_ms, false);
}

static bool breaker_is_tripped(const struct breaker *breaker)
{
	return breaker->in_a_row >= BREAKER_IN_A_ROW_MAX ||
	       (breaker->calls >= BREAKER_CALLS_MIN &&
	           breaker->failures >= breaker->calls - breaker->failures);
}

void breaker_failed(struct breaker *breaker, int64_t now_ms, bool at_once)
{
	if (breaker->state == BREAKER_OPEN)
		return;
	breaker_count(breaker, now_ms, true);
	if (at_once || breaker->state == BREAKER_HALF_OPEN || breaker_is_tripped(breaker))
		breaker_open(breaker, now_ms);
}

int64_t breaker_opens_again_ms(const struct breaker *breaker)
{
	return breaker->state == BREAKER_CLOSED ? 0 : breaker->probe_ms;
}

const char *breaker_state_name(enum breaker_state state)
{
	static const char *const names[] = {
	    [BREAKER_CLOSED] = "closed",
	    [BREAKER_OPEN] = "open",
	    [BREAKER_HALF_OPEN] = "half_open",
	};
	return state <= BREAKER_HALF_OPEN ? names[state] : "unknown";
}
