/* The insides of app/foresight*.c. */
#ifndef APP_FORESIGHT_INTERNAL_H
#define APP_FORESIGHT_INTERNAL_H
#include "notifier/app/foresight.h"
#include "notifier/app/looks.h"
#include "notifier/app/world.h"
#include "notifier/base/map.h"
#include "notifier/core/delay_silence.h"
#include "notifier/core/last_stop.h"
#include "notifier/core/pace.h"
#include "notifier/core/pace_price.h"

enum model { MODEL_HAZARD, MODEL_PACE, MODEL_DELAY, MODEL_SILENCE, MODEL_ALERT, MODELS };

struct price { /* of one carrier */
	const char *carrier;
	struct pace_price pace;
	char *stored;     /* as loaded, until the price begins; NULL: none */
	bool is_begun;    /* the parcels were counted once */
	bool is_counting; /* a count is under way */
	double live;      /* parcels of this worker */
	int64_t slot_ms;  /* when the next slot begins */
};

struct foresight {
	struct hazard_model *hazard;
	struct delay_model *delay;
	struct silence_model *silence;
	struct last_stop_model *last_stop;
	struct delay_tuner tuner;
	struct looks *looks;
	struct map prices;         /* carrier → struct price */
	bool is_loaded, is_moving; /* moving: a load or save is under way */
	bool is_refused[MODELS];   /* stored by a program that we do not know: hands off */
	bool saves_all;            /* the last save failed half-way */
	int64_t moved_ms;          /* monotonic: of the last load or save */
};

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
void delay_days_close(struct foresight *foresight, int64_t now_ms);
void model_load_start(struct world *world);
void model_save_start(struct world *world);
#endif
