#include "carriers/sandbox_script.h"

#include <string.h>
#include <strings.h>

#include "notifier/base/str.h"
#include "notifier/base/when.h"

/* clang-format off */
static const struct sandbox_code codes[] = {
#define S(word) STATUS_##word
#define R(word) REASON_##word
/*   code         status                   reason                    description                                            DHL                      FedEx */
    {"ORDER",     S(PRE_TRANSIT),          R(NONE),                  "The sender has announced the parcel",                 "pre-transit", NULL,     "OC", NULL, NULL},
    {"PICKUP",    S(IN_TRANSIT),           R(NONE),                  "Collected from the sender",                           "transit", "PU",         "PU", NULL, NULL},
    {"DEPART",    S(IN_TRANSIT),           R(NONE),                  "On the way to the next depot",                        "transit", "DF",         "DP", NULL, NULL},
    {"ARRIVE",    S(IN_TRANSIT),           R(NONE),                  "Arrived at a depot on the way",                       "transit", "AF",         "AR", NULL, NULL},
    {"LOCAL",     S(IN_TRANSIT),           R(NONE),                  "Arrived at the depot that delivers it",               "transit", "AR",         "AR", NULL, NULL},
    {"OUT",       S(OUT_FOR_DELIVERY),     R(NONE),                  "Loaded into the van, delivery today",                 "transit", "WC",         "OD", NULL, NULL},
    {"DELIVERED", S(DELIVERED),            R(NONE),                  "Delivered",                                           "delivered", "OK",       "DL", NULL, NULL},
    {"NOBODY",    S(ATTEMPT_FAILED),       R(RECIPIENT_UNAVAILABLE), "Nobody answered the door",                            "failure", "NH",         "DE", "08", NULL},
    {"SHOP",      S(AVAILABLE_FOR_PICKUP), R(NONE),                  "Ready to be collected",                               "transit", "CC",         "HP", NULL, NULL},
    {"LATE",      S(IN_TRANSIT),           R(CARRIER_DELAY),         "Delayed: it missed the lorry to the next depot",      "transit", "UD",         "DY", NULL, "GENERAL"},
    {"STORM",     S(IN_TRANSIT),           R(WEATHER),               "Delayed by bad weather",                              "transit", "UD",         "DY", NULL, "WEATHER"},
    {"CUSTOMS",   S(IN_TRANSIT),           R(CUSTOMS_HOLD),          "Waiting for customs",                                 "transit", "CD",         "DY", NULL, "CLEARANCE"},
    {"PAPERS",    S(EXCEPTION),            R(CUSTOMS_HOLD),          "Customs ask for the invoice",                         "failure", "OH",         "CD", NULL, NULL},
    {"DUTIES",    S(EXCEPTION),            R(DUTIES_DUE),            "Held until the duties are paid",                      "failure", "HP",         "SE", NULL, NULL},
    {"CLEARED",   S(IN_TRANSIT),           R(NONE),                  "Released by customs",                                 "transit", "CR",         "CC", NULL, NULL},
    {"ADDRESS",   S(EXCEPTION),            R(ADDRESS_ISSUE),         "The house number is missing",                         "failure", "BA",         "DE", "03", NULL},
    {"REFUSED",   S(EXCEPTION),            R(REFUSED),               "The recipient did not accept the parcel",             "failure", "RD",         "DE", "07", NULL},
    {"DAMAGED",   S(EXCEPTION),            R(DAMAGED),               "Damaged on the way, held at the depot",               "failure", "DM",         "DE", "10", NULL},
    {"LOST",      S(EXCEPTION),            R(LOST),                  "The search has ended: the parcel is lost",            "failure", "OH",         "SE", NULL, NULL},
    {"MISTAKE",   S(IN_TRANSIT),           R(NONE),                  "Scanned as delivered by mistake, back at the depot",  "transit", "AR",         "AR", NULL, NULL},
    {"BACK",      S(RETURNING),            R(NONE),                  "On the way back to the sender",                       "transit", "RT",         "RS", NULL, NULL},
    {"RETURNED",  S(RETURNED),             R(NONE),                  "Returned to the sender",                              "transit", "RT",         "RS", NULL, NULL},
    {"CANCELLED", S(CANCELLED),            R(NONE),                  "The sender has cancelled the shipment",               "failure", NULL,         "CA", NULL, NULL},
    {"Z9",        S(UNKNOWN),              R(NONE),                  "A scan with a code that no table has",                "zigzag", NULL,          "Z9", NULL, NULL},
#undef S
#undef R
};

