#include "notifier/app/ingest.h"

#include <stdio.h>
#include <string.h>

#include "carriers/report_json.h"
#include "notifier/app/apply.h"
#include "notifier/app/history.h"
#include "notifier/app/json.h"
#include "notifier/app/memory.h"
#include "notifier/app/metrics.h"
#include "notifier/app/parse_job.h"
#include "notifier/app/problem.h"
#include "notifier/base/log.h"

#define CONFLICTS_MAX 5

struct ingest {
	struct flow flow;
	struct world *world;
	struct config *config;
	const struct carrier_config *via;
	const char *account;
	struct http_exchange *exchange;
	struct carrier_hook hook;
	struct parse_result parsed; /* a handshake's answer, too */
	size_t index;
	struct apply apply;
	struct redis_value value;
	unsigned conflicts;
	const char *quarantine_why;
	const char *result; /* of the last report: what a single one is answered with */
	bool is_refused;    /* answered: 503 */
	int64_t now_ms;
};

#define INGEST_STEPS(X)                                                                            \
	X(ingest, verify)                                                                          \
	X(ingest, parse)                                                                           \
	X(ingest, understand)                                                                      \
	X(ingest, take)                                                                            \
	X(ingest, load)                                                                            \
	X(ingest, detect)                                                                          \
	X(ingest, commit)                                                                          \
	X(ingest, committed)                                                                       \
	X(ingest, unanswered)                                                                      \
	X(ingest, keep)                                                                            \
	X(ingest, kept)                                                                            \
	X(ingest, quarantine)                                                                      \
	X(ingest, quarantined) X(ingest, following) X(ingest, accept) X(ingest, refuse)
INGEST_STEPS(FLOW_STEP)

static void ingest_fini(struct flow *flow)
{
	struct ingest *p = (struct ingest *)(void *)flow;
	arena_free(&p->parsed.arena);
	config_unref(&p->config);
	xfree(p);
}

static const struct flow_type ingest_type = {"ingest", ingest_fini};

static void count(struct ingest *p, const char *outcome)
{
	p->result = outcome;
	metric_count(METRIC_REPORTS, source_name(SOURCE_WEBHOOK), p->via->carrier->name, outcome);
}

static void answer(struct ingest *p, int status, const char *body)
{
	char code[8];
	snprintf(code, sizeof code, "%d", status);
	metric_count(METRIC_HOOKS, p->via->carrier->name, code, NULL);
	struct http_reply reply = {
	    .status = status, .content_type = "application/json", .body = str_of(body)};
	http_reply_send(p->exchange, &reply);
}

static void refuse(struct ingest *p) /* the sender must try again */
{
	metric_count(METRIC_HOOKS, p->via->carrier->name, "503", NULL);
	LOG(WARN, "webhook_not_stored", f_text("request_id", http_exchange_id(p->exchange)),
	    f_text("carrier", p->via->carrier->name), f_text("why", p->flow.err.text));
	problem_send_retry(p->exchange, "not_writable", "The storage does not take writes now.");
}

static next ingest_verify(struct ingest *p) /* pure: do the raw bytes come from who may push? */
{
	const struct carrier *carrier = p->via->carrier;
	if (carrier->hook_read == NULL || carrier->hook_verify == NULL ||
	    !carrier->hook_verify(&p->via->settings, &p->hook)) {
		metric_count(METRIC_HOOKS, carrier->name, "401", NULL);
		LOG(WARN, "webhook_refused", f_text("carrier", carrier->name),
		    f_text("why", "signature"));
		problem_send(p->exchange, 401, "signature_invalid",
		    "The webhook's signature does not fit its body and any secret of this "
		    "carrier.");
		return END;
	}
	if (memory_is_short(p->world)) {
		metric_count(METRIC_HOOKS, carrier->name, "503", NULL);
		memory_refuse(p->exchange);
		return END;
	}
	return THEN(parse);
}

static next ingest_parse(struct ingest *p) /* pure: bytes → reports */
{
	return AWAIT(p, understand, parse_hook(&p->flow, p->via->carrier, &p->hook, &p->parsed),
	    PARSE_WAIT_MS);
}

