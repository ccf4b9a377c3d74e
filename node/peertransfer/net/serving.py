"""Inbound streams: which protocol is it, may it be served, and who serves it?

It opens none (``net.host``). Whatever goes wrong ends its stream alone; a peer that breaks the protocol again
and again loses its connections. Spec: docs/transport.md, "Limits".
"""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import trio

from peertransfer.errors import DisclosureError, PeertransferError, RemoteProtocolError
from peertransfer.net.peer_stream import PeerStream
from peertransfer.net.translate import stream_errors, teardown_errors
from peertransfer.transport.allowance import is_fair
from peertransfer.transport.barrier import CrashBarrier
from peertransfer.transport.negotiation import accept_protocol
from peertransfer.transport.ping import PING, echo_pings
from peertransfer.transport.swarm_stream import stream_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peertransfer.net.conduct import Conduct
    from peertransfer.net.pace import Pace
    from peertransfer.transport.allowance import Allowance

log = logging.getLogger("peertransfer.net")

StreamHandler = Callable[[PeerStream], Awaitable[None]]

STREAM_SECONDS = 10.0
"""From opening a stream to the agreed protocol."""


class StreamServer:
    """Serves the streams that peers open to one host."""

    def __init__(self, allowance: Allowance, pace: Pace, conduct: Conduct) -> None:
        """Serve nothing but pings at first.

        Args:
            allowance: the limits of this node.
            pace: how fast each peer may ask.
            conduct: which peers broke the protocol.
        """
        self._allowance = allowance
        self._pace = pace
        self._conduct = conduct
        self.handlers: dict[str, StreamHandler] = {}
        """By protocol ID; a stream that its handler leaves open is closed."""
        self._serving: Counter[tuple[str, str]] = Counter()

    async def serve(self, library_stream: Any) -> None:
        """Agree on a protocol with whoever opened a stream, and have it handled."""
        peer_id: str = library_stream.muxed_conn.peer_id.to_base58()
        barrier = CrashBarrier("stream_crashed", peer_id)
        is_served = False
        try:
            with barrier:
                try:
                    is_served = await self._negotiate_and_handle(library_stream, peer_id)
                except DisclosureError:
                    raise  # our bug: the barrier logs it in full
                except PeertransferError as error:
                    # A line for each would let a stranger fill the log.
                    log.debug("stream_failed", extra={"peer": peer_id[-8:], "reason": error.code})
                    if isinstance(error, RemoteProtocolError):
                        self._conduct.note_breach(peer_id, error.message)
        finally:
            if not is_served:
                with trio.CancelScope(shield=True, deadline=trio.current_time() + 1), teardown_errors():
                    await library_stream.reset()

    async def _negotiate_and_handle(self, library_stream: Any, peer_id: str) -> bool:
        protocol_id = ""
        stream = stream_of(library_stream)
        with trio.move_on_after(STREAM_SECONDS), stream_errors(peer_id):
            protocol_id = await accept_protocol(stream, {*self.handlers, PING})
        if not protocol_id:
            return False
        library_stream.set_protocol(protocol_id)
        if not self._has_place(peer_id, protocol_id):
            return False
        with self._counted(peer_id, protocol_id):
            if protocol_id == PING:
                with stream_errors(peer_id):
                    is_clean = await echo_pings(stream, self._allowance)
                    await (stream.close() if is_clean else stream.reset())
                return True
            peer_stream = PeerStream(stream, protocol_id, self._allowance, self._pace)
            await self.handlers[protocol_id](peer_stream)
            await peer_stream.aclose()
        return True

    def _has_place(self, peer_id: str, protocol_id: str) -> bool:
        limits = self._allowance.limits
        if self._serving[peer_id, protocol_id] >= limits.streams_per_protocol:
            self._allowance.reach("streams_per_protocol")
            return False
        own = sum(count for (peer, _), count in self._serving.items() if peer == peer_id)
        left = limits.streams - self._serving.total()
        # One stream of each connection that there may be is kept for it.
        is_placed = is_fair(own, 1, left - limits.connections) if own else left > 0
        if not is_placed:
            self._allowance.reach("streams")
        return is_placed

    @contextlib.contextmanager
    def _counted(self, peer_id: str, protocol_id: str) -> Iterator[None]:
        key = (peer_id, protocol_id)
        self._serving[key] += 1
        try:
            yield
        finally:
            self._serving[key] -= 1
            if not self._serving[key]:
                del self._serving[key]
