/* The sandbox courier: a real HTTP server that plays the scripts of carriers/sandbox_script in the
 * languages of DHL Unified, FedEx and our own, and pushes signed webhooks of `generic`.
 *
 *   GET  /dhl/track/shipments?trackingNumber=    DHL-API-Key, one number a call
 *   POST /fedex/oauth/token                      any client, a bearer token for an hour
 *   POST /fedex/track/v1/trackingnumbers         that bearer, at most 30 numbers
 *   GET  /v1/track?numbers=a,b,c                 our own normal form
 *   POST /v1/parcels {"tracking_number","started_at"?,"push"?}   hand a parcel over
 *
 * A parcel's script starts when it is handed over, or when its number is first asked for.  All of
 * it is kept in memory: a restart forgets.  One sandbox per process.
 */
#ifndef APP_SANDBOX_SERVER_H
#define APP_SANDBOX_SERVER_H
#include "notifier/app/world.h"

/* base_url of the carriers: http://LISTEN/dhl, http://LISTEN/fedex, http://LISTEN.  NULL with err
 * when the address cannot be listened on.  Close it with http_server_close, then forget. */
struct http_server *sandbox_server_open(struct world *world, const char *listen, struct err *err);
/* After the loop has ended: frees the parcels and stops the pushes.  Harmless when never opened. */
void sandbox_server_forget(void);

/* Starts a number's script at an instant (which may have passed), once; later calls change
 * nothing.  False for a number that has no script. */
bool sandbox_start_script(const char *number, int64_t started_at_ms);
/* From now on every change of the parcel is pushed to /hooks/generic/default of this daemon, what
 * has happened already at once.  Needs a secret in carriers.generic.webhook. */
bool sandbox_push_start(const char *number);
#endif
