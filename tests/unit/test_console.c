/* The console's files over real HTTP: each with its type and its policy, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "notifier/app/api.h"
#include "notifier/io/http_client.h"
#include "tests/unit/loop_until.h"

static struct world world;
static struct account_config account = {.name = "default", .zone = "Europe/Berlin"};
static struct config config = {.accounts = &account, .account_count = 1};

static struct {
	bool is_done;
	int status;
	char type[64], policy[400], tag[32], sniff[16], referrer[32], allow[32];
	char body[65536];
} got;

struct ask {
	struct flow flow;
	struct http_request request;
	struct http_response response;
};
#define ASK_STEPS(X) X(ask, go) X(ask, back)
ASK_STEPS(FLOW_STEP)

static next ask_go(struct ask *p)
{
	return AWAIT(p, back, http_ask(world.http, &p->flow, &p->request, &p->response), 5000);
}

static void note(const struct ask *p, const char *name, char *out, size_t out_bytes)
{
	const char *value = http_response_header(&p->response, name);
	snprintf(out, out_bytes, "%s", value ? value : "");
}

static next ask_back(struct ask *p)
{
	assert_false(FAILED(p));
	got.status = p->response.status;
	snprintf(got.body, sizeof got.body, "%s", p->response.body.at ? p->response.body.at : "");
	note(p, "Content-Type", got.type, sizeof got.type);
	note(p, "Content-Security-Policy", got.policy, sizeof got.policy);
	note(p, "ETag", got.tag, sizeof got.tag);
	note(p, "X-Content-Type-Options", got.sniff, sizeof got.sniff);
	note(p, "Allow", got.allow, sizeof got.allow);
	note(p, "Referrer-Policy", got.referrer, sizeof got.referrer);
	got.is_done = true;
	return END;
}

static void ask_fini(struct flow *flow)
{
	xfree(flow);
}
static const struct flow_type ask_type = {"ask", ask_fini};

static void ask(const char *method, const char *path, const char *known_tag)
{
	struct ask *p = xcalloc(1, sizeof *p);
	char url[200];
	struct http_header header = {"If-None-Match", known_tag};
	snprintf(url, sizeof url, "http://127.0.0.1:%d%s", http_server_port(world.server), path);
	p->request = (struct http_request){
	    .method = method, .url = url, .headers = &header, .header_count = known_tag != NULL};
	got.is_done = false;
	flow_start(&p->flow, &ask_type, do_go);
	LOOP_UNTIL(got.is_done, 5000);
}

static const struct {
	const char *path, *type;
	bool is_letter; /* has the policy of the frame */
} files[] = {
    {"/", "text/html; charset=utf-8", false},
    {"/console", "text/html; charset=utf-8", false},
    {"/console/console.css", "text/css; charset=utf-8", false},
    {"/console/console.js", "text/javascript; charset=utf-8", false},
    {"/console/words.js", "text/javascript; charset=utf-8", false},
    {"/console/story.js", "text/javascript; charset=utf-8", false},
    {"/console/letter.html", "text/html; charset=utf-8", true},
    {"/console/letter.js", "text/javascript; charset=utf-8", false},
};

static void test_files(void **state)
{
	(void)state;
	char tag[32];
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		ask("GET", files[i].path, NULL);
		assert_int_equal(got.status, 200);
		assert_string_equal(got.type, files[i].type);
		assert_string_equal(got.sniff, "nosniff");
		assert_string_equal(got.referrer, "no-referrer");
		assert_non_null(strstr(got.policy, "default-src 'none'; script-src 'self'"));
		assert_null(strstr(got.policy, "unsafe-eval"));
		/* Inline styles are for e-mails, and those have no origin. */
		assert_int_equal(strstr(got.policy, "'unsafe-inline'") != NULL, files[i].is_letter);
		assert_int_equal(
		    strstr(got.policy, "sandbox allow-scripts") != NULL, files[i].is_letter);
		assert_null(strstr(got.policy, "allow-same-origin"));
		snprintf(tag, sizeof tag, "%s", got.tag);
		ask("GET", files[i].path, tag);
		assert_int_equal(got.status, 304);
		assert_string_equal(got.body, "");
		assert_string_equal(got.tag, tag);
	}
}

static void test_nothing_comes_from_elsewhere(void **state)
{
	(void)state;
	static const char *const foreign[] = {"http://", "https://", "//cdn", "innerHTML",
	    "insertAdjacentHTML", "eval(", " style=\"", "onclick=", "javascript:"};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		if (strstr(files[i].path, "letter") != NULL)
			continue;
		ask("GET", files[i].path, NULL);
		char *icon =
		    strstr(got.body, "http://www.w3.org/2000/svg"); /* a name, not an address */
		if (icon != NULL)
			memset(icon, ' ', 7);
		for (size_t j = 0; j < sizeof foreign / sizeof *foreign; j++)
			assert_null(strstr(got.body, foreign[j]));
	}
}

static void test_clock(void **state)
{
	(void)state;
	ask("GET", "/console/clock.json", NULL);
	assert_int_equal(got.status, 200);
	assert_non_null(strstr(got.body, "\"is_public\":false"));
	assert_non_null(strstr(got.body, "\"zone\":\"Europe/Berlin\""));
	assert_non_null(strstr(got.body, "\"scale\":1"));
	config.allow_public_page = true;
	ask("GET", "/console/clock.json", NULL);
	assert_non_null(strstr(got.body, "\"is_public\":true"));
}

static void test_nothing_else(void **state)
{
	(void)state;
	static const char *const others[] = {"/console/", "/console/index.html",
	    "/console/../api.c", "/console/%2e%2e/api.c", "/consoleX",
	    "/notifier/app/console/console.js", "/console/console.js/"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		ask("GET", others[i], NULL);
		assert_int_equal(got.status, 404);
	}
	ask("POST", "/", NULL);
	assert_int_equal(got.status, 405);
	assert_string_equal(got.allow, "GET, HEAD");
	ask("HEAD", "/", NULL);
	assert_int_equal(got.status, 200);
	assert_string_equal(got.body, "");
}

static int open_all(void **state)
{
	(void)state;
	struct err err;
	struct http_server_options options = {
	    .listen = "127.0.0.1:0", .handle = api_handle, .context = &world};
	loop_start();
	world.config = &config;
	world.http = http_client_new();
	world.server = http_server_open(&options, &err);
	return world.server ? 0 : -1;
}

static int close_all(void **state)
{
	(void)state;
	http_server_close(&world.server);
	http_client_free(&world.http);
	loop_drain();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_nothing_comes_from_elsewhere),
	    cmocka_unit_test(test_clock),
	    cmocka_unit_test(test_nothing_else),
	};
	return cmocka_run_group_tests(tests, open_all, close_all);
}
