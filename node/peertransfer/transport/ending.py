"""Why did a connection end? The first reason counts; whoever keeps the connection is told once, at its end.

It ends nothing itself (``transport.connection``, ``transport.muxer``) and logs nothing (``net.endings``).
Spec: docs/transport.md, "How a connection ends".
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Callable


class EndReason(Enum):
    """The name of a reason, as the log and ``status`` have it."""

    PEER_HUNG_UP = "peer_hung_up"
    """Its side of the socket was closed."""
    LOST = "lost"
    """The socket broke: reset, or what we sent was not acknowledged."""
    PING_UNANSWERED = "ping_unanswered"
    """The peer is silent, though its socket is open."""
    BREACH = "protocol_breach"
    """The peer broke the rules of yamux, or sent past a window."""
    RECORD_CHANGED = "record_changed"
    """A record is not what its sender sealed: no fault of the peer, anybody in between can do it."""
    TURNED_AWAY = "turned_away"
    """It was never used: the peer is shut out, or all connections carry transfers."""
    MADE_ROOM = "made_room"
    """It was idle, and a newcomer needed its place."""
    SHUT_OUT = "shut_out"
    """The peer broke protocols too often."""
    HUNG_UP = "hung_up"
    """We have no use for it any more, or the peer had one connection too many."""
    STOPPED = "stopped"
    """The host stops."""
    CRASHED = "crashed"
    """A fault of ours, which the log has in full."""


class Ending:
    """How one connection ends."""

    def __init__(self) -> None:
        self.reason: EndReason | None = None
        """``None`` while nothing ends it."""
        self.detail = ""
        """Which rule was broken, in words of ours."""
        self.over = trio.Event()
        self.on_over: Callable[[], None] | None = None
        """Called once the connection is over; it must not wait."""

    def note(self, reason: EndReason, detail: str = "") -> None:
        """Note why it will end, unless that is known already."""
        if self.reason is None:
            self.reason, self.detail = reason, detail

    def be_over(self, reason: EndReason) -> None:
        """Note that it is over, for ``reason`` where none is known; again: nothing."""
        self.note(reason)
        self.over.set()
        on_over, self.on_over = self.on_over, None
        if on_over is not None:
            on_over()
