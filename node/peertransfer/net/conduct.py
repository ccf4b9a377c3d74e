"""Which peers break the protocol again and again? Those lose their connections, for a minute.

It judges no octets (each protocol's own code does) and closes nothing (``net.host``). Spec:
docs/transport.md, "Limits".
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from peertransfer.transport.allowance import Allowance

PERIOD_SECONDS = 60.0
MAX_PEERS = 1024
"""Peers that are remembered; an identity costs nothing, so the oldest are forgotten."""


class Conduct:
    """The breaches of the last minute, by peer."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._breaches: dict[str, deque[float]] = {}

    def note_breach(self, peer_id: str) -> bool:
        """Note a breach; return whether the peer has made too many by it."""
        breaches = self._breaches.pop(peer_id, None) or deque(
            maxlen=self._allowance.limits.protocol_errors + 1
        )
        breaches.append(trio.current_time())
        self._breaches[peer_id] = breaches  # the last one now
        if len(self._breaches) > MAX_PEERS:
            del self._breaches[next(iter(self._breaches))]
        if not self.is_shut_out(peer_id):
            return False
        self._allowance.reach("protocol_errors")
        return True

    def is_shut_out(self, peer_id: str) -> bool:
        """Tell whether a peer made too many breaches in the last minute."""
        breaches = self._breaches.get(peer_id)
        if breaches is None or len(breaches) <= self._allowance.limits.protocol_errors:
            return False
        return trio.current_time() - breaches[0] <= PERIOD_SECONDS
