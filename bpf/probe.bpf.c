/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The hooks on UDP sockets: fill a window with one datagram, call core, nothing else. Every program returns 1: a probe
 * never drops a packet. Written against <linux/bpf.h> only: no BTF of the kernel, no CO-RE.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TABLE_SHARED 1
#define COLD __attribute__((noinline))
#include "../core/config.h"
#include "../core/observe.h"

enum {
	IPV6_EXTENSIONS = 6, /* headers that are walked */
	MAX_SEGMENTS = 128,  /* UDP_MAX_SEGMENTS of Linux 6.9; 64 before */
	PASS = 1,
};

const volatile struct config config;

/* Bits of enum probe_bit; user space switches them while the programs run. */
volatile __u32 probes;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stream);
} streams SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stream_detail);
} details SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pair);
} pairs SEC(".maps");

struct tallies {
	__u64 counts[DATAGRAM_OUTCOMES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tallies);
} tallies SEC(".maps");

/* Socket cookie → pid that created it. Bounded; an old entry that is lost costs a look into procfs, no more. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u32);
} creators SEC(".maps");

/* One datagram on its way through the hook. */
struct observer {
	struct __sk_buff *skb;
	struct tallies *tallies;
	__u32 payload; /* offset of the UDP payload in the packet */
	__u32 probes;
};

static __always_inline struct stream *observer_stream(struct observer *o, __u32 slot)
{
	return bpf_map_lookup_elem(&streams, &slot);
}

static __always_inline struct stream_detail *observer_detail(struct observer *o, __u32 slot)
{
	return bpf_map_lookup_elem(&details, &slot);
}

static __always_inline struct pair *observer_pair(struct observer *o, __u32 slot)
{
	return bpf_map_lookup_elem(&pairs, &slot);
}

static __always_inline __u32 observer_stream_mask(const struct observer *o)
{
	return config.stream_mask;
}

static __always_inline __u32 observer_pair_mask(const struct observer *o)
{
	return config.pair_mask;
}

static __always_inline __u64 observer_seed(const struct observer *o)
{
	return config.seed;
}

static __always_inline __u32 observer_clock_rate(const struct observer *o, __u8 payload_type)
{
	return config.clock_rates[payload_type & 127];
}

static __always_inline int observer_probe_is_on(const struct observer *o, __u32 probe)
{
	return o->probes & probe;
}

static __always_inline void observer_owner(struct observer *o, __u64 *cgroup_id, __u32 *pid)
{
	__u64 cookie = bpf_get_socket_cookie(o->skb);
	__u32 *creator = bpf_map_lookup_elem(&creators, &cookie);

	*cgroup_id = bpf_skb_cgroup_id(o->skb);
	*pid = creator ? *creator : 0;
}

/* Atomic: an interrupt may bring another datagram to this CPU in the middle of the addition. */
static __always_inline void observer_tally(struct observer *o, enum outcome outcome, __s64 n)
{
	__sync_fetch_and_add(&o->tallies->counts[outcome], n);
}

static __always_inline void observer_show(struct observer *o, struct datagram *d, __u32 at)
{
	__u32 size = d->size - at;

	if (size > DATAGRAM_WINDOW)
		size = DATAGRAM_WINDOW;
	d->filled = 0;
	if (at < d->size && size > 0 && bpf_skb_load_bytes(o->skb, o->payload + d->offset + at, d->bytes, size) == 0)
		d->filled = size;
}

/* Where a datagram begins, and who exchanges it. */
struct arrival {
	struct endpoints endpoints;
	__u64 now;
	__u32 payload; /* offset of the whole UDP payload */
	__u32 offset;  /* of this datagram in it */
	__u32 size;    /* of this datagram */
	__u32 probes;
};

static __always_inline struct tallies *find_tallies(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&tallies, &zero);
}

/* `n` datagrams that are refused before anybody looks into them. */
static __always_inline void refuse(enum outcome reason, __u32 n)
{
	struct observer o = { .tallies = find_tallies() };

	if (!o.tallies)
		return;
	observer_tally(&o, DATAGRAM_SEEN, n);
	observer_tally(&o, reason, n);
}

/*
 * One datagram; d shows its first bytes, or nothing (d->filled is 0) and is filled here. A global function: the verifier
 * walks it once, however many segments and callers there are.
 */
__attribute__((noinline)) int observe_datagram(struct __sk_buff *skb, struct arrival *a, struct datagram *d)
{
	struct observer o = { .skb = skb, .tallies = find_tallies() };
	enum outcome outcome = DATAGRAM_TRUNCATED;

	if (!a || !d || !o.tallies)
		return 0;
	o.payload = a->payload;
	o.probes = a->probes;
	d->size = a->size;
	d->offset = a->offset;
	observer_tally(&o, DATAGRAM_SEEN, 1);
	if (a->size == 0) {
		observer_tally(&o, DATAGRAM_EMPTY, 1);
		return 0;
	}
	if (d->filled == 0)
		observer_show(&o, d, 0);
	if (d->filled)
		outcome = observe(&o, d, &a->endpoints, a->now);
	observer_tally(&o, outcome, 1);
	return 0;
}

