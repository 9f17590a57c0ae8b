# SPDX-License-Identifier: MIT
"""Counts RTP per SSRC with Scapy's sniff, until SIGINT."""
import json
import sys

from scapy.layers.inet import UDP
from scapy.layers.rtp import RTP
from scapy.sendrecv import sniff

streams: dict[int, int] = {}


def count(packet) -> None:
    if UDP in packet:
        rtp = RTP(bytes(packet[UDP].payload))
        streams[rtp.sourcesync] = streams.get(rtp.sourcesync, 0) + 1


sniff(iface=sys.argv[1], store=False, prn=count, started_callback=lambda: print("ready", flush=True))
print(json.dumps({"packets": sum(streams.values())}), flush=True)
