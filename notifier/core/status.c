#include "notifier/core/status.h"

static const struct {
	const char *name;
	int rank;
	bool is_final;
} statuses[STATUS_COUNT] = {
#define X(enumerator, name, rank, is_final) [STATUS_##enumerator] = {name, rank, is_final},
    STATUS_ROWS(X)
#undef X
};

static const struct {
	const char *name;
	bool is_delay;
} reasons[REASON_COUNT] = {
#define X(enumerator, name, is_delay) [REASON_##enumerator] = {name, is_delay},
    REASON_ROWS(X)
#undef X
};

static const struct {
	const char *name;
	bool by_default;
	int lifetime_h;
	bool lasts;
} events[EVENT_COUNT] = {[EVENT_NONE] = {"none", false, 0, false},
#define X(enumerator, name, by_default, lifetime_h, lasts)                                         \
	[EVENT_##enumerator] = {name, by_default, lifetime_h, lasts},
    EVENT_ROWS(X)
#undef X
};

const char *status_name(enum status status)
{
	return status < STATUS_COUNT ? statuses[status].name : statuses[STATUS_UNKNOWN].name;
}

const char *reason_name(enum reason reason)
{
	return reason < REASON_COUNT ? reasons[reason].name : NULL;
}

const char *event_name(enum event_kind kind)
{
	return kind < EVENT_COUNT ? events[kind].name : events[EVENT_NONE].name;
}

bool status_parse(struct str name, enum status *out)
{
	for (int i = 0; i < STATUS_COUNT; i++)
		if (str_eq(name, statuses[i].name)) {
			*out = (enum status)i;
			return true;
		}
	return false;
}

bool reason_parse(struct str name, enum reason *out)
{
	for (int i = 1; i < REASON_COUNT; i++)
		if (str_eq(name, reasons[i].name)) {
			*out = (enum reason)i;
			return true;
		}
	return false;
}

bool event_parse(struct str name, enum event_kind *out)
{
	for (int i = 1; i < EVENT_COUNT; i++)
		if (str_eq(name, events[i].name)) {
			*out = (enum event_kind)i;
			return true;
		}
	return false;
}

bool status_is_final(enum status status)
{
	return status < STATUS_COUNT && statuses[status].is_final;
}

int status_rank(enum status status)
{
	return status < STATUS_COUNT ? statuses[status].rank : 0;
}

bool status_is_moving(enum status status)
{
	return status != STATUS_UNKNOWN && status != STATUS_PRE_TRANSIT &&
	       status != STATUS_CANCELLED && status != STATUS_EXPIRED;
}

bool reason_is_delay(enum reason reason)
{
	return reason < REASON_COUNT && reasons[reason].is_delay;
}

bool event_is_on_by_default(enum event_kind kind)
{
	return kind < EVENT_COUNT && events[kind].by_default;
}

int event_lifetime_h(enum event_kind kind)
{
	return kind < EVENT_COUNT ? events[kind].lifetime_h : 0;
}

bool event_lasts(enum event_kind kind)
{
	return kind < EVENT_COUNT && events[kind].lasts;
}
