#include "notifier/core/report.h"

#include <string.h>

#include "notifier/base/when.h"

static const char *const error_names[REPORT_ERRORS] = {
    [REPORT_NOT_FOUND] = "not_found",
    [REPORT_INVALID_NUMBER] = "invalid_number",
    [REPORT_NOT_REGISTERED] = "not_registered",
    [REPORT_AUTH] = "auth",
    [REPORT_FORBIDDEN] = "forbidden",
    [REPORT_QUOTA] = "quota",
    [REPORT_BAD_REQUEST] = "bad_request",
    [REPORT_CARRIER_ERROR] = "carrier_error",
};

const char *report_error_name(enum report_error error)
{
	return error < REPORT_ERRORS ? error_names[error] : NULL;
}

/* Makes room for one more item in an arena's array; the old block stays with the arena. */
static void *grow(struct arena *arena, void *items, size_t count, size_t *capacity, size_t bytes)
{
	if (count < *capacity)
		return items;
	*capacity = *capacity ? *capacity * 2 : 8;
	void *grown = arena_array(arena, *capacity, bytes);
	if (count > 0)
		memcpy(grown, items, count * bytes);
	return grown;
}

void report_set_init(struct report_set *set, struct arena *arena)
{
	*set = (struct report_set){.arena = arena};
}

struct report *report_set_add(struct report_set *set)
{
	set->reports =
	    grow(set->arena, set->reports, set->count, &set->capacity, sizeof *set->reports);
	struct report *report = &set->reports[set->count++];
	memset(report, 0, sizeof *report);
	return report;
}

void checkpoint_list_init(struct checkpoint_list *list, struct arena *arena)
{
	*list = (struct checkpoint_list){.arena = arena};
}

struct checkpoint *checkpoint_list_add(struct checkpoint_list *list)
{
	list->items =
	    grow(list->arena, list->items, list->count, &list->capacity, sizeof *list->items);
	struct checkpoint *checkpoint = &list->items[list->count++];
	memset(checkpoint, 0, sizeof *checkpoint);
	return checkpoint;
}

static int64_t checkpoint_sort_key(const struct checkpoint *checkpoint)
{
	struct when when;
	if (!when_parse(str_of(checkpoint->time), &when))
		return INT64_MIN; /* no time: stays where the carrier put it, at the front */
	return when_instant(&when, 0);
}

struct keyed {
	int64_t key;
	struct checkpoint checkpoint;
};

/* Stable merge sort: equal times keep the carrier's order. */
static void sort_keyed(struct keyed *items, struct keyed *spare, size_t count)
{
	if (count < 2)
		return;
	size_t half = count / 2;
	sort_keyed(items, spare, half);
	sort_keyed(items + half, spare, count - half);
	memcpy(spare, items, half * sizeof *items);
	size_t left = 0, right = half, out = 0;
	while (left < half && right < count)
		items[out++] = items[right].key < spare[left].key ? items[right++] : spare[left++];
	while (left < half)
		items[out++] = spare[left++];
}

static bool checkpoints_equal(const struct checkpoint *a, const struct checkpoint *b)
{
	return a->status == b->status && a->reason == b->reason && text_eq(a->time, b->time) &&
	       text_eq(a->code, b->code) && text_eq(a->description, b->description) &&
	       text_eq(a->place, b->place);
}

/* Equal ones stand within a run of equal keys: looking back through the run is enough. */
static bool is_repeated(const struct keyed *items, size_t i)
{
	for (size_t j = i; j-- > 0 && items[j].key == items[i].key;)
		if (checkpoints_equal(&items[j].checkpoint, &items[i].checkpoint))
			return true;
	return false;
}

void report_take_checkpoints(struct report *report, struct checkpoint_list *list, bool newest_first)
{
	size_t count = list->count, kept = 0;
	struct keyed *items = arena_array(list->arena, count, sizeof *items);
	struct keyed *spare = arena_array(list->arena, count / 2 + 1, sizeof *spare);
	for (size_t i = 0; i < count; i++) {
		items[i].checkpoint = list->items[newest_first ? count - 1 - i : i];
		items[i].key = checkpoint_sort_key(&items[i].checkpoint);
	}
	sort_keyed(items, spare, count);
	size_t first = count > REPORT_MAX_CHECKPOINTS ? count - REPORT_MAX_CHECKPOINTS : 0;
	for (size_t i = first; i < count; i++)
		if (!is_repeated(items, i))
			list->items[kept++] = items[i].checkpoint;
	report->checkpoints = list->items;
	report->checkpoint_count = kept;
	list->count = kept;
}
