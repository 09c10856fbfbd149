/* What the parts of detect share.  A detection is one report on its way into one shipment; it
 * lives during one call of detect.
 *
 *   detect_scan   places the report's checkpoints in time and knows which were seen before
 *   detect_news   one believed piece of news: does it count, what does it change, what is told
 *   detect_eta    the carrier's estimate: slips, and slips taken back
 *   detect        the order of it all, and what became of the report
 */
#ifndef CORE_DETECT_INTERNAL_H
#define CORE_DETECT_INTERNAL_H
#include "notifier/core/detect.h"

/* A time without zone may be so far off, in either direction. */
#define DETECT_DOUBT_MS (14 * HOUR_MS)
/* Carriers take "delivered" back within days; later the number belongs to another parcel. */
#define DETECT_AFTER_END_MS (14 * DAY_MS)

enum novelty {
	SCAN_KNOWN,    /* seen before, too old to tell, or of no concern to this parcel */
	SCAN_REWORDED, /* known, in other words: history, not news */
	SCAN_NEW
};

struct scan { /* a checkpoint of the report, placed in time */
	const struct checkpoint *checkpoint;
	int64_t at_ms;    /* 0: no readable time; such scans stand first and are never new */
	bool approximate; /* its zone or its hour is not known */
	enum novelty novelty;
	uint64_t fingerprint;
};

struct news { /* a statement about the parcel, by a scan or by the carrier's own status field */
	int64_t at_ms;
	bool approximate;
	bool is_repeated; /* about a scan that is known: says nothing about the order of arrival */
	enum status status; /* not UNKNOWN */
	enum reason reason;
};

struct detection {
	struct shipment *shipment;
	const struct report *report;
	const struct detect_context *context;
	const struct zone *zone; /* local days and ETAs: the destination's, else the carrier's */
	struct changes *out;
	struct arena *arena;
	struct scan *scans; /* oldest first */
	size_t scan_count;
	bool is_current; /* no older than what is known: its estimate and details count */
	/* what was found so far */
	bool has_news;     /* something not older than what was believed */
	bool is_after_end; /* scans of a parcel that came after this one */
	bool has_delayed;  /* one `delayed` per report */
	bool has_trouble;  /* an event that tells the new estimate along with the reason for it */
	bool has_new_eta, has_new_details;
};

void detect_scan_place(struct detection *detection);
void detect_scan_remember(struct detection *detection); /* all that are not known */
/* The newest scan with a time, or NULL. */
struct scan *detect_scan_newest(const struct detection *detection);

void detect_news_apply(struct detection *detection, const struct news *news);
/* Would it be about a parcel that carries a finished one's number? */
bool detect_news_is_after_end(const struct shipment *shipment, int64_t at_ms);
/* Can a parcel in this status still be late? */
bool detect_news_may_be_late(enum status status);

void detect_eta_apply(struct detection *detection);
/* The estimate that people were last led to expect, as text. */
struct eta detect_eta_expected(const struct detection *detection);

/* Appends an event about the shipment as it is now.  When there is no room the oldest goes: it is
 * superseded by what follows.  The pointer is good until the next call. */
struct event *changes_add(struct changes *changes, struct shipment *shipment, enum event_kind kind,
    const struct event *details);
#endif
