"""Which streams did we reset, and how much may still come on them?

A peer learns of a reset a round trip later. What comes is dropped; more than was granted is a breach, which
the session names. It does no I/O (``transport.yamux_session``).
"""

from __future__ import annotations

from collections import OrderedDict

MAX_LINGERING = 256
"""Reset streams that are remembered one by one."""
MAX_STRAY = 1 << 26
"""Octets that may still come on those beyond."""


class Lingering:
    """Octets that may still come on reset streams."""

    def __init__(self) -> None:
        self._granted: OrderedDict[int, int] = OrderedDict()
        self._stray = 0
        """Of all streams that are not remembered one by one any more."""

    def __contains__(self, number: int) -> bool:
        """Tell whether a stream is remembered."""
        return number in self._granted

    def add(self, number: int, window: int) -> None:
        """Remember a stream on which ``window`` octets may still come."""
        self._granted[number] = window
        if len(self._granted) > MAX_LINGERING:
            _, left = self._granted.popitem(last=False)
            self._stray = min(self._stray + left, MAX_STRAY)

    def forget(self, number: int) -> None:
        """Forget a stream that the peer has reset as well: nothing comes on it any more."""
        self._granted.pop(number, None)

    def charge(self, number: int, length: int) -> bool:
        """Count octets that come on a stream that is not open; return False for more than were granted."""
        if length > self._granted.get(number, self._stray):
            return False
        if number in self._granted:
            self._granted[number] -= length
        else:
            self._stray -= length
        return True
