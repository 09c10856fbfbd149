/* A name server on the test's own loop: UDP, one table of names.  Include after cmocka.h. */
#ifndef TESTS_FAKE_DNS_H
#define TESTS_FAKE_DNS_H
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "notifier/base/mem.h"
#include "notifier/base/str.h"
#include "notifier/io/loop.h"

struct fake_name {
	const char *name;    /* "*.a.test" is any name that ends so */
	const char *v4, *v6; /* NULL: no such record */
	int rcode;           /* 0, 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED; -1: silence */
	unsigned ttl_s;
	unsigned copies; /* of the A record, counting its last byte up; 0 is 1 */
};

struct fake_dns {
	uv_udp_t udp;
	const struct fake_name *names;
	size_t count;
	unsigned asked;
	char servers[40]; /* "127.0.0.1:port" */
	unsigned char in[1500];
};

static inline void fake_dns_alloc(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
	struct fake_dns *dns = LIST_OWNER(handle, struct fake_dns, udp);
	(void)wanted;
	*buf = uv_buf_init((char *)dns->in, sizeof dns->in);
}

static inline void fake_dns_record(
    struct buf *out, unsigned type, unsigned ttl_s, const void *data, unsigned len)
{
	unsigned char head[] = {0xc0, 12, 0, (unsigned char)type, 0, 1,
	    (unsigned char)(ttl_s >> 24), (unsigned char)(ttl_s >> 16), (unsigned char)(ttl_s >> 8),
	    (unsigned char)ttl_s, 0, (unsigned char)len};
	buf_add(out, head, sizeof head);
	buf_add(out, data, len);
}

static inline void fake_dns_answer(
    struct fake_dns *dns, const struct fake_name *name, size_t question, const struct sockaddr *to)
{
	unsigned type = (unsigned)dns->in[question - 3];
	struct buf out = BUF_EMPTY(0);
	unsigned char raw[16], count = 0;
	buf_add(&out, dns->in, question);
	if (type == 1 && name->v4 != NULL && name->rcode == 0 &&
	    inet_pton(AF_INET, name->v4, raw) == 1)
		for (unsigned i = 0; i < (name->copies ? name->copies : 1); i++, raw[3]++, count++)
			fake_dns_record(&out, 1, name->ttl_s, raw, 4);
	if (type == 28 && name->v6 != NULL && name->rcode == 0 &&
	    inet_pton(AF_INET6, name->v6, raw) == 1) {
		fake_dns_record(&out, 28, name->ttl_s, raw, 16);
		count = 1;
	}
	out.data[2] = (char)0x81;
	out.data[3] = (char)(0x80 | name->rcode);
	out.data[6] = 0;
	out.data[7] = (char)count;
	memset(out.data + 8, 0, 4);
	uv_buf_t buf = uv_buf_init(out.data, (unsigned)out.size);
	uv_udp_try_send(&dns->udp, &buf, 1, to);
	buf_free(&out);
}

static inline bool fake_dns_is(const char *pattern, const char *name)
{
	size_t suffix = strlen(pattern) - 1, len = strlen(name);
	if (pattern[0] != '*')
		return text_eq_nocase(pattern, name);
	return len > suffix && text_eq_nocase(pattern + 1, name + len - suffix);
}

static inline void fake_dns_read(
    uv_udp_t *udp, ssize_t got, const uv_buf_t *buf, const struct sockaddr *from, unsigned flags)
{
	struct fake_dns *dns = LIST_OWNER(udp, struct fake_dns, udp);
	static const struct fake_name unknown = {.rcode = 3};
	char name[256] = "";
	size_t at = 12, used = 0;
	(void)buf;
	(void)flags;
	if (got < 17 || from == NULL)
		return;
	while (at < (size_t)got && dns->in[at] != 0 && used + dns->in[at] + 2 < sizeof name) {
		memcpy(name + used, dns->in + at + 1, dns->in[at]);
		used += dns->in[at];
		name[used++] = '.';
		at += 1u + dns->in[at];
	}
	name[used ? used - 1 : 0] = '\0';
	dns->asked++;
	const struct fake_name *found = &unknown;
	for (size_t i = 0; i < dns->count; i++)
		if (fake_dns_is(dns->names[i].name, name))
			found = &dns->names[i];
	if (found->rcode >= 0)
		fake_dns_answer(dns, found, at + 5, from);
}

static inline void fake_dns_start(struct fake_dns *dns, const struct fake_name *names, size_t count)
{
	struct sockaddr_in address;
	struct sockaddr_storage bound;
	int len = sizeof bound;
	*dns = (struct fake_dns){.names = names, .count = count};
	uv_ip4_addr("127.0.0.1", 0, &address);
	uv_udp_init(loop_uv(), &dns->udp);
	must(uv_udp_bind(&dns->udp, (const struct sockaddr *)&address, 0) == 0);
	uv_udp_getsockname(&dns->udp, (struct sockaddr *)&bound, &len);
	snprintf(dns->servers, sizeof dns->servers, "127.0.0.1:%d",
	    ntohs(((struct sockaddr_in *)&bound)->sin_port));
	uv_udp_recv_start(&dns->udp, fake_dns_alloc, fake_dns_read);
}

static inline void fake_dns_stop(struct fake_dns *dns)
{
	uv_close((uv_handle_t *)&dns->udp, NULL);
}
#endif
