/* What several workers learn is stored once each, whatever fails; and what operators say holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "notifier/app/api.h"
#include "notifier/app/foresight_internal.h"
#include "notifier/base/log.h"
#include "tests/flow/fake_stage.h"

#define N    "GN1"
#define HOUR STAGE_STARTS_MS
/* Of the parcels: the last day that is over everywhere is the one before. */
#define TODAY ((int32_t)(STAGE_STARTS_MS / DAY_MS) - 1)

/* Two workers on one Redis; the stage's own world learns nothing in the tests of syncs. */
static struct world workers[2];

static void open_workers(void)
{
	struct world *world = stage_open(N);
	for (int i = 0; i < 2; i++) {
		workers[i] = *world;
		workers[i].foresight = foresight_new();
		snprintf(workers[i].worker, sizeof workers[i].worker, "w-%d", i);
	}
}

static void close_workers(void)
{
	assert_int_equal(stage_rest(), 0);
	for (int i = 0; i < 2; i++)
		foresight_free(&workers[i].foresight);
	stage_close();
}

static int close_stage(void **state)
{
	(void)state;
	close_workers();
	return 0;
}

static int end(void **state)
{
	(void)state;
	stage_end();
	return 0;
}

/* A delivery of each kind of lesson; every one counts 1 somewhere. */
static void teach(struct foresight *f, const char *carrier, int count)
{
	for (int i = 0; i < count; i++) {
		struct hazard_belief belief = {.class_index = hazard_class(f->hazard, carrier, "x"),
		    .state = HAZARD_OUT_FOR_DELIVERY,
		    .eta_day = HAZARD_DAY_NONE,
		    .since_day = TODAY};
		hazard_learn_event(f->hazard, &belief, HOUR, 1);
		hazard_learn_lag(
		    hazard_lag_of(f->hazard, carrier), HOUR, HOUR, HOUR + 4 * MINUTE_MS);
		struct delay_trip trip = {.place = delay_place(f->delay, carrier, "x", "A", "B"),
		    .handover_day = TODAY - 2,
		    .promised_day = TODAY};
		delay_on_day(f->delay, &trip, TODAY, true);
		struct silence_subject subject = {.carrier = carrier,
		    .service = "x",
		    .status = "in_transit",
		    .handed_over = true};
		silence_on_gap(f->silence, &subject, HOUR - DAY_MS, HOUR);
		delay_tuner_on_time(&f->tuner, 0.3, TODAY);
	}
}

static double delivered(struct foresight *f, const char *carrier)
{
	return delay_experience(f->delay, delay_place(f->delay, carrier, "x", NULL, NULL));
}

static double news(struct foresight *f, const char *carrier)
{
	return hazard_experience(f->hazard, hazard_class(f->hazard, carrier, "x"));
}

static bool sync_worker(int worker)
{
	if (!workers[worker].foresight->is_moving)
		model_sync_start(&workers[worker]);
	fake_loop_advance(SECOND_MS);
	return workers[worker].foresight->is_loaded;
}

static void expect_learned(struct foresight *f, double acme, double dhl)
{
	assert_float_equal(delivered(f, "acme"), acme, 1e-9);
	assert_float_equal(delivered(f, "dhl"), dhl, 1e-9);
	assert_float_equal(news(f, "acme"), acme, 1e-9);
	assert_float_equal(news(f, "dhl"), dhl, 1e-9);
	assert_float_equal(f->tuner.highest.total, acme + dhl, 1e-9);
}

/* What somebody reads who comes anew. */
static void expect_stored(double acme, double dhl)
{
	struct world reader = workers[0];
	reader.foresight = foresight_new();
	snprintf(reader.worker, sizeof reader.worker, "w-reader");
	model_sync_start(&reader);
	fake_loop_advance(SECOND_MS);
	assert_true(reader.foresight->is_loaded);
	expect_learned(reader.foresight, acme, dhl);
	foresight_free(&reader.foresight);
}

