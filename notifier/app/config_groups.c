/* The groups whose names the operator chooses, accounts, the adapters give, carriers, or the world,
 * countries. */
#include <stdlib.h>
#include <string.h>

#include "notifier/app/config_table.h"
#include "notifier/base/when.h"
#include "notifier/core/delay_alert.h"

/* --- accounts -------------------------------------------------------------------------------- */

static void account_defaults(
    struct config_loader *loader, struct account_config *account, const char *name)
{
	account->name = arena_strdup(loader->config->arena, name);
	policy_defaults(&account->policy);
	account->deadlines = deadline_default_rules;
	config_walk_defaults(loader, config_table_account(account));
}

static bool can_mail(const struct account_config *account)
{
	return account->email.from != NULL && account->email.smtp.host != NULL;
}

/* What can be sent at all: in test mode the mailbox takes everything. */
static void account_channels(struct account_config *account)
{
	unsigned email = 1u << CHANNEL_EMAIL, sms = 1u << CHANNEL_SMS;
	account->policy.channels_available =
	    (account->is_test || can_mail(account) ? email : 0) |
	    (account->is_test || account->sms.provider != NULL ? sms : 0);
}

static void check_account(const struct config_value *value, const struct account_config *account)
{
	bool can_text = account->sms.provider != NULL;
	bool half_mail = account->email.from != NULL || account->email.smtp.host != NULL;
	struct delay_rule rule = DELAY_RULE_DEFAULT;
	struct err err;
	if (!text_eq(account->delay_rule, "off") &&
	    !delay_rule_parse(&rule, account->delay_rule, &err))
		config_error(value, "rules.delay: %s", err.text);
	if (account->is_test)
		return;
	if (half_mail && !can_mail(account))
		config_error(value,
		    "e-mail needs both email.from and email.smtp.host; %s is not set",
		    account->email.from ? "email.smtp.host" : "email.from");
	if (can_text && (account->sms.sender == NULL || account->sms.token == NULL))
		config_error(value, "text messages need %s",
		    account->sms.sender ? "sms.token or sms.token_file" : "sms.sender");
	if (!half_mail && !can_text)
		config_warning(value,
		    "mode is live but neither e-mail nor SMS is set up: nothing can be "
		    "sent");
}

static bool name_is_usable(const char *name) /* it stands in URLs and Redis keys */
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
	return strlen(name) <= 32 && name[strspn(name, letters)] == '\0';
}

static void load_account(
    struct config_value *value, const char *name, struct account_config *account)
{
	struct config_scope scope = {{config_table_account(account)}};
	struct config_walk walk = {
	    value->loader, &scope, arena_printf(value->loader->scratch, "%s.", value->path)};
	size_t errors = value->loader->problems->errors;
	account_defaults(value->loader, account, name);
	config_walk_value(&walk, "", value);
	account_channels(account);
	if (value->loader->problems->errors ==
	    errors) /* else what is missing may be what is wrong */
		check_account(value, account);
}

bool config_set_accounts(struct config_value *value)
{
	struct config *config = value->loader->config;
	const struct config_node *node = value->node;
	struct map seen = {0};
	config->accounts = arena_array(config->arena, node->count + 1, sizeof *config->accounts);
	for (size_t i = 0; i < node->count; i++) {
		struct config_entry *entry = &node->entries[i];
		struct config_value item = *value;
		item.node = entry->value;
		item.line = entry->line;
		item.path = arena_printf(value->loader->scratch, "accounts.%s", entry->key);
		if (!config_walk_is_first(&seen, &item, entry))
			continue;
		if (!name_is_usable(entry->key))
			config_error(
			    &item, "the name of an account has up to 32 of a-z, 0-9, - and _");
		else
			load_account(&item, entry->key, &config->accounts[config->account_count++]);
	}
	map_free(&seen);
	return true;
}

void config_add_default_account(struct config_loader *loader)
{
	struct config *config = loader->config;
	if (config->account_count > 0)
		return;
	config->accounts = arena_array(config->arena, 1, sizeof *config->accounts);
	config->account_count = 1;
	account_defaults(loader, config->accounts, "default");
	account_channels(config->accounts);
}

/* --- carriers -------------------------------------------------------------------------------- */

static struct carrier_config *add_carrier(
    struct config_loader *loader, const struct carrier *carrier, const char ***values)
{
	struct config *config = loader->config;
	struct carrier_config *added = &config->carriers[config->carrier_count++];
	*values = arena_array(config->arena, carrier->option_count, sizeof **values);
	*added = (struct carrier_config){.carrier = carrier,
	    .settings = {.base_url = carrier->default_base_url, .values = *values},
	    .per_second = carrier->quota_per_second,
	    .per_day = carrier->quota_per_day};
	config_walk_defaults(loader, config_table_carrier(added));
	return added;
}

/* A carrier that nobody can poll and that takes no webhooks is a slip of the pen. */
static void check_required(const struct config_value *value, const struct carrier_config *carrier)
{
	const struct carrier *adapter = carrier->carrier;
	if (carrier->settings.hook_secret_count > 0 || adapter->poll_request == NULL)
		return;
	for (size_t i = 0; i < adapter->option_count; i++)
		if (adapter->options[i].is_required && carrier->settings.values[i] == NULL)
			config_warning(
			    value, "cannot be polled: %s is not set", adapter->options[i].name);
}

