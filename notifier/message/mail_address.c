/* Addresses: `Name <local@host>`, the strict part of RFC 5322 that mail really uses. */
#include <stdio.h>
#include <string.h>

#include "notifier/message/mail.h"

#define LOCAL_PART_BYTES 64 /* RFC 5321, 4.5.3.1.1 */
#define LABEL_BYTES      63

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Atoms with single dots between them (RFC 5322, 3.2.3). */
static bool is_dot_atom(struct str text)
{
	if (text.len == 0 || text.len > LOCAL_PART_BYTES)
		return false;
	bool was_dot = true;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		bool is_dot = c == '.';
		if (is_dot ? was_dot
		           : !is_alnum(c) && (c == '\0' || !strchr("!#$%&'*+-/=?^_`{|}~", c)))
			return false;
		was_dot = is_dot;
	}
	return !was_dot;
}

static bool is_label(struct str label)
{
	if (label.len == 0 || label.len > LABEL_BYTES || label.at[0] == '-' ||
	    label.at[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (!is_alnum(label.at[i]) && label.at[i] != '-')
			return false;
	return true;
}

static bool is_host(struct str host)
{
	struct str label;
	while (host.at != NULL) {
		host = str_cut(host, '.', &label);
		if (!is_label(label))
			return false;
	}
	return true;
}

bool mail_address_is_valid(const char *address)
{
	struct str local, host = str_cut(str_of(address), '@', &local);
	return host.at != NULL && strlen(address) < MAIL_ADDRESS_BYTES && is_dot_atom(local) &&
	       is_host(host);
}

/* Takes the quotes of a quoted string off; false: it is broken. */
static bool unquote(struct buf *out, struct str text)
{
	if (text.len == 0 || text.at[0] != '"') {
		buf_add_str(out, text);
		return text.len == 0 || memchr(text.at, '"', text.len) == NULL;
	}
	for (size_t i = 1; i < text.len; i++) {
		if (text.at[i] == '"')
			return i + 1 == text.len;
		i += text.at[i] == '\\' && i + 1 < text.len;
		buf_add_char(out, text.at[i]);
	}
	return false;
}

static bool has_control(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7F)
			return true;
	return false;
}

static bool read_name(struct mail_address *out, struct str name, struct err *err)
{
	struct buf plain = BUF_EMPTY(MAIL_NAME_BYTES - 1);
	bool ok = unquote(&plain, name);
	bool fits = !plain.overflowed;
	snprintf(out->name, sizeof out->name, "%s", buf_text(&plain));
	buf_free(&plain);
	if (!ok)
		return err_set(err, ERR_INPUT, "the name's quotes are not closed");
	return fits ||
	       err_set(err, ERR_INPUT, "the name is longer than %d bytes", MAIL_NAME_BYTES - 1);
}

bool mail_address_parse(struct mail_address *out, const char *text, struct err *err)
{
	struct str whole = str_trim(str_of(text)), address = whole;
	*out = (struct mail_address){"", ""};
	if (whole.at == NULL)
		return err_set(err, ERR_INPUT, "an address is missing");
	if (has_control(whole) || !utf8_is_valid(whole.at, whole.len))
		return err_set(err, ERR_INPUT, "an address holds a control character");
	if (whole.len > 0 && whole.at[whole.len - 1] == '>') {
		const char *open = memrchr(whole.at, '<', whole.len);
		if (open == NULL)
			return err_set(err, ERR_INPUT, "an address has > but no <");
		address = str_make(open + 1, (size_t)(whole.at + whole.len - 1 - (open + 1)));
		if (!read_name(out, str_trim(str_make(whole.at, (size_t)(open - whole.at))), err))
			return false;
	}
	if (address.len >= sizeof out->address)
		return err_set(err, ERR_INPUT, "an address is longer than 254 bytes");
	snprintf(out->address, sizeof out->address, "%.*s", (int)address.len,
	    address.at ? address.at : "");
	if (mail_address_is_valid(out->address))
		return true;
	return err_set(
	    err, ERR_INPUT, "\"%.100s\" is no e-mail address (name@host.example)", out->address);
}
