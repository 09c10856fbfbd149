/* The insides of core/delay, shared by delay*.c only.  What each sum means and fades with stands
 * at the field; all carry the forward-decay weight of the day that added them.
 */
#ifndef CORE_DELAY_MODEL_H
#define CORE_DELAY_MODEL_H
#include "notifier/base/map.h"
#include "notifier/core/delay.h"
#include "notifier/core/learned.h"

#define DELAY_LEVELS       3   /* carrier|service, destination, lane */
#define DELAY_HALF_LIFE    90  /* days: exposure and deliveries by age */
#define WEEKDAY_HALF_LIFE  120 /* days */
#define SPEED_HALF_LIFE    5   /* days: a strike shows within a week and is forgotten in three */
#define ETA_HALF_LIFE      30  /* days: how well the intervals held lately */
#define DELAY_HORIZON_DAYS 200 /* nobody asks further ahead */
#define DELAY_NAME_BYTES   40  /* of a carrier, service or region inside a key; longer is cut */
#define DELAY_KEY_BYTES    (4 * DELAY_NAME_BYTES + 8)

struct delay_sums {
	double exposure[DELAY_AGES], deliveries[DELAY_AGES]; /* DELAY_HALF_LIFE */
	double weekday_seen[CALENDAR_DAYS], weekday_expected[CALENDAR_DAYS];
	double speed_seen, speed_expected; /* SPEED_HALF_LIFE; the two upper levels */
	double delivered;                  /* all deliveries, DELAY_HALF_LIFE */
	/* DELAY_HALF_LIFE, level 0 only: parcels still on the road DELAY_COUNTDOWN_DAYS before
	 * their promise ended, and those of them that broke it. */
	double countdown_seen, countdown_late;
	/* ETA_HALF_LIFE, level 0 only: intervals whose outcome is known, the sum of the masses
	 * asked for them, and those that held. */
	double eta_shown, eta_mass, eta_held;
};

struct delay_place {
	const char *key;            /* owned by the model's map */
	struct delay_place *parent; /* NULL for carrier|service */
	int level;                  /* 0 … DELAY_LEVELS - 1 */
	struct delay_sums sums;
	struct learned learned;               /* of the sums, in their scale */
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
	double delay, weekday, speed, eta;
};

struct delay_model {
	struct map places;
	struct delay_place *services; /* every place of level 0, newest first */
	struct delay_place *spill;    /* carriers beyond DELAY_PLACES_MAX */
	struct delay_sums all;        /* the sum over services: the level above */
	int32_t origin_day;           /* weight 1; DELAY_DAY_NONE until something is learned */
	int32_t today, closed_day;
	int32_t trusted_day;          /* delay_trust_until */
	struct delay_weights weights; /* of today */
	uint64_t epoch;
	int32_t stored_day, sent_day; /* the closed day that is stored, and that is on its way */
	unsigned load;                /* number of the load, for learned.seen */
	bool has_new_day;             /* the end of the load is a beginning of a day */
};

#define SUMS_DOUBLES (sizeof(struct delay_sums) / sizeof(double))
/* The sums as one array. */
static inline double *delay_sums_array(struct delay_sums *sums)
{
	return (double *)(void *)sums;
}
struct delay_weights delay_weights_of(const struct delay_model *model, int32_t day);
/* Multiplies by the powers of two that move the origin back by `days` (negative: forward). */
void delay_sums_shift(struct delay_sums *sums, int32_t days);
void delay_learned_shift(struct learned *learned, int32_t days);
void delay_set_today(struct delay_model *model, int32_t day);
void delay_weekday_factors(struct delay_model *model);
/* Its level 0. */
const struct delay_place *delay_place_service(const struct delay_place *place);

struct delay_walk { /* from a day into the future */
	const struct delay_model *model;
	const struct delay_trip *trip;
	const struct delay_place *service;
	bool keep;          /* what was computed, for the day */
	double disturbance; /* (speed - 1) faded */
	double intensity;   /* summed so far */
};
struct delay_walk delay_walk_start(
    struct delay_model *model, const struct delay_trip *trip, bool keep);
/* P(still undelivered at the end of day); to be called day after day. */
double delay_walk_survival(struct delay_walk *walk, int32_t day);
#endif
