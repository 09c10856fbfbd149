#include "notifier/app/world.h"

#include <string.h>

#include "notifier/app/decide.h"
#include "notifier/app/deliver.h"
#include "notifier/base/log.h"
#include "notifier/message/l10n.h"

struct carrier_runtime *world_carrier(struct world *world, const char *name)
{
	for (size_t i = 0; i < world->carrier_count; i++)
		if (text_eq(world->carriers[i].carrier->name, name))
			return &world->carriers[i];
	return NULL;
}

struct account_runtime *world_account(struct world *world, const char *name)
{
	for (size_t i = 0; i < world->account_count; i++)
		if (text_eq(world->accounts[i].name, name))
			return &world->accounts[i];
	return NULL;
}

const struct zone *world_zone(const char *first, const char *second)
{
	const struct zone *zone = first ? l10n_zone(first) : NULL;
	return zone == NULL && second != NULL ? l10n_zone(second) : zone;
}

/* Ours until the lease has run out on our own clock, which started before Redis's did. */
bool world_owns(const struct world *world, unsigned partition)
{
	const struct partition *p = &world->partitions[partition];
	return p->lease.epoch != 0 && loop_monotonic_ms() - p->renewed_ms < LEASE_MS;
}

void world_lost(struct world *world, unsigned partition)
{
	struct partition *p = &world->partitions[partition];
	if (p->lease.epoch != 0)
		LOG(WARN, "lease_lost", f_int("partition", partition),
		    f_int("epoch", p->lease.epoch));
	p->lease.epoch = 0;
}

void world_store_failed(struct world *world, const char *what, const struct err *err)
{
	int64_t said_ms = world->store_failed_ms;
	int64_t now_ms = loop_monotonic_ms();
	if (err->kind == ERR_CANCELLED || (said_ms != 0 && now_ms - said_ms < 5000))
		return;
	world->store_failed_ms = now_ms;
	LOG(WARN, "store_failed", f_text("what", what), f_text("kind", err_kind_name(err->kind)),
	    f_text("why", err->text));
}

void partition_drain(struct partition *partition)
{
	partition->drains_events = partition->drains_outbox = true;
	partition->has_events = partition->has_outbox = true;
	memcpy(partition->outbox_cursor, "0-0", 4);
}

void world_nudge(struct world *world, unsigned partition)
{
	struct partition *p = &world->partitions[partition];
	if (world->is_stopping || redis_state_now(world->redis) == REDIS_CONNECTING ||
	    !world_owns(world, partition))
		return;
	if (p->has_events && !p->is_deciding)
		decide_start(world, partition);
	if (p->has_outbox && !p->is_claiming)
		claim_all(world);
}
