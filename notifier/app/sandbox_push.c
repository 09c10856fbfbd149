#include "notifier/app/sandbox_push.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "carriers/sandbox_render.h"
#include "carriers/sandbox_script.h"
#include "notifier/base/log.h"

#define FIRST_RETRY_MS 500 /* then twice as long each time */
#define TRIES_MAX      6
#define ANSWER_WAIT_MS 20000
#define TWICE_EVERY    3

struct sandbox_push {
	struct world *world;
	char *number;
	int64_t started_ms;
	int offset_s;
	size_t sent;    /* checkpoints that the daemon has taken */
	unsigned tries; /* of the one that is being sent */
	bool is_repeat;
	struct timer timer;
};

struct push { /* one POST */
	struct flow flow;
	struct sandbox_push *owner;
	struct buf body;
	struct http_response answer;
};

#define PUSH_STEPS(X) X(push, send) X(push, sent)
PUSH_STEPS(FLOW_STEP)

static void push_fini(struct flow *flow)
{
	struct push *p = (struct push *)(void *)flow;
	buf_free(&p->body);
	xfree(p);
}

static const struct flow_type push_type = {"sandbox_push", push_fini};

const char *sandbox_push_sign(
    const struct carrier_settings *settings, struct str body, struct arena *arena)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;
	char hex[2 * EVP_MAX_MD_SIZE + 1];
	const char *secret = settings->hook_secrets[0];
	must(HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)body.at,
	         body.len, digest, &len) != NULL);
	hex_encode(hex, digest, len);
	return arena_printf(
	    arena, "%s%s", settings->hook_prefix ? settings->hook_prefix : "sha256=", hex);
}

const char *sandbox_push_base(const struct world *world, struct arena *arena)
{
	static const struct {
		const char *listens, *reached;
	} wildcards[] = {{"0.0.0.0", "127.0.0.1"}, {"[::]", "[::1]"}};
	const char *listen = world->config->listen, *colon = strrchr(listen, ':');
	const char *host = arena_strndup(arena, listen, colon ? (size_t)(colon - listen) : 0);
	for (size_t i = 0; i < sizeof wildcards / sizeof *wildcards; i++)
		if (strcmp(host, wildcards[i].listens) == 0)
			host = wildcards[i].reached;
	return arena_printf(arena, "http://%s:%d", host, http_server_port(world->server));
}

static const struct carrier_settings *settings_of(const struct world *world)
{
	const struct carrier_config *generic = config_carrier(world->config, "generic");
	return generic && generic->settings.hook_secret_count > 0 ? &generic->settings : NULL;
}

static next push_send(struct push *p)
{
	struct arena *arena = p->flow.arena;
	const struct world *world = p->owner->world;
	const struct carrier_settings *settings = settings_of(world);
	struct str body = str_make(p->body.data, p->body.size);
	if (settings == NULL)
		return END; /* a reload took the secret away */
	struct http_header headers[] = {{"Content-Type", "application/json"},
	    {settings->hook_header ? settings->hook_header : "X-Signature",
	        sandbox_push_sign(settings, body, arena)}};
	struct http_request request = {.method = "POST",
	    .url = arena_printf(arena, "%s/hooks/generic/default", sandbox_push_base(world, arena)),
	    .headers = headers,
	    .header_count = 2,
	    .body = body};
	return AWAIT(
	    p, sent, http_ask(world->http, &p->flow, &request, &p->answer), ANSWER_WAIT_MS);
}

static next push_sent(struct push *p)
{
	struct sandbox_push *owner = p->owner;
	bool is_taken = !FAILED(p) && p->answer.status < 300;
	if (!is_taken && ++owner->tries < TRIES_MAX) {
		timer_start(&owner->timer, (int64_t)FIRST_RETRY_MS << owner->tries);
		return END;
	}
	if (!is_taken)
		LOG(WARN, "sandbox_push_given_up", f_text("number", owner->number),
		    f_int("status", p->answer.status), f_text("why", p->flow.err.text));
	owner->is_repeat = is_taken && !owner->is_repeat && owner->sent % TWICE_EVERY == 1;
	owner->sent += !owner->is_repeat;
	owner->tries = 0;
	timer_soon(&owner->timer);
	return END;
}

/* The change number owner->sent goes out now, or the timer waits for it. */
static void on_timer(struct timer *timer)
{
	struct sandbox_push *owner = LIST_OWNER(timer, struct sandbox_push, timer);
	struct report report;
	int64_t now_ms = loop_now_ms();
	if (owner->world->is_stopping)
		return;
	struct push *p = xcalloc(1, sizeof *p);
	flow_prepare(&p->flow);
	p->owner = owner;
	sandbox_report(
	    owner->number, owner->started_ms, now_ms, owner->offset_s, &report, p->flow.arena);
	if (report.error == REPORT_OK && owner->sent < report.checkpoint_count) {
		sandbox_render_generic_hook(&report, owner->sent, &p->body);
		flow_start(&p->flow, &push_type, do_send);
		return;
	}
	arena_free(&p->flow.arena);
	xfree(p);
	int64_t next_ms =
	    sandbox_next_ms(owner->number, owner->started_ms, now_ms, owner->offset_s);
	if (next_ms != NEVER_MS)
		timer_start(timer, loop_wait_ms(next_ms - now_ms));
}

struct sandbox_push *sandbox_push_new(
    struct world *world, const char *number, int64_t started_ms, int offset_s)
{
	if (settings_of(world) == NULL) {
		LOG(WARN, "sandbox_push", f_text("number", number),
		    f_text("why", "carriers.generic.webhook has no secret to sign with"));
		return NULL;
	}
	struct sandbox_push *push = xcalloc(1, sizeof *push);
	push->world = world;
	push->number = xstrdup(number);
	push->started_ms = started_ms;
	push->offset_s = offset_s;
	timer_init(&push->timer, on_timer);
	timer_soon(&push->timer);
	return push;
}

void sandbox_push_free(struct sandbox_push **push)
{
	if (*push == NULL)
		return;
	timer_stop(&(*push)->timer);
	xfree((*push)->number);
	xfree(*push);
	*push = NULL;
}
