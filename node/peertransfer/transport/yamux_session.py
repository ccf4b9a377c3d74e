"""A yamux session: octets in, events out; what is to be sent comes out in rounds, fair between streams.

It does no I/O (``transport.connection``) and knows no protocol of a stream. A peer that breaks the rules, or
sends past a window, gets an exception; the session is then over. Unlike the library's: windows are enforced
on open, half-closed and reset streams alike, and grow on use within one bound for the connection and one for
the node.
Spec: https://github.com/hashicorp/yamux/blob/master/spec.md

Strategy: the body of a data frame is handed on in the pieces in which it comes, so no frame is ever kept.
Credit is checked at the header: memory is bounded before a single octet of a body is taken.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from peertransfer.errors import LocalProtocolError, RemoteProtocolError
from peertransfer.transport.allowance import Allowance, PoolShare
from peertransfer.transport.records import MAX_PLAINTEXT
from peertransfer.transport.yamux_events import (
    DataReceived,
    PingAnswered,
    StreamEnded,
    StreamOpened,
    StreamReset,
    WentAway,
)
from peertransfer.transport.yamux_frames import (
    ACK,
    DATA,
    FIN,
    GO_AWAY,
    HEADER_SIZE,
    INITIAL_WINDOW,
    MAX_WINDOW,
    NORMAL,
    PING,
    RST,
    SYN,
    VERSION,
    WINDOW_UPDATE,
    pack_header,
    unpack_header,
)
from peertransfer.transport.yamux_lingering import Lingering
from peertransfer.transport.yamux_places import Places
from peertransfer.transport.yamux_stream import StreamState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peertransfer.content.cid import Buffer
    from peertransfer.transport.yamux_events import Event

MAX_CONTROL = 8192
"""Answers that may wait to be sent; a peer that asks for more and reads nothing is let go."""
FRAME_PAYLOAD = 4 * MAX_PLAINTEXT
"""Octets of data in a frame, in whole Noise messages: small enough that others come soon to their turn."""
ROUND_TRIPS = 4
"""A window of which half is taken within so many round trips is what holds the peer up."""
LEAST_ROUND_TRIP_SECONDS = 0.001
MAX_UNACKNOWLEDGED = 256
"""Streams of ours that the peer has not acknowledged; libp2p's specification wants no more at once."""
SLOW_SECONDS = 1.0
"""A reader that takes longer over half a window gives back what it took: its peer sees that it is alive."""
_LAST_NUMBER = (1 << 32) - 1


