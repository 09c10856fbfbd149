#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/app/api.h"
#include "notifier/app/boot.h"
#include "notifier/app/ledger.h"
#include "notifier/app/metrics.h"
#include "notifier/app/setup.h"
#include "notifier/app/sweep.h"
#include "notifier/base/log.h"
#include "tests/flow/fake_stage.h"

#define HOOK_SECRET "flow-test-secret"

static const char config_text[] =
    "accounts:\n"
    "  default:\n"
    "    mode: live\n"
    "    store: {name: Blue Shop}\n"
    "    email:\n"
    "      from: Blue Shop <news@shop.example>\n"
    "      concurrency: 4\n"
    "      smtp: {host: mail.example, port: 25, tls: none}\n"
    "carriers:\n"
    "  generic: {webhook: {secret: " HOOK_SECRET "}}\n"
    "  fedex: {client_id: id, client_secret: secret, base_url: 'http://fedex.example', quota: "
    "{per_second: 0}}\n"
    "  dhl: {api_key: key, base_url: 'http://dhl.example', quota: {per_second: 0, per_day: 0}}\n";

static struct {
	struct world world;
	struct config *config;       /* kept between tests */
	struct catalogue *catalogue; /* the same */
	struct arena *arena;
	unsigned life;
	bool is_owned[PARTITIONS];
	bool foresees;
	struct foresight *foresight; /* of this life; world.foresight may be a test's own */
} stage;

/* --- opening and closing ---------------------------------------------------------------------- */

static void load_once(void)
{
	struct err err;
	if (stage.config != NULL)
		return;
	struct config_problems problems = {.arena = arena_new()};
	stage.config = config_parse("flow.yaml", config_text, &problems);
	config_print_problems("flow.yaml", &problems);
	arena_free(&problems.arena);
	assert_non_null(stage.config);
	stage.catalogue = setup_catalogue(stage.config, &err);
	assert_non_null(stage.catalogue);
}

static void on_state(enum redis_state now, void *context)
{
	if (now == REDIS_OK)
		boot_connected(context);
}

static void begin_life(void)
{
	struct world *world = &stage.world;
	memset(world, 0, sizeof *world);
	world->config = config_ref(stage.config);
	world->catalogue = catalogue_ref(stage.catalogue);
	world->mailbox_dir = "/nowhere";
	world->started_ms = loop_now_ms();
	snprintf(world->worker, sizeof world->worker, "w-stage");
	snprintf(world->attempt, sizeof world->attempt, "attempt%u", ++stage.life);
	for (unsigned i = 0; i < PARTITIONS; i++) {
		world->partitions[i].lease =
		    (struct lease){.partition = i, .worker = world->worker};
		list_init(&world->partitions[i].sending);
	}
	world->http = http_client_new();
	setup_runtimes(world);
	world->foresight = stage.foresight = stage.foresees ? foresight_new() : NULL;
	struct redis_options options = {.on_state = on_state, .context = world};
	world->redis = world->store.redis = redis_open(&options, NULL);
	boot_connected(world);
	fake_loop_settle();
	if (!timer_is_running(&world->sweep_timer)) /* boot begins the sweeps once in a process */
		sweep_begin(world);
	fake_loop_settle();
}

static void take_partitions(const char *numbers)
{
	struct str rest = str_of(numbers), number;
	for (unsigned i = 0; i < PARTITIONS; i++)
		stage.is_owned[i] = numbers == NULL;
	while (rest.at != NULL && numbers != NULL) {
		rest = str_cut(rest, ' ', &number);
		stage.is_owned[key_partition(
		    "default", arena_strndup(stage.arena, number.at, number.len))] = true;
	}
	unsigned owned = 0;
	for (unsigned i = 0; i < PARTITIONS; i++) {
		owned += stage.is_owned[i];
		if (!stage.is_owned[i])
			fake_redis_set(key_of(stage.arena, i, "owner").at, "w-other 1");
	}
	/* So many workers live for ever that ours is a fair share, and we do not ask for more. */
	for (unsigned i = 1; i < PARTITIONS / owned; i++)
		fake_redis_add_score(
		    KEY_WORKERS, INT64_MAX, arena_printf(stage.arena, "w-other%u", i));
}

