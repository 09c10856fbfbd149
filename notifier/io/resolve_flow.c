/* A lookup that a flow awaits. */
#include "notifier/base/mem.h"
#include "notifier/io/resolve.h"

struct host_wait {
	struct await await;
	struct resolve_query *query;
	struct resolved *out;
};

static void on_host_cancel(struct await *await)
{
	struct host_wait *wait = LIST_OWNER(await, struct host_wait, await);
	resolve_cancel(&wait->query);
	xfree(wait);
}

static void on_host_done(void *context, const struct resolved *resolved, const struct err *err)
{
	struct host_wait *wait = context;
	struct await await = wait->await;
	struct resolved *out = wait->out;
	xfree(wait);
	if (err != NULL) {
		await_failed(&await, err);
		return;
	}
	*out = *resolved;
	await_done(&await);
}

struct await *resolve_host(
    struct resolver *resolver, struct flow *flow, const char *host, struct resolved *out)
{
	struct host_wait *wait = xcalloc(1, sizeof *wait);
	wait->out = out;
	await_init(&wait->await, flow, on_host_cancel);
	struct resolve_query *query = resolve_start(resolver, host, on_host_done, wait);
	if (query == NULL)
		return NULL; /* done, and `wait` is gone */
	wait->query = query;
	return &wait->await;
}
