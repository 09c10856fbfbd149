#include "notifier/app/cmd_parse.h"

#include <stdio.h>
#include <unistd.h>

#include "carriers/carrier.h"
#include "carriers/report_json.h"
#include "notifier/app/options.h"
#include "notifier/base/when.h"

/* --- a line in ------------------------------------------------------------------------------- */

static bool read_base64(struct jsonl_line *line, const json_t *encoded, struct str *out)
{
	size_t length = json_string_length(encoded);
	char *bytes = arena_alloc(line->arena, 3 * (length / 4) + 3);
	long size = base64_decode(bytes, str_make(json_string_value(encoded), length));
	if (size < 0)
		return err_set(&line->err, ERR_INPUT, "\"body_base64\" is no base64");
	*out = str_make(bytes, (size_t)size);
	return true;
}

static bool read_body(struct jsonl_line *line, const json_t *object, struct str *out)
{
	const json_t *body = json_object_get(object, "body");
	const json_t *encoded = json_object_get(object, "body_base64");
	if (json_is_string(encoded))
		return read_base64(line, encoded, out);
	if (!json_is_string(body))
		return err_set(
		    &line->err, ERR_INPUT, "\"body\" (a text) or \"body_base64\" is missing");
	*out = str_make(json_string_value(body), json_string_length(body));
	return true;
}

static bool read_asked(struct jsonl_line *line, struct carrier_poll *poll)
{
	const json_t *asked = json_object_get(line->in, "asked"), *number;
	if (asked != NULL && !json_is_array(asked) && !json_is_null(asked))
		return err_set(
		    &line->err, ERR_INPUT, "\"asked\" must be a list of tracking numbers");
	const char **numbers = arena_array(line->arena, json_array_size(asked), sizeof *numbers);
	size_t i;
	json_array_foreach(asked, i, number)
	{
		if (!json_is_string(number))
			return err_set(&line->err, ERR_INPUT, "\"asked\" must be a list of texts");
		numbers[poll->count++] = json_string_value(number);
	}
	poll->numbers = numbers;
	return true;
}

static bool read_headers(struct jsonl_line *line, const json_t *request, struct carrier_hook *hook)
{
	json_t *object = json_object_get(request, "headers"), *value;
	const char *name;
	struct carrier_header *headers =
	    arena_array(line->arena, json_object_size(object), sizeof *headers);
	json_object_foreach(object, name, value)
	{
		if (!json_is_string(value))
			return err_set(
			    &line->err, ERR_INPUT, "header \"%.60s\" must be a text", name);
		headers[hook->header_count++] =
		    (struct carrier_header){name, json_string_value(value)};
	}
	hook->headers = headers;
	return true;
}

/* Left out: signatures have no time window (a replayed file is old). */
static bool read_now(struct jsonl_line *line, int64_t *now_ms)
{
	struct str now = {NULL, 0};
	struct when when;
	if (!jsonl_get_text(line, "now", &now))
		return false;
	if (now.at == NULL)
		return true;
	if (!when_parse(now, &when))
		return err_set(
		    &line->err, ERR_INPUT, "\"now\" must be an instant like 2026-03-06T14:05:00Z");
	*now_ms = when_instant(&when, 0);
	return true;
}

/* --- the two kinds --------------------------------------------------------------------------- */

static bool parse_poll(const struct carrier *carrier, struct jsonl_line *line)
{
	const struct carrier_settings settings = {0};
	struct carrier_poll poll = {.settings = &settings};
	struct carrier_answer answer = {.status = 200};
	const json_t *status = json_object_get(line->in, "status");
	if (carrier->poll_read == NULL)
		return err_set(&line->err, ERR_INPUT, "%s cannot be polled", carrier->name);
	if (json_is_integer(status))
		answer.status = (int)json_integer_value(status);
	if (!read_body(line, line->in, &answer.body) || !read_asked(line, &poll))
		return false;
	struct report_set set;
	report_set_init(&set, line->arena);
	if (!carrier->poll_read(&poll, &answer, &set, &line->err))
		return false;
	json_object_set_new(line->out, "trackings", report_set_to_json(&set));
	return true;
}

static void add_reply(json_t *out, const struct carrier_reply *reply)
{
	if (reply->status == 0)
		return;
	json_t *headers = json_object();
	for (size_t i = 0; i < reply->header_count; i++)
		json_object_set_new(
		    headers, reply->headers[i].name, json_string(reply->headers[i].value));
	json_object_set_new(out, "reply",
	    json_pack("{s:i,s:o,s:s}", "status", reply->status, "headers", headers, "body",
	        reply->body ? reply->body : ""));
}

static bool parse_webhook(const struct carrier *carrier, struct jsonl_line *line)
{
	json_t *request = NULL;
	const char *secret = json_string_value(json_object_get(line->in, "secret"));
	const struct carrier_settings settings = {
	    .hook_secrets = &secret, .hook_secret_count = secret != NULL};
	if (carrier->hook_verify == NULL || carrier->hook_read == NULL)
		return err_set(&line->err, ERR_INPUT, "%s sends no webhooks", carrier->name);
	if (!jsonl_get_object(line, "request", &request))
		return false;
	if (request == NULL)
		return err_set(&line->err, ERR_INPUT, "\"request\" is missing");
	struct carrier_hook hook = {
	    .method = json_string_value(json_object_get(request, "method")),
	    .url = json_string_value(json_object_get(request, "url")),
	};
	if (!read_body(line, request, &hook.body) || !read_headers(line, request, &hook) ||
	    !read_now(line, &hook.now_ms))
		return false;
	struct report_set set;
	struct carrier_reply reply = {0};
	report_set_init(&set, line->arena);
	bool is_valid = carrier->hook_verify(&settings, &hook);
	if (is_valid && !carrier->hook_read(&hook, &set, &reply, &line->err))
		return false;
	json_object_set_new(line->out, "signature_valid", json_boolean(is_valid));
	json_object_set_new(line->out, "trackings", report_set_to_json(&set));
	add_reply(line->out, &reply);
	return true;
}

bool cmd_parse_line(struct jsonl_line *line, void *context)
{
	(void)context;
	const char *name = json_string_value(json_object_get(line->in, "carrier"));
	const char *kind = json_string_value(json_object_get(line->in, "kind"));
	const struct carrier *carrier = carrier_find(name);
	if (name == NULL)
		return err_set(&line->err, ERR_INPUT, "\"carrier\" is missing");
	if (carrier == NULL)
		return err_set(&line->err, ERR_INPUT,
		    "no adapter \"%.60s\"; `notifier carriers list` names them", name);
	if (text_eq(kind, "poll"))
		return parse_poll(carrier, line);
	if (text_eq(kind, "webhook"))
		return parse_webhook(carrier, line);
	return err_set(&line->err, ERR_INPUT, "\"kind\" must be \"poll\" or \"webhook\"");
}

int cmd_parse(int argc, char **argv)
{
	struct err err;
	int words;
	if (!options_parse(NULL, 0, argc, argv, &words, &err))
		return options_usage("parse", "%s", err.text);
	if (words > 0)
		return options_usage(
		    "parse", "unexpected \"%s\": answers come as JSON Lines", argv[1]);
	return jsonl_run("parse", STDIN_FILENO, stdout, cmd_parse_line, NULL);
}
