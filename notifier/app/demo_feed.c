/* The demo's merchant: hands parcels to the sandbox courier and registers them, over the API. */
#include <stdio.h>
#include <string.h>

#include "notifier/app/api.h"
#include "notifier/app/demo_internal.h"
#include "notifier/app/json.h"
#include "notifier/app/keys.h"
#include "notifier/app/sandbox_server.h"

#define FIRST_NUMBER 1001
#define OPENING_MS   350   /* between two parcels of the opening */
#define EVERY_MS     20000 /* afterwards */
#define AGAIN_MS     250   /* the storage may not be ready yet */
#define ALL_CHANNELS "[\"email\",\"sms\"]"

static const struct story {
	const char *carrier, *script;
	int days_ago;       /* of the opening: how long it is on its way already */
	int promised_days;  /* after it was handed over */
	const char *origin; /* country; NULL: not told */
} stories[] = {
    {"dhl", "DELIVERED", 2, 2, NULL},
    {"fedex", "DELAYED", 1, 2, NULL},
    {"sandbox", "ATTEMPT", 2, 2, NULL},
    {"sandbox", "SLOW", 3, 5, DEMO_PAST_ORIGIN}, /* foretold: such parcels took longer */
    {"generic", "TAKENBACK", 2, 2, NULL}, /* pushed: nobody asks about a delivered parcel again */
    {"dhl", "SILENT", 1, 2, NULL},
    {"fedex", "LOST", 4, 2, NULL},
    {"generic", "RETURNED", 2, 2, NULL},
    {"sandbox", "PICKUP", 2, 2, NULL},
    {"dhl", "WEATHER", 0, 2, NULL},
    {"fedex", "CUSTOMS", 1, 4, NULL},
    {"generic", "DELIVERED", 1, 2, NULL},
    {"dhl", "ADDRESS", 2, 2, NULL},
    {"sandbox", "DUTIES", 1, 4, NULL},
    {"fedex", "EARLY", 1, 4, NULL},
    /* from here on only after the opening */
    {"dhl", "DAMAGED", 0, 2, NULL},
    {"generic", "TAKENBACK", 0, 2, NULL},
    {"fedex", "ATTEMPT", 0, 2, NULL},
    {"sandbox", "HIDDEN", 0, 2, NULL},
    {"fedex", "DELIVERED", 0, 2, NULL},
    {"dhl", "DELAYED", 0, 2, NULL},
    {"generic", "SILENT", 0, 2, NULL},
};
#define STORIES (sizeof stories / sizeof *stories)
#define OPENING 15

static const struct person {
	const char *id, *name, *email, *phone, *language;
	const char *channels; /* JSON; NULL: not stated */
} people[] = {
    {"Asha", "Asha Menon", "asha@mail.example", "+12025550143", "en", ALL_CHANNELS},
    {"Arjun", "अर्जुन शर्मा", "arjun@mail.example", "+12025550172", "hi", ALL_CHANNELS},
    {"Nino", "ნინო ბერიძე", "nino@mail.example", NULL, "ka", NULL},
    {"Mitul", "મિતુલ પટેલ", "mitul@mail.example", "+447700900317", "gu", ALL_CHANNELS},
    {"Oliver", "Oliver Grant", "oliver@mail.example", NULL, "en", NULL},
    {"Rina", "রিনা দাস", "rina@mail.example", "+12025550119", "bn", ALL_CHANNELS},
    {"Emma", "Emma Clarke", "emma@mail.example", "+447700900461", "en", "[\"email\"]"},
    {"Priya", "प्रिया अय्यर", "priya@mail.example", NULL, "hi", NULL},
    {"Jonas", "Jonas Weber", "jonas@mail.example", NULL, "de", NULL},
    {"Farhana", "ফারহানা রহমান", "farhana@mail.example", NULL, "bn", NULL},
    {"Lucy", "Lucy Adams", "lucy@mail.example", NULL, "en", "[]"},
    {"Giorgi", "გიორგი მაისურაძე", "giorgi@mail.example", "+12025550186", "ka", ALL_CHANNELS},
    {"Hetal", "હેતલ શાહ", "hetal@mail.example", NULL, "gu", NULL},
    {"Tom", "Tom Becker", NULL, NULL, "en", "[\"email\"]"},
    {"Chloé", "Chloé Martin", "chloe@mail.example", "+447700900528", "en", ALL_CHANNELS},
    {"Meera", "मीरा जोशी", "meera@mail.example", "+12025550131", "hi", ALL_CHANNELS},
};
#define PEOPLE (sizeof people / sizeof *people)

