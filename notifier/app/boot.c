#include "notifier/app/boot.h"

#include <stdio.h>
#include <string.h>

#include "notifier/app/safety.h"
#include "notifier/app/sweep.h"
#include "notifier/base/log.h"

static bool is_begun, is_judging, is_refused;

struct boot {
	struct flow flow;
	struct world *world;
	struct redis_value settings, info;
};

#define BOOT_STEPS(X) X(boot, ask) X(boot, ask_info) X(boot, judge)
BOOT_STEPS(FLOW_STEP)

static void boot_fini(struct flow *flow)
{
	is_judging = false;
	xfree(flow);
}

static const struct flow_type boot_type = {"boot", boot_fini};

static next boot_ask(struct boot *p)
{
	struct str command[] = {redis_arg("CONFIG"), redis_arg("GET"), redis_arg("append*"),
	    redis_arg("maxmemory*"), redis_arg("no-appendfsync-on-rewrite")};
	return AWAIT(p, ask_info, redis_call(p->world->redis, &p->flow, command, 5, &p->settings), STORE_WAIT_MS);
}

static next boot_ask_info(struct boot *p)
{
	struct str command[] = {redis_arg("INFO")};
	if (FAILED(p)) {
		LOG(WARN, "redis_settings_unknown", f_text("why", p->flow.err.text));
		p->settings = (struct redis_value){.type = REDIS_NIL};
	}
	return AWAIT(p, judge, redis_call(p->world->redis, &p->flow, command, 1, &p->info), STORE_WAIT_MS);
}

static struct str setting(const struct redis_value *pairs, const char *name)
{
	for (size_t i = 0; i + 1 < pairs->count; i += 2)
		if (str_eq(pairs->items[i].text, name))
			return pairs->items[i + 1].text;
	return str_of(NULL);
}

static const char *text_of(struct boot *p, const char *name)
{
	struct str value = setting(&p->settings, name);
	return value.at ? arena_strndup(p->flow.arena, value.at, value.len) : NULL;
}

static next boot_judge(struct boot *p)
{
	if (FAILED(p))
		return END; /* it went away again; the next connection asks again */
	struct safety_facts facts = {.appendonly = text_of(p, "appendonly"),
	    .appendfsync = text_of(p, "appendfsync"), .maxmemory_policy = text_of(p, "maxmemory-policy"),
	    .no_appendfsync_on_rewrite = text_of(p, "no-appendfsync-on-rewrite"),
	    .info = p->info.text.at};
	struct safety_finding findings[SAFETY_FINDINGS_MAX];
	size_t count = 0;
	safety_judge(&facts, findings, &count);
	bool has_error = false;
	for (size_t i = 0; i < count; i++) {
		has_error = has_error || findings[i].is_error;
		log_write(findings[i].is_error ? LOG_ERROR : LOG_WARN, "redis_settings",
		    (const struct log_field[]){f_text("text", findings[i].text), {NULL, FIELD_END, NULL, 0}});
	}
	if (has_error && !p->world->config->redis_allow_lossy) {
		fprintf(stderr, "notifier: Redis would lose data with these settings; mend them or set redis.allow_lossy: true\n");
		is_refused = true;
		loop_stop();
		return END;
	}
	is_begun = true;
	sweep_begin(p->world);
	return END;
}

void boot_connected(struct world *world)
{
	if (world->is_stopping || is_judging)
		return;
	if (is_begun) { /* back again: what was under way is read from our own pending entries */
		for (unsigned i = 0; i < PARTITIONS; i++)
			partition_drain(&world->partitions[i]);
		sweep_leases(world);
		return;
	}
	is_judging = true;
	struct boot *p = xcalloc(1, sizeof *p);
	p->world = world;
	flow_start(&p->flow, &boot_type, do_ask);
}

bool boot_has_refused(void)
{
	return is_refused;
}

/* --- giving leases back ------------------------------------------------------------------------ */

struct release {
	struct flow flow;
	struct world *world;
	unsigned index;
	struct redis_value value;
};

#define RELEASE_STEPS(X) X(release, next_one) X(release, done)
RELEASE_STEPS(FLOW_STEP)

static void release_fini(struct flow *flow)
{
	xfree(flow);
}

static const struct flow_type release_type = {"release", release_fini};

/* Only what has nothing under way: the rest runs out by itself, or the next start takes it over. */
static next release_next_one(struct release *p)
{
	for (; p->index < PARTITIONS; p->index++) {
		struct partition *partition = &p->world->partitions[p->index];
		if (world_owns(p->world, p->index) && list_is_empty(&partition->sending) && !partition->is_deciding)
			return AWAIT(p, done, store_release(&p->world->store, &p->flow, &partition->lease, &p->value), 1000);
	}
	return END;
}

static next release_done(struct release *p)
{
	p->world->partitions[p->index].lease.epoch = 0;
	p->index++;
	return FAILED(p) ? END : THEN(next_one);
}

void boot_release_leases(struct world *world)
{
	struct release *p = xcalloc(1, sizeof *p);
	p->world = world;
	flow_start(&p->flow, &release_type, do_next_one);
}
