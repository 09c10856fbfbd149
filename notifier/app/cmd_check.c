/* `notifier check`: what is wrong with this set-up and how to mend it.  Looks, and changes nothing:
 * it may run beside the daemon. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "notifier/app/client.h"
#include "notifier/app/command.h"
#include "notifier/app/json.h"
#include "notifier/app/safety.h"
#include "notifier/app/setup.h"
#include "notifier/app/table.h"
#include "notifier/io/child.h"
#include "notifier/io/files.h"
#include "notifier/io/redis_ask.h"

#define REDIS_WAIT_MS 3000

enum level { LEVEL_GOOD, LEVEL_WARNING, LEVEL_ERROR, LEVEL_COUNT };

static const struct {
	const char *name, *colour;
} levels[LEVEL_COUNT] = {{"ok", "\033[32m"}, {"warning", "\033[33m"}, {"error", "\033[31m"}};

struct finding {
	enum level level;
	const char *area, *where, *text; /* where: file:line, option; NULL: the area says it */
};

struct check {
	struct arena *arena;
	const char *path;
	struct config *config;
	struct config_problems problems;
	struct finding *findings;
	size_t count, capacity;
	size_t totals[LEVEL_COUNT];
};

static void found(struct check *check, enum level level, const char *area, const char *where,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

static void found(struct check *check, enum level level, const char *area, const char *where,
    const char *format, ...)
{
	if (check->count == check->capacity) {
		check->capacity = check->capacity ? 2 * check->capacity : 32;
		check->findings =
		    xrealloc_array(check->findings, check->capacity, sizeof *check->findings);
	}
	va_list args;
	va_start(args, format);
	struct finding *now = &check->findings[check->count];
	*now = (struct finding){level, area, arena_strdup(check->arena, where),
	    arena_vprintf(check->arena, format, args)};
	va_end(args);
	if (check->count > 0 && text_eq(now->where, now[-1].where) &&
	    text_eq(now->text, now[-1].text))
		return; /* templates are tried with and without their optional variables */
	check->count++;
	check->totals[level]++;
}

/* --- configuration -----------------------------------------------------------------------------
 */

/* The loader's warnings about a whole account or carrier: check_account and check_carrier look
 * closer. */
static bool is_judged_later(const struct check *check, const struct config_problem *problem)
{
	const char *dot = problem->path ? strchr(problem->path, '.') : NULL;
	return check->config != NULL && problem->is_warning && dot != NULL &&
	       strchr(dot + 1, '.') == NULL &&
	       (strncmp(problem->path, "accounts.", 9) == 0 ||
	           strncmp(problem->path, "carriers.", 9) == 0);
}

static void check_configuration(struct check *check)
{
	const struct config_problems *problems = &check->problems;
	setup_config_hooks();
	check->problems.arena = check->arena;
	check->config = config_load(check->path, &check->problems);
	for (size_t i = 0; i < problems->count; i++) {
		const struct config_problem *p = &problems->items[i];
		const char *where = p->line
		                        ? arena_printf(check->arena, "%s:%d", check->path, p->line)
		                        : check->path;
		if (!is_judged_later(check, p))
			found(check, p->is_warning ? LEVEL_WARNING : LEVEL_ERROR, "configuration",
			    where, "%s%s%s", p->path ? p->path : "", p->path ? ": " : "", p->text);
	}
	if (check->config != NULL)
		found(check, LEVEL_GOOD, "configuration", check->path,
		    "%zu account(s), %zu carrier(s)", check->config->account_count,
		    check->config->carrier_count);
}

/* "accounts.default", with its line where the loader had something to say of it. */
static const char *where_of(const struct check *check, const char *group, const char *name)
{
	const char *path = arena_printf(check->arena, "%s.%s", group, name);
	for (size_t i = 0; i < check->problems.count; i++)
		if (text_eq(check->problems.items[i].path, path))
			return arena_printf(check->arena, "%s:%d: %s", check->path,
			    check->problems.items[i].line, path);
	return path;
}

/* --- data folder -------------------------------------------------------------------------------
 */

/* The folder itself where it is there, else the nearest one above it that is. */
static const char *nearest_there(struct arena *arena, const char *path)
{
	char *at = arena_strdup(arena, path);
	while (!files_exists(at)) {
		char *slash = strrchr(at, '/');
		if (slash == NULL)
			return ".";
		if (slash == at)
			return "/";
		*slash = '\0';
	}
	return at;
}

static void check_data_dir(struct check *check)
{
	const char *dir = check->config->data_dir, *there = nearest_there(check->arena, dir);
	struct stat status;
	if (access(there, W_OK | X_OK) != 0)
		found(check, LEVEL_ERROR, "data folder", dir,
		    "cannot be written%s%s: %s; give it to the user that the daemon runs as, or "
		    "set data_dir",
		    strcmp(there, dir) ? " below " : "", strcmp(there, dir) ? there : "",
		    strerror(errno));
	else if (stat(there, &status) == 0 && !S_ISDIR(status.st_mode))
		found(
		    check, LEVEL_ERROR, "data folder", dir, "%s is no folder; set data_dir", there);
	else if (strcmp(there, dir) == 0 && !files_is_private(dir))
		found(check, LEVEL_WARNING, "data folder", dir,
		    "others may look into it (customers' addresses, the admin socket): chmod 700");
	else
		found(check, LEVEL_GOOD, "data folder", dir, "%s",
		    strcmp(there, dir) ? "will be made" : "writable");
}

/* --- Redis -------------------------------------------------------------------------------------
 */

static void judge_redis(struct check *check, const struct safety_facts *facts, const char *where)
{
	struct safety_finding findings[SAFETY_FINDINGS_MAX];
	size_t count;
	safety_judge(facts, findings, &count);
	for (size_t i = 0; i < count; i++) {
		bool is_allowed = findings[i].is_error && check->config->redis_allow_lossy;
		found(check, findings[i].is_error && !is_allowed ? LEVEL_ERROR : LEVEL_WARNING,
		    "redis", where, "%s%s", findings[i].text,
		    is_allowed ? " (redis.allow_lossy is on)" : "");
	}
	if (count == 0)
		found(check, LEVEL_GOOD, "redis", where, "reachable, with safe settings");
}

static void ask_redis(struct check *check, const char *url)
{
	static const char *const get[] = {"CONFIG", "GET", SAFETY_SETTINGS}, *const info[] = {
	                                                                         "INFO"};
	static const char where[] = "redis.url";
	struct redis_value settings = {.type = REDIS_NIL}, text = {.type = REDIS_NIL};
	struct safety_facts facts;
	struct err err;
	struct redis_ask *ask = redis_ask_open(url, REDIS_WAIT_MS, &err);
	if (ask == NULL) {
		found(check, LEVEL_ERROR, "redis", where, "%s", err.text);
		return;
	}
	if (!redis_ask(ask, get, 3, &settings, check->arena, &err))
		found(check, LEVEL_WARNING, "redis", where,
		    "does not show its settings (%s); make sure of `appendfsync always`", err.text);
	if (redis_ask(ask, info, 1, &text, check->arena, &err)) {
		safety_read(&settings, &text, &facts, check->arena);
		judge_redis(check, &facts, where);
	} else {
		found(check, LEVEL_ERROR, "redis", where, "%s", err.text);
	}
	redis_ask_close(&ask);
}

static void check_redis(struct check *check)
{
	if (check->config->redis_url != NULL)
		ask_redis(check, check->config->redis_url);
	else if (child_program_exists("redis-server"))
		found(check, LEVEL_GOOD, "redis", "embedded", "redis-server is installed");
	else
		found(check, LEVEL_ERROR, "redis", "embedded",
		    "redis-server is not installed: `apt install redis-server`, or set redis.url");
}

/* --- templates ---------------------------------------------------------------------------------
 */

static void on_template(void *context, const struct catalogue_finding *finding)
{
	struct check *check = context;
	const char *dir = check->config->templates_dir, *where = finding->path;
	if (dir != NULL && files_exists(arena_printf(check->arena, "%s/%s", dir, finding->path)))
		where = arena_printf(check->arena, "%s/%s", dir, finding->path);
	if (finding->line > 0)
		where =
		    arena_printf(check->arena, "%s:%d:%d", where, finding->line, finding->column);
	found(check, finding->is_error ? LEVEL_ERROR : LEVEL_WARNING, "templates", where, "%s (%s)",
	    finding->text, finding->id);
}

static void check_templates(struct check *check)
{
	struct catalogue_report report = {on_template, check};
	const char *dir = check->config->templates_dir;
	struct err err;
	struct catalogue *catalogue = setup_catalogue_report(check->config, &report, &err);
	if (catalogue == NULL && err.kind != ERR_NONE)
		found(check, LEVEL_ERROR, "templates", dir, "%s", err.text);
	if (catalogue == NULL)
		return;
	if (catalogue_lint(catalogue, &report))
		found(check, LEVEL_GOOD, "templates", dir ? dir : "built-in", "%zu messages",
		    catalogue_count(catalogue));
	catalogue_unref(&catalogue);
}

/* --- credentials -------------------------------------------------------------------------------
 */

static void check_account(struct check *check, const struct account_config *account)
{
	const char *where = where_of(check, "accounts", account->name);
	const char *host = account->email.smtp.host;
	if (account->is_test)
		found(check, LEVEL_GOOD, "accounts", where,
		    "test mode: every message goes to the local mailbox");
	else if (host == NULL && account->sms.provider == NULL)
		found(check, LEVEL_ERROR, "accounts", where,
		    "live, but nothing can be sent: set email.from and email.smtp.host, or mode: "
		    "test");
	else if (host == NULL)
		found(check, LEVEL_WARNING, "accounts", where,
		    "live without e-mail: email.smtp.host is not set");
	else
		found(check, LEVEL_GOOD, "accounts", where, "live, e-mail by %s:%d", host,
		    account->email.smtp.port);
}

static void check_carrier(struct check *check, const struct carrier_config *carrier)
{
	const struct carrier *adapter = carrier->carrier;
	const char *where = where_of(check, "carriers", adapter->name), *missing = NULL;
	bool takes_hooks = carrier->settings.hook_secret_count > 0 && adapter->hook_read != NULL;
	for (size_t i = 0; i < adapter->option_count && missing == NULL; i++)
		if (adapter->options[i].is_required && text_is_empty(carrier->settings.values[i]))
			missing = adapter->options[i].name;
	bool can_poll =
	    adapter->poll_request != NULL && missing == NULL && carrier->settings.base_url != NULL;
	if (can_poll || takes_hooks)
		found(check, LEVEL_GOOD, "carriers", where, "%s%s%s", can_poll ? "polled" : "",
		    can_poll && takes_hooks ? ", " : "", takes_hooks ? "takes webhooks" : "");
	else if (adapter->poll_request ==
	         NULL) /* generic is always there; without a secret it is just closed */
		found(check, LEVEL_GOOD, "carriers", where,
		    "closed: without webhook.secret every webhook is refused");
	else if (missing != NULL)
		found(check, LEVEL_ERROR, "carriers", where,
		    "no news can come: %s is not set; set it (or %s_file), or remove the carrier",
		    missing, missing);
	else
		found(
		    check, LEVEL_ERROR, "carriers", where, "no news can come: base_url is not set");
}

/* --- the whole -----------------------------------------------------------------------------------
 */

static void check_all(struct check *check)
{
	check_configuration(check);
	if (check->config == NULL)
		return;
	check_data_dir(check);
	check_redis(check);
	check_templates(check);
	for (size_t i = 0; i < check->config->account_count; i++)
		check_account(check, &check->config->accounts[i]);
	for (size_t i = 0; i < check->config->carrier_count; i++)
		check_carrier(check, &check->config->carriers[i]);
}

static void print_people(const struct check *check)
{
	bool has_colour = table_terminal_has_colour(stdout);
	for (size_t i = 0; i < check->count; i++) {
		const struct finding *f = &check->findings[i];
		printf("%s%-8s%s %-14s %s%s%s\n", has_colour ? levels[f->level].colour : "",
		    levels[f->level].name, has_colour ? "\033[0m" : "", f->area,
		    f->where ? f->where : "", f->where ? ": " : "", f->text);
	}
	printf("%zu error(s), %zu warning(s)\n", check->totals[LEVEL_ERROR],
	    check->totals[LEVEL_WARNING]);
	if (check->config == NULL)
		puts("the rest is looked at once the configuration can be read");
}

static void print_machines(const struct check *check)
{
	json_t *result = json_object(), *list = json_array();
	for (size_t i = 0; i < check->count; i++) {
		const struct finding *f = &check->findings[i];
		json_t *row = json_object();
		json_put_text(row, "level", levels[f->level].name);
		json_put_text(row, "area", f->area);
		json_put_null_text(row, "where", f->where);
		json_put_text(row, "text", f->text);
		json_array_append_new(list, row);
	}
	json_object_set_new(result, "ok", json_boolean(check->totals[LEVEL_ERROR] == 0));
	json_object_set_new(result, "findings", list);
	client_print_json(result);
	json_decref(result);
}

int cmd_check(int argc, char **argv)
{
	struct check check = {.path = "notifier.yaml"};
	const char *path = NULL;
	bool as_json = false;
	const struct options_row rows[] = {
	    {.name = "--config", .text = &path}, {.name = "--json", .is_on = &as_json}};
	struct err err;
	int words;
	if (!options_parse(rows, 2, argc, argv, &words, &err))
		return options_usage("check", "%s", err.text);
	if (words > 0)
		return options_usage("check", "unexpected \"%s\"", argv[1]);
	if (path == NULL && !files_exists(check.path))
		return options_usage("check",
		    "%s does not exist; copy notifier.yaml.example, or name the file with --config",
		    check.path);
	check.path = path ? path : check.path;
	check.arena = arena_new();
	check_all(&check);
	if (as_json)
		print_machines(&check);
	else
		print_people(&check);
	config_unref(&check.config);
	xfree(check.findings);
	arena_free(&check.arena);
	return check.totals[LEVEL_ERROR] > 0 ? EXIT_FAILED : EXIT_DONE;
}
