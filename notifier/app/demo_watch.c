/* The demo's terminal: asks the API what is new and tells it, one line per happening. */
#include <stdio.h>
#include <string.h>

#include "notifier/app/demo_internal.h"
#include "notifier/app/json.h"
#include "notifier/core/policy.h"

#define LOOK_EVERY_MS 300
#define LOOKS_AFTER   6 /* decisions and receipts follow a change within a moment */
#define LOOK_ANYWAY   8 /* rounds: what was held back leaves without a change of the parcel */
#define TEXT_MAX      110

enum colour { PLAIN, DIM, BLUE, GREEN, AMBER, RED };
static const char *const escapes[] = {[PLAIN] = "",
    [DIM] = "\033[2m",
    [BLUE] = "\033[36m",
    [GREEN] = "\033[32m",
    [AMBER] = "\033[33m",
    [RED] = "\033[31m"};

#define RESET        "\033[0m"
#define NUMBER_WIDTH 22
#define WHAT_WIDTH   22

struct watched {
	char *id, *number;
	uint64_t state;  /* fingerprint of what the list says */
	unsigned looks;  /* how often to look at its story still */
	unsigned rounds; /* since the last look */
	size_t told;     /* lines of the story */
};

struct told { /* a line that waits for the end of the round */
	struct list link;
	int64_t at_ms;
	const char *text;
};

struct watch { /* one round */
	struct flow flow;
	struct http_response answer;
	json_t *list;  /* what to look at: ids */
	json_t *story; /* of the parcel being told */
	struct watched *parcel;
	size_t index, line;
	struct list lines; /* struct told, by time */
};

#define WATCH_STEPS(X)                                                                             \
	X(watch, list)                                                                             \
	X(watch, listed) X(watch, pick) X(watch, explained) X(watch, tell) X(watch, shown)
WATCH_STEPS(FLOW_STEP)

static void watch_fini(struct flow *flow)
{
	struct watch *p = (struct watch *)(void *)flow;
	LIST_FOREACH (link, &p->lines) {
		fputs(LIST_OWNER(link, struct told, link)->text, stdout);
		list_remove(link);
	}
	fflush(stdout);
	json_decref(p->list);
	json_decref(p->story);
	xfree(p);
	if (!demo.world->is_stopping)
		timer_start(&demo.watch_timer, LOOK_EVERY_MS);
}

static const struct flow_type watch_type = {"demo_watch", watch_fini};

/* --- a line ----------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

/* Letters, not bytes: good enough for a column of Latin words. */
static int pad_to(const char *text, int width)
{
	int letters = 0;
	for (const char *p = text; *p; p++)
		letters += ((unsigned char)*p & 0xc0) != 0x80;
	return letters < width ? width - letters : 0;
}

static void clock_text(int64_t instant_ms, char out[16])
{
	static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
	int offset_s = zone_offset_s(world_zone(DEMO_ZONE, NULL), instant_ms);
	struct civil civil = civil_of_instant(instant_ms, offset_s);
	snprintf(out, 16, "%s %02d:%02d", days[day_weekday(day_of_instant(instant_ms, offset_s))],
	    civil.hour, civil.minute);
}

/* The first TEXT_MAX letters, without anything that moves a terminal's cursor. */
static const char *shorten(const char *text, struct arena *arena)
{
	char clean[4 * TEXT_MAX];
	size_t letters = 0, end = 0;
	text_clean(clean, sizeof clean, text);
	while (clean[end] != '\0' &&
	       (letters += ((unsigned char)clean[end] & 0xc0) != 0x80) <= TEXT_MAX)
		end++;
	return arena_printf(arena, "%.*s%s", (int)end, clean, clean[end] != '\0' ? "…" : "");
}

static void keep(struct watch *p, int64_t at_ms, const char *text)
{
	struct told *told = arena_alloc(p->flow.arena, sizeof *told);
	struct list *after = p->lines.prev;
	told->at_ms = at_ms;
	told->text = text;
	while (after != &p->lines && LIST_OWNER(after, struct told, link)->at_ms > at_ms)
		after = after->prev;
	list_append(after->next, &told->link); /* before the one that follows */
}

