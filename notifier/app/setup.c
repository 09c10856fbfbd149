#include "notifier/app/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "notifier/app/calendars.h"
#include "notifier/app/assets.h"
#include "notifier/base/log.h"
#include "notifier/io/files.h"
#include "notifier/message/l10n.h"
#include "notifier/message/liquid.h"

#define TEMPLATE_BYTES (64 * 1024)
#define TEMPLATES_MAX  2000

static bool template_is_good(const char *source, struct err *err)
{
	struct liquid_source template = {.text = str_of(source)};
	struct liquid_place place;
	struct liquid *compiled = liquid_compile(&template, err, &place);
	bool ok = compiled != NULL;
	liquid_free(&compiled);
	return ok;
}

void setup_config_hooks(void)
{
	config_zone_is_known = l10n_zone_is_known;
	config_template_check = template_is_good;
}

struct tree {
	struct arena *arena;
	const char *dir;
	struct catalogue_file *files;
	size_t count;
};

static void tree_add_assets(struct tree *tree)
{
	static const char prefix[] = "templates/";
	for (size_t i = 0; i < asset_count && tree->count < TEMPLATES_MAX; i++)
		if (strncmp(assets[i].path, prefix, sizeof prefix - 1) == 0)
			tree->files[tree->count++] =
			    (struct catalogue_file){assets[i].path + sizeof prefix - 1,
			        str_make((const char *)assets[i].bytes, asset_size(&assets[i]))};
}

static bool tree_add_file(const char *relative_path, void *context, struct err *err)
{
	struct tree *tree = context;
	struct catalogue_file *file = &tree->files[tree->count];
	if (tree->count == TEMPLATES_MAX)
		return err_set(err, ERR_INPUT, "%s: more than %d files", tree->dir, TEMPLATES_MAX);
	file->path = arena_strdup(tree->arena, relative_path);
	if (!files_read(arena_printf(tree->arena, "%s/%s", tree->dir, relative_path),
	        TEMPLATE_BYTES, tree->arena, &file->bytes, err))
		return false;
	tree->count++;
	return true;
}

static void on_finding(void *context, const struct catalogue_finding *finding)
{
	struct err *first = context;
	if (!finding->is_error) {
		LOG(DEBUG, "template_warning", f_text("file", finding->path),
		    f_int("line", finding->line), f_text("id", finding->id),
		    f_text("text", finding->text));
		return;
	}
	LOG(ERROR, "template_error", f_text("file", finding->path), f_int("line", finding->line),
	    f_int("column", finding->column), f_text("id", finding->id),
	    f_text("text", finding->text));
	if (first->kind == ERR_NONE)
		err_set(first, ERR_INPUT, "templates/%s:%d:%d: %s", finding->path, finding->line,
		    finding->column, finding->text);
}

struct catalogue *setup_catalogue_report(
    const struct config *config, const struct catalogue_report *report, struct err *err)
{
	struct tree tree = {.arena = arena_new(), .dir = config->templates_dir};
	struct catalogue *catalogue = NULL;
	tree.files = arena_array(tree.arena, TEMPLATES_MAX, sizeof *tree.files);
	tree_add_assets(&tree);
	err->kind = ERR_NONE;
	if (tree.dir == NULL || files_walk(tree.dir, NULL, tree_add_file, &tree, err))
		catalogue = catalogue_load(tree.files, tree.count, report);
	arena_free(&tree.arena);
	return catalogue;
}

struct catalogue *setup_catalogue(const struct config *config, struct err *err)
{
	return setup_catalogue_report(config, &(struct catalogue_report){on_finding, err}, err);
}

bool setup_identity(struct world *world, struct err *err)
{
	struct arena *arena = arena_new();
	const char *path = arena_printf(arena, "%s/worker.id", world->config->data_dir);
	unsigned char random[10];
	bool ok = files_make_dir(world->config->data_dir, 0700, err);
	/* The descriptor stays open as long as the process: the lock goes with it. */
	int fd = ok ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (ok && fd < 0)
		ok = err_set(err, ERR_PERMANENT, "%s: %s", path, strerror(errno));
	if (ok && flock(fd, LOCK_EX | LOCK_NB) != 0)
		ok = err_set(err, ERR_PERMANENT,
		    "%s: another notifier uses this data folder; stop it or set another data_dir",
		    path);
	if (ok) {
		ssize_t got = pread(fd, world->worker, sizeof world->worker - 1, 0);
		world->worker[got > 0 ? got : 0] = '\0';
		if (strlen(world->worker) < 8 || strpbrk(world->worker, " \n") != NULL) {
			loop_random(random, sizeof random);
			snprintf(world->worker, sizeof world->worker, "w-");
			base32_encode(
			    world->worker + 2, sizeof world->worker - 2, random, sizeof random);
			ok = pwrite(fd, world->worker, strlen(world->worker), 0) > 0 &&
			     fsync(fd) == 0;
			if (!ok)
				err_set(err, ERR_PERMANENT, "%s: %s", path, strerror(errno));
		}
	}
	loop_random(random, sizeof random);
	base32_encode(world->attempt, sizeof world->attempt, random, sizeof random);
	arena_free(&arena);
	return ok;
}

