#include "carriers/carrier.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "carriers/carrier_json.h"
#include "notifier/base/when.h"

/* --- options and requests -------------------------------------------------------------------- */

const char *carrier_value(
    const struct carrier *carrier, const struct carrier_settings *settings, const char *name)
{
	for (size_t i = 0; i < carrier->option_count; i++) {
		const struct carrier_option *option = &carrier->options[i];
		if (!text_eq(option->name, name))
			continue;
		const char *value = settings->values ? settings->values[i] : NULL;
		return value ? value : option->default_value;
	}
	must(!"an adapter asked for an option that it does not declare");
	return NULL;
}

const char *carrier_base_url(
    const struct carrier *carrier, const struct carrier_settings *settings, struct err *err)
{
	const char *url = settings->base_url ? settings->base_url : carrier->default_base_url;
	if (text_is_empty(url)) {
		err_set(err, ERR_INPUT, "%s: no base_url; set carriers.%s.base_url", carrier->name,
		    carrier->name);
		return NULL;
	}
	return url;
}

const char *carrier_credential(const struct carrier *carrier,
    const struct carrier_settings *settings, const char *name, struct err *err)
{
	const char *value = carrier_value(carrier, settings, name);
	if (text_is_empty(value)) {
		err_set(err, ERR_AUTH, "%s: no %s; set carriers.%s.%s or %s_file", carrier->name,
		    name, carrier->name, name, name);
		return NULL;
	}
	for (const char *c = value; *c != '\0'; c++)
		if (iscntrl((unsigned char)*c)) {
			err_set(err, ERR_AUTH,
			    "%s: %s holds a control character (a newline at the end of its file?)",
			    carrier->name, name);
			return NULL;
		}
	return value;
}

void carrier_request_header(struct carrier_request *request, const char *name, const char *value)
{
	must(request->header_count < CARRIER_HEADERS_MAX);
	request->headers[request->header_count++] = (struct carrier_header){name, value};
}

const char *carrier_url_escape(struct arena *arena, const char *text)
{
	static const char digits[] = "0123456789ABCDEF";
	char *escaped = arena_alloc(arena, 3 * strlen(text) + 1), *out = escaped;
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		if ((c < 0x80 && isalnum(c)) || strchr("-._~", c) != NULL) {
			*out++ = (char)c;
			continue;
		}
		*out++ = '%';
		*out++ = digits[c >> 4];
		*out++ = digits[c & 15];
	}
	return escaped;
}

#define TOKEN_LIFE_S     3600 /* where the answer does not say: what is usual */
#define TOKEN_LIFE_MAX_S 86400

/* A token goes into a header: visible ASCII only. */
static bool token_is_safe(const char *token)
{
	for (const char *c = token; c != NULL && *c != '\0'; c++)
		if (*c <= ' ' || *c > '~')
			return false;
	return !text_is_empty(token);
}

static bool token_refused(const struct carrier *carrier, int status, struct err *err)
{
	if (status == 429)
		return err_set(err, ERR_THROTTLED, "%s: too many requests for tokens (HTTP 429)",
		    carrier->name);
	if (carrier_status_error(status) == REPORT_CARRIER_ERROR)
		return err_set(err, ERR_TRANSIENT, "%s: the token service fails (HTTP %d)",
		    carrier->name, status);
	return err_set(err, ERR_AUTH,
	    "%s: the carrier refuses our credentials (HTTP %d); check them", carrier->name, status);
}

bool carrier_token_read(const struct carrier *carrier, const struct carrier_answer *answer,
    struct carrier_token *out, struct arena *arena, struct err *err)
{
	if (carrier_status_error(answer->status) != REPORT_OK)
		return token_refused(carrier, answer->status, err);
	json_auto_t *root = carrier_json(answer->body, err);
	if (root == NULL)
		return err_prefix(err, "%s: token", carrier->name);
	const char *token = json_string_value(carrier_json_at(root, "access_token"));
	if (!token_is_safe(token))
		return err_set(
		    err, ERR_INPUT, "%s: the answer has no usable access_token", carrier->name);
	int64_t life_s = TOKEN_LIFE_S;
	str_to_int64(str_of(carrier_json_text(arena, root, "expires_in")), &life_s);
	out->value = arena_strdup(arena, token);
	out->expires_in_s = life_s < 1                  ? TOKEN_LIFE_S
	                    : life_s < TOKEN_LIFE_MAX_S ? life_s
	                                                : TOKEN_LIFE_MAX_S;
	return true;
}

