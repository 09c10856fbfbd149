/* FedEx Track API (REST) and its webhook "Advanced Integrated Visibility".
 * Source: developer.fedex.com, Track API and "Rate limits" (1,400 calls in 10 s a project; every
 * call counts once whatever its size, so 30 numbers go into one).
 *
 * - POST {base}/track/v1/trackingnumbers with a bearer token that lives an hour.
 * - FedEx uses numbers again: one number may bring several parcels; the newest scan wins.
 * - A parcel that runs late keeps the code of a moving one; derivedCode and delayDetail tell.
 * - exceptionCode says what a "DE" means: nobody at home is an attempt, a storm is not.
 * - Midnight at -06:00 stands for a date.
 */
#include <string.h>

#include "carriers/carrier.h"
#include "carriers/carrier_json.h"

extern const struct carrier carrier_fedex;

enum { OPTION_CLIENT_ID, OPTION_CLIENT_SECRET, OPTION_LOCALE, OPTIONS };
static const struct carrier_option options[OPTIONS] = {
    [OPTION_CLIENT_ID] = {"client_id",
        "API key of a developer.fedex.com project that has the Track API (not that for shipping)",
        NULL, false, true},
    [OPTION_CLIENT_SECRET] = {"client_secret", "secret key of the same project", NULL, true, true},
    [OPTION_LOCALE] = {"locale", "language of the descriptions", "en_US", false, false},
};

/* eventType of scans, code and derivedCode of the current status. */
static const struct carrier_code codes[] = {
    {"OC", STATUS_PRE_TRANSIT, REASON_NONE},
    {"OX", STATUS_PRE_TRANSIT, REASON_NONE},
    {"EP", STATUS_PRE_TRANSIT, REASON_NONE},
    {"MD", STATUS_PRE_TRANSIT, REASON_NONE},
    {"IN", STATUS_PRE_TRANSIT, REASON_NONE},
    {"AA", STATUS_IN_TRANSIT, REASON_NONE},
    {"AC", STATUS_IN_TRANSIT, REASON_NONE},
    {"AE", STATUS_IN_TRANSIT, REASON_NONE},
    {"AF", STATUS_IN_TRANSIT, REASON_NONE},
    {"AO", STATUS_IN_TRANSIT, REASON_NONE},
    {"AP", STATUS_IN_TRANSIT, REASON_NONE},
    {"AR", STATUS_IN_TRANSIT, REASON_NONE},
    {"AX", STATUS_IN_TRANSIT, REASON_NONE},
    {"CC", STATUS_IN_TRANSIT, REASON_NONE},
    {"DP", STATUS_IN_TRANSIT, REASON_NONE},
    {"DR", STATUS_IN_TRANSIT, REASON_NONE},
    {"EA", STATUS_IN_TRANSIT, REASON_NONE},
    {"EO", STATUS_IN_TRANSIT, REASON_NONE},
    {"FD", STATUS_IN_TRANSIT, REASON_NONE},
    {"HA", STATUS_IN_TRANSIT, REASON_NONE},
    {"IT", STATUS_IN_TRANSIT, REASON_NONE},
    {"IX", STATUS_IN_TRANSIT, REASON_NONE},
    {"LO", STATUS_IN_TRANSIT, REASON_NONE},
    {"OF", STATUS_IN_TRANSIT, REASON_NONE},
    {"OW", STATUS_IN_TRANSIT, REASON_NONE},
    {"PF", STATUS_IN_TRANSIT, REASON_NONE},
    {"PL", STATUS_IN_TRANSIT, REASON_NONE},
    {"PM", STATUS_IN_TRANSIT, REASON_NONE},
    {"PU", STATUS_IN_TRANSIT, REASON_NONE},
    {"PX", STATUS_IN_TRANSIT, REASON_NONE},
    {"RR", STATUS_IN_TRANSIT, REASON_NONE},
    {"SF", STATUS_IN_TRANSIT, REASON_NONE},
    {"SP", STATUS_IN_TRANSIT, REASON_NONE},
    {"TR", STATUS_IN_TRANSIT, REASON_NONE},
    {"DD", STATUS_IN_TRANSIT, REASON_CARRIER_DELAY}, /* delivery delay */
    {"DY", STATUS_IN_TRANSIT, REASON_CARRIER_DELAY},
    {"RL", STATUS_IN_TRANSIT, REASON_CARRIER_DELAY}, /* derived only: running late */
    {"AD", STATUS_OUT_FOR_DELIVERY, REASON_NONE},
    {"ED", STATUS_OUT_FOR_DELIVERY, REASON_NONE},
    {"OD", STATUS_OUT_FOR_DELIVERY, REASON_NONE},
    {"HL", STATUS_AVAILABLE_FOR_PICKUP, REASON_NONE},
    {"HP", STATUS_AVAILABLE_FOR_PICKUP, REASON_NONE},
    {"DL", STATUS_DELIVERED, REASON_NONE},
    {"DE", STATUS_EXCEPTION, REASON_OTHER},
    {"SE", STATUS_EXCEPTION, REASON_OTHER},
    {"CD", STATUS_EXCEPTION, REASON_CUSTOMS_HOLD},
    {"RP", STATUS_RETURNING, REASON_NONE},
    {"RS", STATUS_RETURNING, REASON_NONE},
    {"RT", STATUS_RETURNING, REASON_NONE},
    {"CA", STATUS_CANCELLED, REASON_NONE},
    {"RD", STATUS_EXPIRED, REASON_NONE}, /* the return label has expired */
    {NULL, STATUS_UNKNOWN, REASON_NONE},
};

