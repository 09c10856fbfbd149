/* The insides of core/delay, shared by delay*.c only.  What each sum means and fades with stands
 * at the field; all carry the forward-decay weight of the day that added them.
 */
#ifndef CORE_DELAY_MODEL_H
#define CORE_DELAY_MODEL_H
#include "notifier/base/map.h"
#include "notifier/core/delay.h"

#define DELAY_LEVELS      3   /* carrier|service, destination, lane */
#define DELAY_HALF_LIFE   90  /* days: exposure and deliveries by age */
#define WEEKDAY_HALF_LIFE 120 /* days */
#define SPEED_HALF_LIFE   5   /* days: a strike shows within a week and is forgotten in three */
#define DELAY_NAME_BYTES  40  /* of a carrier, service or region inside a key; longer is cut */
#define DELAY_KEY_BYTES   (4 * DELAY_NAME_BYTES + 8)

struct delay_sums {
	double exposure[DELAY_AGES], deliveries[DELAY_AGES]; /* DELAY_HALF_LIFE */
	double weekday_seen[CALENDAR_DAYS], weekday_expected[CALENDAR_DAYS];
	double speed_seen, speed_expected; /* SPEED_HALF_LIFE; the two upper levels */
	double delivered;                  /* all deliveries, DELAY_HALF_LIFE */
};

struct delay_place {
	const char *key;            /* owned by the model's map */
	struct delay_place *parent; /* NULL for carrier|service */
	int level;                  /* 0 … DELAY_LEVELS - 1 */
	bool changed;               /* since the last export */
	struct delay_sums sums;
	double weekday_factor[CALENDAR_DAYS]; /* level 0 only; as of the last close */
	/* Caches of the day: valid where epoch is the model's. */
	uint64_t epoch;
	uint64_t hazard_known; /* bit per age */
	double hazard[DELAY_AGES];
	bool speed_known;
	double speed;
	struct delay_place *next_service; /* level 0: list of all */
};

struct delay_weights { /* of one day */
	double delay, weekday, speed;
};

struct delay_model {
	struct map places;
	struct delay_place *services; /* every place of level 0, newest first */
	struct delay_place *spill;    /* carriers beyond DELAY_PLACES_MAX */
	struct delay_sums all;        /* the sum over services: the level above */
	int32_t origin_day;           /* weight 1; DELAY_DAY_NONE until something is learned */
	int32_t today, closed_day;
	struct delay_weights weights; /* of today */
	uint64_t epoch;
};

#define SUMS_DOUBLES (sizeof(struct delay_sums) / sizeof(double))
struct delay_weights delay_weights_of(const struct delay_model *model, int32_t day);
/* Multiplies by the powers of two that move the origin back by `days` (negative: forward). */
void delay_sums_shift(struct delay_sums *sums, int32_t days);
void delay_set_today(struct delay_model *model, int32_t day);
void delay_weekday_factors(struct delay_model *model);
#endif
