#include "carriers/sandbox_render.h"

#include <jansson.h>
#include <string.h>

#include "carriers/report_json.h"
#include "carriers/sandbox_script.h"

static int add_to_buf(const char *bytes, size_t len, void *buf)
{
	buf_add(buf, bytes, len);
	return 0;
}

static int finish(json_t *take_root, int status, struct buf *out)
{
	json_dump_callback(take_root, add_to_buf, out, JSON_COMPACT);
	json_decref(take_root);
	return status;
}

static void set_text(json_t *object, const char *key, const char *text)
{
	if (text != NULL)
		json_object_set_new(object, key, json_string(text));
}

/* "Hamburg, DE" into the two keys that a carrier's address has. */
static json_t *address_of(const char *place, const char *city_key)
{
	json_t *address = json_object();
	const char *comma = place ? strrchr(place, ',') : NULL;
	if (comma != NULL) {
		json_object_set_new(
		    address, city_key, json_stringn(place, (size_t)(comma - place)));
		set_text(address, "countryCode", comma + 2);
	}
	return address;
}

int sandbox_render_native(const struct report *reports, size_t count, struct buf *out)
{
	json_t *trackings = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(trackings, report_to_json(&reports[i]));
	return finish(json_pack("{s:o}", "trackings", trackings), 200, out);
}

/* --- DHL ------------------------------------------------------------------------------------- */

static json_t *dhl_scan(const struct checkpoint *checkpoint)
{
	const struct sandbox_code *code = sandbox_code_find(checkpoint->code);
	json_t *scan = json_object();
	set_text(scan, "timestamp", checkpoint->time);
	set_text(scan, "statusCode", code ? code->dhl_word : "unknown");
	set_text(scan, "status", code && code->dhl_scan ? code->dhl_scan : checkpoint->description);
	set_text(scan, "description", checkpoint->description);
	if (checkpoint->place != NULL)
		json_object_set_new(scan, "location",
		    json_pack(
		        "{s:o}", "address", address_of(checkpoint->place, "addressLocality")));
	return scan;
}

/* The scan that made the current status: one that means nothing is passed over. */
static const struct checkpoint *current_scan(const struct report *report)
{
	for (size_t i = report->checkpoint_count; i-- > 0;)
		if (report->checkpoints[i].status == report->status)
			return &report->checkpoints[i];
	return report->checkpoints;
}

int sandbox_render_dhl(const struct report *report, struct buf *out)
{
	if (report->error != REPORT_OK)
		return finish(json_pack("{s:s,s:s,s:i}", "title", "No result found", "detail",
		                  "No shipment has this tracking number.", "status", 404),
		    404, out);
	json_t *shipment = json_object(), *events = json_array();
	set_text(shipment, "id", report->tracking_number);
	set_text(shipment, "service", "express");
	json_object_set_new(shipment, "status", dhl_scan(current_scan(report)));
	if (report->eta.to != NULL)
		json_object_set_new(shipment, "estimatedDeliveryTimeFrame",
		    json_pack("{s:s?,s:s}", "estimatedFrom", report->eta.from, "estimatedThrough",
		        report->eta.to));
	for (size_t i = report->checkpoint_count; i-- > 0;)
		json_array_append_new(events, dhl_scan(&report->checkpoints[i]));
	json_object_set_new(shipment, "events", events);
	return finish(json_pack("{s:[o]}", "shipments", shipment), 200, out);
}

/* --- FedEx ----------------------------------------------------------------------------------- */

static json_t *fedex_scan(const struct checkpoint *checkpoint)
{
	const struct sandbox_code *code = sandbox_code_find(checkpoint->code);
	const char *exception = code && code->fedex_exception ? code->fedex_exception : "";
	json_t *scan = json_object();
	set_text(scan, "date", checkpoint->time);
	set_text(scan, "eventType", code ? code->fedex_event : checkpoint->code);
	set_text(scan, "eventDescription", checkpoint->description);
	set_text(scan, "exceptionCode", exception);
	set_text(scan, "exceptionDescription", *exception ? checkpoint->description : "");
	json_object_set_new(scan, "scanLocation", address_of(checkpoint->place, "city"));
	if (code != NULL && code->fedex_delay != NULL)
		json_object_set_new(
		    scan, "delayDetail", json_pack("{s:s}", "type", code->fedex_delay));
	return scan;
}

