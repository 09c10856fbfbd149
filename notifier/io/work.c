#include "notifier/io/work.h"

static void work_run(uv_work_t *request)
{
	struct work *work = request->data;
	work->run(work);
}

static void work_over(uv_work_t *request, int status)
{
	struct work *work = request->data;
	(void)status;
	xfree(request);
	work->finish(work);
}

/* The thread goes on; finish will see that nobody wants the result. */
static void work_cancel(struct await *await)
{
	(void)await;
}

struct await *work_start(struct flow *flow, struct work *work)
{
	uv_work_t *request = xcalloc(1, sizeof *request);
	request->data = work;
	work->request = request;
	await_init(&work->await, flow, work_cancel);
	must(uv_queue_work(loop_uv(), request, work_run, work_over) == 0);
	return &work->await;
}
