#include "notifier/io/http_request.h"

#include <string.h>

#include "notifier/base/mem.h"
#include "notifier/base/when.h"

#define URL_MAX_BYTES 8192

static bool is_token(const char *text) /* RFC 9110, 5.6.2 */
{
	return text[0] != '\0' && strspn(text, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
	                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(text);
}

static bool has_control(const char *text, bool space_too)
{
	for (const char *p = text; *p != '\0'; p++)
		if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f ||
		    (space_too && (*p == ' ' || *p == '\t')))
			return true;
	return false;
}

bool http_request_check(const struct http_request *request, struct err *err)
{
	if (request->url == NULL || has_control(request->url, true))
		return err_set(err, ERR_PERMANENT, "the URL has spaces or control characters");
	if (strlen(request->url) > URL_MAX_BYTES)
		return err_set(
		    err, ERR_PERMANENT, "the URL is longer than %d bytes", URL_MAX_BYTES);
	if (request->method != NULL && !is_token(request->method))
		return err_set(err, ERR_PERMANENT, "the HTTP method is not a word");
	for (size_t i = 0; i < request->header_count; i++) {
		const struct http_header *header = &request->headers[i];
		if (header->name == NULL || header->value == NULL || !is_token(header->name))
			return err_set(err, ERR_PERMANENT, "header %zu has no usable name", i + 1);
		if (has_control(header->value, false))
			return err_set(
			    err, ERR_PERMANENT, "header %s has control characters", header->name);
	}
	return true;
}

static struct curl_slist *prepend(struct arena *arena, char *line, struct curl_slist *rest)
{
	struct curl_slist *node =
	    arena_alloc(arena, sizeof *node); /* libcurl only reads the list */
	node->data = line;
	node->next = rest;
	return node;
}

static struct curl_slist *header_list(
    const struct http_request *request, bool has_body, struct arena *arena)
{
	struct curl_slist *list = NULL;
	bool has_type = false;
	for (size_t i = request->header_count; i-- > 0;) {
		const struct http_header *header = &request->headers[i];
		/* "Name;" is libcurl's way to send an empty value; "Name:" would remove the header.
		 */
		const char *colon = header->value[0] ? ": " : ";";
		list = prepend(
		    arena, arena_printf(arena, "%s%s%s", header->name, colon, header->value), list);
		has_type |= text_eq_nocase(header->name, "Content-Type");
	}
	if (!has_body)
		return list;
	if (!has_type)
		list = prepend(arena, arena_strdup(arena, "Content-Type:"),
		    list);                                           /* libcurl would invent one */
	return prepend(arena, arena_strdup(arena, "Expect:"), list); /* and wait a second for 100 */
}

void http_request_set(
    CURL *easy, const struct http_request *request, const char *method, struct arena *arena)
{
	bool is_get = text_eq(method, "GET"), is_head = text_eq(method, "HEAD"),
	     is_post = text_eq(method, "POST");
	bool has_body = is_post || request->body.len > 0;
	curl_easy_setopt(
	    easy, CURLOPT_HTTPGET, 1L); /* undoes POST and NOBODY of the last request */
	if (has_body) {
		char *body = arena_alloc(arena, request->body.len + 1);
		if (request->body.len > 0)
			memcpy(body, request->body.at, request->body.len);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
	} else if (is_head) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	}
	bool is_plain = has_body ? is_post : is_get || is_head;
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, is_plain ? NULL : method);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, header_list(request, has_body, arena));
}

/* --- reading answers ------------------------------------------------------------------------- */

const char *http_response_header(const struct http_response *response, const char *name)
{
	for (size_t i = 0; i < response->header_count; i++)
		if (text_eq_nocase(response->headers[i].name, name))
			return response->headers[i].value;
	return NULL;
}

int64_t http_retry_after_ms(const struct http_response *response, int64_t now_ms)
{
	const char *text = http_response_header(response, "Retry-After");
	const int64_t least = SECOND_MS, most = HOUR_MS;
	if (text_is_empty(text))
		return 0;
	const char *digits = text[0] == '-' ? text + 1 : text;
	int64_t wait_ms, seconds;
	if (digits[0] != '\0' && strspn(digits, "0123456789") == strlen(digits)) {
		/* Too many digits for 64 bits mean "very long". */
		bool fits = str_to_int64(str_of(digits), &seconds) && seconds < most / SECOND_MS;
		wait_ms = text != digits ? least : fits ? seconds * SECOND_MS : most;
	} else {
		time_t date = curl_getdate(text, NULL);
		if (date < 0)
			return 0;
		wait_ms = (int64_t)date * SECOND_MS - now_ms;
	}
	return wait_ms < least ? least : wait_ms > most ? most : wait_ms;
}
