/* What operators do with the learned models: look, keep a copy, put one back, forget.
 *
 * The document is one JSON object: model → { entry → text }, the texts as they are stored, and
 * "carrier" where it holds one carrier's part only.  An order is a document that is carried out
 * model by model: in Redis (foresight_order_write, whole or not at all), then here
 * (foresight_order_apply); other workers follow with their next load, and what they have learned
 * and not saved yet stays on top.
 *
 * Invariant: nothing here keeps the loop for longer than some milliseconds: a document of many
 * megabytes is written and carried out in slices, and read in another thread.  So the entries of
 * a copy are of moments some milliseconds apart, and between the slices of an order this process
 * knows a part of it.
 */
#ifndef APP_FORESIGHT_MODEL_H
#define APP_FORESIGHT_MODEL_H
#include <jansson.h>

#include "notifier/app/foresight.h"
#include "notifier/io/redis.h"

/* Of a document: as much as some 15,000 lanes.  A larger one goes carrier by carrier. */
#define MODEL_DOCUMENT_BYTES (32 << 20)

struct config;

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
/* {"models":[…],"carriers":[…],"alerts":[…]}, the caller's. */
json_t *foresight_summary(struct foresight *foresight, const struct config *config);

/* A copy, written in slices; what is learned between two of them may be in it or not. */
struct model_copy;
/* carrier NULL: everything; borrowed. */
struct model_copy *foresight_copy_new(const char *carrier);
void foresight_copy_free(struct model_copy **copy); /* NULL is fine */
enum model_copying {
	COPY_UNDER_WAY, /* call again, after others had their turn */
	COPY_DONE,
	COPY_TOO_LARGE /* for MODEL_DOCUMENT_BYTES */
};
enum model_copying foresight_copy_more(struct foresight *foresight, struct model_copy *copy);
struct str foresight_copy_text(const struct model_copy *copy);

/* An order that forgets everything, or what one carrier taught. */
json_t *foresight_empty_document(const char *carrier);

struct model_checked {
	json_t *document;    /* the caller's; NULL: refused */
	const char *pointer; /* what is refused (RFC 6901), NULL: that is no JSON */
	struct err err;      /* … and why */
};
/* Whether the body is a document of which every entry can be read (into models that are thrown
 * away, in another thread).  The await never fails; out tells. */
struct await *foresight_check(struct flow *flow, struct str body, struct model_checked *out);
size_t foresight_document_entries(const json_t *document);

/* One order at a time, or two that go in slices would be mixed: false while another one is under
 * way.  To be ended in any case, by whom it was begun; otherwise ending it does nothing. */
CHECK_RESULT bool foresight_order_begin(struct foresight *foresight, const void *order);
void foresight_order_end(struct foresight *foresight, const void *order);

struct model_order { /* how far it is */
	json_t *document;
	enum model model;
	void *entry; /* of the model, here: jansson's place of the next one; NULL: the first */
};
/* With a carrier, what is stored is asked first: the names of a model's entries. */
struct await *foresight_order_names(
    struct world *world, struct flow *flow, enum model model, struct redis_value *out);
/* names: what the above brought; not used without a carrier.  The answer is the new revision. */
struct await *foresight_order_write(struct world *world, struct flow *flow,
    const struct model_order *order, const struct redis_value *names, struct redis_value *out);
/* Here, once it is written: first what was known goes, then the entries come in slices; false:
 * call again, after others had their turn. */
void foresight_order_forget(struct foresight *foresight, const struct model_order *order);
CHECK_RESULT bool foresight_order_apply(
    struct foresight *foresight, struct model_order *order, const struct redis_value *revision);
#endif
