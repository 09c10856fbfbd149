/* The resolver against a name server on the same loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "notifier/io/resolve.h"
#include "tests/unit/fake_dns.h"
#include "tests/unit/loop_until.h"

static const struct fake_name names[] = {
    {.name = "both.test", .v4 = "192.0.2.1", .v6 = "2001:db8::1", .ttl_s = 60},
    {.name = "four.test", .v4 = "192.0.2.2", .ttl_s = 60},
    {.name = "six.test", .v6 = "2001:db8::6", .ttl_s = 60},
    {.name = "zero.test", .v4 = "192.0.2.3", .ttl_s = 0},
    {.name = "long.test", .v4 = "192.0.2.4", .ttl_s = 1000000000},
    {.name = "many.test", .v4 = "192.0.2.10", .v6 = "2001:db8::1", .copies = 25, .ttl_s = 60},
    {.name = "broken.test", .rcode = 2},
    {.name = "refused.test", .rcode = 5},
    {.name = "nothing.test"},
    {.name = "silent.test", .rcode = -1},
    {.name = "last.test", .v4 = "192.0.2.9", .ttl_s = 60},
};

static struct fake_dns dns;

struct outcome {
	int done;
	bool failed;
	struct resolved resolved;
	struct err err;
};

static void on_done(void *context, const struct resolved *resolved, const struct err *err)
{
	struct outcome *outcome = context;
	outcome->done++;
	outcome->failed = err != NULL;
	assert_true((err == NULL) == (resolved != NULL));
	if (err != NULL)
		outcome->err = *err;
	else
		outcome->resolved = *resolved;
}

static struct outcome ask(struct resolver *resolver, const char *host, int64_t limit_ms)
{
	struct outcome outcome = {0};
	resolve_start(resolver, host, on_done, &outcome);
	LOOP_UNTIL(outcome.done, limit_ms);
	assert_int_equal(outcome.done, 1);
	return outcome;
}

static const char *text_of(const struct resolved *resolved, size_t i)
{
	static char text[INET6_ADDRSTRLEN];
	const struct sockaddr_storage *address = &resolved->addresses[i];
	assert_true(i < resolved->count);
	if (address->ss_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr,
		    text, sizeof text);
	else
		inet_ntop(AF_INET6,
		    &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, text,
		    sizeof text);
	return text;
}

static int start(void **state)
{
	fake_dns_start(&dns, names, sizeof names / sizeof *names);
	*state = resolver_new_with_servers(dns.servers);
	return 0;
}

static int stop(void **state)
{
	struct resolver *resolver = *state;
	resolver_free(&resolver);
	fake_dns_stop(&dns);
	loop_drain();
	return 0;
}

static void answers(void **state)
{
	static const struct {
		const char *host;
		size_t count;
		const char *first, *second;
	} rows[] = {
	    {"both.test", 2, "192.0.2.1", "2001:db8::1"},
	    {"BOTH.Test", 2, "192.0.2.1", "2001:db8::1"},
	    {"four.test", 1, "192.0.2.2", NULL},
	    {"six.test", 1, "2001:db8::6", NULL},
	    {"many.test", RESOLVE_MAX, "192.0.2.10", "2001:db8::1"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct outcome o = ask(*state, rows[i].host, 3000);
		assert_false(o.failed);
		assert_int_equal(o.resolved.count, rows[i].count);
		assert_string_equal(text_of(&o.resolved, 0), rows[i].first);
		if (rows[i].second != NULL)
			assert_string_equal(text_of(&o.resolved, 1), rows[i].second);
	}
}

static void failures(void **state)
{
	static const struct {
		const char *host;
		enum err_kind kind;
		const char *says;
	} rows[] = {
	    {"missing.test", ERR_PERMANENT, "missing.test: no such"},
	    {"nothing.test", ERR_PERMANENT, "nothing.test"},
	    {"broken.test", ERR_TRANSIENT, "broken.test"},
	    {"refused.test", ERR_TRANSIENT, "refused.test"},
	    {"", ERR_PERMANENT, "not a host name"},
	    {"a b", ERR_PERMANENT, "not a host name"},
	    {"evil\r\nname", ERR_PERMANENT, "not a host name"},
	    {"0x7f000001/", ERR_PERMANENT, "not a host name"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct outcome o = ask(*state, rows[i].host, 3000);
		assert_true(o.failed);
		assert_int_equal(o.err.kind, rows[i].kind);
		assert_non_null(strstr(o.err.text, rows[i].says));
	}
	char huge[400];
	memset(huge, 'a', sizeof huge - 1);
	huge[sizeof huge - 1] = '\0';
	assert_int_equal(ask(*state, huge, 1000).err.kind, ERR_PERMANENT);
}

static void literals_ask_nobody(void **state)
{
	static const char *const literals[] = {"127.0.0.1", "::1", "192.0.2.77", "2001:db8::abcd"};
	for (size_t i = 0; i < sizeof literals / sizeof *literals; i++) {
		struct outcome o = {0};
		assert_null(resolve_start(*state, literals[i], on_done, &o));
		assert_int_equal(o.done, 1);
		assert_false(o.failed);
		assert_string_equal(text_of(&o.resolved, 0), literals[i]);
	}
	assert_int_equal(dns.asked, 0);
}

static void hosts_file_first(void **state)
{
	struct outcome o = ask(*state, "localhost", 1000);
	assert_false(o.failed);
	assert_int_equal(dns.asked, 0);
}

static void answers_are_kept(void **state)
{
	struct outcome o = ask(*state, "both.test", 3000);
	unsigned asked = dns.asked;
	assert_true(asked > 0);
	o = ask(*state, "both.test", 3000);
	ask(*state, "missing.test", 3000);
	assert_true(dns.asked > asked);
	asked = dns.asked;
	o = ask(*state, "missing.test", 3000); /* failures too */
	assert_true(o.failed);
	assert_int_equal(dns.asked, asked);
}

