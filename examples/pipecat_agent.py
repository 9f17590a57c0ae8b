# SPDX-License-Identifier: MIT
"""Tells rtcprobe which process is in which Daily meeting, from a Pipecat agent.

    transport = DailyTransport(room_url, token, "Bot", params)
    CallProbe(transport)

Needs nothing but Python's standard library. Without a running rtcprobe the agent goes on as if nothing had been asked.
"""

import http.client
import json
import os
import socket

SOCKET = os.environ.get("RTCPROBE_SOCKET", "/run/rtcprobe/control.sock")


def ask_rtcprobe(method, path, body=None):
    """One request over the control socket; None when there is no daemon or it refuses."""
    connection = http.client.HTTPConnection("rtcprobe", timeout=2)
    try:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(2)
        connection.sock.connect(SOCKET)
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        return json.load(answer) if answer.status == 200 else None
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def start_call(meeting, participant):
    """Returns the id of the call, None without a daemon."""
    call = {"meeting": meeting, "participant": participant, "pid": os.getpid()}
    answer = ask_rtcprobe("POST", "/v1/calls", call)
    return answer and answer["call"]["id"]


def stop_call(call):
    ask_rtcprobe("DELETE", f"/v1/calls/{call}")


def network_stats(call):
    """What daily-python's get_network_stats() tells, measured by this host; None while there is nothing."""
    return ask_rtcprobe("GET", f"/v1/calls/{call}/network-stats")


class CallProbe:
    """Follows a pipecat DailyTransport: a call begins when it has joined, and ends when it has left."""

    def __init__(self, transport):
        self.call = None

        @transport.event_handler("on_joined")
        async def on_joined(transport, data):
            self.call = start_call(data["meetingSession"]["id"], data["participants"]["local"]["id"])

        @transport.event_handler("on_left")
        async def on_left(transport):
            if self.call:
                stop_call(self.call)
