/* The sandbox: a carrier like any other, whose parcels play scripts (sandbox_script.h).
 * GET {base}/v1/track?numbers=a,b,c answers {"trackings": [TRACKING…]} in our own normal form, or
 * {"error": {"code","message"}} about the whole request.
 */
#include "carriers/carrier.h"
#include "carriers/carrier_json.h"
#include "carriers/report_json.h"

extern const struct carrier carrier_sandbox;

#define BATCH_MAX 30

static bool poll_request(const struct carrier_poll *poll, struct carrier_request *out,
    struct arena *arena, struct err *err)
{
	const char *base = carrier_base_url(&carrier_sandbox, poll->settings, err);
	if (base == NULL)
		return false;
	must(poll->count >= 1 && poll->count <= BATCH_MAX);
	const char *url = arena_printf(arena, "%s/v1/track?numbers=", base);
	for (size_t i = 0; i < poll->count; i++)
		url = arena_printf(arena, "%s%s%s", url, i > 0 ? "," : "",
		    carrier_url_escape(arena, poll->numbers[i]));
	out->url = url;
	carrier_request_header(out, "Accept", "application/json");
	return true;
}

static bool poll_read(const struct carrier_poll *poll, const struct carrier_answer *answer,
    struct report_set *out, struct err *err)
{
	(void)poll;
	enum report_error refusal = carrier_status_error(answer->status);
	json_auto_t *root = carrier_json(answer->body, refusal == REPORT_OK ? err : NULL);
	if (refusal != REPORT_OK) {
		carrier_add_error(out, &carrier_sandbox, NULL, refusal,
		    carrier_json_text(out->arena, root, "error.message"));
		return true;
	}
	if (root == NULL)
		return err_prefix(err, "sandbox");
	const json_t *trackings = carrier_json_at(root, "trackings"), *tracking;
	if (!json_is_array(trackings))
		return err_set(err, ERR_INPUT, "sandbox: the answer has no list \"trackings\"");
	size_t i;
	json_array_foreach(trackings, i,
	    tracking) if (carrier_json_text(out->arena, tracking, "tracking_number") != NULL)
	    report_from_json(report_set_add(out), tracking, carrier_sandbox.name, out->arena);
	return true;
}

const struct carrier carrier_sandbox = {
    .name = "sandbox",
    .title = "Sandbox Courier",
    .default_base_url = "http://127.0.0.1:8090",
    .batch_max = BATCH_MAX,
    .poll_request = poll_request,
    .poll_read = poll_read,
};