/* exceptionCode of a scan and ancillaryDetails[].reason of the status: they only refine what the
 * codes above call an exception. */
static const struct carrier_code exceptions[] = {
    {"03", STATUS_EXCEPTION, REASON_ADDRESS_ISSUE}, /* incorrect address */
    {"07", STATUS_EXCEPTION, REASON_REFUSED},
    {"08", STATUS_ATTEMPT_FAILED, REASON_RECIPIENT_UNAVAILABLE},
    {"10", STATUS_EXCEPTION, REASON_DAMAGED},                    /* delivery not completed */
    {"30", STATUS_ATTEMPT_FAILED, REASON_RECIPIENT_UNAVAILABLE}, /* after close of business */
    {"71", STATUS_EXCEPTION, REASON_CUSTOMS_HOLD},               /* papers missing */
    {NULL, STATUS_UNKNOWN, REASON_NONE},
};

/* delayDetail.type; whatever else stands there is a delay of the carrier's. */
static const struct carrier_code delay_types[] = {
    {"WEATHER", STATUS_IN_TRANSIT, REASON_WEATHER},
    {"CLEARANCE", STATUS_IN_TRANSIT, REASON_CUSTOMS_HOLD},
    {NULL, STATUS_UNKNOWN, REASON_NONE},
};

static const struct carrier_fault faults[] = {{"NOTFOUND", REPORT_NOT_FOUND},
    {"NOT.FOUND", REPORT_NOT_FOUND}, {"TRACKINGNUMBER.INVALID", REPORT_INVALID_NUMBER},
    {"TRACKINGNUMBER.EMPTY", REPORT_INVALID_NUMBER}, {"NOT.AUTHORIZED", REPORT_AUTH},
    {"FORBIDDEN", REPORT_FORBIDDEN}, {"QUOTA", REPORT_QUOTA}, {"LIMIT", REPORT_QUOTA},
    {"UNAVAILABLE", REPORT_CARRIER_ERROR}, {"INTERNAL", REPORT_CARRIER_ERROR},
    {"INVALID", REPORT_BAD_REQUEST}, {"BAD.REQUEST", REPORT_BAD_REQUEST}, {NULL, REPORT_OK}};

static bool knows_code(const char *code)
{
	return carrier_code_find(codes, code) != NULL;
}

/* --- the token ------------------------------------------------------------------------------- */

static bool token_request(const struct carrier_settings *settings, struct carrier_request *out,
    struct arena *arena, struct err *err)
{
	const char *base = carrier_base_url(&carrier_fedex, settings, err);
	if (base == NULL)
		return false;
	const char *id = carrier_credential(&carrier_fedex, settings, "client_id", err);
	if (id == NULL)
		return false;
	const char *secret = carrier_credential(&carrier_fedex, settings, "client_secret", err);
	if (secret == NULL)
		return false;
	out->method = "POST";
	out->url = arena_printf(arena, "%s/oauth/token", base);
	out->body =
	    arena_printf(arena, "grant_type=client_credentials&client_id=%s&client_secret=%s",
	        carrier_url_escape(arena, id), carrier_url_escape(arena, secret));
	carrier_request_header(out, "Content-Type", "application/x-www-form-urlencoded");
	carrier_request_header(out, "Accept", "application/json");
	return true;
}