static void tell(
    struct watch *p, const json_t *line, enum colour colour, const char *what, const char *text)
{
	char clock[16];
	struct when when;
	bool on = demo.is_coloured;
	const char *at = text_of(line, "at"), *number = p->parcel->number;
	int64_t at_ms = when_parse(str_of(at), &when) ? when_instant(&when, 0) : 0;
	clock_text(at_ms, clock);
	keep(p, at_ms,
	    arena_printf(p->flow.arena, "%s%s%s  %s%*s  %s%s%s%*s  %s\n", on ? escapes[DIM] : "",
	        clock, on ? RESET : "", number, pad_to(number, NUMBER_WIDTH), "",
	        on ? escapes[colour] : "", what, on ? RESET : "", pad_to(what, WHAT_WIDTH), "",
	        shorten(text, p->flow.arena)));
}

/* --- what happened ---------------------------------------------------------------------------- */

/* As the page says it. */
static const struct {
	const char *words;
	enum colour colour;
} statuses[STATUS_COUNT] = {
    [STATUS_UNKNOWN] = {"→ not known yet", DIM},
    [STATUS_PRE_TRANSIT] = {"→ announced", PLAIN},
    [STATUS_IN_TRANSIT] = {"→ on the way", PLAIN},
    [STATUS_OUT_FOR_DELIVERY] = {"→ out for delivery", PLAIN},
    [STATUS_AVAILABLE_FOR_PICKUP] = {"→ ready to collect", AMBER},
    [STATUS_ATTEMPT_FAILED] = {"→ nobody home", AMBER},
    [STATUS_DELIVERED] = {"✓ delivered", GREEN},
    [STATUS_EXCEPTION] = {"! in trouble", RED},
    [STATUS_RETURNING] = {"← going back", RED},
    [STATUS_RETURNED] = {"← returned", DIM},
    [STATUS_CANCELLED] = {"× cancelled", DIM},
    [STATUS_EXPIRED] = {"× given up", DIM},
};

static void words_of(char *out, size_t out_bytes, struct str name) /* "out_for_delivery" → words */
{
	snprintf(out, out_bytes, "%.*s", (int)name.len, name.at);
	for (char *p = out; *p; p++)
		if (*p == '_')
			*p = ' ';
}

static void tell_report(struct watch *p, const json_t *line) /* "STATUS: description (place)" */
{
	struct str name, rest = str_cut(str_of(text_of(line, "what")), ':', &name);
	enum status status = STATUS_UNKNOWN;
	status_parse(name, &status);
	tell(p, line, statuses[status].colour, statuses[status].words,
	    rest.at ? str_trim(rest).at : "");
}

/* What the carrier said stands in its report; only what nobody said deserves a line of its own. */
static void tell_event(struct watch *p, const json_t *line)
{
	const char *event = text_of(line, "what");
	bool by_clock = strstr(text_of(line, "why"), "noticed by clock") != NULL;
	char what[60] = "◷ ";
	words_of(what + strlen(what), sizeof what - strlen(what), str_of(event));
	if (by_clock)
		tell(p, line, AMBER, what,
		    strcmp(event, "stalled") == 0
		        ? "nobody said so: our clock noticed that no news comes"
		    : strcmp(event, "delayed") == 0
		        ? "nobody said so: our clock noticed that the promise has passed"
		        : "nobody said so: we go by what such parcels did before");
	else if (strcmp(event, "corrected") == 0)
		tell(p, line, AMBER, "↺ corrected", "the carrier takes its last word back");
}

