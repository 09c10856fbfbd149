#include "notifier/app/problem.h"

#include "notifier/app/json.h"

static const char *status_title(int status)
{
	static const struct {
		int status;
		const char *title;
	} titles[] = {{400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"},
	    {404, "Not Found"}, {405, "Method Not Allowed"}, {409, "Conflict"},
	    {413, "Content Too Large"}, {415, "Unsupported Media Type"},
	    {422, "Unprocessable Content"}, {429, "Too Many Requests"},
	    {500, "Internal Server Error"}, {503, "Service Unavailable"}};
	for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
		if (titles[i].status == status)
			return titles[i].title;
	return "Error";
}

static void send_body(
    struct http_exchange *exchange, int status, json_t *body, const struct http_header *more)
{
	struct arena *arena = arena_new();
	struct http_reply reply = {.status = status,
	    .content_type = "application/problem+json",
	    .body = json_text(body, arena)};
	if (status == 503)
		reply.headers[reply.header_count++] = (struct http_header){"Retry-After", "5"};
	if (status == 401)
		reply.headers[reply.header_count++] =
		    (struct http_header){"WWW-Authenticate", "Bearer"};
	if (more != NULL)
		reply.headers[reply.header_count++] = *more;
	http_reply_send(exchange, &reply);
	arena_free(&arena);
	json_decref(body);
}

static json_t *problem_new(
    const struct http_exchange *exchange, int status, const char *code, const char *detail)
{
	json_t *body = json_object();
	json_put_text(body, "type", "about:blank");
	json_put_text(body, "title", status_title(status));
	json_object_set_new(body, "status", json_integer(status));
	json_put_text(body, "code", code);
	json_put_text(body, "detail", detail);
	json_put_text(body, "request_id", http_exchange_id(exchange));
	return body;
}

void problem_send(struct http_exchange *exchange, int status, const char *code, const char *detail)
{
	send_body(exchange, status, problem_new(exchange, status, code, detail), NULL);
}

void problem_send_allowed(struct http_exchange *exchange, const char *methods)
{
	send_body(exchange, 405,
	    problem_new(exchange, 405, "method_not_allowed",
	        "This path does not take that method; the header Allow lists those that it takes."),
	    &(struct http_header){"Allow", methods});
}

void problem_send_busy(struct http_exchange *exchange, const char *code, const char *detail)
{
	send_body(exchange, 409, problem_new(exchange, 409, code, detail),
	    &(struct http_header){"Retry-After", "1"});
}

void problem_send_retry(struct http_exchange *exchange, const char *code, const char *detail)
{
	problem_send(exchange, 503, code, detail);
}

void problem_send_places(struct http_exchange *exchange, int status, const char *code,
    const char *detail, const struct problem_place *places, size_t count)
{
	json_t *body = problem_new(exchange, status, code, detail), *errors = json_array();
	for (size_t i = 0; i < count; i++) {
		json_t *place = json_object();
		json_put_text(place, "pointer", places[i].pointer);
		json_put_text(place, "detail", places[i].detail);
		json_array_append_new(errors, place);
	}
	json_object_set_new(body, "errors", errors);
	send_body(exchange, status, body, NULL);
}