static bool token_read(const struct carrier_answer *answer, struct carrier_token *out,
    struct arena *arena, struct err *err)
{
	return carrier_token_read(&carrier_fedex, answer, out, arena, err);
}

/* --- the call -------------------------------------------------------------------------------- */

static bool poll_request(const struct carrier_poll *poll, struct carrier_request *out,
    struct arena *arena, struct err *err)
{
	const char *base = carrier_base_url(&carrier_fedex, poll->settings, err);
	if (base == NULL)
		return false;
	const char *locale = carrier_credential(&carrier_fedex, poll->settings, "locale", err);
	if (locale == NULL)
		return false;
	must(poll->count >= 1 && poll->count <= carrier_fedex.batch_max && poll->token != NULL);
	json_t *wanted = json_array();
	for (size_t i = 0; i < poll->count; i++)
		json_array_append_new(wanted, json_pack("{s:{s:s}}", "trackingNumberInfo",
		                                  "trackingNumber", poll->numbers[i]));
	json_auto_t *body =
	    json_pack("{s:b,s:o}", "includeDetailedScans", 1, "trackingInfo", wanted);
	out->method = "POST";
	out->url = arena_printf(arena, "%s/track/v1/trackingnumbers", base);
	out->body = carrier_json_dump(arena, body);
	carrier_request_header(out, "Authorization", arena_printf(arena, "Bearer %s", poll->token));
	carrier_request_header(out, "Content-Type", "application/json");
	carrier_request_header(out, "X-locale", locale);
	return true;
}

/* --- one parcel ------------------------------------------------------------------------------ */

struct meaning {
	enum status status;
	enum reason reason;
};

/* What a code means with the details beside it; `detail` is the exception's code. */
static struct meaning read_meaning(
    const struct carrier_code *row, const char *detail, const json_t *delay, bool is_late)
{
	struct meaning meaning = {STATUS_UNKNOWN, REASON_NONE};
	if (row != NULL)
		meaning = (struct meaning){row->status, row->reason};
	const struct carrier_code *exception = carrier_code_find(exceptions, detail);
	if (meaning.status == STATUS_EXCEPTION && exception != NULL)
		return (struct meaning){exception->status, exception->reason};
	is_late |= meaning.reason == REASON_CARRIER_DELAY;
	is_late |= text_eq(json_string_value(carrier_json_at(delay, "status")), "DELAYED");
	if (meaning.status == STATUS_IN_TRANSIT && is_late) {
		const char *type = json_string_value(carrier_json_at(delay, "type"));
		const struct carrier_code *known = carrier_code_find(delay_types, type);
		meaning.reason = known ? known->reason : REASON_CARRIER_DELAY;
	}
	return meaning;
}

static void read_scan(struct checkpoint_list *list, const json_t *scan)
{
	if (!json_is_object(scan))
		return;
	struct arena *arena = list->arena;
	struct checkpoint *checkpoint = checkpoint_list_add(list);
	checkpoint->time = carrier_json_time(arena, scan, "date");
	checkpoint->code = carrier_json_text(arena, scan, "eventType");
	const char *exception = carrier_json_text(arena, scan, "exceptionCode");
	struct meaning meaning = read_meaning(carrier_code_find(codes, checkpoint->code), exception,
	    carrier_json_at(scan, "delayDetail"), false);
	checkpoint->status = meaning.status;
	checkpoint->reason = meaning.reason;
	/* The exception's text says more than "Delivery exception". */
	checkpoint->description = carrier_json_text(arena, scan, "exceptionDescription");
	if (checkpoint->description == NULL)
		checkpoint->description = carrier_json_text(arena, scan, "eventDescription");
	checkpoint->place =
	    carrier_place(arena, carrier_json_text(arena, scan, "scanLocation.city"),
	        carrier_json_text(arena, scan, "scanLocation.stateOrProvinceCode"),
	        carrier_json_text(arena, scan, "scanLocation.countryCode"));
}

static void read_status(struct report *report, const json_t *status, struct arena *arena)
{
	const char *code = carrier_json_text(arena, status, "code");
	const char *derived = carrier_json_text(arena, status, "derivedCode");
	const struct carrier_code *row = carrier_code_find(codes, code);
	const struct carrier_code *derived_row = carrier_code_find(codes, derived);
	const json_t *detail = json_array_get(carrier_json_at(status, "ancillaryDetails"), 0);
	struct meaning meaning = read_meaning(row ? row : derived_row,
	    carrier_json_text(arena, detail, "reason"), carrier_json_at(status, "delayDetail"),
	    derived_row != NULL && derived_row->reason == REASON_CARRIER_DELAY);
	report->status = meaning.status;
	report->reason = meaning.reason;
}

