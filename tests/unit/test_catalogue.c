/* The catalogue: the tree that the program ships, trees with mistakes, and hostile values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "notifier/message/catalogue.h"

#define FILES_MOST 400
static struct catalogue_file files[FILES_MOST];
static size_t files_count;

static void read_file(const char *path)
{
	char whole[512];
	snprintf(whole, sizeof whole, "templates/%s", path);
	FILE *file = fopen(whole, "rb");
	assert_non_null(file);
	char *bytes = xmalloc(100000);
	size_t len = fread(bytes, 1, 100000, file);
	fclose(file);
	assert_true(files_count < FILES_MOST);
	files[files_count++] = (struct catalogue_file){xstrdup(path), str_make(bytes, len)};
}

static void read_tree(const char *folder)
{
	char path[300];
	snprintf(path, sizeof path, "templates/%s", folder);
	DIR *dir = opendir(path);
	assert_non_null(dir);
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", entry->d_name);
		if (entry->d_type == DT_DIR)
			read_tree(path);
		else
			read_file(path);
	}
	closedir(dir);
}

struct seen {
	int errors, warnings;
	char last[1024]; /* "path:line:column: id text" */
};

static void remember(void *context, const struct catalogue_finding *what)
{
	struct seen *seen = context;
	seen->errors += what->is_error;
	seen->warnings += !what->is_error;
	snprintf(seen->last, sizeof seen->last, "%s:%d:%d: %s %s", what->path, what->line,
	    what->column, what->id, what->text);
	if (seen->errors + seen->warnings < 40 && what->is_error)
		print_message("    %s\n", seen->last);
}

static struct catalogue *shipped;

static int set_up(void **state)
{
	(void)state;
	struct seen seen = {0};
	struct catalogue_report report = {remember, &seen};
	read_tree("");
	shipped = catalogue_load(files, files_count, &report);
	print_message(
	    "%zu files, %d errors, %d warnings\n", files_count, seen.errors, seen.warnings);
	return shipped == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	catalogue_unref(&shipped);
	for (size_t i = 0; i < files_count; i++) {
		xfree((void *)(uintptr_t)files[i].path);
		xfree((void *)(uintptr_t)files[i].bytes.at);
	}
	return 0;
}

#define NOW_MS INT64_C(1772681700000) /* 2026-03-05T09:05+05:30 */

static struct catalogue_request request_for(const char *language, const char *event)
{
	return (struct catalogue_request){
	    .language = language, .event = event, .zone = "Asia/Kolkata", .now_ms = NOW_MS};
}

static const char *const events[] = {"shipped", "out_for_delivery", "delivered",
    "available_for_pickup", "attempt_failed", "delayed", "delay_predicted", "delay_over", "stalled",
    "customs_hold", "duties_due", "exception", "returning", "returned", "corrected", "closed",
    "feedback_request"};

static void test_every_event(void **state)
{
	(void)state;
	static const char *const languages[] = {"en", "gu", "ka", "bn", "hi"};
	struct arena *arena = arena_new();
	for (size_t i = 0; i < 5 * (sizeof events / sizeof *events); i++) {
		const char *event = events[i / 5];
		struct catalogue_request request = request_for(languages[i % 5], event);
		for (int optional = 0; optional < 2; optional++) {
			struct rendered out;
			struct err err;
			json_t *data = catalogue_sample(shipped, event, optional);
			assert_non_null(data);
			request.data = data;
			if (!catalogue_render(shipped, &request, &out, arena, &err))
				fail_msg("%s: %s", event, err.text);
			assert_null(out.missing);
			assert_true(*out.subject && *out.preheader && *out.sms);
			assert_null(strstr(out.html, "{{"));
			assert_null(strstr(out.html, "<!-- raw"));
			assert_null(strstr(out.text, "  \n"));
			assert_non_null(strstr(out.html, "SWX2203944"));
			assert_non_null(strstr(out.text, "SWX2203944"));
			assert_true(out.sms_size.segments <= 2);
			json_decref(data);
		}
		arena_reset(arena);
	}
	arena_free(&arena);
}

