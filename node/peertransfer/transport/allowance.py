"""What is spent of the limits of this node, and how often was each reached?

It enforces none itself: whoever does asks here, and tells here. One for a node, shared by its hosts.

Strategy: memory is counted when it is promised (a window) or taken over (octets to send), not when it fills,
so that no peer can call in more than there is. Whoever was first must not have it all: a connection may have
a quarter of what is left (dynamic thresholds, as switches share their buffers: Choudhury and Hahne, 1998),
and what one stream of each possible connection needs is kept for first streams.
"""

from __future__ import annotations

from dataclasses import fields

from peertransfer.transport.limits import Limits

SHARES = 4
"""Of what is left, one of so many parts may be somebody's own."""


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

    def may_take(self, own: int, more: int, *, is_first: bool) -> bool:
        """Tell whether a connection that has ``own`` octets may take more, for its first stream or beyond."""
        if is_first:
            return self.taken + more <= self._size
        return is_fair(own, more, self._size - self._reserve - self.taken)


class PoolShare:
    """What one connection has of a pool; it gives all of it back at its end."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._taken = 0
        self._is_over = False

    def may_take(self, size: int, *, is_first: bool = False) -> bool:
        """Tell whether ``size`` octets more may be taken, for the first stream of a peer or beyond."""
        return self._pool.may_take(self._taken, size, is_first=is_first)

    def take(self, size: int) -> None:
        """Note that ``size`` octets were promised or taken over; after the end: nothing."""
        if not self._is_over:
            self._taken += size
            self._pool.taken += size

    def give(self, size: int) -> None:
        """Give ``size`` octets back."""
        self.take(-size)

    def give_all(self) -> None:
        """Give everything back: the connection is over."""
        self.give(self._taken)
        self._is_over = True


class Allowance:
    """The limits in force, what is spent of them, and how often each was reached since start."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        kept = self.limits.connections * self.limits.window
        self.windows = Pool(self.limits.buffers // 4 * 3, kept)
        """Octets that windows promise."""
        self.to_send = Pool(self.limits.buffers // 4)
        """Octets that wait to be sent."""
        self._reached = {one.name: 0 for one in fields(Limits)}

    def reach(self, name: str) -> None:
        """Note that the limit ``name``, a field of ``Limits``, was reached."""
        self._reached[name] += 1

    def reached(self, name: str) -> int:
        """Return how often a limit was reached."""
        return self._reached[name]

    def describe(self) -> dict[str, dict[str, int]]:
        """Return for each limit ``limit``, in its unit, and ``reached``."""
        return {
            name: {"limit": getattr(self.limits, name), "reached": count}
            for name, count in self._reached.items()
        }