/* hour of a later day on the wall clock */
#define D(day, hour) (24.0 * (day) + (hour))

static const struct sandbox_row delivered[] = {
    {0,           "ORDER",     NULL,           D(2, 9),    D(2, 13),   NULL},
    {1.5,         "PICKUP",    "Hamburg, DE",  0,          0,          NULL},
    {3.5,         "DEPART",    "Hamburg, DE",  0,          0,          NULL},
    {D(1, 5.4),   "ARRIVE",    "Hannover, DE", 0,          0,          NULL},
    {D(1, 19.7),  "LOCAL",     "München, DE",  0,          0,          NULL},
    {D(2, 7.6),   "OUT",       "München, DE",  D(2, 10.5), D(2, 12.5), NULL},
    {D(2, 11.3),  "DELIVERED", "München, DE",  0,          0,          NULL},
};
static const struct sandbox_row early[] = {
    {0,           "ORDER",     NULL,           D(4, 9),    D(4, 18),   NULL},
    {1,           "PICKUP",    "Lyon, FR",     0,          0,          NULL},
    {D(1, 6),     "LOCAL",     "Paris, FR",    D(2, 9),    D(2, 12),   NULL},
    {D(2, 8.1),   "OUT",       "Paris, FR",    0,          0,          NULL},
    {D(2, 10.2),  "DELIVERED", "Paris, FR",    0,          0,          NULL},
};
static const struct sandbox_row delayed[] = {
    {0,           "ORDER",     NULL,           D(2, 9),    D(2, 13),   NULL},
    {1.5,         "PICKUP",    "Hamburg, DE",  0,          0,          NULL},
    {D(1, 4.9),   "ARRIVE",    "Hannover, DE", 0,          0,          NULL},
    {D(1, 14.2),  "LATE",      "Hannover, DE", D(3, 9),    D(3, 13),   NULL},
    {D(2, 6.1),   "DEPART",    "Hannover, DE", 0,          0,          NULL},
    {D(2, 20.4),  "LOCAL",     "München, DE",  D(4, 9),    D(4, 12),   NULL},
    {D(4, 7.4),   "OUT",       "München, DE",  D(4, 9),    D(4, 11),   NULL},
    {D(4, 10.1),  "DELIVERED", "München, DE",  0,          0,          NULL},
};
static const struct sandbox_row weather[] = {
    {0,           "ORDER",     NULL,           D(2, 8),    D(2, 18),   NULL},
    {2,           "PICKUP",    "Chicago, US",  0,          0,          NULL},
    {D(1, 3.2),   "STORM",     "Chicago, US",  D(4, 8),    D(4, 18),   "Snow has closed the airport"},
    {D(2, 12.8),  "DEPART",    "Chicago, US",  0,          0,          NULL},
    {D(3, 21.5),  "LOCAL",     "Denver, US",   0,          0,          NULL},
    {D(4, 8.3),   "OUT",       "Denver, US",   0,          0,          NULL},
    {D(4, 15.6),  "DELIVERED", "Denver, US",   0,          0,          NULL},
};
static const struct sandbox_row silent[] = { /* nothing more ever comes: the promise just passes */
    {0,           "ORDER",     NULL,           D(2, 9),    D(2, 17),   NULL},
    {1.2,         "PICKUP",    "Milano, IT",   0,          0,          NULL},
    {D(1, 5.8),   "ARRIVE",    "Bologna, IT",  0,          0,          NULL},
};
static const struct sandbox_row slow[] = { /* the courier says no day, and of the delay no word */
    {0,           "ORDER",     NULL,           0,          0,          NULL},
    {1.5,         "PICKUP",    "Porto, PT",    0,          0,          NULL},
    {D(1, 4.3),   "DEPART",    "Porto, PT",    0,          0,          NULL},
    {D(3, 6.9),   "ARRIVE",    "Vitoria, ES",  0,          0,          NULL},
    {D(5, 21.2),  "LOCAL",     "Köln, DE",     0,          0,          NULL},
    {D(6, 8.2),   "OUT",       "Köln, DE",     0,          0,          NULL},
    {D(6, 11.6),  "DELIVERED", "Köln, DE",     0,          0,          NULL},
};
static const struct sandbox_row attempt[] = {
    {0,           "ORDER",     NULL,           D(2, 9),    D(2, 13),   NULL},
    {1.5,         "PICKUP",    "Madrid, ES",   0,          0,          NULL},
    {D(1, 18.9),  "LOCAL",     "Valencia, ES", 0,          0,          NULL},
    {D(2, 8.0),   "OUT",       "Valencia, ES", D(2, 9),    D(2, 11),   NULL},
    {D(2, 10.4),  "NOBODY",    "Valencia, ES", D(3, 9),    D(3, 13),   NULL},
    {D(3, 8.2),   "OUT",       "Valencia, ES", D(3, 10),   D(3, 12),   "Second attempt today"},
    {D(3, 11.1),  "DELIVERED", "Valencia, ES", 0,          0,          NULL},
};
static const struct sandbox_row pickup[] = {
    {0,           "ORDER",     NULL,           D(2, 9),    D(2, 13),   NULL},
    {1.5,         "PICKUP",    "Utrecht, NL",  0,          0,          NULL},
    {D(1, 20.0),  "LOCAL",     "Gent, BE",     0,          0,          NULL},
    {D(2, 8.4),   "OUT",       "Gent, BE",     0,          0,          NULL},
    {D(2, 10.9),  "NOBODY",    "Gent, BE",     0,          0,          NULL},
    {D(2, 16.5),  "SHOP",      "Gent, BE",     0,          0,          NULL},
    {D(5, 17.8),  "DELIVERED", "Gent, BE",     0,          0,          "Collected at the parcel shop"},
};
static const struct sandbox_row customs[] = {
    {0,           "ORDER",     NULL,           D(4, 9),    D(4, 18),   NULL},
    {2,           "PICKUP",    "London, GB",   0,          0,          NULL},
    {D(1, 6.5),   "ARRIVE",    "Leipzig, DE",  0,          0,          NULL},
    {D(1, 9.0),   "CUSTOMS",   "Leipzig, DE",  0,          0,          NULL},
    {D(2, 11.0),  "PAPERS",    "Leipzig, DE",  D(6, 9),    D(6, 18),   NULL},
    {D(4, 15.2),  "CLEARED",   "Leipzig, DE",  0,          0,          NULL},
    {D(5, 19.9),  "LOCAL",     "Wien, AT",     0,          0,          NULL},
    {D(6, 7.9),   "OUT",       "Wien, AT",     D(6, 9),    D(6, 12),   NULL},
    {D(6, 10.7),  "DELIVERED", "Wien, AT",     0,          0,          NULL},
};
static const struct sandbox_row duties[] = {
    {0,           "ORDER",     NULL,           D(3, 9),    D(3, 18),   NULL},
    {2,           "PICKUP",    "Toronto, CA",  0,          0,          NULL},
    {D(1, 7.5),   "CUSTOMS",   "Köln, DE",     0,          0,          NULL},
    {D(1, 13.0),  "DUTIES",    "Köln, DE",     0,          0,          NULL},
    {D(3, 10.4),  "CLEARED",   "Köln, DE",     D(4, 9),    D(4, 13),   NULL},
    {D(4, 7.8),   "OUT",       "Bremen, DE",   0,          0,          NULL},
    {D(4, 11.9),  "DELIVERED", "Bremen, DE",   0,          0,          NULL},
};
static const struct sandbox_row address[] = {
    {0,           "ORDER",     NULL,           D(2, 9),    D(2, 13),   NULL},
    {1.5,         "PICKUP",    "Oslo, NO",     0,          0,          NULL},
    {D(1, 19.2),  "LOCAL",     "Bergen, NO",   0,          0,          NULL},
    {D(2, 7.9),   "OUT",       "Bergen, NO",   0,          0,          NULL},
    {D(2, 13.3),  "ADDRESS",   "Bergen, NO",   0,          0,          NULL},
    {D(3, 15.0),  "LOCAL",     "Bergen, NO",   D(4, 9),    D(4, 13),   "The address has been completed"},
    {D(4, 8.1),   "OUT",       "Bergen, NO",   0,          0,          NULL},
    {D(4, 12.2),  "DELIVERED", "Bergen, NO",   0,          0,          NULL},
};
static const struct sandbox_row returned[] = {
    {0,           "ORDER",     NULL,           D(2, 9),    D(2, 13),   NULL},
    {1.5,         "PICKUP",    "Praha, CZ",    0,          0,          NULL},
    {D(1, 18.0),  "LOCAL",     "Brno, CZ",     0,          0,          NULL},
    {D(2, 8.3),   "OUT",       "Brno, CZ",     0,          0,          NULL},
    {D(2, 11.6),  "REFUSED",   "Brno, CZ",     0,          0,          NULL},
    {D(3, 9.5),   "BACK",      "Brno, CZ",     0,          0,          NULL},
    {D(5, 13.4),  "RETURNED",  "Praha, CZ",    0,          0,          NULL},
};
static const struct sandbox_row lost[] = {
    {0,           "ORDER",     NULL,           D(2, 9),    D(2, 17),   NULL},
    {1.5,         "PICKUP",    "Porto, PT",    0,          0,          NULL},
    {D(1, 5.1),   "ARRIVE",    "Lisboa, PT",   0,          0,          NULL},
    {D(3, 9.0),   "LATE",      "Lisboa, PT",   0,          0,          "We are looking for the parcel"},
    {D(5, 16.0),  "LOST",      NULL,           0,          0,          NULL},
};
static const struct sandbox_row damaged[] = {
    {0,           "ORDER",     NULL,           D(2, 9),    D(2, 17),   NULL},
    {1.5,         "PICKUP",    "Dublin, IE",   0,          0,          NULL},
    {D(1, 10.6),  "DAMAGED",   "Cork, IE",     0,          0,          NULL},
    {D(2, 9.7),   "BACK",      "Cork, IE",     0,          0,          NULL},
    {D(3, 14.3),  "RETURNED",  "Dublin, IE",   0,          0,          NULL},
};
static const struct sandbox_row takenback[] = {
    {0,           "ORDER",     NULL,           D(2, 9),    D(2, 13),   NULL},
    {1.5,         "PICKUP",    "Zürich, CH",   0,          0,          NULL},
    {D(1, 20.2),  "LOCAL",     "Bern, CH",     0,          0,          NULL},
    {D(2, 7.7),   "OUT",       "Bern, CH",     D(2, 9),    D(2, 11),   NULL},
    {D(2, 9.8),   "DELIVERED", "Bern, CH",     0,          0,          NULL},
    {D(2, 14.1),  "MISTAKE",   "Bern, CH",     D(3, 9),    D(3, 12),   NULL},
    {D(3, 7.6),   "OUT",       "Bern, CH",     0,          0,          NULL},
    {D(3, 10.5),  "DELIVERED", "Bern, CH",     0,          0,          NULL},
};
static const struct sandbox_row cancelled[] = {
    {0,           "ORDER",     NULL,           D(3, 9),    D(3, 18),   NULL},
    {D(1, 10.0),  "CANCELLED", NULL,           0,          0,          NULL},
};
static const struct sandbox_row unmapped[] = {
    {0,           "ORDER",     NULL,           D(2, 9),    D(2, 13),   NULL},
    {1.5,         "PICKUP",    "Warszawa, PL", 0,          0,          NULL},
    {D(1, 12.0),  "Z9",        "Łódź, PL",     0,          0,          NULL},
    {D(2, 7.6),   "OUT",       "Kraków, PL",   0,          0,          NULL},
    {D(2, 11.0),  "DELIVERED", "Kraków, PL",   0,          0,          NULL},
};