static void test_one_whole(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct rendered out;
	struct catalogue_request request = request_for("en", "shipped");
	json_t *data = catalogue_sample(shipped, "shipped", true);
	request.data = data;
	assert_true(catalogue_render(shipped, &request, &out, arena, NULL));
	assert_string_equal(out.subject, "Your parcel from Anaya Crafts is on its way");
	assert_string_equal(
	    out.preheader, "Expected tomorrow (Friday, March 6) between 2 pm and 4 pm.");
	assert_string_equal(out.sms,
	    "Anaya Crafts: your parcel is on its way with Swift Courier. Expected tomorrow 2-4 pm. "
	    "Track: https://t.anaya.in/t7Qx2");
	assert_int_equal(out.sms_size.segments, 1);
	assert_string_equal(out.text,
	    "Hello Asha,\n\nGood news: your parcel is with Swift Courier and moving.\n\n"
	    "We expect it tomorrow (Friday, March 6) between 2 pm and 4 pm.\n\n"
	    "There is nothing you need to do. If anything changes, you will hear it from us "
	    "first.\n\n"
	    "Track your parcel: https://t.anaya.in/t7Qx2\n\nThank you,\nAnaya Crafts\n\n-- \n"
	    "Tracking number: SWX2203944\nCarrier: Swift Courier\nOrder: 1042\n\n"
	    "You receive this because you ordered from Anaya Crafts.\n"
	    "Choose which updates you get: https://t.anaya.in/p7Qx2\n");
	assert_non_null(strstr(out.html, "<a href=\"https://t.anaya.in/t7Qx2\""));
	json_decref(data);
	arena_free(&arena);
}

static void test_choice(void **state)
{
	(void)state;
	static const struct {
		const char *language, *fallback, *event, *reason, *taken, *subject;
	} cases[] = {
	    {"hi-IN", NULL, "shipped", NULL, "hi", NULL},
	    {"pt-BR", "ka", "shipped", NULL, "ka", NULL},
	    {"pt-BR", "xx", "shipped", NULL, "en", NULL},
	    {NULL, NULL, "shipped", NULL, "en", NULL},
	    {"HI", NULL, "shipped", NULL, "hi", NULL},
	    {"hi", NULL, "corrected", NULL, "en", NULL}, /* not translated: English throughout */
	    {"en", NULL, "exception", "damaged", "en", "Your parcel from Anaya Crafts was damaged"},
	    {"en", NULL, "exception", "weather", "en",
	        "Something is holding up your parcel from Anaya Crafts"},
	    {"en", NULL, "exception", "../x", "en",
	        "Something is holding up your parcel from Anaya Crafts"},
	};
	struct arena *arena = arena_new();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct catalogue_request request = request_for(cases[i].language, cases[i].event);
		json_t *data = catalogue_sample(shipped, cases[i].event, true);
		struct rendered out;
		request.fallback = cases[i].fallback;
		request.reason = cases[i].reason;
		request.data = data;
		assert_true(catalogue_render(shipped, &request, &out, arena, NULL));
		assert_string_equal(out.language, cases[i].taken);
		if (cases[i].subject != NULL)
			assert_string_equal(out.subject, cases[i].subject);
		json_decref(data);
	}
	struct rendered out;
	struct err err;
	struct catalogue_request none = request_for("en", "nosuch");
	assert_false(catalogue_render(shipped, &none, &out, arena, &err));
	assert_int_equal(err.kind, ERR_PERMANENT);
	arena_free(&arena);
}

static void test_reason_and_branches(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct rendered out;
	struct catalogue_request request = request_for("en", "delayed");
	json_t *data = catalogue_sample(shipped, "delayed", true);
	request.data = data;
	request.reason = "weather";
	assert_true(catalogue_render(shipped, &request, &out, arena, NULL));
	assert_non_null(strstr(out.text, "Reason: bad weather."));
	request.reason = "other";
	assert_true(catalogue_render(shipped, &request, &out, arena, NULL));
	assert_null(strstr(out.text, "Reason"));
	json_decref(data);

	request = request_for("en", "corrected");
	request.data = data = catalogue_sample(shipped, "corrected", true);
	assert_true(catalogue_render(shipped, &request, &out, arena, NULL));
	assert_non_null(strstr(out.subject, "Not delivered after all"));
	json_object_set_new(data, "withdrawn", json_string("out_for_delivery"));
	assert_true(catalogue_render(shipped, &request, &out, arena, NULL));
	assert_non_null(strstr(out.subject, "Not today after all"));
	json_object_del(data, "withdrawn");
	assert_true(catalogue_render(shipped, &request, &out, arena, NULL));
	assert_string_equal(out.missing, "withdrawn");
	json_decref(data);
	arena_free(&arena);
}

