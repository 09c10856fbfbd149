#include "notifier/app/parse_job.h"

#include <string.h>

#include "notifier/io/work.h"

struct task { /* one body and who reads it: an answer to a poll, or a webhook */
	const struct carrier *carrier;
	bool is_hook;
	struct carrier_poll poll;
	struct carrier_answer answer;
	struct carrier_hook hook;
};

struct job {
	struct work work; /* first */
	struct task task;
	struct arena *arena;
	struct parse_result result;
	struct parse_result *out; /* in the flow's memory: only while it is wanted */
};

static void task_run(const struct task *task, struct parse_result *out, struct arena *arena)
{
	report_set_init(&out->set, arena);
	out->ok = task->is_hook
	              ? task->carrier->hook_read(&task->hook, &out->set, &out->reply, &out->err)
	              : task->carrier->poll_read(&task->poll, &task->answer, &out->set, &out->err);
}

static void job_run(struct work *work)
{
	struct job *job = (struct job *)(void *)work;
	task_run(&job->task, &job->result, job->arena);
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

static struct str body_copy(struct str body, struct arena *arena)
{
	return str_make(arena_strndup(arena, body.at, body.len), body.len);
}

/* The thread may outlive the flow: it works on copies. */
static void poll_copy(struct task *copy, const struct task *task, struct arena *arena)
{
	const struct carrier_poll *poll = &task->poll;
	const char **numbers = arena_array(arena, poll->count, sizeof *numbers);
	for (size_t i = 0; i < poll->count; i++)
		numbers[i] = arena_strdup(arena, poll->numbers[i]);
	copy->poll =
	    (struct carrier_poll){.numbers = numbers, .count = poll->count, .language = "en"};
	copy->answer = (struct carrier_answer){
	    .status = task->answer.status, .body = body_copy(task->answer.body, arena)};
}

static void hook_copy(struct task *copy, const struct task *task, struct arena *arena)
{
	const struct carrier_hook *hook = &task->hook;
	struct carrier_header *headers = arena_array(arena, hook->header_count, sizeof *headers);
	for (size_t i = 0; i < hook->header_count; i++)
		headers[i] = (struct carrier_header){arena_strdup(arena, hook->headers[i].name),
		    arena_strdup(arena, hook->headers[i].value)};
	copy->hook = (struct carrier_hook){.method = arena_strdup(arena, hook->method),
	    .url = arena_strdup(arena, hook->url),
	    .headers = headers,
	    .header_count = hook->header_count,
	    .body = body_copy(hook->body, arena),
	    .now_ms = hook->now_ms};
}

static struct await *parse(struct flow *flow, const struct task *task, struct parse_result *out)
{
	size_t bytes = task->is_hook ? task->hook.body.len : task->answer.body.len;
	*out = (struct parse_result){.ok = false};
	if (bytes <= PARSE_ON_LOOP_BYTES) {
		task_run(task, out, flow->arena);
		return await_over(flow, NULL);
	}
	struct job *job = xcalloc(1, sizeof *job);
	job->work.run = job_run;
	job->work.finish = job_finish;
	job->arena = arena_new();
	job->out = out;
	job->task = (struct task){.carrier = task->carrier, .is_hook = task->is_hook};
	(task->is_hook ? hook_copy : poll_copy)(&job->task, task, job->arena);
	return work_start(flow, &job->work);
}

struct await *parse_answer(struct flow *flow, const struct carrier *carrier,
    const struct carrier_poll *poll, const struct carrier_answer *answer, struct parse_result *out)
{
	struct task task = {.carrier = carrier, .poll = *poll, .answer = *answer};
	return parse(flow, &task, out);
}

struct await *parse_hook(struct flow *flow, const struct carrier *carrier,
    const struct carrier_hook *hook, struct parse_result *out)
{
	struct task task = {.carrier = carrier, .is_hook = true, .hook = *hook};
	return parse(flow, &task, out);
}