static void test_both_teach(void **state)
{
	(void)state;
	open_workers();
	teach(workers[0].foresight, "acme", 2);
	teach(workers[1].foresight, "acme", 3);
	teach(workers[1].foresight, "dhl", 1);
	assert_true(sync_worker(0));
	assert_true(sync_worker(1));
	expect_stored(5, 1);
	unsigned saves = fake_redis_runs("model");
	assert_true(sync_worker(0));
	assert_true(sync_worker(1));
	assert_int_equal(fake_redis_runs("model"), saves); /* nothing new: nothing written */
	expect_learned(workers[0].foresight, 5, 1);
	unsigned pages = fake_redis_runs("HSCAN");
	assert_true(sync_worker(1));
	assert_int_equal(fake_redis_runs("HSCAN"), pages); /* nor read */
	teach(workers[0].foresight, "dhl", 1);
	assert_true(sync_worker(0));
	expect_stored(5, 2);
}

/* Both at the same moment: one is faster, the other reads again. */
static void test_at_once(void **state)
{
	(void)state;
	open_workers();
	fake_redis_delay(3);
	for (int round = 0; round < 20; round++) {
		teach(workers[0].foresight, "acme", 1);
		teach(workers[1].foresight, "acme", 1);
		for (int i = 0; i < 2; i++)
			model_sync_start(&workers[i]);
		fake_loop_advance(10 * SECOND_MS);
	}
	assert_true(sync_worker(0));
	assert_true(sync_worker(1));
	expect_stored(40, 0);
}

/* Learned while the save is under way: not lost, not twice. */
static void test_learned_meanwhile(void **state)
{
	(void)state;
	open_workers();
	struct foresight *f = workers[0].foresight;
	fake_redis_delay(5);
	teach(f, "acme", 1);
	model_sync_start(&workers[0]);
	for (int i = 0; i < 100; i++) {
		fake_loop_advance(3);
		teach(f, "acme", 1);
	}
	fake_redis_delay(0);
	assert_true(sync_worker(0));
	assert_true(sync_worker(0));
	expect_learned(f, 101, 0);
	expect_stored(101, 0);
}

/* --- whatever fails ------------------------------------------------------------------------------
 */

/* Two workers, three rounds; the n-th await fails, or a fault strikes the n-th run of a name.
 * Afterwards it all is stored, once.  Returns how many there were. */
static long tell(
    long fail_at, void (*fault)(const char *name, unsigned nth), const char *name, unsigned nth)
{
	open_workers();
	long before = flow_awaits;
	unsigned runs = name ? fake_redis_runs(name) : 0;
	if (fail_at > 0)
		flow_fail_at = before + fail_at;
	if (nth > 0)
		fault(name, nth);
	for (int round = 0; round < 3; round++) {
		teach(workers[0].foresight, "acme", 1);
		teach(workers[1].foresight, "acme", 1);
		sync_worker(0); /* the other one writes before this one learns what happened */
		sync_worker(1);
		teach(workers[1].foresight, "dhl", 1);
	}
	long count = name ? (long)(fake_redis_runs(name) - runs) : flow_awaits - before;
	flow_fail_at = 0;
	for (int i = 0; i < 4; i++)
		assert_true(sync_worker(i % 2));
	expect_learned(workers[0].foresight, 6, 3);
	expect_stored(6, 3);
	close_workers();
	return count;
}

static void test_each_await_fails(void **state)
{
	(void)state;
	long count = tell(0, NULL, NULL, 0);
	assert_true(count > 50);
	for (long n = 1; n <= count; n++)
		tell(n, NULL, NULL, 0);
}

static void test_each_run_fails(void **state)
{
	static const char *const names[] = {"model", "HGET", "HSCAN"};
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		long count = tell(0, NULL, names[i], 0);
		assert_true(count > 5);
		for (long n = 1; n <= count; n++) {
			tell(0, fake_redis_lose_reply, names[i], (unsigned)n);
			tell(0, fake_redis_refuse, names[i], (unsigned)n);
		}
	}
}

