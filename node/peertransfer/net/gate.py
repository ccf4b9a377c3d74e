"""Who may wait for an upgrade? A room of bounded size, in which the newest push out the oldest.

It counts connections of which nothing is known but their address; it judges no peer. Spec: fact 5 and
RELIABILITY.md, limits table (32 in all, 8 per IPv4 address or IPv6 /64).

Strategy: refusing newcomers lets a few hundred idle sockets lock everybody out. A handshake takes
milliseconds and an idle socket does nothing, so the one that waits longest is the one to let go.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections import Counter
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_WAITING = 32
MAX_WAITING_PER_SOURCE = 8


class WaitingRoom:
    """The inbound connections that are not upgraded yet, oldest first."""

    def __init__(self) -> None:
        self._waiting: dict[trio.CancelScope, str] = {}

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    @contextlib.contextmanager
    def enter(self, host: str) -> Iterator[None]:
        """Wait here while upgrading; the body is cancelled where newer ones need the place."""
        source = _source(host)
        scope = trio.CancelScope()
        self._make_room(source)
        self._waiting[scope] = source
        try:
            with scope:
                yield
        finally:
            self._waiting.pop(scope, None)

    def _make_room(self, source: str) -> None:
        counts = Counter(self._waiting.values())
        if source and counts[source] >= MAX_WAITING_PER_SOURCE:
            self._push_out(source)
        elif len(self._waiting) >= MAX_WAITING:
            self._push_out(counts.most_common(1)[0][0])

    def _push_out(self, source: str) -> None:
        oldest = next(scope for scope, one in self._waiting.items() if one == source)
        del self._waiting[oldest]
        oldest.cancel()


def _source(host: str) -> str:
    """Return what counts as one source; all of this machine is one, without a bound of its own."""
    ip = ipaddress.ip_address(host)
    if ip.is_loopback:
        return ""
    if ip.version == 6:  # noqa: PLR2004 - IP version
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