static json_t *fedex_status(const struct checkpoint *checkpoint)
{
	const struct sandbox_code *code = sandbox_code_find(checkpoint->code);
	json_t *status = json_object();
	set_text(status, "code", code ? code->fedex_event : checkpoint->code);
	set_text(status, "derivedCode", code ? code->fedex_event : checkpoint->code);
	set_text(status, "description", checkpoint->description);
	if (code != NULL && code->fedex_exception != NULL)
		json_object_set_new(status, "ancillaryDetails",
		    json_pack("[{s:s}]", "reason", code->fedex_exception));
	if (code != NULL && code->fedex_delay != NULL)
		json_object_set_new(status, "delayDetail",
		    json_pack("{s:s,s:s}", "status", "DELAYED", "type", code->fedex_delay));
	return status;
}

static json_t *fedex_hold(const struct report *report)
{
	return json_pack("{s:{s:{s:s?},s:{s:[s?]}}}", "locationContactAndAddress", "contact",
	    "companyName", report->pickup.name, "address", "streetLines",
	    report->pickup.address ? report->pickup.address : "");
}

static json_t *fedex_result(const struct report *report)
{
	json_t *result =
	    json_pack("{s:{s:s}}", "trackingNumberInfo", "trackingNumber", report->tracking_number);
	if (report->error != REPORT_OK) {
		json_object_set_new(result, "error",
		    json_pack("{s:s,s:s}", "code", "TRACKING.TRACKINGNUMBER.NOTFOUND", "message",
		        "No parcel has this tracking number."));
		return result;
	}
	json_t *scans = json_array();
	for (size_t i = report->checkpoint_count; i-- > 0;)
		json_array_append_new(scans, fedex_scan(&report->checkpoints[i]));
	json_object_set_new(result, "scanEvents", scans);
	json_object_set_new(result, "latestStatusDetail", fedex_status(current_scan(report)));
	json_object_set_new(result, "estimatedDeliveryTimeWindow",
	    json_pack(
	        "{s:{s:s?,s:s?}}", "window", "begins", report->eta.from, "ends", report->eta.to));
	if (report->pickup.name != NULL)
		json_object_set_new(result, "holdAtLocation", fedex_hold(report));
	if (report->delivered_place != NULL)
		json_object_set_new(result, "deliveryDetails",
		    json_pack("{s:s}", "locationDescription", report->delivered_place));
	return result;
}

int sandbox_render_fedex(const struct report *reports, size_t count, struct buf *out)
{
	json_t *complete = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(
		    complete, json_pack("{s:s,s:[o]}", "trackingNumber", reports[i].tracking_number,
		                  "trackResults", fedex_result(&reports[i])));
	return finish(json_pack("{s:s,s:{s:o}}", "transactionId", "sandbox", "output",
	                  "completeTrackResults", complete),
	    200, out);
}

int sandbox_render_fedex_token(const char *token, int expires_in_s, struct buf *out)
{
	return finish(json_pack("{s:s,s:s,s:i,s:s}", "access_token", token, "token_type", "bearer",
	                  "expires_in", expires_in_s, "scope", "CXS"),
	    200, out);
}

/* --- generic --------------------------------------------------------------------------------- */

int sandbox_render_generic_hook(const struct report *report, size_t index, struct buf *out)
{
	const struct checkpoint *checkpoint = &report->checkpoints[index];
	char event_id[160];
	snprintf(event_id, sizeof event_id, "%.128s-%zu", report->tracking_number, index);
	json_t *body = json_object();
	set_text(body, "event_id", event_id);
	set_text(body, "tracking_number", report->tracking_number);
	set_text(body, "status", status_name(checkpoint->status));
	set_text(body, "reason", reason_name(checkpoint->reason));
	set_text(body, "time", checkpoint->time);
	set_text(body, "description", checkpoint->description);
	set_text(body, "place", checkpoint->place);
	if (report->eta.to != NULL)
		json_object_set_new(body, "eta",
		    json_pack("{s:s?,s:s}", "from", report->eta.from, "to", report->eta.to));
	return finish(body, 200, out);
}
