#include "notifier/app/poll.h"

#include <string.h>

#include "notifier/app/apply.h"
#include "notifier/app/history.h"
#include "notifier/app/memory.h"
#include "notifier/app/metrics.h"
#include "notifier/app/parse_job.h"
#include "notifier/app/token.h"
#include "notifier/base/log.h"

#define CONFLICTS_MAX 5

struct poll_item {
	struct shipment *shipment;
	const struct report *report; /* NULL: the answer does not name it */
};

struct poll {
	struct flow flow;
	struct world *world;
	struct config *config;
	struct carrier_runtime *runtime;
	const struct carrier_config *via;
	struct poll_item *items;
	size_t count, most;
	unsigned looked;    /* partitions looked at for this batch */
	unsigned partition; /* the one being looked at */
	bool is_put_off;    /* none of them is due at the price of now */
	struct redis_value value;
	const char **numbers;
	struct carrier_poll asked;
	struct http_response answer;
	struct parse_result parsed;
	uint64_t body_hash;
	size_t index; /* of the item being worked on */
	struct apply apply;
	unsigned conflicts;
	bool has_retried_token;
	int64_t back_off_ms; /* the whole call failed: all items wait this long */
	const char *result;
};

#define POLL_STEPS(X)                                                                              \
	X(poll, look)                                                                              \
	X(poll, collect)                                                                           \
	X(poll, judge)                                                                             \
	X(poll, budget)                                                                            \
	X(poll, granted)                                                                           \
	X(poll, token)                                                                             \
	X(poll, ask)                                                                               \
	X(poll, read)                                                                              \
	X(poll, understand)                                                                        \
	X(poll, take)                                                                              \
	X(poll, commit)                                                                            \
	X(poll, committed)                                                                         \
	X(poll, reload) X(poll, reloaded) X(poll, plan) X(poll, planned) X(poll, refused)
POLL_STEPS(FLOW_STEP)

static void poll_fini(struct flow *flow)
{
	struct poll *p = (struct poll *)(void *)flow;
	p->runtime->in_flight--;
	p->runtime->breaker.is_probing = false; /* whether or not a call came of it */
	struct world *world = p->world;
	struct carrier_runtime *runtime = p->runtime;
	bool was_asked = p->result != NULL, moves_on = was_asked || p->is_put_off;
	if (was_asked)
		metric_count(METRIC_POLLS, runtime->carrier->name, p->result, NULL);
	arena_free(&p->parsed.arena);
	config_unref(&p->config);
	xfree(p);
	if (moves_on) /* there is room for the next; one that found nothing waits for the sweep */
		poll_more(world, runtime);
}

static const struct flow_type poll_type = {"poll", poll_fini};

/* --- which parcels
 * -------------------------------------------------------------------------------- */

static bool partition_is_due(const struct world *world, const struct carrier_runtime *runtime,
    unsigned partition, int64_t now_ms)
{
	return world_owns(world, partition) && runtime->next_due_ms[partition] <= now_ms;
}

static bool poll_is_due(
    const struct world *world, const struct carrier_runtime *runtime, int64_t now_ms)
{
	for (unsigned i = 0; i < PARTITIONS; i++)
		if (partition_is_due(world, runtime, i, now_ms))
			return true;
	return false;
}

static next poll_look(struct poll *p) /* the next partition that may have some */
{
	int64_t now_ms = loop_now_ms();
	while (p->looked < PARTITIONS && p->count < p->most) {
		p->looked++;
		p->partition = p->runtime->turn;
		p->runtime->turn = (p->runtime->turn + 1) % PARTITIONS;
		if (!partition_is_due(p->world, p->runtime, p->partition, now_ms))
			continue;
		unsigned room = (unsigned)(p->most - p->count);
		p->runtime->next_due_ms[p->partition] =
		    NEVER_MS; /* until we know; commits lower it */
		struct due_query query = {.carrier = p->via->carrier->name,
		    .most = room,
		    .riders = p->most > 1 ? room : 0,
		    .now_ms = now_ms};
		return AWAIT(p, collect,
		    store_due(&p->world->store, &p->flow, &p->world->partitions[p->partition].lease,
		        &query, &p->value),
		    STORE_WAIT_MS);
	}
	return p->count > 0 ? THEN(judge) : END;
}