static struct world *open_stage(const char *numbers, bool foresees, int dhl_per_day)
{
	log_set_level(getenv("FLOW_LOG") ? LOG_INFO : LOG_ERROR);
	load_once();
	for (size_t i = 0; i < stage.config->carrier_count; i++)
		if (text_eq(stage.config->carriers[i].carrier->name, "dhl"))
			stage.config->carriers[i].per_day = dhl_per_day;
	stage.foresees = foresees;
	fake_loop_reset(STAGE_STARTS_MS);
	fake_redis_reset();
	fake_http_reset();
	fake_smtp_reset();
	stage.arena = arena_new();
	take_partitions(numbers);
	begin_life();
	for (unsigned i = 0; i < PARTITIONS; i++)
		assert_int_equal(world_owns(&stage.world, i), stage.is_owned[i]);
	return &stage.world;
}

struct world *stage_open(const char *numbers)
{
	return open_stage(numbers, false, 0);
}

struct world *stage_open_foreseeing(const char *numbers, int dhl_per_day)
{
	return open_stage(numbers, true, dhl_per_day);
}

struct world *stage_world(void)
{
	return &stage.world;
}

size_t stage_rest(void)
{
	sweep_end(&stage.world);
	stage.world.is_stopping = true;
	fake_loop_stride(20 * MINUTE_MS, SECOND_MS);
	return flow_count();
}

static void cancel_one(struct flow *flow, void *context)
{
	(void)context;
	flow_cancel(flow);
}

static void end_life(void)
{
	sweep_end(&stage.world);
	stage.world.is_stopping = true;
	redis_close(&stage.world.redis);
	fake_redis_state(REDIS_CONNECTING);
	for (int i = 0; i < 10 && flow_count() > 0; i++)
		flow_each(cancel_one, NULL);
	setup_free(&stage.world);
	foresight_free(&stage.foresight);
}

void stage_close(void)
{
	end_life();
	assert_int_equal(flow_count(), 0);
	fake_server_reset();
	fake_redis_reset();
	fake_http_reset();
	fake_smtp_reset();
	metrics_free();
	arena_free(&stage.arena);
}

void stage_restart(void)
{
	end_life();
	fake_redis_state(REDIS_OK);
	begin_life();
}

void stage_end(void)
{
	catalogue_unref(&stage.catalogue);
	config_unref(&stage.config);
}

int stage_teardown(void **state)
{
	(void)state;
	stage_close();
	return 0;
}

int stage_group_teardown(void **state)
{
	(void)state;
	stage_end();
	return 0;
}

/* --- from outside ------------------------------------------------------------------------------
 */

struct http_exchange *stage_ask(const char *method, const char *url, const char *body)
{
	struct request request = {.method = method, .url = url, .body = body};
	struct http_exchange *exchange = fake_server_ask(api_handle_admin, &stage.world, &request);
	fake_loop_settle();
	return exchange;
}

struct http_exchange *stage_register(const char *carrier, const char *number, const char *more)
{
	return stage_ask("POST", "/v1/shipments",
	    arena_printf(stage.arena,
	        "{\"carrier\":\"%s\",\"tracking_number\":\"%s\",\"recipients\":[{\"email\":\"ann@"
	        "example.com\"}]%s}",
	        carrier, number, more ? more : ""));
}

struct http_exchange *stage_hook_more(
    const char *number, const char *status, const char *time, const char *more)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1];
	unsigned len = 0;
	const char *body = arena_printf(stage.arena,
	    "{\"tracking_number\":\"%s\",\"status\":\"%s\",\"time\":\"%s\"%s}", number, status,
	    time, more ? more : "");
	HMAC(EVP_sha256(), HOOK_SECRET, (int)strlen(HOOK_SECRET), (const unsigned char *)body,
	    strlen(body), digest, &len);
	hex_encode(hex, digest, len);
	struct request request = {.method = "POST",
	    .url = "/hooks/generic/default",
	    .body = body,
	    .signature = arena_printf(stage.arena, "sha256=%s", hex)};
	struct http_exchange *exchange = fake_server_ask(api_handle, &stage.world, &request);
	fake_loop_settle();
	return exchange;
}

