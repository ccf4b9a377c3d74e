"""Stock py-libp2p: its own host, TCP, Noise and yamux, as its documentation has them."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import trio
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.peerinfo import info_from_p2p_addr
from multiaddr import Multiaddr

from bench.ends.telling import HEAD, PING, Order, Stopwatch, order_of, ready, request, size_of, tell_each

if TYPE_CHECKING:
    from libp2p.custom_types import TProtocol

PROTOCOL: Any = "/bench/1"
CHUNK = 1 << 16


async def _read(stream: Any, size: int) -> bytes:
    found: bytes = b""
    while len(found) < size:
        octets = await stream.read(size - len(found))
        if not octets:
            break
        found += octets
    return found


async def _answer(stream: Any) -> None:
    left = size_of(await _read(stream, HEAD))
    octets = bytes(CHUNK)
    if not left:
        while ping := await _read(stream, len(PING)):
            await stream.write(ping)
    while left:
        await stream.write(octets[: min(CHUNK, left)])
        left -= min(CHUNK, left)
    await stream.close()


async def _open(host: Any, peer_id: Any, size: int) -> Any:
    protocols: list[TProtocol] = [PROTOCOL]
    stream = await host.new_stream(peer_id, protocols)
    await stream.write(request(size))
    return stream


async def _stream(host: Any, peer_id: Any, size: int) -> None:
    stream = await _open(host, peer_id, size)
    got = 0
    while got < size:
        octets = await stream.read(CHUNK)
        assert octets, "the other end hung up"
        got += len(octets)


async def _ping(host: Any, peer_id: Any, count: int) -> None:
    stream = await _open(host, peer_id, 0)
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        await stream.write(PING)
        await _read(stream, len(PING))
        seconds.append(time.perf_counter() - began)
    tell_each(seconds)


async def _connect(host: Any, info: Any, count: int) -> None:
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        await host.connect(info)
        seconds.append(time.perf_counter() - began)
        await host.disconnect(info.peer_id)
    tell_each(seconds)


async def run(order: Order | None) -> None:
    """Serve, or do what was ordered."""
    host: Any = new_host(key_pair=create_new_key_pair())
    addr = Multiaddr("/ip4/127.0.0.1/tcp/0")
    async with host.run(listen_addrs=[addr]), trio.open_nursery():
        if order is None:
            host.set_stream_handler(PROTOCOL, _answer)
            ready(str(host.get_addrs()[0]))
            await trio.sleep_forever()
        else:
            await _dial(host, order)
            # The library's own end takes seconds, and nothing is left to lose.
            os._exit(0)


async def _dial(host: Any, order: Order) -> None:
    info = info_from_p2p_addr(Multiaddr(order.addr))
    if order.work == "connect":
        await _connect(host, info, order.count)
        return
    await host.connect(info)
    if order.work == "ping":
        await _ping(host, info.peer_id, order.count)
        return
    watch = Stopwatch()
    async with trio.open_nursery() as streams:
        for _ in range(order.streams):
            streams.start_soon(_stream, host, info.peer_id, order.count // order.streams)
    watch.tell(order.count)


if __name__ == "__main__":
    trio.run(run, order_of(sys.argv[1:]))
