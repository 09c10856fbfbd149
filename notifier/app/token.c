#include "notifier/app/token.h"

#include "notifier/base/log.h"

struct waiter {
	struct await await;
	struct list link;
};

struct token {
	struct flow flow;
	struct world *world;
	struct carrier_runtime *runtime;
	struct config *config;
	const struct carrier_config *via;
	struct http_response answer;
	struct err err; /* how it ended */
};

#define TOKEN_STEPS(X) X(token, ask) X(token, read)
TOKEN_STEPS(FLOW_STEP)

/* Everybody who waited goes on; the list is emptied first, because they may ask again. */
static void token_fini(struct flow *flow)
{
	struct token *p = (struct token *)(void *)flow;
	struct list *waiting = &p->runtime->token.waiting;
	struct list woken;
	list_init(&woken);
	p->runtime->token.is_asking = false;
	while (!list_is_empty(waiting)) {
		struct list *link = list_first(waiting);
		list_remove(link);
		list_append(&woken, link);
	}
	while (!list_is_empty(&woken)) {
		struct waiter *waiter = LIST_OWNER(list_first(&woken), struct waiter, link);
		list_remove(&waiter->link);
		if (p->err.kind == ERR_NONE)
			await_done(&waiter->await);
		else
			await_failed(&waiter->await, &p->err);
		xfree(waiter);
	}
	config_unref(&p->config);
	xfree(p);
}

static const struct flow_type token_type = {"token", token_fini};

static next token_ask(struct token *p)
{
	struct carrier_request request = {0};
	if (!p->via->carrier->token_request(&p->via->settings, &request, p->flow.arena, &p->err))
		return END;
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

static next token_read(struct token *p)
{
	if (FAILED(p)) {
		p->err = p->flow.err;
		err_prefix(&p->err, "%s: token", p->via->carrier->name);
		return END;
	}
	struct carrier_answer answer = {.status = p->answer.status, .body = p->answer.body};
	struct carrier_token token = {0};
	if (!p->via->carrier->token_read(&answer, &token, p->flow.arena, &p->err)) {
		LOG(ERROR, "token_refused", f_text("carrier", p->via->carrier->name),
		    f_text("why", p->err.text));
		return END;
	}
	/* A minute early, so that no poll leaves with a token that dies on the way. */
	int64_t life_s =
	    token.expires_in_s > 120 ? token.expires_in_s - 60 : token.expires_in_s / 2;
	xfree(p->runtime->token.value);
	p->runtime->token.value = xstrdup(token.value);
	p->runtime->token.expires_ms = loop_monotonic_ms() + life_s * SECOND_MS;
	return END;
}

void token_forget(struct carrier_runtime *runtime)
{
	xfree(runtime->token.value);
	runtime->token.value = NULL;
}

static void waiter_cancel(struct await *await)
{
	struct waiter *waiter = (struct waiter *)(void *)await;
	list_remove(&waiter->link);
	xfree(waiter);
}

static bool is_fresh(const struct carrier_runtime *runtime)
{
	return runtime->token.value != NULL && runtime->token.expires_ms > loop_monotonic_ms();
}

static void token_start(struct world *world, struct carrier_runtime *runtime)
{
	struct token *p = xcalloc(1, sizeof *p);
	p->world = world;
	p->runtime = runtime;
	p->config = config_ref(world->config);
	p->via = config_carrier(p->config, runtime->carrier->name);
	runtime->token.is_asking = true;
	flow_start(&p->flow, &token_type, do_ask);
}

struct await *token_wait(struct world *world, struct flow *flow, struct carrier_runtime *runtime,
    const struct carrier_config *config)
{
	struct waiter *waiter = xcalloc(1, sizeof *waiter);
	list_init(&waiter->link);
	await_init(&waiter->await, flow, waiter_cancel);
	if (config->carrier->token_request == NULL || is_fresh(runtime)) {
		await_done(&waiter->await);
		xfree(waiter);
		return NULL;
	}
	list_append(&runtime->token.waiting, &waiter->link);
	if (!runtime->token.is_asking)
		token_start(world, runtime);
	return &waiter->await; /* may be gone already: the runner looks at the flow only */
}