struct http_exchange *stage_hook(const char *number, const char *status, const char *time)
{
	return stage_hook_more(number, status, time, NULL);
}

void stage_push(const char *number, const char *status, const char *more)
{
	char time[WHEN_BYTES];
	when_format_utc(time, loop_now_ms() / MINUTE_MS * MINUTE_MS - MINUTE_MS);
	for (int i = 0; i < 5; i++) {
		struct http_exchange *hook = stage_hook_more(number, status, time, more);
		fake_loop_stride(SECOND_MS, SECOND_MS);
		if (fake_server_status(hook) == 200)
			return;
		fake_loop_stride(3 * SECOND_MS, SECOND_MS);
	}
	fail_msg("the webhook was never taken");
}

const char *stage_fedex(const char *number, const char *code, const char *time)
{
	return arena_printf(stage.arena,
	    "{\"output\":{\"completeTrackResults\":[{\"trackingNumber\":\"%s\",\"trackResults\":[{"
	    "\"latestStatusDetail\":{\"code\":\"%s\"},\"scanEvents\":[{\"date\":\"%s\","
	    "\"eventType\":\"%s\","
	    "\"eventDescription\":\"scan\"}]}]}]}}",
	    number, code, time, code);
}

const char *stage_dhl(const char *number, const char *code, const char *time)
{
	return arena_printf(stage.arena,
	    "{\"shipments\":[{\"id\":\"%s\",\"service\":\"express\",\"status\":{\"timestamp\":\"%"
	    "s\","
	    "\"statusCode\":\"%s\"},\"events\":[{\"timestamp\":\"%s\",\"statusCode\":\"%s\","
	    "\"description\":\"scan\"}]}]}",
	    number, time, code, time, code);
}

void stage_fedex_token(void)
{
	struct carrier_says says = {.url = FEDEX_TOKEN_URL,
	    .status = 200,
	    .body = "{\"access_token\":\"good\",\"expires_in\":3600}"};
	fake_http_says(&says);
}

/* --- what has become of it ----------------------------------------------------------------------
 */

const char *stage_key(const char *number, const char *name)
{
	return key_of(stage.arena, key_partition("default", number), name).at;
}

const struct shipment *stage_shipment(const char *number)
{
	unsigned p = key_partition("default", number);
	struct err err;
	const char *id = fake_redis_text(key_with2(stage.arena, p, "num", "default", number).at);
	const char *stored = id ? fake_redis_text(key_with(stage.arena, p, "s", id).at) : NULL;
	return stored
	           ? shipment_decode(str_of(arena_strdup(stage.arena, stored)), stage.arena, &err)
	           : NULL;
}

struct counting {
	const char *state;
	size_t count;
};

static void count_one(const char *key, void *context)
{
	struct counting *counting = context;
	if (strstr(key, "}:m:msg_") != NULL)
		counting->count +=
		    counting->state == NULL || text_eq(fake_redis_field(key, "t"), counting->state);
}

size_t stage_messages(const char *state)
{
	struct counting counting = {.state = state};
	fake_redis_each("n:{p", count_one, &counting);
	return counting.count;
}

static int compare_texts(const void *a, const void *b)
{
	const char *x, *y;
	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return strcmp(x, y);
}

struct lines {
	const char **items;
	size_t count;
};

static void add_line(struct lines *lines, const char *line)
{
	const char **items = arena_array(stage.arena, lines->count + 1, sizeof *items);
	if (lines->count > 0)
		memcpy(items, lines->items, lines->count * sizeof *items);
	items[lines->count++] = line;
	lines->items = items;
}