static next poll_collect(struct poll *p)
{
	if (FAILED(p) || store_is_fenced(&p->value)) {
		p->runtime->next_due_ms[p->partition] = 0;
		if (FAILED(p))
			world_store_failed(p->world, "due", &p->flow.err);
		else
			world_lost(p->world, p->partition);
		return p->count > 0 ? THEN(judge) : END;
	}
	int64_t next_due = NEVER_MS;
	if (p->value.items[0].text.len > 0)
		str_to_int64(p->value.items[0].text, &next_due);
	if (next_due < p->runtime->next_due_ms[p->partition])
		p->runtime->next_due_ms[p->partition] = next_due;
	for (size_t i = 1; i + 1 < p->value.count && p->count < p->most; i += 2) {
		struct err err;
		struct shipment *s =
		    shipment_decode(p->value.items[i + 1].text, p->flow.arena, &err);
		if (s == NULL) {
			LOG(ERROR, "shipment_unreadable",
			    f_text("shipment", p->value.items[i].text.at), f_text("why", err.text));
			continue;
		}
		p->items[p->count++] = (struct poll_item){.shipment = s};
	}
	return THEN(look);
}

/* Prices change: what came up is judged again, and goes back when all of it can wait.  Beside one
 * that is due the others ride for free. */
static next poll_judge(struct poll *p)
{
	int64_t now_ms = loop_now_ms();
	for (size_t i = 0; i < p->count; i++)
		if (foresight_is_due(p->world->foresight, p->via, p->items[i].shipment, now_ms))
			return THEN(budget);
	p->is_put_off = true;
	metric_add(METRIC_NOT_DUE, (double)p->count, p->via->carrier->name, NULL, NULL);
	return THEN(plan);
}

/* --- may we, and with what
 * ------------------------------------------------------------------------ */

static next poll_budget(struct poll *p) /* Redis: quota and rate, shared by all workers */
{
	struct quota_query query = {.carrier = p->via->carrier->name,
	    .per_second = p->via->per_second,
	    .per_day = p->via->per_day,
	    .now_ms = loop_now_ms()};
	return AWAIT(
	    p, granted, store_quota(&p->world->store, &p->flow, &query, &p->value), STORE_WAIT_MS);
}

static next poll_granted(struct poll *p)
{
	/* A value may still stand there from the call before. */
	int64_t wait_ms = !FAILED(p) && p->value.type == REDIS_INTEGER ? p->value.integer : 1000;
	if (wait_ms == 0) {
		foresight_on_call(p->world->foresight, p->via);
		return THEN(token);
	}
	p->runtime->blocked_until_ms = loop_now_ms() + wait_ms;
	p->back_off_ms = wait_ms;
	p->result = "no_quota";
	return THEN(plan);
}

static next poll_token(struct poll *p)
{
	return AWAIT(p, ask, token_wait(p->world, &p->flow, p->runtime, p->via), 60000);
}

static next poll_ask(struct poll *p) /* the carrier: what is true now? */
{
	if (FAILED(p))
		return THEN(refused);
	p->numbers = arena_array(p->flow.arena, p->count, sizeof *p->numbers);
	for (size_t i = 0; i < p->count; i++)
		p->numbers[i] = p->items[i].shipment->number;
	p->asked = (struct carrier_poll){.settings = &p->via->settings,
	    .numbers = p->numbers,
	    .count = p->count,
	    .token = p->runtime->token.value,
	    .language = "en"};
	struct carrier_request request = {0};
	if (!p->via->carrier->poll_request(&p->asked, &request, p->flow.arena, &p->flow.err))
		return THEN(refused);
	struct http_header headers[CARRIER_HEADERS_MAX];
	for (size_t i = 0; i < request.header_count; i++)
		headers[i] =
		    (struct http_header){request.headers[i].name, request.headers[i].value};
	struct http_request ask = {.method = request.method,
	    .url = request.url,
	    .headers = headers,
	    .header_count = request.header_count,
	    .body = str_of(request.body)};
	return AWAIT(p, read, http_ask(p->world->http, &p->flow, &ask, &p->answer), 60000);
}

