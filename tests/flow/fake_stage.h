/* The stage: a whole world on fake io.  The real flows, the real configuration and templates; a
 * Redis, carriers, a mail server and a clock that do what a test says.  Include after cmocka.h.
 *
 * It is Monday, 2 March 2026, 08:00 UTC.
 */
#ifndef TESTS_FAKE_STAGE_H
#define TESTS_FAKE_STAGE_H
#include "notifier/app/world.h"
#include "tests/flow/fake_http_client.h"
#include "tests/flow/fake_http_server.h"
#include "tests/flow/fake_loop.h"
#include "tests/flow/fake_redis.h"
#include "tests/flow/fake_smtp.h"

#define STAGE_STARTS_MS INT64_C(1772438400000)
#define FEDEX_TOKEN_URL "/oauth/token"
#define FEDEX_TRACK_URL "/track/v1/"
#define DHL_URL         "dhl.example"

/* Boots: the leases are held afterwards.  Of `numbers` (with blanks between) only the partitions
 * are ours, which keeps awaits countable; NULL: all. */
struct world *stage_open(const char *numbers);
/* The same with foresight on, in this life and those after a stage_restart; so many calls a day
 * are allowed to DHL (0: no limit, and no price). */
struct world *stage_open_foreseeing(const char *numbers, int dhl_per_day);
struct world *stage_world(void);
/* The daemon rests: no more sweeps; whatever is under way comes to its end.  What is still alive
 * then has leaked: the count comes back. */
size_t stage_rest(void);
void stage_close(void);
void stage_end(void); /* after the last test: what is kept between them */
/* stage_close and stage_end for cmocka; a test that leaves the stage open to its teardown. */
int stage_teardown(void **state);
int stage_group_teardown(void **state);
/* A new life of the process on the same data, after a kill. */
void stage_restart(void);

/* --- from outside ---------------------------------------------------------------------------- */
struct http_exchange *stage_ask(const char *method, const char *url, const char *body);
/* Registers with one recipient, ann@example.com. */
struct http_exchange *stage_register(const char *carrier, const char *number, const char *more);
/* A signed webhook of the generic carrier; time: "2026-03-02T09:00:00Z". */
struct http_exchange *stage_hook(const char *number, const char *status, const char *time);
/* With more members: ",\"eta\":…". */
struct http_exchange *stage_hook_more(
    const char *number, const char *status, const char *time, const char *more);
/* It happened a minute ago; sent again until it is taken, as carriers do. */
void stage_push(const char *number, const char *status, const char *more);
/* A FedEx answer about one number with one scan; in memory that lives until stage_close. */
const char *stage_fedex(const char *number, const char *code, const char *time);
const char *stage_dhl(const char *number, const char *code, const char *time);
void stage_fedex_token(void); /* the token endpoint answers */

/* --- what has become of it ------------------------------------------------------------------- */
/* The stored shipment that has the number, or NULL; lives until stage_close. */
const struct shipment *stage_shipment(const char *number);
const char *stage_key(const char *number, const char *name); /* "n:{pNN}:NAME" of its partition */
size_t stage_messages(const char *state);                    /* ledgers in that state; NULL: all */
/* "FX1 delivered 2; 1 sent; ann@example.com …": what does not depend on how often we tried. */
const char *stage_summary(const char *numbers);

/* --- torture --------------------------------------------------------------------------------- */
struct story {
	const char *numbers;
	void (*prepare)(void); /* untouched; NULL: nothing */
	void (*tell)(void);    /* what happens; one await in here fails */
	int64_t until_ms;      /* time that passes afterwards */
	size_t copies;         /* of one mail at most; 0: 1 */
	bool foresees;         /* with foresight on */
	int dhl_per_day;
	/* What else must be as without a failure, asked at the end; NULL: nothing. */
	const char *(*learned)(void);
};
/* Tells the story with the n-th await failing, for all n: each time nothing may leak, and the
 * end must be the same as without a failure.  Returns how many awaits there were. */
long stage_torture(const struct story *story);
/* The same with the reply of the n-th run of a script lost with the connection, for all n. */
unsigned stage_lose_replies(const struct story *story, const char *script);
#endif
