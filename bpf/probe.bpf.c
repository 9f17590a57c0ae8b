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
#define WALKED 1
#define UNROLLED

#include "packet.h"
#include "segments.h"

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

/*
 * The usual packet: UDP right behind an IP header without options, in the linear part. NULL if it is not that, or not whole;
 * else the UDP header, and *e says who exchanges it.
 */
static __always_inline struct udphdr *read_fast(struct __sk_buff *skb, struct endpoints *e)
{
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;
	struct udphdr *udp;
	__u32 length, at, end;

	if (e->is_ipv6) {
		struct ipv6hdr *ip = data;

		udp = (void *)(ip + 1);
		if ((void *)(udp + 1) > data_end || ip->nexthdr != IPPROTO_UDP)
			return 0;
		__builtin_memcpy(e->src, &ip->saddr, sizeof(e->src));
		__builtin_memcpy(e->dst, &ip->daddr, sizeof(e->dst));
		at = sizeof(*ip);
		end = at + bpf_ntohs(ip->payload_len);
	} else {
		struct iphdr *ip = data;

		udp = (void *)(ip + 1);
		if ((void *)(udp + 1) > data_end || ip->ihl != 5 || ip->frag_off & bpf_htons(0x1fff))
			return 0;
		e->src[0] = ip->saddr;
		e->dst[0] = ip->daddr;
		at = sizeof(*ip);
		end = bpf_ntohs(ip->tot_len);
	}
	length = bpf_ntohs(udp->len);
	if (!skb->gso_size && (length < sizeof(*udp) || at + length > end || end > skb->len))
		return 0;
	e->src_port = udp->source;
	e->dst_port = udp->dest;
	return udp;
}

/* Any datagram: the window on the stack, and core's way through all protocols. Global, to be out of the usual one's way. */
__attribute__((noinline)) int observe_packet(struct __sk_buff *skb, __u32 direction, __u32 is_ipv6)
{
	void *data_end = (void *)(long)skb->data_end;
	struct arrival a = {};
	struct datagram d = {};
	struct udphdr *udp;

	a.endpoints.direction = (__u8)direction;
	a.endpoints.is_ipv6 = is_ipv6 != 0;
	udp = read_fast(skb, &a.endpoints);
	if (udp) {
		a.payload = (is_ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) + sizeof(*udp);
		d.size = bpf_ntohs(udp->len) - sizeof(*udp);
		if (d.size >= DATAGRAM_FIRST && (void *)(udp + 1) + DATAGRAM_FIRST <= data_end) {
			__builtin_memcpy(d.bytes, udp + 1, DATAGRAM_FIRST);
			d.filled = DATAGRAM_FIRST;
		}
	} else if (!read_slow(skb, &a, &d)) {
		return 0;
	}
	if (skb->gso_size)
		observe_segments(skb, &a, &d);
	else
		observe_datagram(skb, &a, &d);
	return 0;
}

/*
 * True if this was the next packet of a known stream, or is nothing that we know: both are told by the first words of a
 * datagram that lies in the linear part behind plain headers. Nothing is kept on the stack that the packet can say again.
 */
static __always_inline int take_usual(struct __sk_buff *skb, __u8 direction)
{
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;
	__u64 now = 0, addresses;
	struct observer o = { .skb = skb, .now = &now };
	struct udphdr *udp;
	const __u32 *words;
	__u32 end, size;
	enum outcome outcome;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data;

		udp = (void *)(ip + 1);
		words = (void *)(udp + 1);
		if ((void *)(words + 4) > data_end || ip->ihl != 5 || ip->frag_off & bpf_htons(0x1fff))
			return 0;
		end = bpf_ntohs(ip->tot_len) - sizeof(*ip);
		addresses = tag_of_ipv4(observer_keys(&o), ip->saddr, ip->daddr);
	} else {
		struct ipv6hdr *ip = data;
		__u64 src[2], dst[2];

		udp = (void *)(ip + 1);
		words = (void *)(udp + 1);
		if ((void *)(words + 4) > data_end || ip->nexthdr != IPPROTO_UDP)
			return 0;
		end = bpf_ntohs(ip->payload_len);
		__builtin_memcpy(src, &ip->saddr, sizeof(src));
		__builtin_memcpy(dst, &ip->daddr, sizeof(dst));
		addresses = tag_of_ipv6(observer_keys(&o), src, dst);
	}
	size = bpf_ntohs(udp->len) - sizeof(*udp);
	/* Whole, not empty (either would be below zero), and no super-packet. */
	if (size - 1 >= 0xffff || size + sizeof(*udp) > end || end > skb->len || skb->gso_size)
		return 0;
	switch (protocol_of_words(words, size)) {
	case PROTOCOL_RTP_OR_RTCP:
		outcome = DATAGRAM_RTP;
		if (!observer_probe_is_on(&o, PROBE_RTP) || observer_probe_is_on(&o, PROBE_DEPTH) ||
		    !observe_usual(&o, addresses, *(__u32 *)udp, direction, words, size))
			return 0;
		break;
	case PROTOCOL_UNKNOWN: outcome = DATAGRAM_UNKNOWN; break;
	default: return 0;
	}
	observer_tally_at_once(outcome);
	return 1;
}

static __always_inline int hook(struct __sk_buff *skb, __u8 direction)
{
	__u8 is_ipv6 = 0;

	if (is_udp_candidate(skb, &is_ipv6) && !take_usual(skb, direction))
		observe_packet(skb, direction, is_ipv6);
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
