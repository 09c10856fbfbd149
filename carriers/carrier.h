/* The contract of a carrier adapter: bytes in, reports out; requests are described, never sent.
 *
 * An adapter is one `const struct carrier` in its own file, listed in carriers.c, and nothing
 * else knows it by name.  It is pure: no socket, clock, file or global state.  A NULL function
 * means "not supported".  Everything an adapter returns lives in the arena that it was given;
 * everything it is given is borrowed.
 *
 * The daemon does the rest: it keeps tokens (one request in flight per carrier, however many
 * polls wait for it), batches, quota, Retry-After, backoff and the breaker.  An adapter's one
 * duty beyond parsing is to classify: what is said of one number stands in that number's report
 * (report.error), what is said of the whole request in a report without a number.
 */
#ifndef CARRIERS_CARRIER_H
#define CARRIERS_CARRIER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notifier/base/err.h"
#include "notifier/base/mem.h"
#include "notifier/base/str.h"
#include "notifier/core/report.h"

struct carrier_header {
	const char *name, *value;
};

/* --- options: what an operator must or may set under carriers.<name> in notifier.yaml -------- */
struct carrier_option {
	const char *name; /* "api_key"; a secret may also come as "<name>_file" */
	const char *help;
	const char *default_value;   /* NULL: none */
	bool is_secret, is_required; /* required for polling */
};

struct carrier_settings {
	const char *base_url;      /* without a trailing slash */
	const char *const *values; /* one per row of carrier.options, same order; NULL = not set */
	/* Webhooks.  Several secrets may be active while one is rotated out; the first that fits
	 * wins.  No secret at all: every webhook is refused. */
	const char *hook_header, *hook_prefix; /* NULL: the carrier's own */
	const char *hook_encoding;             /* "hex", "base64"; NULL: the carrier's own */
	const char *const *hook_secrets;
	size_t hook_secret_count;
};
/* The value of an option by its name (must be a row of the adapter), or its default, or NULL. */
struct carrier;
const char *carrier_value(
    const struct carrier *carrier, const struct carrier_settings *settings, const char *name);

/* --- requests and answers -------------------------------------------------------------------- */
#define CARRIER_HEADERS_MAX 12
struct carrier_request {    /* zeroed before the adapter fills it */
	const char *method; /* "GET" where NULL */
	const char *url;
	struct carrier_header headers[CARRIER_HEADERS_MAX];
	size_t header_count;
	const char *body; /* NULL: none */
};
void carrier_request_header(struct carrier_request *request, const char *name, const char *value);

struct carrier_answer {
	int status; /* HTTP */
	struct str body;
};

struct carrier_token {
	const char *value;
	int64_t expires_in_s;
};

struct carrier_poll {
	const struct carrier_settings *settings;
	const char *const *numbers; /* at most carrier.batch_max */
	size_t count;
	const char *token;    /* NULL where the carrier has no token_request */
	const char *language; /* "en" */
};

struct carrier_hook { /* a webhook as it came */
	const char *method, *url;
	const struct carrier_header *headers;
	size_t header_count;
	struct str body; /* the exact bytes that were signed */
	int64_t now_ms;  /* for the signature's time window; 0: do not apply it */
};
/* The first header of that name (case-free), or NULL. */
const char *carrier_hook_header(const struct carrier_hook *hook, const char *name);

struct carrier_reply {        /* zeroed before the adapter fills it */
	const char *event_id; /* the courier's id of this delivery, to know it again; NULL: none */
	int status;           /* some carriers want a handshake answered; 0: nothing special */
	struct carrier_header headers[4];
	size_t header_count;
	const char *body;
};

/* --- the adapter ----------------------------------------------------------------------------- */
struct carrier {
	const char *name;             /* "dhl": the key in configuration, URLs and reports */
	const char *title;            /* "DHL": what customers read */
	const char *default_base_url; /* NULL: must be configured or cannot be polled */
	const char *tracking_page;    /* public page, %s is the URL-escaped number; NULL: none */
	size_t batch_max;             /* numbers in one call, ≥ 1 */
	double quota_per_second;      /* the carrier's own default; 0: none known */
	int quota_per_day;            /* UTC day; 0: none known */
	const struct carrier_option *options;
	size_t option_count;

	/* OAuth and the like.  token_read returns false with ERR_AUTH for refused credentials. */
	bool (*token_request)(const struct carrier_settings *settings, struct carrier_request *out,
	    struct arena *arena, struct err *err);
	bool (*token_read)(const struct carrier_answer *answer, struct carrier_token *out,
	    struct arena *arena, struct err *err);

	/* Polling.  poll_read returns false (ERR_INPUT) where the bytes make no sense at all: HTML,
	 * truncated JSON.  A status of 401, 429, 5xx, … with or without a sensible body is a report
	 * without number and with the error code that fits. */
	bool (*poll_request)(const struct carrier_poll *poll, struct carrier_request *out,
	    struct arena *arena, struct err *err);
	bool (*poll_read)(const struct carrier_poll *poll, const struct carrier_answer *answer,
	    struct report_set *out, struct err *err);

