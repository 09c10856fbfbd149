/* What operators do with the learned models: look, keep a copy, put one back, forget.
 *
 * The document is one JSON object: model → { entry → text }, the texts as they are stored, and
 * "carrier" where it holds one carrier's part only.  An order is a document that is carried out
 * model by model: in Redis (foresight_order_write, whole or not at all), then here
 * (foresight_order_apply); other workers follow with their next load, and what they have learned
 * and not saved yet stays on top.
 */
#ifndef APP_FORESIGHT_MODEL_H
#define APP_FORESIGHT_MODEL_H
#include <jansson.h>

#include "notifier/app/foresight.h"
#include "notifier/io/redis.h"

/* Of a document: as much as some 15,000 lanes.  A larger one goes carrier by carrier. */
#define MODEL_DOCUMENT_BYTES (32 << 20)

enum model {
	MODEL_HAZARD,
	MODEL_PACE,
	MODEL_DELAY,
	MODEL_SILENCE,
	MODEL_LAST_STOP,
	MODEL_ALERT,
	MODELS
};
const char *model_name(enum model model);

bool foresight_is_loaded(const struct foresight *foresight); /* false for NULL */
/* {"models":[…],"carriers":[…]}, the caller's. */
json_t *foresight_summary(struct foresight *foresight);
/* The caller's; NULL: larger than MODEL_DOCUMENT_BYTES.  carrier NULL: everything. */
json_t *foresight_document(struct foresight *foresight, const char *carrier);
/* An order that forgets everything, or what one carrier taught. */
json_t *foresight_empty_document(const char *carrier);

/* Whether every entry can be read (into models that are thrown away); else *pointer (RFC 6901, in
 * the arena) and err tell which cannot and why. */
CHECK_RESULT bool foresight_check(
    json_t *document, struct arena *arena, const char **pointer, struct err *err);
size_t foresight_document_entries(const json_t *document);

/* With a carrier, what is stored is asked first: the names of a model's entries. */
struct await *foresight_order_names(
    struct world *world, struct flow *flow, enum model model, struct redis_value *out);
/* names: what the above brought; not used without a carrier.  The answer is the new revision. */
struct await *foresight_order_write(struct world *world, struct flow *flow, const json_t *document,
    enum model model, const struct redis_value *names, struct redis_value *out);
void foresight_order_apply(struct foresight *foresight, const json_t *document, enum model model,
    const struct redis_value *revision);
#endif
