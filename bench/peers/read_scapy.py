# SPDX-License-Identifier: MIT
"""Packets per SSRC of a capture with Scapy."""
import sys

from scapy.layers.inet import UDP
from scapy.layers.rtp import RTP
from scapy.utils import PcapReader

streams: dict[int, int] = {}
with PcapReader(sys.argv[1]) as packets:
    for packet in packets:
        rtp = RTP(bytes(packet[UDP].payload))
        streams[rtp.sourcesync] = streams.get(rtp.sourcesync, 0) + 1
print(sum(streams.values()))
