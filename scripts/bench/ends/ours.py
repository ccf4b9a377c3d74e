"""Our transport alone: Noise records and yamux over TCP, with ``psk`` as the first word pnet below them.

No stream is negotiated and no frame sealed: what is measured is what carries streams. Dials are the
node's own.
"""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import MuxedConnUnavailable

from bench.ends.telling import HEAD, MIB, PING, Order, Stopwatch, order_of, ready, request, size_of, tell_each
from peertransfer.net.host import NetworkHost
from peertransfer.transport.allowance import Allowance
from peertransfer.transport.limits import Limits
from peertransfer.transport.multiaddrs import TcpAddr
from peertransfer.transport.tcp import open_connection, open_listener, remote_of
from peertransfer.transport.upgrade import Upgrader

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peertransfer.transport.stream import YamuxStream

PSK = bytes(range(32))


async def _read(stream: Any, size: int) -> bytes:
    found = b""
    while len(found) < size:
        found += await stream.read(size - len(found))
    return found


async def _pieces(stream: YamuxStream) -> AsyncIterator[memoryview]:
    while pieces := await stream.read_pieces(MIB):
        for piece in pieces:
            yield piece


async def _answer(stream: YamuxStream) -> None:
    left = size_of(await _read(stream, HEAD))
    if left:
        octets = memoryview(bytes(MIB))
        while left:
            await stream.write_pieces([octets[: min(MIB, left)]])
            left -= min(MIB, left)
    else:
        async for piece in _pieces(stream):
            await stream.write_pieces([bytes(piece)])
    await stream.close_write()


async def _serve(upgrader: Upgrader, socket: trio.SocketStream) -> None:
    remote = remote_of(socket)
    assert remote is not None
    connection: Any = await upgrader.upgrade(socket, remote)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.start)
        while True:
            try:
                nursery.start_soon(_answer, await connection.accept_stream())
            except MuxedConnUnavailable:
                return


async def listen(psk: bytes | None) -> None:
    """Serve until killed."""
    key_pair = create_new_key_pair(os.urandom(32))
    listener, addr = open_listener(TcpAddr.parse("/ip4/127.0.0.1/tcp/0"))
    ready(f"{addr}/p2p/{ID.from_pubkey(key_pair.public_key).to_base58()}")
    await trio.serve_listeners(partial(_serve, Upgrader(key_pair, psk, Allowance(Limits()))), [listener])


async def _connect(order: Order, psk: bytes | None) -> None:
    seconds = []
    host = NetworkHost(os.urandom(32), network_id="bench", psk=psk, listen_addrs=[])
    async with host:
        for _ in range(order.count):
            began = time.perf_counter()
            peer_id = await host.connect([order.addr])
            seconds.append(time.perf_counter() - began)
            await host.disconnect(peer_id)
            await host.wait_disconnected(peer_id)
    tell_each(seconds)


async def _stream(connection: Any, size: int) -> None:
    stream = await connection.open_stream()
    await stream.write_pieces([request(size)])
    got = 0
    async for piece in _pieces(stream):
        got += len(piece)
    assert got == size
    await stream.close()


async def _ping(connection: Any, count: int) -> None:
    stream = await connection.open_stream()
    await stream.write_pieces([request(0)])
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        await stream.write_pieces([PING])
        await _read(stream, len(PING))
        seconds.append(time.perf_counter() - began)
    await stream.close_write()
    assert not await stream.read_pieces(1)
    tell_each(seconds)


async def dial(order: Order, psk: bytes | None) -> None:
    """Do what was ordered."""
    if order.work == "connect":
        await _connect(order, psk)
        return
    addr = TcpAddr.parse(order.addr)
    upgrader = Upgrader(create_new_key_pair(os.urandom(32)), psk, Allowance(Limits()))
    connection: Any = await upgrader.upgrade(await open_connection(addr), addr, expected=addr.peer_id)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.start)
        await connection.event_started.wait()
        if order.work == "ping":
            await _ping(connection, order.count)
        else:
            watch = Stopwatch()
            async with trio.open_nursery() as streams:
                for _ in range(order.streams):
                    streams.start_soon(_stream, connection, order.count // order.streams)
            watch.tell(order.count)
        await connection.close()


def main() -> None:
    """Take the command line."""
    words = sys.argv[1:]
    psk = PSK if words[0] == "psk" else None
    order = order_of(words[1:] if psk else words)
    trio.run(*((listen, psk) if order is None else (dial, order, psk)))


if __name__ == "__main__":
    main()
