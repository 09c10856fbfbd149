/* DHL Shipment Tracking Unified: GET {base}/track/shipments?trackingNumber=…, one number a call.
 * Source: developer.dhl.com, API reference "Shipment Tracking - Unified"; limits from its support
 * pages (starter key: 250 calls a day, one a second; the day begins at 00:00 UTC).
 *
 * Two alphabets: `statusCode` has five words; for DHL Express `status` holds the two-letter code of
 * the scan, which says more (WC is out for delivery while statusCode says "transit").  For every
 * other service `status` is a sentence in the customer's language and is never interpreted.
 */
#include "carriers/carrier.h"
#include "carriers/carrier_json.h"

extern const struct carrier carrier_dhl;

enum { OPTION_API_KEY, OPTION_SERVICE, OPTIONS };
static const struct carrier_option options[OPTIONS] = {
    [OPTION_API_KEY] = {"api_key",
        "API key of developer.dhl.com, product Shipment Tracking - Unified", NULL, true, true},
    [OPTION_SERVICE] = {"service",
        "ask this DHL service only (parcel-de, express, …); without it a number that several "
        "services share may bring somebody else's parcel",
        NULL, false, false},
};

static const struct carrier_code status_codes[] = {
    {"pre-transit", STATUS_PRE_TRANSIT, REASON_NONE},
    {"transit", STATUS_IN_TRANSIT, REASON_NONE},
    {"delivered", STATUS_DELIVERED, REASON_NONE},
    {"failure", STATUS_EXCEPTION, REASON_OTHER},
    {"unknown", STATUS_UNKNOWN, REASON_NONE},
    {NULL, STATUS_UNKNOWN, REASON_NONE},
};

/* DHL Express scans.  Those that only move the parcel on (PU, DF, AF, AR, …) need no row:
 * statusCode says the same. */
static const struct carrier_code express_codes[] = {
    {"WC", STATUS_OUT_FOR_DELIVERY, REASON_NONE},
    {"CC", STATUS_AVAILABLE_FOR_PICKUP, REASON_NONE},
    {"OK", STATUS_DELIVERED, REASON_NONE},
    {"NH", STATUS_ATTEMPT_FAILED, REASON_RECIPIENT_UNAVAILABLE},
    {"CA", STATUS_ATTEMPT_FAILED, REASON_RECIPIENT_UNAVAILABLE}, /* closed on arrival */
    {"RD", STATUS_EXCEPTION, REASON_REFUSED},
    {"BA", STATUS_EXCEPTION, REASON_ADDRESS_ISSUE},
    {"CM", STATUS_EXCEPTION, REASON_ADDRESS_ISSUE},  /* customer moved */
    {"OH", STATUS_EXCEPTION, REASON_OTHER},          /* on hold */
    {"HP", STATUS_EXCEPTION, REASON_DUTIES_DUE},     /* held for payment */
    {"CD", STATUS_IN_TRANSIT, REASON_CUSTOMS_HOLD},  /* clearance delay */
    {"MS", STATUS_IN_TRANSIT, REASON_CARRIER_DELAY}, /* missent */
    {"UD", STATUS_IN_TRANSIT, REASON_CARRIER_DELAY}, /* uncontrollable delay */
    {"MC", STATUS_IN_TRANSIT, REASON_MISSED_CUTOFF}, /* missed delivery cycle */
    {"DM", STATUS_EXCEPTION, REASON_DAMAGED},
    {"RT", STATUS_RETURNING, REASON_NONE},
    {NULL, STATUS_UNKNOWN, REASON_NONE},
};

static bool is_express_code(const char *text)
{
	return text != NULL && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'A' &&
	       text[1] <= 'Z' && text[2] == '\0';
}

static bool knows_code(const char *code)
{
	/* A scan code without a row is no gap: statusCode stood in for it. */
	return is_express_code(code) || carrier_code_find(status_codes, code) != NULL;
}

/* --- the call -------------------------------------------------------------------------------- */

static bool poll_request(const struct carrier_poll *poll, struct carrier_request *out,
    struct arena *arena, struct err *err)
{
	const char *base = carrier_base_url(&carrier_dhl, poll->settings, err);
	const char *key = carrier_credential(&carrier_dhl, poll->settings, "api_key", err);
	if (base == NULL || key == NULL)
		return false;
	must(poll->count == 1);
	char *url = arena_printf(arena, "%s/track/shipments?trackingNumber=%s", base,
	    carrier_url_escape(arena, poll->numbers[0]));
	if (!text_is_empty(poll->language))
		url = arena_printf(
		    arena, "%s&language=%s", url, carrier_url_escape(arena, poll->language));
	const char *service = carrier_value(&carrier_dhl, poll->settings, "service");
	if (!text_is_empty(service))
		url = arena_printf(arena, "%s&service=%s", url, carrier_url_escape(arena, service));
	out->url = url;
	carrier_request_header(out, "DHL-API-Key", key);
	carrier_request_header(out, "Accept", "application/json");
	return true;
}

/* --- the answer ------------------------------------------------------------------------------ */

struct scan { /* what a status and an event have in common */
	const char *code;
	enum status status;
	enum reason reason;
};

static struct scan read_scan(struct arena *arena, const json_t *object)
{
	const char *word = carrier_json_text(arena, object, "statusCode");
	const char *detail = carrier_json_text(arena, object, "status");
	const struct carrier_code *row = carrier_code_find(express_codes, detail);
	if (row == NULL)
		row = carrier_code_find(status_codes, word);
	return (struct scan){
	    .code = is_express_code(detail) ? detail : word,
	    .status = row ? row->status : STATUS_UNKNOWN,
	    .reason = row ? row->reason : REASON_NONE,
	};
}

