/* What the adapters' tests share: fixtures, one-line polls and webhooks, the corpus of real answers
 * where it lies beside the checkout, and the property that no beginning of a body does harm.
 */
#ifndef TESTS_CARRIER_KIT_H
#define TESTS_CARRIER_KIT_H
#include <glob.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "carriers/carrier.h"
#include "carriers/carrier_json.h"
#include "carriers/report_json.h"

#define FIXTURES "tests/fixtures/carriers/"
#define CORPUS   "../shared/carriers/corpus/"
#define UNUSED   __attribute__((unused))

struct kit { /* one parse; kit_end releases it */
	struct arena *arena;
	struct report_set set;
	struct carrier_reply reply;
	struct err err;
	bool done;
};

static const struct carrier_settings kit_no_settings;

static struct kit kit_begin(void)
{
	struct kit kit = {.arena = arena_new()};
	report_set_init(&kit.set, kit.arena);
	return kit;
}

static void kit_end(struct kit *kit)
{
	arena_free(&kit->arena);
}

/* asked: numbers with a comma between, NULL for none */
static struct kit kit_poll(
    const struct carrier *carrier, const char *asked, int status, struct str body)
{
	struct kit kit = kit_begin();
	const char *numbers[32];
	struct carrier_poll poll = {.settings = &kit_no_settings, .numbers = numbers};
	struct str rest = str_of(asked), head;
	while (rest.at != NULL) {
		rest = str_cut(rest, ',', &head);
		numbers[poll.count++] = arena_strndup(kit.arena, head.at, head.len);
	}
	kit.done =
	    carrier->poll_read(&poll, &(struct carrier_answer){status, body}, &kit.set, &kit.err);
	assert_true(kit.done || kit.err.kind != ERR_NONE);
	return kit;
}

UNUSED static struct kit kit_poll_text(
    const struct carrier *carrier, const char *asked, int status, const char *body)
{
	return kit_poll(carrier, asked, status, str_of(body));
}

static struct kit kit_hook(const struct carrier *carrier, struct str body)
{
	struct kit kit = kit_begin();
	struct carrier_hook hook = {.method = "POST", .url = "/", .body = body};
	kit.done = carrier->hook_read(&hook, &kit.set, &kit.reply, &kit.err);
	assert_true(kit.done || kit.err.kind == ERR_INPUT);
	return kit;
}

static char *kit_read(const char *path)
{
	struct buf buf = BUF_EMPTY(0);
	char chunk[4096];
	FILE *file = fopen(path, "rb");
	if (file == NULL)
		return NULL;
	for (size_t got; (got = fread(chunk, 1, sizeof chunk, file)) > 0;)
		buf_add(&buf, chunk, got);
	fclose(file);
	return buf_take(&buf);
}

UNUSED static struct kit kit_poll_file(
    const struct carrier *carrier, const char *asked, int status, const char *path)
{
	char *body = kit_read(path);
	assert_non_null(body);
	struct kit kit = kit_poll(carrier, asked, status, str_of(body));
	xfree(body);
	return kit;
}

/* Every beginning of every fixture, in a block of just its size so that a sanitizer sees the first
 * byte read behind it. */
UNUSED static void kit_prefixes(const struct carrier *carrier, const char *pattern)
{
	glob_t found;
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char *body = kit_read(found.gl_pathv[i]);
		size_t size = strlen(body);
		for (size_t length = 0; length <= size; length += size > 4000 ? 3 : 1) {
			char *part = xmalloc(length);
			memcpy(part, body, length);
			if (carrier->poll_read != NULL) {
				struct kit kit =
				    kit_poll(carrier, "a,b", 200, str_make(part, length));
				kit_end(&kit);
				kit = kit_poll(carrier, "a", 500, str_make(part, length));
				assert_true(kit.done);
				kit_end(&kit);
			}
			if (carrier->hook_read != NULL) {
				struct kit kit = kit_hook(carrier, str_make(part, length));
				kit_end(&kit);
			}
			xfree(part);
		}
		xfree(body);
	}
	globfree(&found);
}

/* What no adapter may take for an answer. */
UNUSED static void kit_garbage(const struct carrier *carrier)
{
	static char deep[80000];
	memset(deep, '[', sizeof deep - 1);
	char *login = kit_read(FIXTURES "login.html");
	const char *bodies[] = {"", " \n", "null", "7", "\"text\"", "{}", "[]", "{\"a\":1,\"a\":2}",
	    login, deep, "{\"shipments\":{},\"trackings\":0,\"output\":[],\"trackResults\":\"x\"}",
	    "{\"a\":\"\\u0000\"}", "{\"a\":\"\xff\xfe\"}", "{\"a\":1e999}",
	    "{\"n\":99999999999999999999999}"};
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		struct kit kit;
		if (carrier->poll_read != NULL) {
			kit = kit_poll_text(carrier, "a", 200, bodies[i]);
			assert_false(kit.done);
			assert_int_equal(kit.err.kind, ERR_INPUT);
			assert_non_null(strstr(kit.err.text, carrier->name));
			kit_end(&kit);
		}
		if (carrier->hook_read != NULL) {
			kit = kit_hook(carrier, str_of(bodies[i]));
			assert_false(kit.done);
			assert_non_null(strstr(kit.err.text, carrier->name));
			kit_end(&kit);
		}
	}
	xfree(login);
}