/* --- what is stored otherwise --------------------------------------------------------------------
 */

static void test_refused(void **state)
{
	(void)state;
	open_workers();
	struct foresight *f = workers[0].foresight;
	fake_redis_set_field("n:model:delay", "acme|x", "99 from the future");
	teach(f, "acme", 1);
	assert_true(sync_worker(0));
	assert_true(f->states[MODEL_DELAY].is_refused);
	assert_int_equal(fake_redis_size("n:model:delay"), 1);
	assert_true(fake_redis_size("n:model:hazard") > 1);
	fake_redis_set_field(
	    "n:model:delay", "acme|x", "1 x"); /* still unusable, with a hand in it */
	assert_true(sync_worker(0));
	assert_int_equal(fake_redis_size("n:model:delay"), 1);
}

/* Deleted by hand: noticed, and what was learned since is not lost. */
static void test_deleted(void **state)
{
	(void)state;
	open_workers();
	struct foresight *f = workers[0].foresight;
	teach(f, "acme", 5);
	assert_true(sync_worker(0));
	teach(f, "acme", 2);
	fake_redis_forget("n:model:delay");
	fake_redis_forget("n:model:hazard");
	fake_redis_forget("n:model:alert");
	assert_true(sync_worker(0));
	expect_stored(2, 0);
}

/* --- operators
 * ------------------------------------------------------------------------------------
 */

static void expect(struct http_exchange *exchange, int status, const char *part)
{
	if (fake_server_status(exchange) != status ||
	    strstr(fake_server_body(exchange), part) == NULL)
		fail_msg("expected %d with %s: %d %s", status, part, fake_server_status(exchange),
		    fake_server_body(exchange));
}

/* The stage's own daemon learns, too. */
static struct foresight *open_daemon(void)
{
	struct world *world = stage_open(N);
	workers[0] = *world;
	expect(stage_ask("GET", "/v1/model", NULL), 503, "model_not_loaded");
	world->foresight = workers[0].foresight = foresight_new();
	fake_loop_advance(SECOND_MS);
	assert_true(world->foresight->is_loaded);
	return world->foresight;
}

static const char *kept(struct http_exchange *exchange)
{
	static char text[200000];
	snprintf(text, sizeof text, "%s", fake_server_body(exchange));
	return text;
}

static void test_export_and_import(void **state)
{
	(void)state;
	struct foresight *f = open_daemon();
	teach(f, "acme", 2);
	teach(f, "dhl", 3);
	expect(stage_ask("GET", "/v1/model", NULL), 200, "\"carrier\":\"acme\",\"service\":\"x\"");
	const char *document = kept(stage_ask("GET", "/v1/model/export", NULL));
	expect(stage_ask("DELETE", "/v1/model", NULL), 200, "\"entries\":0");
	expect_learned(f, 0, 0);
	expect_stored(0, 0);
	teach(f, "acme", 4); /* is replaced */
	expect(stage_ask("PUT", "/v1/model/import", document), 200, "\"entries\":");
	expect_learned(f, 2, 3);
	assert_string_equal(fake_server_body(stage_ask("GET", "/v1/model/export", NULL)), document);
	fake_loop_advance(SECOND_MS);
	expect_learned(f, 2, 3);
	expect_stored(2, 3);

	document = kept(stage_ask("GET", "/v1/model/export?carrier=dhl", NULL));
	assert_null(strstr(document, "acme"));
	assert_non_null(strstr(document, "\"carrier\":\"dhl\""));
	teach(f, "dhl", 10);
	teach(f, "acme", 1);
	expect(stage_ask("PUT", "/v1/model/import", document), 200, "");
	fake_loop_advance(SECOND_MS);
	assert_float_equal(delivered(f, "dhl"), 3, 1e-9);
	assert_float_equal(news(f, "acme"), 3, 1e-9);
	expect(stage_ask("DELETE", "/v1/model?carrier=acme", NULL), 200, "");
	fake_loop_advance(SECOND_MS);
	assert_float_equal(delivered(f, "acme"), 0, 1e-9);
	assert_float_equal(news(f, "dhl"), 3, 1e-9);
	assert_null(fake_redis_field("n:model:delay", "acme|x"));
	assert_null(fake_redis_field("n:model:hazard", "~lag|acme"));
	assert_non_null(fake_redis_field("n:model:hazard", "~lag|dhl"));
}

