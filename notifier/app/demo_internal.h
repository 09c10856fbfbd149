/* What the parts of the demo share. */
#ifndef APP_DEMO_INTERNAL_H
#define APP_DEMO_INTERNAL_H
#include "notifier/app/demo.h"
#include "notifier/base/map.h"

#define DEMO_COUNTRY      "DE"
#define DEMO_PAST_CARRIER "sandbox"       /* of the lane that has a past … */
#define DEMO_PAST_ORIGIN  "PT"            /* … to DEMO_COUNTRY */
#define DEMO_ZONE         "Europe/Berlin" /* where the parcels go */
#define DEMO_LIVE_MAX     40
#define DEMO_DAY_MS       20000 /* a parcel's day takes so long */
#define DEMO_WAIT_MS      20000 /* of an await on our own API */

struct demo {
	struct world *world;
	char *dir;      /* the data folder; NULL: none */
	char *key;      /* an API key of ours; NULL: not made yet */
	bool is_public; /* the page needs no key */
	bool has_past;  /* the model of the past is imported */
	bool is_coloured;
	/* feed */
	struct timer feed_timer;
	size_t registered;             /* parcels so far */
	char *live[DEMO_LIVE_MAX + 1]; /* shipment ids, oldest first */
	size_t live_count;
	/* watch */
	struct timer watch_timer;
	struct map parcels; /* shipment id → struct watched */
	bool was_unreachable;
};
extern struct demo demo;

void demo_feed_start(void);
/* A document for /v1/model/import: two months until yesterday; today is a local day. */
const char *demo_past(struct arena *arena, int32_t today);
void demo_watch_start(void);
void demo_watch_forget(void);

/* A request to the daemon's public address, with our key.  body NULL: none; it must live in the
 * flow's arena. */
struct await *demo_ask(struct flow *flow, const char *method, const char *path, const char *body,
    struct http_response *out);
#endif
