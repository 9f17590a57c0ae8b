// SPDX-License-Identifier: MIT
#include "filter.h"

#include <cerrno>
#include <iterator>

#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "core.h"
#include "error.h"
#include "link.h"

namespace
{

enum : __u32 {
	FILTER_REFUSE = 0,
	FILTER_ALL = 1 << 18, /* bytes: the filter cannot tell a super-packet, whose segments need its whole length */
};

/*
 * X is where the EtherType stands, two bytes before the IP header: 12 in an Ethernet frame, moved on behind up to two VLAN
 * tags. On other links it is two bytes before the network header as the kernel knows it, and the type is the kernel's.
 * IPv6 with an extension header is let through: user space walks the chain.
 */
const struct sock_filter program[] = {
	/*  0 */ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<__u32>(SKF_AD_OFF + SKF_AD_HATYPE)),
	/*  1 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARPHRD_ETHER, 4, 0),
	/*  2 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARPHRD_LOOPBACK, 3, 0),
	/*  3 */ BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, static_cast<__u32>(SKF_NET_OFF - 2)),
	/*  4 */ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<__u32>(SKF_AD_OFF + SKF_AD_PROTOCOL)),
	/*  5 */ BPF_STMT(BPF_JMP | BPF_JA, 16),

	/*  6 */ BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 12),
	/*  7 */ BPF_STMT(BPF_LD | BPF_H | BPF_IND, 0),
	/*  8 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_8021Q, 2, 0),
	/*  9 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_8021AD, 1, 0),
	/* 10 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_QINQ_OLD, 0, 11),
	/* 11 */ BPF_STMT(BPF_MISC | BPF_TXA, 0),
	/* 12 */ BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 4),
	/* 13 */ BPF_STMT(BPF_MISC | BPF_TAX, 0),
	/* 14 */ BPF_STMT(BPF_LD | BPF_H | BPF_IND, 0),
	/* 15 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_8021Q, 2, 0),
	/* 16 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_8021AD, 1, 0),
	/* 17 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_QINQ_OLD, 0, 4),
	/* 18 */ BPF_STMT(BPF_MISC | BPF_TXA, 0),
	/* 19 */ BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 4),
	/* 20 */ BPF_STMT(BPF_MISC | BPF_TAX, 0),
	/* 21 */ BPF_STMT(BPF_LD | BPF_H | BPF_IND, 0),

	/* 22 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 1, 0),
	/* 23 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 2, 10),
	/* 24 */ BPF_STMT(BPF_LD | BPF_B | BPF_IND, 2 + 9),
	/* 25 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 7, 8),
	/* 26 */ BPF_STMT(BPF_LD | BPF_B | BPF_IND, 2 + 6),
	/* 27 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 5, 0),
	/* 28 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_HOPOPTS, 4, 0),
	/* 29 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ROUTING, 3, 0),
	/* 30 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_FRAGMENT, 2, 0),
	/* 31 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_AH, 1, 0),
	/* 32 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_DSTOPTS, 0, 1),

	/* 33 */ BPF_STMT(BPF_RET | BPF_K, FILTER_ALL),
	/* 34 */ BPF_STMT(BPF_RET | BPF_K, FILTER_REFUSE),
};

} // namespace

void filter_udp(int socket)
{
	const struct sock_fprog filter = {
		static_cast<unsigned short>(std::size(program)),
		const_cast<struct sock_filter *>(program),
	};

	if (setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0)
		throw system_failure("setsockopt SO_ATTACH_FILTER", errno);
}