static struct eta read_eta(struct arena *arena, const json_t *result)
{
	static const char *const windows[][2] = {
	    {"estimatedDeliveryTimeWindow.window.begins",
	        "estimatedDeliveryTimeWindow.window.ends"},
	    {"standardTransitTimeWindow.window.begins", "standardTransitTimeWindow.window.ends"},
	};
	struct eta eta = {NULL, NULL};
	for (size_t i = 0; i < 2 && eta.from == NULL && eta.to == NULL; i++)
		eta = carrier_eta(arena, carrier_json_time(arena, result, windows[i][0]),
		    carrier_json_time(arena, result, windows[i][1]));
	return eta;
}

/* Where to fetch it, and where it was left: "Residence" tells a recipient nothing. */
static void read_places(struct report *report, const json_t *result, struct arena *arena)
{
	const char *type = carrier_json_text(arena, result, "deliveryDetails.locationType");
	if (report->status == STATUS_DELIVERED && !text_eq(type, "RESIDENCE"))
		report->delivered_place =
		    carrier_json_text(arena, result, "deliveryDetails.locationDescription");
	if (report->status != STATUS_AVAILABLE_FOR_PICKUP)
		return;
	const json_t *shop = carrier_json_at(result, "holdAtLocation.locationContactAndAddress");
	const json_t *street = json_array_get(carrier_json_at(shop, "address.streetLines"), 0);
	report->pickup.name = carrier_json_text(arena, shop, "contact.companyName");
	report->pickup.address = carrier_place(
	    arena, json_string_value(street), carrier_json_text(arena, shop, "address.city"), NULL);
}

static void read_result(struct report *report, const json_t *result, struct arena *arena)
{
	read_status(report, carrier_json_at(result, "latestStatusDetail"), arena);
	report->eta = read_eta(arena, result);
	struct checkpoint_list list;
	checkpoint_list_init(&list, arena);
	size_t i;
	const json_t *scan;
	json_array_foreach(carrier_json_at(result, "scanEvents"), i, scan) read_scan(&list, scan);
	report_take_checkpoints(report, &list, true);
	carrier_settle_status(report);
	read_places(report, result, arena);
}

/* --- many parcels ---------------------------------------------------------------------------- */

/* A call brings 30 numbers with a few parcels each; more is no answer to what we asked. */
#define RESULTS_MAX 600

/* One number, several parcels: the one with the newest scan is today's; any parcel is better than
 * an error. */
static void put_newest(struct report_set *out, const struct report *report)
{
	for (size_t i = 0; i < out->count; i++) {
		struct report *old = &out->reports[i];
		if (!text_eq(old->tracking_number, report->tracking_number))
			continue;
		bool old_is_good = old->error == REPORT_OK, good = report->error == REPORT_OK;
		if (good != old_is_good ? good : carrier_newest_ms(report) > carrier_newest_ms(old))
			*old = *report;
		return;
	}
	*report_set_add(out) = *report;
}

static void put_result(struct report_set *out, const json_t *result, const char *number)
{
	if (!json_is_object(result) || out->count >= RESULTS_MAX)
		return;
	struct arena *arena = out->arena;
	struct report report = {.carrier = carrier_fedex.name};
	const char *own = carrier_json_text(arena, result, "trackingNumberInfo.trackingNumber");
	report.tracking_number = number ? number : own;
	if (report.tracking_number == NULL)
		return; /* whose parcel it is cannot be guessed */
	const json_t *error = carrier_json_at(result, "error");
	if (json_is_object(error)) {
		const char *code = carrier_json_text(arena, error, "code");
		report.error = carrier_fault_find(faults, code, REPORT_CARRIER_ERROR);
		report.error_message = carrier_json_text(arena, error, "message");
	} else {
		read_result(&report, result, arena);
	}
	put_newest(out, &report);
}

static void put_results(struct report_set *out, const json_t *results, const char *number)
{
	size_t i;
	const json_t *result;
	json_array_foreach(results, i, result)
	{
		if (i >= RESULTS_MAX)
			break;
		put_result(out, result, number);
	}
}

