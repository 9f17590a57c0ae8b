/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What the probe is compared with: the least that a pair of hooks can cost, and the least that one can cost which measures. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* One record: when, and how many. */
struct record {
	__u64 last_ns;
	__u64 packets;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct record);
} records SEC(".maps");

SEC("cgroup_skb/ingress")
int empty_ingress(struct __sk_buff *skb)
{
	(void)skb;
	return 1;
}

SEC("cgroup_skb/egress")
int empty_egress(struct __sk_buff *skb)
{
	(void)skb;
	return 1;
}

/* A look at the packet, a clock, a record. */
static __always_inline int measure(struct __sk_buff *skb)
{
	__u8 *data = (void *)(long)skb->data;
	struct record *record;
	__u32 slot;

	if ((void *)(data + 40) > (void *)(long)skb->data_end)
		return 1;
	slot = data[39] & 15; /* of the SSRC */
	record = bpf_map_lookup_elem(&records, &slot);
	if (record) {
		record->last_ns = bpf_ktime_get_ns();
		record->packets++;
	}
	return 1;
}

SEC("cgroup_skb/ingress")
int floor_ingress(struct __sk_buff *skb)
{
	return measure(skb);
}

SEC("cgroup_skb/egress")
int floor_egress(struct __sk_buff *skb)
{
	return measure(skb);
}

char _license[] SEC("license") = "Dual MIT/GPL";