/* The code stands for the sign only where that makes the SMS GSM-7. */
static void test_money_in_sms(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct rendered out;
	json_t *data = catalogue_sample(shipped, "duties_due", true);
	struct catalogue_request request = request_for("en", "duties_due");
	request.data = data;
	request.locale = "en-IN";
	assert_true(catalogue_render(shipped, &request, &out, arena, NULL));
	assert_non_null(strstr(out.sms, "INR 1,499.50"));
	assert_int_equal(out.sms_size.encoding, SMS_GSM7);
	assert_non_null(strstr(out.text, "\u20b91,499.50"));
	assert_non_null(strstr(out.text, "8 March"));
	request.language = "hi";
	assert_true(catalogue_render(shipped, &request, &out, arena, NULL));
	assert_non_null(strstr(out.sms, "\u20b91,499.50"));
	json_decref(data);
	arena_free(&arena);
}

static void test_hostile_values(void **state)
{
	(void)state;
	static const char *const evil[] = {"<script>alert(1)</script>", "[x](http://evil.test)",
	    "\"><img src=x onerror=y>", "{{ store.name }}{% if %}", "a\r\nBcc: b@c.test",
	    "\u202egnp.exe", "# x\n\n- y", "javascript:alert(1)", "https://x.test/\"><b>"};
	struct arena *arena = arena_new();
	for (size_t i = 0; i < sizeof evil / sizeof *evil; i++) {
		json_t *data = catalogue_sample(shipped, "delivered", true);
		json_object_set_new(json_object_get(data, "store"), "name", json_string(evil[i]));
		json_object_set_new(
		    json_object_get(data, "delivered"), "place", json_string(evil[i]));
		json_object_set_new(json_object_get(data, "links"), "track", json_string(evil[i]));
		struct catalogue_request request = request_for("en", "delivered");
		struct rendered out;
		request.data = data;
		assert_true(catalogue_render(shipped, &request, &out, arena, NULL));
		assert_null(strstr(out.html, "<script>"));
		assert_null(strstr(out.html, "<img"));
		assert_null(strstr(out.html, "<b>"));
		assert_null(strstr(out.html, "href=\"http://evil.test"));
		assert_null(strstr(out.html, "href=\"javascript"));
		assert_null(strpbrk(out.subject, "\r\n"));
		assert_null(strpbrk(out.sms, "\r\n"));
		assert_null(strstr(out.subject, "\u202e"));
		json_decref(data);
		arena_reset(arena);
	}
	struct rendered out;
	struct catalogue_request empty = request_for("en", "delivered");
	assert_true(catalogue_render(shipped, &empty, &out, arena, NULL)); /* no data at all */
	assert_string_equal(out.missing, "store.name");
	arena_free(&arena);
}

static const struct {
	const char *path, *bytes, *says; /* says: how the last error begins and what it holds */
	const char *holds;
} mistakes[] = {
    {"en/shipped.md", "---\nsubject: \"{{ store.nmae }}\"\n---\nx\n", "en/shipped.md:2:14: T02",
        "did you mean \"store.name\""},
    {"en/shipped.md", "---\nsubject: {{ x }}\n---\nx\n", "en/shipped.md:2:", ""},
    {"en/shipped.md", "---\nsubjcet: x\n---\nx\n", "en/shipped.md:2:10: T01", "\"subject\""},
    {"en/shipped.md", "---\nsubject: a\n---\n\n {{ store.name | upcsae }}\n",
        "en/shipped.md:5:18: T01", "\"upcase\""},
    {"en/shipped.md", "---\nsubject: a\npreheader: a\ncta: a\nsms: a\n---\n\n",
        "en/shipped.md:0:0: T06", "empty"},
    {"en/shipped.md", "---\nsubject: a\n---\nx\n", "en/shipped.md:0:0: T03", "is missing"},
    {"en/shipped.md", "no front matter", "en/shipped.md:1:1: T01", "front matter"},
    {"en/shipped.md", "---\nsubject: a\nsubject: b\n---\nx", "en/shipped.md:3:", "already"},
    {"en/shiped.md", "---\n---\n", "en/shiped.md:0:0: T02", "\"shipped\""},
    {"en/exception_lots.md", "---\n---\n", "en/exception_lots.md:0:0: T02", "no event"},
    {"xx/shipped.md", "---\n---\n", "xx/shipped.md:0:0: T03", "xx/_language.yaml"},
    {"en/_language.yaml", "nmae: x\n", "en/_language.yaml:", ""},
    {"en/_language.yaml", "name: x\n", "en/_language.yaml:0:0: T03", "words."},
    {"layout.html", "{{ body | raw }}{{ greting }}", "layout.html:1:20: T02", "\"greeting\""},
    {"layout.txt", "{% if %}", "layout.txt:1:", ""},
    {"contract.json", "{", "contract.json:1:", ""},
    {"contract.json", "{}", "contract.json:0:0: T01", "no events"},
    {"samples/x.json", "[1,", "samples/x.json:1:", ""},
};