/* Reads every envelope that FedEx is known to use; false where there is none.  `only` is the number
 * that was asked where it was only one: then a result need not name it. */
static bool read_envelope(struct report_set *out, const json_t *root, const char *only)
{
	const json_t *output = carrier_json_at(root, "output");
	if (output == NULL)
		output = root; /* webhooks come without it */
	const json_t *complete = carrier_json_at(output, "completeTrackResults");
	const json_t *flat = carrier_json_at(output, "trackResults");
	size_t i;
	const json_t *entry;
	json_array_foreach(complete, i, entry)
	{
		const char *number = carrier_json_text(out->arena, entry, "trackingNumber");
		if (i >= RESULTS_MAX)
			break;
		put_results(out, carrier_json_at(entry, "trackResults"), number ? number : only);
	}
	put_results(out, flat, NULL);
	return json_is_array(complete) || json_is_array(flat);
}

/* errors[] of the whole request.  HTTP's status wins over the code in the body, except that a
 * refusal of the only number asked is that number's. */
static void read_refusal(
    const struct carrier_poll *poll, const json_t *root, int status, struct report_set *out)
{
	const json_t *first = json_array_get(carrier_json_at(root, "errors"), 0);
	const char *code = carrier_json_text(out->arena, first, "code");
	enum report_error by_code = carrier_fault_find(faults, code, REPORT_CARRIER_ERROR);
	enum report_error error = carrier_status_error(status);
	bool is_about_number = code != NULL &&
	                       (by_code == REPORT_NOT_FOUND || by_code == REPORT_INVALID_NUMBER) &&
	                       strstr(code, "TRACKING") != NULL && poll->count == 1;
	if (is_about_number || error == REPORT_OK)
		error = by_code;
	carrier_add_error(out, &carrier_fedex, is_about_number ? poll->numbers[0] : NULL, error,
	    carrier_json_text(out->arena, first, "message"));
}

static bool poll_read(const struct carrier_poll *poll, const struct carrier_answer *answer,
    struct report_set *out, struct err *err)
{
	bool refused = carrier_status_error(answer->status) != REPORT_OK;
	json_auto_t *root = carrier_json(answer->body, refused ? NULL : err);
	if (root == NULL && !refused)
		return err_prefix(err, "fedex");
	if (!refused && read_envelope(out, root, poll->count == 1 ? poll->numbers[0] : NULL))
		return true;
	if (!refused && json_array_size(carrier_json_at(root, "errors")) == 0)
		return err_set(err, ERR_INPUT,
		    "fedex: the answer has neither completeTrackResults nor errors");
	read_refusal(poll, root, answer->status, out);
	return true;
}

/* --- webhooks -------------------------------------------------------------------------------- */

/* FedEx's texts name the first; the others were seen in the wild. */
static bool hook_verify(const struct carrier_settings *settings, const struct carrier_hook *hook)
{
	static const char *const names[] = {
	    "fdx-signature", "x-fdx-sc-signature", "x-fedex-signature"};
	const char *signature = NULL;
	if (settings->hook_header != NULL)
		signature = carrier_hook_header(hook, settings->hook_header);
	else
		for (size_t i = 0; i < sizeof names / sizeof *names && signature == NULL; i++)
			signature = carrier_hook_header(hook, names[i]);
	return carrier_hmac_sha256_matches(settings, hook->body, signature, NULL, "base64");
}

static bool hook_read(const struct carrier_hook *hook, struct report_set *out,
    struct carrier_reply *reply, struct err *err)
{
	(void)reply;
	json_auto_t *root = carrier_json(hook->body, err);
	if (root == NULL)
		return err_prefix(err, "fedex webhook");
	if (!read_envelope(out, root, NULL))
		return err_set(
		    err, ERR_INPUT, "fedex webhook: the body has no list \"trackResults\"");
	return true;
}

const struct carrier carrier_fedex = {
    .name = "fedex",
    .title = "FedEx",
    .default_base_url = "https://apis.fedex.com",
    .tracking_page = "https://www.fedex.com/fedextrack/?trknbr=%s",
    .batch_max = 30,
    .quota_per_second = 140,
    .options = options,
    .option_count = OPTIONS,
    .token_request = token_request,
    .token_read = token_read,
    .poll_request = poll_request,
    .poll_read = poll_read,
    .hook_verify = hook_verify,
    .hook_read = hook_read,
    .knows_code = knows_code,
};
