/* The sandbox courier's webhooks about one parcel: waits for the next scripted change and POSTs it,
 * signed, to this daemon.  Tries a few times; every third change is sent twice, as couriers do.
 */
#ifndef APP_SANDBOX_PUSH_H
#define APP_SANDBOX_PUSH_H
#include "notifier/app/world.h"

struct sandbox_push;
/* Begins with what has happened already.  NULL when `generic` has no webhook secret. */
struct sandbox_push *sandbox_push_new(
    struct world *world, const char *number, int64_t started_ms, int offset_s);
/* Accepts NULL inside.  Not while one of its requests is under way: after the loop. */
void sandbox_push_free(struct sandbox_push **push);

/* "http://127.0.0.1:8080": where this daemon's public server can be reached from here. */
const char *sandbox_push_base(const struct world *world, struct arena *arena);
/* "sha256=" or the configured prefix, and the hex HMAC-SHA256 (RFC 2104) of the body. */
const char *sandbox_push_sign(
    const struct carrier_settings *settings, struct str body, struct arena *arena);
#endif
