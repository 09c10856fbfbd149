/* `notifier sms`: the size of text messages, line by line. */
#include <stdio.h>
#include <unistd.h>

#include "notifier/app/command.h"
#include "notifier/app/jsonl.h"
#include "notifier/message/sms.h"

static void put_size(json_t *out, struct str text)
{
	struct sms_size size = sms_measure(text);
	json_object_set_new(out, "encoding", json_string(sms_encoding_name(size.encoding)));
	json_object_set_new(out, "units", json_integer((json_int_t)size.units));
	json_object_set_new(out, "segments", json_integer((json_int_t)size.segments));
}

static bool measure_line(struct jsonl_line *line, void *context)
{
	(void)context;
	struct str text = {NULL, 0};
	bool is_smart = false;
	if (!jsonl_get_text(line, "text", &text) || !jsonl_get_bool(line, "smart", &is_smart))
		return false;
	if (text.at == NULL)
		return err_set(&line->err, ERR_INPUT, "\"text\" is missing");
	if (!is_smart) {
		put_size(line->out, text);
		return true;
	}
	struct buf smart = BUF_EMPTY(0);
	sms_smart(&smart, text);
	put_size(line->out, str_make(buf_text(&smart), smart.size));
	json_object_set_new(line->out, "text", json_stringn(buf_text(&smart), smart.size));
	buf_free(&smart);
	return true;
}

int cmd_sms(int argc, char **argv)
{
	struct err err;
	int words;
	if (!options_parse(NULL, 0, argc, argv, &words, &err))
		return options_usage("sms", "%s", err.text);
	if (words > 0)
		return options_usage("sms", "unexpected \"%s\": texts come as JSON Lines", argv[1]);
	return jsonl_run("sms", STDIN_FILENO, stdout, measure_line, NULL);
}
