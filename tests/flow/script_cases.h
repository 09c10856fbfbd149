/* One row of cases for two Redises: the real scripts in a real server (tests/unit/test_scripts)
 * and the flow tests' own (tests/flow/test_flow_scripts).  What holds for one holds for both, or
 * the flow tests prove nothing.  Include after cmocka.h.
 */
#ifndef TESTS_SCRIPT_CASES_H
#define TESTS_SCRIPT_CASES_H
#include <string.h>

#include "notifier/app/scripts.h"

struct script_case {
	const char *why;
	const char *name, *keys,
	    *args; /* keys with blanks, arguments with | between; a plain command
	              has no keys.  A # is the stream entry that was seen last, ; a newline. */
	const char
	    *answer; /* nil, texts, numbers, [lists]; ~ is the empty text, # a stream entry */
};

#define LEASE  "own ep ev out"
#define COMMIT "s:a h:a num:x clock ev due:c unm:x"
/* A history long enough to be cut. */
#define COMMIT_C "s:c h:c num:c clock ev due:c unm:c"
#define LINE     "1n-a-line-that-is-long-enough-for-sixty-one-of-them-to-be-worth-counting;"
#define LINES_4  LINE LINE LINE LINE
#define LINES_20 LINES_4 LINES_4 LINES_4 LINES_4 LINES_4
#define LINES_61 LINES_20 LINES_20 LINES_20 "1nZ;"