static void add_ledger(const char *key, void *context)
{
	if (strstr(key, "}:m:msg_") != NULL)
		add_line(context, arena_printf(stage.arena, "%s %s", fake_redis_field(key, "k"),
		                      fake_redis_field(key, "t")));
}

static void add_mails(struct lines *lines)
{
	for (size_t i = 0; i < fake_smtp_count(); i++) {
		const struct mailed *mail = fake_smtp_mail(i);
		if (mail->is_over && mail->outcome == ERR_NONE)
			add_line(
			    lines, arena_printf(stage.arena, "%s: %s", mail->to, mail->subject));
	}
}

static const char *join_sorted(struct lines *lines)
{
	const char *text = "";
	if (lines->count > 0)
		qsort(lines->items, lines->count, sizeof *lines->items, compare_texts);
	for (size_t i = 0; i < lines->count; i++)
		text = arena_printf(stage.arena, "%s%s; ", text, lines->items[i]);
	return text;
}

const char *stage_summary(const char *numbers)
{
	const char *text = "";
	struct str rest = str_of(numbers), head;
	while (rest.at != NULL) {
		rest = str_cut(rest, ' ', &head);
		const char *number = arena_strndup(stage.arena, head.at, head.len);
		const struct shipment *s = stage_shipment(number);
		text = arena_printf(stage.arena, "%s%s %s %lld; ", text, number,
		    s ? status_name(s->status) : "missing", s ? (long long)s->sequence : 0LL);
	}
	struct lines messages = {0}, mails = {0};
	fake_redis_each("n:{p", add_ledger, &messages);
	add_mails(&mails);
	return arena_printf(stage.arena, "%s| %s| %s| open %zu", text, join_sorted(&messages),
	    join_sorted(&mails), fake_server_open());
}

/* --- torture -------------------------------------------------------------------------------------
 */

/* One telling; the summary is the caller's to free. */
static char *tell(
    const struct story *story, long fail_at, const char *script, unsigned lose, long *awaits)
{
	open_stage(story->numbers, story->foresees, story->dhl_per_day);
	if (story->prepare != NULL)
		story->prepare();
	long before = flow_awaits;
	unsigned runs = script ? fake_redis_runs(script) : 0;
	if (fail_at > 0)
		flow_fail_at = before + fail_at;
	if (lose > 0)
		fake_redis_lose_reply(script, lose);
	flow_trace = getenv("FLOW_AT") != NULL && atol(getenv("FLOW_AT")) == fail_at + (long)lose;
	story->tell();
	*awaits = script ? (long)(fake_redis_runs(script) - runs) : flow_awaits - before;
	flow_fail_at = 0;
	flow_trace = false;
	fake_loop_stride(story->until_ms, SECOND_MS);
	assert_true(fake_smtp_most_copies() <= (story->copies ? story->copies : 1));
	char *summary = xstrdup(arena_printf(stage.arena, "%s%s", stage_summary(story->numbers),
	    story->learned ? story->learned() : ""));
	assert_int_equal(stage_rest(), 0);
	stage_close();
	return summary;
}

static long tell_all(const struct story *story, const char *script)
{
	long awaits, count, failures = 0;
	char *expected = tell(story, 0, script, 0, &count);
	if (getenv("FLOW_LOG"))
		print_message("%ld: %s\n", count, expected);
	for (long n = 1; n <= count; n++) {
		char *got = tell(story, script ? 0 : n, script, script ? (unsigned)n : 0, &awaits);
		if (strcmp(got, expected) != 0) {
			print_error("%s %ld of %ld:\n  expected %s\n  got      %s\n",
			    script ? script : "await", n, count, expected, got);
			failures++;
		}
		xfree(got);
	}
	xfree(expected);
	assert_int_equal(failures, 0);
	return count;
}

long stage_torture(const struct story *story)
{
	return tell_all(story, NULL);
}

unsigned stage_lose_replies(const struct story *story, const char *script)
{
	return (unsigned)tell_all(story, script);
}