/* "EVENT: VERDICT by CHANNEL to WHO" */
static void tell_decision(struct watch *p, const json_t *line)
{
	struct str event, verdict, rest = str_cut(str_of(text_of(line, "what")), ':', &event);
	char words[40], text[300];
	rest = str_cut(str_trim(rest), ' ', &verdict);
	words_of(words, sizeof words, event);
	if (str_eq(verdict, "drop")) {
		snprintf(text, sizeof text, "“%s” %.*s: %s", words, (int)rest.len,
		    rest.at ? rest.at : "", text_of(line, "why"));
		tell(p, line, DIM, "– not sent", text);
	}
}

/* A message that was decided on and did not go out after all. */
static void tell_receipt(struct watch *p, const json_t *line)
{
	enum decision_why why = WHY_NEWS;
	const char *state = text_of(line, "what"), *text = text_of(line, "why");
	char what[60] = "– ";
	if (decision_why_parse(str_of(text), &why))
		text = decision_why_text(why);
	words_of(what + strlen(what), sizeof what - strlen(what), str_of(state));
	tell(p, line, strcmp(state, "dropped") == 0 ? DIM : AMBER,
	    strcmp(state, "dropped") == 0 ? "– not sent after all" : what, text);
}

static void tell_poll(struct watch *p, const json_t *line)
{
	char what[60] = "? ";
	words_of(what + strlen(what), sizeof what - strlen(what), str_of(text_of(line, "what")));
	tell(p, line, DIM, what, text_of(line, "why"));
}

/* Why we foretell what the courier does not say. */
static void tell_forecast(struct watch *p, const json_t *line)
{
	if (strcmp(text_of(line, "what"), "expected") != 0)
		tell(p, line, DIM, "? our own guess", text_of(line, "why"));
}

static const struct {
	const char *kind;
	void (*tell)(struct watch *p, const json_t *line);
} kinds[] = {{"report", tell_report}, {"event", tell_event}, {"decision", tell_decision},
    {"receipt", tell_receipt}, {"attempt", tell_receipt}, {"poll", tell_poll},
    {"forecast", tell_forecast}};

static void tell_message(struct watch *p, const json_t *line, const json_t *message)
{
	const json_t *content = json_object_get(message, "content");
	bool is_sms = strcmp(text_of(content, "channel"), "sms") == 0;
	char text[600];
	snprintf(text, sizeof text, "%s, %s: %s", text_of(content, "to"),
	    text_of(content, "language"), text_of(content, is_sms ? "text" : "subject"));
	tell(p, line, BLUE, is_sms ? "✆ SMS" : "✉ e-mail", text);
}

/* --- the round -------------------------------------------------------------------------------- */

static next watch_list(struct watch *p)
{
	return AWAIT(p, listed,
	    demo_ask(&p->flow, "GET", "/v1/shipments?limit=200", NULL, &p->answer), DEMO_WAIT_MS);
}

static json_t *answer_data(const struct watch *p)
{
	if (FAILED(p) || p->answer.status != 200)
		return NULL;
	json_auto_t *root = json_loadb(p->answer.body.at, p->answer.body.len, 0, NULL);
	return json_incref(json_object_get(root, "data"));
}

static struct watched *watched_of(const json_t *row)
{
	const char *id = text_of(row, "id");
	struct watched *parcel = map_get(&demo.parcels, str_of(id));
	if (parcel != NULL || *id == '\0')
		return parcel;
	parcel = xcalloc(1, sizeof *parcel);
	parcel->id = xstrdup(id);
	parcel->number = xstrdup(text_of(row, "tracking_number"));
	map_put(&demo.parcels, str_of(id), parcel);
	return parcel;
}

static bool wants_look(struct watched *parcel, json_t *row, struct arena *arena)
{
	json_object_del(row, "next_poll"); /* changes all the time and means nothing here */
	struct str text = json_text(row, arena);
	uint64_t state = fnv1a64(text.at, text.len);
	if (parcel->state != state)
		parcel->looks = LOOKS_AFTER;
	parcel->state = state;
	if (parcel->looks == 0 && ++parcel->rounds < LOOK_ANYWAY)
		return false;
	parcel->looks -= parcel->looks > 0;
	parcel->rounds = 0;
	return true;
}