#define ROWS(table) .rows = (table), .row_count = sizeof(table) / sizeof *(table)
static const struct sandbox_script scripts[] = {
    {.name = "DELIVERED", .help = "arrives on the promised day, two days after it was announced", ROWS(delivered),
	.delivered_place = "Handed to the recipient"},
    {.name = "EARLY", .help = "the promise moves two days forward and is kept", ROWS(early)},
    {.name = "DELAYED", .help = "the promise moves twice; arrives two days late", ROWS(delayed)},
    {.name = "WEATHER", .help = "snow holds it up for two days", ROWS(weather)},
    {.name = "SILENT", .help = "no scan any more after the first day; the promise passes", ROWS(silent)},
    {.name = "SLOW", .help = "names no day and no delay; arrives six days after it was announced", ROWS(slow)},
    {.name = "ATTEMPT", .help = "nobody at home, delivered the day after", ROWS(attempt)},
    {.name = "PICKUP", .help = "nobody at home, waits in a parcel shop, is collected three days later", ROWS(pickup),
	.pickup = {"Kiosk De Lelie", "Veldstraat 12, 9000 Gent", "4711", D(9, 18)}},
    {.name = "CUSTOMS", .help = "held by customs, who ask for papers; arrives two days late", ROWS(customs)},
    {.name = "DUTIES", .help = "held until duties are paid; arrives a day late", ROWS(duties),
	.duties = {"23.40", "EUR", D(8, 0)}},
    {.name = "ADDRESS", .help = "the house number is missing; delivered two days late", ROWS(address)},
    {.name = "RETURNED", .help = "the recipient refuses it; goes back to the sender", ROWS(returned)},
    {.name = "LOST", .help = "late, searched for, lost", ROWS(lost)},
    {.name = "DAMAGED", .help = "damaged on the way; goes back to the sender", ROWS(damaged)},
    {.name = "TAKENBACK", .help = "delivered, then taken back as a mistake, then really delivered", ROWS(takenback),
	.delivered_place = "Front door"},
    {.name = "CANCELLED", .help = "announced, then cancelled by the sender", ROWS(cancelled)},
    {.name = "UNMAPPED", .help = "one scan has a code that no table has", ROWS(unmapped)},
    {.name = "HIDDEN", .help = "the courier does not know the number for the first four hours", ROWS(delivered),
	.hidden_h = 4},
};
/* clang-format on */

