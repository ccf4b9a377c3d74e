"""What is spent of the limits of this node, how often was each reached, and what ended connections?

It enforces none itself: whoever does asks here, and tells here. One for a node, shared by its hosts.

Strategy: memory is counted when it is promised (a window) or taken over (octets to send), not when it fills,
so that no peer can call in more than there is. Whoever was first must not have it all: a connection may have
a quarter of what is left (dynamic thresholds, as switches share their buffers: Choudhury and Hahne, 1998),
and what one stream of each possible connection needs is kept for first streams.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from peertransfer.transport.ending import EndReason
from peertransfer.transport.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

SHARES = 4
"""Of what is left, one of so many parts may be somebody's own."""
LEAST_BATCH = 1 << 13
"""Octets that a connection may always seal at once, however little memory is left."""
SEALED_COPIES = 2
"""What is sealed a little at a time is there twice: in clear, in one piece, and as records."""
WAKE_SIZE = 1 << 20
"""Octets that are given back before whoever waits for memory looks again."""


def is_fair(own: int, more: int, left: int) -> bool:
    """Tell whether somebody who has ``own`` may take ``more`` while ``left`` is left for all."""
    return (own + more) * SHARES <= left


class Pool:
    """Octets that are shared by all connections of a node."""

    def __init__(self, size: int, reserve: int = 0) -> None:
        """Start with nothing taken.

        Args:
            size: octets in all.
            reserve: how many of them are kept for the first stream of each connection.
        """
        self._size = size
        self._reserve = reserve
        self.taken = 0
        self._given = 0
        """Octets since somebody who waits last looked."""
        self._waiting: list[Callable[[], None]] = []

    def may_take(self, own: int, more: int, *, is_first: bool) -> bool:
        """Tell whether a connection that has ``own`` octets may take more, for its first stream or beyond."""
        if is_first:
            return self.taken + more <= self._size
        return is_fair(own, more, self._size - self._reserve - self.taken)

    def take(self, size: int) -> None:
        """Note that ``size`` octets were taken, or given back where it is negative."""
        self.taken += size
        self._given -= min(size, 0)
        if self._waiting and size < 0 and (self._given >= WAKE_SIZE or self.taken <= self._size // 2):
            self.wake()

    def when_given(self, call: Callable[[], None]) -> None:
        """Have ``call`` made once, when there is more; it must not wait."""
        self._waiting.append(call)

    def wake(self) -> None:
        """Have everybody who waits look again."""
        waiting, self._waiting, self._given = self._waiting, [], 0
        for call in waiting:
            call()


class PoolShare:
    """What one connection has of a pool; it gives all of it back at its end."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._taken = 0
        self._is_over = False

    def may_take(self, size: int, *, is_first: bool = False) -> bool:
        """Tell whether ``size`` octets more may be taken, for the first stream of a peer or beyond.

        After the end: yes, so that nobody waits for ever; nothing is taken then.
        """
        return self._is_over or self._pool.may_take(self._taken, size, is_first=is_first)

    def take(self, size: int) -> None:
        """Note that ``size`` octets were promised or taken over; after the end: nothing."""
        if not self._is_over:
            self._taken += size
            self._pool.take(size)

    def when_given(self, call: Callable[[], None]) -> None:
        """Have ``call`` made once, when more may be taken, or the connection is over; it must not wait."""
        self._pool.when_given(call)

    def wake(self) -> None:
        """Have everybody who waits for octets look again."""
        self._pool.wake()

    def give(self, size: int) -> None:
        """Give ``size`` octets back."""
        self.take(-size)

    def give_all(self) -> None:
        """Give everything back: the connection is over."""
        self.give(self._taken)
        self._is_over = True
        self._pool.wake()


class Allowance:
    """The limits in force, what is spent of them, and how often each was reached since start."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        kept = self.limits.connections * self.limits.window
        self.windows = Pool(self.limits.buffers // 4 * 3, kept)
        """Octets that windows promise."""
        to_send = self.limits.buffers // 4
        sealing = SEALED_COPIES * LEAST_BATCH * self.limits.connections
        self.to_send = Pool(to_send - sealing, to_send // 8)
        """Octets that were read to be sent, that wait to be sent, or that are being sealed.

        What each connection may always seal is kept apart; an eighth is kept for first answers.
        """
        self._reached = {one.name: 0 for one in fields(Limits)}
        self._ended = dict.fromkeys(EndReason, 0)

    def reach(self, name: str) -> None:
        """Note that the limit ``name``, a field of ``Limits``, was reached."""
        self._reached[name] += 1

    def reached(self, name: str) -> int:
        """Return how often a limit was reached."""
        return self._reached[name]

    def note_end(self, reason: EndReason) -> None:
        """Note that a connection ended."""
        self._ended[reason] += 1

    def ended(self, reason: EndReason) -> int:
        """Return how many connections ended for a reason."""
        return self._ended[reason]

    def describe_ends(self) -> dict[str, int]:
        """Return how many connections ended since start, by the name of each reason."""
        return {reason.value: count for reason, count in self._ended.items()}

    def describe_buffers(self) -> dict[str, int]:
        """Return how much of ``buffers`` is in use: octets that windows promise, and octets to send."""
        return {"windows": self.windows.taken, "to_send": self.to_send.taken}

    def describe(self) -> dict[str, dict[str, int]]:
        """Return for each limit ``limit``, in its unit, and ``reached``."""
        return {
            name: {"limit": getattr(self.limits, name), "reached": count}
            for name, count in self._reached.items()
        }
