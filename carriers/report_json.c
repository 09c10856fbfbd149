#include "carriers/report_json.h"

#include "carriers/carrier.h"
#include "carriers/carrier_json.h"

/* null for NULL and for text that is no UTF-8 */
static json_t *text_or_null(const char *text)
{
	json_t *value = text ? json_string(text) : NULL;
	return value ? value : json_null();
}

static void set_text(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, text_or_null(text));
}

static json_t *checkpoint_to_json(const struct checkpoint *checkpoint)
{
	json_t *event = json_object();
	set_text(event, "time", checkpoint->time);
	set_text(event, "status", status_name(checkpoint->status));
	set_text(event, "reason", reason_name(checkpoint->reason));
	set_text(event, "code", checkpoint->code);
	set_text(event, "description", checkpoint->description);
	set_text(event, "place", checkpoint->place);
	return event;
}

static json_t *eta_to_json(const struct eta *eta)
{
	if (eta->from == NULL && eta->to == NULL)
		return json_null();
	json_t *window = json_object();
	set_text(window, "from", eta->from);
	set_text(window, "to", eta->to);
	return window;
}

static void add_error(json_t *tracking, const struct report *report)
{
	json_t *error = json_object();
	set_text(error, "code", report_error_name(report->error));
	set_text(error, "message", report->error_message);
	json_object_set_new(tracking, "error", error);
}

/* Objects of texts that only some carriers give; left out where every text is missing. */
static void add_texts(json_t *tracking, const char *key, const char *const names[],
    const char *const texts[], size_t count)
{
	bool is_known = false;
	for (size_t i = 0; i < count; i++)
		is_known |= texts[i] != NULL;
	if (!is_known)
		return;
	json_t *object = json_object();
	for (size_t i = 0; i < count; i++)
		set_text(object, names[i], texts[i]);
	json_object_set_new(tracking, key, object);
}

static const char *const pickup_names[] = {"name", "address", "until", "code"};
static const char *const duties_names[] = {"amount", "currency", "due"};

static void add_state(json_t *tracking, const struct report *report)
{
	const char *pickup[] = {
	    report->pickup.name, report->pickup.address, report->pickup.until, report->pickup.code};
	const char *duties[] = {report->duties.amount, report->duties.currency, report->duties.due};
	json_t *events = json_array();
	for (size_t i = 0; i < report->checkpoint_count; i++)
		json_array_append_new(events, checkpoint_to_json(&report->checkpoints[i]));
	set_text(tracking, "status", status_name(report->status));
	set_text(tracking, "reason", reason_name(report->reason));
	json_object_set_new(tracking, "eta", eta_to_json(&report->eta));
	json_object_set_new(tracking, "events", events);
	if (report->actual_carrier != NULL)
		set_text(tracking, "actual_carrier", report->actual_carrier);
	add_texts(tracking, "pickup", pickup_names, pickup, 4);
	add_texts(tracking, "duties", duties_names, duties, 3);
	if (report->delivered_place != NULL)
		set_text(tracking, "delivered_place", report->delivered_place);
}

json_t *report_to_json(const struct report *report)
{
	json_t *tracking = json_object();
	set_text(tracking, "carrier", report->carrier);
	set_text(tracking, "tracking_number", report->tracking_number);
	if (report->error != REPORT_OK)
		add_error(tracking, report);
	else
		add_state(tracking, report);
	return tracking;
}

json_t *report_set_to_json(const struct report_set *set)
{
	json_t *trackings = json_array();
	for (size_t i = 0; i < set->count; i++)
		json_array_append_new(trackings, report_to_json(&set->reports[i]));
	return trackings;
}

/* --- back ------------------------------------------------------------------------------------ */

static enum status read_status(const json_t *object)
{
	enum status status = STATUS_UNKNOWN;
	status_parse(str_of(json_string_value(carrier_json_at(object, "status"))), &status);
	return status;
}

static enum reason read_reason(const json_t *object)
{
	enum reason reason = REASON_NONE;
	reason_parse(str_of(json_string_value(carrier_json_at(object, "reason"))), &reason);
	return reason;
}

static enum report_error read_error(const json_t *error)
{
	const char *code = json_string_value(carrier_json_at(error, "code"));
	for (int i = REPORT_OK + 1; i < REPORT_ERRORS; i++)
		if (text_eq(code, report_error_name((enum report_error)i)))
			return (enum report_error)i;
	return REPORT_CARRIER_ERROR;
}

static void read_events(struct report *report, const json_t *events, struct arena *arena)
{
	struct checkpoint_list list;
	checkpoint_list_init(&list, arena);
	size_t i;
	const json_t *event;
	json_array_foreach(events, i, event)
	{
		if (!json_is_object(event))
			continue;
		*checkpoint_list_add(&list) = (struct checkpoint){
		    .time = carrier_json_time(arena, event, "time"),
		    .status = read_status(event),
		    .reason = read_reason(event),
		    .code = carrier_json_text(arena, event, "code"),
		    .description = carrier_json_text(arena, event, "description"),
		    .place = carrier_json_text(arena, event, "place"),
		};
	}
	report_take_checkpoints(report, &list, false);
}

void report_from_json(
    struct report *report, const json_t *tracking, const char *carrier, struct arena *arena)
{
	*report = (struct report){.carrier = carrier};
	report->tracking_number = carrier_json_text(arena, tracking, "tracking_number");
	const json_t *error = carrier_json_at(tracking, "error");
	if (json_is_object(error)) {
		report->error = read_error(error);
		report->error_message = carrier_json_text(arena, error, "message");
		return;
	}
	report->status = read_status(tracking);
	report->reason = read_reason(tracking);
	report->eta.from = carrier_json_time(arena, tracking, "eta.from");
	report->eta.to = carrier_json_time(arena, tracking, "eta.to");
	report->actual_carrier = carrier_json_text(arena, tracking, "actual_carrier");
	report->delivered_place = carrier_json_text(arena, tracking, "delivered_place");
	report->pickup.name = carrier_json_text(arena, tracking, "pickup.name");
	report->pickup.address = carrier_json_text(arena, tracking, "pickup.address");
	report->pickup.until = carrier_json_time(arena, tracking, "pickup.until");
	report->pickup.code = carrier_json_text(arena, tracking, "pickup.code");
	report->duties.amount = carrier_json_text(arena, tracking, "duties.amount");
	report->duties.currency = carrier_json_text(arena, tracking, "duties.currency");
	report->duties.due = carrier_json_time(arena, tracking, "duties.due");
	read_events(report, carrier_json_at(tracking, "events"), arena);
}