const struct sandbox_code *sandbox_code_find(const char *code)
{
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (text_eq(codes[i].code, code))
			return &codes[i];
	return NULL;
}

size_t sandbox_script_count(void)
{
	return sizeof scripts / sizeof *scripts;
}

const struct sandbox_script *sandbox_script_at(size_t index)
{
	return index < sandbox_script_count() ? &scripts[index] : NULL;
}

const struct sandbox_script *sandbox_script_find(const char *number, enum sandbox_shape *shape)
{
	static const struct {
		const char *prefix;
		enum sandbox_shape shape;
	} prefixes[] = {{"SANDBOX", SANDBOX_NATIVE}, {"SBD", SANDBOX_DHL}, {"SBF", SANDBOX_FEDEX}};
	struct str prefix, name;
	str_cut(str_cut(str_of(number), '-', &prefix), '-', &name);
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
		if (!str_eq_nocase(prefix, prefixes[i].prefix))
			continue;
		if (shape != NULL)
			*shape = prefixes[i].shape;
		for (size_t j = 0; j < sandbox_script_count(); j++)
			if (str_eq_nocase(name, scripts[j].name))
				return &scripts[j];
	}
	return NULL;
}

/* --- the engine ------------------------------------------------------------------------------ */

struct clock {
	int64_t started_at_ms, now_ms;
	int offset_s;
	struct arena *arena;
};

