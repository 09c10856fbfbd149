/* The world: everything a flow needs and nothing global.  Made once by cmd_serve, passed to every
 * flow.  Configuration and templates are snapshots with reference counts: a flow that lives across
 * a reload keeps what it began with.
 */
#ifndef APP_WORLD_H
#define APP_WORLD_H
#include "notifier/app/config.h"
#include "notifier/app/foresight.h"
#include "notifier/app/store.h"
#include "notifier/core/backoff.h"
#include "notifier/io/http_client.h"
#include "notifier/io/http_server.h"
#include "notifier/io/smtp.h"
#include "notifier/message/catalogue.h"

struct partition { /* of the 64; work is done by whoever holds the lease */
	struct lease lease;
	int64_t renewed_ms;          /* monotonic; the lease is ours until LEASE_MS after it */
	bool has_events, has_outbox; /* something may be waiting in the stream */
	bool drains_events, drains_outbox; /* our own pending entries of a former life come first */
	char outbox_cursor[40]; /* draining: how far through our pending entries we are */
	bool is_deciding, is_claiming, is_sweeping;
	int64_t next_clock_ms; /* wall: nothing is due before; 0: not known, look */
	struct list sending;   /* deliveries under way, for the order per shipment */
};

struct token_state { /* of one carrier */
	char *value;
	int64_t expires_ms;  /* monotonic */
	bool is_asking;      /* one request in flight, however many polls wait */
	struct list waiting; /* polls */
};

struct carrier_runtime {
	const struct carrier *carrier;
	struct breaker breaker;
	struct token_state token;
	unsigned in_flight;
	int64_t blocked_until_ms;        /* wall: quota or Retry-After says wait */
	int64_t next_due_ms[PARTITIONS]; /* wall; 0: not known, look */
	int64_t live_shipments;          /* that share the quota; counted by app/live */
	int64_t deaf_ms; /* monotonic: when its breaker was last seen open; 0: never */
	unsigned turn;   /* which partition is looked at first: round robin */
};

struct account_runtime {
	char *name;
	struct smtp *smtp; /* NULL: none configured */
	struct breaker breaker;
	unsigned in_flight;
	int64_t progress_ms; /* monotonic: a send ended, or the first of several began */
};

struct world {
	struct config *config;
	struct catalogue *catalogue;
	struct redis *redis;
	struct store store;
	struct resolver *resolver;
	struct http_client *http;
	struct http_server *server, *admin, *sandbox_server;
	struct partition partitions[PARTITIONS];
	struct carrier_runtime *carriers;
	size_t carrier_count;
	struct account_runtime *accounts;
	size_t account_count;
	char worker[40];  /* stable over restarts: kept in the data folder */
	char attempt[20]; /* of this life of the process: tells our own claims from a former life's
	                   */
	unsigned messages_in_flight;
	unsigned claim_turn;         /* the partition that gets the next free slot: round robin */
	struct foresight *foresight; /* what was learned; NULL: nothing */
	bool is_stopping;
	double memory_used; /* share of Redis's maxmemory; 0: no limit, or not known (app/memory) */
	bool is_looking_at_memory;
	int64_t streams_looked_ms; /* monotonic: of the sweep */
	int64_t store_failed_ms;   /* monotonic: when the last such line was logged */
	unsigned lease_turns;      /* of the leases' timer */
	int64_t started_ms;
	struct timer sweep_timer, lease_timer;
	const char *mailbox_dir;
};

struct carrier_runtime *world_carrier(struct world *world, const char *name);
struct account_runtime *world_account(struct world *world, const char *name);
/* The first known zone of the names, which may be NULL; NULL when none is. */
const struct zone *world_zone(const char *first, const char *second);
/* Work may be waiting in a partition that we own: starts what is not running. */
void world_nudge(struct world *world, unsigned partition);
/* A script said that the lease is not ours any more. */
void world_lost(struct world *world, unsigned partition);
/* Both streams are to be read from our own pending entries first: after a restart, or when the
 * reply to a read was lost. */
void partition_drain(struct partition *partition);
/* Work that Redis did not take: one log line in five seconds says what and why. */
void world_store_failed(struct world *world, const char *what, const struct err *err);
bool world_owns(const struct world *world, unsigned partition);
#endif
