"""Who may wait for an upgrade? A room of bounded size, in which the newest push out the oldest.

It counts connections of which nothing is known but their address; it judges no peer. Spec: fact 5 and
docs/transport.md, "Limits".

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

    from peertransfer.transport.allowance import Allowance

_OWN = {"127.0.0.1", "::1"}


class WaitingRoom:
    """The inbound connections that are not upgraded yet, oldest first."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._waiting: dict[trio.CancelScope, str] = {}

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    @contextlib.contextmanager
    def enter(self, host: str) -> Iterator[None]:
        """Wait here while upgrading; the body is cancelled where newer ones need the place."""
        source = source_of(host)
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
        limits = self._allowance.limits
        name = "waiting_per_ipv6" if "/" in source else "waiting_per_ipv4"
        if source and counts[source] >= getattr(limits, name):
            self._push_out(source, name)
        elif len(self._waiting) >= limits.waiting:
            self._push_out(counts.most_common(1)[0][0], "waiting")

    def _push_out(self, source: str, limit: str) -> None:
        self._allowance.reach(limit)
        oldest = next(scope for scope, one in self._waiting.items() if one == source)
        del self._waiting[oldest]
        oldest.cancel()


def source_of(host: str) -> str:
    """Return what counts as one source: an IPv4 address or an IPv6 /64.

    This machine's own two addresses are none, because a proxy or tunnel that ends here brings many peers.
    """
    if host in _OWN:
        return ""
    ip = ipaddress.ip_address(host)
    if ip.version == 6:  # noqa: PLR2004 - IP version
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