static void test_mistakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
		struct seen seen = {0};
		struct catalogue_report report = {remember, &seen};
		files[files_count] =
		    (struct catalogue_file){mistakes[i].path, str_of(mistakes[i].bytes)};
		struct catalogue *catalogue = catalogue_load(files, files_count + 1, &report);
		assert_null(catalogue);
		assert_true(seen.errors > 0);
		if (strncmp(seen.last, mistakes[i].says, strlen(mistakes[i].says)) != 0 ||
		    strstr(seen.last, mistakes[i].holds) == NULL)
			fail_msg("\"%s\" instead of %s", seen.last, mistakes[i].says);
	}
	assert_null(catalogue_load(NULL, 0, NULL));
}

static void test_overlay(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	struct rendered out;
	struct seen seen = {0};
	struct catalogue_report report = {remember, &seen};
	files[files_count] = (struct catalogue_file){"en/shipped.md",
	    str_of("---\nsubject: Mine\npreheader: \"p {% render 'x', n: store.name %}\"\ncta: c\n"
	           "sms: s\ndlt:\n  template_id: '1107'\n---\n{{ recipient.name }}\n")};
	files[files_count + 1] = (struct catalogue_file){"snippets/x.liquid", str_of("<{{ n }}>")};
	struct catalogue *mine = catalogue_load(files, files_count + 2, &report);
	assert_non_null(mine);
	assert_non_null(strstr(seen.last, "T20")); /* recipient.name may be absent */
	struct catalogue *held = catalogue_ref(mine);
	catalogue_unref(&mine);
	json_t *data = catalogue_sample(held, "hostile-values", true);
	struct catalogue_request request = request_for("en", "shipped");
	request.data = data;
	assert_true(catalogue_render(held, &request, &out, arena, NULL));
	assert_string_equal(out.subject, "Mine");
	assert_string_equal(out.dlt_template_id, "1107");
	assert_non_null(strstr(out.preheader, "p <Shop <b>"));
	assert_int_equal(catalogue_count(held), catalogue_count(shipped));
	assert_non_null(catalogue_phrases(held, "gu-IN"));
	assert_null(catalogue_phrases(held, "xx"));
	json_decref(data);
	catalogue_unref(&held);
	assert_null(held);
	arena_free(&arena);
}

static void test_lint(void **state)
{
	(void)state;
	struct seen seen = {0};
	struct catalogue_report report = {remember, &seen};
	assert_true(catalogue_lint(shipped, &report));
	print_message("lint: %d warnings, last: %s\n", seen.warnings, seen.last);
}

/* Prints what a whole message costs; a mail a millisecond would be ten times too slow. */
static void test_speed(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	json_t *data = catalogue_sample(shipped, "delayed", true);
	struct catalogue_request request = request_for("gu", "delayed");
	struct timespec start, end;
	request.data = data;
	request.reason = "weather";
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < 1000; i++) {
		struct rendered out;
		assert_true(catalogue_render(shipped, &request, &out, arena, NULL));
		arena_reset(arena);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	double us =
	    (double)(end.tv_sec - start.tv_sec) * 1e3 + (double)(end.tv_nsec - start.tv_nsec) / 1e6;
	print_message("one message, mail and SMS: %.1f us\n", us);
	json_decref(data);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_event),
	    cmocka_unit_test(test_one_whole),
	    cmocka_unit_test(test_choice),
	    cmocka_unit_test(test_reason_and_branches),
	    cmocka_unit_test(test_money_in_sms),
	    cmocka_unit_test(test_hostile_values),
	    cmocka_unit_test(test_mistakes),
	    cmocka_unit_test(test_overlay),
	    cmocka_unit_test(test_lint),
	    cmocka_unit_test(test_speed),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
