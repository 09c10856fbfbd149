/* Ingest: one webhook of a courier system, from its raw bytes to facts on disk, then 2xx. */
#ifndef APP_INGEST_H
#define APP_INGEST_H
#include "notifier/app/world.h"

/* Answers the exchange in every case.  401 wrong signature; 2xx applied, duplicate, stale,
 * quarantined or unmatched; 503 with Retry-After when Redis does not take it. */
void ingest_start(struct world *world, struct http_exchange *exchange,
    const struct http_incoming *incoming, const char *carrier, const char *account);
#endif
