/* A carrier for the benchmark: answers GET /MODE/track/shipments?trackingNumber=N in the form of
 * DHL's "Shipment Tracking - Unified" with ten scans (about 2.5 kB).
 *
 *     carrier PORT
 *
 * MODE same: the same bytes for a number at every call.  MODE new: a scan more at every call.
 */
#include "tests/bench/net.h"

#define SCANS 10

static char old_scans[8192]; /* what all parcels have in common, newest first */
static time_t first_scan;

static void format_time(char out[32], time_t at)
{
	struct tm parts;
	gmtime_r(&at, &parts);
	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static int format_scan(char *out, size_t room, time_t at, int number)
{
	/* Hardly any two alike: what they cost in memory must not be flattered. */
	static const struct {
		const char *status, *description, *place, *country;
	} scans[SCANS] = {
	    {"PU", "Shipment picked up", "Shenzhen - China", "CN"},
	    {"AF", "Arrived at the sorting centre of origin", "Shenzhen - China", "CN"},
	    {"PL", "Processed for the flight", "Hong Kong - Hong Kong SAR", "HK"},
	    {"DF", "Departed from facility", "Hong Kong - Hong Kong SAR", "HK"},
	    {"AR", "Arrived at the hub", "Leipzig - Germany", "DE"},
	    {"CR", "Customs clearance is complete", "Leipzig - Germany", "DE"},
	    {"TR", "On the way to the region of the recipient", "Leipzig - Germany", "DE"},
	    {"AR", "Arrived at the parcel centre", "Ruedersdorf - Germany", "DE"},
	    {"SD", "Will be loaded onto the vehicle today", "Ruedersdorf - Germany", "DE"},
	    {"IT", "The shipment is on its way", "Berlin - Germany", "DE"},
	};
	char text[32];
	format_time(text, at);
	return snprintf(out, room,
	    "{\"timestamp\":\"%s\",\"statusCode\":\"transit\",\"status\":\"%s\",\"description\":"
	    "\"%s\",\"location\":{\"address\":{\"addressLocality\":\"%s\","
	    "\"countryCode\":\"%s\"}}}",
	    text, scans[number % SCANS].status, scans[number % SCANS].description,
	    scans[number % SCANS].place, scans[number % SCANS].country);
}

static void format_old_scans(void)
{
	size_t size = 0;
	first_scan = time(NULL) - 48 * 3600;
	for (int i = SCANS - 2; i >= 0; i--) {
		old_scans[size++] = ',';
		size += (size_t)format_scan(
		    old_scans + size, sizeof old_scans - size, first_scan + i * 3600, i);
	}
}

static void answer_number(int fd, const char *number, int len, bool is_new)
{
	static int calls;
	char newest[512], body[8192], head[160];
	calls += is_new;
	/* Second by second upwards, and never in the future. */
	format_scan(newest, sizeof newest, first_scan + 11 * 3600 + calls % 100000,
	    is_new ? calls : SCANS - 1);
	int size = snprintf(body, sizeof body,
	    "{\"shipments\":[{\"id\":\"%.*s\",\"service\":\"express\","
	    "\"origin\":{\"address\":{\"countryCode\":\"CN\"}},"
	    "\"destination\":{\"address\":{\"countryCode\":\"DE\"}},\"status\":%s,"
	    "\"details\":{\"product\":{\"productName\":\"EXPRESS "
	    "WORLDWIDE\"}},\"events\":[%s%s]}]}",
	    len, number, newest, newest, old_scans);
	int head_size = snprintf(head, sizeof head,
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
	    size);
	memmove(body + head_size, body, (size_t)size);
	memcpy(body, head, (size_t)head_size);
	net_send(fd, body, (size_t)(head_size + size));
}

static ssize_t take_bytes(struct net_peer *peer)
{
	char *at = peer->bytes, *end = peer->bytes + peer->size, *blank;
	while ((blank = memmem(at, (size_t)(end - at), "\r\n\r\n", 4)) != NULL) {
		char *line_end = memchr(at, '\r', (size_t)(blank + 1 - at));
		char *number = memmem(at, (size_t)(line_end - at), "trackingNumber=", 15);
		if (number == NULL)
			return -1;
		number += 15;
		bool is_new = memmem(at, (size_t)(line_end - at), "/new/", 5) != NULL;
		answer_number(peer->fd, number, (int)strcspn(number, "& "), is_new);
		at = blank + 4;
	}
	return at - peer->bytes;
}

int main(int count, char **words)
{
	net_check(count == 2, "usage: carrier PORT");
	static const struct net_service service = {.use = take_bytes};
	format_old_scans();
	net_serve((int)strtol(words[1], NULL, 10), &service);
	return 0;
}