/* --- what they said
 * ------------------------------------------------------------------------------- */

/* An error about the whole request decides what happens to all. */
static bool request_error(struct poll *p, struct err *err)
{
	static const enum err_kind kinds[REPORT_ERRORS] = {[REPORT_AUTH] = ERR_AUTH,
	    [REPORT_FORBIDDEN] = ERR_AUTH,
	    [REPORT_QUOTA] = ERR_THROTTLED,
	    [REPORT_BAD_REQUEST] = ERR_INPUT,
	    [REPORT_CARRIER_ERROR] = ERR_TRANSIENT,
	    [REPORT_NOT_FOUND] = ERR_INPUT,
	    [REPORT_INVALID_NUMBER] = ERR_INPUT,
	    [REPORT_NOT_REGISTERED] = ERR_INPUT};
	for (size_t i = 0; i < p->parsed.set.count; i++) {
		const struct report *r = &p->parsed.set.reports[i];
		if (r->error == REPORT_OK || r->tracking_number != NULL)
			continue;
		err_set(err, kinds[r->error], "%s: HTTP %d: %s", p->via->carrier->name,
		    p->answer.status,
		    r->error_message ? r->error_message : report_error_name(r->error));
		err->retry_after_ms = http_retry_after_ms(&p->answer, loop_now_ms());
		return true;
	}
	return false;
}

static void match_reports(struct poll *p)
{
	for (size_t i = 0; i < p->count; i++)
		for (size_t j = 0; j < p->parsed.set.count; j++)
			if (text_eq_nocase(p->items[i].shipment->number,
			        p->parsed.set.reports[j].tracking_number))
				p->items[i].report = &p->parsed.set.reports[j];
}

static next poll_read(struct poll *p) /* anything new in the bytes? */
{
	if (FAILED(p))
		return THEN(refused);
	p->result = "ok";
	p->body_hash =
	    fnv1a64(p->answer.body.at, p->answer.body.len) >> 1 | 1; /* fits JSON's integers */
	if (p->count == 1 && p->answer.status == 200 &&
	    p->items[0].shipment->body_hash == p->body_hash) {
		breaker_succeeded(&p->runtime->breaker, loop_now_ms());
		metric_count(METRIC_POLLED, p->via->carrier->name, "unchanged", NULL);
		return THEN(plan); /* nothing new: not even parsed */
	}
	struct carrier_answer answer = {.status = p->answer.status, .body = p->answer.body};
	return AWAIT(p, understand,
	    parse_answer(&p->flow, p->via->carrier, &p->asked, &answer, &p->parsed), PARSE_WAIT_MS);
}

static next poll_understand(struct poll *p)
{
	if (!FAILED(p) && !p->parsed.ok)
		p->flow.err = p->parsed.err;
	if (FAILED(p) || !p->parsed.ok)
		return THEN(refused);
	if (request_error(p, &p->flow.err))
		return THEN(refused);
	breaker_succeeded(&p->runtime->breaker, loop_now_ms());
	match_reports(p);
	return THEN(take);
}

static void note_error(struct poll *p, struct poll_item *item)
{
	struct shipment *s = item->shipment;
	const char *code =
	    item->report ? report_error_name(item->report->error) : "missing in the answer";
	const char *text = item->report ? item->report->error_message : NULL;
	s->poll_failures++;
	p->apply.changes = (struct changes){.outcome = OUTCOME_APPLIED, .why = code};
	apply_finish(&p->apply, SOURCE_POLL, loop_now_ms());
	if (s->poll_failures == 1) /* once per row of failures: the history is short */
		p->apply.commit.history = arena_printf(p->flow.arena, "%s%s",
		    history_note(loop_now_ms(), "poll", code, text, p->flow.arena),
		    p->apply.commit.history ? p->apply.commit.history : "");
	metric_count(METRIC_POLLED, p->via->carrier->name, "error", NULL);
}

