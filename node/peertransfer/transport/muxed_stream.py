"""One stream of a connection on the library's parts: our own flow control, and writes that wait for the peer.

It seals and judges nothing (``net.peer_stream``), and agrees on no protocol (``transport.negotiation``).

Strategy: the library doubles a stream's window at every quick read, of however few octets, up to 16 MiB. Here
a window doubles when half of it was taken within a few round trips, and all windows of a connection together
have a bound (``windows_per_connection``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio
from libp2p.exceptions import BaseLibp2pError

from peertransfer.transport.muxer import Muxer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from peertransfer.content.cid import Buffer

STREAM_ERRORS = (
    BaseLibp2pError,
    OSError,
    EOFError,
    KeyError,  # yamux looks up a stream that it has dropped meanwhile
    trio.BrokenResourceError,
    trio.ClosedResourceError,
)
"""What the library raises where a stream, or the connection below it, is over."""
WINDOW_POLL_SECONDS = 0.005
FRAME_PAYLOAD = 65_507
"""Octets of data in a frame: with its header it fills one Noise message."""
ROUND_TRIPS = 4
"""A window of which half is taken within so many round trips is what holds the peer up."""
LEAST_ROUND_TRIP_SECONDS = 0.001


class MuxedStream:
    """A stream; whatever it raises is the library's (``net.translate``)."""

    def __init__(self, library_stream: Any) -> None:
        self._stream = library_stream
        self._inner: Any = library_stream.muxed_stream
        muxer = library_stream.muxed_conn
        assert isinstance(muxer, Muxer)
        self._muxer = muxer
        self.tally = muxer.tally
        self.answers = muxer.answers
        self.peer_id: str = muxer.peer_id.to_base58()
        self._taken = 0
        self._updated_at = trio.current_time()

    async def read(self, n: int) -> bytes:
        """Return up to ``n`` octets, as soon as there are some; none at the end.

        What had arrived before a connection ended can still be read; see ``Muxer.rest_of``.
        """
        try:
            octets = await self._muxer.read_stream(self._inner.stream_id, n)
        except STREAM_ERRORS:
            rest = self._muxer.rest_of(self._inner)
            if rest is None:
                raise
            return rest
        self._taken += len(octets)
        if self._taken >= self._inner.target_recv_window // 2:
            await self._give_window()
        return octets

    async def read_pieces(self, limit: int) -> list[memoryview]:
        """Return up to ``limit`` octets; none at the end."""
        octets = await self.read(limit)
        return [memoryview(octets)] if octets else []

    async def read_into(self, memory: memoryview, seconds: float) -> int:
        """Fill ``memory``, and return how many octets that were: fewer at the end, or after ``seconds``."""
        filled = 0
        with trio.move_on_after(seconds):
            while filled < len(memory) and (octets := await self.read(len(memory) - filled)):
                memory[filled : filled + len(octets)] = octets
                filled += len(octets)
        return filled

    async def write(self, octets: bytes) -> None:
        """Write all of ``octets``; for few of them, in negotiation."""
        await self._stream.write(octets)

    async def write_pieces(self, pieces: Sequence[Buffer], stall_seconds: float) -> None:
        """Write ``pieces``; the library's writer waits 5 s and breaks the stream off, this one waits longer.

        Raises:
            trio.TooSlowError: the peer took nothing for ``stall_seconds``.
        """
        for whole in _joined(pieces):
            piece = whole
            while piece:
                with trio.move_on_after(stall_seconds) as wait:
                    sent = await self._write_some(piece)
                if wait.cancelled_caught:
                    self._muxer.allowance.reach("stall_seconds")
                    raise trio.TooSlowError
                piece = piece[sent:]

    async def _write_some(self, octets: memoryview) -> int:
        """Wait until the peer takes octets, write what it takes, and return how many that were."""
        inner = self._inner
        while inner.send_window <= 0 and not (inner.closed or inner.send_closed):  # noqa: ASYNC110 - no event
            await trio.sleep(WINDOW_POLL_SECONDS)
        window: int = inner.send_window
        size = min(max(window, 1), FRAME_PAYLOAD, len(octets))
        await self._stream.write(bytes(octets[:size]))
        return size

    async def close_write(self) -> None:
        """Send the end of our direction."""
        await self._stream.close_write()

    async def close(self) -> None:
        """Send the end of our direction, and forget the stream."""
        await self._stream.close()

    async def reset(self) -> None:
        """Break the stream off in both directions."""
        await self._stream.reset()

    async def _give_window(self) -> None:
        now = trio.current_time()
        quick = ROUND_TRIPS * max(self._muxer.round_trip_seconds, LEAST_ROUND_TRIP_SECONDS)
        growth = 0
        if now - self._updated_at < quick and self._muxer.may_grow:
            growth = self._inner.target_recv_window
            self._inner.target_recv_window += growth
        increment = self._taken + growth
        self._taken = 0
        self._updated_at = now
        self._inner.recv_window += increment
        await self._inner.send_window_update(increment)


def _joined(pieces: Sequence[Buffer]) -> Iterator[memoryview]:
    """Yield what is written at once: small parts joined, large ones cut, each at most a frame of yamux."""
    waiting = bytearray()
    for piece in pieces:
        part = memoryview(piece)
        start = 0
        while len(waiting) + len(part) - start >= FRAME_PAYLOAD:
            end = start + max(FRAME_PAYLOAD - len(waiting), 0)
            yield memoryview(bytes(waiting) + part[start:end]) if waiting else part[start:end]
            waiting.clear()
            start = end
        waiting += part[start:]
    if waiting:
        yield memoryview(bytes(waiting))
