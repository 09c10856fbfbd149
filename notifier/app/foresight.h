/* Foresight in the daemon: the learned models, what teaches them, and who asks them.
 *
 * Every worker teaches its own models and, every few minutes and at an orderly stop, puts what it
 * has learned on top of what all have stored in Redis (n:model:…), which it reads before.  A
 * stored entry of an unknown version is refused and never overwritten.  What is lost with a crash
 * is a few minutes of learning.  NULL is a good foresight: it learns nothing, knows nothing, and
 * the table of core/cadence rules.
 */
#ifndef APP_FORESIGHT_H
#define APP_FORESIGHT_H
#include <stdbool.h>
#include <stdint.h>

#include "notifier/core/cadence.h"
#include "notifier/core/deadline.h"
#include "notifier/core/detect.h"
#include "notifier/core/foretell.h"
#include "notifier/core/hazard.h"

struct world;
struct account_config;
struct carrier_config;
struct foresight;

struct foresight *foresight_new(void);
void foresight_free(struct foresight **foresight);
/* Started by the sweep's timer: counts, prices, saves and loads as their times come. */
void foresight_tick(struct world *world, int64_t now_ms);
/* At an orderly stop, while partition 0 is still ours (its holder writes the prices). */
void foresight_save(struct world *world);

/* --- polling -----------------------------------------------------------------------------------
 */

/* What was believed before a look, for what the look teaches. */
struct sight {
	bool is_taken;
	struct hazard_belief belief;
	enum status status;
	unsigned flags;
	int64_t heard_ms, newest_ms;
	int64_t last_scan;
};
struct sight foresight_before(struct foresight *foresight, const struct shipment *shipment);
/* Before the commit: what the fresh scans say about where the parcel is. */
void foresight_scan(struct foresight *foresight, struct shipment *shipment,
    const struct sight *before, const struct changes *changes);
/* A poll or a push was answered and is on disk; fresh checkpoints in changes (none: nothing new).
 */
void foresight_learn(struct foresight *foresight, const struct shipment *shipment,
    const struct sight *before, const struct changes *changes, enum source source, int64_t now_ms);
/* next_poll_why of a parcel that somebody wants looked at now, whatever a look costs. */
#define FORESIGHT_ASKED_FOR "asked for: refresh"
/* The value of a checkpoint that a look brought. */
enum hazard_news foresight_news(
    const struct checkpoint *checkpoint, enum status before, bool has_moved);

/* The next look by what was learned; looked: this moment is a look, otherwise the last known one
 * counts.  False: not learned enough, no quota to keep, or no last look known. */
bool foresight_cadence(struct foresight *foresight, const struct carrier_config *via,
    const struct shipment *shipment, bool looked, int64_t now_ms, struct cadence_answer *out);
/* For people: the next look as judged now.  What is stored is as of the last change; a look that
 * found nothing is not stored.  via may be NULL.  Returns the shipment, changed so. */
const struct shipment *foresight_explain(struct foresight *foresight,
    const struct carrier_config *via, struct shipment *shipment, struct arena *arena);
/* Whether a parcel that came up is due at the price of now; true where nothing is known. */
bool foresight_is_due(struct foresight *foresight, const struct carrier_config *via,
    const struct shipment *shipment, int64_t now_ms);
/* --- delays and silence ------------------------------------------------------------------------
 */

/* Judges the parcel's day when it has not been; what it taught is for foresight_learn_day. */
void foresight_day(struct foresight *foresight, const struct account_config *account,
    struct shipment *shipment, enum source source, struct changes *changes,
    struct foretell_result *result);
void foresight_learn_day(struct foresight *foresight, const struct foretell_result *result);
/* The account's rules with the silences that this carrier, service and status usually shows; the
 * configured days are the floor. */
struct deadline_rules foresight_rules(struct foresight *foresight,
    const struct account_config *account, const struct shipment *shipment);

/* --- the carrier's limits ------------------------------------------------------------------------
 */

/* A call went out; the carrier refused one for the rest of its day. */
void foresight_on_call(struct foresight *foresight, const struct carrier_config *via);
void foresight_on_refusal(struct foresight *foresight, const struct carrier_config *via);
#endif
