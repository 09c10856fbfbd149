#include "notifier/core/contact.h"

#include <string.h>

#define EMAIL_MAX_BYTES  254 /* RFC 5321, 4.5.3.1.3, less the angle brackets */
#define LOCAL_MAX_BYTES  64  /* RFC 5321, 4.5.3.1.1 */
#define LABEL_MAX_BYTES  63  /* RFC 1035, 2.3.4 */
#define PHONE_MIN_DIGITS 7
#define PHONE_MAX_DIGITS 15 /* E.164 */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_beyond_ascii(char c)
{
	return (unsigned char)c >= 0x80;
}

/* --- e-mail ---------------------------------------------------------------------------------- */

static bool email_refuse(struct err *err, const char *what)
{
	return err_set(err, ERR_INPUT, "e-mail address: %s", what);
}

/* Characters that show nothing, or turn the text around: C1 controls, no-break and wide spaces,
 * zero-width marks, bidirectional controls, the byte order mark.  text is valid UTF-8. */
static bool has_invisible(struct str text)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {{0x80, 0xa0}, {0xad, 0xad}, {0x061c, 0x061c}, {0x1680, 0x1680},
	    {0x180e, 0x180e}, {0x2000, 0x200f}, {0x2028, 0x202f}, {0x205f, 0x206f},
	    {0x3000, 0x3000}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f}};
	for (size_t i = 0; i < text.len;) {
		unsigned char lead = (unsigned char)text.at[i++];
		uint32_t point = lead < 0x80   ? lead
		                 : lead < 0xe0 ? lead & 0x1fu
		                 : lead < 0xf0 ? lead & 0x0fu
		                               : lead & 0x07u;
		while (i < text.len && ((unsigned char)text.at[i] & 0xc0) == 0x80)
			point = point << 6 | ((unsigned char)text.at[i++] & 0x3fu);
		for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++)
			if (point >= ranges[r].first && point <= ranges[r].last)
				return true;
	}
	return false;
}

static bool has_control(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] <= ' ' || text.at[i] == 0x7f)
			return true;
	return has_invisible(text);
}

