#include "notifier/app/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "notifier/app/demo_internal.h"
#include "notifier/app/sandbox_push.h"
#include "notifier/app/sandbox_server.h"
#include "notifier/io/files.h"

#define LISTEN "127.0.0.1:8080"

struct demo demo;

/* --- addresses -------------------------------------------------------------------------------- */

/* Binds once to see whether the address is free; port 0 picks one.  -1 with errno. */
static int probe_port(const char *host, const char *port)
{
	struct addrinfo hints = {
	    .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST};
	struct addrinfo *found = NULL;
	struct sockaddr_storage bound;
	socklen_t len = sizeof bound;
	char service[16] = "";
	int yes = 1;
	if (getaddrinfo(host, port, &hints, &found) != 0) {
		errno = EINVAL;
		return -1;
	}
	int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
	          bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 1) == 0 &&
	          getsockname(fd, (struct sockaddr *)&bound, &len) == 0 &&
	          getnameinfo((struct sockaddr *)&bound, len, NULL, 0, service, sizeof service,
	              NI_NUMERICSERV) == 0;
	int problem = errno;
	if (fd >= 0)
		close(fd);
	freeaddrinfo(found);
	errno = problem;
	int64_t number = -1;
	return ok && str_to_int64(str_of(service), &number) ? (int)number : -1;
}

/* "[::1]:8080" → "::1", "8080" */
static bool split_address(
    const char *listen, struct arena *arena, const char **host, const char **port)
{
	const char *colon = strrchr(listen, ':');
	if (colon == NULL)
		return false;
	bool is_bracketed = listen[0] == '[' && colon > listen && colon[-1] == ']';
	size_t skip = is_bracketed ? 1 : 0;
	*host = arena_strndup(arena, listen + skip, (size_t)(colon - listen) - 2 * skip);
	*port = colon + 1;
	return true;
}

static bool is_loopback(const char *listen)
{
	return strncmp(listen, "127.", 4) == 0 || strncmp(listen, "[::1]:", 6) == 0;
}

static bool address_is_free(const char *listen, struct arena *arena, struct err *err)
{
	const char *host, *port;
	if (!split_address(listen, arena, &host, &port))
		return err_set(
		    err, ERR_INPUT, "\"%s\" is no address; it looks like %s", listen, LISTEN);
	if (probe_port(host, port) >= 0)
		return true;
	if (errno == EADDRINUSE)
		return err_set(err, ERR_PERMANENT,
		    "%s is in use by another program; choose another address: "
		    "notifier serve --demo --listen 127.0.0.1:8081",
		    listen);
	return err_set(err, ERR_PERMANENT, "cannot listen on %s: %s", listen, strerror(errno));
}

/* --- the folder ------------------------------------------------------------------------------- */

static bool make_dir_below(const char *parent)
{
	if (parent == NULL || parent[0] != '/')
		return false;
	demo.dir = xasprintf("%s/notifier-demo-XXXXXX", parent);
	if (mkdtemp(demo.dir) != NULL)
		return true;
	xfree(demo.dir);
	demo.dir = NULL;
	return false;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	remove(path);
	return 0;
}

