/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef RTCPROBE_CORE_FATE_H
#define RTCPROBE_CORE_FATE_H

/* What became of the numbers of a stream, once nothing can change it any more. */
#include "loss.h"
#include "receive.h"

/*
 * Tell of the numbers that the packet will put out of the window, before stream_receive() accounts for it: not in there, where
 * the kernel's stack is at its deepest and most have no use for it. Always 0.
 */
LONG_FUNCTION int stream_lose(struct loss *l, struct stream *s, struct stream_totals *totals,
			      struct stream_detail *detail, const struct stream_packet *packet)
{
	int restarts;
	__s32 delta;
	__u32 end;

	if (!l || !s || !totals || !detail || !packet)
		return 0;
	stream_settle(s, totals, detail);
	delta = sequence_delta(&detail->sequence, packet->header.sequence);
	stream_order(s, detail);
	if (stream_is_another(s, delta) || (delta <= 0 && delta > -SEQUENCE_WINDOW))
		return 0;
	restarts = delta < 0 || delta >= stream_reach(s, detail, delta, packet->now, packet->header.timestamp);
	if (restarts && !stream_is_restart(detail, packet->header.sequence))
		return 0;
	end = restarts ? detail->sequence.max_seq + 1 : sequence_window_after(&detail->sequence, (__u32)delta);
	loss_tell(l, &detail->sequence, end);
	if (restarts)
		l->next = 0;
	return 0;
}

#endif