static const struct script_case script_cases[] = {
    {"a free partition is taken", "lease", LEASE, "w-1|0|30000|1", "1"},
    {"and renewed", "lease", LEASE, "w-1|1|30000|0", "1"},
    {"not by another", "lease", LEASE, "w-2|0|30000|1", "0"},
    {"not on an old epoch, unless it may be taken", "lease", LEASE, "w-1|9|30000|0", "0"},
    {"a new life of its owner fences the old one", "lease", LEASE, "w-1|0|30000|1", "2"},
    {"fenced", "events", "own ev s:", "w-1 1|>|9", "nil"},
    {"fenced", "claim", "own out m: s:", "w-1 1|>|9|at0|1", "nil"},
    {"fenced", "due", "own due:c s:", "w-1 1|9|9|9|0|9", "nil"},
    {"fenced", "clock", "own clock out m: s:", "w-1 1|9|9|9", "nil"},
    {"fenced", "decide", "own ev out clock m: h:", "w-1 1|9|0", "nil"},
    {"a stranger releases nothing", "release", "own", "w-1 1", "0"},

    {"nobody has the number", "find", "num:x s:", "", "nil"},
    {"a webhook is kept", "unmatched", "num:x unm:x", "R1|100000|2", "1"},
    {"once", "unmatched", "num:x unm:x", "R1|100000|2", "1"},
    {"", "unmatched", "num:x unm:x", "R2|100000|2", "1"},
    {"the newest two", "unmatched", "num:x unm:x", "R3|100000|2", "1"},
    {"", "LRANGE", NULL, "unm:x|0|-1", "[R2,R3]"},
    {"a webhook came since they were read", "commit", COMMIT,
        "a|0|1|{1}||100|200||5|1|E1|1cH1;+H2;|1|R2", "0"},
    {"the list is full, its last one is another", "commit", COMMIT,
        "a|0|1|{1}||100|200||5|1|E1|1cH1;+H2;|2|R2", "0"},
    {"", "GET", NULL, "s:a", "nil"},
    {"registered", "commit", COMMIT, "a|0|1|{1}||100|200||5|1|E1|1cH1;+H2;|2|R3", "1"},
    {"sent again: it stands there already", "commit", COMMIT,
        "a|0|1|{1}||100|200||5|1|E1|1cH1;+H2;|2|R3", "2"},
    {"somebody else was faster", "commit", COMMIT, "a|0|1|{9}||100|200||5|0|", "0"},
    {"the number has a holder", "commit", "s:b h:b num:x clock ev due:c unm:x",
        "b|0|1|{1}||1|1||5|0|", "0"},
    {"", "GET", NULL, "s:b", "nil"},
    {"what was kept is used up", "LRANGE", NULL, "unm:x|0|-1", "[]"},
    {"registered in between", "unmatched", "num:x unm:x", "R4|100000|2", "0"},
    {"", "find", "num:x s:", "", "[a,1 {1}]"},
    {"", "GET", NULL, "h:a", "1cH1;+H2;"},
    {"not due yet", "due", "own due:c s:", "w-1 2|99|500|9|0|99", "[100]"},
    {"due, and claimed", "due", "own due:c s:", "w-1 2|100|500|9|0|100", "[500,a,1 {1}]"},
    {"not for a second one", "due", "own due:c s:", "w-1 2|100|500|9|0|100", "[500]"},
    {"a version on; the poll as it is; no deadline", "commit", COMMIT, "a|1|2|{2}|*|=||=|5|0|",
        "1"},
    {"an old version", "commit", COMMIT, "a|1|2|{3}|*|||=|5|0|", "0"},
    {"", "clock", "own clock out m: s:", "w-1 2|999|999|9", "[~,0]"},
    {"", "due", "own due:c s:", "w-1 2|499|900|9|0|499", "[500]"},
    {"planned", "plan", "due:c s:a", "a|600", "0"},
    {"a second parcel", "commit", "s:b h:b num:y clock ev due:c unm:y", "b|0|1|{1}||700|||5|0|",
        "1"},
    {"riders come along", "due", "own due:c s:", "w-1 2|650|900|9|9|800", "[900,a,2 {2},b,1 {1}]"},
    {"but start no call", "due", "own due:c s:", "w-1 2|650|900|9|9|950", "[900]"},
    {"no more", "plan", "due:c s:b", "b|", "1"},
    {"what is not planned stays so", "plan", "due:c s:b", "b|900", "0"},
    {"an erased one stays out", "plan", "due:c s:z", "z|600", "0"},

    {"an event", "events", "own ev s:", "w-1 2|>|9", "[#,E1,a,2 {2}]"},
    {"is handed out once", "events", "own ev s:", "w-1 2|>|9", "[]"},
    {"but stays ours", "events", "own ev s:", "w-1 2|0|9", "[#,E1,a,2 {2}]"},
    {"two messages, one held", "decide", "own ev out clock m: h:",
        "w-1 2|100000|1|#|a|1dD1;|2|msg_1||4|s|a|k|shipped|msg_2|300|2|s|a", "0"},
    {"the same again: nobody is told twice", "decide", "own ev out clock m: h:",
        "w-1 2|100000|1|#|a|1dD1;|2|msg_1||4|s|a|k|shipped|msg_2|300|2|s|a", "2"},
    {"acknowledged", "events", "own ev s:", "w-1 2|0|9", "[]"},
    {"and told once", "GET", NULL, "h:a", "1cH1;+H2;1dD1;"},
    {"claimed", "claim", "own out m: s:", "w-1 2|>|9|at1|50",
        "[#,#,msg_1,1,[t,queued,s,a,k,shipped],2 {2}]"},
    {"once", "claim", "own out m: s:", "w-1 2|>|9|at1|50", "[~]"},
    {"by a new life again", "claim", "own out m: s:", "w-1 2|0-0|9|at2|60",
        "[#,#,msg_1,2,[t,sending,s,a,k,shipped,i,at1,sa,50,a,1],2 {2}]"},
    {"the old life's word is late", "receipt", "out m:msg_1 clock failed h:a",
        "#|msg_1|at1|retry|900|61||0", "0"},
    {"and takes nothing from the new one", "claim", "own out m: s:", "w-1 2|0-0|9|at2|62",
        "[#,#,msg_1,3,[t,sending,s,a,k,shipped,i,at2,sa,60,a,2],2 {2}]"},
    {"sent", "receipt", "out m:msg_1 clock failed h:a", "#|msg_1|at2|sent||63|1rP1;|2|x|250", "1"},
    {"sent again", "receipt", "out m:msg_1 clock failed h:a", "#|msg_1|at2|sent||63|1rP1;|2|x|250",
        "1"},
    {"sent is sent", "receipt", "out m:msg_1 clock failed h:a", "#|msg_1|at2|retry|900|64||0", "1"},
    {"", "HGET", NULL, "m:msg_1|x", "250"},
    {"", "claim", "own out m: s:", "w-1 2|0-0|9|at2|65", "[~]"},
    {"no such message", "receipt", "out m:msg_9 clock failed h:a", "#|msg_9|at2|sent||63||0", "0"},

    {"the held one is not due", "clock", "own clock out m: s:", "w-1 2|299|999|9", "[300,0]"},
    {"now it is", "clock", "own clock out m: s:", "w-1 2|300|999|9", "[~,1]"},
    {"", "claim", "own out m: s:", "w-1 2|>|9|at2|70", "[#,#,msg_2,1,[t,queued,s,a],2 {2}]"},
    {"later", "receipt", "out m:msg_2 clock failed h:a", "#|msg_2|at2|retry|900|71|1rP2;|2|fa|1",
        "1"},
    {"sent again: it stands there already", "receipt", "out m:msg_2 clock failed h:a",
        "#|msg_2|at2|retry|950|72|1rP2;|2|fa|2", "1"},
    {"", "clock", "own clock out m: s:", "w-1 2|900|999|9", "[~,1]"},
    {"", "claim", "own out m: s:", "w-1 2|>|9|at2|80",
        "[#,#,msg_2,2,[t,queued,s,a,i,at2,sa,70,a,1,d,71,fa,1],2 {2}]"},
    {"never", "receipt", "out m:msg_2 clock failed h:a", "#|msg_2|at2|failed||81||0", "1"},
    {"", "ZREVRANGE", NULL, "failed|0|199", "[msg_2]"},
    {"an operator's word", "requeue", "out m:msg_2 failed h:", "msg_2|retry|90|1rO1;", "failed"},
    {"once", "requeue", "out m:msg_2 failed h:", "msg_2|retry|90|1rO1;", "queued"},
    {"", "requeue", "out m:msg_9 failed h:", "msg_9|retry|90|1rO1;", "nil"},
    {"", "ZREVRANGE", NULL, "failed|0|199", "[]"},

    {"each once, and oldest first", "GET", NULL, "h:a", "1cH1;+H2;1dD1;1rP1;1rP2;1rO1;"},

    {"a long history", "commit", COMMIT_C, "c|0|1|{1}||||100000|5|0|1cX;+Y;" LINES_61, "1"},
    {"the newest 64", "commit", COMMIT_C, "c|1|2|{2}|*|||=|5|0|1cV;+W;1cZ;", "1"},
    {"", "GET", NULL, "h:c", LINES_61 "1cV;+W;1cZ;"},
    {"it still ends", "PERSIST", NULL, "h:c", "1"},
    {"", "commit", COMMIT_C, "c|2|3|{3}|*|||=|5|0|" LINES_61, "1"},
    {"a cut parts nothing", "commit", COMMIT_C, "c|3|4|{4}|*|||=|5|0|1cQ;", "1"},
    {"", "GET", NULL, "h:c", "1cV;+W;1cZ;" LINES_61 "1cQ;"},
    {"nothing to tell", "commit", COMMIT_C, "c|4|5|{5}|*|||=|5|0|", "1"},
    {"now it may be cut", "commit", COMMIT_C, "c|5|6|{6}|*|||=|5|0|1cR;", "1"},
    {"", "GET", NULL, "h:c", "1cZ;" LINES_61 "1cQ;1cR;"},

    {"a deadline", "commit", COMMIT, "a|2|3|{3}|*||400|=|5|0|", "1"},
    {"fires, and is claimed", "clock", "own clock out m: s:", "w-1 2|400|999|9", "[999,0,a,3 {3}]"},
    {"not for a second one", "clock", "own clock out m: s:", "w-1 2|400|999|9", "[999,0]"},

    {"two calls a second: one", "quota", "lim:c", "1000|2|0|0", "0"},
    {"too soon", "quota", "lim:c", "1000|2|0|0", "500"},
    {"still", "quota", "lim:c", "1300|2|0|0", "200"},
    {"two", "quota", "lim:c", "1500|2|0|0", "0"},
    {"a clock behind ours takes nothing", "quota", "lim:c", "1400|2|0|0", "500"},
    {"of a day", "quota", "lim:d", "1000|0|2|7", "0"},
    {"", "quota", "lim:d", "1000|0|2|7", "0"},
    {"used up until midnight", "quota", "lim:d", "1000|0|2|7", "691199000"},
    {"a new day", "quota", "lim:d", "2000|0|2|8", "0"},
    {"the carrier said wait", "block", "lim:d", "5000", "1"},
    {"the later word counts", "block", "lim:d", "4000", "1"},
    {"", "quota", "lim:d", "2000|0|0|8", "3000"},
    {"over", "quota", "lim:d", "5000|0|0|8", "0"},

    {"nothing is stored: what was read", "model", "mod", "w-1|t1||a|1 x|b|1 y", "w-1 t1"},
    {"read before that", "model", "mod", "w-2|t1||a|1 z", "nil"},
    {"nothing has changed", "HGETALL", NULL, "mod", "[~revision,w-1 t1,a,1 x,b,1 y]"},
    {"read again; an entry goes", "model", "mod", "w-2|t2|w-1 t1|a|1 z|b|", "w-2 t2 w-1 t1"},
    {"the first one's reply was lost: its token is there", "model", "mod",
        "w-2|t3|w-2 t2 w-1 t1|c|1 w", "w-2 t3 w-1 t1"},
    {"an operator's word needs no reading", "model", "mod", "!|t4|*|a|", "! t4 w-2 t3 w-1 t1"},
    {"", "HKEYS", NULL, "mod", "[~revision,c]"},
    {"", "HSCAN", NULL, "mod|0|COUNT|128", "[0,[~revision,! t4 w-2 t3 w-1 t1,c,1 w]]"},
    {"all goes first", "model", "mod", "!|t5|!|d|1 d", "! t5"},
    {"", "HGETALL", NULL, "mod", "[~revision,! t5,d,1 d]"},
    {"who read before that reads again", "model", "mod", "w-1|t6|w-2 t3 w-1 t1|d|1 e", "nil"},

    {"no limits: nothing is written", "quota", "lim:e", "1000|0|0|0", "0"},
    {"", "HGETALL", NULL, "lim:e", "[]"},
    {"but the carrier's word counts", "block", "lim:e", "5000", "1"},
    {"", "quota", "lim:e", "1000|0|0|0", "4000"},

    {"a key is claimed", "SET", NULL, "seen:k|H running 1|NX|GET|PX|9999", "nil"},
    {"once", "SET", NULL, "seen:k|H running 2|NX|GET|PX|9999", "H running 1"},
    {"by whom it is settled, too", "settle", "seen:k", "H running 2|H 201 a|9999", "0"},
    {"given up", "settle", "seen:k", "H running 1||0", "1"},
    {"", "GET", NULL, "seen:k", "nil"},
    {"claimed again", "SET", NULL, "seen:k|H running 3|NX|GET|PX|9999", "nil"},
    {"settled", "settle", "seen:k", "H running 3|H 201 a|9999", "1"},
    {"once", "settle", "seen:k", "H running 3||0", "0"},
    {"", "SET", NULL, "seen:k|H running 4|NX|GET|PX|9999", "H 201 a"},

    {"what failed, the newest first", "ZADD", NULL, "fl|5|a", "1"},
    {"", "ZADD", NULL, "fl|7|b", "1"},
    {"", "ZADD", NULL, "fl|5|c", "1"},
    {"", "ZREVRANGEBYSCORE", NULL, "fl|+inf|-inf|WITHSCORES|LIMIT|0|2", "[b,7,c,5]"},
    {"", "ZREVRANGEBYSCORE", NULL, "fl|5|-inf|WITHSCORES|LIMIT|1|9", "[a,5]"},

    {"what cannot be read", "quarantine", "qu", "0|why|nonsense|body|<html>", "1"},
    {"not decided about", "HSET", NULL, "m:msg_a|t|sent", "1"},
    {"", "HSET", NULL, "m:msg_b|t|sent", "1"},
    {"", "HSET", NULL, "m:msg_c|t|sent", "1"},
    {"ids stand in lines of decisions and receipts", "commit", COMMIT,
        "a|3|4|{4}|*|||=|5|0|1d5\tb\t1\tacd\tr\tmsg_a\t\tacd\tr\tmsg_b;1cmsg_c 1d\tmsg_c;", "1"},
    {"erased", "erase", "s:a h:a num:x clock m: unmatched:x failed", "a|due:|1|c", "1"},
    {"", "find", "num:x s:", "", "nil"},
    {"", "GET", NULL, "h:a", "nil"},
    {"", "due", "own due:c s:", "w-1 2|9999|99999|9|0|0", "[~]"},
    {"", "erase", "s:a h:a num:x clock m: unmatched:x failed", "a|due:|1|c", "0"},
    {"with its messages", "HGET", NULL, "m:msg_a|t", "nil"},
    {"", "HGET", NULL, "m:msg_b|t", "nil"},
    {"but nobody else's", "HGET", NULL, "m:msg_c|t", "sent"},
    {"a word about what is erased", "requeue", "out m:msg_2 failed h:", "msg_2|drop|90|1rO2;",
        "queued"},
    {"given back", "release", "own", "w-1 2", "1"},
    {"to anybody", "lease", LEASE, "w-2|0|30000|1", "3"},
};
#define SCRIPT_CASES (sizeof script_cases / sizeof *script_cases)

