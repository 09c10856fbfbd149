/* What was learned, as operators see it. */
#include "notifier/app/foresight_internal.h"
#include "notifier/app/json.h"

#define ROWS_MAX 500 /* of carriers and services: as many fit into a turn of the loop */

struct rows {
	json_t *by_name; /* "carrier|service" → row */
	size_t left_out;
};

static json_t *row_of(struct rows *rows, const char *carrier_service)
{
	json_t *row = json_object_get(rows->by_name, carrier_service);
	struct str carrier, service = str_cut(str_of(carrier_service), '|', &carrier);
	if (row != NULL)
		return row;
	if (json_object_size(rows->by_name) >= ROWS_MAX) {
		rows->left_out++;
		return NULL;
	}
	row = json_object();
	json_object_set_new(row, MODEL_CARRIER, json_stringn(carrier.at, carrier.len));
	json_object_set_new(
	    row, "service", service.len > 0 ? json_stringn(service.at, service.len) : json_null());
	/* NULL, a row of nobody, where the name is no UTF-8 (stored by other hands). */
	return json_object_set_new(rows->by_name, carrier_service, row) == 0 ? row : NULL;
}

/* Below it nobody's P(late) is believed yet: the countdown rule speaks. */
static bool is_warm(double deliveries)
{
	static const struct delay_rule rule = DELAY_RULE_DEFAULT;
	return deliveries >= rule.cold_deliveries;
}

static void add_deliveries(void *arg, const struct delay_count *count)
{
	json_t *row = row_of(arg, count->carrier_service);
	json_object_set_new(row, "deliveries", json_real(count->deliveries));
	json_object_set_new(row, "is_warm", json_boolean(is_warm(count->deliveries)));
	json_object_set_new(row, "intervals", json_real(count->intervals));
	if (count->intervals > 0)
		json_object_set_new(
		    row, "intervals_held", json_real(count->held / count->intervals));
}

static void add_news(void *arg, const char *carrier_service, double news)
{
	json_t *row = json_object_get(((struct rows *)arg)->by_name, carrier_service);
	if (row == NULL) {
		struct delay_count none = {.carrier_service = carrier_service};
		add_deliveries(arg, &none);
		row = json_object_get(((struct rows *)arg)->by_name, carrier_service);
	}
	json_object_set_new(row, "news", json_real(news));
}

/* --- of the carrier as a whole: stands in each of its rows --------------------------------------
 */

static void add_lag(void *arg, const char *carrier, int64_t lag_ms)
{
	json_object_set_new(arg, carrier, json_integer((json_int_t)(lag_ms / SECOND_MS)));
}

static void add_last_stop(void *arg, const char *carrier)
{
	json_t *count = json_object_get(arg, carrier);
	if (count == NULL)
		json_object_set_new(arg, carrier, json_integer(1));
	else
		json_integer_set(count, json_integer_value(count) + 1);
}

static json_t *price_json(const struct foresight *f, const char *carrier)
{
	const struct price *price = map_get(&f->prices, str_of(carrier));
	return price != NULL && price->is_begun ? json_real(pace_price_now(&price->pace))
	                                        : json_null();
}

static void put_default(json_t *row, const char *key, json_t *value)
{
	if (json_object_get(row, key) == NULL)
		json_object_set(row, key, value);
	json_decref(value);
}

static void put_carriers(json_t *body, struct foresight *f)
{
	struct rows rows = {.by_name = json_object()};
	json_t *lags = json_object(), *last_stops = json_object(), *list = json_array(), *row;
	const char *name;
	delay_each_service(f->delay, add_deliveries, &rows);
	hazard_each_class(f->hazard, add_news, &rows);
	hazard_each_lag(f->hazard, add_lag, lags);
	last_stop_each(f->last_stop, add_last_stop, last_stops);
	json_object_foreach(rows.by_name, name, row)
	{
		const char *carrier = json_string_value(json_object_get(row, MODEL_CARRIER));
		put_default(row, "news", json_real(0));
		put_default(row, "intervals_held", json_null());
		json_object_set(row, "last_stops", json_object_get(last_stops, carrier));
		put_default(row, "last_stops", json_integer(0));
		json_object_set(row, "lag_s", json_object_get(lags, carrier));
		put_default(row, "lag_s", json_null());
		json_object_set_new(row, "price", price_json(f, carrier));
		json_array_append(list, row);
	}
	json_object_set_new(body, "carriers", list);
	json_object_set_new(body, "carriers_left_out", json_integer((json_int_t)rows.left_out));
	json_decref(rows.by_name);
	json_decref(lags);
	json_decref(last_stops);
}

/* --- all ----------------------------------------------------------------------------------------
 */

static void put_models(json_t *body, struct foresight *f)
{
	json_t *models = json_array();
	for (int model = 0; model < MODELS; model++) {
		const struct model_state *state = &f->states[model];
		json_t *row = json_object();
		json_put_text(row, "model", model_types[model].name);
		json_object_set_new(
		    row, "entries", json_integer((json_int_t)model_types[model].count(f)));
		json_object_set_new(row, "refused", json_boolean(state->is_refused));
		json_put_time(row, "saved_at", state->saved_ms);
		json_array_append_new(models, row);
	}
	json_object_set_new(body, "models", models);
}

/* The threshold that keeps a budget is learned; that of two zones stands in the rule. */
static json_t *threshold_json(const struct foresight *f, const char *text)
{
	struct delay_rule rule = DELAY_RULE_DEFAULT;
	struct err err;
	bool is_tuned = delay_rule_parse(&rule, text, &err) && rule.kind == DELAY_BUDGET;
	return is_tuned ? json_real(delay_tuner_threshold(&f->tuner, rule.budget)) : json_null();
}

static void put_alerts(json_t *body, const struct foresight *f, const struct config *config)
{
	json_t *alerts = json_array();
	for (size_t i = 0; i < config->account_count; i++) {
		const struct account_config *account = &config->accounts[i];
		json_t *row = json_object();
		json_put_text(row, "account", account->name);
		json_put_text(row, "rule", account->delay_rule);
		json_object_set_new(row, "threshold", threshold_json(f, account->delay_rule));
		json_array_append_new(alerts, row);
	}
	json_object_set_new(body, "alerts", alerts);
}

json_t *foresight_summary(struct foresight *f, const struct config *config)
{
	json_t *body = json_object();
	put_models(body, f);
	put_carriers(body, f);
	put_alerts(body, f, config);
	return body;
}