#define FIRST_DAY_H 24

static int64_t at_ms(const struct clock *clock, double at_h)
{
	int64_t passed_ms = (int64_t)(at_h * (double)HOUR_MS);
	if (at_h < FIRST_DAY_H)
		return clock->started_at_ms + passed_ms;
	int64_t day = day_of_instant(clock->started_at_ms, clock->offset_s);
	return day * DAY_MS - clock->offset_s * SECOND_MS + passed_ms;
}

static const char *time_text(const struct clock *clock, double at_h)
{
	char text[WHEN_BYTES];
	int64_t instant_ms = at_ms(clock, at_h);
	when_format(text, instant_ms - instant_ms % SECOND_MS, clock->offset_s);
	return arena_strdup(clock->arena, text);
}

static size_t rows_due(const struct sandbox_script *script, const struct clock *clock)
{
	size_t due = 0;
	while (due < script->row_count && at_ms(clock, script->rows[due].at_h) <= clock->now_ms)
		due++;
	return due;
}

static void play_row(struct report *report, struct checkpoint_list *list,
    const struct sandbox_row *row, const struct clock *clock)
{
	const struct sandbox_code *code = sandbox_code_find(row->code);
	*checkpoint_list_add(list) = (struct checkpoint){
	    .time = time_text(clock, row->at_h),
	    .status = code->status,
	    .reason = code->reason,
	    .code = code->code,
	    .description = row->description ? row->description : code->description,
	    .place = row->place,
	};
	if (code->status != STATUS_UNKNOWN) {
		report->status = code->status;
		report->reason = code->reason;
	}
	if (row->eta_to_h > 0)
		report->eta = (struct eta){
		    time_text(clock, row->eta_from_h), time_text(clock, row->eta_to_h)};
}

