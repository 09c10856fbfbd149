#include "notifier/app/parse_job.h"

#include <string.h>

#include "notifier/io/work.h"

struct job {
	struct work work; /* first */
	const struct carrier *carrier;
	struct carrier_poll poll;
	struct carrier_answer answer;
	struct arena *arena;
	struct parse_result result;
	struct parse_result *out; /* in the flow's memory: only while it is wanted */
};

struct instant { /* an operation that is over at once */
	struct await await;
};

static void job_run(struct work *work)
{
	struct job *job = (struct job *)(void *)work;
	report_set_init(&job->result.set, job->arena);
	job->result.ok =
	    job->carrier->poll_read(&job->poll, &job->answer, &job->result.set, &job->result.err);
}

static void job_finish(struct work *work)
{
	struct job *job = (struct job *)(void *)work;
	if (await_is_wanted(&work->await)) {
		job->result.arena = job->arena;
		*job->out = job->result;
		await_done(&work->await);
	} else {
		arena_free(&job->arena);
	}
	xfree(job);
}

/* The thread may outlive the flow: it works on copies. */
static void job_copy(
    struct job *job, const struct carrier_poll *poll, const struct carrier_answer *answer)
{
	const char **numbers = arena_array(job->arena, poll->count, sizeof *numbers);
	for (size_t i = 0; i < poll->count; i++)
		numbers[i] = arena_strdup(job->arena, poll->numbers[i]);
	char *body = arena_alloc(job->arena, answer->body.len + 1);
	memcpy(body, answer->body.at, answer->body.len);
	job->poll =
	    (struct carrier_poll){.numbers = numbers, .count = poll->count, .language = "en"};
	job->answer = (struct carrier_answer){
	    .status = answer->status, .body = str_make(body, answer->body.len)};
}

struct await *parse_answer(struct flow *flow, const struct carrier *carrier,
    const struct carrier_poll *poll, const struct carrier_answer *answer, struct parse_result *out)
{
	*out = (struct parse_result){.ok = false};
	if (answer->body.len <= PARSE_ON_LOOP_BYTES) {
		struct instant *instant = arena_alloc(flow->arena, sizeof *instant);
		await_init(&instant->await, flow, NULL);
		report_set_init(&out->set, flow->arena);
		out->ok = carrier->poll_read(poll, answer, &out->set, &out->err);
		await_done(&instant->await);
		return &instant->await;
	}
	struct job *job = xcalloc(1, sizeof *job);
	job->work.run = job_run;
	job->work.finish = job_finish;
	job->carrier = carrier;
	job->arena = arena_new();
	job->out = out;
	job_copy(job, poll, answer);
	return work_start(flow, &job->work);
}
