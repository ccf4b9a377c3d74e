"""A muxed connection to one peer: the trio shell around a yamux session over a wire.

It agrees on no protocol (``transport.negotiation``) and seals nothing (``net.peer_stream``). To the library's
swarm it is an ``IMuxedConn`` like any other. Spec: docs/transport.md.

Strategy: one task reads and hands octets to streams; one task writes whatever the session has to send, about
a MiB for each system call, and wakes those who wait for room. Nobody else touches the socket, nothing polls.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import trio
from libp2p.abc import IMuxedConn
from libp2p.connection_types import ConnectionType
from libp2p.stream_muxer.exceptions import MuxedConnUnavailable

from peertransfer.errors import LocalProtocolError, RemoteProtocolError
from peertransfer.transport.allowance import LEAST_BATCH
from peertransfer.transport.answer_memory import AnswerMemory
from peertransfer.transport.barrier import CrashBarrier
from peertransfer.transport.ending import Ending, EndReason
from peertransfer.transport.records import SMALL_SIZE, RecordChangedError
from peertransfer.transport.stream import RECEIVE_SIZE, YamuxStream
from peertransfer.transport.tally import Tally
from peertransfer.transport.yamux_events import (
    DataReceived,
    PingAnswered,
    StreamEnded,
    StreamOpened,
    StreamReset,
    WentAway,
)
from peertransfer.transport.yamux_frames import NORMAL, PROTOCOL_ERROR
from peertransfer.transport.yamux_session import YamuxSession

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from libp2p.peer.id import ID
    from multiaddr import Multiaddr

    from peertransfer.transport.allowance import Allowance
    from peertransfer.transport.multiaddrs import TcpAddr
    from peertransfer.transport.wire import Wire
    from peertransfer.transport.yamux_events import Event

BATCH = 1 << 20
"""Octets sealed and written at once."""
KEEP_ALIVE_SECONDS = 30.0
"""Between two pings."""
ANSWER_SECONDS = 30.0
"""A peer that does not answer a ping for so long is gone."""
DESERTED_SECONDS = 60.0
"""A stream that we closed and the peer did not for so long is reset."""
IDLE_SECONDS = 2.0
"""After so long without anything to send, the memory for sending is given back."""
CLOSE_SECONDS = 1.0
"""What waits to be sent gets so long to leave when we hang up."""


class Connection(IMuxedConn):
    """A multiplexed connection to one peer."""

    def __init__(
        self,
        wire: Wire,
        peer_id: ID,
        *,
        is_initiator: bool,
        remote: TcpAddr,
        unread: bytes,
        allowance: Allowance,
    ) -> None:
        """Take over a wire; nothing runs yet.

        Args:
            wire: secured, yamux is agreed.
            peer_id: who is at the other end.
            is_initiator: whether we dialled.
            remote: the address of the other end.
            unread: the first octets of the session, where some came already.
            allowance: the limits of this node.
        """
        self.peer_id = peer_id
        self.remote = remote
        self.tally = Tally()
        self.allowance = allowance
        self.ending = Ending()
        self.event_started = trio.Event()
        self.on_close: Callable[[], Awaitable[None]] | None = None
        """What the swarm wants to be told at the end."""
        self.session = YamuxSession(is_initiator=is_initiator, allowance=allowance)
        self.answers = AnswerMemory(self.session.to_send, allowance)
        self._sealing = 0
        """Octets of memory that the wire keeps for sealing."""
        self._wire = wire
        self._is_initiator = is_initiator
        self._unread = unread
        self._streams: dict[int, YamuxStream] = {}
        self._placing: YamuxStream | None = None
        """The stream of which octets came last."""
        self._opened: deque[YamuxStream] = deque()
        self._has_opened = trio.Event()
        self._has_work = trio.Event()
        self._is_flushed = trio.Event()
        self._closed = trio.Event()
        self._has_read_all = trio.Event()
        self._pinged: tuple[int, float] | None = None
        self._ponged = trio.Event()

    # --- life --------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Run until the connection ends."""
        barrier = CrashBarrier("connection_crashed", str(self.peer_id))
        with barrier:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._end_when_closed, nursery.cancel_scope)
                nursery.start_soon(self._write)
                nursery.start_soon(self._keep_alive)
                self.event_started.set()
                await self._read()
                self._has_read_all.set()
                nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_SECONDS):
            await self._wire.close()
        self._end(EndReason.CRASHED if barrier.is_crashed else self._how_it_went())
        if self.on_close is not None:
            await self.on_close()

    async def close(self) -> None:
        """Hang up after what was written left; again: nothing."""
        if self._closed.is_set():
            return
        self.ending.note(EndReason.HUNG_UP)
        await self._say_farewell(NORMAL)
        if self.event_started.is_set():
            # A socket that is closed with octets unread takes from the peer what it has not read yet.
            self._wire.close_write()
            with trio.move_on_after(CLOSE_SECONDS):
                await self._has_read_all.wait()
        self._end(EndReason.HUNG_UP)
        await self._wire.close()

    async def abandon(self) -> None:
        """Close what was never started, and say so."""
        self.session.go_away()
        with trio.move_on_after(CLOSE_SECONDS):
            await self._wire.send(self.session.data_to_send(LEAST_BATCH))
        self._end(EndReason.TURNED_AWAY)
        await self._wire.close()

    def _how_it_went(self) -> EndReason:
        return EndReason.LOST if self._wire.is_lost else EndReason.PEER_HUNG_UP

    def _end(self, reason: EndReason) -> None:
        """Note that it is over, and why, unless that is known already."""
        self._closed.set()
        self._has_opened.set()
        for stream in self._streams.values():
            stream.lose()
        self._streams.clear()
        self._placing = None
        self.session.end()
        self.ending.be_over(reason)

    async def _end_when_closed(self, scope: trio.CancelScope) -> None:
        await self._closed.wait()
        scope.cancel()

    async def _say_farewell(self, code: int) -> None:
        self.session.go_away(code)
        self._is_flushed = trio.Event()
        self._has_work.set()
        with trio.move_on_after(CLOSE_SECONDS):
            await self._is_flushed.wait()

    # --- streams -----------------------------------------------------------------------------------

    async def open_stream(self) -> YamuxStream:
        """Open a stream.

        Raises:
            MuxedConnUnavailable: the connection is over, or its peer takes no more.
        """
        await trio.lowlevel.checkpoint()
        if self._closed.is_set():
            raise MuxedConnUnavailable("the connection is over")
        try:
            number = self.session.open_stream(trio.current_time())
        except LocalProtocolError as exc:
            raise MuxedConnUnavailable(exc.message) from exc
        return self._added(number)

    async def accept_stream(self) -> YamuxStream:
        """Wait for the next stream that the peer opens.

        Raises:
            MuxedConnUnavailable: the connection is over.
        """
        while not self._opened:
            if self._closed.is_set():
                raise MuxedConnUnavailable("the connection is over")
            self._has_opened = trio.Event()
            await self._has_opened.wait()
        await trio.lowlevel.checkpoint()
        return self._opened.popleft()

    def wake_writer(self) -> None:
        """Have sent what the session has to send."""
        self._has_work.set()

    def forget(self, number: int) -> None:
        """Drop a stream that nobody reads any more."""
        if self._streams.pop(number, None) is self._placing:
            self._placing = None

    def _added(self, number: int) -> YamuxStream:
        stream = self._streams[number] = YamuxStream(self, number)
        self._has_work.set()
        return stream

    # --- the tasks ---------------------------------------------------------------------------------

    async def _read(self) -> None:
        try:
            if self._unread:
                self.take(self._unread)
            while await self._wire.receive(self):
                if self.session.has_data_to_send:
                    self._has_work.set()
        except RecordChangedError:
            self.ending.note(EndReason.RECORD_CHANGED)
            await self._say_farewell(PROTOCOL_ERROR)
        except RemoteProtocolError as error:
            self.ending.note(EndReason.BREACH, error.message)
            await self._say_farewell(PROTOCOL_ERROR)

    @property
    def appetite(self) -> int:
        """Octets that are worth taking from the socket at once."""
        return RECEIVE_SIZE if self._placing is None else self._placing.appetite

    def room_for(self, size: int) -> memoryview | None:
        """Return where the next ``size`` octets belong: the wire asks."""
        stream = self._streams.get(self.session.next_body(size))
        if stream is None:
            return None
        self._placing = stream
        return stream.room_for(size)

    def take_placed(self, size: int) -> None:
        """Note that so many octets are where ``room_for`` said: the wire tells."""
        assert self._placing is not None
        self._placing.take_placed(size)
        for event in self.session.receive_placed(size):
            self._handle(event, trio.current_time())

    def take(self, octets: bytes) -> None:
        """Take the next octets of the session: the wire tells."""
        now = trio.current_time()
        for event in self.session.receive_data(octets, now):
            self._handle(event, now)

    def _handle(self, event: Event, now: float) -> None:
        match event:
            case DataReceived(number, octets):
                stream = self._streams.get(number)
                if stream is not None:
                    stream.receive(octets)
            case StreamOpened(number):
                self._opened.append(self._added(number))
                self._has_opened.set()
            case StreamEnded(number):
                stream = self._streams.get(number)
                if stream is not None:
                    stream.end()
            case StreamReset(number):
                stream = self._streams.pop(number, None)
                if stream is not None:
                    stream.lose()
            case PingAnswered(value):
                self._hear_answer(value, now)
            case WentAway():
                pass

    async def _write(self) -> None:
        while True:
            if not self.session.has_data_to_send:
                self._is_flushed.set()
                self._has_work = trio.Event()
                with trio.move_on_after(IDLE_SECONDS) as idle:
                    await self._has_work.wait()
                if idle.cancelled_caught:
                    self._let_go()
                    await self._has_work.wait()
            pieces = self._next_batch()
            if pieces:
                if not await self._wire.send(pieces):
                    break
                for stream in tuple(self._streams.values()):
                    stream.wake_writer()
        self._is_flushed.set()

    def _next_batch(self) -> list[bytes | memoryview]:
        """Return what to seal next: little at once where the node has no memory left for more."""
        missing = max(0, BATCH + SMALL_SIZE - self._sealing)
        is_short = not self.session.to_send.may_take(missing)
        if is_short:
            self._let_go()
        pieces = self.session.data_to_send(LEAST_BATCH if is_short else BATCH)
        size = sum(map(len, pieces))
        if is_short and size >= LEAST_BATCH:
            self.allowance.reach("buffers")
        kept = self._wire.make_room(pieces)
        self.session.to_send.take(kept - self._sealing)
        self._sealing = kept
        return pieces

    def _let_go(self) -> None:
        self._wire.let_go()
        self.session.to_send.give(self._sealing)
        self._sealing = 0

    async def _keep_alive(self) -> None:
        value = 0
        while True:
            value += 1
            self._pinged, self._ponged = (value, trio.current_time()), trio.Event()
            self.session.ping(value)
            self._has_work.set()
            with trio.move_on_after(ANSWER_SECONDS) as scope:
                await self._ponged.wait()
            if scope.cancelled_caught:
                self._end(EndReason.PING_UNANSWERED)
                return
            await trio.sleep(KEEP_ALIVE_SECONDS)
            self.session.reset_deserted(trio.current_time(), DESERTED_SECONDS)

    def _hear_answer(self, value: int, now: float) -> None:
        if self._pinged is not None and self._pinged[0] == value:
            self.session.round_trip_seconds = now - self._pinged[1]
            self._pinged = None
            self._ponged.set()

    # --- what the library asks for -----------------------------------------------------------------

    @property
    def is_initiator(self) -> bool:
        """Whether we dialled."""
        return self._is_initiator

    @property
    def is_established(self) -> bool:
        """Whether it runs."""
        return self.event_started.is_set() and not self._closed.is_set()

    @property
    def is_closed(self) -> bool:
        """Whether it is over."""
        return self._closed.is_set()

    def get_transport_addresses(self) -> list[Multiaddr]:
        """Return none: the other side's address is in ``remote``."""
        return []

    def get_connection_type(self) -> ConnectionType:
        """Return that no relay is in between."""
        return ConnectionType.DIRECT

    def get_remote_address(self) -> tuple[str, int]:
        """Return host and port of the other side."""
        return self.remote.host, self.remote.port