struct feed { /* one parcel */
	struct flow flow;
	const struct story *story;
	const char *number;
	int64_t started_ms;
	struct redis_value value;
	struct http_response answer;
	bool is_done;
};

#define FEED_STEPS(X)                                                                              \
	X(feed, key)                                                                               \
	X(feed, keyed)                                                                             \
	X(feed, past) X(feed, taught) X(feed, enrol) X(feed, enrolled) X(feed, retired)
FEED_STEPS(FLOW_STEP)

static void feed_fini(struct flow *flow)
{
	struct feed *p = (struct feed *)(void *)flow;
	bool is_opening = demo.registered < OPENING;
	if (!demo.world->is_stopping)
		timer_start(&demo.feed_timer, !p->is_done  ? AGAIN_MS
		                              : is_opening ? OPENING_MS
		                                           : EVERY_MS);
	xfree(p);
}

static const struct flow_type feed_type = {"demo_feed", feed_fini};

/* --- the key -------------------------------------------------------------------------------------
 */

static next feed_key(struct feed *p) /* as `notifier keys create` would make it */
{
	unsigned char random[32];
	char secret[64], hash[65];
	if (demo.key != NULL)
		return THEN(past);
	loop_random(random, sizeof random);
	base32_encode(secret, sizeof secret, random, sizeof random);
	demo.key = xasprintf("ntk_demo_%s", secret);
	key_sha256_hex(hash, demo.key, strlen(demo.key));
	json_t *row = json_object();
	json_put_text(row, "id", "demo");
	json_put_text(row, "account", "default");
	json_put_int(row, "scopes", SCOPE_READ | SCOPE_WRITE | SCOPE_ADMIN);
	json_put_int(row, "created", loop_now_ms());
	struct str command[] = {redis_arg("HSET"), redis_arg(KEY_API_KEYS),
	    str_of(arena_strdup(p->flow.arena, hash)), json_text(row, p->flow.arena)};
	json_decref(row);
	return AWAIT(
	    p, keyed, redis_call(demo.world->redis, &p->flow, command, 4, &p->value), DEMO_WAIT_MS);
}

static next feed_keyed(struct feed *p)
{
	if (FAILED(p)) {
		xfree(demo.key);
		demo.key = NULL;
		return END;
	}
	if (!demo.is_public) {
		printf("  The page asks for a key: %s\n\n", demo.key);
		fflush(stdout);
	}
	return THEN(past);
}

static next feed_past(struct feed *p)
{
	if (demo.has_past)
		return THEN(enrol);
	int32_t today = zone_day(world_zone(DEMO_ZONE, NULL), loop_now_ms());
	return AWAIT(p, taught,
	    demo_ask(
	        &p->flow, "PUT", "/v1/model/import", demo_past(p->flow.arena, today), &p->answer),
	    DEMO_WAIT_MS);
}

static next feed_taught(struct feed *p) /* 503 until the daemon has read what is stored */
{
	if (FAILED(p) || p->answer.status >= 300)
		return END;
	demo.has_past = true;
	return THEN(enrol);
}

/* --- the parcel ----------------------------------------------------------------------------------
 */

static const char *number_of(const struct story *story, size_t index, struct arena *arena)
{
	bool is_dhl = strcmp(story->carrier, "dhl") == 0,
	     is_fedex = strcmp(story->carrier, "fedex") == 0;
	return arena_printf(arena, "%s-%s-%zu",
	    is_dhl     ? "SBD"
	    : is_fedex ? "SBF"
	               : "SANDBOX",
	    story->script, FIRST_NUMBER + index);
}

