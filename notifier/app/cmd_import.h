/* A parcel as people give it, in options or in a row of a CSV file: the fields and what they become
 * in the API's JSON; and `notifier shipments import`. */
#ifndef APP_CMD_IMPORT_H
#define APP_CMD_IMPORT_H
#include "notifier/app/client.h"
#include "notifier/base/str.h"

/* X(ENUM, "column", "--option") */
#define PARCEL_FIELDS(X)                                                                           \
	X(NUMBER, "tracking_number", NULL)                                                         \
	X(CARRIER, "carrier", "--carrier")                                                         \
	X(SERVICE, "service", "--service")                                                         \
	X(ORDER, "order_number", "--order")                                                        \
	X(PROMISED, "promised", "--promised")                                                      \
	X(ZONE, "zone", "--zone")                                                                  \
	X(NAME, "name", "--name")                                                                  \
	X(EMAIL, "email", "--email")                                                               \
	X(PHONE, "phone", "--phone")                                                               \
	X(LANGUAGE, "language", "--language")                                                      \
	X(CHANNELS, "channels", "--channels")

enum parcel_field {
#define X(enumerator, column, option) PARCEL_##enumerator,
	PARCEL_FIELDS(X)
#undef X
	    PARCEL_FIELD_COUNT
};
/* The body of POST /v1/shipments; empty values are left out.  channels: "email sms" or "email,sms".
 */
json_t *parcel_json(const struct str values[PARCEL_FIELD_COUNT]);

/* Every row of the file; "-" is stdin.  What became of them is printed; returns false when the
 * daemon went away or the file is of no use (said). */
bool import_run(struct client *client, const char *path);
#endif
