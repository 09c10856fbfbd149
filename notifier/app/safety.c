#include "notifier/app/safety.h"

#include <stdlib.h>
#include <string.h>

static const char *setting(const struct redis_value *pairs, const char *name, struct arena *arena)
{
	if (pairs->type != REDIS_ARRAY)
		return NULL;
	for (size_t i = 0; i + 1 < pairs->count; i += 2)
		if (str_eq(pairs->items[i].text, name))
			return arena_strndup(
			    arena, pairs->items[i + 1].text.at, pairs->items[i + 1].text.len);
	return NULL;
}

const char *safety_info_line(const char *info, const char *name, struct arena *arena)
{
	size_t len = strlen(name);
	for (const char *at = info; at != NULL; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, name, len) == 0 && at[len] == ':')
			return arena_strndup(arena, at + len + 1, strcspn(at + len + 1, "\r\n"));
	}
	return NULL;
}

void safety_read(const struct redis_value *settings, const struct redis_value *info,
    struct safety_facts *facts, struct arena *arena)
{
	*facts = (struct safety_facts){.appendonly = setting(settings, "appendonly", arena),
	    .appendfsync = setting(settings, "appendfsync", arena),
	    .maxmemory_policy = setting(settings, "maxmemory-policy", arena),
	    .no_appendfsync_on_rewrite = setting(settings, "no-appendfsync-on-rewrite", arena),
	    .info = info->type == REDIS_TEXT ? arena_strndup(arena, info->text.at, info->text.len)
	                                     : NULL};
	const char *aof = safety_info_line(facts->info, "aof_enabled", arena);
	if (facts->appendonly == NULL && aof != NULL)
		facts->appendonly = text_eq(aof, "1") ? "yes" : "no";
	if (facts->maxmemory_policy == NULL)
		facts->maxmemory_policy = safety_info_line(facts->info, "maxmemory_policy", arena);
}

static void add(struct safety_finding *out, size_t *count, bool is_error, const char *text)
{
	if (*count < SAFETY_FINDINGS_MAX)
		out[(*count)++] = (struct safety_finding){is_error, text};
}

static bool is(const char *value, const char *wanted)
{
	return value == NULL || strcmp(value, wanted) == 0;
}

/* 7.0 brought the flags of scripts: receipts must be recorded when memory is full. */
static bool version_is_too_old(const char *info)
{
	const char *at = info ? strstr(info, "redis_version:") : NULL;
	if (at == NULL)
		return false;
	long major = strtol(at + 14, NULL, 10);
	return major < 7;
}

void safety_judge(const struct safety_facts *f, struct safety_finding *out, size_t *count)
{
	*count = 0;
	if (!is(f->appendonly, "yes"))
		add(out, count, true,
		    "appendonly is off: a restart of Redis loses what was acknowledged; set "
		    "`appendonly yes`");
	if (!is(f->maxmemory_policy, "noeviction"))
		add(out, count, true,
		    "maxmemory-policy evicts keys: parcels would vanish; set `maxmemory-policy "
		    "noeviction`");
	if (f->appendfsync != NULL && strcmp(f->appendfsync, "no") == 0)
		add(out, count, true,
		    "appendfsync is no: a crash loses up to 30 s of acknowledged writes; set "
		    "`appendfsync always`");
	if (f->appendfsync != NULL && strcmp(f->appendfsync, "everysec") == 0)
		add(out, count, false,
		    "appendfsync is everysec: a crash, and with a slow disk even a kill, can lose "
		    "the last seconds; `appendfsync always` loses nothing");
	if (f->no_appendfsync_on_rewrite != NULL &&
	    strcmp(f->no_appendfsync_on_rewrite, "yes") == 0)
		add(out, count, false,
		    "no-appendfsync-on-rewrite is yes: writes are not durable while the log is "
		    "rewritten; set it to no");
	if (f->info != NULL && strstr(f->info, "role:slave") != NULL)
		add(out, count, true,
		    "this Redis is a replica and takes no writes; point redis.url to the primary");
	if (f->info != NULL && strstr(f->info, "cluster_enabled:1") != NULL)
		add(out, count, true,
		    "this Redis runs in cluster mode, which this version does not speak; use a "
		    "single primary (Sentinel is fine)");
	if (version_is_too_old(f->info))
		add(out, count, true, "this Redis is older than 7.0; install a newer one");
}