static void test_refused_documents(void **state)
{
	static const struct {
		const char *document, *pointer;
	} cases[] = {
	    {"{", "line 1"},
	    {"[]", "\"errors\""},
	    {"{\"magic\":{}}", "/magic"},
	    {"{\"delay\":7}", "/delay"},
	    {"{\"carrier\":7}", "/carrier"},
	    {"{\"carrier\":\"dhl\",\"delay\":{\"acme|x\":\"1 0\"}}", "/delay/acme|x"},
	    {"{\"delay\":{\"acme|x\":\"1 0\"}}", "/delay/acme|x"},
	    {"{\"delay\":{\"~model\":\"9 1 1\"}}", "/delay/~0model"},
	    {"{\"hazard\":{\"a/b|x|1\":\"2 0 0\"}}", "/hazard/a~1b|x|1"},
	    {"{\"silence\":{\"~revision\":\"x\"}}", "/silence/~0revision"},
	    {"{\"alert\":{\"other\":\"1:1\"}}", "/alert/other"},
	    {"{\"pace\":{\"dhl\":\"1 2 3\"}}", "/pace/dhl"},
	    {"{\"pace\":{\"dhl\":null}}", "/pace/dhl"},
	};
	(void)state;
	struct foresight *f = open_daemon();
	teach(f, "acme", 2);
	char endless[1000];
	snprintf(endless, sizeof endless, "{\"silence\":{\"%0900d\":\"1:0\"}}", 0);
	expect(stage_ask("PUT", "/v1/model/import", endless), 400, "longer than any entry is");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect(
		    stage_ask("PUT", "/v1/model/import", cases[i].document), 400, cases[i].pointer);
	expect(stage_ask("DELETE", "/v1/model?carrier=", NULL), 400, "carrier_required");
	expect_learned(f, 2, 0);
	fake_redis_state(REDIS_READONLY);
	expect(stage_ask("DELETE", "/v1/model", NULL), 503, "not_writable");
	expect(stage_ask("PUT", "/v1/model/import", "{\"delay\":{}}"), 503, "not_writable");
	expect_learned(f, 2, 0);
}

/* Two orders would be mixed: the second one is to be given again.  A failed one is over, too. */
static void test_one_order_at_a_time(void **state)
{
	(void)state;
	struct foresight *f = open_daemon();
	teach(f, "acme", 2);
	fake_redis_delay(5);
	struct request reset = {.method = "DELETE", .url = "/v1/model"},
	               import = {.method = "PUT", .url = "/v1/model/import", .body = "{}"};
	struct http_exchange *first = fake_server_ask(api_handle_admin, &workers[0], &reset);
	fake_loop_advance(7);
	struct http_exchange *second = fake_server_ask(api_handle_admin, &workers[0], &import);
	fake_loop_advance(SECOND_MS);
	expect(first, 200, "\"entries\":0");
	expect(second, 409, "model_order_in_progress");
	fake_redis_delay(0);
	fake_redis_refuse("model", 1);
	expect(stage_ask("DELETE", "/v1/model", NULL), 503, "not_writable");
	assert_null(f->order);
	expect(stage_ask("PUT", "/v1/model/import", "{}"), 200, "\"entries\":0");
	expect_learned(f, 0, 0);
}

