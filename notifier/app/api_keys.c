/* API keys: shown once, stored as SHA-256.  ntk_<id>_<256 random bits>. */
#include <string.h>

#include "notifier/app/api.h"
#include "notifier/app/json.h"
#include "notifier/app/keys.h"

API_ROUTE(api_keys_post, create)
API_ROUTE(api_keys_list, list)
API_ROUTE(api_key_delete, revoke)

#define KEYS_STEPS(X) X(api, created) X(api, listed) X(api, found) X(api, revoked)
KEYS_STEPS(FLOW_STEP)

static next api_create(struct api *api)
{
	struct err err;
	unsigned scopes = SCOPE_READ | SCOPE_WRITE;
	unsigned char random[32 + 5];
	char id[16], secret[64], hash[65];
	if (api->body.len > 0 && !api_body(api))
		return END;
	const char *wanted = json_string_value(json_object_get(api->json, "scopes"));
	const char *account = json_string_value(json_object_get(api->json, "account"));
	if (wanted != NULL && !scopes_parse(wanted, &scopes, &err))
		return api_problem(
		    api, 400, "unknown_scope", arena_strdup(api->flow.arena, err.text));
	account = account ? account : api->account;
	if (!api->is_local && !text_eq(account, api->account))
		return api_problem(
		    api, 403, "other_account", "A key makes keys for its own account only.");
	if (config_account(api->config, account) == NULL)
		return api_problem(api, 404, "unknown_account", "No such account is configured.");
	loop_random(random, sizeof random);
	base32_encode(id, sizeof id, random, 5);
	base32_encode(secret, sizeof secret, random + 5, 32);
	api->made_key = arena_printf(api->flow.arena, "ntk_%s_%s", id, secret);
	key_sha256_hex(hash, api->made_key, strlen(api->made_key));
	json_t *row = json_object();
	json_put_text(row, "id", id);
	json_put_text(row, "account", account);
	json_object_set_new(row, "scopes", json_integer(scopes));
	json_put_int(row, "created", loop_now_ms());
	struct str command[] = {redis_arg("HSET"), redis_arg(KEY_API_KEYS),
	    str_of(arena_strdup(api->flow.arena, hash)), json_text(row, api->flow.arena)};
	json_decref(api->json);
	api->json = row;
	return AWAIT(api, created,
	    redis_call(api->world->redis, &api->flow, command, 4, &api->value), STORE_SOON_MS);
}

/* Rows leave with their scopes as words; the hash never leaves. */
static json_t *row_json(struct api *api, const json_t *row)
{
	json_t *o = json_object();
	json_put_text(o, "id", json_string_value(json_object_get(row, "id")));
	json_put_text(o, "account", json_string_value(json_object_get(row, "account")));
	json_put_text(
	    o, "scopes", scopes_print((unsigned)json_get_int(row, "scopes"), api->flow.arena));
	json_put_time(o, "created_at", json_get_int(row, "created"));
	return o;
}

static next api_created(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	json_t *body = row_json(api, api->json);
	json_put_text(body, "key", api->made_key);
	return api_send(api, 201, body);
}

/* Over the admin socket all are ours, else those of the account. */
static bool is_ours(const struct api *api, const json_t *row)
{
	return api->is_local ||
	       text_eq(json_string_value(json_object_get(row, "account")), api->account);
}

static struct await *load_all(struct api *api)
{
	struct str command[] = {redis_arg("HGETALL"), redis_arg(KEY_API_KEYS)};
	return redis_call(api->world->redis, &api->flow, command, 2, &api->value);
}

static next api_list(struct api *api)
{
	return AWAIT(api, listed, load_all(api), STORE_SOON_MS);
}

static next api_listed(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	json_t *data = json_array(), *body = json_object();
	for (size_t i = 1; i < api->value.count; i += 2) {
		json_t *row =
		    json_loadb(api->value.items[i].text.at, api->value.items[i].text.len, 0, NULL);
		if (is_ours(api, row))
			json_array_append_new(data, row_json(api, row));
		json_decref(row);
	}
	json_object_set_new(body, "data", data);
	json_object_set_new(body, "next", json_null());
	return api_send(api, 200, body);
}

static next api_revoke(struct api *api)
{
	return AWAIT(api, found, load_all(api), STORE_SOON_MS);
}

static next api_found(struct api *api)
{
	if (FAILED(api))
		return api_store_failed(api);
	for (size_t i = 0; i + 1 < api->value.count; i += 2) {
		json_t *row = json_loadb(
		    api->value.items[i + 1].text.at, api->value.items[i + 1].text.len, 0, NULL);
		bool is_it =
		    text_eq(json_string_value(json_object_get(row, "id")), api->argument) &&
		    is_ours(api, row);
		json_decref(row);
		if (!is_it)
			continue;
		struct str command[] = {
		    redis_arg("HDEL"), redis_arg(KEY_API_KEYS), api->value.items[i].text};
		return AWAIT(api, revoked,
		    redis_call(api->world->redis, &api->flow, command, 3, &api->value2),
		    STORE_SOON_MS);
	}
	return api_problem(api, 404, "key_not_found",
	    "There is no key with this id; notifier keys list shows them.");
}

static next api_revoked(struct api *api)
{
	return FAILED(api) ? api_store_failed(api) : api_send(api, 204, NULL);
}