/* --- running them ------------------------------------------------------------------------------
 */

struct script_ask {
	struct flow flow;
	struct redis *redis;
	const struct script_case *row;
	struct redis_value value;
};

static struct buf script_answer;
static char script_entry[40];
static bool script_is_done;

static bool script_is_entry(struct str text)
{
	struct str head, tail = str_cut(text, '-', &head);
	int64_t number;
	return str_to_int64(head, &number) && str_to_int64(tail, &number);
}

static void script_print(const struct redis_value *value)
{
	switch (value->type) {
	case REDIS_NIL: buf_add_text(&script_answer, "nil"); return;
	case REDIS_INTEGER: buf_printf(&script_answer, "%lld", (long long)value->integer); return;
	case REDIS_ARRAY:
		buf_add_char(&script_answer, '[');
		for (size_t i = 0; i < value->count; i++) {
			buf_add_text(&script_answer, i > 0 ? "," : "");
			script_print(&value->items[i]);
		}
		buf_add_char(&script_answer, ']');
		return;
	case REDIS_TEXT:
	case REDIS_STATUS:
	case REDIS_ERROR: break;
	}
	if (script_is_entry(value->text)) {
		snprintf(script_entry, sizeof script_entry, "%s", value->text.at);
		buf_add_char(&script_answer, '#');
	} else {
		buf_add_str(&script_answer, value->text.len ? value->text : str_of("~"));
		for (char *at = script_answer.data; (at = strchr(at, '\n')) != NULL;)
			*at = ';';
	}
}