static next watch_listed(struct watch *p)
{
	size_t i;
	json_t *row;
	json_auto_t *data = answer_data(p);
	if (data == NULL)
		return END;
	p->list = json_array();
	json_array_foreach(data, i, row)
	{
		struct watched *parcel = watched_of(row);
		if (parcel != NULL && wants_look(parcel, row, p->flow.arena))
			json_array_append_new(p->list, json_string(parcel->id));
	}
	return THEN(pick);
}

static next watch_pick(struct watch *p)
{
	if (p->index >= json_array_size(p->list))
		return END;
	const char *id = json_string_value(json_array_get(p->list, p->index++));
	p->parcel = map_get(&demo.parcels, str_of(id));
	const char *path = arena_printf(p->flow.arena, "/v1/shipments/%s/explain", id);
	return AWAIT(p, explained, demo_ask(&p->flow, "GET", path, NULL, &p->answer), DEMO_WAIT_MS);
}

/* The last line is the next look, which has not happened. */
static size_t happened(const json_t *story)
{
	size_t count = json_array_size(story);
	const json_t *last = count > 0 ? json_array_get(story, count - 1) : NULL;
	return strcmp(text_of(last, "what"), "looked at next") == 0 ? count - 1 : count;
}

static next watch_explained(struct watch *p)
{
	json_decref(p->story);
	p->story = answer_data(p);
	if (p->story == NULL)
		return THEN(pick); /* erased meanwhile */
	size_t count = happened(p->story);
	if (p->parcel->told > count) /* old lines have left the history */
		p->parcel->told = count;
	p->line = p->parcel->told;
	p->parcel->told = count;
	return THEN(tell);
}

/* Of several scans that came at once the last one tells where the parcel is. */
static bool is_passed_over(const struct watch *p, const json_t *line)
{
	const json_t *following = json_array_get(p->story, p->line + 1);
	return p->line + 1 < p->parcel->told && strcmp(text_of(line, "kind"), "report") == 0 &&
	       strcmp(text_of(following, "kind"), "report") == 0;
}

static next watch_tell(struct watch *p)
{
	for (; p->line < p->parcel->told; p->line++) {
		const json_t *line = json_array_get(p->story, p->line);
		const char *kind = text_of(line, "kind");
		if (strcmp(kind, "receipt") == 0 && strcmp(text_of(line, "what"), "sent") == 0) {
			const char *path = arena_printf(
			    p->flow.arena, "/v1/messages/%s", text_of(line, "message"));
			return AWAIT(p, shown, demo_ask(&p->flow, "GET", path, NULL, &p->answer),
			    DEMO_WAIT_MS);
		}
		for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
			if (strcmp(kind, kinds[i].kind) == 0 && !is_passed_over(p, line))
				kinds[i].tell(p, line);
	}
	return THEN(pick);
}

static next watch_shown(struct watch *p)
{
	if (!FAILED(p) && p->answer.status == 200) {
		json_auto_t *message = json_loadb(p->answer.body.at, p->answer.body.len, 0, NULL);
		tell_message(p, json_array_get(p->story, p->line), message);
	}
	p->line++;
	return THEN(tell);
}

static void on_timer(struct timer *timer)
{
	if (demo.world->is_stopping)
		return;
	if (demo.key == NULL) {
		timer_start(timer, LOOK_EVERY_MS);
		return;
	}
	struct watch *p = xcalloc(1, sizeof *p);
	list_init(&p->lines);
	flow_start(&p->flow, &watch_type, do_list);
}

void demo_watch_start(void)
{
	timer_init(&demo.watch_timer, on_timer);
	timer_start(&demo.watch_timer, LOOK_EVERY_MS);
}

void demo_watch_forget(void)
{
	MAP_FOREACH(slot, &demo.parcels)
	{
		struct watched *parcel = slot->value;
		xfree(parcel->id);
		xfree(parcel->number);
		xfree(parcel);
	}
	map_free(&demo.parcels);
}
