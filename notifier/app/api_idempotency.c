/* Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a POST that worked is not done
 * again within a day, and not twice at a time.
 *
 * What stands in Redis under a key: "HASH running ID" while the request with that id is under way,
 * then "HASH STATUS ANSWER".  An answer that shows a shipment is kept as the shipment's id: the
 * data of people has one home, and who is erased there is not told of here.
 */
#include <string.h>

#include "notifier/app/api.h"
#include "notifier/app/json.h"
#include "notifier/app/scripts.h"

/* A daemon that was killed gives nothing up: its claims run out with the request's deadline. */
#define CLAIM_MS "15000"
#define RUNNING  "running"

API_ROUTE(api_then_recall, recall)

#define RECALL_STEPS(X) X(api, recalled) X(api, shown_again) X(api, remembered)
RECALL_STEPS(FLOW_STEP)

static struct str seen_key(const struct api *api)
{
	char hash[65];
	key_sha256_hex(hash, api->idempotency_key, strlen(api->idempotency_key));
	return key_with2(
	    api->flow.arena, key_partition(api->account, hash), "seen", api->account, hash);
}

/* A key stands for one request: with another body it is a mistake, not a repetition. */
static const char *request_hash(const struct api *api)
{
	char hash[65];
	const char *all =
	    arena_printf(api->flow.arena, "%s\n%.*s", api->path, (int)api->body.len, api->body.at);
	key_sha256_hex(hash, all, strlen(all));
	return arena_strndup(api->flow.arena, hash, 32);
}

static bool has_idempotency(const struct api *api)
{
	/* Not for keys: their answer holds the secret, which is kept nowhere. */
	return api->idempotency_key != NULL && strcmp(api->method, "POST") == 0 &&
	       api->route->scope != SCOPE_ADMIN;
}

/* --- before it is done: was it, or is it being done? ------------------------------------------ */

static next api_recall(struct api *api)
{
	struct arena *arena = api->flow.arena;
	if (!has_idempotency(api))
		return api_then_dispatch;
	api->claim = arena_printf(
	    arena, "%s " RUNNING " %s", request_hash(api), http_exchange_id(api->exchange));
	struct str command[] = {redis_arg("SET"), seen_key(api), str_of(api->claim),
	    redis_arg("NX"), redis_arg("GET"), redis_arg("PX"), redis_arg(CLAIM_MS)};
	return AWAIT(api, recalled,
	    redis_call(api->world->redis, &api->flow, command, 7, &api->value), STORE_SOON_MS);
}

static next api_recalled(struct api *api)
{
	int64_t status = 0;
	struct str hash, head, answer;
	if (FAILED(api))
		return api_store_failed(api);
	if (api->value.type != REDIS_TEXT)
		return api_then_dispatch; /* it is new, and the claim is ours */
	api->claim = NULL;
	answer = str_cut(str_cut(api->value.text, ' ', &hash), ' ', &head);
	if (!str_eq(hash, request_hash(api)))
		return api_problem(api, 422, "idempotency_mismatch",
		    "This Idempotency-Key was used for another request; take a new one.");
	if (str_eq(head, RUNNING)) {
		problem_send_busy(api->exchange, "idempotency_in_progress",
		    "A request with this Idempotency-Key is under way; ask again in a moment.");
		return END;
	}
	str_to_int64(head, &status);
	api->answer_status = (int)status;
	if (!str_starts(answer, "shp_")) {
		api_send_text(api, api->answer_status, answer);
		return END;
	}
	return AWAIT(api, shown_again,
	    store_get(&api->world->store, &api->flow, answer.at, &api->value2), STORE_SOON_MS);
}

static next api_shown_again(struct api *api)
{
	struct err err;
	if (FAILED(api))
		return api_store_failed(api);
	if (!store_read_shipment(&api->value2, api->flow.arena, &api->shipment, &err))
		return api_problem(api, 500, "unreadable", arena_strdup(api->flow.arena, err.text));
	if (api->shipment == NULL)
		return api_problem(api, 404, "shipment_not_found",
		    "This request was done already; its shipment was erased since.");
	return api_send(api, api->answer_status, api_shipment_json(api->shipment, NULL));
}

/* --- afterwards ------------------------------------------------------------------------------- */

static struct await *settle(struct world *world, struct flow *flow, const struct str args[3],
    struct str key, struct redis_value *out)
{
	struct redis_script_call call = {.script = script(SCRIPT_settle),
	    .keys = &key,
	    .key_count = 1,
	    .args = args,
	    .arg_count = 3};
	return redis_run(world->redis, flow, &call, out);
}

next api_send(struct api *api, int status, json_t *body)
{
	struct arena *arena = api->flow.arena;
	api->answer_status = status;
	api->answer = body ? json_text(body, arena) : str_of("");
	json_decref(body);
	if (status >= 300 || api->claim == NULL) {
		api_send_text(api, status, api->answer);
		return END;
	}
	const char *answer = api->shipment ? api->shipment->id : api->answer.at;
	const char *kept = arena_printf(arena, "%s %d %s", request_hash(api), status, answer);
	const struct str args[] = {str_of(api->claim), str_of(kept),
	    str_of(arena_printf(arena, "%lld", (long long)IDEMPOTENCY_TTL_MS))};
	return AWAIT(api, remembered,
	    settle(api->world, &api->flow, args, seen_key(api), &api->value), STORE_SOON_MS);
}

/* What was done is done, whether or not the answer could be kept. */
static next api_remembered(struct api *api)
{
	if (!FAILED(api))
		api->claim = NULL;
	api_send_text(api, api->answer_status, api->answer);
	return END;
}

/* A request that was refused or failed may be tried again under its key: the claim is given up. */
struct giving_up {
	struct flow flow;
	struct world *world;
	struct str key;
	const char *claim;
	struct redis_value value;
};

#define GIVING_UP_STEPS(X) X(giving_up, ask) X(giving_up, asked)
GIVING_UP_STEPS(FLOW_STEP)

static void giving_up_fini(struct flow *flow)
{
	xfree(flow);
}

static const struct flow_type giving_up_type = {"give_up_key", giving_up_fini};

static next giving_up_ask(struct giving_up *p)
{
	const struct str args[] = {str_of(p->claim), str_of(""), str_of("0")};
	return AWAIT(p, asked, settle(p->world, &p->flow, args, p->key, &p->value), STORE_WAIT_MS);
}

static next giving_up_asked(struct giving_up *p)
{
	(void)p; /* where it failed, the claim runs out */
	return END;
}

void api_give_up_claim(const struct api *api)
{
	if (api->claim == NULL)
		return;
	struct giving_up *p = xcalloc(1, sizeof *p);
	flow_prepare(&p->flow);
	p->world = api->world;
	p->claim = arena_strdup(p->flow.arena, api->claim);
	p->key = str_of(arena_strdup(p->flow.arena, seen_key(api).at));
	flow_start(&p->flow, &giving_up_type, do_ask);
}