static const char *promised(const struct feed *p)
{
	char text[WHEN_BYTES];
	day_format(
	    text, zone_day(world_zone(DEMO_ZONE, NULL), p->started_ms) + p->story->promised_days);
	return arena_strdup(p->flow.arena, text);
}

static const char *body_of(const struct feed *p)
{
	const struct person *person = &people[demo.registered % PEOPLE];
	json_t *recipient = json_object(), *body = json_object(), *destination = json_object();
	json_put_text(recipient, "id", person->id);
	json_put_text(recipient, "name", person->name);
	json_put_text(recipient, "email", person->email);
	json_put_text(recipient, "phone", person->phone);
	json_put_text(recipient, "language", person->language);
	if (person->channels != NULL)
		json_object_set_new(recipient, "channels", json_loads(person->channels, 0, NULL));
	json_put_text(destination, "country", DEMO_COUNTRY);
	if (p->story->origin != NULL)
		json_object_set_new(
		    body, "origin", json_pack("{s:s}", "country", p->story->origin));
	json_put_text(body, "tracking_number", p->number);
	json_put_text(body, "carrier", p->story->carrier);
	json_put_text(body, "order_number",
	    arena_printf(p->flow.arena, "BS-%zu", 20 * (FIRST_NUMBER + demo.registered) + 7));
	json_put_text(body, "promised", promised(p));
	json_put_text(body, "zone", DEMO_ZONE);
	json_object_set_new(body, "destination", destination);
	json_object_set_new(body, "recipients", json_pack("[o]", recipient));
	struct str text = json_text(body, p->flow.arena);
	json_decref(body);
	return text.at;
}

static next feed_enrol(struct feed *p)
{
	p->story = &stories[demo.registered % STORIES];
	p->number = number_of(p->story, demo.registered, p->flow.arena);
	p->started_ms = loop_now_ms();
	if (demo.registered < OPENING)
		p->started_ms -= p->story->days_ago * DAY_MS;
	sandbox_start_script(p->number, p->started_ms);
	return AWAIT(p, enrolled,
	    demo_ask(&p->flow, "POST", "/v1/shipments", body_of(p), &p->answer), DEMO_WAIT_MS);
}

static void remember(const char *id)
{
	demo.live[demo.live_count++] = xstrdup(id);
	demo.registered++;
}

static next feed_enrolled(struct feed *p)
{
	if (FAILED(p) || p->answer.status >= 300)
		return END;
	json_auto_t *body = json_loadb(p->answer.body.at, p->answer.body.len, 0, NULL);
	const char *id = json_string_value(json_object_get(body, "id"));
	if (id == NULL)
		return END;
	remember(id);
	p->is_done = true;
	if (strcmp(p->story->carrier, "generic") == 0)
		sandbox_push_start(p->number);
	if (demo.live_count <= DEMO_LIVE_MAX)
		return END;
	const char *path = arena_printf(p->flow.arena, "/v1/shipments/%s", demo.live[0]);
	return AWAIT(
	    p, retired, demo_ask(&p->flow, "DELETE", path, NULL, &p->answer), DEMO_WAIT_MS);
}

static next feed_retired(struct feed *p) /* the oldest goes, whatever came of it */
{
	(void)p;
	xfree(demo.live[0]);
	demo.live_count--;
	memmove(demo.live, demo.live + 1, demo.live_count * sizeof *demo.live);
	return END;
}

static void on_timer(struct timer *timer)
{
	if (demo.world->is_stopping)
		return;
	if (redis_state_now(demo.world->redis) != REDIS_OK) { /* it is just being started */
		timer_start(timer, AGAIN_MS);
		return;
	}
	struct feed *p = xcalloc(1, sizeof *p);
	flow_start(&p->flow, &feed_type, do_key);
}

void demo_feed_start(void)
{
	timer_init(&demo.feed_timer, on_timer);
	timer_soon(&demo.feed_timer);
}
