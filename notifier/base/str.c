#include "notifier/base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "notifier/base/err.h"
#include "notifier/base/mem.h"

struct str str_of(const char *text)
{
	return (struct str){text, text ? strlen(text) : 0};
}

struct str str_make(const char *at, size_t len)
{
	return (struct str){at, len};
}

bool str_eq(struct str a, const char *b)
{
	return strlen(b) == a.len && (a.len == 0 || memcmp(a.at, b, a.len) == 0);
}

bool str_eq_nocase(struct str a, const char *b)
{
	return strlen(b) == a.len && (a.len == 0 || strncasecmp(a.at, b, a.len) == 0);
}

bool str_starts(struct str text, const char *prefix)
{
	size_t len = strlen(prefix);
	return len == 0 || (text.len >= len && memcmp(text.at, prefix, len) == 0);
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str text)
{
	while (text.len > 0 && is_space(text.at[0])) {
		text.at++;
		text.len--;
	}
	while (text.len > 0 && is_space(text.at[text.len - 1]))
		text.len--;
	return text;
}

struct str str_cut(struct str text, char separator, struct str *head)
{
	const char *found = text.len ? memchr(text.at, separator, text.len) : NULL;
	if (found == NULL) {
		*head = text;
		return (struct str){NULL, 0};
	}
	*head = str_make(text.at, (size_t)(found - text.at));
	return str_make(found + 1, text.len - head->len - 1);
}

bool str_to_int64(struct str text, int64_t *out)
{
	bool negative = text.len > 0 && text.at[0] == '-';
	size_t i = negative || (text.len > 0 && text.at[0] == '+');
	if (i == text.len)
		return false;
	int64_t value = 0;
	for (; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		int digit = text.at[i] - '0';
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, negative ? -digit : digit, &value))
			return false;
	}
	*out = value;
	return true;
}

bool text_eq(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool text_eq_nocase(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcasecmp(a, b) == 0);
}

bool text_is_empty(const char *text)
{
	return text == NULL || *text == '\0';
}

#define NEAREST_MAX 63