static next ingest_understand(struct ingest *p)
{
	if (FAILED(p))
		return THEN(refuse);
	if (p->parsed.ok)
		return THEN(take);
	p->quarantine_why = arena_strdup(p->flow.arena, p->parsed.err.text);
	return THEN(quarantine);
}

static next ingest_take(struct ingest *p) /* the next report of the webhook */
{
	p->conflicts = p->apply.repeats = 0;
	if (p->index >= p->parsed.set.count)
		return THEN(accept);
	const struct report *report = &p->parsed.set.reports[p->index];
	if (report->error == REPORT_OK && report->tracking_number != NULL)
		return AWAIT(p, load,
		    store_find(
		        &p->world->store, &p->flow, p->account, report->tracking_number, &p->value),
		    STORE_SOON_MS);
	p->quarantine_why = report->error_message ? report->error_message : "an error report";
	return THEN(quarantine);
}

static next ingest_load(struct ingest *p) /* Redis: what do we believe? */
{
	if (FAILED(p))
		return THEN(refuse);
	struct err err;
	if (!store_read_shipment(&p->value, p->flow.arena, &p->apply.shipment, &err)) {
		LOG(ERROR, "shipment_unreadable", f_text("why", err.text));
		p->quarantine_why = arena_strdup(p->flow.arena, err.text);
		return THEN(quarantine);
	}
	return p->apply.shipment ? THEN(detect) : THEN(keep);
}

static next ingest_detect(struct ingest *p) /* pure: what has changed? */
{
	apply_report(&p->apply, &p->parsed.set.reports[p->index], SOURCE_WEBHOOK, p->now_ms);
	if (p->apply.changes.outcome == OUTCOME_QUARANTINED) {
		p->quarantine_why = p->apply.changes.why;
		return THEN(quarantine);
	}
	if (p->apply.changes.state_changed)
		return THEN(commit);
	count(p, outcome_name(p->apply.changes.outcome));
	return THEN(following);
}

static next ingest_commit(struct ingest *p) /* Redis: state and events, one script */
{
	return AWAIT(p, committed,
	    store_commit(&p->world->store, &p->flow, &p->apply.commit, &p->value), STORE_SOON_MS);
}

static next ingest_committed(struct ingest *p)
{
	if (FAILED(p))
		return THEN(unanswered);
	if (store_read_committed(&p->value)) {
		apply_committed(&p->apply, SOURCE_WEBHOOK);
		count(p, outcome_name(p->apply.changes.outcome));
		return p->is_refused ? END : THEN(following);
	}
	if (p->is_refused)
		return END; /* not made, or somebody has gone on from there */
	metric_count(METRIC_CONFLICTS, NULL, NULL, NULL);
	if (++p->conflicts > CONFLICTS_MAX)
		return THEN(refuse);
	return AWAIT(p, load,
	    store_find(&p->world->store, &p->flow, p->account,
	        p->parsed.set.reports[p->index].tracking_number, &p->value),
	    STORE_SOON_MS);
}

/* Stored or not?  The sender need not wait for that and comes again; but when it was stored it
 * finds a duplicate, and only we know what was news. */
static next ingest_unanswered(struct ingest *p)
{
	if (!p->is_refused)
		refuse(p);
	p->is_refused = true;
	struct await *pause = apply_pause(&p->apply, &p->flow);
	return pause ? AWAIT(p, commit, pause, STORE_WAIT_MS) : END;
}

static next ingest_keep(struct ingest *p) /* nobody registered the number yet: it waits 7 days */
{
	json_t *record = json_object();
	json_put_text(record, "c", p->via->carrier->name);
	json_put_int(record, "t", p->now_ms);
	json_object_set_new(record, "r", report_to_json(&p->parsed.set.reports[p->index]));
	struct str text = json_text(record, p->flow.arena);
	json_decref(record);
	return AWAIT(p, kept,
	    store_keep_unmatched(&p->world->store, &p->flow, p->account,
	        p->parsed.set.reports[p->index].tracking_number, text.at, &p->value),
	    STORE_SOON_MS);
}

