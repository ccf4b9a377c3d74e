"""One stream of our own muxed connection: who reads waits for octets, who writes waits for room.

It knows no protocol. To the library it is an ``IMuxedStream``; what it raises is the library's
(``net.translate``).

Strategy: a reader that knows how much it wants names the memory for it, and octets are decrypted right into
it. Else received octets stay in the records that they came in, as long as a good part of a record is kept;
small parts are copied out, so that nobody can make us hold a record for a few octets.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Self

import trio
from libp2p.abc import IMuxedStream
from libp2p.stream_muxer.exceptions import MuxedStreamClosed, MuxedStreamEOF, MuxedStreamReset

from peertransfer.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from peertransfer.content.cid import Buffer
    from peertransfer.transport.connection import Connection

LOW_WATER = 1 << 20
"""Octets that may wait to be sent while a writer prepares more."""
SMALL = 1 << 14
"""Octets up to which a piece is copied out of its record."""
RECEIVE_SIZE = 1 << 20
"""Octets taken from a socket at once, at most."""
LEAST_APPETITE = 1 << 12
"""Octets that are taken where nobody has named memory yet: the head of what comes next is among them."""
ROOM_OVERHEAD = 1 << 10
"""Heads and tags of a MiB."""
_NO_ROOM = memoryview(bytearray())


class YamuxStream(IMuxedStream):
    """A stream."""

    muxed_conn: Connection

    def __init__(self, connection: Connection, number: int) -> None:
        self.muxed_conn = connection
        self.number = number
        self._session = connection.session
        self._pieces: deque[memoryview] = deque()
        self._room = _NO_ROOM
        """What a reader waits to have filled."""
        self._names_room = False
        """Whether a reader ever did: then it will again."""
        self._is_ended = False
        self._is_lost = False
        self._is_closed = False
        self._changed = trio.Event()
        self._has_room = trio.Event()

    # --- what the connection tells -----------------------------------------------------------------

    def receive(self, octets: memoryview) -> None:
        """Take octets that came."""
        self._pieces.append(memoryview(bytes(octets)) if len(octets) <= SMALL else octets)
        self._changed.set()

    @property
    def appetite(self) -> int:
        """Octets that are worth taking from the socket at once, if they are of this stream.

        Where its reader names memory, they end where that does: what comes behind tells how much comes next,
        and the reader has a turn to name memory for that.
        """
        return max(LEAST_APPETITE, len(self._room) + ROOM_OVERHEAD) if self._names_room else RECEIVE_SIZE

    def room_for(self, size: int) -> memoryview | None:
        """Return where the next ``size`` octets belong; ``None`` where no reader waits for so many."""
        return None if self._pieces or len(self._room) < size else self._room[:size]

    def take_placed(self, size: int) -> None:
        """Note that so many octets are where ``room_for`` said."""
        self._room = self._room[size:]
        self._session.read(self.number, size, trio.current_time())
        if not self._room:
            self._changed.set()

    def end(self) -> None:
        """Note that the peer sends no more."""
        self._is_ended = True
        self._changed.set()

    def lose(self) -> None:
        """Note that the stream, or its connection, broke; what came before can still be read."""
        self._is_lost = not self._is_ended
        self._is_closed = True
        self._changed.set()
        self._has_room.set()

    def wake_writer(self) -> None:
        """Note that something was sent."""
        self._has_room.set()

    # --- reading -----------------------------------------------------------------------------------

    async def read_pieces(self, limit: int) -> list[memoryview]:
        """Return up to ``limit`` octets in the pieces in which they came, at least one; none at the end.

        Raises:
            MuxedStreamReset: the stream, or its connection, broke.
        """
        await trio.lowlevel.checkpoint()
        while not self._pieces:
            if self._is_lost:
                raise MuxedStreamReset("the stream is lost")
            if self._is_ended:
                return []
            self._changed = trio.Event()
            await self._changed.wait()
        return self._take(limit)

    def _take(self, limit: int) -> list[memoryview]:
        taken: list[memoryview] = []
        size = 0
        while self._pieces and size < limit:
            piece = self._pieces.popleft()
            if size + len(piece) > limit:
                self._pieces.appendleft(piece[limit - size :])
                piece = piece[: limit - size]
            taken.append(piece)
            size += len(piece)
        self._session.read(self.number, size, trio.current_time())
        if self._session.has_data_to_send:
            self.muxed_conn.wake_writer()
        return taken

    async def read_into(self, memory: memoryview, seconds: float) -> int:
        """Fill ``memory``, and return how many octets that were: fewer at the end, or after ``seconds``.

        Raises:
            MuxedStreamReset: the stream, or its connection, broke; what came before is lost with it.
        """
        await trio.lowlevel.checkpoint()
        self._room = memory
        self._names_room = True
        try:
            with trio.move_on_after(seconds):
                await self._fill_room()
            return len(memory) - len(self._room)
        finally:
            self._room = _NO_ROOM

    async def _fill_room(self) -> None:
        while self._room:
            if self._pieces:
                for piece in self._take(len(self._room)):
                    self._room[: len(piece)] = piece
                    self._room = self._room[len(piece) :]
            elif self._is_lost:
                raise MuxedStreamReset("the stream is lost")
            elif self._is_ended:
                return
            else:
                self._changed = trio.Event()
                await self._changed.wait()

    async def read(self, n: int | None = None) -> bytes:
        """Return up to ``n`` octets; without ``n``, all up to the end.

        Raises:
            MuxedStreamEOF: the peer sends no more.
            MuxedStreamReset: the stream, or its connection, broke.
        """
        if n is not None and n >= 0:
            pieces = await self.read_pieces(n) if n else [memoryview(b"")]
            if not pieces:
                raise MuxedStreamEOF("the peer sends no more")
            return b"".join(pieces)
        every: list[memoryview] = []
        while pieces := await self.read_pieces(LOW_WATER):
            every += pieces
        return b"".join(every)

    # --- writing -----------------------------------------------------------------------------------

    async def write(self, data: bytes) -> None:
        """Write all of ``data``.

        Raises:
            MuxedStreamClosed: the stream is over, or was closed for writing.
        """
        await self.write_pieces([data])

    async def write_pieces(self, pieces: Sequence[Buffer], stall_seconds: float = float("inf")) -> None:
        """Have ``pieces``, which must not change any more, sent; wait while much is waiting already.

        Raises:
            MuxedStreamClosed: the stream is over, or was closed for writing.
            trio.TooSlowError: in ``stall_seconds`` the peer took less than the least rate.
        """
        await trio.lowlevel.checkpoint()
        try:
            self._session.write(self.number, pieces)
        except LocalProtocolError as exc:
            raise MuxedStreamClosed(exc.message) from exc
        self.muxed_conn.wake_writer()
        while (waiting := self._session.waiting_size(self.number)) > (ahead := self._may_be_ahead()):
            if self._is_closed:
                break
            await self._wait_until(max(ahead, waiting - self._least_progress(stall_seconds)), stall_seconds)
        if self._is_closed:
            raise MuxedStreamClosed("the stream is over")

    def _may_be_ahead(self) -> int:
        """Octets that may wait when a write returns: none while the node has too many of them."""
        return LOW_WATER if self._session.to_send.may_take(0) else 0

    def _least_progress(self, seconds: float) -> int:
        rate = self.muxed_conn.allowance.limits.least_octets_per_second
        return 1 if seconds == float("inf") else max(1, int(rate * seconds))

    async def _wait_until(self, waiting_size: int, seconds: float) -> None:
        """Wait until no more than ``waiting_size`` octets wait, or the stream is over."""
        before = self._session.waiting_size(self.number)
        with trio.move_on_after(seconds) as wait:
            while self._session.waiting_size(self.number) > waiting_size and not self._is_closed:
                self._has_room = trio.Event()
                await self._has_room.wait()
        if wait.cancelled_caught:
            is_stalled = self._session.waiting_size(self.number) == before
            self.muxed_conn.allowance.reach("stall_seconds" if is_stalled else "least_octets_per_second")
            raise trio.TooSlowError

    # --- the end -----------------------------------------------------------------------------------

    async def close_write(self) -> None:
        """Send the end of our direction after what waits."""
        await trio.lowlevel.checkpoint()
        self._session.close_write(self.number)
        self.muxed_conn.wake_writer()

    async def close(self) -> None:
        """Finish with the stream: our end is sent, what still comes is dropped."""
        await trio.lowlevel.checkpoint()
        self._finish()
        self._session.close(self.number, trio.current_time())
        self.muxed_conn.wake_writer()

    async def reset(self) -> None:
        """Break the stream off in both directions; when the connection is over: nothing."""
        await trio.lowlevel.checkpoint()
        if self.muxed_conn.is_closed:
            return
        self._finish()
        self._session.reset(self.number)
        self.muxed_conn.wake_writer()

    def _finish(self) -> None:
        self._pieces.clear()
        self.lose()
        self.muxed_conn.forget(self.number)

    # --- what the library asks for -----------------------------------------------------------------

    def set_deadline(self, ttl: int) -> None:
        """Do nothing: deadlines are trio's."""

    def get_remote_address(self) -> tuple[str, int] | None:
        """Return host and port of the other side."""
        return self.muxed_conn.get_remote_address()

    async def __aenter__(self) -> Self:
        """Use the stream within an ``async with`` block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the stream."""
        await self.close()
