/* The last scan before the van: what teaches core/last_stop, and the shipment's mark of it. */
#include "notifier/app/foresight_internal.h"

/* What a scan on the road was followed by says which it was; a label or a mishap says nothing. */
static bool is_arrival(enum status status)
{
	static const bool arrived[STATUS_COUNT] = {[STATUS_OUT_FOR_DELIVERY] = true,
	    [STATUS_AVAILABLE_FOR_PICKUP] = true,
	    [STATUS_ATTEMPT_FAILED] = true,
	    [STATUS_DELIVERED] = true};
	return arrived[status];
}

/* The scan by which the parcel is known after these news. */
static int64_t scan_after(
    const struct shipment *s, int64_t scan, const struct checkpoint *checkpoint)
{
	if (checkpoint->status == STATUS_IN_TRANSIT)
		return last_stop_scan(s, checkpoint);
	return is_arrival(checkpoint->status) ? 0 : scan;
}

void scan_learn(struct foresight *f, const struct shipment *s, const struct sight *before,
    const struct changes *changes)
{
	int64_t scan = before->last_scan, newest_ms = before->newest_ms;
	for (size_t i = 0; i < changes->fresh_count; i++) { /* oldest first */
		const struct checkpoint *checkpoint = changes->fresh[i];
		if (changes->fresh_ms[i] < newest_ms)
			continue; /* late news: what came after it is known already */
		newest_ms = changes->fresh_ms[i];
		if (scan != 0 && checkpoint->status == STATUS_IN_TRANSIT)
			last_stop_learn(f->last_stop, s->carrier, scan, false);
		else if (scan != 0 && is_arrival(checkpoint->status))
			last_stop_learn(f->last_stop, s->carrier, scan, true);
		scan = scan_after(s, scan, checkpoint);
	}
}

void foresight_scan(struct foresight *f, struct shipment *s, const struct sight *before,
    const struct changes *changes)
{
	int64_t newest_ms = before->newest_ms, scan = s->last_scan;
	for (size_t i = 0; f != NULL && i < changes->fresh_count; i++) {
		if (changes->fresh_ms[i] < newest_ms)
			continue;
		newest_ms = changes->fresh_ms[i];
		scan = scan_after(s, scan, changes->fresh[i]);
	}
	if (scan == s->last_scan)
		return;
	s->last_scan = scan;
	s->flags &= ~SHIPMENT_AT_DESTINATION; /* it may have been sent to the wrong depot */
	if (scan != 0 && last_stop_is(f->last_stop, s->carrier, scan))
		s->flags |= SHIPMENT_AT_DESTINATION;
}
