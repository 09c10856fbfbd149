/* The insides of core/hazard, shared by hazard*.c only. */
#ifndef CORE_HAZARD_MODEL_H
#define CORE_HAZARD_MODEL_H
#include "notifier/base/map.h"
#include "notifier/core/hazard.h"
#include "notifier/core/learned.h"

#define HAZARD_OFFSETS   9 /* -3 … 4 days to the ETA and none; or 0 … 6 days in the state */
#define HAZARD_DAY_KINDS 3 /* Monday to Friday, Saturday, Sunday */
#define HAZARD_HOURS     24
#define HAZARD_ROW_CELLS (HAZARD_DAY_KINDS * HAZARD_HOURS)
#define HAZARD_ROWS      (HAZARD_STATES * HAZARD_OFFSETS)
#define HAZARD_CELLS     (HAZARD_ROWS * HAZARD_ROW_CELLS)
#define HAZARD_CELL(state, offset, kind, hour)                                                     \
	((((int)(state)*HAZARD_OFFSETS + (offset)) * HAZARD_DAY_KINDS + (kind)) * HAZARD_HOURS +   \
	    (hour))
#define HAZARD_NAME_BYTES   40
#define HAZARD_HALVING_DAYS 28
#define HAZARD_SPILL        0 /* the class of carriers beyond HAZARD_CLASSES_MAX */

struct hazard_cells {
	double value[HAZARD_CELLS];        /* of the events found */
	double exposure_min[HAZARD_CELLS]; /* parcel-minutes believed in the cell */
};

struct hazard_class {
	const char *name; /* "carrier|service", the map's */
	int index;
	struct hazard_cells cells;
	struct learned learned[HAZARD_ROWS]; /* of a row's values, then its exposures */
};

struct hazard_lag { /* of a carrier */
	struct histogram minutes;
	struct learned learned;
	int64_t median_ms;
};

struct hazard_model {
	struct map class_names, lags;
	struct hazard_class *classes[HAZARD_CLASSES_MAX];
	int class_count;
	struct hazard_cells pool; /* the sum over classes */
	int32_t halved_day;       /* all cells are as of this day; HAZARD_DAY_NONE at first */
	int32_t trusted_day;      /* hazard_trust_until */
	unsigned load;            /* number of the load, for learned.seen */
};
/* A row of a class as one array: what learned.base is of. */
#define HAZARD_ROW_SUMS (2 * HAZARD_ROW_CELLS)
void hazard_row_get(const struct hazard_class *class, int row, double sums[HAZARD_ROW_SUMS]);
/* Fades all cells to a later day. */
void hazard_fade(struct hazard_model *model, int32_t day);
extern const struct histogram_shape hazard_lag_shape[1];
/* Recomputes the median from the histogram. */
void hazard_lag_refresh(struct hazard_lag *lag);
#endif
