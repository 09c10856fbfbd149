#include "notifier/io/smtp_reply.h"

#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "250", "250 text" or "250-text": the code, or 0 when the line is none of these. */
static int line_code(struct str line, bool *is_last)
{
	if (line.len < 3 || line.at[0] < '2' || line.at[0] > '5' || !is_digit(line.at[1]) ||
	    !is_digit(line.at[2]))
		return 0;
	if (line.len > 3 && line.at[3] != ' ' && line.at[3] != '-')
		return 0;
	*is_last = line.len == 3 || line.at[3] == ' ';
	return (line.at[0] - '0') * 100 + (line.at[1] - '0') * 10 + (line.at[2] - '0');
}

/* The next line of input without its line end; false when it is not complete.  A bare LF is
 * accepted as an end: old servers write it, and a reply cannot be split into two by it. */
static bool next_line(struct str input, size_t *at, struct str *line)
{
	const char *end = *at < input.len ? memchr(input.at + *at, '\n', input.len - *at) : NULL;
	if (end == NULL)
		return false;
	*line = str_make(input.at + *at, (size_t)(end - input.at) - *at);
	*at += line->len + 1;
	if (line->len > 0 && line->at[line->len - 1] == '\r')
		line->len--;
	return true;
}

/* class.subject.detail (RFC 3463, 2): the length it takes at the front of text, or 0. */
static size_t enhanced_length(struct str text, int code)
{
	size_t i = 1;
	if (text.len < 5 || text.at[0] != '0' + code / 100)
		return 0;
	for (int part = 0; part < 2; part++) {
		if (i >= text.len || text.at[i++] != '.')
			return 0;
		size_t digits = 0;
		while (i < text.len && digits < 3 && is_digit(text.at[i])) {
			i++;
			digits++;
		}
		if (digits == 0)
			return 0;
	}
	return i == text.len || text.at[i] == ' ' ? i : 0;
}

static void take_first_line(struct smtp_reply *out, struct str line)
{
	struct str text = line.len > 4 ? str_make(line.at + 4, line.len - 4) : str_make("", 0);
	size_t enhanced = enhanced_length(text, out->code);
	memcpy(out->enhanced, text.at, enhanced); /* at most 9 bytes */
	out->enhanced[enhanced] = '\0';
	text = str_trim(str_make(text.at + enhanced, text.len - enhanced));
	char plain[SMTP_LINE_MAX + 1];
	size_t used = 0;
	for (size_t i = 0; i < text.len; i++)
		plain[used++] = text.at[i] ? text.at[i] : ' ';
	plain[used] = '\0';
	text_clean(out->text, sizeof out->text, plain);
}

enum smtp_parsed smtp_reply_parse(struct str input, struct smtp_reply *out)
{
	size_t at = 0;
	bool is_last = false;
	struct str line;
	*out = (struct smtp_reply){.code = 0};
	while (!is_last) {
		size_t began = at;
		if (!next_line(input, &at, &line)) {
			bool too_long =
			    input.len - began > SMTP_LINE_MAX || input.len > SMTP_REPLY_MAX;
			return too_long ? SMTP_PARSED_GARBAGE : SMTP_PARSED_MORE;
		}
		int code = line_code(line, &is_last);
		if (code == 0 || at - began > SMTP_LINE_MAX || at > SMTP_REPLY_MAX)
			return SMTP_PARSED_GARBAGE;
		if (out->code == 0) {
			out->code = code;
			take_first_line(out, line);
		}
		if (code != out->code)
			return SMTP_PARSED_GARBAGE;
	}
	out->raw = str_make(input.at, at);
	return SMTP_PARSED_REPLY;
}

enum err_kind smtp_reply_kind(const struct smtp_reply *reply)
{
	static const struct {
		int code;
		enum err_kind kind;
	} rows[] = {
	    {421, ERR_THROTTLED}, /* closing, too many connections */
	    {450, ERR_THROTTLED}, /* mailbox busy, greylisting */
	    {451, ERR_THROTTLED}, /* local error, rate limits of the big providers */
	    {452, ERR_THROTTLED}, /* out of space, too many recipients */
	    {530, ERR_AUTH},      /* authentication or STARTTLS required */
	    {534, ERR_AUTH},      /* mechanism too weak */
	    {535, ERR_AUTH},      /* credentials refused */
	    {538, ERR_AUTH},      /* encryption required */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].code == reply->code)
			return rows[i].kind;
	if (strncmp(reply->enhanced, "4.7.", 4) == 0)
		return ERR_THROTTLED;
	return reply->code >= 500 ? ERR_PERMANENT : ERR_TRANSIENT;
}

/* "AUTH PLAIN LOGIN", and "AUTH=PLAIN LOGIN" of servers older than RFC 2554. */
static void take_mechanisms(struct smtp_features *features, struct str words)
{
	while (words.at != NULL) {
		struct str word;
		words = str_cut(words, ' ', &word);
		features->auth_plain |= str_eq_nocase(word, "PLAIN");
		features->auth_login |= str_eq_nocase(word, "LOGIN");
	}
}

static void take_feature(struct smtp_features *features, struct str line)
{
	struct str keyword, rest = str_cut(line, ' ', &keyword);
	int64_t size;
	features->pipelining |= str_eq_nocase(keyword, "PIPELINING");
	features->eight_bit |= str_eq_nocase(keyword, "8BITMIME");
	features->utf8 |= str_eq_nocase(keyword, "SMTPUTF8");
	features->starttls |= str_eq_nocase(keyword, "STARTTLS");
	if (str_eq_nocase(keyword, "AUTH"))
		take_mechanisms(features, rest);
	if (keyword.len > 5 && str_eq_nocase(str_make(keyword.at, 5), "AUTH=")) {
		take_mechanisms(features, str_make(keyword.at + 5, keyword.len - 5));
		take_mechanisms(features, rest);
	}
	if (str_eq_nocase(keyword, "SIZE")) {
		features->has_size = true;
		if (str_to_int64(str_trim(rest), &size) && size > 0)
			features->max_bytes = size;
	}
}

struct smtp_features smtp_reply_features(struct str ehlo_raw)
{
	struct smtp_features features = {.max_bytes = 0};
	struct str line;
	size_t at = 0;
	bool is_first = true; /* the greeting with the server's name */
	while (next_line(ehlo_raw, &at, &line)) {
		if (!is_first && line.len > 4)
			take_feature(&features, str_trim(str_make(line.at + 4, line.len - 4)));
		is_first = false;
	}
	return features;
}
