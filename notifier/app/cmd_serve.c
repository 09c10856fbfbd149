#include "notifier/app/command.h"
#include "notifier/app/demo.h"
#include "notifier/app/serve.h"
#include "notifier/app/setup.h"
#include "notifier/io/files.h"

static struct config *load(const char *path)
{
	struct arena *arena = arena_new();
	struct config_problems problems = {.arena = arena};
	setup_config_hooks();
	struct config *config = config_load(path, &problems);
	config_print_problems(path, &problems);
	arena_free(&arena);
	return config;
}

int cmd_serve(int argc, char **argv)
{
	const char *path = NULL, *listen = NULL;
	bool is_demo = false;
	int words;
	struct err err;
	const struct options_row rows[] = {
	    {"--config", &path, NULL}, {"--demo", NULL, &is_demo}, {"--listen", &listen, NULL}};
	if (!options_parse(rows, 3, argc, argv, &words, &err))
		return options_usage("serve", "%s", err.text);
	if (words > 0)
		return options_usage("serve", "unexpected \"%s\"", argv[1]);
	if (is_demo && path != NULL)
		return options_usage(
		    "serve", "--demo brings its own configuration; leave --config away");
	if (listen != NULL && !is_demo)
		return options_usage(
		    "serve", "--listen is for --demo; set `listen` in the configuration");
	if (path == NULL && !is_demo)
		path = "notifier.yaml";
	if (!is_demo && !files_exists(path))
		return options_usage("serve",
		    "%s does not exist; copy notifier.yaml.example, or try `notifier serve --demo`",
		    path);
	struct serve_options options = {
	    .is_demo = is_demo, .config = is_demo ? demo_config_at(listen) : load(path)};
	if (options.config == NULL)
		return EXIT_FAILED;
	int code = serve_run(&options);
	if (is_demo)
		demo_cleanup();
	return code;
}
