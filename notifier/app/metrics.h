/* Metrics of this process, in the Prometheus text format on /metrics.
 * Each metric is a row; its labels are given as values in the row's order, and a series exists from
 * its first use.  A histogram's buckets are fixed in metrics.c.
 */
#ifndef APP_METRICS_H
#define APP_METRICS_H
#include <stdint.h>

#include "notifier/base/str.h"

/* X(ENUM, "name", type, "label1,label2", "help") */
#define METRIC_ROWS(X)                                                                             \
	X(REPORTS, "notifier_reports_total", COUNTER, "source,carrier,outcome",                    \
	    "Reports accepted, by what became of them; accepted is the sum of the outcomes.")      \
	X(HOOKS, "notifier_webhooks_total", COUNTER, "carrier,code", "Webhooks, by HTTP status.")  \
	X(EVENTS, "notifier_events_total", COUNTER, "event,source", "Events, by kind.")            \
	X(DECISIONS, "notifier_decisions_total", COUNTER, "verdict,reason",                        \
	    "Decisions about an event, a recipient and a channel.")                                \
	X(MESSAGES, "notifier_messages_total", COUNTER, "channel,state",                           \
	    "Ends of messages and attempts: sent, retry, failed, unknown, dropped.")               \
	X(POLLS, "notifier_polls_total", COUNTER, "carrier,result",                                \
	    "Calls to carriers, by result.")                                                       \
	X(POLLED, "notifier_polled_shipments_total", COUNTER, "carrier,result",                    \
	    "Shipments asked for: changed, unchanged, error.")                                     \
	X(UNKNOWN_CODES, "notifier_unknown_codes_total", COUNTER, "carrier",                       \
	    "Checkpoints with a code that nobody mapped.")                                         \
	X(CONFLICTS, "notifier_commit_conflicts_total", COUNTER, "",                               \
	    "Commits that had to load again.")                                                     \
	X(REDIS_STATE, "notifier_redis_state", GAUGE, "state",                                     \
	    "1 for the state that Redis is in.")                                                   \
	X(REDIS_MEMORY, "notifier_redis_memory_ratio", GAUGE, "",                                  \
	    "Redis's memory against its maxmemory; 0: it has none.")                               \
	X(INTAKE, "notifier_intake_open", GAUGE, "",                                               \
	    "0 while nothing new is taken in because Redis's memory is short.")                    \
	X(BREAKER, "notifier_breaker_open", GAUGE, "provider", "1 while calls are held back.")     \
	X(PARTITIONS, "notifier_partitions_owned", GAUGE, "", "Partitions that this worker owns.") \
	X(IN_FLIGHT, "notifier_messages_in_flight", GAUGE, "", "Messages being sent now.")         \
	X(FLOWS, "notifier_flows", GAUGE, "", "Flows that are alive.")                             \
	X(LOOP_GAP, "notifier_loop_gap_seconds", GAUGE, "",                                        \
	    "Longest turn of the event loop since the last scrape.")                               \
	X(POLL_PRICE, "notifier_poll_price", GAUGE, "carrier",                                     \
	    "What a look may cost, in value-minutes: it rises when the quota is short.")           \
	X(QUOTA_USED, "notifier_quota_used_ratio", GAUGE, "carrier",                               \
	    "Looks of the day against what the quota holds; this worker's share of both.")         \
	X(FORECASTS, "notifier_delay_forecasts_total", COUNTER, "said,outcome",                    \
	    "Parcels whose promise was kept or broken: said (alert, none), outcome (late, "        \
	    "in_time). alert and in_time: a false alarm.")                                         \
	X(LEAD, "notifier_delay_alerts_early_total", COUNTER, "lead_days",                         \
	    "Alerts that came true, by whole days before the promise ended.")                      \
	X(CALIBRATION, "notifier_delay_predictions_total", COUNTER, "said,outcome",                \
	    "Daily predictions by P(late) said, rounded down to a tenth, and what came of it.")    \
	X(INTERVALS, "notifier_delay_intervals_total", COUNTER, "outcome",                         \
	    "80 % intervals shown at the handover: held or failed.")                               \
	X(NOT_DUE, "notifier_polls_put_off_total", COUNTER, "carrier",                             \
	    "Parcels that came up, were judged again and were not due at the price of the "        \
	    "moment.")                                                                             \
	X(EVENT_LAG, "notifier_event_lag_seconds", HISTOGRAM, "event",                             \
	    "From the carrier's own time of an event to our notice of it, by event.")              \
	X(LAG, "notifier_news_lag_seconds", HISTOGRAM, "source",                                   \
	    "From the carrier's own time of a change to our notice of it.")                        \
	X(DELIVERY, "notifier_delivery_seconds", HISTOGRAM, "channel",                             \
	    "From our notice of a change to the provider's acceptance of the message.")

enum metric {
#define X(enumerator, ...) METRIC_##enumerator,
	METRIC_ROWS(X)
#undef X
	    METRIC_COUNT
};

/* Unused labels are NULL.  Label values are copied at first use. */
void metric_add(enum metric metric, double delta, const char *a, const char *b, const char *c);
void metric_set(enum metric metric, double value, const char *a, const char *b, const char *c);
void metric_observe(enum metric metric, double seconds, const char *a);
#define metric_count(metric, a, b, c) metric_add(metric, 1, a, b, c)
double metric_value(enum metric metric, const char *a, const char *b, const char *c);
void metrics_print(struct buf *out);
void metrics_free(void);
#endif
