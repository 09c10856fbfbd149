#include "notifier/app/boot.h"

#include <stdio.h>
#include <string.h>

#include "notifier/app/leases.h"
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
	struct str command[] = {redis_arg("CONFIG"), redis_arg("GET"), redis_arg(SAFETY_SETTINGS)};
	return AWAIT(p, ask_info, redis_call(p->world->redis, &p->flow, command, 3, &p->settings),
	    STORE_WAIT_MS);
}

static next boot_ask_info(struct boot *p)
{
	struct str command[] = {redis_arg("INFO")};
	if (FAILED(p)) {
		LOG(WARN, "redis_settings_unknown", f_text("why", p->flow.err.text));
		p->settings = (struct redis_value){.type = REDIS_NIL};
	}
	return AWAIT(
	    p, judge, redis_call(p->world->redis, &p->flow, command, 1, &p->info), STORE_WAIT_MS);
}

static next boot_judge(struct boot *p)
{
	if (FAILED(p))
		return END; /* it went away again; the next connection asks again */
	struct safety_facts facts;
	safety_read(&p->settings, &p->info, &facts, p->flow.arena);
	struct safety_finding findings[SAFETY_FINDINGS_MAX];
	size_t count = 0;
	safety_judge(&facts, findings, &count);
	bool has_error = false;
	for (size_t i = 0; i < count; i++) {
		has_error = has_error || findings[i].is_error;
		log_write(findings[i].is_error ? LOG_ERROR : LOG_WARN, "redis_settings",
		    (const struct log_field[]){
		        f_text("text", findings[i].text), {NULL, FIELD_END, NULL, 0}});
	}
	if (has_error && !p->world->config->redis_allow_lossy) {
		fprintf(stderr, "notifier: Redis would lose data with these settings; mend them or "
		                "set redis.allow_lossy: true\n");
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
		leases_renew(world);
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