/* Levenshtein's distance by rows; words are short, so one row of bytes is enough. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t len_a = strnlen(a, NEAREST_MAX), len_b = strnlen(b, NEAREST_MAX);
	size_t row[NEAREST_MAX + 1];
	for (size_t j = 0; j <= len_b; j++)
		row[j] = j;
	for (size_t i = 1; i <= len_a; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= len_b; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[len_b];
}

const char *text_nearest(const char *word, const char *const *candidates, size_t count)
{
	const char *nearest = NULL;
	size_t best = (strlen(word) + 2) / 3 + 1;
	for (size_t i = 0; i < count; i++) {
		size_t distance = edit_distance(word, candidates[i]);
		if (distance < best) {
			best = distance;
			nearest = candidates[i];
		}
	}
	return nearest;
}

/* Length of the valid UTF-8 sequence at p, or 0.  RFC 3629, section 4. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
	if (p[0] < 0x80)
		return 1;
	size_t need = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || left < need)
		return 0;
	for (size_t i = 1; i < need; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
	bool surrogate = p[0] == 0xed && p[1] > 0x9f;
	bool too_high = p[0] == 0xf4 && p[1] > 0x8f;
	return overlong || surrogate || too_high ? 0 : need;
}

bool utf8_is_valid(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t step = utf8_sequence((const unsigned char *)bytes + i, len - i);
		if (step == 0)
			return false;
		i += step;
	}
	return true;
}

/* U+202A–202E and U+2066–2069 turn text around; U+0080–009F are C1 controls. */
static bool is_unwanted(const unsigned char *p, size_t step)
{
	if (step == 1)
		return p[0] < 0x20 || p[0] == 0x7f;
	if (step == 2)
		return p[0] == 0xc2 && p[1] < 0xa0;
	return step == 3 && p[0] == 0xe2 &&
	       ((p[1] == 0x80 && p[2] >= 0xaa && p[2] <= 0xae) ||
	           (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
}

void text_clean(char *out, size_t out_bytes, const char *text)
{
	size_t used = 0, len = text ? strlen(text) : 0;
	bool gap = false;
	for (size_t i = 0; i < len;) {
		const unsigned char *p = (const unsigned char *)text + i;
		size_t step = utf8_sequence(p, len - i);
		bool drop = step == 0 || is_unwanted(p, step);
		if (step == 0)
			step = 1;
		i += step;
		if (drop) {
			gap = used > 0;
			continue;
		}
		if (used + step + gap >= out_bytes)
			break;
		if (gap)
			out[used++] = ' ';
		gap = false;
		memcpy(out + used, p, step);
		used += step;
	}
	if (out_bytes > 0)
		out[used] = '\0';
}

void buf_free(struct buf *buf)
{
	xfree(buf->data);
	*buf = BUF_EMPTY(buf->max);
}

void buf_clear(struct buf *buf)
{
	buf->size = 0;
	buf->overflowed = false;
	if (buf->data != NULL)
		buf->data[0] = '\0';
}

static bool buf_reserve(struct buf *buf, size_t more)
{
	size_t wanted = buf->size + more;
	if (buf->max != 0 && wanted > buf->max) {
		buf->overflowed = true;
		return false;
	}
	if (wanted + 1 > buf->capacity) {
		size_t capacity = buf->capacity ? buf->capacity : 128;
		while (capacity < wanted + 1)
			capacity *= 2;
		buf->data = xrealloc(buf->data, capacity);
		buf->capacity = capacity;
	}
	return true;
}

void buf_add(struct buf *buf, const void *bytes, size_t len)
{
	if (!buf_reserve(buf, len))
		return;
	if (len > 0)
		memcpy(buf->data + buf->size, bytes, len);
	buf->size += len;
	buf->data[buf->size] = '\0';
}

void buf_add_text(struct buf *buf, const char *text)
{
	if (text != NULL)
		buf_add(buf, text, strlen(text));
}

void buf_add_str(struct buf *buf, struct str text)
{
	buf_add(buf, text.at, text.len);
}

void buf_add_char(struct buf *buf, char c)
{
	if (!buf_reserve(buf, 1))
		return;
	buf->data[buf->size++] = c;
	buf->data[buf->size] = '\0';
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	char room[512]; /* as in arena_vprintf */
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int len = vsnprintf(room, sizeof room, format, args);
	if (len > 0 && (size_t)len < sizeof room) {
		buf_add(buf, room, (size_t)len);
	} else if (len > 0 && buf_reserve(buf, (size_t)len)) {
		vsnprintf(buf->data + buf->size, (size_t)len + 1, format, again);
		buf->size += (size_t)len;
	}
	va_end(again);
	va_end(args);
}

void buf_consume(struct buf *buf, size_t len)
{
	must(len <= buf->size);
	if (len == 0)
		return;
	memmove(buf->data, buf->data + len, buf->size - len);
	buf->size -= len;
	buf->data[buf->size] = '\0';
}

const char *buf_text(const struct buf *buf)
{
	return buf->data ? buf->data : "";
}

char *buf_take(struct buf *buf)
{
	char *data = buf->data ? buf->data : xstrdup("");
	*buf = BUF_EMPTY(buf->max);
	return data;
}

static const char hex_digits[] = "0123456789abcdef";

void hex_encode(char *out, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = hex_digits[p[i] >> 4];
		out[2 * i + 1] = hex_digits[p[i] & 15];
	}
	out[2 * len] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_decode(void *out, size_t out_bytes, struct str text)
{
	if (text.len != 2 * out_bytes)
		return false;
	unsigned char *p = out;
	for (size_t i = 0; i < out_bytes; i++) {
		int high = hex_value(text.at[2 * i]), low = hex_value(text.at[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		p[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

void base32_encode(char *out, size_t out_bytes, const void *bytes, size_t len)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
	const unsigned char *p = bytes;
	unsigned accumulator = 0, bits = 0;
	size_t used = 0;
	must(out_bytes >= (8 * len + 4) / 5 + 1);
	for (size_t i = 0; i < len; i++) {
		accumulator = (accumulator << 8 | p[i]) & 0xfff;
		for (bits += 8; bits >= 5; bits -= 5)
			out[used++] = alphabet[accumulator >> (bits - 5) & 31];
	}
	if (bits > 0)
		out[used++] = alphabet[accumulator << (5 - bits) & 31];
	out[used] = '\0';
}

void base64_encode(char *out, const void *bytes, size_t len)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = bytes;
	for (size_t i = 0; i < len; i += 3, out += 4) {
		unsigned group = (unsigned)p[i] << 16;
		group |= i + 1 < len ? (unsigned)p[i + 1] << 8 : 0;
		group |= i + 2 < len ? p[i + 2] : 0;
		out[0] = alphabet[group >> 18 & 63];
		out[1] = alphabet[group >> 12 & 63];
		out[2] = i + 1 < len ? alphabet[group >> 6 & 63] : '=';
		out[3] = i + 2 < len ? alphabet[group & 63] : '=';
	}
	*out = '\0';
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

long base64_decode(void *out, struct str text)
{
	while (text.len > 0 && text.at[text.len - 1] == '=')
		text.len--;
	if (text.len % 4 == 1)
		return -1;
	unsigned char *p = out;
	unsigned accumulator = 0, bits = 0;
	for (size_t i = 0; i < text.len; i++) {
		int value = base64_value(text.at[i]);
		if (value < 0)
			return -1;
		accumulator = (accumulator << 6 | (unsigned)value) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			*p++ = (unsigned char)(accumulator >> bits);
		}
	}
	return (long)(p - (unsigned char *)out);
}

uint64_t fnv1a64(const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	uint64_t hash = 14695981039346656037ULL;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 1099511628211ULL;
	return hash;
}
