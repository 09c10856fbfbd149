#include "notifier/message/mail.h"

#include <stdio.h>
#include <string.h>

#include "notifier/base/mem.h"
#include "notifier/base/when.h"

#define LINE_WIDTH          76 /* RFC 5322, 2.1.1 wants 78; encoded words allow 76 (RFC 2047, 2) */
#define ENCODED_FRAME_BYTES 12 /* of "=?UTF-8?B?" and "?=" */
#define WORD_LEAST          12 /* less room than that: a new line */
#define WORD_BYTES          45 /* of UTF-8 in one encoded word: 60 in base64 + "=?UTF-8?B??=" = 72 */

/* --- headers --- */

static bool has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7F)
			return true;
	return false;
}

static bool header_check(const char *name, const char *value, struct err *err)
{
	for (const char *c = name; *c != '\0' || c == name; c++)
		if (*c <= ' ' || *c >= 0x7F || *c == ':')
			return err_set(
			    err, ERR_INPUT, "mail: \"%.40s\" is no name of a header", name);
	if (has_control(value))
		return err_set(err, ERR_INPUT, "mail: %s holds a control character", name);
	if (!utf8_is_valid(value, strlen(value)))
		return err_set(err, ERR_INPUT, "mail: %s is not UTF-8", name);
	return true;
}

/* Can it stand in a header as it is: ASCII, nothing like an encoded word, foldable (and spaces
 * that folding would not keep are none)? */
static bool is_plain(const char *text)
{
	size_t word = 0;
	for (const char *c = text; *c != '\0'; c++) {
		word = *c == ' ' ? 0 : word + 1;
		bool odd_space = *c == ' ' && (c == text || c[1] == ' ' || c[1] == '\0');
		if (odd_space || (unsigned char)*c >= 0x7F || word > LINE_WIDTH - 20 ||
		    (c[0] == '=' && c[1] == '?'))
			return false;
	}
	return true;
}

static size_t line_length(const struct buf *out)
{
	size_t len = 0;
	while (len < out->size && out->data[out->size - 1 - len] != '\n')
		len++;
	return len;
}

/* Begins a new line if `more` bytes do not fit on this one. */
static void fold(struct buf *out, size_t more)
{
	if (line_length(out) + 1 + more > LINE_WIDTH)
		buf_add_text(out, "\r\n");
	buf_add_char(out, ' ');
}

static void add_folded(struct buf *out, struct str text)
{
	struct str word;
	while (text.at != NULL) {
		text = str_cut(text, ' ', &word);
		fold(out, word.len);
		buf_add_str(out, word);
	}
}

/* RFC 2047: UTF-8 in base64, cut between characters; every word fills the rest of its line. */
static void add_encoded(struct buf *out, struct str text)
{
	while (text.len > 0) {
		size_t taken = line_length(out) + 1 + ENCODED_FRAME_BYTES;
		size_t room = taken < LINE_WIDTH ? (LINE_WIDTH - taken) / 4 * 3 : 0;
		size_t len = room < WORD_LEAST || room > WORD_BYTES ? WORD_BYTES : room;
		len = len < text.len ? len : text.len;
		while (len < text.len && ((unsigned char)text.at[len] & 0xC0) == 0x80)
			len--;
		char word[BASE64_BYTES(WORD_BYTES)];
		base64_encode(word, text.at, len);
		fold(out, strlen(word) + ENCODED_FRAME_BYTES);
		buf_printf(out, "=?UTF-8?B?%s?=", word);
		text = str_make(text.at + len, text.len - len);
	}
}

static bool add_header(struct buf *out, const char *name, const char *value, struct err *err)
{
	if (!header_check(name, value, err))
		return false;
	buf_printf(out, "%s:", name);
	if (is_plain(value))
		add_folded(out, str_of(value));
	else
		add_encoded(out, str_of(value));
	buf_add_text(out, "\r\n");
	return true;
}