static void add_account(struct world *world, const struct account_config *config)
{
	struct account_runtime *runtime = &world->accounts[world->account_count++];
	*runtime = (struct account_runtime){.name = xstrdup(config->name)};
	if (!config->is_test && config->email.smtp.host != NULL) {
		struct smtp_options options = config->email.smtp;
		options.max_connections = config->email.concurrency;
		runtime->smtp = smtp_new(&options, world->resolver);
	}
}

void setup_runtimes(struct world *world)
{
	const struct config *config = world->config;
	world->carriers = xcalloc(config->carrier_count, sizeof *world->carriers);
	for (size_t i = 0; i < config->carrier_count; i++) {
		struct carrier_runtime *runtime = &world->carriers[world->carrier_count++];
		runtime->carrier = config->carriers[i].carrier;
		list_init(&runtime->token.waiting);
	}
	world->accounts = xcalloc(config->account_count, sizeof *world->accounts);
	for (size_t i = 0; i < config->account_count; i++)
		add_account(world, &config->accounts[i]);
}

/* The name of an account for which no connection was set up at the start; NULL: none. */
static const char *account_that_needs_restart(struct world *world, const struct config *fresh)
{
	for (size_t i = 0; i < fresh->account_count; i++) {
		const struct account_config *now = &fresh->accounts[i];
		const struct account_config *before = config_account(world->config, now->name);
		if (before == NULL || before->is_test != now->is_test ||
		    !text_eq(before->email.smtp.host, now->email.smtp.host) ||
		    before->email.smtp.port != now->email.smtp.port)
			return now->name;
	}
	return NULL;
}

/* What can change without a restart: templates, texts, links, rules, keys, quotas.  Accounts,
 * carriers, SMTP servers and addresses that we listen on need one. */
bool setup_reload(struct world *world, struct err *err)
{
	struct config *config = world->config;
	struct arena *arena = arena_new();
	struct config_problems problems = {.arena = arena};
	struct config *fresh =
	    config->path ? config_load(config->path, &problems) : config_ref(config);
	if (fresh == NULL) {
		config_print_problems(config->path, &problems);
		arena_free(&arena);
		return err_set(err, ERR_INPUT,
		    "%s: the new configuration has errors; the old one stays", config->path);
	}
	arena_free(&arena);
	const char *needs_restart = account_that_needs_restart(world, fresh);
	if (needs_restart != NULL) {
		err_set(err, ERR_INPUT,
		    "accounts.%s: a new account, its mode and its mail server need a restart; the "
		    "old configuration stays",
		    needs_restart);
		config_unref(&fresh);
		return false;
	}
	struct catalogue *catalogue = setup_catalogue(fresh, err);
	if (catalogue == NULL) {
		config_unref(&fresh);
		return err_prefix(err, "the old templates stay");
	}
	for (size_t i = 0; i < world->account_count; i++)
		if (config_account(fresh, world->accounts[i].name) == NULL)
			LOG(WARN, "reload",
			    f_text("why", "an account went; restart to drop its connections"));
	config_unref(&world->config);
	catalogue_unref(&world->catalogue);
	world->config = fresh;
	world->catalogue = catalogue;
	calendars_use(fresh);
	return true;
}

void setup_free(struct world *world)
{
	for (size_t i = 0; i < world->account_count; i++) {
		smtp_free(&world->accounts[i].smtp);
		xfree(world->accounts[i].name);
	}
	for (size_t i = 0; i < world->carrier_count; i++)
		xfree(world->carriers[i].token.value);
	xfree(world->accounts);
	xfree(world->carriers);
	catalogue_unref(&world->catalogue);
	config_unref(&world->config);
	calendars_free();
}