class YamuxSession:
    """One side of a session."""

    def __init__(self, *, is_initiator: bool, allowance: Allowance) -> None:
        self._allowance = allowance
        self._limits = allowance.limits
        self._places = Places(allowance)
        self.to_send = PoolShare(allowance.to_send)
        """What waits to be sent, of what the node has."""
        self._next = 1 if is_initiator else 2
        self._remote_parity = 0 if is_initiator else 1
        self._streams: dict[int, StreamState] = {}
        self._unacknowledged: set[int] = set()
        """Streams of ours that the peer may not have seen yet."""
        self._lingering = Lingering()
        self._control: deque[bytes] = deque()
        self._round: deque[StreamState] = deque()
        self._header = bytearray()
        self._body: StreamState | None = None
        self._body_left = 0
        self._ends_after_body = False
        self.is_remote_gone = False
        """Whether the peer said that it takes no new streams."""
        self.round_trip_seconds = 0.0
        """As the shell measured it by pings."""

    # --- streams -----------------------------------------------------------------------------------

    @property
    def stream_count(self) -> int:
        """Streams that are open, or half open."""
        return len(self._streams)

    def open_stream(self, now: float) -> int:
        """Open a stream and return its number.

        Raises:
            LocalProtocolError: no number is left, or the peer takes no new streams, or not so many at once.
        """
        is_behind = len(self._unacknowledged) >= MAX_UNACKNOWLEDGED
        if self._next > _LAST_NUMBER or self.is_remote_gone or is_behind:
            raise LocalProtocolError("no stream can be opened on this connection any more")
        number, self._next = self._next, self._next + 2
        state = StreamState(number, window=self._limits.window, is_inbound=False, now=now)
        self._add(state)
        self._unacknowledged.add(number)
        self._control.append(pack_header(WINDOW_UPDATE, SYN, number, state.window - INITIAL_WINDOW))
        return number

    def write(self, number: int, pieces: Sequence[Buffer]) -> None:
        """Have octets sent on a stream; they must not change any more.

        Raises:
            LocalProtocolError: the stream is closed for writing.
        """
        state = self._streams.get(number)
        if state is None or state.is_closing:
            raise LocalProtocolError("octets were to be written to a stream that is closed")
        before = state.waiting_size
        state.append(list(pieces))
        self.to_send.take(state.waiting_size - before)
        self._enqueue(state)

    def waiting_size(self, number: int) -> int:
        """Return how many octets of a stream wait to be sent; 0 for one that is over."""
        state = self._streams.get(number)
        return 0 if state is None else state.waiting_size

    def read(self, number: int, count: int, now: float) -> None:
        """Note that ``count`` octets of a stream were read: the peer may send as many more."""
        state = self._streams.get(number)
        if state is None or state.remote_closed or state.is_discarding:
            return
        state.taken += count
        if state.taken >= state.target // 2 or now - state.updated_at >= SLOW_SECONDS:
            self._give_window(state, now)

    def close_write(self, number: int) -> None:
        """Send the end of our direction after all that waits; again, or when it is over: nothing."""
        state = self._streams.get(number)
        if state is not None and not state.is_closing:
            state.is_closing = True
            self._enqueue(state)

    def close(self, number: int, now: float) -> None:
        """Let go of a stream: our end is sent, and what still comes is dropped, within its window."""
        self._places.let_go(number, is_over=number not in self._streams)
        state = self._streams.get(number)
        if state is not None:
            state.is_discarding = True
            state.closed_at = now
            self.close_write(number)

    def reset(self, number: int) -> None:
        """Let go of a stream and break it off in both directions, where it is not over."""
        self._places.let_go(number, is_over=number not in self._streams)
        state = self._streams.get(number)
        if state is not None:
            self._control.append(pack_header(WINDOW_UPDATE, RST, number, 0))
            self._forget(state, lingers=not state.remote_closed)

    def reset_deserted(self, now: float, seconds: float) -> None:
        """Reset streams that we finished with ``seconds`` ago and that the peer never finished."""
        for state in tuple(self._streams.values()):
            if state.is_discarding and now - state.closed_at >= seconds:
                self.reset(state.number)

    # --- the connection ----------------------------------------------------------------------------

    def end(self) -> None:
        """Give back what all streams have of the node's buffers: the connection is over."""
        self._places.give_all()
        self.to_send.give_all()

    def ping(self, value: int) -> None:
        """Ask for an answer."""
        self._control.append(pack_header(PING, SYN, 0, value))

    def go_away(self, code: int = NORMAL) -> None:
        """Say that this side takes no new streams and will hang up."""
        self._control.append(pack_header(GO_AWAY, 0, 0, code))

    @property
    def has_data_to_send(self) -> bool:
        """Whether ``data_to_send`` would return something."""
        return bool(self._control or self._round)

    def data_to_send(self, limit: int) -> list[bytes | memoryview]:
        """Return some octets to send: answers first, then a frame of each stream in turn.

        Args:
            limit: octets, at least 12; of no frame goes more, and none is begun beyond.
        """
        count = min(len(self._control), limit // HEADER_SIZE)
        pieces: list[bytes | memoryview] = [self._control.popleft() for _ in range(count)]
        size = HEADER_SIZE * count
        while self._round and size < limit and not self._control:
            state = self._round.popleft()
            state.is_queued = False
            if state.is_sendable:
                size += self._next_frame(state, pieces, min(FRAME_PAYLOAD, limit))
                self._enqueue(state)
        return pieces

    def _next_frame(self, state: StreamState, pieces: list[bytes | memoryview], most: int) -> int:
        size = min(state.waiting_size, state.send_window, most)
        is_end = state.is_closing and size == state.waiting_size
        pieces.append(pack_header(DATA, FIN if is_end else 0, state.number, size))
        state.take(size, pieces)
        self.to_send.give(size)
        if is_end:
            state.has_sent_fin = True
            if state.is_over:
                self._forget(state)
        return HEADER_SIZE + size

    # --- in ----------------------------------------------------------------------------------------

    def receive_data(self, octets: bytes, now: float) -> list[Event]:
        """Take octets that came, and return what they mean.

        Raises:
            RemoteProtocolError: the peer broke the rules, or sent past a window.
        """
        events: list[Event] = []
        view = memoryview(octets)
        at, size = 0, len(octets)
        while at < size:
            if self._body_left:
                end = min(at + self._body_left, size)
                self._receive_body(view[at:end], events)
                at = end
            elif not self._header and size - at >= HEADER_SIZE:
                self._receive_frame(unpack_header(octets, at), now, events)
                at += HEADER_SIZE
            else:
                end = min(at + HEADER_SIZE - len(self._header), size)
                self._header += view[at:end]
                at = end
                if len(self._header) == HEADER_SIZE:
                    fields = unpack_header(self._header, 0)
                    self._header.clear()
                    self._receive_frame(fields, now, events)
        return events

    def next_body(self, size: int) -> int:
        """Return the stream to which the next ``size`` octets belong; 0 where they are not all one's."""
        state = self._body
        return 0 if self._body_left < size or state is None or state.is_discarding else state.number

    def receive_placed(self, size: int) -> list[Event]:
        """Note that so many octets of ``next_body`` came and are where they belong; return what they mean."""
        events: list[Event] = []
        self._body_left -= size
        self._end_body(events)
        return events

    def _receive_body(self, octets: memoryview, events: list[Event]) -> None:
        self._body_left -= len(octets)
        state = self._body
        if state is not None and not state.is_discarding:
            events.append(DataReceived(state.number, octets))
        self._end_body(events)

    def _end_body(self, events: list[Event]) -> None:
        if not self._body_left and self._ends_after_body and self._body is not None:
            self._end(self._body, events)

    def _receive_frame(self, fields: tuple[int, ...], now: float, events: list[Event]) -> None:
        version, kind, flags, number, length = fields
        if version != VERSION:
            raise RemoteProtocolError("a yamux frame has another version")
        if kind == PING:
            self._receive_ping(flags, length, events)
        elif kind == GO_AWAY:
            self.is_remote_gone = True
            events.append(WentAway(length))
        elif kind in {DATA, WINDOW_UPDATE}:
            self._receive_stream_frame(kind, flags, number, length, now, events)
        else:
            raise RemoteProtocolError("a yamux frame has an unknown kind")

    def _receive_ping(self, flags: int, value: int, events: list[Event]) -> None:
        if flags & ACK:
            events.append(PingAnswered(value))
        elif len(self._control) >= MAX_CONTROL:
            raise RemoteProtocolError("a peer asks for answers and reads none")
        else:
            self._control.append(pack_header(PING, ACK, 0, value))

    def _receive_stream_frame(
        self, kind: int, flags: int, number: int, length: int, now: float, events: list[Event]
    ) -> None:
        state = self._opened(number, now, events) if flags & SYN else self._streams.get(number)
        if flags & (ACK | RST):
            self._unacknowledged.discard(number)
        if kind == DATA:
            self._charge(state, number, length)
            self._body, self._body_left = state, length
            self._ends_after_body = bool(flags & FIN)
        elif state is not None and length:
            state.send_window += length
            if state.send_window > MAX_WINDOW:
                raise RemoteProtocolError("a peer opened a window beyond all bounds")
            self._enqueue(state)
        if flags & RST:
            self._receive_reset(state, number, events)
        elif flags & FIN and state is not None and not (kind == DATA and length):
            self._end(state, events)

    def _opened(self, number: int, now: float, events: list[Event]) -> StreamState | None:
        # Peers that open several at once may send them out of order.
        is_taken = number in self._streams or number in self._places or number in self._lingering
        if not number or number & 1 != self._remote_parity or is_taken:
            raise RemoteProtocolError("a peer opened a stream by a number that it may not use")
        state = StreamState(number, window=self._limits.window, is_inbound=True, now=now)
        if len(self._control) >= MAX_CONTROL:
            raise RemoteProtocolError("a peer opens streams and reads nothing")
        if not self._places.has_one():
            self._control.append(pack_header(WINDOW_UPDATE, RST, number, 0))
            self._lingering.add(number, INITIAL_WINDOW)
            return None
        self._add(state)
        self._control.append(pack_header(WINDOW_UPDATE, ACK, number, state.window - INITIAL_WINDOW))
        events.append(StreamOpened(number))
        return state

    def _charge(self, state: StreamState | None, number: int, length: int) -> None:
        """Count data against what was granted, whatever became of its stream."""
        if state is None:
            is_granted = self._lingering.charge(number, length)
        else:
            # A frame without octets may still reset a stream that the peer has ended, as rust-libp2p does it.
            is_granted = not length or (not state.remote_closed and state.charge(length))
        if not is_granted:
            self._allowance.reach("window")
            raise RemoteProtocolError("a peer sends past a stream's window, or its end")

    def _receive_reset(self, state: StreamState | None, number: int, events: list[Event]) -> None:
        self._lingering.forget(number)
        if state is not None:
            is_known = not state.is_discarding or not state.is_closing
            self._forget(state)
            if is_known:
                events.append(StreamReset(state.number))

    def _end(self, state: StreamState, events: list[Event]) -> None:
        if state.remote_closed:
            return
        state.remote_closed = True
        if not state.is_discarding:
            events.append(StreamEnded(state.number))
        if state.is_over:
            self._forget(state)

    # --- bookkeeping -------------------------------------------------------------------------------

    def _add(self, state: StreamState) -> None:
        self._streams[state.number] = state
        self._places.add(state)

    def _forget(self, state: StreamState, *, lingers: bool = False) -> None:
        del self._streams[state.number]
        self.to_send.give(state.waiting_size)
        if self._body is state:
            self._body = None  # what is left of its frame is dropped, and its end with it
        state.drop_waiting()
        state.is_closing = state.has_sent_fin = True
        self._places.end(state)
        if lingers:
            self._lingering.add(state.number, state.window)

    def _enqueue(self, state: StreamState) -> None:
        if not state.is_queued and state.is_sendable:
            state.is_queued = True
            self._round.append(state)

    def _give_window(self, state: StreamState, now: float) -> None:
        quick = ROUND_TRIPS * max(self.round_trip_seconds, LEAST_ROUND_TRIP_SECONDS)
        if now - state.updated_at < quick:
            state.taken += self._places.grow(state)
        self._control.append(pack_header(WINDOW_UPDATE, 0, state.number, state.taken))
        state.window += state.taken
        state.taken = 0
        state.updated_at = now
