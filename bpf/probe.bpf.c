/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The hooks on UDP sockets: fill a window with one datagram, call core, nothing else. Every program returns 1: a probe
 * never drops a packet. Written against <linux/bpf.h> only: no BTF of the kernel, no CO-RE.
 */
#include <linux/bpf.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TABLE_SHARED 1
#define LONG_FUNCTION __attribute__((noinline))

#include "observer.h"
#include "packet.h"

enum { PASS = 1 };

/*
 * The headers by helper calls: IP options, extension headers, odd linear parts. True if *a says where the payload is; else
 * the packet is no UDP, or was refused.
 */
static __always_inline int read_slow(struct __sk_buff *skb, struct arrival *a, struct datagram *d)
{
	struct packet p = {};
	struct udphdr udp;
	__u32 length;

	if (a->endpoints.is_ipv6 ? load_ipv6(skb, &p, &a->endpoints) : load_ipv4(skb, &p, &a->endpoints))
		return 0;
	if (!p.is_udp)
		return 0;
	if (p.is_fragment) {
		refuse(DATAGRAM_FRAGMENT, 1);
		return 0;
	}
	if (bpf_skb_load_bytes(skb, p.udp, &udp, sizeof(udp)) < 0) {
		refuse(DATAGRAM_TRUNCATED, 1);
		return 0;
	}
	a->endpoints.src_port = udp.source;
	a->endpoints.dst_port = udp.dest;
	a->payload = p.udp + sizeof(udp);
	length = bpf_ntohs(udp.len);
	if (!skb->gso_size && (length < sizeof(udp) || p.udp + length > p.end || p.udp + length > skb->len)) {
		refuse(DATAGRAM_TRUNCATED, 1);
		return 0;
	}
	d->size = length - sizeof(udp);
	return 1;
}

/* The usual case: UDP right behind an IP header without options, in the linear part. False if it is not that. */
static __always_inline int read_fast(struct __sk_buff *skb, struct arrival *a, struct datagram *d)
{
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;
	struct udphdr *udp;
	__u32 length, end;

	if (a->endpoints.is_ipv6) {
		struct ipv6hdr *ip = data;

		udp = (void *)(ip + 1);
		if ((void *)(udp + 1) > data_end || ip->nexthdr != IPPROTO_UDP)
			return 0;
		__builtin_memcpy(a->endpoints.src, &ip->saddr, sizeof(a->endpoints.src));
		__builtin_memcpy(a->endpoints.dst, &ip->daddr, sizeof(a->endpoints.dst));
		end = sizeof(*ip) + bpf_ntohs(ip->payload_len);
		a->payload = sizeof(*ip) + sizeof(*udp);
	} else {
		struct iphdr *ip = data;

		udp = (void *)(ip + 1);
		if ((void *)(udp + 1) > data_end || ip->ihl != 5 || ip->frag_off & bpf_htons(0x1fff))
			return 0;
		a->endpoints.src[0] = ip->saddr;
		a->endpoints.dst[0] = ip->daddr;
		end = bpf_ntohs(ip->tot_len);
		a->payload = sizeof(*ip) + sizeof(*udp);
	}
	length = bpf_ntohs(udp->len);
	if (!skb->gso_size && (length < sizeof(*udp) || a->payload - sizeof(*udp) + length > end || end > skb->len))
		return 0;
	a->endpoints.src_port = udp->source;
	a->endpoints.dst_port = udp->dest;
	d->size = length - sizeof(*udp);
	if (d->size >= DATAGRAM_FIRST && (void *)(udp + 1) + DATAGRAM_FIRST <= data_end) {
		__builtin_memcpy(d->bytes, udp + 1, DATAGRAM_FIRST);
		d->filled = DATAGRAM_FIRST;
	}
	return 1;
}

static __always_inline int hook(struct __sk_buff *skb, __u8 direction)
{
	struct arrival a = {};
	struct datagram d = {};

	if (!is_udp_candidate(skb, &a.endpoints.is_ipv6))
		return PASS;
	a.endpoints.direction = direction;
	if (!read_fast(skb, &a, &d) && !read_slow(skb, &a, &d))
		return PASS;
	if (skb->gso_size)
		observe_segments(skb, &a, &d);
	else
		observe_datagram(skb, &a, &d);
	return PASS;
}

/* The pair of the rtp probe; STUN and RTCP ride along when they are on. */
SEC("cgroup_skb/ingress")
int rtp_ingress(struct __sk_buff *skb)
{
	return hook(skb, DIRECTION_IN);
}

SEC("cgroup_skb/egress")
int rtp_egress(struct __sk_buff *skb)
{
	return hook(skb, DIRECTION_OUT);
}

/* What is attached when the rtp probe is off and one of the others is on: config.probes leaves no code for streams. */
SEC("cgroup_skb/ingress")
int control_ingress(struct __sk_buff *skb)
{
	return hook(skb, DIRECTION_IN);
}

SEC("cgroup_skb/egress")
int control_egress(struct __sk_buff *skb)
{
	return hook(skb, DIRECTION_OUT);
}

/* Who created a UDP socket: exact where procfs can only guess. Absent on kernels that refuse it. */
SEC("cgroup/sock_create")
int socket_created(struct bpf_sock *socket)
{
	__u64 cookie;
	__u32 pid;

	if (socket->type != 2 /* SOCK_DGRAM */)
		return PASS;
	cookie = bpf_get_socket_cookie(socket);
	pid = bpf_get_current_pid_tgid() >> 32;
	bpf_map_update_elem(&creators, &cookie, &pid, BPF_ANY);
	return PASS;
}

char _license[] SEC("license") = "Dual MIT/GPL";