static void add_name(struct buf *out, const char *name)
{
	if (!is_plain(name) || strlen(name) > LINE_WIDTH - 20) {
		add_encoded(out, str_of(name));
		return;
	}
	/* atoms may stand bare, all else in quotes (RFC 5322, 3.2.4) */
	bool bare = strpbrk(name, "()<>[]:;@\\,.\"") == NULL;
	fold(out, strlen(name) + 2);
	buf_add_text(out, bare ? "" : "\"");
	for (const char *c = name; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, *c);
	}
	buf_add_text(out, bare ? "" : "\"");
}

static bool add_address(
    struct buf *out, const char *name, const struct mail_address *address, struct err *err)
{
	if (!header_check(name, address->name, err))
		return false;
	if (!mail_address_is_valid(address->address))
		return err_set(err, ERR_INPUT, "mail: %s has no valid address", name);
	buf_printf(out, "%s:", name);
	if (address->name[0] != '\0')
		add_name(out, address->name);
	fold(out, strlen(address->address) + 2);
	buf_printf(out, address->name[0] ? "<%s>\r\n" : "%s\r\n", address->address);
	return true;
}

/* An id: no white space, no <>, one @ (RFC 5322, 3.6.4, without its obsolete forms). */
static bool is_message_id(struct str id)
{
	const char *at = id.len ? memchr(id.at, '@', id.len) : NULL;
	for (size_t i = 0; i < id.len; i++)
		if (id.at[i] <= ' ' || id.at[i] >= 0x7F || strchr("<>()[]:;,\\\"", id.at[i]))
			return false;
	return at != NULL && at != id.at && at + 1 < id.at + id.len && id.len <= 240;
}

static bool add_ids(struct buf *out, const char *name, struct str ids, struct err *err)
{
	struct str id;
	buf_printf(out, "%s:", name);
	while (ids.at != NULL) {
		ids = str_cut(ids, ' ', &id);
		if (!is_message_id(id))
			return err_set(err, ERR_INPUT, "mail: %s is no message id", name);
		fold(out, id.len + 2);
		buf_printf(out, "<%.*s>", (int)id.len, id.at);
	}
	buf_add_text(out, "\r\n");
	return true;
}

static bool add_references(struct buf *out, const char *references, struct err *err)
{
	if (references == NULL)
		return true;
	const char *last = strrchr(references, ' ');
	return add_ids(out, "In-Reply-To", str_of(last ? last + 1 : references), err) &&
	       add_ids(out, "References", str_of(references), err);
}

/* A URL is one word that no fold may cut: too long a one is refused. */
static bool add_unsubscribe(struct buf *out, const char *url, struct err *err)
{
	if (url == NULL)
		return true;
	if (!str_starts(str_of(url), "https://") || strlen(url) > 900 || strpbrk(url, " <>\"") ||
	    !header_check("List-Unsubscribe", url, err))
		return err_set(err, ERR_INPUT,
		    "mail: List-Unsubscribe wants an https URL of at most 900 bytes");
	for (const char *c = url; *c != '\0'; c++)
		if ((unsigned char)*c >= 0x7F)
			return err_set(err, ERR_INPUT, "mail: List-Unsubscribe is not ASCII");
	buf_printf(out, "List-Unsubscribe:");
	fold(out, strlen(url) + 2);
	buf_printf(out, "<%s>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", url);
	return true;
}

