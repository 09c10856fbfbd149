/* The built-in push-only carrier: any courier system that can sign a small JSON body.
 *
 * POST /hooks/generic/{account} with the header X-Signature: sha256=<hex HMAC-SHA256 of the raw
 * body> (header, prefix and encoding are options) and the body
 *     {"event_id"?, "tracking_number", "status", "reason"?, "time", "description"?, "place"?,
 *      "eta"?: date | instant | {"from","to"}}
 * in our own words (core/status.def).  The sender is a program of the operator's, so what is wrong
 * is refused by name instead of being read as unknown.  Keys that we do not know are left alone:
 * senders grow.
 */
#include "carriers/carrier.h"
#include "carriers/carrier_json.h"

extern const struct carrier carrier_generic;

#define HEADER "X-Signature"
#define PREFIX "sha256="

static bool hook_verify(const struct carrier_settings *settings, const struct carrier_hook *hook)
{
	const char *header = settings->hook_header ? settings->hook_header : HEADER;
	return carrier_hmac_sha256_matches(
	    settings, hook->body, carrier_hook_header(hook, header), PREFIX, "hex");
}

static bool is_given(const json_t *root, const char *key)
{
	const json_t *value = carrier_json_at(root, key);
	return value != NULL && !json_is_null(value);
}

/* An optional text: *out stays NULL where it is not given. */
static bool read_text(
    struct arena *arena, const json_t *root, const char *key, const char **out, struct err *err)
{
	*out = carrier_json_text(arena, root, key);
	const json_t *value = carrier_json_at(root, key);
	if (*out == NULL && is_given(root, key) && !json_is_string(value))
		return err_set(err, ERR_INPUT, "generic: \"%s\" must be a text", key);
	return true;
}

static bool read_required(
    struct arena *arena, const json_t *root, const char *key, const char **out, struct err *err)
{
	if (!read_text(arena, root, key, out, err))
		return false;
	return *out != NULL || err_set(err, ERR_INPUT, "generic: \"%s\" is missing", key);
}

/* The sender's word, cut so that it fits into an error's text. */
#define QUOTED_MAX 60

static bool refuse_word(
    const char *key, const char *word, const char *const *words, size_t count, struct err *err)
{
	const char *nearest = text_nearest(word, words, count);
	return err_set(err, ERR_INPUT, "generic: unknown %s \"%.*s\"%s%s%s", key, QUOTED_MAX, word,
	    nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

static bool read_status(const char *word, enum status *out, struct err *err)
{
	const char *words[STATUS_COUNT];
	if (status_parse(str_of(word), out))
		return true;
	for (int i = 0; i < STATUS_COUNT; i++)
		words[i] = status_name((enum status)i);
	return refuse_word("status", word, words, STATUS_COUNT, err);
}

static bool read_reason(const char *word, enum reason *out, struct err *err)
{
	const char *words[REASON_COUNT];
	*out = REASON_NONE;
	if (word == NULL || reason_parse(str_of(word), out))
		return true;
	for (int i = 1; i < REASON_COUNT; i++)
		words[i - 1] = reason_name((enum reason)i);
	return refuse_word("reason", word, words, REASON_COUNT - 1, err);
}

static bool read_eta(struct arena *arena, const json_t *root, struct eta *out, struct err *err)
{
	const json_t *eta = carrier_json_at(root, "eta");
	*out = (struct eta){NULL, NULL};
	if (!is_given(root, "eta"))
		return true;
	if (json_is_string(eta))
		*out = carrier_eta(arena, json_string_value(eta), json_string_value(eta));
	else
		*out = carrier_eta(arena, carrier_json_time(arena, eta, "from"),
		    carrier_json_time(arena, eta, "to"));
	bool start_lost = is_given(eta, "from") && out->from == NULL;
	if (start_lost || out->to == NULL)
		return err_set(err, ERR_INPUT,
		    "generic: \"eta\" must be a date, an instant (RFC 3339) or {\"from\", \"to\"} "
		    "of those");
	return true;
}

static bool read_checkpoint(
    struct arena *arena, const json_t *root, struct checkpoint *out, struct err *err)
{
	const char *status, *reason, *time;
	if (!read_required(arena, root, "status", &status, err) ||
	    !read_status(status, &out->status, err) ||
	    !read_text(arena, root, "reason", &reason, err) ||
	    !read_reason(reason, &out->reason, err) ||
	    !read_required(arena, root, "time", &time, err) ||
	    !read_text(arena, root, "description", &out->description, err) ||
	    !read_text(arena, root, "place", &out->place, err))
		return false;
	out->time = carrier_time(arena, time);
	return out->time != NULL ||
	       err_set(err, ERR_INPUT,
	           "generic: \"time\" must be an instant like 2026-03-06T14:05:00+01:00");
}

static bool hook_read(const struct carrier_hook *hook, struct report_set *out,
    struct carrier_reply *reply, struct err *err)
{
	json_auto_t *root = carrier_json(hook->body, err);
	if (root == NULL)
		return err_prefix(err, "generic");
	if (!json_is_object(root))
		return err_set(err, ERR_INPUT, "generic: the body must be one JSON object");
	struct report report = {.carrier = carrier_generic.name};
	struct checkpoint checkpoint = {0};
	if (!read_required(out->arena, root, "tracking_number", &report.tracking_number, err) ||
	    !read_text(out->arena, root, "event_id", &reply->event_id, err) ||
	    !read_checkpoint(out->arena, root, &checkpoint, err) ||
	    !read_eta(out->arena, root, &report.eta, err))
		return false;
	struct checkpoint_list list;
	checkpoint_list_init(&list, out->arena);
	*checkpoint_list_add(&list) = checkpoint;
	report.status = checkpoint.status;
	report.reason = checkpoint.reason;
	report_take_checkpoints(&report, &list, false);
	*report_set_add(out) = report;
	return true;
}

const struct carrier carrier_generic = {
    .name = "generic",
    .title = "Courier",
    .batch_max = 1,
    .hook_verify = hook_verify,
    .hook_read = hook_read,
};