static void load_carrier(struct config_value *value, const struct carrier *adapter)
{
	struct config_loader *loader = value->loader;
	const char **values;
	struct carrier_config *carrier = add_carrier(loader, adapter, &values);
	struct config_scope scope = {{config_table_carrier(carrier),
	    config_table_adapter(adapter, values, loader->scratch)}};
	struct config_walk walk = {
	    loader, &scope, arena_printf(loader->scratch, "%s.", value->path)};
	size_t errors = loader->problems->errors;
	config_walk_value(&walk, "", value);
	if (loader->problems->errors == errors)
		check_required(value, carrier);
}

static const char *nearest_carrier(struct arena *arena, const char *name)
{
	const char **names = arena_array(arena, carrier_count(), sizeof *names);
	for (size_t i = 0; i < carrier_count(); i++)
		names[i] = carrier_at(i)->name;
	return text_nearest(name, names, carrier_count());
}

bool config_set_carriers(struct config_value *value)
{
	struct map seen = {0};
	for (size_t i = 0; i < value->node->count; i++) {
		struct config_entry *entry = &value->node->entries[i];
		struct config_value item = *value;
		item.node = entry->value;
		item.line = entry->line;
		item.path = arena_printf(value->loader->scratch, "carriers.%s", entry->key);
		const struct carrier *adapter = carrier_find(entry->key);
		if (adapter == NULL)
			config_walk_refuse(
			    &item, "carrier", nearest_carrier(value->loader->scratch, entry->key));
		else if (config_walk_is_first(&seen, &item, entry))
			load_carrier(&item, adapter);
	}
	map_free(&seen);
	return true;
}

static void add_if_absent(struct config_loader *loader, const char *name)
{
	const struct carrier *adapter = carrier_find(name);
	const char **values;
	if (adapter != NULL && config_carrier(loader->config, name) == NULL)
		add_carrier(loader, adapter, &values);
}

void config_add_standing_carriers(struct config_loader *loader)
{
	struct config *config = loader->config;
	add_if_absent(loader, "generic");
	if (config->sandbox_listen == NULL)
		return;
	add_if_absent(loader, "sandbox");
	for (size_t i = 0; i < config->carrier_count; i++) {
		const struct carrier *adapter = config->carriers[i].carrier;
		struct carrier_settings *settings = &config->carriers[i].settings;
		if (text_eq(adapter->name, "sandbox") &&
		    settings->base_url == adapter->default_base_url)
			settings->base_url =
			    arena_printf(config->arena, "http://%s", config->sandbox_listen);
	}
}

/* --- holidays -------------------------------------------------------------------------------- */

#define HOLIDAYS_MAX 1000 /* of a country: decades of them */

static bool read_day(struct config_value *value, int32_t *day)
{
	struct when when;
	if (value->node->kind != CONFIG_NODE_TEXT || strlen(value->node->text) != 10 ||
	    !when_parse(str_of(value->node->text), &when))
		return config_error(value, "expected a day, as 2026-12-25");
	*day = day_of_instant(when_instant(&when, 0), 0);
	return true;
}

static int compare_days(const void *a, const void *b)
{
	const int32_t *one = a, *two = b;
	return (*one > *two) - (*one < *two);
}

static bool is_country(const char *text)
{
	return strlen(text) == 2 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'A' &&
	       text[1] <= 'Z';
}

static bool load_country(
    struct config_value *value, const char *country, struct holidays_config *holidays)
{
	const struct config_node *list = value->node;
	if (!is_country(country))
		return config_error(value, "expected a country's two capital letters, as IN or DE");
	if (list->kind != CONFIG_NODE_LIST || list->count > HOLIDAYS_MAX)
		return config_error(
		    value, "expected a list of up to %d days, as [2026-12-25]", HOLIDAYS_MAX);
	int32_t *days = arena_array(value->loader->config->arena, list->count + 1, sizeof *days);
	for (size_t i = 0; i < list->count; i++) {
		struct config_value item = *value;
		item.node = list->entries[i].value;
		item.line = list->entries[i].line;
		item.path = arena_printf(value->loader->scratch, "%s[%zu]", value->path, i);
		if (!read_day(&item, &days[i]))
			return false;
	}
	qsort(days, list->count, sizeof *days, compare_days);
	*holidays = (struct holidays_config){
	    arena_strdup(value->loader->config->arena, country), days, list->count};
	return true;
}

bool config_set_holidays(struct config_value *value)
{
	struct config *config = value->loader->config;
	const struct config_node *node = value->node;
	struct map seen = {0};
	config->holidays = arena_array(config->arena, node->count + 1, sizeof *config->holidays);
	for (size_t i = 0; i < node->count; i++) {
		struct config_entry *entry = &node->entries[i];
		struct config_value item = *value;
		item.node = entry->value;
		item.line = entry->line;
		item.path = arena_printf(value->loader->scratch, "holidays.%s", entry->key);
		if (config_walk_is_first(&seen, &item, entry) &&
		    load_country(&item, entry->key, &config->holidays[config->holidays_count]))
			config->holidays_count++;
	}
	map_free(&seen);
	return true;
}
