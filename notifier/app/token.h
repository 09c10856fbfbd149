/* A carrier's access token: kept until it expires, asked for once however many polls wait. */
#ifndef APP_TOKEN_H
#define APP_TOKEN_H
#include "notifier/app/world.h"

/* Completes at once when the token is good or the carrier needs none; then runtime->token.value is
 * valid (NULL: none needed).  Fails with the class of the token request. */
struct await *token_wait(struct world *world, struct flow *flow, struct carrier_runtime *runtime,
    const struct carrier_config *config);
void token_forget(struct carrier_runtime *runtime); /* it was refused */
#endif
