/* What stands in Redis as a history.  A line that can be read is written so that it reads the same
 * again, alone and leaning on another. */
#include <stdlib.h>

#include "notifier/app/history.h"
#include "notifier/app/history_line.h"
#include "tests/fuzz/fuzz.h"

static void must_equal(const struct history_line *a, const struct history_line *b)
{
	must(a->kind == b->kind && a->at_ms == b->at_ms);
	for (size_t i = 0; i < a->count || i < b->count; i++)
		must(text_eq(history_line_text(a, i), history_line_text(b, i)));
}

static void again(const struct history_line *line, const struct history_line *before)
{
	struct buf out = BUF_EMPTY(0);
	struct history_line same;
	history_line_write(&out, line, before);
	must(history_line_read(&same, str_make(out.data, out.size - 1), before, line->arena));
	must_equal(line, &same);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct arena *arena = arena_new();
	struct redis_value stored = {
	    .type = REDIS_TEXT, .text = str_make((const char *)bytes, size)};
	json_decref(history_checkpoints(&stored));
	json_decref(history_events(&stored));
	json_decref(history_message_ids(&stored));
	json_t *told = history_explain(&stored);
	char *text = json_dumps(told, JSON_COMPACT);
	must(text != NULL); /* nothing that JSON cannot say */
	free(text);
	json_decref(told);
	struct str rest = stored.text, head;
	struct history_line lines[2];
	rest = str_cut(rest, '\n', &head);
	if (history_line_read(&lines[0], head, NULL, arena)) {
		again(&lines[0], NULL);
		str_cut(rest, '\n', &head);
		if (history_line_read(&lines[1], head, &lines[0], arena) &&
		    lines[0].kind == lines[1].kind && lines[0].at_ms == lines[1].at_ms &&
		    lines[0].count == lines[1].count)
			again(&lines[1], &lines[0]);
	}
	arena_free(&arena);
	return 0;
}