static void add_details(
    struct report *report, const struct sandbox_script *script, const struct clock *clock)
{
	if (report->status == STATUS_DELIVERED)
		report->delivered_place = script->delivered_place;
	if (report->status == STATUS_AVAILABLE_FOR_PICKUP && script->pickup.name != NULL) {
		report->pickup.name = script->pickup.name;
		report->pickup.address = script->pickup.address;
		report->pickup.code = script->pickup.code;
		report->pickup.until = time_text(clock, script->pickup.until_h);
	}
	if (report->reason == REASON_DUTIES_DUE && script->duties.amount != NULL) {
		report->duties.amount = script->duties.amount;
		report->duties.currency = script->duties.currency;
		report->duties.due = time_text(clock, script->duties.due_h);
	}
}

void sandbox_report(const char *number, int64_t started_at_ms, int64_t now_ms, int offset_s,
    struct report *out, struct arena *arena)
{
	struct clock clock = {started_at_ms, now_ms, offset_s, arena};
	const struct sandbox_script *script = sandbox_script_find(number, NULL);
	*out =
	    (struct report){.carrier = "sandbox", .tracking_number = arena_strdup(arena, number)};
	size_t due = script ? rows_due(script, &clock) : 0;
	if (due == 0 || now_ms < at_ms(&clock, script->hidden_h)) {
		out->error = REPORT_NOT_FOUND;
		out->error_message = "No parcel has this number.";
		return;
	}
	struct checkpoint_list list;
	checkpoint_list_init(&list, arena);
	for (size_t i = 0; i < due; i++)
		play_row(out, &list, &script->rows[i], &clock);
	report_take_checkpoints(out, &list, false);
	add_details(out, script, &clock);
}

int64_t sandbox_next_ms(const char *number, int64_t started_at_ms, int64_t now_ms, int offset_s)
{
	struct clock clock = {started_at_ms, now_ms, offset_s, NULL};
	const struct sandbox_script *script = sandbox_script_find(number, NULL);
	if (script == NULL)
		return NEVER_MS;
	int64_t visible_ms = at_ms(&clock, script->hidden_h);
	if (now_ms < visible_ms)
		return visible_ms;
	size_t due = rows_due(script, &clock);
	return due < script->row_count ? at_ms(&clock, script->rows[due].at_h) : NEVER_MS;
}