static void note_report(struct poll *p, struct poll_item *item)
{
	struct shipment *s = item->shipment;
	int64_t now_ms = loop_now_ms();
	bool had_failures = s->poll_failures > 0;
	s->poll_failures = 0;
	apply_report(&p->apply, item->report, SOURCE_POLL, now_ms);
	const struct changes *changes = &p->apply.changes;
	metric_count(METRIC_REPORTS, source_name(SOURCE_POLL), p->via->carrier->name,
	    outcome_name(changes->outcome));
	metric_count(METRIC_POLLED, p->via->carrier->name,
	    changes->state_changed ? "changed" : "unchanged", NULL);
	bool hash_changed = p->count == 1 && s->body_hash != p->body_hash;
	if (hash_changed)
		s->body_hash = p->body_hash;
	if (changes->outcome == OUTCOME_QUARANTINED)
		LOG(WARN, "report_quarantined", f_text("carrier", s->carrier),
		    f_text("shipment", s->id), f_text("why", changes->why));
	if (changes->state_changed || (!hash_changed && !had_failures))
		return;
	p->apply.changes.state_changed = true; /* only what helps the next poll */
	apply_finish(&p->apply, SOURCE_POLL, now_ms);
}

static next poll_take(struct poll *p) /* pure: what has changed for the next parcel? */
{
	if (p->index >= p->count)
		return END;
	struct poll_item *item = &p->items[p->index];
	p->apply = (struct apply){.world = p->world,
	    .config = p->config,
	    .arena = p->flow.arena,
	    .shipment = item->shipment};
	if (item->report == NULL || item->report->error != REPORT_OK) {
		note_error(p, item);
		return THEN(commit);
	}
	note_report(p, item);
	return p->apply.changes.state_changed ? THEN(commit) : THEN(plan);
}

static next poll_commit(struct poll *p)
{
	return AWAIT(p, committed,
	    store_commit(&p->world->store, &p->flow, &p->apply.commit, &p->value), STORE_WAIT_MS);
}

static next poll_committed(struct poll *p)
{
	if (!FAILED(p) && store_read_committed(&p->value)) {
		apply_committed(&p->apply, SOURCE_POLL);
		p->conflicts = 0;
		p->index++;
		return THEN(take);
	}
	struct await *pause = FAILED(p) ? apply_pause(&p->apply, &p->flow) : NULL;
	if (pause != NULL)
		return AWAIT(p, commit, pause, STORE_WAIT_MS);
	if (FAILED(p) || ++p->conflicts > CONFLICTS_MAX) {
		/* Its claim runs out by itself, and it is polled again. */
		p->conflicts = 0;
		p->index++;
		return THEN(take);
	}
	metric_count(METRIC_CONFLICTS, NULL, NULL, NULL);
	return THEN(reload);
}

static next poll_reload(struct poll *p) /* a webhook was faster: once more on what is true now */
{
	return AWAIT(p, reloaded,
	    store_get(&p->world->store, &p->flow, p->items[p->index].shipment->id, &p->value),
	    STORE_WAIT_MS);
}

static next poll_reloaded(struct poll *p)
{
	struct shipment *s = NULL;
	struct err err;
	/* The webhook has planned the next look: what we were told would wait for that. */
	struct await *pause = FAILED(p) ? apply_pause(&p->apply, &p->flow) : NULL;
	if (pause != NULL)
		return AWAIT(p, reload, pause, STORE_WAIT_MS);
	if (FAILED(p) || !store_read_shipment(&p->value, p->flow.arena, &s, &err) || s == NULL)
		p->index++;
	else
		p->items[p->index].shipment = s;
	return THEN(take);
}

/* --- when next
 * ------------------------------------------------------------------------------------- */

