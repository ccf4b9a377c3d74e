"""Places and windows of the streams on one connection: who has one, who may have one more, which may grow?

It does no I/O and no framing (``transport.yamux_session``). A stream keeps its place and window until it is
over and whoever uses it has let go, so that a peer that opens and resets streams in a loop gains nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peertransfer.transport.allowance import Allowance, PoolShare

if TYPE_CHECKING:
    from peertransfer.transport.yamux_stream import StreamState


class Places:
    """The streams that take a place."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._limits = allowance.limits
        self._promised = PoolShare(allowance.windows)
        self._held: dict[int, StreamState] = {}
        """Those of which nobody has let go yet, over or not."""
        self._inbound_count = 0
        self.windows = 0
        """Octets that all windows come to."""

    def __contains__(self, number: int) -> bool:
        """Tell whether a stream is in use."""
        return number in self._held

    def has_one(self) -> bool:
        """Tell whether the peer may open one more stream."""
        if self._inbound_count >= self._limits.streams_per_connection:
            self._allowance.reach("streams_per_connection")
            return False
        if not self._promised.may_take(self._limits.window, is_first=not self._inbound_count):
            self._allowance.reach("buffers")
            return False
        return True

    def add(self, state: StreamState) -> None:
        """Give a stream its place and its window."""
        self._held[state.number] = state
        self._inbound_count += state.is_inbound
        self._promise(state.target)

    def grow(self, state: StreamState) -> int:
        """Double a window where that is within the limits; return by how many octets it grew."""
        is_full = self.windows + state.target > self._limits.windows_per_connection
        if not is_full and self._promised.may_take(state.target):
            growth = state.target
            self._promise(growth)
            state.target += growth
            return growth
        if not state.is_capped:
            state.is_capped = True
            self._allowance.reach("windows_per_connection" if is_full else "buffers")
        return 0

    def end(self, state: StreamState) -> None:
        """Note that a stream is over; its place is free once nobody uses it."""
        if state.number not in self._held:
            self._free(state)

    def let_go(self, number: int, *, is_over: bool) -> None:
        """Note that nobody uses a stream any more; its place is free once it is over."""
        state = self._held.pop(number, None)
        if state is not None and is_over:
            self._free(state)

    def give_all(self) -> None:
        """Give back what the connection has of the node's buffers."""
        self._promised.give_all()

    def _free(self, state: StreamState) -> None:
        self._inbound_count -= state.is_inbound
        self._promise(-state.target)

    def _promise(self, size: int) -> None:
        self.windows += size
        self._promised.take(size)
