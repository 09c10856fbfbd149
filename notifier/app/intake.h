/* Intake: a shipment as the API takes it (JSON) → struct shipment.  Every mistake is named by its
 * place (RFC 6901 pointer), unknown fields with the nearest known name. */
#ifndef APP_INTAKE_H
#define APP_INTAKE_H
#include <jansson.h>

#include "notifier/app/config.h"
#include "notifier/app/problem.h"
#include "notifier/core/shipment.h"

#define INTAKE_ERRORS_MAX 16
#define RECIPIENTS_MAX    10

struct intake {
	struct arena *arena;
	const struct config *config;
	struct shipment *shipment; /* what came of it */
	struct problem_place errors[INTAKE_ERRORS_MAX];
	size_t error_count;
	const char *code; /* "invalid_shipment", "carrier_required", "unknown_carrier" */
	/* Which parts were given: an upsert or PATCH changes only those. */
	bool has_promised, has_recipients, has_carrier, has_zone, has_metadata, has_order,
	    has_service, has_origin, has_destination;
};

/* Fills intake->shipment.  is_patch: nothing is required, and tracking_number may not be given. */
bool intake_read(struct intake *intake, json_t *body, bool is_patch);
/* Takes over into an existing shipment what was given.  Recipients keep their ids when they are
 * given by id, or when the contact is the same. */
void intake_merge(const struct intake *intake, struct shipment *into);
/* Normal form of a tracking number: spaces and dashes at the ends gone, inner spaces gone. */
const char *intake_number(const char *text, struct arena *arena);
#endif