static next poll_plan(struct poll *p) /* Redis: the next look at a parcel that did not change */
{
	if (p->index >= p->count)
		return END;
	struct shipment *s = p->items[p->index].shipment;
	int64_t now_ms = loop_now_ms();
	p->apply = (struct apply){
	    .world = p->world, .config = p->config, .arena = p->flow.arena, .shipment = s};
	if (p->back_off_ms == 0 && !p->is_put_off) {
		p->apply.is_look = true;
		p->apply.sight = foresight_before(p->world->foresight, s);
		foresight_learn(p->world->foresight, s, &p->apply.sight, &p->apply.changes,
		    SOURCE_POLL, now_ms);
	}
	apply_cadence(&p->apply, now_ms);
	int64_t due = p->back_off_ms ? now_ms + p->back_off_ms : s->next_poll_ms;
	unsigned partition = (unsigned)key_partition_of_id(s->id);
	if (due < p->runtime->next_due_ms[partition])
		p->runtime->next_due_ms[partition] = due;
	return AWAIT(
	    p, planned, store_plan(&p->world->store, &p->flow, s, due, &p->value), STORE_WAIT_MS);
}

static next poll_planned(struct poll *p)
{
	p->index++;
	return p->back_off_ms || p->parsed.set.count == 0 ? THEN(plan) : THEN(take);
}

static next poll_refused(struct poll *p) /* the call as a whole failed: classify, back off, plan */
{
	const struct err *err = &p->flow.err;
	int64_t now_ms = loop_now_ms();
	p->result = err_kind_name(err->kind);
	LOG(WARN, "poll_failed", f_text("carrier", p->via->carrier->name),
	    f_text("kind", p->result), f_text("why", err->text));
	if (err->kind == ERR_AUTH && p->via->carrier->token_request != NULL &&
	    !p->has_retried_token) {
		p->has_retried_token =
		    true; /* the token may have died early: once with a fresh one */
		token_forget(p->runtime);
		return THEN(budget);
	}
	if (err->kind == ERR_THROTTLED) {
		if (err->retry_after_ms >= HOUR_MS) /* a day's quota, not a moment's rate */
			foresight_on_refusal(p->world->foresight, p->via);
		p->back_off_ms = err->retry_after_ms ? err->retry_after_ms : MINUTE_MS;
		p->runtime->blocked_until_ms = now_ms + p->back_off_ms;
		p->index = 0;
		return AWAIT(p, plan,
		    store_block(&p->world->store, &p->flow, p->via->carrier->name,
		        p->runtime->blocked_until_ms, &p->value),
		    STORE_WAIT_MS);
	}
	breaker_failed(&p->runtime->breaker, now_ms, err->kind == ERR_AUTH);
	p->back_off_ms = backoff_poll_ms(
	    p->runtime->breaker.in_a_row ? p->runtime->breaker.in_a_row : 1, loop_random_unit());
	p->index = 0;
	return THEN(plan);
}

void poll_start(struct world *world, struct carrier_runtime *runtime)
{
	struct poll *p = xcalloc(1, sizeof *p);
	p->world = world;
	p->config = config_ref(world->config);
	p->runtime = runtime;
	p->via = config_carrier(p->config, runtime->carrier->name);
	must(p->via != NULL);
	p->most = runtime->carrier->batch_max;
	flow_prepare(&p->flow);
	p->items = arena_array(p->flow.arena, p->most, sizeof *p->items);
	runtime->in_flight++;
	flow_start(&p->flow, &poll_type, do_look);
}

void poll_more(struct world *world, struct carrier_runtime *runtime)
{
	const struct carrier_config *via = config_carrier(world->config, runtime->carrier->name);
	int64_t now_ms = loop_now_ms();
	if (world->is_stopping || redis_state_now(world->redis) != REDIS_OK ||
	    memory_is_short(world) || via == NULL || runtime->carrier->poll_request == NULL ||
	    via->settings.base_url == NULL)
		return;
	while (runtime->in_flight < via->concurrency && runtime->blocked_until_ms <= now_ms &&
	       poll_is_due(world, runtime, now_ms) && breaker_allows(&runtime->breaker, now_ms)) {
		unsigned before = runtime->in_flight;
		poll_start(world, runtime);
		if (runtime->in_flight == before)
			return; /* it ended at once: Redis is away */
	}
}
