/* Traces through core/hazard and core/pace with a virtual clock: what the daemon's poller does,
 * with a heap in place of Redis' sorted set of due times and a table in place of the carriers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/app/options.h"
#include "notifier/app/simulate.h"
#include "notifier/app/simulate_traces.h"
#include "notifier/base/mem.h"
#include "notifier/base/when.h"
#include "notifier/core/pace.h"
#include "notifier/core/pace_price.h"

#define BATCH_MOST          1000
#define BATCH_WAIT_LEAST_MS (2 * MINUTE_MS)
#define BATCH_WAIT_MOST_MS  (10 * MINUTE_MS)

struct parcel { /* as the poller believes it to be */
	const struct trace_parcel *trace;
	struct pace_facts facts;
	bool imported; /* was there before us and was not looked at yet */
	bool at_destination;
	int64_t newest_ms; /* event time of the newest event seen */
	size_t seen;       /* events */
	int64_t due_ms;
	size_t live_at; /* index into carrier->live */
};

struct carrier {
	const struct trace_carrier *trace;
	struct pace_price price;
	struct hazard_lag *lag;
	struct parcel **heap; /* by due_ms: the heap of those that wait */
	size_t heap_count;
	struct parcel **live;
	size_t live_count, unseen;
	struct parcel **ready; /* due, waiting for a full call; oldest first */
	size_t ready_count;
	int64_t second_ms; /* the second in which `calls` were made */
	int calls;
	int64_t slot_ms; /* the next slot begins */
	int64_t batch_wait_ms;
};

struct replay {
	struct traces traces;
	struct hazard_model *model;
	struct parcel *parcels;
	struct carrier *carriers;
	size_t batch;
	size_t registered;
	struct buf line;
};

/* --- the heap of due times -------------------------------------------------------------------- */

static bool is_before(const struct parcel *a, const struct parcel *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a < b;
}

static void heap_push(struct carrier *carrier, struct parcel *parcel)
{
	struct parcel **heap = carrier->heap;
	size_t at = carrier->heap_count++;
	for (; at > 0 && is_before(parcel, heap[(at - 1) / 2]); at = (at - 1) / 2)
		heap[at] = heap[(at - 1) / 2];
	heap[at] = parcel;
}

