/* The console: the page that shows parcels, their stories and their messages.  Static files and the
 * daemon's clock; everything else the page asks the API for, with a key unless the page is public.
 */
#include <stdio.h>
#include <string.h>

#include "notifier/app/api.h"
#include "notifier/app/assets.h"
#include "notifier/app/json.h"

#define FOLDER "notifier/app/console/"

/* Nothing from elsewhere, nothing inline. */
#define PAGE_POLICY                                                                                \
	"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "            \
	"img-src 'self' data:; frame-src 'self'; base-uri 'none'; form-action 'none'; "            \
	"frame-ancestors 'none'"
/* The frame that shows e-mails: they carry inline styles, and may do nothing else.  Its origin is
 * opaque, with or without the page's own sandbox attribute. */
#define LETTER_POLICY                                                                              \
	"default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:; "        \
	"base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts"

#define HTML "text/html; charset=utf-8"
#define CSS  "text/css; charset=utf-8"
#define JS   "text/javascript; charset=utf-8"

static const struct page {
	const char *path, *asset, *type, *policy;
} pages[] = {
    {"/", FOLDER "index.html", HTML, PAGE_POLICY},
    {"/console", FOLDER "index.html", HTML, PAGE_POLICY},
    {"/console/console.css", FOLDER "console.css", CSS, PAGE_POLICY},
    {"/console/console.js", FOLDER "console.js", JS, PAGE_POLICY},
    {"/console/words.js", FOLDER "words.js", JS, PAGE_POLICY},
    {"/console/story.js", FOLDER "story.js", JS, PAGE_POLICY},
    {"/console/letter.html", FOLDER "letter.html", HTML, LETTER_POLICY},
    {"/console/letter.js", FOLDER "letter.js", JS, PAGE_POLICY},
};

static void add_header(struct http_reply *reply, const char *name, const char *value)
{
	reply->headers[reply->header_count++] = (struct http_header){name, value};
}

/* A build's files are new after an update only: the browser asks each time and is told "the same".
 */
static void send_page(
    struct http_exchange *exchange, const struct http_incoming *incoming, const struct page *page)
{
	const struct asset *asset = asset_find(page->asset);
	must(asset != NULL);
	char tag[24];
	snprintf(tag, sizeof tag, "\"%016llx\"",
	    (unsigned long long)fnv1a64(asset->bytes, asset_size(asset)));
	const char *known = http_incoming_header(incoming, "If-None-Match");
	bool is_same = known != NULL && strstr(known, tag) != NULL;
	struct http_reply reply = {.status = is_same ? 304 : 200, .content_type = page->type};
	if (!is_same)
		reply.body = str_make((const char *)asset->bytes, asset_size(asset));
	add_header(&reply, "ETag", tag);
	add_header(&reply, "Cache-Control", "no-cache");
	add_header(&reply, "Content-Security-Policy", page->policy);
	add_header(&reply, "X-Content-Type-Options", "nosniff");
	add_header(&reply, "Referrer-Policy", "no-referrer");
	add_header(&reply, "Cross-Origin-Opener-Policy", "same-origin");
	http_reply_send(exchange, &reply);
}

/* The wall clock may be scaled, so the browser's own is of no use.  Needs no key. */
static void send_clock(struct world *world, struct http_exchange *exchange)
{
	struct arena *arena = arena_new();
	const struct account_config *account = config_account(world->config, "default");
	json_t *body = json_object();
	json_put_time(body, "now", loop_now_ms());
	json_object_set_new(body, "scale", json_real(loop_wall_scale()));
	json_put_null_text(body, "zone", account ? account->zone : NULL);
	json_object_set_new(body, "is_public", json_boolean(world->config->allow_public_page));
	struct http_reply reply = {
	    .status = 200, .content_type = "application/json", .body = json_text(body, arena)};
	add_header(&reply, "Cache-Control", "no-store");
	add_header(&reply, "X-Content-Type-Options", "nosniff");
	http_reply_send(exchange, &reply);
	json_decref(body);
	arena_free(&arena);
}

static const struct page *page_find(const char *path)
{
	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
		if (strcmp(path, pages[i].path) == 0)
			return &pages[i];
	return NULL;
}

bool console_handle(
    struct world *world, struct http_exchange *exchange, const struct http_incoming *incoming)
{
	const struct page *page = page_find(incoming->path);
	bool is_clock = strcmp(incoming->path, "/console/clock.json") == 0;
	if (page == NULL && !is_clock)
		return false;
	if (strcmp(incoming->method, "GET") != 0)
		problem_send_allowed(exchange, "GET, HEAD");
	else if (is_clock)
		send_clock(world, exchange);
	else
		send_page(exchange, incoming, page);
	return true;
}
