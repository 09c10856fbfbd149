#include "notifier/core/shipment.h"

#include <string.h>

static const char *const channels[CHANNEL_COUNT] = {
    [CHANNEL_EMAIL] = "email",
    [CHANNEL_SMS] = "sms",
};

static const char *const sources[SOURCE_COUNT] = {
    [SOURCE_POLL] = "poll",
    [SOURCE_WEBHOOK] = "webhook",
    [SOURCE_CLOCK] = "clock",
    [SOURCE_API] = "api",
};

const char *channel_name(enum channel channel)
{
	return channel < CHANNEL_COUNT ? channels[channel] : "unknown";
}

bool channel_parse(struct str name, enum channel *out)
{
	for (int i = 0; i < CHANNEL_COUNT; i++)
		if (str_eq(name, channels[i])) {
			*out = (enum channel)i;
			return true;
		}
	return false;
}

const char *source_name(enum source source)
{
	return source < SOURCE_COUNT ? sources[source] : "unknown";
}

bool recipient_wants(const struct recipient *recipient, enum channel channel)
{
	if (channel >= CHANNEL_COUNT)
		return false;
	if (recipient->channels_stated)
		return recipient->channels & 1u << channel;
	return channel == CHANNEL_EMAIL && !text_is_empty(recipient->email);
}

const char *recipient_contact(const struct recipient *recipient, enum channel channel)
{
	const char *contact = channel == CHANNEL_EMAIL ? recipient->email
	                      : channel == CHANNEL_SMS ? recipient->phone
	                                               : NULL;
	return text_is_empty(contact) ? NULL : contact;
}

/* Moves a borrowed text into the arena. */
static void keep(const char **text, struct arena *arena)
{
	*text = arena_strdup(arena, *text);
}

static void keep_address(struct address *address, struct arena *arena)
{
	keep(&address->country, arena);
	keep(&address->region, arena);
	keep(&address->postcode, arena);
}

static void keep_eta(struct eta *eta, struct arena *arena)
{
	keep(&eta->from, arena);
	keep(&eta->to, arena);
}

static void keep_recipients(struct shipment *shipment, struct arena *arena)
{
	size_t count = shipment->recipient_count;
	struct recipient *copies = arena_array(arena, count, sizeof *copies);
	if (count > 0)
		memcpy(copies, shipment->recipients, count * sizeof *copies);
	for (size_t i = 0; i < count; i++) {
		keep(&copies[i].id, arena);
		keep(&copies[i].name, arena);
		keep(&copies[i].email, arena);
		keep(&copies[i].phone, arena);
		keep(&copies[i].language, arena);
		keep(&copies[i].zone, arena);
	}
	shipment->recipients = count > 0 ? copies : NULL;
}

struct shipment *shipment_copy(const struct shipment *shipment, struct arena *arena)
{
	struct shipment *copy = arena_alloc(arena, sizeof *copy);
	*copy = *shipment;
	const char **const texts[] = {&copy->id, &copy->account, &copy->number, &copy->carrier,
	    &copy->actual_carrier, &copy->service, &copy->order_number, &copy->zone,
	    &copy->metadata, &copy->delivered_place, &copy->pickup.name, &copy->pickup.address,
	    &copy->pickup.until, &copy->pickup.code, &copy->duties.amount, &copy->duties.currency,
	    &copy->duties.due, &copy->next_poll_why};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		keep(texts[i], arena);
	keep_address(&copy->origin, arena);
	keep_address(&copy->destination, arena);
	keep_eta(&copy->promised, arena);
	keep_eta(&copy->eta, arena);
	keep_recipients(copy, arena);
	return copy;
}

bool shipment_is_finished(const struct shipment *shipment)
{
	return shipment->finished_ms != 0;
}

int64_t moment_instant(const char *text, const struct zone *zone, bool end)
{
	struct when when;
	if (text == NULL || !when_parse(str_of(text), &when))
		return 0;
	if (when.has_offset)
		return when_instant(&when, 0);
	if (when.has_time)
		return zone_instant(zone, &when.civil);
	int32_t day = day_of_civil(when.civil.year, when.civil.month, when.civil.day);
	return end ? zone_day_end(zone, day) : zone_day_start(zone, day);
}

int64_t eta_end_ms(const struct eta *eta, const struct zone *zone)
{
	int64_t end = moment_instant(eta->to, zone, true);
	return end != 0 ? end : moment_instant(eta->from, zone, true);
}

bool eta_is_set(const struct eta *eta)
{
	return eta->from != NULL || eta->to != NULL;
}
