# SPDX-License-Identifier: MIT
"""Counts RTP per SSRC from AF_PACKET with dpkt, until SIGINT: what a short script of an operator does."""
import json
import signal
import socket
import sys

import dpkt

ETH_P_ALL = 3
BUFFER = 32 << 20


def main(interface: str) -> None:
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    packets.setsockopt(socket.SOL_SOCKET, 33, BUFFER)  # SO_RCVBUFFORCE
    packets.bind((interface, 0))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    streams: dict[int, int] = {}
    print("ready", flush=True)
    try:
        while True:
            frame = dpkt.ethernet.Ethernet(packets.recv(65536))
            if isinstance(frame.data, dpkt.ip.IP) and isinstance(frame.data.data, dpkt.udp.UDP):
                rtp = dpkt.rtp.RTP(frame.data.data.data)
                streams[rtp.ssrc] = streams.get(rtp.ssrc, 0) + 1
    except KeyboardInterrupt:
        print(json.dumps({"packets": sum(streams.values())}), flush=True)


main(sys.argv[1])
