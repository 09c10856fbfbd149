/* The insides of app/foresight*.c. */
#ifndef APP_FORESIGHT_INTERNAL_H
#define APP_FORESIGHT_INTERNAL_H
#include "notifier/app/foresight_model.h"
#include "notifier/app/looks.h"
#include "notifier/app/scripts.h"
#include "notifier/app/world.h"
#include "notifier/base/map.h"
#include "notifier/core/delay_silence.h"
#include "notifier/core/last_stop.h"
#include "notifier/core/pace.h"
#include "notifier/core/pace_price.h"

#define MODEL_REVISION    "~revision" /* the field; see scripts/model.lua */
#define MODEL_OPERATOR    "!"         /* the writer whose word counts for all */
#define MODEL_ARGS_BEFORE 3           /* the script's arguments before the first field */

struct model_state {      /* of one model, as it is stored */
	char *revision;   /* as last read or written; NULL: not read yet */
	char token[20];   /* of a save whose answer never came; "": none */
	bool is_refused;  /* written by a program that we do not know: hands off */
	int64_t saved_ms; /* wall; 0: not by this process */
};

struct price { /* of one carrier */
	const char *carrier;
	struct pace_price pace;
	char *stored;          /* as loaded, until the price begins; NULL: none */
	bool is_begun;         /* the parcels were counted once */
	bool is_counting;      /* a count is under way */
	double live;           /* parcels of this worker */
	int64_t slot_ms;       /* when the next slot begins */
	double pushed, missed; /* news that webhooks brought, or should have; halved when many */
};

struct foresight {
	struct hazard_model *hazard;
	struct delay_model *delay;
	struct silence_model *silence;
	struct last_stop_model *last_stop;
	struct delay_tuner tuner;
	struct looks *looks;
	struct map prices; /* carrier → struct price */
	struct model_state states[MODELS];
	bool is_loaded, is_moving; /* moving: a sync is under way */
	bool is_ordered;           /* while a load begins: an operator has written */
	bool prices_are_due;       /* in this sync */
	unsigned orders;           /* of operators that this process has carried out */
	const void *order;         /* under way, and its owner's; meanwhile nothing is saved */
	int64_t sync_due_ms;       /* monotonic; 0: now */
};

typedef void entry_put(void *arg, const char *key, const char *value);
struct model_type {
	const char *name;
	bool (*take)(struct foresight *f, const char *key, const char *value, struct err *err);
	void (*begin)(struct foresight *f); /* a load, and its end */
	void (*end)(struct foresight *f, bool is_whole);
	/* Puts the entry at *at (0: the first), or none, and goes on to the next; false: the end.
	 */
	bool (*next)(struct foresight *f, size_t *at, entry_put *put, void *arg);
	size_t (*pending)(struct foresight *f, size_t most, entry_put *put, void *arg);
	void (*settle)(struct foresight *f, bool is_stored);
	void (*forget)(struct foresight *f, const char *carrier); /* NULL: everything */
	size_t (*count)(struct foresight *f);
};
extern const struct model_type model_types[MODELS];
#define MODEL_CARRIER "carrier" /* of a document that is of one */
/* Whether an entry of this name is what that carrier taught. */
bool model_key_is_of(const char *key, const char *carrier);
struct str model_key(struct arena *arena, enum model model);
const char *model_token(struct arena *arena); /* random */
/* The token of a writer's last save; "": it is not among the last writers. */
struct str model_revision_token(const char *revision, const char *writer);
void model_states_free(struct foresight *foresight);
/* Reads what others wrote, writes what was learned here; runs by itself. */
void model_sync_start(struct world *world);

/* Models only, to see whether entries can be read. */
struct foresight *foresight_new_probe(void);
struct price *price_of(struct foresight *foresight, const char *carrier);
/* Judged from last_ms; zone and belief from the shipment. */
struct pace_facts foresight_facts(struct foresight *foresight, const struct price *price,
    const struct shipment *shipment, int64_t last_ms);
/* Counts the carrier's parcels and enters the slot; runs by itself. */
void price_count_start(struct world *world, const struct carrier_config *via, struct price *price);
/* The gap that fresh news ended. */
void silence_learn(struct foresight *foresight, const struct shipment *shipment,
    const struct sight *before, const struct changes *changes);
/* Fresh scans tell whether the one before them was the last before the van. */
void scan_learn(struct foresight *foresight, const struct shipment *shipment,
    const struct sight *before, const struct changes *changes);
/* Stored entries of a day after tomorrow are of a clock that went wrong. */
void foresight_trust(struct foresight *foresight, int64_t now_ms);
void delay_days_close(struct foresight *foresight, int64_t now_ms);
#endif