static void read_event(struct checkpoint_list *list, const json_t *event)
{
	if (!json_is_object(event))
		return;
	struct arena *arena = list->arena;
	struct scan scan = read_scan(arena, event);
	struct checkpoint *checkpoint = checkpoint_list_add(list);
	checkpoint->time = carrier_json_time(arena, event, "timestamp");
	checkpoint->status = scan.status;
	checkpoint->reason = scan.reason;
	checkpoint->code = scan.code;
	checkpoint->description = carrier_json_text(arena, event, "description");
	if (checkpoint->description == NULL && !is_express_code(scan.code))
		checkpoint->description = carrier_json_text(arena, event, "status");
	checkpoint->place = carrier_place(arena,
	    carrier_json_text(arena, event, "location.address.addressLocality"), NULL,
	    carrier_json_text(arena, event, "location.address.countryCode"));
}

static struct eta read_eta(struct arena *arena, const json_t *shipment)
{
	const char *from =
	    carrier_json_time(arena, shipment, "estimatedDeliveryTimeFrame.estimatedFrom");
	const char *to =
	    carrier_json_time(arena, shipment, "estimatedDeliveryTimeFrame.estimatedThrough");
	if (from == NULL && to == NULL)
		from = to = carrier_json_time(arena, shipment, "estimatedTimeOfDelivery");
	return carrier_eta(arena, from, to);
}

static void read_shipment(struct report *report, const json_t *shipment, struct arena *arena)
{
	*report = (struct report){.carrier = carrier_dhl.name};
	report->tracking_number = carrier_json_text(arena, shipment, "id");
	struct scan now = read_scan(arena, carrier_json_at(shipment, "status"));
	report->status = now.status;
	report->reason = now.reason;
	report->eta = read_eta(arena, shipment);

	struct checkpoint_list list;
	checkpoint_list_init(&list, arena);
	size_t i;
	const json_t *event;
	json_array_foreach(carrier_json_at(shipment, "events"), i, event) read_event(&list, event);
	if (list.count == 0) /* some services send the last scan as the status only */
		read_event(&list, carrier_json_at(shipment, "status"));
	report_take_checkpoints(report, &list, true);
	carrier_settle_status(report);
}

/* Several shipments may share the number: the one with exactly this id goes first, then the one
 * with the newest scan.  (The id differs where a piece's number was asked.) */
static bool is_better(const struct report *a, const struct report *b, const char *asked)
{
	bool exact_a = text_eq_nocase(a->tracking_number, asked);
	bool exact_b = text_eq_nocase(b->tracking_number, asked);
	return exact_a != exact_b ? exact_a : carrier_newest_ms(a) > carrier_newest_ms(b);
}

static void read_shipments(
    const struct carrier_poll *poll, const json_t *shipments, struct report_set *out)
{
	const char *asked = poll->count > 0 ? poll->numbers[0] : NULL;
	struct report best = {0}, report;
	bool found = false;
	size_t i;
	const json_t *shipment;
	json_array_foreach(shipments, i, shipment)
	{
		if (!json_is_object(shipment))
			continue;
		read_shipment(&report, shipment, out->arena);
		if (!found || is_better(&report, &best, asked))
			best = report;
		found = true;
	}
	if (!found) {
		carrier_add_error(out, &carrier_dhl, asked, REPORT_NOT_FOUND, NULL);
		return;
	}
	if (asked != NULL)
		best.tracking_number = arena_strdup(out->arena, asked);
	*report_set_add(out) = best;
}

/* A refusal is about the number where it says so, for a call asks for one number only. */
static void read_refusal(
    const struct carrier_poll *poll, const json_t *problem, int status, struct report_set *out)
{
	enum report_error error = carrier_status_error(status);
	bool is_about_number = error == REPORT_NOT_FOUND || error == REPORT_BAD_REQUEST;
	const char *message = carrier_json_text(out->arena, problem, "detail");
	if (message == NULL)
		message = carrier_json_text(out->arena, problem, "title");
	carrier_add_error(out, &carrier_dhl,
	    is_about_number && poll->count > 0 ? poll->numbers[0] : NULL, error, message);
}

static bool poll_read(const struct carrier_poll *poll, const struct carrier_answer *answer,
    struct report_set *out, struct err *err)
{
	bool refused = carrier_status_error(answer->status) != REPORT_OK;
	json_auto_t *root = carrier_json(answer->body, refused ? NULL : err);
	if (refused) {
		read_refusal(poll, root, answer->status, out);
		return true;
	}
	if (root == NULL)
		return err_prefix(err, "dhl");
	const json_t *shipments = carrier_json_at(root, "shipments");
	if (json_is_array(shipments)) {
		read_shipments(poll, shipments, out);
		return true;
	}
	/* A gateway in front may answer 200 and put the problem (RFC 9457) into the body only. */
	json_int_t status = json_integer_value(carrier_json_at(root, "status"));
	if (status < 400 || status > 599)
		return err_set(err, ERR_INPUT, "dhl: the answer has no list \"shipments\"");
	read_refusal(poll, root, (int)status, out);
	return true;
}

const struct carrier carrier_dhl = {
    .name = "dhl",
    .title = "DHL",
    .default_base_url = "https://api-eu.dhl.com",
    .tracking_page = "https://www.dhl.com/global-en/home/tracking.html?tracking-id=%s",
    .batch_max = 1,
    .quota_per_second = 1,
    .quota_per_day = 250,
    .options = options,
    .option_count = OPTIONS,
    .poll_request = poll_request,
    .poll_read = poll_read,
    .knows_code = knows_code,
};