/* --- webhooks -------------------------------------------------------------------------------- */

const char *carrier_hook_header(const struct carrier_hook *hook, const char *name)
{
	for (size_t i = 0; i < hook->header_count; i++)
		if (text_eq_nocase(hook->headers[i].name, name))
			return hook->headers[i].value;
	return NULL;
}

#define DIGEST_BYTES     32
#define SIGNATURE_LENGTH 64 /* hex; base64 needs 44 */

static bool signature_decode(
    unsigned char digest[DIGEST_BYTES], struct str text, const char *encoding)
{
	if (text_eq(encoding, "hex"))
		return hex_decode(digest, DIGEST_BYTES, text);
	unsigned char bytes[SIGNATURE_LENGTH];
	if (!text_eq(encoding, "base64") || text.len > SIGNATURE_LENGTH ||
	    base64_decode(bytes, text) != DIGEST_BYTES)
		return false;
	memcpy(digest, bytes, DIGEST_BYTES);
	return true;
}

static bool hmac_equals(
    const char *secret, struct str body, const unsigned char given[DIGEST_BYTES])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	size_t secret_bytes = strlen(secret);
	if (secret_bytes == 0 || secret_bytes > INT32_MAX)
		return false;
	const unsigned char *bytes = (const unsigned char *)(body.at ? body.at : "");
	return HMAC(EVP_sha256(), secret, (int)secret_bytes, bytes, body.len, digest, &length) !=
	           NULL &&
	       length == DIGEST_BYTES && CRYPTO_memcmp(digest, given, DIGEST_BYTES) == 0;
}

bool carrier_hmac_sha256_matches(const struct carrier_settings *settings, struct str body,
    const char *signature, const char *default_prefix, const char *default_encoding)
{
	const char *prefix = settings->hook_prefix ? settings->hook_prefix : default_prefix;
	const char *encoding = settings->hook_encoding ? settings->hook_encoding : default_encoding;
	struct str text = str_trim(str_of(signature));
	unsigned char given[DIGEST_BYTES];
	if (text.len == 0)
		return false;
	if (prefix != NULL) {
		if (!str_starts(text, prefix))
			return false;
		text = str_make(text.at + strlen(prefix), text.len - strlen(prefix));
	}
	if (text.len == 0 || !signature_decode(given, text, encoding))
		return false;
	bool matches = false; /* all secrets are tried: which one fits is nobody's business */
	for (size_t i = 0; i < settings->hook_secret_count; i++)
		if (settings->hook_secrets[i] != NULL)
			matches |= hmac_equals(settings->hook_secrets[i], body, given);
	return matches;
}

/* --- normal form ----------------------------------------------------------------------------- */

const char *carrier_text(struct arena *arena, const char *text)
{
	if (text_is_empty(text))
		return NULL;
	size_t bytes = strlen(text) + 1, used = 0;
	char *clean = arena_alloc(arena, bytes);
	text_clean(clean, bytes, text);
	for (const char *c = clean; *c != '\0'; c++) {
		if (*c != ' ')
			clean[used++] = *c;
		else if (used > 0 && clean[used - 1] != ' ')
			clean[used++] = ' ';
	}
	if (used > 0 && clean[used - 1] == ' ')
		used--;
	clean[used] = '\0';
	return used > 0 ? clean : NULL;
}

