"""One stream to one peer: the only place of this node that writes what a view became.

It refuses a frame that was sealed for somebody else. Spec: ARCHITECTURE.md 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio
from libp2p.network.stream.exceptions import StreamEOF

from peertransfer.disclosure.audience import Anyone, Audience, OnePeer
from peertransfer.errors import AudienceMismatchError, PeerTimeoutError
from peertransfer.net.translate import stream_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peertransfer.disclosure.frame import SealedFrame

WRITE_SIZE = 1 << 18
"""Octets handed to the muxer at once."""
IDLE_SECONDS = 3600.0
"""Where the caller names no shorter wait."""
WRITE_SECONDS = 60.0
"""A peer that takes none of a write for so long is gone."""


@dataclass(slots=True)
class Tally:
    """Octets of all streams with one peer."""

    sent: int = 0
    received: int = 0


class PeerStream:
    """A libp2p stream, and what its peer has proven on it."""

    def __init__(self, stream: Any, peer_id: str, peer_id_bytes: bytes, tally: Tally) -> None:
        self._stream = stream
        self.peer_id = peer_id
        self.peer_id_bytes = peer_id_bytes
        self.proven: set[Audience] = {OnePeer(peer_id), Anyone()}
        """All audiences to which the peer has proven to belong."""
        self.tally = tally
        """Octets of all streams with this peer."""
        self._is_closed = False

    def prove(self, audience: Audience) -> None:
        """Note that the peer has proven to belong to ``audience``."""
        self.proven.add(audience)

    async def send(self, frame: SealedFrame) -> None:
        """Write head and body of a frame.

        Raises:
            AudienceMismatchError: it is sealed for somebody to whom this peer has not proven to belong.
            StreamLostError: the stream is over.
            PeerTimeoutError: the peer takes nothing.
        """
        if frame.audience not in self.proven:
            raise AudienceMismatchError(f"A frame for {frame.audience} was about to go to {self.peer_id}")
        for piece in _pieces(frame):
            with trio.move_on_after(WRITE_SECONDS) as scope, stream_errors(self.peer_id):
                await self._stream.write(piece)
            if scope.cancelled_caught:
                raise PeerTimeoutError("The peer takes nothing", peer=self.peer_id)
            self.tally.sent += len(piece)

    async def receive(self, max_octets: int = 65_536, *, idle_seconds: float = IDLE_SECONDS) -> bytes:
        """Read some octets; none at the end of the stream.

        Raises:
            StreamLostError: the stream is over.
            PeerTimeoutError: nothing came for ``idle_seconds``.
        """
        with trio.move_on_after(idle_seconds), stream_errors(self.peer_id):
            try:
                octets: bytes = await self._stream.read(max_octets)
            except StreamEOF:
                return b""
            self.tally.received += len(octets)
            return octets
        raise PeerTimeoutError("The peer is silent", peer=self.peer_id)

    async def aclose(self) -> None:
        """Close the stream; again: nothing."""
        if not self._is_closed:
            self._is_closed = True
            with stream_errors(self.peer_id):
                await self._stream.close()

    async def reset(self) -> None:
        """Break the stream off; after a close: nothing."""
        if not self._is_closed:
            self._is_closed = True
            with stream_errors(self.peer_id):
                await self._stream.reset()


def _pieces(frame: SealedFrame) -> Iterator[bytes]:
    """Yield what is written at once: small parts joined, large ones cut."""
    waiting = bytearray(frame.head)
    for part in frame.body:
        if len(waiting) + len(part) <= WRITE_SIZE:
            waiting += part
            continue
        yield bytes(waiting)
        waiting.clear()
        for start in range(0, len(part), WRITE_SIZE):
            yield bytes(part[start : start + WRITE_SIZE])
    if waiting:
        yield bytes(waiting)
