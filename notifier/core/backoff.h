/* Backoff and breaker: how long to leave something alone that did not work.  Pure. */
#ifndef CORE_BACKOFF_H
#define CORE_BACKOFF_H
#include <stdbool.h>
#include <stdint.h>

/* Retries of a message: 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 2 h, 4 h, 8 h, then every 8 h;
 * ± 20 % by unit (0 ≤ unit < 1).  attempt counts from 1 (the one that just failed).  At least
 * retry_after_ms when that is given (clamped to 1 s … 1 h); throttled without it: at least 60 s. */
int64_t backoff_message_ms(unsigned attempt, bool throttled, int64_t retry_after_ms, double unit);
/* Polls: 30 s doubling to 1 h, ± 20 %. */
int64_t backoff_poll_ms(unsigned failures, double unit);

/* A breaker per provider: closed → open → half open (one probe) → closed.
 * Opens at ≥ 50 % failures of ≥ 20 calls within 30 s, after 5 failures in a row, or at once for
 * refused credentials; first probe after 30 s, doubling to 300 s. */
enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };
struct breaker { /* zeroed is closed */
	enum breaker_state state;
	unsigned in_a_row, calls, failures;
	int64_t window_ms; /* start of the present window */
	int64_t probe_ms;  /* when the next probe may go */
	int64_t wait_ms;   /* length of the present opening */
	bool is_probing;
};
bool breaker_allows(struct breaker *breaker, int64_t now_ms); /* takes the probe when it says yes */
void breaker_succeeded(struct breaker *breaker, int64_t now_ms);
void breaker_failed(struct breaker *breaker, int64_t now_ms, bool at_once);
int64_t breaker_opens_again_ms(const struct breaker *breaker); /* when to ask again; 0: now */
const char *breaker_state_name(enum breaker_state state);
#endif