/* atext of RFC 5322, 3.2.3, with the UTF-8 of RFC 6532. */
static bool is_atom_char(char c)
{
	return is_letter(c) || is_digit(c) || is_beyond_ascii(c) ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool check_local(struct str local, struct err *err)
{
	if (local.len == 0)
		return email_refuse(err, "nothing before the @");
	if (local.len > LOCAL_MAX_BYTES)
		return email_refuse(err, "more than 64 bytes before the @");
	struct str rest = local, atom;
	do {
		rest = str_cut(rest, '.', &atom);
		if (atom.len == 0)
			return email_refuse(err, "a dot too many before the @");
		for (size_t i = 0; i < atom.len; i++)
			if (!is_atom_char(atom.at[i]))
				return err_set(err, ERR_INPUT,
				    "e-mail address: '%c' is not possible before the @",
				    atom.at[i]);
	} while (rest.at != NULL);
	return true;
}

static bool check_label(struct str label, struct err *err)
{
	if (label.len == 0)
		return email_refuse(err, "a dot too many after the @");
	if (label.len > LABEL_MAX_BYTES)
		return email_refuse(err, "a part of the domain has more than 63 bytes");
	if (label.at[0] == '-' || label.at[label.len - 1] == '-')
		return email_refuse(err, "a part of the domain begins or ends with a dash");
	for (size_t i = 0; i < label.len; i++) {
		char c = label.at[i];
		if (!is_letter(c) && !is_digit(c) && !is_beyond_ascii(c) && c != '-')
			return err_set(
			    err, ERR_INPUT, "e-mail address: '%c' is not possible in a domain", c);
	}
	return true;
}

static bool is_number(struct str label)
{
	for (size_t i = 0; i < label.len; i++)
		if (!is_digit(label.at[i]))
			return false;
	return true;
}

static bool check_domain(struct str domain, struct err *err)
{
	if (domain.len == 0)
		return email_refuse(err, "nothing after the @");
	struct str rest = domain, label;
	size_t labels = 0;
	do {
		rest = str_cut(rest, '.', &label);
		if (!check_label(label, err))
			return false;
		labels++;
	} while (rest.at != NULL);
	if (labels < 2)
		return email_refuse(err, "the domain has no dot");
	if (is_number(label))
		return email_refuse(err, "the domain ends in a number");
	return true;
}

bool contact_email_check(const char *email, struct err *err)
{
	struct str text = str_of(email), local;
	if (text.len == 0)
		return email_refuse(err, "it is empty");
	if (text.len > EMAIL_MAX_BYTES)
		return email_refuse(err, "more than 254 bytes");
	if (!utf8_is_valid(text.at, text.len))
		return email_refuse(err, "it is not valid UTF-8");
	if (has_control(text))
		return email_refuse(err, "a space or a control character is in it");
	struct str domain = str_cut(text, '@', &local);
	if (domain.at == NULL)
		return email_refuse(err, "the @ is missing");
	if (memchr(domain.at, '@', domain.len) != NULL)
		return email_refuse(err, "there is more than one @");
	return check_local(local, err) && check_domain(domain, err);
}

/* --- phone ----------------------------------------------------------------------------------- */

static bool phone_refuse(struct err *err, const char *what)
{
	return err_set(err, ERR_INPUT, "phone number: %s", what);
}

static bool is_phone_filler(char c)
{
	return c != '\0' && strchr(" -.()[]/", c) != NULL;
}

bool contact_phone_normalise(const char *phone, char out[20], struct err *err)
{
	out[0] = '\0';
	if (text_is_empty(phone))
		return phone_refuse(err, "it is empty");
	/* "+44 (0)20 …": the zero is for callers at home and would make another number. */
	if (strstr(phone, "(0)") != NULL)
		return phone_refuse(err, "leave out the (0)");
	char kept[PHONE_MAX_DIGITS + 2] = "";
	size_t length = 0;
	for (const char *at = phone; *at != '\0'; at++) {
		if (is_phone_filler(*at))
			continue;
		if (!is_digit(*at) && !(*at == '+' && length == 0))
			return phone_refuse(err, "only digits after a + are possible");
		if (length == 0 && *at != '+')
			return phone_refuse(err, "it must begin with + and the country's code");
		if (length == sizeof kept - 1)
			return phone_refuse(err, "more than 15 digits");
		kept[length++] = *at;
	}
	if (length < 1 + PHONE_MIN_DIGITS)
		return phone_refuse(err, "fewer than 7 digits");
	if (kept[1] == '0')
		return phone_refuse(err, "no country's code begins with 0");
	memcpy(out, kept, length);
	out[length] = '\0';
	return true;
}

/* --- language -------------------------------------------------------------------------------- */

static bool all(struct str text, bool (*is_kind)(char))
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_kind(text.at[i]))
			return false;
	return true;
}

static char to_case(char c, bool upper)
{
	if (upper)
		return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Appends "-part" (without the dash at the start), its first `capitals` letters in upper case. */
static size_t language_add(char out[16], size_t length, struct str part, size_t capitals)
{
	if (length > 0)
		out[length++] = '-';
	for (size_t i = 0; i < part.len; i++)
		out[length++] = to_case(part.at[i], i < capitals);
	out[length] = '\0';
	return length;
}

static struct str language_cut(struct str text, struct str *head)
{
	size_t length = 0;
	while (length < text.len && text.at[length] != '-' && text.at[length] != '_')
		length++;
	*head = str_make(text.at, length);
	return length < text.len ? str_make(text.at + length + 1, text.len - length - 1)
	                         : str_make(NULL, 0);
}

/* RFC 5646, 2.1: language ["-" script] ["-" region]; the longest is zxx-Zxxx-999, 12 bytes. */
bool contact_language_normalise(const char *language, char out[16], struct err *err)
{
	struct str part, rest = language_cut(str_of(language), &part);
	size_t length = 0;
	out[0] = '\0';
	bool good = (part.len == 2 || part.len == 3) && all(part, is_letter);
	if (good)
		length = language_add(out, length, part, 0);
	if (good && rest.at != NULL) {
		struct str after = language_cut(rest, &part);
		if (part.len == 4 && all(part, is_letter)) {
			length = language_add(out, length, part, 1);
			rest = after;
		}
	}
	if (good && rest.at != NULL) {
		rest = language_cut(rest, &part);
		good = rest.at == NULL && ((part.len == 2 && all(part, is_letter)) ||
		                              (part.len == 3 && all(part, is_digit)));
		if (good)
			language_add(out, length, part, part.len);
	}
	if (good)
		return true;
	out[0] = '\0';
	return err_set(err, ERR_INPUT, "language: it must look like \"en\" or \"pt-BR\"");
}
