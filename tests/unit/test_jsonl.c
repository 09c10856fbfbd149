#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "notifier/app/jsonl.h"
#include "notifier/app/options.h"

/* Echoes "text"; fails where "fail" says so; "broken" puts invalid UTF-8 into the answer. */
static bool each(struct jsonl_line *line, void *context)
{
	struct str text = {NULL, 0};
	bool fail = false, broken = false;
	json_t *data = NULL;
	++*(int *)context;
	if (!jsonl_get_text(line, "text", &text) || !jsonl_get_bool(line, "fail", &fail) ||
	    !jsonl_get_bool(line, "broken", &broken) || !jsonl_get_object(line, "data", &data))
		return false;
	json_object_set_new(
	    line->out, "text", text.at ? json_stringn(text.at, text.len) : json_null());
	if (broken)
		json_object_set_new(line->out, "text", json_string_nocheck("\xff"));
	line->line = 3;
	line->column = 7;
	return !fail || err_set(&line->err, ERR_INPUT, "it failed");
}

struct outcome {
	int code, calls;
	char text[4096];
};

/* Temporary files rather than pipes: a test that hangs proves nothing. */
static struct outcome run_bytes(const char *bytes, size_t len)
{
	struct outcome outcome = {0, 0, ""};
	FILE *in = tmpfile(), *out = tmpfile();
	assert_non_null(in);
	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, len, in), len);
	rewind(in);
	assert_int_equal(lseek(fileno(in), 0, SEEK_SET), 0);
	outcome.code = jsonl_run("test", fileno(in), out, each, &outcome.calls);
	rewind(out);
	size_t got = fread(outcome.text, 1, sizeof outcome.text - 1, out);
	outcome.text[got] = '\0';
	fclose(in);
	fclose(out);
	return outcome;
}

static const struct {
	const char *in, *out;
	int code;
} cases[] = {
    {"", "", 0},
    {"\n \r\n\t\n", "", 0},
    {"{}", "{\"id\":null,\"text\":null}\n", 0},
    {"{\"id\":1,\"text\":\"a\"}\n", "{\"id\":1,\"text\":\"a\"}\n", 0},
    {"{\"id\":\"x\"}\r\n{\"id\":[1]}", "{\"id\":\"x\",\"text\":null}\n{\"id\":[1],\"text\":null}\n",
        0},
    {"{\"id\":null,\"text\":null}\n", "{\"id\":null,\"text\":null}\n", 0},
    {"{\"id\":1,\"text\":\"a\\u0000b\"}", "{\"id\":1,\"text\":\"a\\u0000b\"}\n", 0},
    {"{\"id\":2,\"fail\":true}\n{\"id\":3}\n",
        "{\"id\":2,\"error\":{\"message\":\"it failed\",\"line\":3,\"column\":7}}\n"
        "{\"id\":3,\"text\":null}\n",
        1},
    {"[]\n", "{\"id\":null,\"error\":{\"message\":\"expected a JSON object {…}\"}}\n", 1},
    {"\"id\"\n", "{\"id\":null,\"error\":{\"message\":\"expected a JSON object {…}\"}}\n", 1},
    {"{\"id\":4,\"text\":5}",
        "{\"id\":4,\"error\":{\"message\":\"\\\"text\\\" must be a text\"}}\n", 1},
    {"{\"id\":4,\"fail\":\"yes\"}",
        "{\"id\":4,\"error\":{\"message\":\"\\\"fail\\\" must be true or false\"}}\n", 1},
    {"{\"id\":4,\"data\":[]}",
        "{\"id\":4,\"error\":{\"message\":\"\\\"data\\\" must be an object\"}}\n", 1},
    {"{\"id\":5,\"broken\":true}",
        "{\"id\":5,\"error\":{\"message\":\"the result is not valid UTF-8\",\"line\":3,"
        "\"column\":7}}\n",
        1},
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct outcome outcome = run_bytes(cases[i].in, strlen(cases[i].in));
		assert_string_equal(outcome.text, cases[i].out);
		assert_int_equal(outcome.code, cases[i].code);
	}
}

