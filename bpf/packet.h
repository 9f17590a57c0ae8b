/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_BPF_PACKET_H
#define RTCPROBE_BPF_PACKET_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../core/endpoints.h"

/* True if the packet may be UDP: the one question that everybody else's traffic pays for. */
static __always_inline int is_udp_candidate(struct __sk_buff *skb, __u8 *is_ipv6)
{
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data;

		*is_ipv6 = 0;
		return (void *)(ip + 1) > data_end || ip->protocol == IPPROTO_UDP;
	}
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = data;

		*is_ipv6 = 1;
		return (void *)(ip + 1) > data_end || (ip->nexthdr != IPPROTO_TCP && ip->nexthdr != IPPROTO_ICMPV6);
	}
	return 0;
}

/* What the IP header says, whichever way it was read. */
struct packet {
	__u32 udp; /* offset of the UDP header */
	__u32 end; /* where IP says that the packet ends */
	__u8 is_udp;
	__u8 is_fragment; /* a later one: no UDP header */
};

static __always_inline int load_ipv4(struct __sk_buff *skb, struct packet *p, struct endpoints *e)
{
	__u16 length, fragment;
	__u8 version_ihl, protocol;

	/* Field by field: the stack is short. */
	if (bpf_skb_load_bytes(skb, 0, &version_ihl, sizeof(version_ihl)) < 0 ||
	    bpf_skb_load_bytes(skb, __builtin_offsetof(struct iphdr, tot_len), &length, sizeof(length)) < 0 ||
	    bpf_skb_load_bytes(skb, __builtin_offsetof(struct iphdr, frag_off), &fragment, sizeof(fragment)) < 0 ||
	    bpf_skb_load_bytes(skb, __builtin_offsetof(struct iphdr, protocol), &protocol, sizeof(protocol)) < 0 ||
	    bpf_skb_load_bytes(skb, __builtin_offsetof(struct iphdr, saddr), &e->src[0], sizeof(__u32)) < 0 ||
	    bpf_skb_load_bytes(skb, __builtin_offsetof(struct iphdr, daddr), &e->dst[0], sizeof(__u32)) < 0)
		return -1;
	p->is_udp = protocol == IPPROTO_UDP;
	p->is_fragment = (fragment & bpf_htons(0x1fff)) != 0;
	p->udp = (version_ihl & 15) * 4;
	p->end = bpf_ntohs(length);
	return 0;
}

/* RFC 8200 section 4: walk the extension headers. */
static __always_inline int load_ipv6(struct __sk_buff *skb, struct packet *p, struct endpoints *e)
{
	__u32 at = sizeof(struct ipv6hdr);
	__u16 payload;
	__u8 next;

	if (bpf_skb_load_bytes(skb, __builtin_offsetof(struct ipv6hdr, payload_len), &payload, sizeof(payload)) < 0 ||
	    bpf_skb_load_bytes(skb, __builtin_offsetof(struct ipv6hdr, nexthdr), &next, sizeof(next)) < 0 ||
	    bpf_skb_load_bytes(skb, __builtin_offsetof(struct ipv6hdr, saddr), e->src, sizeof(e->src)) < 0 ||
	    bpf_skb_load_bytes(skb, __builtin_offsetof(struct ipv6hdr, daddr), e->dst, sizeof(e->dst)) < 0)
		return -1;
	p->end = at + bpf_ntohs(payload);
	for (int i = 0; i < IPV6_EXTENSIONS; i++) {
		__u8 header[4];

		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_FRAGMENT &&
		    next != IPPROTO_AH && next != IPPROTO_DSTOPTS)
			break;
		if (bpf_skb_load_bytes(skb, at, header, sizeof(header)) < 0)
			return -1;
		if (next == IPPROTO_FRAGMENT) {
			p->is_fragment = header[2] || header[3] & 0xf8;
			at += 8;
		} else if (next == IPPROTO_AH) {
			at += (header[1] + 2) * 4;
		} else {
			at += (header[1] + 1) * 8;
		}
		next = header[0];
		if (p->is_fragment)
			break;
	}
	p->is_udp = next == IPPROTO_UDP;
	p->udp = at;
	return 0;
}

#endif
