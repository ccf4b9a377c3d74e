"""What is spent of the limits of this node, and how often was each reached?

It enforces none itself: whoever does asks here, and tells here. One for a node, shared by its hosts.

Strategy: memory is counted when it is promised (a window) or taken over (octets to send), not when it fills,
so that no peer can call in more than there is. Windows grow into the first half only; the other half is for
the windows of new streams, so that peers with grown windows keep nobody out.
"""

from __future__ import annotations

from dataclasses import fields

from peertransfer.transport.limits import Limits


class Buffers:
    """Octets that all windows promise and that wait to be sent."""

    def __init__(self, whole: int) -> None:
        self._whole = whole
        self.taken = 0

    def has_room(self, size: int) -> bool:
        """Tell whether a new stream may take ``size`` octets."""
        return self.taken + size <= self._whole

    def may_grow(self, size: int) -> bool:
        """Tell whether a window may grow by ``size`` octets, or a writer may be ahead of its peer by them."""
        return self.taken + size <= self._whole // 2


class BufferShare:
    """What one connection has of the buffers; it gives all of it back at its end."""

    def __init__(self, buffers: Buffers) -> None:
        self._buffers = buffers
        self._taken = 0
        self._is_over = False

    def take(self, size: int) -> None:
        """Note that ``size`` octets were promised or taken over; after the end: nothing."""
        if not self._is_over:
            self._taken += size
            self._buffers.taken += size

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
        self.buffers = Buffers(self.limits.buffers)
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