static struct parcel *heap_pop(struct carrier *carrier)
{
	struct parcel **heap = carrier->heap, *top = heap[0];
	struct parcel *last = heap[--carrier->heap_count];
	size_t at = 0, child;
	while ((child = 2 * at + 1) < carrier->heap_count) {
		if (child + 1 < carrier->heap_count && is_before(heap[child + 1], heap[child]))
			child++;
		if (!is_before(heap[child], last))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = last;
	return top;
}

/* --- parcels ---------------------------------------------------------------------------------- */

/* 0 <= x < 1, from the id and the last look: equal parcels part, replays do not. */
static double parcel_unit(const struct parcel *parcel)
{
	uint64_t hash = fnv1a64(parcel->trace->id, strlen(parcel->trace->id));
	hash ^= (uint64_t)parcel->facts.last_ms * UINT64_C(0x9e3779b97f4a7c15);
	hash ^= hash >> 29;
	hash *= UINT64_C(0xbf58476d1ce4e5b9);
	return (double)(hash >> 11) / (double)(UINT64_C(1) << 53);
}

static double looks_per_parcel(const struct carrier *carrier)
{
	return carrier->price.quota / (double)(carrier->live_count ? carrier->live_count : 1);
}

static void parcel_judge(
    const struct replay *replay, const struct carrier *carrier, struct parcel *parcel)
{
	parcel->facts.jitter_unit = parcel_unit(parcel);
	parcel->facts.most_ms = pace_most_ms(looks_per_parcel(carrier));
	parcel->due_ms =
	    pace_due(replay->model, &parcel->facts, pace_price_now(&carrier->price)).due_ms;
}

static void parcel_register(struct replay *replay, struct parcel *parcel, int64_t now_ms)
{
	const struct trace_parcel *trace = parcel->trace;
	struct carrier *carrier = &replay->carriers[trace->carrier];
	parcel->facts = (struct pace_facts){.last_ms = now_ms,
	    .belief = {
	        .class_index = hazard_class(replay->model, carrier->trace->name, trace->service),
	        .state = HAZARD_PRE_TRANSIT,
	        .eta_day = HAZARD_DAY_NONE,
	        .since_day = day_of_instant(now_ms, trace->offset_s),
	        .offset_s = trace->offset_s,
	    }};
	parcel->newest_ms = INT64_MIN;
	parcel->imported = trace->registered_ms <= replay->traces.start_ms;
	carrier->unseen += parcel->imported;
	parcel->live_at = carrier->live_count;
	carrier->live[carrier->live_count++] = parcel;
	if (!parcel->imported) {
		parcel_judge(replay, carrier, parcel);
		heap_push(carrier, parcel);
	}
}

static void parcel_finish(struct carrier *carrier, struct parcel *parcel)
{
	struct parcel *last = carrier->live[--carrier->live_count];
	carrier->live[parcel->live_at] = last;
	last->live_at = parcel->live_at;
}

static void parcel_believe(struct parcel *parcel, const struct trace_event *event)
{
	struct hazard_belief *belief = &parcel->facts.belief;
	if (event->event_ms < parcel->newest_ms)
		return; /* shown out of order: it changes nothing */
	parcel->newest_ms = event->event_ms;
	parcel->at_destination |= event->at_destination;
	belief->state =
	    hazard_state_of(event->status, parcel->at_destination, event->window_ms != 0);
	belief->window_ms = event->window_ms;
	belief->since_day = day_of_instant(event->event_ms, belief->offset_s);
	if (event->eta_day != HAZARD_DAY_NONE)
		belief->eta_day = event->eta_day;
}

static int64_t clip_ms(int64_t at, int64_t least, int64_t most)
{
	return at < least ? least : at > most ? most : at;
}

/* One look.  Everything found is credited to the belief held before it; the first answer about an
 * imported parcel is history and teaches nothing.  Returns whether the parcel is finished. */
static bool parcel_look(
    struct replay *replay, struct carrier *carrier, struct parcel *parcel, int64_t now_ms)
{
	const struct trace_parcel *trace = parcel->trace;
	struct hazard_belief before = parcel->facts.belief;
	int64_t last_ms = parcel->facts.last_ms, lag_ms = hazard_lag_ms(carrier->lag);
	bool finished = false;
	for (; parcel->seen < trace->count; parcel->seen++) {
		const struct trace_event *event = &trace->events[parcel->seen];
		if (event->visible_ms > now_ms)
			break;
		if (!parcel->imported) {
			hazard_learn_event(replay->model, &before,
			    clip_ms(event->event_ms + lag_ms, last_ms, now_ms),
			    hazard_news_value(event->news));
			hazard_learn_lag(carrier->lag, event->event_ms, last_ms, now_ms);
		}
		parcel_believe(parcel, event);
		finished |= status_is_final(event->status);
	}
	if (parcel->imported)
		carrier->unseen--;
	else
		hazard_learn_exposure(replay->model, &before, last_ms, now_ms);
	parcel->imported = false;
	parcel->facts.last_ms = now_ms;
	return finished;
}

/* --- carriers --------------------------------------------------------------------------------- */

static void carrier_start(struct replay *replay, struct carrier *carrier)
{
	int64_t start_ms = replay->traces.start_ms;
	double quota = carrier->trace->calls_per_day * (double)replay->batch;
	pace_price_init(&carrier->price, quota, 0, (double)carrier->live_count, start_ms);
	carrier->slot_ms = start_ms;
	double mean_ms = (double)DAY_MS / (carrier->trace->calls_per_day + 1);
	carrier->batch_wait_ms = clip_ms((int64_t)mean_ms, BATCH_WAIT_LEAST_MS, BATCH_WAIT_MOST_MS);
	for (size_t i = 0; i < carrier->live_count; i++) {
		struct parcel *parcel = carrier->live[i];
		parcel->due_ms =
		    pace_first_look_ms(start_ms, looks_per_parcel(carrier), parcel_unit(parcel));
		heap_push(carrier, parcel);
	}
}

static void carrier_slot(struct replay *replay, struct carrier *carrier, int64_t now_ms)
{
	struct pace_price *price = &carrier->price;
	struct pace_load load = {
	    .live = (double)carrier->live_count, .unseen = (double)carrier->unseen};
	carrier->slot_ms = pace_price_next_slot_ms(price, now_ms);
	if (pace_price_wants_forecast(price, now_ms)) {
		int64_t reset_ms = pace_price_reset_ms(price, now_ms);
		for (size_t i = 0; i < carrier->live_count; i++) {
			const struct parcel *parcel = carrier->live[i];
			if (parcel->imported)
				continue;
			load.slot_demand +=
			    pace_demand(replay->model, &parcel->facts, now_ms, carrier->slot_ms);
			load.day_demand +=
			    pace_demand(replay->model, &parcel->facts, now_ms, reset_ms);
		}
	}
	pace_price_on_slot(price, &load, now_ms);
}

/* Moves what has come due into ready; what the price now judges otherwise goes back. */
static void carrier_collect(const struct replay *replay, struct carrier *carrier, int64_t now_ms)
{
	while (carrier->ready_count < replay->batch && carrier->heap_count > 0 &&
	       carrier->heap[0]->due_ms <= now_ms) {
		struct parcel *parcel = heap_pop(carrier);
		int64_t was_due_ms = parcel->due_ms;
		if (!parcel->imported)
			parcel_judge(replay, carrier, parcel);
		if (parcel->due_ms > now_ms + PACE_VALID_MS) {
			heap_push(carrier, parcel);
			continue;
		}
		parcel->due_ms = was_due_ms;
		carrier->ready[carrier->ready_count++] = parcel;
	}
}

static bool ready_to_call(
    const struct replay *replay, const struct carrier *carrier, int64_t now_ms)
{
	if (carrier->ready_count == 0 ||
	    !pace_price_may_look(&carrier->price, (double)replay->batch))
		return false;
	return carrier->ready_count == replay->batch ||
	       carrier->ready[0]->due_ms + carrier->batch_wait_ms <= now_ms;
}

static void call_print(struct replay *replay, const struct carrier *carrier, int64_t now_ms)
{
	struct buf *line = &replay->line;
	buf_clear(line);
	buf_printf(line, "%lld,%s,", (long long)(now_ms / SECOND_MS), carrier->trace->name);
	for (size_t i = 0; i < carrier->ready_count; i++) {
		buf_add_text(line, i ? "+" : "");
		buf_add_text(line, carrier->ready[i]->trace->id);
	}
	buf_add_char(line, '\n');
	fwrite(line->data, 1, line->size, stdout);
}

static void carrier_call(struct replay *replay, struct carrier *carrier, int64_t now_ms)
{
	while (carrier->ready_count < replay->batch && carrier->heap_count > 0)
		carrier->ready[carrier->ready_count++] = heap_pop(carrier); /* riders are free */
	pace_price_on_look(&carrier->price, (double)replay->batch);
	carrier->calls++;
	call_print(replay, carrier, now_ms);
	for (size_t i = 0; i < carrier->ready_count; i++) {
		struct parcel *parcel = carrier->ready[i];
		if (parcel_look(replay, carrier, parcel, now_ms)) {
			parcel_finish(carrier, parcel);
			continue;
		}
		parcel_judge(replay, carrier, parcel);
		heap_push(carrier, parcel);
	}
	carrier->ready_count = 0;
}

/* What is to be done at this second; the rate per second is kept by counting within it. */
static void carrier_run(struct replay *replay, struct carrier *carrier, int64_t now_ms)
{
	if (carrier->slot_ms <= now_ms)
		carrier_slot(replay, carrier, now_ms);
	if (carrier->second_ms != now_ms)
		carrier->calls = 0;
	carrier->second_ms = now_ms;
	while (carrier->calls < carrier->trace->calls_per_second) {
		carrier_collect(replay, carrier, now_ms);
		if (!ready_to_call(replay, carrier, now_ms))
			return;
		carrier_call(replay, carrier, now_ms);
	}
}

static int64_t whole_second(int64_t ms)
{
	return (ms + SECOND_MS - 1) / SECOND_MS * SECOND_MS;
}

/* The next second at which this carrier may have something to do. */
static int64_t carrier_next(
    const struct replay *replay, const struct carrier *carrier, int64_t now_ms)
{
	int64_t next = carrier->slot_ms;
	if (!pace_price_may_look(&carrier->price, (double)replay->batch))
		return next; /* the quota's reset begins a slot */
	if (carrier->ready_count > 0) {
		bool full = carrier->ready_count == replay->batch;
		int64_t wait = carrier->ready[0]->due_ms + (full ? 0 : carrier->batch_wait_ms);
		next = wait < next ? wait : next;
	}
	if (carrier->heap_count > 0 && carrier->ready_count < replay->batch &&
	    carrier->heap[0]->due_ms < next)
		next = carrier->heap[0]->due_ms;
	return whole_second(next > now_ms ? next : now_ms + SECOND_MS);
}

/* --- the replay ------------------------------------------------------------------------------- */

static void replay_prepare(struct replay *replay)
{
	struct traces *traces = &replay->traces;
	replay->parcels = xcalloc(traces->parcel_count, sizeof *replay->parcels);
	replay->carriers = xcalloc(traces->carrier_count, sizeof *replay->carriers);
	for (size_t i = 0; i < traces->parcel_count; i++)
		replay->parcels[i].trace = &traces->parcels[i];
	for (size_t i = 0; i < traces->carrier_count; i++) {
		struct carrier *carrier = &replay->carriers[i];
		carrier->trace = &traces->carriers[i];
		carrier->lag = hazard_lag_of(replay->model, carrier->trace->name);
		carrier->heap = xcalloc(traces->parcel_count, sizeof(struct parcel *));
		carrier->live = xcalloc(traces->parcel_count, sizeof(struct parcel *));
		carrier->ready = xcalloc(replay->batch, sizeof(struct parcel *));
	}
}

static int64_t replay_register(struct replay *replay, int64_t now_ms)
{
	size_t count = replay->traces.parcel_count;
	while (replay->registered < count &&
	       replay->traces.parcels[replay->registered].registered_ms <= now_ms)
		parcel_register(replay, &replay->parcels[replay->registered++], now_ms);
	return replay->registered < count
	           ? whole_second(replay->traces.parcels[replay->registered].registered_ms)
	           : NEVER_MS;
}

static void replay_run(struct replay *replay)
{
	int64_t now_ms = replay->traces.start_ms;
	int64_t next_parcel_ms = replay_register(replay, now_ms);
	for (size_t i = 0; i < replay->traces.carrier_count; i++)
		carrier_start(replay, &replay->carriers[i]);
	puts("at,carrier,shipment_ids");
	while (now_ms < replay->traces.stop_ms) {
		int64_t next_ms = NEVER_MS;
		if (next_parcel_ms <= now_ms)
			next_parcel_ms = replay_register(replay, now_ms);
		hazard_on_day(replay->model, day_of_instant(now_ms, 0));
		for (size_t i = 0; i < replay->traces.carrier_count; i++) {
			carrier_run(replay, &replay->carriers[i], now_ms);
			int64_t at = carrier_next(replay, &replay->carriers[i], now_ms);
			next_ms = at < next_ms ? at : next_ms;
		}
		now_ms = next_parcel_ms < next_ms ? next_parcel_ms : next_ms;
	}
}

static void replay_free(struct replay *replay)
{
	for (size_t i = 0; replay->carriers && i < replay->traces.carrier_count; i++) {
		xfree(replay->carriers[i].heap);
		xfree(replay->carriers[i].live);
		xfree(replay->carriers[i].ready);
	}
	xfree(replay->carriers);
	xfree(replay->parcels);
	buf_free(&replay->line);
	hazard_free(&replay->model);
	traces_free(&replay->traces);
}

static int replay_traces(const char *directory, const char *quotas, size_t batch)
{
	struct replay replay = {.model = hazard_new(), .batch = batch, .line = BUF_EMPTY(0)};
	struct err err = {0};
	bool done = traces_read(&replay.traces, directory, quotas, &err);
	if (done) {
		replay_prepare(&replay);
		replay_run(&replay);
		if (fflush(stdout) != 0 || ferror(stdout))
			done = err_set(&err, ERR_PERMANENT, "cannot write the output");
	}
	replay_free(&replay);
	return done ? EXIT_DONE : options_failed("simulate polling", "%s", err.text);
}

int simulate_polling(int argc, char **argv)
{
	const char *directory = NULL, *quotas = NULL, *batch_text = "1";
	const struct options_row rows[] = {
	    {"--traces", &directory, NULL},
	    {"--quotas", &quotas, NULL},
	    {"--batch", &batch_text, NULL},
	};
	struct err err = {0};
	int words;
	int64_t batch;
	if (!options_parse(rows, sizeof rows / sizeof *rows, argc, argv, &words, &err))
		return options_usage("simulate", "polling: %s", err.text);
	if (words > 0)
		return options_usage("simulate", "polling: unexpected \"%s\"", argv[1]);
	if (!directory)
		return options_usage("simulate", "polling: --traces DIR is missing");
	if (!str_to_int64(str_of(batch_text), &batch) || batch < 1 || batch > BATCH_MOST)
		return options_usage("simulate", "polling: --batch \"%s\": a number from 1 to %d",
		    batch_text, BATCH_MOST);
	return replay_traces(directory, quotas, (size_t)batch);
}
