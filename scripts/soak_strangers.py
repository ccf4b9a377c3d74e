"""A crowd of peers that come and go, one a second, each with a key of its own: a process beside the nodes.

Usage: soak_strangers.py MULTIADDR...    (the first line of the standard input: the network key, hexadecimal)

In turn each node is met by a peer that says hello and leaves, by one that breaks off, by one with another
network key, by a socket that sends garbage and by one that sends nothing. Ends when its standard input does,
and prints how many there were of each kind as JSON.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
from collections import Counter
from typing import TYPE_CHECKING

import trio

from peertransfer.errors import PeertransferError
from peertransfer.net.host import NetworkHost
from peertransfer.transport.multiaddrs import TcpAddr

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

EVERY_SECONDS = 1.0
LONGEST_SECONDS = 30.0
SILENT_SECONDS = 3.0
KEY_SIZE = 32
REFUSALS = (PeertransferError, OSError, trio.BrokenResourceError)


def _host(psk: bytes) -> NetworkHost:
    return NetworkHost(os.urandom(KEY_SIZE), network_id="soak", psk=psk, listen_addrs=[])


async def greet(addr: str, psk: bytes) -> None:
    """Connect, ask who is there, and leave."""
    async with _host(psk) as host:
        with contextlib.suppress(*REFUSALS):  # inside: a host's tasks would make a group of it
            peer_id = await host.connect([addr])
            await host.identify(peer_id)
            await host.disconnect(peer_id)


async def break_off(addr: str, psk: bytes) -> None:
    """Connect and be gone."""
    async with _host(psk) as host:
        with contextlib.suppress(*REFUSALS):
            await host.connect([addr])


async def mistake_network(addr: str, psk: bytes) -> None:
    """Connect with another network key."""
    del psk
    await break_off(addr, os.urandom(KEY_SIZE))


async def _socket(addr: str) -> trio.SocketStream:
    where = TcpAddr.parse(addr)
    return await trio.open_tcp_stream(where.host, where.port)


async def talk_garbage(addr: str, psk: bytes) -> None:
    """Send what nobody understands."""
    async with await _socket(addr) as stream:
        await stream.send_all(os.urandom(KEY_SIZE) + psk)


async def keep_silent(addr: str, psk: bytes) -> None:
    """Send nothing for a while."""
    del psk
    async with await _socket(addr):
        await trio.sleep(SILENT_SECONDS)


KINDS: tuple[Callable[[str, bytes], Awaitable[None]], ...] = (
    greet,
    break_off,
    mistake_network,
    talk_garbage,
    keep_silent,
)


async def come(
    kind: Callable[[str, bytes], Awaitable[None]], addr: str, psk: bytes, counts: Counter[str]
) -> None:
    """Be one stranger; being refused is what some are here for."""
    with trio.move_on_after(LONGEST_SECONDS) as scope, contextlib.suppress(*REFUSALS):
        await kind(addr, psk)
    counts[kind.__name__] += 1
    counts["too_slow"] += scope.cancelled_caught


async def main(psk: bytes, addrs: list[str]) -> None:
    """Send one stranger a second until the standard input ends."""
    counts: Counter[str] = Counter()
    async with trio.open_nursery() as nursery:

        async def wait_for_end() -> None:
            await trio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)
            nursery.cancel_scope.cancel()

        nursery.start_soon(wait_for_end)
        turns = zip(itertools.cycle(KINDS), itertools.cycle(addrs), strict=False)
        for kind, addr in turns:
            nursery.start_soon(come, kind, addr, psk, counts)
            await trio.sleep(EVERY_SECONDS)
    print(json.dumps(counts))


if __name__ == "__main__":
    trio.run(main, bytes.fromhex(sys.stdin.readline()), sys.argv[1:])