static void time_to_live_has_bounds(void **state)
{
	int64_t now = loop_monotonic_ms();
	struct outcome o = ask(*state, "zero.test", 3000);
	assert_in_range(o.resolved.expires_ms - now, 5000, 8000);
	o = ask(*state, "long.test", 3000);
	assert_in_range(o.resolved.expires_ms - now, 299000, 303000);
	unsigned asked = dns.asked;
	ask(*state, "zero.test", 3000); /* TTL 0 is not a query per request */
	assert_int_equal(dns.asked, asked);
}

static void one_query_for_many(void **state)
{
	struct outcome outcomes[50] = {0};
	for (size_t i = 0; i < 50; i++)
		resolve_start(*state, i % 2 ? "both.test" : "Both.test", on_done, &outcomes[i]);
	LOOP_UNTIL(outcomes[49].done, 3000);
	for (size_t i = 0; i < 50; i++)
		assert_true(outcomes[i].done == 1 && !outcomes[i].failed);
	assert_int_equal(dns.asked, 2); /* A and AAAA */
}

static void cancelled_askers_hear_nothing(void **state)
{
	struct outcome first = {0}, second = {0};
	struct resolve_query *query = resolve_start(*state, "both.test", on_done, &first);
	resolve_start(*state, "both.test", on_done, &second);
	assert_non_null(query);
	resolve_cancel(&query);
	assert_null(query);
	resolve_cancel(&query);
	LOOP_UNTIL(second.done, 3000);
	assert_int_equal(first.done, 0);
}

/* Somebody who cancels another asker of the same name from inside his answer. */
struct meddler {
	struct outcome outcome;
	struct resolve_query **other;
};

static void on_meddle(void *context, const struct resolved *resolved, const struct err *err)
{
	struct meddler *meddler = context;
	on_done(&meddler->outcome, resolved, err);
	resolve_cancel(meddler->other);
}

static void askers_may_cancel_each_other(void **state)
{
	struct resolve_query *query;
	struct meddler meddler = {.other = &query};
	struct outcome victim = {0};
	resolve_start(*state, "both.test", on_meddle, &meddler);
	query = resolve_start(*state, "both.test", on_done, &victim);
	LOOP_UNTIL(meddler.outcome.done, 3000);
	assert_int_equal(victim.done, 0);
}