static next ingest_kept(struct ingest *p)
{
	if (FAILED(p))
		return THEN(refuse);
	bool was_registered = p->value.type == REDIS_INTEGER && p->value.integer == 0;
	if (was_registered && ++p->conflicts > CONFLICTS_MAX)
		return THEN(refuse);
	if (was_registered)
		return AWAIT(p, load,
		    store_find(&p->world->store, &p->flow, p->account,
		        p->parsed.set.reports[p->index].tracking_number, &p->value),
		    STORE_SOON_MS);
	count(p, "unmatched");
	return THEN(following);
}

static next ingest_quarantine(struct ingest *p) /* cannot be read or believed: kept for a person */
{
	struct quarantined q = {.account = p->account,
	    .carrier = p->via->carrier->name,
	    .why = p->quarantine_why,
	    .body = p->hook.body,
	    .now_ms = p->now_ms};
	LOG(WARN, "webhook_quarantined", f_text("carrier", q.carrier), f_text("why", q.why));
	return AWAIT(p, quarantined, store_quarantine(&p->world->store, &p->flow, &q, &p->value),
	    STORE_SOON_MS);
}

static next ingest_quarantined(struct ingest *p)
{
	if (FAILED(p))
		return THEN(refuse);
	count(p, outcome_name(OUTCOME_QUARANTINED));
	return THEN(following);
}

static next ingest_following(struct ingest *p)
{
	p->index++;
	return THEN(take);
}

static next ingest_accept(struct ingest *p) /* everything is on disk */
{
	if (p->parsed.reply.status != 0) {
		struct http_reply reply = {
		    .status = p->parsed.reply.status, .body = str_of(p->parsed.reply.body)};
		for (size_t i = 0; i < p->parsed.reply.header_count; i++)
			reply.headers[reply.header_count++] = (struct http_header){
			    p->parsed.reply.headers[i].name, p->parsed.reply.headers[i].value};
		http_reply_send(p->exchange, &reply);
		return END;
	}
	const char *body =
	    arena_printf(p->flow.arena, "{\"result\":\"%s\"}", p->result ? p->result : "nothing");
	answer(p, 200, body);
	return END;
}

static next ingest_refuse(struct ingest *p)
{
	refuse(p);
	return END;
}

static void copy_hook(struct ingest *p, const struct http_incoming *incoming)
{
	struct arena *arena = p->flow.arena;
	struct carrier_header *headers =
	    arena_array(arena, incoming->header_count, sizeof *headers);
	for (size_t i = 0; i < incoming->header_count; i++)
		headers[i] = (struct carrier_header){arena_strdup(arena, incoming->headers[i].name),
		    arena_strdup(arena, incoming->headers[i].value)};
	char *body = arena_alloc(arena, incoming->body.len + 1);
	if (incoming->body.len > 0)
		memcpy(body, incoming->body.at, incoming->body.len);
	p->hook = (struct carrier_hook){.method = arena_strdup(arena, incoming->method),
	    .url = arena_strdup(arena, incoming->raw_url),
	    .headers = headers,
	    .header_count = incoming->header_count,
	    .body = str_make(body, incoming->body.len),
	    .now_ms = p->now_ms};
}

void ingest_start(struct world *world, struct http_exchange *exchange,
    const struct http_incoming *incoming, const char *carrier, const char *account)
{
	const struct carrier_config *via = config_carrier(world->config, carrier);
	if (via == NULL || config_account(world->config, account) == NULL) {
		problem_send(exchange, 404, "unknown_hook",
		    "No such carrier or account is configured; the path is "
		    "/hooks/{carrier}/{account}.");
		return;
	}
	if (world->is_stopping) {
		problem_send_retry(exchange, "stopping", "The server is being stopped.");
		return;
	}
	struct ingest *p = xcalloc(1, sizeof *p);
	p->world = world;
	p->config = config_ref(world->config);
	p->via = config_carrier(p->config, carrier);
	p->exchange = exchange;
	p->now_ms = loop_now_ms();
	flow_prepare(&p->flow);
	copy_hook(p, incoming);
	p->account = arena_strdup(p->flow.arena, account);
	p->apply = (struct apply){.world = world, .config = p->config, .arena = p->flow.arena};
	flow_start(&p->flow, &ingest_type, do_verify);
}