void demo_cleanup(void)
{
	if (demo.dir != NULL)
		nftw(demo.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	sandbox_server_forget();
	demo_watch_forget();
	for (size_t i = 0; i < demo.live_count; i++)
		xfree(demo.live[i]);
	xfree(demo.dir);
	xfree(demo.key);
	demo = (struct demo){0};
}

/* --- the configuration ------------------------------------------------------------------------ */

/* %1 listen, %2 data folder, %3 file with a secret, %4 port of the sandbox, %5 its speed */
static const char yaml[] =
    "listen: \"%1$s\"\n"
    "data_dir: \"%2$s\"\n"
    "log: { level: warn }\n"
    "sandbox: { listen: \"127.0.0.1:%4$d\", scale: %5$d }\n"
    "accounts:\n"
    "  default:\n"
    "    mode: test\n"
    "    store: { name: \"Blue Shop\" }\n"
    "    language: en\n"
    "    zone: " DEMO_ZONE "\n"
    /* A look an hour apart is a blink here: only what happened before we knew is a backlog. */
    "    rules: { settle_lag: 2h }\n"
    "    email: { from: \"Blue Shop <news@blueshop.example>\" }\n"
    "    links:\n"
    "      track: \"https://blueshop.example/t/{{ parcel.number }}\"\n"
    "      help: \"https://blueshop.example/help\"\n"
    "      address: \"https://blueshop.example/address\"\n"
    "carriers:\n"
    "  dhl:\n"
    "    base_url: \"http://127.0.0.1:%4$d/dhl\"\n"
    "    api_key_file: \"%3$s\"\n"
    "    quota: { per_second: 0, per_day: 0 }\n"
    "  fedex:\n"
    "    base_url: \"http://127.0.0.1:%4$d/fedex\"\n"
    "    client_id: demo\n"
    "    client_secret_file: \"%3$s\"\n"
    "    quota: { per_second: 0, per_day: 0 }\n"
    "  generic:\n"
    "    webhook: { secret_file: \"%3$s\" }\n"
    "  sandbox:\n"
    "    base_url: \"http://127.0.0.1:%4$d\"\n";

static const char *write_secret(struct arena *arena, struct err *err)
{
	unsigned char random[24];
	char hex[2 * sizeof random + 1];
	loop_random(random, sizeof random);
	hex_encode(hex, random, sizeof random);
	const char *path = arena_printf(arena, "%s/sandbox.secret", demo.dir);
	return files_write(path, str_of(hex), 0600, err) ? path : NULL;
}

static struct config *parse(const char *listen, const char *secret, int port, struct arena *arena)
{
	struct config_problems problems = {.arena = arena};
	struct buf text = BUF_EMPTY(0);
	buf_printf(&text, yaml, listen, demo.dir, secret, port, (int)(DAY_MS / DEMO_DAY_MS));
	struct config *config = config_parse("demo", buf_text(&text), &problems);
	config_print_problems("demo", &problems);
	buf_free(&text);
	return config;
}

static struct config *make_config(const char *listen, struct arena *arena, struct err *err)
{
	if (!address_is_free(listen, arena, err))
		return NULL;
	if (!make_dir_below(getenv("XDG_RUNTIME_DIR")) && !make_dir_below("/tmp")) {
		err_set(err, ERR_PERMANENT, "cannot make a folder below /tmp: %s", strerror(errno));
		return NULL;
	}
	const char *secret = write_secret(arena, err);
	int port = probe_port("127.0.0.1", "0");
	if (secret == NULL)
		return NULL;
	if (port < 0) {
		err_set(err, ERR_PERMANENT, "no free port on 127.0.0.1 for the sandbox courier: %s",
		    strerror(errno));
		return NULL;
	}
	struct config *config = parse(listen, secret, port, arena);
	if (config != NULL)
		config->allow_public_page = demo.is_public = is_loopback(listen);
	else
		err_set(err, ERR_INPUT, "the built-in configuration is refused");
	return config;
}

struct config *demo_config_at(const char *listen)
{
	struct err err;
	struct arena *arena = arena_new();
	struct config *config = make_config(listen ? listen : LISTEN, arena, &err);
	arena_free(&arena);
	if (config == NULL) {
		fprintf(stderr, "notifier: demo: %s\n", err.text);
		demo_cleanup();
	}
	return config;
}

struct config *demo_config(void)
{
	return demo_config_at(NULL);
}

/* --- running ---------------------------------------------------------------------------------- */

struct await *demo_ask(struct flow *flow, const char *method, const char *path, const char *body,
    struct http_response *out)
{
	struct arena *arena = flow->arena;
	struct http_header headers[] = {
	    {"Authorization", arena_printf(arena, "Bearer %s", demo.key)},
	    {"Content-Type", "application/json"}};
	struct http_request request = {.method = method,
	    .url = arena_printf(arena, "%s%s", sandbox_push_base(demo.world, arena), path),
	    .headers = headers,
	    .header_count = 2,
	    .body = str_of(body)};
	return http_ask(demo.world->http, flow, &request, out);
}

static void greet(void)
{
	struct arena *arena = arena_new();
	const char *bold = demo.is_coloured ? "\033[1m" : "",
	           *plain = demo.is_coloured ? "\033[0m" : "";
	printf("\n%snotifier demo%s: a sandbox courier plays parcels in fast motion, a day in %d "
	       "seconds.\n"
	       "Parcels move below and on the page; nothing leaves this machine.\n\n"
	       "  page      %s%s/%s\n"
	       "  mailbox   %s  (gone when the demo ends)\n"
	       "  stop      Ctrl-C\n\n",
	    bold, plain, DEMO_DAY_MS / 1000, bold, sandbox_push_base(demo.world, arena), plain,
	    demo.world->mailbox_dir);
	fflush(stdout);
	arena_free(&arena);
}

void demo_begin(struct world *world)
{
	const char *terminal = getenv("TERM");
	demo.world = world;
	demo.is_coloured = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL &&
	                   terminal != NULL && strcmp(terminal, "dumb") != 0;
	greet();
	demo_feed_start();
	demo_watch_start();
}
