"""What both sides of a yamux session know of one stream: windows, what waits to be sent, who has finished.

It does no I/O and no framing (``transport.yamux_session``).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from peertransfer.transport.yamux_frames import INITIAL_WINDOW

if TYPE_CHECKING:
    from peertransfer.content.cid import Buffer


class StreamState:
    """One stream."""

    __slots__ = (
        "_waiting",
        "closed_at",
        "has_sent_fin",
        "is_capped",
        "is_closing",
        "is_discarding",
        "is_inbound",
        "is_queued",
        "number",
        "remote_closed",
        "send_window",
        "taken",
        "target",
        "updated_at",
        "waiting_size",
        "window",
    )

    def __init__(self, number: int, *, window: int, is_inbound: bool, now: float) -> None:
        self.number = number
        self.is_inbound = is_inbound
        self.send_window = INITIAL_WINDOW
        """Octets that the peer takes now."""
        self.window = window
        """Octets that the peer may still send."""
        self.target = window
        """What ``window`` is filled up to."""
        self.is_capped = False
        """Whether a limit kept the window from growing."""
        self.taken = 0
        """Octets that were read since the last update."""
        self.updated_at = now
        self._waiting: deque[memoryview] = deque()
        self.waiting_size = 0
        """Octets to send."""
        self.is_queued = False
        """Whether the session has the stream in its round."""
        self.is_closing = False
        """Nothing more will be written; the end follows what waits."""
        self.has_sent_fin = False
        self.remote_closed = False
        self.is_discarding = False
        """Nobody reads any more."""
        self.closed_at = 0.0
        """Since when."""

    @property
    def is_over(self) -> bool:
        """Whether both sides have finished."""
        return self.has_sent_fin and self.remote_closed

    @property
    def is_sendable(self) -> bool:
        """Whether a frame can leave now."""
        if self.has_sent_fin:
            return False
        return self.send_window > 0 if self.waiting_size else self.is_closing

    def charge(self, length: int) -> bool:
        """Count octets that come against the window; return False where it is too small."""
        if length > self.window:
            return False
        self.window -= length
        return True

    def append(self, pieces: list[Buffer]) -> None:
        """Have octets sent; they must not change any more."""
        for piece in pieces:
            view = memoryview(piece).cast("B")
            if view:
                self._waiting.append(view)
                self.waiting_size += len(view)

    def take(self, size: int, into: list[memoryview | bytes]) -> None:
        """Move the next ``size`` waiting octets to ``into``."""
        self.waiting_size -= size
        self.send_window -= size
        waiting = self._waiting
        while size:
            piece = waiting[0]
            if len(piece) <= size:
                into.append(waiting.popleft())
                size -= len(piece)
            else:
                into.append(piece[:size])
                waiting[0] = piece[size:]
                size = 0

    def drop_waiting(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self.waiting_size = 0