void mail_format_date(char out[40], int64_t date_ms)
{
	static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
	static const char *const months[] = {
	    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct civil at = civil_of_instant(date_ms, 0);
	snprintf(out, 40, "%s, %02d %s %04d %02d:%02d:%02d +0000",
	    days[day_weekday(day_of_instant(date_ms, 0))], at.day, months[at.month - 1], at.year,
	    at.hour, at.minute, at.second);
}

static bool add_headers(struct buf *out, const struct mail *mail, struct err *err)
{
	char date[40];
	mail_format_date(date, mail->date_ms);
	bool ok =
	    add_address(out, "From", &mail->from, err) && add_address(out, "To", &mail->to, err) &&
	    (mail->reply_to.address[0] == '\0' ||
	        add_address(out, "Reply-To", &mail->reply_to, err)) &&
	    add_header(out, "Subject", mail->subject, err) && add_header(out, "Date", date, err) &&
	    add_ids(out, "Message-ID", str_of(mail->message_id ? mail->message_id : ""), err) &&
	    add_references(out, mail->references, err) &&
	    (!mail->auto_submitted || add_header(out, "Auto-Submitted", "auto-generated", err)) &&
	    add_unsubscribe(out, mail->list_unsubscribe, err) &&
	    (mail->language == NULL || add_header(out, "Content-Language", mail->language, err));
	for (size_t i = 0; ok && i < mail->extra_count; i++)
		ok = add_header(out, mail->extra[i].name, mail->extra[i].value, err);
	return ok;
}

/* --- bodies --- */

/* Must this byte be written as =XX?  Also a dot or "From " at the start of a line: SMTP and
 * mailboxes give them a meaning. */
static bool must_encode(struct str text, size_t at, size_t column)
{
	unsigned char c = (unsigned char)text.at[at];
	bool at_end = at + 1 == text.len || text.at[at + 1] == '\n' || text.at[at + 1] == '\r';
	if (c == ' ' || c == '\t')
		return at_end;
	if (column == 0 && (c == '.' || c == 'F'))
		return true;
	return c < ' ' || c == '=' || c >= 0x7F;
}

/* How many of the next bytes, at most `most`, stand for themselves wherever in a line they are but
 * at its start: nearly all of a Latin text, so they are copied together. */
static size_t plain_run(struct str text, size_t at, size_t most)
{
	size_t run = 0;
	while (run < most && at + run < text.len) {
		unsigned char c = (unsigned char)text.at[at + run];
		if (c <= ' ' || c == '=' || c >= 0x7F)
			if (c != ' ' || must_encode(text, at + run, 1))
				break;
		run++;
	}
	return run;
}

void mail_add_quoted_printable(struct buf *out, struct str text)
{
	size_t column = 0;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		size_t run = column > 0 ? plain_run(text, i, LINE_WIDTH - 1 - column) : 0;
		if (run > 0) {
			buf_add(out, text.at + i, run);
			column += run;
			i += run - 1;
			continue;
		}
		if (c == '\r' || c == '\n') {
			i += c == '\r' && i + 1 < text.len && text.at[i + 1] == '\n';
			buf_add_text(out, "\r\n");
			column = 0;
			continue;
		}
		size_t width = must_encode(text, i, column) ? 3 : 1;
		if (column + width > LINE_WIDTH - 1) {
			buf_add_text(out, "=\r\n");
			column = 0;
			width = must_encode(text, i, column) ? 3 : 1;
		}
		if (width == 3)
			buf_add(out,
			    (char[3]){'=', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15]},
			    3);
		else
			buf_add_char(out, (char)c);
		column += width;
	}
	if (column > 0)
		buf_add_text(out, "\r\n");
}

static void add_part(struct buf *out, const char *type, const char *body)
{
	buf_printf(out,
	    "Content-Type: text/%s; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
	    type);
	mail_add_quoted_printable(out, str_of(body));
}

/* "=_" cannot stand in quoted-printable, so no body can hold the boundary (RFC 2045, 6.7). */
static void add_alternatives(struct buf *out, const struct mail *mail)
{
	char boundary[40];
	snprintf(boundary, sizeof boundary, "=_%016llx",
	    (unsigned long long)fnv1a64(mail->message_id, strlen(mail->message_id)));
	buf_printf(out, "Content-Type: multipart/alternative; boundary=\"%s\"\r\n\r\n", boundary);
	buf_printf(out, "--%s\r\n", boundary);
	add_part(out, "plain", mail->text);
	buf_printf(out, "--%s\r\n", boundary);
	add_part(out, "html", mail->html);
	buf_printf(out, "--%s--\r\n", boundary);
}

bool mail_build(const struct mail *mail, struct buf *out, struct err *err)
{
	if (mail->subject == NULL || mail->text == NULL)
		return err_set(err, ERR_INPUT, "mail: subject and text are wanted");
	if (!add_headers(out, mail, err))
		return false;
	buf_add_text(out, "MIME-Version: 1.0\r\n");
	if (mail->html != NULL)
		add_alternatives(out, mail);
	else
		add_part(out, "plain", mail->text);
	return !out->overflowed || err_set(err, ERR_INPUT, "mail: the message is too large");
}