static const char *offset_text(struct arena *arena, const struct when *when, char last)
{
	if (!when->has_offset)
		return "";
	if (last == 'Z' || last == 'z')
		return "Z";
	int minutes = (when->offset_s < 0 ? -when->offset_s : when->offset_s) / 60;
	return arena_printf(
	    arena, "%c%02d:%02d", when->offset_s < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

const char *carrier_time(struct arena *arena, const char *text)
{
	struct str trimmed = str_trim(str_of(text));
	struct when when;
	if (!when_parse(trimmed, &when))
		return NULL;
	const struct civil *c = &when.civil;
	const char *day = arena_printf(arena, "%04d-%02d-%02d", c->year, c->month, c->day);
	if (!when.has_time)
		return day;
	return arena_printf(arena, "%sT%02d:%02d:%02d%s", day, c->hour, c->minute, c->second,
	    offset_text(arena, &when, trimmed.at[trimmed.len - 1]));
}

#define DATE_LENGTH 10 /* YYYY-MM-DD */

static bool is_midnight(const char *time)
{
	return time != NULL && strncmp(time + DATE_LENGTH, "T00:00:00", 9) == 0;
}

struct eta carrier_eta(struct arena *arena, const char *from, const char *to)
{
	struct eta eta = {carrier_time(arena, from), carrier_time(arena, to)};
	bool cuts_end = is_midnight(eta.to);
	if (is_midnight(eta.from) && (cuts_end || eta.to == NULL))
		eta.from = arena_strndup(arena, eta.from, DATE_LENGTH);
	if (cuts_end)
		eta.to = arena_strndup(arena, eta.to, DATE_LENGTH);
	return eta;
}

const char *carrier_place(
    struct arena *arena, const char *city, const char *state, const char *country)
{
	const char *parts[] = {city, state, country}, *place = NULL;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		const char *part = carrier_text(arena, parts[i]);
		if (part != NULL)
			place = place ? arena_printf(arena, "%s, %s", place, part) : part;
	}
	return place;
}

const struct carrier_code *carrier_code_find(const struct carrier_code *table, const char *code)
{
	for (; code != NULL && table->code != NULL; table++)
		if (strcmp(table->code, code) == 0)
			return table;
	return NULL;
}

/* --- reports --------------------------------------------------------------------------------- */

enum report_error carrier_status_error(int status)
{
	static const struct {
		int status;
		enum report_error error;
	} rows[] = {{401, REPORT_AUTH}, {403, REPORT_FORBIDDEN}, {404, REPORT_NOT_FOUND},
	    {408, REPORT_CARRIER_ERROR}, {429, REPORT_QUOTA}};
	if (status >= 200 && status < 300)
		return REPORT_OK;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].status == status)
			return rows[i].error;
	return status >= 400 && status < 500 ? REPORT_BAD_REQUEST : REPORT_CARRIER_ERROR;
}

enum report_error carrier_fault_find(
    const struct carrier_fault *table, const char *code, enum report_error otherwise)
{
	for (; code != NULL && table->fragment != NULL; table++)
		if (strstr(code, table->fragment) != NULL)
			return table->error;
	return otherwise;
}

void carrier_add_error(struct report_set *set, const struct carrier *carrier, const char *number,
    enum report_error error, const char *message)
{
	struct report *report = report_set_add(set);
	report->carrier = carrier->name;
	report->tracking_number = arena_strdup(set->arena, number);
	report->error = error;
	report->error_message = carrier_text(set->arena, message);
}

void carrier_settle_status(struct report *report)
{
	for (size_t i = report->checkpoint_count; i-- > 0 && report->status == STATUS_UNKNOWN;) {
		report->status = report->checkpoints[i].status;
		report->reason = report->checkpoints[i].reason;
	}
}

int64_t carrier_newest_ms(const struct report *report)
{
	struct when when;
	for (size_t i = report->checkpoint_count; i-- > 0;)
		if (when_parse(str_of(report->checkpoints[i].time), &when))
			return when_instant(&when, 0);
	return INT64_MIN;
}

size_t carrier_unmapped(
    const struct carrier *carrier, const struct report *report, const char **codes, size_t max)
{
	size_t count = 0;
	for (size_t i = 0; carrier->knows_code != NULL && i < report->checkpoint_count; i++) {
		const char *code = report->checkpoints[i].code;
		if (code == NULL || carrier->knows_code(code))
			continue;
		bool seen = false;
		for (size_t j = 0; j < i && !seen; j++)
			seen = text_eq(report->checkpoints[j].code, code);
		if (!seen && count++ < max)
			codes[count - 1] = code;
	}
	return count;
}
