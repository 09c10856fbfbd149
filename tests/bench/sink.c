/* A mail server for the benchmark: takes every mail over SMTP with PIPELINING (RFC 5321, 2920) and
 * writes "ID,microseconds" for each to standard output: when its last byte was there, and which.
 *
 *     sink PORT
 *
 * The id is the number behind "bx" in the recipient's address, so that the shipped templates can
 * be measured as they are.  -1: an address without one.
 */
#include "tests/bench/net.h"

#include <strings.h>

#define END_OF_DATA "\r\n.\r\n"

struct answers { /* to one batch of commands, sent at once */
	char bytes[8192];
	size_t size;
};

static void answer(struct answers *answers, const char *text)
{
	size_t len = strlen(text);
	if (answers->size + len > sizeof answers->bytes)
		return;
	memcpy(answers->bytes + answers->size, text, len);
	answers->size += len;
}

static int64_t read_id(const char *line, const char *end)
{
	const char *tag = memmem(line, (size_t)(end - line), "bx", 2);
	return tag ? strtoll(tag + 2, NULL, 10) : -1;
}

static void take_command(
    struct net_peer *peer, const char *line, const char *end, struct answers *out)
{
	if (strncasecmp(line, "EHLO", 4) == 0) {
		answer(out, "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 "
		            "SIZE 10485760\r\n");
	} else if (strncasecmp(line, "RCPT", 4) == 0) {
		peer->id = read_id(line, end);
		answer(out, "250 ok\r\n");
	} else if (strncasecmp(line, "DATA", 4) == 0) {
		peer->is_in_data = true;
		answer(out, "354 go\r\n");
	} else {
		answer(out, strncasecmp(line, "QUIT", 4) == 0 ? "221 bye\r\n" : "250 ok\r\n");
	}
}

static ssize_t take_bytes(struct net_peer *peer)
{
	struct answers out = {.size = 0};
	char *at = peer->bytes, *end = peer->bytes + peer->size;
	while (at < end) {
		const char *mark = peer->is_in_data ? END_OF_DATA : "\n";
		char *hit = memmem(at, (size_t)(end - at), mark, strlen(mark));
		if (hit == NULL)
			break;
		if (peer->is_in_data) {
			printf("%lld,%lld\n", (long long)peer->id, (long long)net_now_us());
			peer->is_in_data = false;
			answer(&out, "250 queued\r\n");
		} else {
			take_command(peer, at, hit, &out);
		}
		at = hit + strlen(mark);
	}
	net_send(peer->fd, out.bytes, out.size);
	return at - peer->bytes;
}

static void flush_records(void)
{
	fflush(stdout);
}

int main(int count, char **words)
{
	static char buffer[1 << 20]; /* mails are counted in memory, not one write each */
	net_check(count == 2, "usage: sink PORT");
	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	static const struct net_service service = {"220 sink\r\n", take_bytes, flush_records};
	net_serve((int)strtol(words[1], NULL, 10), &service);
	return 0;
}
