#include "notifier/io/redis_internal.h"

#include <string.h>

/* A password may hold any byte as %XX (RFC 3986, section 2.1). */
static char *unescape(struct str text)
{
	struct buf out = BUF_EMPTY(0);
	for (size_t i = 0; i < text.len; i++) {
		char byte = text.at[i];
		if (byte == '%' && text.len - i > 2 &&
		    hex_decode(&byte, 1, str_make(text.at + i + 1, 2)))
			i += 2;
		buf_add_char(&out, byte);
	}
	return buf_take(&out);
}

static bool is_number(struct str text, int64_t least, int64_t most, int *out)
{
	int64_t value;
	if (text.len == 0 || text.at[0] == '+' || !str_to_int64(text, &value) || value < least ||
	    value > most)
		return false;
	*out = (int)value;
	return true;
}

/* "host", "host:6380", "[::1]:6380" */
static bool host_parse(struct redis_address *address, struct str text)
{
	struct str host, port = {NULL, 0};
	if (text.len > 0 && text.at[0] == '[') {
		struct str rest = str_cut(str_make(text.at + 1, text.len - 1), ']', &host);
		if (rest.at == NULL || (rest.len > 0 && rest.at[0] != ':'))
			return false;
		if (rest.len > 0)
			port = str_make(rest.at + 1, rest.len - 1);
	} else {
		port = str_cut(text, ':', &host);
	}
	if (host.len == 0 || host.len > 253)
		return false;
	address->host = xstrndup(host.at, host.len);
	address->port = 6379;
	return port.at == NULL || is_number(port, 1, 65535, &address->port);
}

/* "user:password@" or ":password@"; the host holds no '@', a careless password may. */
static struct str credentials_parse(struct redis_address *address, struct str text)
{
	const char *at = text.len > 0 ? memrchr(text.at, '@', text.len) : NULL;
	if (at == NULL)
		return text;
	struct str user, password;
	size_t len = (size_t)(at - text.at);
	password = str_cut(str_make(text.at, len), ':', &user);
	if (user.len > 0)
		address->user = unescape(user);
	address->password = unescape(password);
	return str_make(at + 1, text.len - len - 1);
}

static bool redis_url_parse(struct redis_address *address, struct str text)
{
	const char *slash = text.len > 0 ? memrchr(text.at, '/', text.len) : NULL;
	const char *at = text.len > 0 ? memrchr(text.at, '@', text.len) : NULL;
	if (slash != NULL && (at == NULL || slash > at)) {
		struct str database = str_make(slash + 1, text.len - (size_t)(slash + 1 - text.at));
		if (database.len > 0 && !is_number(database, 0, 65535, &address->database))
			return false;
		text.len = (size_t)(slash - text.at);
	}
	return host_parse(address, credentials_parse(address, text));
}

bool redis_address_parse(struct redis_address *address, const char *url, struct err *err)
{
	struct str text = str_of(url);
	*address = (struct redis_address){0};
	if (str_starts(text, "unix:///")) {
		address->socket_path = xstrdup(url + strlen("unix://"));
		if (strlen(address->socket_path) < 108) /* sun_path, unix(7) */
			return true;
	} else if (str_starts(text, "redis://")) {
		struct str rest = str_make(text.at + 8, text.len - 8);
		if (redis_url_parse(address, rest))
			return true;
	}
	redis_address_free(address);
	/* The URL itself is not shown: it may hold the password. */
	return err_set(err, ERR_INPUT,
	    "redis.url: cannot be read; write redis://[user:password@]host:port[/db] or "
	    "unix:///path (at most 107 bytes); special characters of a password as %%XX");
}

void redis_address_free(struct redis_address *address)
{
	xfree(address->host);
	xfree(address->socket_path);
	xfree(address->user);
	xfree(address->password);
	*address = (struct redis_address){0};
}