/* --- signatures ------------------------------------------------------------------------------ */

UNUSED static bool kit_verify(const struct carrier *carrier, const char *header, const char *value,
    const char *body, struct carrier_settings settings)
{
	struct carrier_header headers[] = {{"Content-Type", "application/json"}, {header, value}};
	struct carrier_hook hook = {
	    .headers = headers, .header_count = value ? 2 : 1, .body = str_of(body)};
	return carrier->hook_verify(&settings, &hook);
}

/* --- the corpus ------------------------------------------------------------------------------ */

static size_t kit_count_fields(const json_t *value)
{
	size_t count = json_is_array(value) || json_is_object(value) ? 0 : 1, i;
	const char *key;
	json_t *item, *object;
	json_array_foreach(value, i, item) count += kit_count_fields(item);
	memcpy(&object, &value, sizeof object); /* jansson's iterator wants it without const */
	json_object_foreach(object, key, item) count += kit_count_fields(item);
	return count;
}

static json_t *kit_corpus_run(
    const struct carrier *carrier, const char *raw, const json_t *meta, const json_t *expected)
{
	struct kit kit;
	if (json_is_array(expected)) {
		struct buf asked = BUF_EMPTY(0);
		size_t i;
		const json_t *number;
		json_array_foreach(json_object_get(meta, "asked"), i, number)
		    buf_printf(&asked, "%s%s", i > 0 ? "," : "", json_string_value(number));
		kit = kit_poll_text(carrier, buf_text(&asked),
		    (int)json_integer_value(json_object_get(meta, "http_status")), raw);
		buf_free(&asked);
	} else {
		json_auto_t *request = json_loads(raw, 0, NULL);
		const char *secret = json_string_value(json_object_get(expected, "secret"));
		struct carrier_settings settings = {
		    .hook_secrets = &secret, .hook_secret_count = 1};
		struct carrier_header headers[16];
		struct carrier_hook hook = {.headers = headers,
		    .body = str_of(json_string_value(json_object_get(request, "body")))};
		const char *name;
		json_t *value;
		json_object_foreach(json_object_get(request, "headers"), name, value)
		    headers[hook.header_count++] =
		        (struct carrier_header){name, json_string_value(value)};
		bool valid = carrier->hook_verify(&settings, &hook);
		assert_int_equal(valid, json_is_true(json_object_get(expected, "signature_valid")));
		kit = kit_hook(carrier, hook.body);
		if (!valid)
			kit.set.count = 0;
	}
	assert_true(kit.done);
	json_t *got = report_set_to_json(&kit.set);
	kit_end(&kit);
	return got;
}

static size_t kit_corpus_case(const struct carrier *carrier, const char *expected_path)
{
	char path[512];
	int stem = (int)(strlen(expected_path) - strlen(".expected.json"));
	snprintf(path, sizeof path, "%.*s.meta.json", stem, expected_path);
	json_auto_t *meta = json_load_file(path, 0, NULL);
	json_auto_t *expected = json_load_file(expected_path, 0, NULL);
	snprintf(path, sizeof path, "%.*s.json", stem, expected_path);
	char *raw = kit_read(path);
	assert_non_null(raw);
	json_auto_t *got = kit_corpus_run(carrier, raw, meta, expected);
	const json_t *wanted =
	    json_is_array(expected) ? expected : json_object_get(expected, "trackings");
	xfree(raw);
	if (!json_equal(got, wanted)) {
		char *text = json_dumps(got, JSON_INDENT(1));
		print_error("%s: got %s\n", expected_path, text);
		free(text);
		fail();
	}
	return kit_count_fields(wanted);
}

/* Compares every field of every case; skips, visibly, where the corpus is not there. */
UNUSED static void kit_corpus(const struct carrier *carrier)
{
	char pattern[256];
	glob_t found;
	size_t fields = 0;
	snprintf(pattern, sizeof pattern, CORPUS "%s/*.expected.json", carrier->name);
	if (glob(pattern, 0, NULL, &found) != 0) {
		print_message("%s: no corpus at " CORPUS ", SKIPPED\n", carrier->name);
		skip();
	}
	for (size_t i = 0; i < found.gl_pathc; i++)
		fields += kit_corpus_case(carrier, found.gl_pathv[i]);
	print_message(
	    "%s: %zu corpus cases, %zu fields equal\n", carrier->name, found.gl_pathc, fields);
	globfree(&found);
}
#endif