#define SCRIPT_ASK_STEPS(X) X(script_ask, send) X(script_ask, print)
SCRIPT_ASK_STEPS(FLOW_STEP)

static size_t script_split(const char *text, char separator, struct str *out)
{
	size_t count = 0;
	struct str rest = str_of(text);
	while (rest.at != NULL && text[0] != '\0') {
		rest = str_cut(rest, separator, &out[count]);
		if (str_eq(out[count], "#"))
			out[count] = str_of(script_entry);
		count++;
	}
	return count;
}

static struct str script_lines(struct str text, struct arena *arena)
{
	char *copy = arena_strndup(arena, text.at ? text.at : "", text.len);
	for (char *at = copy; (at = strchr(at, ';')) != NULL;)
		*at = '\n';
	return str_make(copy, text.len);
}

static struct redis_script *script_named(const char *name)
{
	for (int i = 0; i < SCRIPT_COUNT; i++)
		if (strcmp(script((enum script_name)i)->name, name) == 0)
			return script((enum script_name)i);
	return NULL;
}

static next script_ask_send(struct script_ask *p)
{
	struct str keys[16], args[48];
	struct redis_script *known = script_named(p->row->name);
	args[0] = str_of(p->row->name);
	if (known == NULL) {
		size_t count = script_split(p->row->args, '|', args + 1);
		return AWAIT(
		    p, print, redis_call(p->redis, &p->flow, args, count + 1, &p->value), 5000);
	}
	struct redis_script_call call = {.script = known,
	    .keys = keys,
	    .args = args,
	    .key_count = script_split(p->row->keys, ' ', keys),
	    .arg_count = script_split(p->row->args, '|', args)};
	for (size_t i = 0; i < call.arg_count; i++)
		args[i] = script_lines(args[i], p->flow.arena);
	return AWAIT(p, print, redis_run(p->redis, &p->flow, &call, &p->value), 5000);
}

static next script_ask_print(struct script_ask *p)
{
	if (FAILED(p))
		buf_add_text(&script_answer, p->flow.err.text);
	else
		script_print(&p->value);
	return END;
}

static void script_ask_fini(struct flow *flow)
{
	script_is_done = true;
	xfree(flow);
}
static const struct flow_type script_ask_type = {"script_ask", script_ask_fini};

/* wait: lets the loop run until script_is_done. */
static void script_cases_run(struct redis *redis, void (*wait)(void))
{
	for (size_t i = 0; i < SCRIPT_CASES; i++) {
		struct script_ask *ask = xcalloc(1, sizeof *ask);
		ask->redis = redis;
		ask->row = &script_cases[i];
		script_is_done = false;
		buf_clear(&script_answer);
		flow_start(&ask->flow, &script_ask_type, do_send);
		wait();
		if (strcmp(buf_text(&script_answer), script_cases[i].answer) != 0)
			fail_msg("%zu %s (%s) %s: %s; expected %s", i, script_cases[i].name,
			    script_cases[i].why, script_cases[i].args, buf_text(&script_answer),
			    script_cases[i].answer);
	}
	buf_free(&script_answer);
}
#endif
