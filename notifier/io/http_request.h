/* What may be asked, and how a libcurl handle is told to ask it. */
#ifndef IO_HTTP_REQUEST_H
#define IO_HTTP_REQUEST_H
#include <curl/curl.h>

#include "notifier/io/http_client.h"

/* Refuses (ERR_PERMANENT) what could end a line of the request or is no HTTP at all. */
bool http_request_check(const struct http_request *request, struct err *err);
/* Sets method, headers and body; copies live in the arena and are borrowed by the handle until the
 * transfer is over.  Undoes what the handle's last request left. */
void http_request_set(
    CURL *easy, const struct http_request *request, const char *method, struct arena *arena);
#endif