/* A super-packet (UDP_SEGMENT, UDP_GRO): `segment` bytes each, the last one may be shorter. */
static __always_inline void observe_segments(struct __sk_buff *skb, struct arrival *a, struct datagram *d, __u32 segment)
{
	__u32 total = a->size;
	__u16 channel = a->endpoints.channel;

	a->offset = 0;
	for (int i = 0; i < MAX_SEGMENTS; i++) {
		__u32 rest = total - a->offset;

		if (a->offset >= total)
			return;
		a->size = rest < segment ? rest : segment;
		a->endpoints.channel = channel;
		d->filled = 0;
		observe_datagram(skb, a, d);
		a->offset += segment;
	}
	if (a->offset < total)
		refuse(DATAGRAM_SEGMENTS, (total - a->offset + segment - 1) / segment);
}

/* What the IP header says, whichever way it was read. */
struct packet {
	__u32 udp;     /* offset of the UDP header */
	__u32 end;     /* where IP says that the packet ends */
	__u8 is_udp;
	__u8 is_fragment; /* a later one: no UDP header */
};

static __always_inline int load_ipv4(struct __sk_buff *skb, struct packet *p, struct endpoints *e)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) < 0)
		return -1;
	p->is_udp = ip.protocol == IPPROTO_UDP;
	p->is_fragment = (ip.frag_off & bpf_htons(0x1fff)) != 0;
	p->udp = ip.ihl * 4;
	p->end = bpf_ntohs(ip.tot_len);
	e->src[0] = ip.saddr;
	e->dst[0] = ip.daddr;
	return 0;
}

/* RFC 8200 section 4: walk the extension headers. */
static __always_inline int load_ipv6(struct __sk_buff *skb, struct packet *p, struct endpoints *e)
{
	struct ipv6hdr ip;
	__u32 at = sizeof(ip);
	__u8 next;

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) < 0)
		return -1;
	next = ip.nexthdr;
	p->end = at + bpf_ntohs(ip.payload_len);
	__builtin_memcpy(e->src, &ip.saddr, sizeof(e->src));
	__builtin_memcpy(e->dst, &ip.daddr, sizeof(e->dst));
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

/* The UDP header and what follows, by helper calls: IP options, extension headers, super-packets, odd linear parts. */
static __always_inline int hook_slow(struct __sk_buff *skb, struct arrival *a, struct datagram *d)
{
	struct packet p = {};
	struct udphdr udp;
	__u32 length;

	if (skb->protocol == bpf_htons(ETH_P_IP) ? load_ipv4(skb, &p, &a->endpoints) :
						   load_ipv6(skb, &p, &a->endpoints))
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
	if (skb->gso_size) {
		a->size = skb->len - a->payload;
		observe_segments(skb, a, d, skb->gso_size);
		return 0;
	}
	length = bpf_ntohs(udp.len);
	if (length < sizeof(udp) || p.udp + length > p.end || p.udp + length > skb->len) {
		refuse(DATAGRAM_TRUNCATED, 1);
		return 0;
	}
	a->size = length - sizeof(udp);
	observe_datagram(skb, a, d);
	return 0;
}

/* The usual case: UDP right behind an IP header without options, in the linear part. False if it is not that. */
static __always_inline int hook_fast(struct __sk_buff *skb, struct arrival *a, struct datagram *d)
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
	if (length < sizeof(*udp) || a->payload - sizeof(*udp) + length > end || end > skb->len)
		return 0;
	a->endpoints.src_port = udp->source;
	a->endpoints.dst_port = udp->dest;
	a->size = length - sizeof(*udp);
	if (a->size >= DATAGRAM_FIRST && (void *)(udp + 1) + DATAGRAM_FIRST <= data_end) {
		__builtin_memcpy(d->bytes, udp + 1, DATAGRAM_FIRST);
		d->filled = DATAGRAM_FIRST;
	}
	return 1;
}

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
		return (void *)(ip + 1) > data_end ||
		       (ip->nexthdr != IPPROTO_TCP && ip->nexthdr != IPPROTO_ICMPV6);
	}
	return 0;
}

static __always_inline int hook(struct __sk_buff *skb, __u8 direction, __u32 compiled)
{
	struct arrival a = {};
	struct datagram d = {};

	if (!is_udp_candidate(skb, &a.endpoints.is_ipv6))
		return PASS;
	a.now = config.packet_timestamps ? skb->tstamp : bpf_ktime_get_ns();
	a.endpoints.cookie = config.by_socket ? bpf_get_socket_cookie(skb) : 0;
	a.endpoints.direction = direction;
	a.probes = probes & compiled;
	if (!skb->gso_size && hook_fast(skb, &a, &d))
		observe_datagram(skb, &a, &d);
	else
		hook_slow(skb, &a, &d);
	return PASS;
}

/* The pair of the rtp probe; STUN and RTCP ride along when they are on. */
SEC("cgroup_skb/ingress")
int rtp_ingress(struct __sk_buff *skb)
{
	return hook(skb, DIRECTION_IN, PROBE_RTP | PROBE_STUN | PROBE_RTCP);
}

SEC("cgroup_skb/egress")
int rtp_egress(struct __sk_buff *skb)
{
	return hook(skb, DIRECTION_OUT, PROBE_RTP | PROBE_STUN | PROBE_RTCP);
}

/* What is attached when the rtp probe is off and one of the others is on: no code for streams. */
SEC("cgroup_skb/ingress")
int control_ingress(struct __sk_buff *skb)
{
	return hook(skb, DIRECTION_IN, PROBE_STUN | PROBE_RTCP);
}

SEC("cgroup_skb/egress")
int control_egress(struct __sk_buff *skb)
{
	return hook(skb, DIRECTION_OUT, PROBE_STUN | PROBE_RTCP);
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
