/* The HTTP API: routes, keys, scopes.  A request is a flow; its steps live in the file of its
 * resource (api_shipments.c, api_messages.c, api_keys.c), its frame here.
 */
#ifndef APP_API_H
#define APP_API_H
#include <jansson.h>

#include "notifier/app/apply.h"
#include "notifier/app/problem.h"
#include "notifier/app/world.h"

enum scope {
	SCOPE_NONE = 0, /* anybody: health, metrics, OpenAPI */
	SCOPE_READ = 1,
	SCOPE_WRITE = 2,
	SCOPE_TEMPLATES = 4,
	SCOPE_ADMIN = 8
};
/* "shipments:read,shipments:write" to bits; false names the unknown word in err. */
bool scopes_parse(const char *text, unsigned *out, struct err *err);
const char *scopes_print(unsigned scopes, struct arena *arena);

struct api;
struct route {
	const char *method, *pattern; /* "/v1/shipments/{id}/explain" */
	enum scope scope;
	const struct step *first;
};

struct api_scan {                   /* where GET /v1/shipments stands */
	const char *cursor, *batch; /* SCAN's next position, and the one that gave the batch */
	size_t skip;                /* keys of the batch that an earlier page has shown */
	unsigned batches;
};
struct message_place { /* in a partition's list of failed messages; ms 0: in a shipment's story */
	const char *id;
	int64_t ms;
};
struct api_messages { /* where GET /v1/messages stands */
	bool is_of_shipment;
	unsigned partition;
	struct message_place last; /* that was looked at; id NULL: none */
	struct message_place *batch;
	size_t count, index;
	size_t passed; /* of the list, because they were looked at before: equal scores */
	size_t looked; /* in all */
};

struct api { /* one request; first member is the flow */
	struct flow flow;
	struct world *world;
	struct config *config;
	struct http_exchange *exchange;
	const struct route *route;
	const char *method, *path, *argument; /* argument: what stands for {…} */
	const struct http_header *query;
	size_t query_count;
	struct str body;
	const char *key; /* the bearer key; NULL: none */
	bool is_local;   /* came over the admin socket: everything is allowed */
	unsigned scopes;
	const char *account;
	const char *idempotency_key;
	const char *claim; /* what we wrote under that key; NULL: nothing, or it is settled */
	/* What the steps of a route need. */
	struct redis_value value, value2;
	struct shipment *shipment;
	struct apply apply;
	json_t *json; /* the body, parsed; or what is being built; freed at the end */
	unsigned conflicts;
	bool is_new;
	const char *carrier_before;
	const char *number;   /* of the parcel to register */
	const char *verb;     /* an operator's word on a message: "retry", "drop" */
	const char *made_key; /* whole, for its only answer */
	struct api_scan scan;
	struct api_messages messages;
	struct model_copy *copy; /* freed at the end, as json is */
	struct model_checked *checked;
	struct model_order *order;
	int answer_status;
	struct str answer;
};

/* The table of routes, for the test that keeps openapi.json complete.  "{}" stands for an id. */
size_t api_route_count(void);
void api_route_at(size_t index, const char **method, const char **pattern);

/* The handler of the public and of the admin server; context is the world. */
void api_handle(
    struct http_exchange *exchange, const struct http_incoming *incoming, void *context);
void api_handle_admin(
    struct http_exchange *exchange, const struct http_incoming *incoming, void *context);

/* The steps of every request around those of its route: recall looks up the Idempotency-Key,
 * dispatch goes on to the route.  api_give_up_claim is for the end, whatever it is. */
extern const struct step api_then_recall[1], api_then_dispatch[1];
void api_give_up_claim(const struct api *api);

/* For the steps: answer and end. */
next api_send(struct api *api, int status, json_t *body);         /* takes body; keeps the answer */
void api_send_text(struct api *api, int status, struct str body); /* JSON */
next api_problem(struct api *api, int status, const char *code, const char *detail);
next api_store_failed(struct api *api); /* 503 */
const char *api_query(const struct api *api, const char *name);
bool api_body(struct api *api); /* parses the body into api->json; false: answered 400 */

/* Declares the first step of a route: api_NAME is its function, ROUTE the row that api.c knows. */
#define API_ROUTE(route, n)                                                                        \
	static next api_##n(struct api *);                                                         \
	static next api_##n##_step(struct flow *f)                                                 \
	{                                                                                          \
		return api_##n((struct api *)(void *)f);                                           \
	}                                                                                          \
	const struct step route[1] = {{#n, api_##n##_step}};

/* Lists: the page's size (1 … 200), and its end; following: the cursor, NULL: there are no more. */
#define LIST_MAX 200
size_t api_list_limit(const struct api *api);
next api_list_send(struct api *api, const char *following); /* api->json holds the rows */

/* A shipment as the API shows it; records NULL: without what its history holds. */
json_t *api_shipment_summary(const struct shipment *shipment);
json_t *api_shipment_json(const struct shipment *shipment, const struct redis_value *records);
/* For `explain`: when we expect it, and how sure we are; nothing where we know nothing. */
void api_forecast_line(json_t *lines, const struct shipment *shipment, int64_t now_ms);

/* First steps of the routes. */
extern const struct step api_shipments_post[1], api_shipments_list[1], api_shipment_get[1],
    api_shipment_explain[1], api_shipment_patch[1], api_shipment_delete[1], api_shipment_refresh[1];
extern const struct step api_messages_list[1], api_message_get[1], api_message_retry[1],
    api_message_drop[1];
extern const struct step api_keys_post[1], api_keys_list[1], api_key_delete[1];
extern const struct step api_model_show[1], api_model_export[1], api_model_import[1],
    api_model_reset[1];
/* Static pages and files: true when it answered. */
bool console_handle(
    struct world *world, struct http_exchange *exchange, const struct http_incoming *incoming);
#endif
