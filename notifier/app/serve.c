#include "notifier/app/serve.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "notifier/app/calendars.h"
#include "notifier/app/api.h"
#include "notifier/app/boot.h"
#include "notifier/app/demo.h"
#include "notifier/app/embedded_redis.h"
#include "notifier/app/foresight_model.h"
#include "notifier/app/leases.h"
#include "notifier/app/metrics.h"
#include "notifier/app/sandbox_server.h"
#include "notifier/app/setup.h"
#include "notifier/app/sweep.h"
#include "notifier/base/log.h"
#include "notifier/io/files.h"

/* Orderly stop: flows end by themselves until GIVE_UP_MS, then they are cancelled and record that;
 * at EXIT_MS we go, whatever is left. */
#define STOP_LOOK_MS 20
#define GIVE_UP_MS   8000
#define EXIT_MS      9500

static struct serve { /* signal handlers have no context: one daemon per process */
	struct world world;
	struct embedded_redis *embedded;
	struct timer stop_timer;
	int64_t stop_began_ms;
	bool has_cancelled, is_demo;
	char *mailbox_dir;
} serve;

static void cancel_one(struct flow *flow, void *context)
{
	(void)context;
	flow_cancel(flow);
}

/* Ends the loop when nothing is under way any more. */
static void on_stop_look(struct timer *timer)
{
	int64_t since_ms = loop_monotonic_ms() - serve.stop_began_ms;
	if (flow_count() == 0 || since_ms > EXIT_MS) {
		loop_stop();
		return;
	}
	if (since_ms > GIVE_UP_MS && !serve.has_cancelled) {
		serve.has_cancelled = true;
		LOG(WARN, "stop_gives_up", f_int("flows", (int64_t)flow_count()));
		flow_each(cancel_one, NULL);
	}
	timer_start(timer, STOP_LOOK_MS);
}

static void on_stop(void)
{
	if (serve.world.is_stopping)
		return;
	LOG(INFO, "stopping");
	sweep_end(&serve.world);
	foresight_save(&serve.world);
	serve.world.is_stopping = true;
	serve.stop_began_ms = loop_monotonic_ms();
	http_server_stop_accepting(serve.world.server);
	leases_release(&serve.world);
	timer_init(&serve.stop_timer, on_stop_look);
	timer_start(&serve.stop_timer, 0);
}

static void on_reload(void)
{
	struct err err;
	if (setup_reload(&serve.world, &err))
		LOG(INFO, "reloaded");
	else
		LOG(ERROR, "reload_failed", f_text("why", err.text));
}

static void on_redis_state(enum redis_state now, void *context)
{
	struct world *world = context;
	if (now == REDIS_OK) {
		LOG(INFO, "redis", f_text("state", redis_state_name(now)));
		boot_connected(world);
	} else {
		LOG(WARN, "redis", f_text("state", redis_state_name(now)));
	}
}

static bool open_redis(struct world *world, struct err *err)
{
	const char *url = world->config->redis_url;
	if (url == NULL) {
		serve.embedded = embedded_redis_start(world->config->data_dir, err);
		if (serve.embedded == NULL)
			return false;
		url = embedded_redis_url(serve.embedded);
	}
	struct redis_options options = {.url = url, .on_state = on_redis_state, .context = world};
	world->redis = redis_open(&options, err);
	world->store.redis = world->redis;
	return world->redis != NULL;
}

static bool open_servers(struct world *world, struct err *err)
{
	const struct config *config = world->config;
	struct http_server_options options = {.listen = config->listen,
	    .max_body_bytes = config->max_body_bytes,
	    .max_connections = config->max_connections,
	    .max_per_address = config->max_per_address,
	    .handle = api_handle,
	    .context = world};
	world->server = http_server_open(&options, err);
	if (world->server == NULL)
		return false;
	char *path = xasprintf("unix:%s/admin.sock", config->data_dir);
	struct http_server_options admin = {.listen = path,
	    .handle = api_handle_admin,
	    .context = world,
	    .max_body_bytes = MODEL_DOCUMENT_BYTES};
	world->admin = http_server_open(&admin, err);
	xfree(path);
	if (world->admin == NULL)
		return false;
	if (config->sandbox_listen == NULL)
		return true;
	world->sandbox_server = sandbox_server_open(world, config->sandbox_listen, err);
	return world->sandbox_server != NULL;
}

static bool open_world(struct world *world, struct err *err)
{
	loop_scale_wall(world->config->sandbox_scale > 1 ? world->config->sandbox_scale : 1);
	world->started_ms = loop_now_ms();
	for (unsigned i = 0; i < PARTITIONS; i++) {
		world->partitions[i].lease =
		    (struct lease){.partition = i, .worker = world->worker};
		list_init(&world->partitions[i].sending);
	}
	serve.mailbox_dir = xasprintf("%s/mailbox", world->config->data_dir);
	world->mailbox_dir = serve.mailbox_dir;
	if (!setup_identity(world, err) || !files_make_dir(world->mailbox_dir, 0700, err))
		return false;
	world->catalogue = setup_catalogue(world->config, err);
	if (world->catalogue == NULL)
		return false;
	world->resolver = resolver_new();
	world->http = http_client_new_with_resolver(world->resolver);
	setup_runtimes(world);
	world->foresight = foresight_new();
	return open_redis(world, err) && open_servers(world, err);
}

static void close_world(struct world *world)
{
	http_server_close(&world->sandbox_server);
	sandbox_server_forget();
	http_server_close(&world->admin);
	http_server_close(&world->server);
	http_client_free(&world->http);
	redis_close(&world->redis);
	embedded_redis_stop(&serve.embedded);
	setup_free(world);
	resolver_free(&world->resolver);
	loop_drain();
	foresight_free(&world->foresight);
	metrics_free();
	xfree(serve.mailbox_dir);
}

int serve_run(const struct serve_options *options)
{
	struct err err;
	struct world *world = &serve.world;
	enum log_level level;
	world->config = options->config;
	calendars_use(world->config);
	serve.is_demo = options->is_demo;
	if (world->config->log_level != NULL && log_level_parse(world->config->log_level, &level))
		log_set_level(level);
	loop_start();
	log_set_clock(loop_now_ms);
	loop_on_signals(on_stop, on_reload);
	bool ok = open_world(world, &err);
	if (ok) {
		LOG(INFO, "listening", f_text("address", world->config->listen),
		    f_int("port", http_server_port(world->server)),
		    f_text("data_dir", world->config->data_dir), f_text("worker", world->worker));
		if (options->is_demo)
			demo_begin(world);
		loop_run();
		LOG(INFO, "stopped");
	} else {
		fprintf(stderr, "notifier: %s\n", err.text);
	}
	close_world(world);
	return ok && !boot_has_refused() ? 0 : 1;
}
