# SPDX-License-Identifier: MIT
"""Jitter and packets per SSRC of a capture with dpkt: what a short script of an operator does."""
import sys

import dpkt

CLOCK_RATE = 48000
streams: dict[int, list] = {}
with open(sys.argv[1], "rb") as file:
    for now, data in dpkt.pcap.Reader(file):
        rtp = dpkt.rtp.RTP(dpkt.ethernet.Ethernet(data).data.data.data)
        transit = now * CLOCK_RATE - rtp.ts
        stream = streams.setdefault(rtp.ssrc, [0, transit, 0.0])
        stream[2] += (abs(transit - stream[1]) - stream[2]) / 16
        stream[1] = transit
        stream[0] += 1
print(sum(stream[0] for stream in streams.values()))