	/* Webhooks.  hook_verify looks at the raw bytes only, in constant time, and fails closed.
	 * hook_read is called after it; an empty set is a webhook that brings no news. */
	bool (*hook_verify)(
	    const struct carrier_settings *settings, const struct carrier_hook *hook);
	bool (*hook_read)(const struct carrier_hook *hook, struct report_set *out,
	    struct carrier_reply *reply, struct err *err);

	/* Whether a checkpoint's code has a row in the adapter's tables.  NULL: the carrier sends
	 * no codes of its own, only words that the adapter checks. */
	bool (*knows_code)(const char *code);
};

/* --- the list (carriers.c) ------------------------------------------------------------------- */
size_t carrier_count(void);
const struct carrier *carrier_at(size_t index);
const struct carrier *carrier_find(const char *name); /* NULL: no such adapter */

/* --- what adapters share (carrier.c) --------------------------------------------------------- */
/* HTTP status to report error: 401 auth, 403 forbidden, 404 not_found, 429 quota, other 4xx
 * bad_request, anything else that is not 2xx (and 408) carrier_error; REPORT_OK for 2xx. */
enum report_error carrier_status_error(int status);
/* Adds a report with an error; number NULL for the whole request; message may be NULL and has its
 * white space collapsed. */
void carrier_add_error(struct report_set *set, const struct carrier *carrier, const char *number,
    enum report_error error, const char *message);
/* A report that came without a current status, or with one that means nothing, takes that of its
 * newest checkpoint that means something. */
void carrier_settle_status(struct report *report);
/* The instant of the newest checkpoint, INT64_MIN where there is none: which of two reports about
 * one (recycled) number is the parcel of today. */
int64_t carrier_newest_ms(const struct report *report);
/* Codes in the report's checkpoints that the adapter has no row for: returns how many different
 * ones and fills codes (borrowed from the report) with up to max of them. */
size_t carrier_unmapped(
    const struct carrier *carrier, const struct report *report, const char **codes, size_t max);

/* The configured base URL or the adapter's own; NULL and ERR_INPUT where there is neither. */
const char *carrier_base_url(
    const struct carrier *carrier, const struct carrier_settings *settings, struct err *err);
/* The value of an option that a request cannot do without and that goes into a header or a form;
 * NULL and ERR_AUTH where it is empty or holds control characters (the usual newline at the end
 * of a key file would otherwise split the header). */
const char *carrier_credential(const struct carrier *carrier,
    const struct carrier_settings *settings, const char *name, struct err *err);
/* Reads an OAuth 2 token (RFC 6749, section 5): access_token, expires_in.  Refusals: 429 is
 * ERR_THROTTLED, 5xx ERR_TRANSIENT, any other ERR_AUTH; no token in a good answer ERR_INPUT. */
bool carrier_token_read(const struct carrier *carrier, const struct carrier_answer *answer,
    struct carrier_token *out, struct arena *arena, struct err *err);
/* Percent-encodes all but unreserved characters (RFC 3986, section 2.3). */
const char *carrier_url_escape(struct arena *arena, const char *text);

/* HMAC-SHA256 (RFC 2104) over body against the text that a header gave, hex or base64, tried with
 * every secret in constant time.  The prefix must be there where one is set.  False for an empty
 * signature, no secret, an empty secret or an unknown encoding. */
bool carrier_hmac_sha256_matches(const struct carrier_settings *settings, struct str body,
    const char *signature, const char *default_prefix, const char *default_encoding);

/* A carrier's time text in normal form (see core/report.h), or NULL where it is no time. */
const char *carrier_time(struct arena *arena, const char *text);
/* An estimate's window.  A carrier with one estimate gives it twice.  An end at exactly 00:00:00
 * means "that day" and is cut to its date (a delay alarm would else fire as the promised day
 * begins); a start at 00:00:00 is cut only with it, for "from midnight" may be meant. */
struct eta carrier_eta(struct arena *arena, const char *from, const char *to);
/* "City, ST, CC" of those that are not empty; NULL if none is. */
const char *carrier_place(
    struct arena *arena, const char *city, const char *state, const char *country);
/* NULL for NULL and for text without a visible character; else white space collapsed and trimmed,
 * controls and bidirectional overrides dropped. */
const char *carrier_text(struct arena *arena, const char *text);

/* A code table: rows end with code NULL.  carrier_code_find: NULL for an unknown (or NULL) code,
 * which then is STATUS_UNKNOWN; never guess. */
struct carrier_code {
	const char *code;
	enum status status;
	enum reason reason;
};
const struct carrier_code *carrier_code_find(const struct carrier_code *table, const char *code);
/* The same shape for the error codes of a carrier's bodies.  Rows match where the fragment occurs
 * anywhere in the code; the first wins; `otherwise` where none does. */
struct carrier_fault {
	const char *fragment;
	enum report_error error;
};
enum report_error carrier_fault_find(
    const struct carrier_fault *table, const char *code, enum report_error otherwise);
#endif
