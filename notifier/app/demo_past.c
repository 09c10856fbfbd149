/* The demo's past: what the sandbox courier's parcels from Portugal took, before anybody looked.
 * Without it nothing could be foretold for weeks.  Told to the daemon as an operator would, by
 * importing a model. */
#include "notifier/app/demo_internal.h"
#include "notifier/app/json.h"
#include "notifier/core/delay.h"

#define PAST_DAYS     60
#define PARCELS_A_DAY 10
#define OLDEST_AGE    7

/* Of ten parcels handed over on one day, how many come on which day: most are quick, and those
 * that are not take long. */
static const int arrivals[OLDEST_AGE + 1] = {0, 0, 4, 2, 0, 0, 2, 2};

static void teach_day(struct delay_model *model, struct delay_trip *trip, int32_t day)
{
	int in_flight = PARCELS_A_DAY;
	for (int age = 0; age <= OLDEST_AGE; age++) {
		trip->handover_day = day - age;
		for (int parcel = 0; parcel < in_flight; parcel++)
			delay_on_day(model, trip, day, parcel < arrivals[age]);
		in_flight -= arrivals[age];
	}
	delay_close_day(model, day);
}

static void put_entry(void *arg, const char *key, const char *value)
{
	json_put_text(arg, key, value);
}

const char *demo_past(struct arena *arena, int32_t today)
{
	struct delay_model *model = delay_new();
	struct delay_trip trip = {
	    .place = delay_place(model, DEMO_PAST_CARRIER, NULL, DEMO_PAST_ORIGIN, DEMO_COUNTRY),
	    .promised_day = DELAY_DAY_NONE};
	for (int32_t day = today - PAST_DAYS; day < today; day++)
		teach_day(model, &trip, day);
	json_t *entries = json_object(), *document = json_object();
	for (size_t at = 0; delay_export_next(model, &at, put_entry, entries);)
		;
	json_object_set_new(document, "delay", entries);
	struct str text = json_text(document, arena);
	json_decref(document);
	delay_free(&model);
	return text.at;
}