/* What is learned while an order is under way is saved after it. */
static void test_nothing_is_saved_during_an_order(void **state)
{
	(void)state;
	struct foresight *f = open_daemon();
	teach(f, "acme", 2);
	assert_true(foresight_order_begin(f, f));
	assert_false(foresight_order_begin(f, state));
	foresight_order_end(f, state); /* not his */
	assert_false(foresight_order_begin(f, state));
	assert_true(sync_worker(0));
	assert_int_equal(fake_redis_size("n:model:delay"), 0);
	foresight_order_end(f, f);
	assert_true(sync_worker(0));
	expect_stored(2, 0);
}

/* Another worker follows; what it has not saved stays on top.  Its price begins anew. */
static void test_others_follow(void **state)
{
	(void)state;
	open_workers();
	struct foresight *f = workers[1].foresight;
	struct price *price = price_of(f, "dhl");
	pace_price_init(&price->pace, 100, 0, 10, STAGE_STARTS_MS);
	price->is_begun = true;
	teach(f, "acme", 5);
	assert_true(sync_worker(1));
	teach(f, "acme", 2);
	struct world *asked = &workers[0];
	assert_true(sync_worker(0));
	struct request request = {.method = "DELETE", .url = "/v1/model"};
	struct http_exchange *exchange = fake_server_ask(api_handle_admin, asked, &request);
	fake_loop_settle();
	expect(exchange, 200, "\"entries\":0");
	assert_true(price->is_begun);
	assert_true(sync_worker(1));
	assert_false(price->is_begun);
	expect_learned(f, 2, 0);
	expect_stored(2, 0);
}

/* In the middle of a load, and of a save. */
static void order_during_a_sync(const char *method, const char *url, int64_t after_ms)
{
	struct foresight *f = open_daemon();
	teach(f, "acme", 3);
	const char *document = kept(stage_ask("GET", "/v1/model/export", NULL));
	fake_loop_advance(6 * MINUTE_MS);
	expect_stored(3, 0);
	teach(f, "dhl", 1);
	fake_redis_delay(4);
	for (int model = 0; model < MODELS; model++) /* so that it reads all again */
		if (f->states[model].revision[0] != '\0')
			f->states[model].revision[0] = 'x';
	model_sync_start(&workers[0]);
	fake_loop_advance(after_ms);
	bool is_reset = strcmp(method, "DELETE") == 0;
	struct request request = {.method = method, .url = url, .body = is_reset ? NULL : document};
	struct http_exchange *exchange = fake_server_ask(api_handle_admin, &workers[0], &request);
	fake_loop_advance(2 * SECOND_MS);
	expect(exchange, 200, "");
	expect_learned(f, is_reset ? 0 : 3, 0);
	expect_stored(is_reset ? 0 : 3, 0);
	close_workers();
}

static void test_orders_during_a_sync(void **state)
{
	(void)state;
	for (int64_t after_ms = 1; after_ms < 200; after_ms += 4) {
		order_during_a_sync("DELETE", "/v1/model", after_ms);
		order_during_a_sync("PUT", "/v1/model/import", after_ms);
	}
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_teardown(test, close_stage)
	const struct CMUnitTest tests[] = {
	    ON_STAGE(test_both_teach),
	    ON_STAGE(test_at_once),
	    ON_STAGE(test_learned_meanwhile),
	    cmocka_unit_test(test_each_await_fails),
	    cmocka_unit_test(test_each_run_fails),
	    ON_STAGE(test_refused),
	    ON_STAGE(test_deleted),
	    ON_STAGE(test_export_and_import),
	    ON_STAGE(test_refused_documents),
	    ON_STAGE(test_one_order_at_a_time),
	    ON_STAGE(test_nothing_is_saved_during_an_order),
	    ON_STAGE(test_others_follow),
	    cmocka_unit_test(test_orders_during_a_sync),
	};
	return cmocka_run_group_tests(tests, NULL, end);
}
