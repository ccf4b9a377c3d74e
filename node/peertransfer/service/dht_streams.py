"""Streams to DHT servers: one for each peer, kept and used for one query after the other.

It decides nothing about whom to ask (``service.dht_lookups``) and answers nothing (``service.dht_serving``).
Spec: docs/protocol.md, "Discovery"; https://github.com/libp2p/specs/tree/master/kad-dht
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import trio

from peertransfer.disclosure.audience import DhtServers
from peertransfer.errors import PeerTimeoutError, ReachError, StreamLostError
from peertransfer.net.addresses import multiaddrs_of_record, peer_id_text
from peertransfer.policy.facts import Asker
from peertransfer.service.facts import wall_clock
from peertransfer.wire.kad_codec import KadMessage, answer_reader, decode_kad

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from peertransfer.disclosure.frame import SealedFrame
    from peertransfer.disclosure.views import PeerRecord
    from peertransfer.net.peer_stream import PeerStream
    from peertransfer.service.door import Door
    from peertransfer.service.host_runtime import HostRuntime
    from peertransfer.wire.framing import FrameReader

T = TypeVar("T")

CALL_SECONDS = 3.0
"""A peer that takes longer to answer a query is passed over."""
DIAL_SECONDS = 3.0


class KadStreams:
    """The streams of this host to the DHT servers of one network."""

    def __init__(self, runtime: HostRuntime, door: Door, protocol_id: str) -> None:
        self._runtime = runtime
        self._host = runtime.host
        self._door = door
        self._protocol = protocol_id
        self._streams: dict[bytes, _KadStream] = {}

    def __contains__(self, peer_id: bytes) -> bool:
        """Tell whether there is a stream to a peer that can be used."""
        known = self._streams.get(peer_id)
        return known is not None and not known.is_broken

    def drop(self, peer_id: bytes) -> None:
        """Forget the stream to a peer, that is broken or whose connection is gone."""
        self._streams.pop(peer_id, None)

    async def call(self, one: PeerRecord, frame: SealedFrame) -> KadMessage:
        """Send a query and return the answer; the peer is dialled where it is not connected.

        Raises:
            ReachError: it can't be reached, is silent, or may not be asked.
            RemoteError: it answers nonsense, or holds another network key.
        """
        try:
            with trio.fail_after(CALL_SECONDS + DIAL_SECONDS):
                return await self._on_stream(one, lambda stream: stream.call(frame))
        except trio.TooSlowError:
            raise PeerTimeoutError("A DHT server is silent") from None

    async def tell(self, one: PeerRecord, frame: SealedFrame) -> None:
        """Send what has no answer.

        Raises:
            ReachError: it can't be reached, takes nothing, or may not be told.
            RemoteError: it does not speak the protocol, or holds another network key.
        """
        try:
            with trio.fail_after(CALL_SECONDS):
                await self._on_stream(one, lambda stream: stream.tell(frame))
        except trio.TooSlowError:
            raise PeerTimeoutError("A DHT server takes nothing") from None

    async def _on_stream(self, one: PeerRecord, use: Callable[[_KadStream], Awaitable[T]]) -> T:
        """Use the stream to a peer; a new one where it is over, because servers end idle ones."""
        self._check_may_serve(one.peer_id)
        known = self._streams.get(one.peer_id)
        if known is not None and not known.is_broken:
            try:
                return await use(known)
            except StreamLostError:
                self.drop(one.peer_id)
        return await use(await self._stream_to(one))

    async def _stream_to(self, one: PeerRecord) -> _KadStream:
        peer_id = peer_id_text(one.peer_id)
        if not self._host.is_connected(peer_id):
            await self._host.connect(multiaddrs_of_record(one), peer_id, timeout_seconds=DIAL_SECONDS)
        stream = await self._host.open_stream(peer_id, self._protocol)
        # Whoever speaks this DHT protocol behind the PSK serves it, unless the policy says otherwise.
        self._runtime.prove_membership(stream)
        stream.prove(DhtServers(self._runtime.network_id))
        former = self._streams.get(one.peer_id)
        if former is not None and not former.is_broken:  # another task was quicker
            await stream.aclose()
            return former
        self._streams[one.peer_id] = _KadStream(stream)
        return self._streams[one.peer_id]

    def _check_may_serve(self, peer_id: bytes) -> None:
        """Refuse to use a peer from which the policy in force hides what goes to all servers."""
        peer = peer_id_text(peer_id)
        asker = Asker(self._runtime.network_id, peer, self._runtime.proven_on_connection())
        if not self._door.engine.may_use_as_server(asker, wall_clock()):
            raise ReachError("The policy lets this peer not serve as a DHT server", peer=peer)


class _KadStream:
    """A stream to one DHT server, used by one call at a time."""

    def __init__(self, stream: PeerStream) -> None:
        self._stream = stream
        self._reader = answer_reader()
        self._lock = trio.Lock()
        self.is_broken = False

    async def call(self, frame: SealedFrame) -> KadMessage:
        """Send a query and return the answer."""
        async with self._in_use():
            await self._stream.send(frame)
            reply = await next_message(self._stream, self._reader, CALL_SECONDS)
            if reply is None:
                raise StreamLostError("A DHT server ended the stream instead of answering")
            return reply

    async def tell(self, frame: SealedFrame) -> None:
        """Send what has no answer."""
        async with self._in_use():
            await self._stream.send(frame)

    @asynccontextmanager
    async def _in_use(self) -> AsyncIterator[None]:
        async with self._lock:
            is_whole = False
            try:
                yield
                is_whole = True
            finally:
                if not is_whole:
                    # An answer that comes later would be taken for that of the next query.
                    self.is_broken = True
                    await self._stream.reset()


async def next_message(stream: PeerStream, reader: FrameReader, idle_seconds: float) -> KadMessage | None:
    """Read the next message of a stream; ``None`` at its end."""
    while (frame := reader.next_frame()) is None:
        octets = await stream.receive(65_536, idle_seconds=idle_seconds)
        if not octets:
            return None
        reader.receive_data(octets)
    return decode_kad(bytes(frame))
