"""The ping protocol: give back what came, in its units of 32 octets, until the peer ends the stream.

It says nothing of this node, so it needs no view. Spec: https://github.com/libp2p/specs/blob/master/ping/ping.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from peertransfer.transport.allowance import Allowance
    from peertransfer.transport.muxed_stream import MuxedStream
    from peertransfer.transport.swarm_stream import SwarmStream

PING = "/ipfs/ping/1.0.0"
SIZE = 32
READ_SIZE = 1 << 14


async def echo_pings(stream: SwarmStream | MuxedStream, allowance: Allowance) -> bool:
    """Answer pings, but not one that the peer ended in the middle of; return whether it ended the stream."""
    waiting = b""
    while True:
        with trio.move_on_after(allowance.limits.idle_seconds) as idle:
            octets = await stream.read(READ_SIZE)
        if idle.cancelled_caught:
            allowance.reach("idle_seconds")
            return False
        if not octets:
            return True
        waiting += octets
        whole = len(waiting) - len(waiting) % SIZE
        if whole:
            await stream.write(waiting[:whole])
            waiting = waiting[whole:]