/* Whatever comes in: one line with an error, and the next line is answered. */
static void test_garbage(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t len;
	} garbage[] = {{"{", 1}, {"}{", 2}, {"{\"id\":1}{\"id\":2}", 16}, {"\xff\xfe", 2},
	    {"a\0b", 3}, {"{\"id\":\"\xc3\x28\"}", 10}, {"{\"id\":1,\"id\":2}", 15},
	    {"{\"id\":1e400}", 12}, {"{\"id\":\"\\ud800\"}", 15},
	    {"{\"id\":99999999999999999999}", 27}, {"<html>", 6}};
	for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
		char bytes[100];
		memcpy(bytes, garbage[i].bytes, garbage[i].len);
		memcpy(bytes + garbage[i].len, "\n{\"id\":7}\n", 10);
		struct outcome outcome = run_bytes(bytes, garbage[i].len + 10);
		assert_int_equal(outcome.code, EXIT_FAILED);
		assert_int_equal(outcome.calls, 1);
		assert_memory_equal(
		    outcome.text, "{\"id\":null,\"error\":{\"message\":\"not JSON", 37);
		assert_non_null(strstr(outcome.text, "\n{\"id\":7,\"text\":null}\n"));
	}
}

static void test_line_too_long(void **state)
{
	(void)state;
	size_t len = JSONL_LINE_BYTES + 300000;
	char *bytes = xmalloc(len + 20);
	memset(bytes, ' ', len);
	memcpy(bytes + len, "\n{\"id\":1}\n", 10);
	struct outcome outcome = run_bytes(bytes, len + 10);
	xfree(bytes);
	assert_int_equal(outcome.code, EXIT_FAILED);
	assert_string_equal(outcome.text,
	    "{\"id\":null,\"error\":{\"message\":\"the line is longer than 8388608 bytes\"}}\n"
	    "{\"id\":1,\"text\":null}\n");
}

static void test_deep_nesting(void **state)
{
	(void)state;
	enum { DEPTH = 100000 };
	char *bytes = xmalloc(DEPTH);
	memset(bytes, '[', DEPTH);
	struct outcome outcome = run_bytes(bytes, DEPTH);
	xfree(bytes);
	assert_int_equal(outcome.code, EXIT_FAILED);
	assert_int_equal(outcome.calls, 0);
}

/* Somebody who writes one line and waits for the answer gets it. */
static void test_conversation(void **state)
{
	(void)state;
	int in[2], out[2], calls = 0;
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(in[1]);
		FILE *answers = fdopen(out[1], "w");
		_exit(answers ? jsonl_run("test", in[0], answers, each, &calls) : 9);
	}
	char answer[64] = "";
	assert_int_equal(write(in[1], "{\"id\":1}\n", 9), 9);
	assert_true(read(out[0], answer, sizeof answer - 1) > 0);
	assert_string_equal(answer, "{\"id\":1,\"text\":null}\n");
	close(in[1]);
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, EXIT_DONE);
	close(in[0]);
	close(out[0]);
	close(out[1]);
}

static void test_output_that_fails(void **state)
{
	(void)state;
	FILE *full = fopen("/dev/full", "w"), *in = tmpfile();
	int calls = 0;
	if (full == NULL)
		skip();
	fputs("{}\n", in);
	fflush(in);
	lseek(fileno(in), 0, SEEK_SET);
	assert_int_equal(jsonl_run("test", fileno(in), full, each, &calls), EXIT_FAILED);
	fclose(in);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_garbage),
	    cmocka_unit_test(test_line_too_long),
	    cmocka_unit_test(test_deep_nesting),
	    cmocka_unit_test(test_conversation),
	    cmocka_unit_test(test_output_that_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