static void a_dead_name_server_blocks_nobody(void **state)
{
	struct outcome silent = {0};
	int64_t began = loop_monotonic_ms();
	resolve_start(*state, "silent.test", on_done, &silent);
	loop_take_longest_gap_us();
	assert_false(ask(*state, "last.test", 1000).failed); /* others are served meanwhile */
	LOOP_UNTIL(silent.done, 10500);
	assert_in_range(loop_monotonic_ms() - began, 1000, 10500);
	assert_true(silent.failed);
	assert_int_equal(silent.err.kind, ERR_TRANSIENT);
	assert_non_null(strstr(silent.err.text, "silent.test: no name server answered"));
	assert_true(loop_take_longest_gap_us() < 50000);
	assert_false(ask(*state, "four.test", 1000).failed); /* after a fresh start of c-ares */
}

static void freeing_cancels(void **state)
{
	struct resolver *resolver = resolver_new_with_servers(dns.servers);
	struct outcome outcome = {0};
	(void)state;
	resolve_start(resolver, "silent.test", on_done, &outcome);
	resolver_free(&resolver);
	assert_int_equal(outcome.done, 1);
	assert_int_equal(outcome.err.kind, ERR_CANCELLED);
}

/* --- with a flow ----------------------------------------------------------------------------- */

struct look {
	struct flow flow;
	struct resolver *resolver;
	const char *host;
	int64_t after_ms;
	struct resolved resolved;
	struct outcome *outcome;
};
#define LOOK_STEPS(X) X(look, begin) X(look, end)
LOOK_STEPS(FLOW_STEP)

static next look_begin(struct look *l)
{
	return AWAIT(
	    l, end, resolve_host(l->resolver, &l->flow, l->host, &l->resolved), l->after_ms);
}

static next look_end(struct look *l)
{
	l->outcome->done++;
	l->outcome->failed = FAILED(l);
	l->outcome->err = l->flow.err;
	l->outcome->resolved = l->resolved;
	return END;
}

static void look_fini(struct flow *flow)
{
	xfree(flow);
}
static const struct flow_type look_type = {"look", look_fini};

static struct outcome look(struct resolver *resolver, const char *host, int64_t after_ms)
{
	struct outcome outcome = {0};
	struct look *l = xcalloc(1, sizeof *l);
	l->resolver = resolver;
	l->host = host;
	l->after_ms = after_ms;
	l->outcome = &outcome;
	flow_start(&l->flow, &look_type, do_begin);
	LOOP_UNTIL(outcome.done, 3000);
	return outcome;
}

static void flows(void **state)
{
	assert_false(look(*state, "both.test", 3000).failed);
	assert_false(look(*state, "both.test", 3000).failed); /* at once */
	assert_false(look(*state, "127.0.0.1", 3000).failed);
	assert_int_equal(look(*state, "missing.test", 3000).err.kind, ERR_PERMANENT);
	struct outcome late = look(*state, "silent.test", 50); /* the flow's own deadline */
	assert_int_equal(late.err.kind, ERR_TRANSIENT);
	assert_non_null(strstr(late.err.text, "deadline"));
	assert_int_equal(flow_count(), 0);
}

int main(void)
{
	loop_start();
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(answers, start, stop),
	    cmocka_unit_test_setup_teardown(failures, start, stop),
	    cmocka_unit_test_setup_teardown(literals_ask_nobody, start, stop),
	    cmocka_unit_test_setup_teardown(hosts_file_first, start, stop),
	    cmocka_unit_test_setup_teardown(answers_are_kept, start, stop),
	    cmocka_unit_test_setup_teardown(time_to_live_has_bounds, start, stop),
	    cmocka_unit_test_setup_teardown(one_query_for_many, start, stop),
	    cmocka_unit_test_setup_teardown(cancelled_askers_hear_nothing, start, stop),
	    cmocka_unit_test_setup_teardown(askers_may_cancel_each_other, start, stop),
	    cmocka_unit_test_setup_teardown(a_dead_name_server_blocks_nobody, start, stop),
	    cmocka_unit_test_setup_teardown(freeing_cancels, start, stop),
	    cmocka_unit_test_setup_teardown(flows, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
