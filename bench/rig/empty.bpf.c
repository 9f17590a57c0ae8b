/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The least a pair of hooks can cost: what the probe is compared with. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

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

char _license[] SEC("license") = "Dual MIT/GPL";
