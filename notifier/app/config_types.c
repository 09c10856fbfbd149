/* One setter per type of option: text in, field out, or a problem that says what was expected. */
#include "notifier/app/config_table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/base/when.h"
#include "notifier/core/contact.h"

bool (*config_zone_is_known)(const char *zone);
bool (*config_template_check)(const char *source, struct err *err);

static void store(struct config_value *value, const void *bytes, size_t size)
{
	must(size == value->place.row->bytes);
	memcpy(value->place.at, bytes, size);
}

/* "" is the same as not set, so that `user: ""` means what it looks like. */
static bool store_text(struct config_value *value, const char *text)
{
	const char *kept =
	    text_is_empty(text) ? NULL : arena_strdup(value->loader->config->arena, text);
	store(value, &kept, sizeof kept);
	return true;
}

/* Enums, bools and ints are of different sizes. */
static void store_integer(struct config_value *value, int64_t number)
{
	switch (value->place.row->bytes) {
	case 1: store(value, &(uint8_t){(uint8_t)number}, 1); break;
	case 4: store(value, &(int32_t){(int32_t)number}, 4); break;
	case 8: store(value, &number, 8); break;
	default: must(!"an integer field has 1, 4 or 8 bytes");
	}
}

static bool set_text(struct config_value *value)
{
	return store_text(value, value->text);
}

static bool set_word(struct config_value *value)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	if (value->text[strspn(value->text, letters)] != '\0')
		return config_error(
		    value, "\"%.60s\" may hold letters, digits, - and _ only", value->text);
	return store_text(value, value->text);
}

static bool read_bool(struct config_value *value, bool *out)
{
	static const struct {
		const char *name;
		bool is_on;
	} names[] = {{"on", true}, {"off", false}, {"true", true}, {"false", false}, {"yes", true},
	    {"no", false}};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (text_eq_nocase(value->text, names[i].name)) {
			*out = names[i].is_on;
			return true;
		}
	return config_error(value, "expected on or off, found \"%.60s\"", value->text);
}

static bool set_bool(struct config_value *value)
{
	bool is_on;
	if (!read_bool(value, &is_on))
		return false;
	store_integer(value, is_on);
	return true;
}

static bool set_bit(struct config_value *value)
{
	bool is_on;
	if (!read_bool(value, &is_on))
		return false;
	uint32_t *bits = value->place.at;
	*bits = is_on ? *bits | value->place.row->bit : *bits & ~value->place.row->bit;
	return true;
}

static bool in_range(struct config_value *value, double number)
{
	const struct config_option *row = value->place.row;
	if (number >= row->min && number <= row->max)
		return true;
	return config_error(
	    value, "%.60s is out of range %.10g to %.10g", value->text, row->min, row->max);
}

static bool set_whole(struct config_value *value)
{
	int64_t number;
	if (!str_to_int64(str_of(value->text), &number))
		return config_error(value, "expected a whole number, found \"%.60s\"", value->text);
	if (!in_range(value, (double)number))
		return false;
	store_integer(value, number);
	return true;
}

/* "256k", "1M", "65536" */
static bool set_size(struct config_value *value)
{
	static const struct {
		const char *unit;
		int64_t bytes;
	} units[] = {{"", 1}, {"k", 1024}, {"kB", 1024}, {"KiB", 1024}, {"M", 1 << 20},
	    {"MB", 1 << 20}, {"MiB", 1 << 20}};
	size_t digits = strspn(value->text, "0123456789");
	struct str unit = str_trim(str_of(value->text + digits));
	int64_t number = 0;
	bool ok = str_to_int64(str_make(value->text, digits), &number);
	for (size_t i = 0; ok && i < sizeof units / sizeof *units; i++)
		if (str_eq(unit, units[i].unit)) {
			if (__builtin_mul_overflow(number, units[i].bytes, &number))
				number = INT64_MAX;
			if (!in_range(value, (double)number))
				return false;
			store_integer(value, number);
			return true;
		}
	return config_error(
	    value, "expected a size such as 65536, 256k or 1M, found \"%.60s\"", value->text);
}

static bool set_double(struct config_value *value)
{
	char *end = NULL;
	bool is_decimal = strspn(value->text, "0123456789.eE+-") == strlen(value->text);
	double number = strtod(value->text, &end);
	if (!is_decimal || end == value->text || *end != '\0' || !isfinite(number))
		return config_error(value, "expected a number, found \"%.60s\"", value->text);
	if (!in_range(value, number))
		return false;
	store(value, &number, sizeof number);
	return true;
}

static bool set_duration(struct config_value *value)
{
	int64_t ms;
	if (!duration_parse(str_of(value->text), &ms))
		return config_error(value,
		    "expected a time such as 90s, 15m, 6h or 14d, found \"%.60s\"", value->text);
	const struct config_option *row = value->place.row;
	if ((double)ms < row->min * SECOND_MS || (double)ms > row->max * SECOND_MS) {
		char low[WHEN_BYTES], high[WHEN_BYTES];
		duration_format(low, (int64_t)row->min * SECOND_MS);
		duration_format(high, (int64_t)row->max * SECOND_MS);
		return config_error(
		    value, "%.60s is out of range %s to %s", value->text, low, high);
	}
	store_integer(value, ms);
	return true;
}

