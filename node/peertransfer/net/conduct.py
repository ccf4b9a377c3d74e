"""Which peers break the protocol again and again? Those lose their connections, for a minute.

It judges no octets (each protocol's own code does) and closes nothing (``net.host``). Spec:
docs/transport.md, "Limits".
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from peertransfer.transport.allowance import Allowance

log = logging.getLogger("peertransfer.net")

PERIOD_SECONDS = 60.0
MAX_PEERS = 1024
"""Peers that are remembered; an identity costs nothing, so the oldest are forgotten."""


class Conduct:
    """The breaches of the last minute, by peer."""

    def __init__(self, allowance: Allowance, shut_out: Callable[[str], None]) -> None:
        """Start with no breach.

        Args:
            allowance: the limits of this node.
            shut_out: called with a peer that has made too many; it must not wait.
        """
        self._allowance = allowance
        self._shut_out = shut_out
        self._breaches: dict[str, deque[float]] = {}

    def note_breach(self, peer_id: str, what: str) -> None:
        """Note a breach, ``what`` it is in words of ours; a peer that has made too many by it is shut out."""
        breaches = self._breaches.pop(peer_id, None) or deque(
            maxlen=self._allowance.limits.protocol_errors + 1
        )
        breaches.append(trio.current_time())
        self._breaches[peer_id] = breaches  # the last one now
        if len(self._breaches) > MAX_PEERS:
            del self._breaches[next(iter(self._breaches))]
        if self.is_shut_out(peer_id):
            self._allowance.reach("protocol_errors")
            log.info("peer_shut_out", extra={"peer": peer_id[-8:], "reason": what})
            self._shut_out(peer_id)

    def is_shut_out(self, peer_id: str) -> bool:
        """Tell whether a peer made too many breaches in the last minute."""
        breaches = self._breaches.get(peer_id)
        if breaches is None or len(breaches) <= self._allowance.limits.protocol_errors:
            return False
        return trio.current_time() - breaches[0] <= PERIOD_SECONDS
