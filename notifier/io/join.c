#include "notifier/io/join.h"

/* A parent that stops waiting (deadline, cancel) leaves its children to finish: join_done then
 * only counts.  The parent must not end before they did; a parent that can be cancelled keeps its
 * join in memory that outlives it. */
static void join_cancel(struct await *await)
{
	(void)await;
}

void join_open(struct join *join, struct flow *parent)
{
	*join = (struct join){.open = 1};
	await_init(&join->await, parent, join_cancel);
}

void join_add(struct join *join)
{
	must(join->open > 0);
	join->open++;
}

void join_done(struct join *join, bool ok)
{
	must(join->open > 0);
	join->failed += !ok;
	if (--join->open == 0)
		await_done(&join->await);
}

struct join *join_ready(struct join *join)
{
	join_done(join, true);
	return join;
}