/* The index of text among "a|b|c"; -1 and a problem where it is none of them. */
static int choice_index(struct config_value *value)
{
	const char *names[8];
	size_t count = 0;
	struct str rest = str_of(value->place.row->choices), name;
	while (rest.at != NULL) {
		rest = str_cut(rest, '|', &name);
		must(count < sizeof names / sizeof *names);
		if (str_eq(name, value->text))
			return (int)count;
		names[count++] = arena_strndup(value->loader->scratch, name.at, name.len);
	}
	struct buf list = BUF_EMPTY(0);
	for (size_t i = 0; i < count; i++)
		buf_printf(&list, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", names[i]);
	const char *nearest = text_nearest(value->text, names, count);
	config_error(value, "expected %s, found \"%.60s\"%s%s%s", buf_text(&list), value->text,
	    nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
	buf_free(&list);
	return -1;
}

static bool set_choice(struct config_value *value)
{
	int index = choice_index(value);
	if (index < 0)
		return false;
	store_integer(value, index);
	return true;
}

static bool set_choice_text(struct config_value *value)
{
	if (*value->text != '\0' && choice_index(value) < 0)
		return false;
	return store_text(value, value->text);
}

static bool set_template(struct config_value *value)
{
	struct err err;
	if (config_template_check != NULL && !config_template_check(value->text, &err))
		return config_error(value, "%s", err.text);
	return store_text(value, value->text);
}

static bool set_path(struct config_value *value)
{
	if (*value->text == '\0')
		return store_text(value, NULL);
	return store_text(value, config_path_resolve(value->loader, value->text));
}

static bool set_secret(struct config_value *value)
{
	const char *secret, *already;
	if (!config_secret_get(value, &secret))
		return false;
	memcpy(&already, value->place.at, sizeof already);
	if (already != NULL && secret != NULL)
		return config_error(value, "given twice: keep %s or %s_file",
		    value->place.row->path, value->place.row->path);
	return secret == NULL || store_text(value, secret);
}

/* host:port, [address]:port; port 0 lets the system choose. */
static bool set_address(struct config_value *value)
{
	const char *colon = strrchr(value->text, ':');
	int64_t port;
	bool bracketed = value->text[0] == '[';
	if (colon == NULL || (bracketed ? colon[-1] != ']' : strchr(value->text, ':') != colon) ||
	    !str_to_int64(str_of(colon + 1), &port))
		return config_error(value,
		    "expected host:port such as 127.0.0.1:8080, found \"%.60s\"", value->text);
	if (port < 0 || port > 65535)
		return config_error(value, "port %s is out of range 0 to 65535", colon + 1);
	return store_text(value, value->text);
}

static bool set_url(struct config_value *value)
{
	struct str rest = str_of(value->place.row->choices), scheme;
	bool known = *value->text == '\0';
	while (!known && rest.at != NULL) {
		rest = str_cut(rest, '|', &scheme);
		known = strlen(value->text) > scheme.len &&
		        strncmp(value->text, scheme.at, scheme.len) == 0;
	}
	if (!known ||
	    strpbrk(value->text, " \t<>\"") != NULL) /* not shown: it may hold a password */
		return config_error(value, "expected an address that starts with %.*s",
		    (int)strcspn(value->place.row->choices, "|"), value->place.row->choices);
	size_t len = strlen(value->text);
	while (len > 0 && value->text[len - 1] == '/')
		len--;
	return store_text(value, arena_strndup(value->loader->scratch, value->text, len));
}

/* "Blue Shop <news@shop.example>" or the bare address */
static bool set_mailbox(struct config_value *value)
{
	const char *open = strrchr(value->text, '<'), *address = value->text;
	struct err err;
	if (*value->text == '\0')
		return store_text(value, NULL);
	if (open != NULL) {
		size_t len = strlen(open + 1);
		if (len == 0 || open[len] != '>')
			return config_error(
			    value, "expected \"Name <name@host>\", found \"%.100s\"", value->text);
		address = arena_strndup(value->loader->scratch, open + 1, len - 1);
	}
	if (!contact_email_check(address, &err))
		return config_error(value, "%s (\"%.100s\")", err.text, value->text);
	return store_text(value, value->text);
}

static bool set_language(struct config_value *value)
{
	char normal[16];
	struct err err;
	if (!contact_language_normalise(value->text, normal, &err))
		return config_error(value, "%s", err.text);
	return store_text(value, normal);
}

static bool set_zone(struct config_value *value)
{
	if (*value->text != '\0' && config_zone_is_known != NULL &&
	    !config_zone_is_known(value->text))
		return config_error(value,
		    "unknown time zone \"%.60s\"; write it as Europe/Berlin or Asia/Kolkata",
		    value->text);
	return store_text(value, value->text);
}

#define HOOK_SECRETS_MAX 8

static bool add_hook_secret(struct config_value *value)
{
	struct carrier_settings *settings = value->place.at;
	struct arena *arena = value->loader->config->arena;
	const char *secret;
	if (!config_secret_get(value, &secret))
		return false;
	if (secret == NULL)
		return true;
	if (settings->hook_secret_count == HOOK_SECRETS_MAX)
		return config_error(value, "more than %d secrets", HOOK_SECRETS_MAX);
	const char **grown = arena_array(arena, settings->hook_secret_count + 1, sizeof *grown);
	for (size_t i = 0; i < settings->hook_secret_count; i++)
		grown[i] = settings->hook_secrets[i];
	grown[settings->hook_secret_count++] = arena_strdup(arena, secret);
	settings->hook_secrets = grown;
	return true;
}

static bool set_hook_secrets(struct config_value *value)
{
	bool ok = true;
	for (size_t i = 0; i < value->node->count; i++) {
		struct config_value item = *value;
		item.node = value->node->entries[i].value;
		item.line = value->node->entries[i].line;
		item.path = arena_printf(value->loader->scratch, "%s[%zu]", value->path, i);
		if (item.node->kind != CONFIG_NODE_TEXT)
			ok = config_error(&item, "expected a single value, found %s",
			    config_node_kind_name(item.node->kind));
		else
			ok = add_hook_secret(&item) && ok;
	}
	return ok;
}

static const struct config_type_row {
	const char *name;
	bool (*set)(struct config_value *value);
	enum config_node_kind kind;
	bool is_secret;
} type_rows[OPTION_TYPES] = {
    [OPTION_TEXT] = {"text", set_text, CONFIG_NODE_TEXT, false},
    [OPTION_WORD] = {"word", set_word, CONFIG_NODE_TEXT, false},
    [OPTION_BOOL] = {"on/off", set_bool, CONFIG_NODE_TEXT, false},
    [OPTION_INT] = {"number", set_whole, CONFIG_NODE_TEXT, false},
    [OPTION_UNSIGNED] = {"number", set_whole, CONFIG_NODE_TEXT, false},
    [OPTION_SIZE] = {"size", set_size, CONFIG_NODE_TEXT, false},
    [OPTION_DOUBLE] = {"number", set_double, CONFIG_NODE_TEXT, false},
    [OPTION_DURATION] = {"duration", set_duration, CONFIG_NODE_TEXT, false},
    [OPTION_CHOICE] = {"choice", set_choice, CONFIG_NODE_TEXT, false},
    [OPTION_CHOICE_TEXT] = {"choice", set_choice_text, CONFIG_NODE_TEXT, false},
    [OPTION_TEMPLATE] = {"template", set_template, CONFIG_NODE_TEXT, false},
    [OPTION_PATH] = {"path", set_path, CONFIG_NODE_TEXT, false},
    [OPTION_SECRET] = {"secret", set_secret, CONFIG_NODE_TEXT, true},
    [OPTION_ADDRESS] = {"host:port", set_address, CONFIG_NODE_TEXT, false},
    [OPTION_URL] = {"URL", set_url, CONFIG_NODE_TEXT, false},
    [OPTION_MAILBOX] = {"mailbox", set_mailbox, CONFIG_NODE_TEXT, false},
    [OPTION_LANGUAGE] = {"language", set_language, CONFIG_NODE_TEXT, false},
    [OPTION_ZONE] = {"time zone", set_zone, CONFIG_NODE_TEXT, false},
    [OPTION_BIT] = {"on/off", set_bit, CONFIG_NODE_TEXT, false},
    [OPTION_HOOK_SECRET] = {"secret", add_hook_secret, CONFIG_NODE_TEXT, true},
    [OPTION_HOOK_SECRETS] = {"list of secrets", set_hook_secrets, CONFIG_NODE_LIST, false},
    [OPTION_HOLIDAYS] = {"lists of days", config_set_holidays, CONFIG_NODE_MAP, false},
    [OPTION_ACCOUNTS] = {"group", config_set_accounts, CONFIG_NODE_MAP, false},
    [OPTION_CARRIERS] = {"group", config_set_carriers, CONFIG_NODE_MAP, false},
};

const char *config_types_name(enum config_type type)
{
	return type_rows[type].name;
}

bool config_type_is_secret(enum config_type type)
{
	return type_rows[type].is_secret;
}

bool config_types_set(struct config_value *value)
{
	const struct config_type_row *type = &type_rows[value->place.row->type];
	if (value->node->is_null)
		return true; /* "key:" with nothing behind it: the default stays */
	if (value->node->kind != type->kind)
		return config_error(value, "expected %s, found %s",
		    config_node_kind_name(type->kind), config_node_kind_name(value->node->kind));
	/* Secrets expand theirs themselves: they must know whether anything came from outside. */
	value->text =
	    type->is_secret ? value->node->text : config_secret_expand(value, value->node->text);
	return value->text != NULL && type->set(value);
}
